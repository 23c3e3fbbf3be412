"""Work in transactions: tried again, read-only, in asyncio."""

import asyncio

import pytest
from tests.records.store.shop import SHOP, Customer, Order, open_shop

from glasshouse.errors import ConflictError, EngineError, SchemaError
from glasshouse.records.indexes.value import ValueIndex
from glasshouse.records.schema.schema import Schema
from glasshouse.records.store.database import Database
from glasshouse.records.subspace import Subspace


@pytest.fixture
def shop():
    handle = open_shop()
    yield handle
    handle.database.close()


class TestDatabase:
    def test_tries_again_what_conflicts(self, shop):
        """Two read-modify-writes that cross are both done, one after the other."""
        shop.save(Order(1, "ada", 1))
        crossings = [lambda: shop.save(Order(1, "ada", 10))]

        def raise_price(store):
            order = store.load(Order, 1)
            if crossings:
                crossings.pop()()
            order.price += 1
            store.save(order)

        shop.run(raise_price)
        assert shop.load(Order, 1).price == 11

    def test_gives_one_attempt_as_a_block(self, shop):
        """Whoever wants to see the conflict gets it."""
        shop.save(Order(1, "ada", 1))

        def cross():
            with shop.database.transaction() as context:
                store = shop.open(context)
                order = store.load(Order, 1)
                shop.save(Order(1, "ada", 10))
                store.save(order)

        with pytest.raises(ConflictError):
            cross()
        assert shop.load(Order, 1).price == 10

    def test_writes_nothing_of_work_that_fails(self, shop):
        """An exception on the way leaves the store as it was."""

        def fail(store):
            store.save(Order(1, "ada"))
            raise KeyError("oops")

        with pytest.raises(KeyError):
            shop.run(fail)
        assert shop.load(Order, 1) is None

    def test_reads_without_writing(self, shop):
        """A read-only transaction refuses to write, and a missing store is empty."""
        assert shop.read(lambda store: list(store.scan(Order))) == []
        shop.save(Order(1, "ada"))
        assert shop.read(lambda store: store.load(Order, 1)) == Order(1, "ada")
        transaction = shop.database.engine.begin(read_only=True)
        with pytest.raises(EngineError, match="read-only"):
            transaction.set(b"a", b"b")
        transaction.cancel()
        with pytest.raises(EngineError, match="read-only"):
            shop.read(lambda store: store.save(Order(2, "ada")))

    def test_does_not_upgrade_a_store_it_only_reads(self, shop):
        """A reader with a later schema says what has to be done first."""
        shop.save(Order(1, "ada"))
        later = Schema(
            name="shop",
            version=2,
            records=SHOP.records,
            indexes=(*SHOP.indexes, ValueIndex("by_price", Order, Order.price)),
        )
        handle = shop.database.store(later, shop.place)
        with pytest.raises(SchemaError, match="open it for writing once"):
            handle.load(Order, 1)
        handle.run(lambda store: None)
        assert handle.load(Order, 1) == Order(1, "ada")

    def test_works_under_asyncio(self, shop):
        """Several tasks save at once; each is done."""

        async def save_all():
            await asyncio.gather(
                *(
                    shop.run_async(lambda store, number=number: store.save(Order(number, "ada")))
                    for number in range(8)
                )
            )
            return await shop.run_async(lambda store: [one.id for one in store.scan(Order)])

        assert asyncio.run(save_all()) == list(range(8))

    def test_writes_many_as_it_writes_one(self, shop):
        """The quick way of many new records leaves what one save after another would."""
        records = [
            *(Order(number, "ada", 99.0 + number, ["x", "y"]) for number in range(5)),
            Customer("a", "a", "m@x"),
            Order(3, "bob", 7, ["z"]),
        ]
        slow = open_shop()
        slow.run(lambda store: [store.save(record) for record in records] and None)
        shop.run(lambda store: store.save_all(records))
        engines = [handle.database.engine for handle in (shop, slow)]
        rows = [engine.begin().get_range(b"", b"\xff") for engine in engines]
        assert rows[0] == rows[1]

    def test_loads_many_at_once(self, shop):
        """In the order asked, None where there is none."""
        shop.save(Order(1, "ada"), Order(2, "bob"), Customer("a", "b"))
        found = shop.read(lambda store: store.load_all(Order, [2, 9, 1]))
        assert found == [Order(2, "bob"), None, Order(1, "ada")]
        assert shop.read(lambda store: store.load_all(Customer, [("a", "b")])) == [
            Customer("a", "b")
        ]

    def test_keeps_records_in_a_folder(self, tmp_path):
        """What was saved is there when the folder is opened again."""
        for turn in range(2):
            with Database.open(f"lmdb:{tmp_path / 'shop'}") as database:
                handle = database.store(SHOP, Subspace(("shop",)))
                assert (handle.load(Order, 1) is None) == (turn == 0)
                handle.save(Order(1, "ada"))
