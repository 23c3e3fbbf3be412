"""Places with names."""

import pytest
from tests.records.store.shop import SHOP, Order

from glasshouse.errors import EngineError
from glasshouse.records.directory import Interned
from glasshouse.records.engines import open_engine, transact
from glasshouse.records.keyspace import KeySpace, KeySpaceDirectory
from glasshouse.records.store.database import Database
from glasshouse.records.subspace import Subspace
from glasshouse.records.tuples import pack

LABS = KeySpace(
    KeySpaceDirectory(
        "application",
        str,
        constant="lab",
        children=(
            KeySpaceDirectory("tenant", str, children=(KeySpaceDirectory("store", int),)),
            KeySpaceDirectory("settings", type(None)),
        ),
    ),
    KeySpaceDirectory("number", int),
)
LAB = LABS.path("application")


class TestKeySpace:
    def test_gives_a_prefix_to_a_path(self):
        """The packed values, so that what lies below is one range."""
        path = LAB.add("tenant", "mit").add("store", 3)
        assert path.to_tuple() == ("lab", "mit", 3)
        assert path.subspace().key == pack(("lab", "mit", 3))
        assert str(path) == "/application:lab/tenant:mit/store:3"
        assert LAB.add("settings").to_tuple() == ("lab", None)

    def test_finds_the_path_of_a_key(self):
        """And what follows it."""
        key = LAB.add("tenant", "mit").subspace().pack((3, "x", b"y"))
        path, rest = LABS.resolve(key)
        assert path == LAB.add("tenant", "mit").add("store", 3)
        assert rest == ("x", b"y")
        with pytest.raises(EngineError, match="lies under no directory"):
            LABS.resolve(pack(("other",)))

    def test_lists_what_is_there(self):
        """One row a place, from where an earlier listing stopped."""
        engine = open_engine("memory:")

        def fill(transaction):
            for tenant in ("a", "b", "b\0", "c"):
                for number in range(20):
                    place = LAB.add("tenant", tenant).add("store", number).subspace()
                    transaction.set(place.pack((1,)), b"")
            transaction.set(LAB.add("settings").subspace().pack((1,)), b"")

        transact(engine, fill)
        reading = engine.begin()
        assert [one.to_tuple()[1] for one in LAB.list(reading, "tenant")] == ["a", "b", "b\0", "c"]
        later = LAB.list(reading, "tenant", after="b")
        assert [one.to_tuple()[1] for one in later] == ["b\0", "c"]
        assert LAB.add("settings").has_data(reading)
        assert len(list(LAB.add("tenant", "c").list(reading, "store"))) == 20

    def test_deletes_a_tenant_by_one_range_clear(self):
        """Its stores, their records and indexes; those of its neighbours stay."""
        with Database.open("memory:") as database:
            stores = [
                database.store(SHOP, LAB.add("tenant", tenant).add("store", 1))
                for tenant in ("a", "b")
            ]
            for store in stores:
                store.save(Order(1, "ada", tags=["x"]))
            database.run(lambda context: LAB.add("tenant", "a").delete(context.transaction))
            left = database.read(lambda context: list(LAB.list(context.transaction, "tenant")))
            assert [one.to_tuple()[1] for one in left] == ["b"]
            assert stores[1].load(Order, 1) == Order(1, "ada", tags=["x"])

    @pytest.mark.parametrize(
        ("make", "message"),
        [
            (lambda: LAB.add("tenant", 3), "holds str, and 3 is none"),
            (lambda: LAB.add("tenant"), "needs a value of str"),
            (lambda: LAB.add("nothing", 1), "there is tenant, settings"),
            (lambda: LABS.path("application", "shop"), "is always 'lab'"),
            (lambda: LAB.add("tenant", "a").add("store", True), "holds int"),
            (lambda: KeySpaceDirectory("x", list), "it can be of str"),
            (
                lambda: KeySpace(KeySpaceDirectory("a", str), KeySpaceDirectory("b", str)),
                "cannot be told apart",
            ),
            (
                lambda: KeySpace(KeySpaceDirectory("a", str), KeySpaceDirectory("a", int)),
                "are named 'a'",
            ),
        ],
    )
    def test_refuses_what_does_not_fit(self, make, message):
        """At once, naming what would."""
        with pytest.raises(EngineError, match=message):
            make()


class TestSubspace:
    def test_packs_and_unpacks_under_its_prefix(self):
        """A key outside is refused."""
        space = Subspace(("a",), b"raw")
        assert space.key == b"raw" + pack(("a",))
        assert space["b"].key == space.pack(("b",))
        assert space.unpack(space.pack((1, None))) == (1, None)
        assert space.contains(space.pack((1,)))
        begin, end = space.range(("b",))
        assert begin <= space.pack(("b", 1)) < end
        assert space == Subspace(("a",), b"raw")
        with pytest.raises(EngineError, match="is not in"):
            space.unpack(b"other")


class TestInternedDirectories:
    """Long texts, short keys."""

    LONG = "the laboratory of a university with a very long name"

    @pytest.fixture
    def place(self):
        names = Interned(Subspace(("names",)))
        space = KeySpace(
            KeySpaceDirectory(
                "tenant", str, interned=names, children=(KeySpaceDirectory("store", int),)
            ),
            raw_prefix=b"\x15\x63",
        )
        return space.path("tenant", self.LONG).add("store", 3)

    def test_make_keys_short(self, place):
        """And are the same place for every process."""
        engine = open_engine("memory:")
        key = transact(engine, lambda t: place.subspace(t).key)
        assert len(key) <= 8
        assert transact(engine, lambda t: place.subspace(t).key) == key

    def test_are_listed_and_resolved_by_their_texts(self, place):
        """Numbers are nobody's business."""
        engine = open_engine("memory:")
        transact(engine, lambda t: t.set(place.subspace(t).pack(("x",)), b"1"))
        key = transact(engine, lambda t: place.subspace(t).pack(("x",)))
        found, rest = transact(engine, lambda t: place.space.resolve(key, t))
        assert found.to_tuple() == (self.LONG, 3)
        assert rest == ("x",)
        above = place.space.path("tenant", self.LONG)
        listed = transact(engine, lambda t: list(above.list(t, "store")))
        assert [path.to_tuple() for path in listed] == [(self.LONG, 3)]
        transact(engine, above.delete)
        assert not transact(engine, above.has_data)

    def test_hold_a_store(self, place):
        """Written through one handle, read through another."""
        database = Database(open_engine("memory:"))
        order = Order(id=7, customer="mira", price=2.0)
        database.store(SHOP, place).run(lambda store: store.save(order))
        assert database.store(SHOP, place).read(lambda store: store.load(Order, 7)) == order

    def test_need_a_transaction_and_text(self, place):
        """Or nobody could look the number up."""
        with pytest.raises(EngineError, match="give a transaction"):
            place.subspace()
        with pytest.raises(EngineError, match="only text"):
            KeySpaceDirectory("n", int, interned=Interned(Subspace(("names",))))
        with pytest.raises(EngineError, match="cannot be told apart"):
            KeySpace(place.space.directories[0], KeySpaceDirectory("number", int))
