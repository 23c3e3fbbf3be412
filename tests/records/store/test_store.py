"""Saving, loading and deleting records, with every index kept."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.records.store.shop import SHOP, Customer, Item, Order, index_rows, open_shop

from glasshouse.errors import (
    CorruptionError,
    RecordError,
    RecordExistsError,
    UniquenessError,
)
from glasshouse.records.expressions import Record
from glasshouse.records.store.database import Database
from glasshouse.records.subspace import Subspace
from glasshouse.records.tuples import pack, unpack


@pytest.fixture
def shop():
    handle = open_shop()
    yield handle
    handle.database.close()


class Stranger(Record):
    id: int


class TestRecordStore:
    def test_gives_back_what_was_saved(self, shop):
        """Every field, dates and nested structs included."""
        order = Order(
            1, "ada", 12.5, ["new"], [Item("a", 2)], placed=datetime(2026, 1, 2, 3, tzinfo=UTC)
        )
        shop.save(order, Customer("lovelace", "ada"))
        assert shop.load(Order, 1) == order
        assert shop.load(Customer, "lovelace", "ada") == Customer("lovelace", "ada")
        assert shop.load(Order, 2) is None

    def test_replaces_and_deletes(self, shop):
        """The last save counts, and a deleted record is gone from every index."""
        shop.save(Order(1, "ada", 150, ["x"]))
        shop.save(Order(1, "bob", 7, ["y"]))
        assert shop.load(Order, 1) == Order(1, "bob", 7, ["y"])
        assert [unpack(key)[0] for key, _ in index_rows(shop, "order_by_tag")] == ["y"]
        assert index_rows(shop, "costly") == []
        assert shop.delete(Order, 1)
        assert not shop.delete(Order, 1)
        assert all(index_rows(shop, index.name) == [] for index in SHOP.indexes)

    def test_tells_insert_from_update(self, shop):
        """Insert wants the key free, update wants it taken."""
        shop.run(lambda store: store.insert(Order(1, "ada")))
        with pytest.raises(RecordExistsError, match=r"Order \(1,\) is there already"):
            shop.run(lambda store: store.insert(Order(1, "bob")))
        with pytest.raises(RecordError, match=r"there is no Order \(2,\) to update"):
            shop.run(lambda store: store.update(Order(2, "bob")))
        shop.run(lambda store: store.update(Order(1, "bob")))
        assert shop.load(Order, 1) == Order(1, "bob")

    def test_writes_one_row_for_each_element(self, shop):
        """A fan-out gives as many rows as there are elements, fields of one element together."""
        shop.save(Order(1, "ada", tags=["x", "y"], items=[Item("a", 2), Item("b", 3)]))
        assert [unpack(key) for key, _ in index_rows(shop, "order_by_tag")] == [
            ("x", 1, 1),
            ("y", 1, 1),
        ]
        assert [unpack(key) for key, _ in index_rows(shop, "order_by_item")] == [
            ("a", 2, 1, 1),
            ("b", 3, 1, 1),
        ]

    def test_keeps_covered_columns_and_leaves_out_what_does_not_belong(self, shop):
        """A sparse index holds only its records; a covering one holds more than the key."""
        shop.save(Order(1, "ada", 150), Order(2, "bob", 50))
        assert index_rows(shop, "costly") == [(pack((150.0, 1, 1)), pack(("ada",)))]

    def test_keeps_unique_values_unique(self, shop):
        """A second record of the same value is refused; missing values never collide."""
        shop.save(Customer("a", "a", "m@x"), Customer("b", "b"), Customer("c", "c"))
        with pytest.raises(UniquenessError, match=r"'customer_by_mail'.*\('a', 'a'\)"):
            shop.save(Customer("d", "d", "m@x"))
        shop.save(Customer("a", "a", "n@x"))
        shop.save(Customer("d", "d", "m@x"))
        assert shop.load(Customer, "d", "d") == Customer("d", "d", "m@x")

    def test_makes_keys_of_what_will_be_read(self, shop):
        """An int in a float field is stored and indexed as a float, so that it is found again."""
        shop.save(Order(1, "ada", 150))
        shop.delete(Order, 1)
        assert index_rows(shop, "costly") == []

    def test_refuses_what_could_not_be_read_back(self, shop):
        """msgspec does not check a struct that is made; the store checks one that is saved."""
        with pytest.raises(RecordError, match=r"Order cannot be stored.*Expected `int`"):
            shop.save(Order("one", "ada"))  # type: ignore[arg-type]
        with pytest.raises(RecordError, match="is no record type of schema 'shop'"):
            shop.load(Stranger, 1)
        with pytest.raises(RecordError, match=r"has 2 columns \(last, first\), not 1"):
            shop.load(Customer, "a")

    @pytest.mark.parametrize("size", [99_900, 100_000, 250_000, 1_000_000])
    def test_splits_large_records(self, shop, size):
        """A record larger than a value stands in parts, and shrinks without leaving any."""
        large = Order(1, "ada", note="x" * size)
        shop.save(large, Order(2, "small"))
        assert shop.load(Order, 1) == large
        assert shop.run(lambda store: list(store.scan(Order))) == [large, Order(2, "small")]
        shop.save(Order(1, "y"))
        rows = shop.run(
            lambda store: store.transaction.get_range(
                store.extent(Order).prefix, store.extent(Order).end
            )
        )
        assert len(rows) == 2

    def test_scans_in_the_order_of_primary_keys(self, shop):
        """Whole types, or those whose key begins with some columns."""
        people = [Customer(last, first) for last in "ab" for first in "xyz"]
        shop.save(*reversed(people))
        assert shop.run(lambda store: list(store.scan(Customer))) == people
        assert shop.run(lambda store: list(store.scan(Customer, "b"))) == people[3:]

    def test_keeps_tenants_apart(self):
        """Two stores in one engine see nothing of each other; one goes by one range clear."""
        with Database.open("memory:") as database:
            one, other = (database.store(SHOP, Subspace(("shop", name))) for name in "ab")
            one.save(Order(1, "ada"))
            other.save(Order(1, "bob"))
            one.run(lambda store: store.delete_all())
            assert one.load(Order, 1) is None
            assert other.load(Order, 1) == Order(1, "bob")

    def test_names_the_record_that_is_damaged(self, shop):
        """A flipped bit is found by the checksum, in a load and in a scan."""
        shop.save(*(Order(number, "ada") for number in range(5)))

        def damage(store):
            key = store.extent(Order).prefix + pack((3,))
            value = store.transaction.get(key)
            store.transaction.set(key, value[:-1] + bytes([value[-1] ^ 1]))

        shop.run(damage)
        with pytest.raises(CorruptionError, match=r"Order \(3,\) is damaged"):
            shop.load(Order, 3)
        with pytest.raises(CorruptionError, match=r"Order \(3,\) is damaged"):
            shop.run(lambda store: list(store.scan(Order)))

    def test_sees_its_own_writes(self, shop):
        """A transaction reads what it has saved, and nobody else does before the commit."""
        shop.save(Order(9, "eve"))
        with shop.database.transaction() as context:
            store = shop.open(context)
            store.save(Order(1, "ada"))
            assert store.load(Order, 1) == Order(1, "ada")
            assert shop.load(Order, 1) is None
        assert shop.load(Order, 1) == Order(1, "ada")


orders = st.builds(
    Order,
    id=st.integers(0, 4),
    customer=st.sampled_from(["", "a", "a\0", "b"]),
    price=st.sampled_from([0.0, -1.0, 100.0, 101.5, 1e300]),
    tags=st.lists(st.sampled_from(["x", "y"]), max_size=3),
    items=st.lists(st.builds(Item, st.sampled_from("pq"), st.integers(-300, 300)), max_size=2),
)


class TestIndexes:
    @settings(max_examples=60, deadline=None)
    @given(steps=st.lists(orders | st.integers(0, 4), max_size=12))
    def test_hold_exactly_what_the_records_give(self, steps):
        """Whatever is saved and deleted, each index is what a fresh build of it would be."""
        handle, truth = open_shop(), {}
        for step in steps:
            if isinstance(step, int):
                handle.delete(Order, step)
                truth.pop(step, None)
            else:
                handle.save(step)
                truth[step.id] = step
        fresh = open_shop()
        fresh.save(*truth.values())
        for index in SHOP.indexes:
            assert index_rows(handle, index.name) == index_rows(fresh, index.name)
        assert handle.run(lambda store: list(store.scan(Order))) == [
            truth[number] for number in sorted(truth)
        ]


class TestNeighbours:
    def test_do_not_share_what_begins_alike(self):
        """The bytes of "a" begin those of "a\\0", and yet they are two tenants and two keys."""
        with Database.open("memory:") as database:
            one, other = (database.store(SHOP, Subspace(("shop", name))) for name in ("a", "a\0"))
            for store in (one, other):
                store.save(Order(1, "ada"), Customer("a", "x"), Customer("a\0", "y"))
            assert one.read(lambda store: list(store.scan(Customer, "a"))) == [Customer("a", "x")]
            one.run(lambda store: store.delete_all())
            assert one.load(Order, 1) is None
            assert other.load(Order, 1) == Order(1, "ada")
