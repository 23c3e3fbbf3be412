"""Loading one record by the shortest way, which must give what the long way gives."""

import pytest
from tests.records.store.shop import SHOP, Customer, Order, open_shop

from glasshouse.errors import ConflictError, CorruptionError, EngineError, RecordError
from glasshouse.records.store.context import Context
from glasshouse.records.store.database import Database
from glasshouse.records.store.store import RecordStore
from glasshouse.records.subspace import Subspace

NUMBERS = [-1, 0, 255, 256, 65_535, 65_536, 1 << 24, 1 << 40]


@pytest.fixture(params=["memory:", "lmdb"])
def shop(request, tmp_path):
    handle = open_shop(request.param if request.param == "memory:" else f"lmdb:{tmp_path / 's'}")
    yield handle
    handle.database.close()


class TestLoad:
    def test_finds_numbers_of_every_length(self, shop):
        """Twice in one transaction, since the first load of a type prepares the others."""
        shop.save(*[Order(number, "ada") for number in NUMBERS])

        def work(store):
            return [store.load(Order, number).id for number in (*NUMBERS, *NUMBERS)]

        assert shop.read(work) == shop.run(work) == [*NUMBERS, *NUMBERS]
        assert (
            shop.read(lambda store: [store.load(Order, 300), store.load(Order, 301)]) == [None] * 2
        )

    def test_finds_keys_too_long_for_the_shortest_way(self, tmp_path):
        """LMDB keeps a row in a bucket where the tenant's name alone is too long for it."""
        with Database.open(f"lmdb:{tmp_path / 's'}") as database:
            handle = database.store(SHOP, Subspace(("t" * 600,)))
            handle.save(Order(300, "ada"), Customer("l" * 600, "ada"))

            def work(store):
                orders = [store.load(Order, 300) for _ in range(2)]
                customers = [store.load(Customer, "l" * 600, "ada") for _ in range(2)]
                return orders, customers

            assert handle.read(work) == ([Order(300, "ada")] * 2, [Customer("l" * 600, "ada")] * 2)

    def test_sees_what_its_transaction_did(self, shop):
        """Saved, changed and cleared, each after a load that prepared the way."""
        shop.save(Order(300, "ada"))

        def work(store):
            seen = [store.load(Order, 300).customer]
            store.save(Order(300, "bob"))
            seen.append(store.load(Order, 300).customer)
            store.delete_all()
            return [*seen, store.load(Order, 300)]

        assert shop.run(work) == ["ada", "bob", None]

    def test_conflicts_with_whoever_changes_what_it_saw(self, shop):
        """Also where the record was not there."""
        shop.save(Order(299, "ada"))
        context = Context(shop.database.engine.begin())
        store = shop.open(context)
        assert store.load(Order, 299) is not None
        assert store.load(Order, 300) is None
        shop.save(Order(300, "bob"))
        store.save(Order(301, "eve"))
        with pytest.raises(ConflictError):
            context.commit()

    def test_ends_with_its_transaction(self, shop):
        """Whoever keeps a store beyond that is told so."""
        shop.save(Order(300, "ada"))
        kept: list[RecordStore] = []
        shop.read(lambda store: kept.append(store) or store.load(Order, 300))
        for _ in range(2):
            with pytest.raises(EngineError, match="has ended"):
                kept[0].load(Order, 300)

    def test_says_what_is_wrong(self, shop):
        """A damaged record and a key that is none, also where the way is prepared."""
        shop.save(Order(300, "ada"), Order(301, "bob"))

        def damage(store):
            extent = store.extent(Order)
            row = extent.row_of(300)
            store.transaction.set(row, store.transaction.get(row)[:-1] + b"?")

        shop.run(damage)

        def work(store):
            assert store.load(Order, 301) == Order(301, "bob")
            with pytest.raises(CorruptionError, match=r"Order \(300,\) is damaged"):
                store.load(Order, 300)
            with pytest.raises(RecordError, match="does not fit the primary key"):
                store.load(Order, "300")
            with pytest.raises(RecordError, match="has 1 column"):
                store.load(Order, 300, 1)
            with pytest.raises(RecordError, match="has 2 columns"):
                store.load(Customer, "lovelace")

        shop.read(work)
