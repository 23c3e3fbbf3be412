"""Opening a store: its schema is checked, and what is new is made ready."""

import pytest
from tests.records.store.shop import SHOP, index_rows, open_shop

from glasshouse.errors import SchemaError
from glasshouse.records.expressions import Record
from glasshouse.records.indexes.value import ValueIndex
from glasshouse.records.indexes.version import VersionIndex
from glasshouse.records.schema.schema import Schema
from glasshouse.records.store.database import Database
from glasshouse.records.store.header import IndexState
from glasshouse.records.store.opening import BUILT_AT_ONCE
from glasshouse.records.subspace import Subspace

PLACE = Subspace(("things",))


class Thing(Record):
    id: int
    size: int = 0


class Other(Record):
    id: int


def things(version=1, *, names=(), dropped=(), name="things"):
    return Schema(
        name=name,
        version=version,
        records={Thing: Thing.id},
        indexes=tuple(ValueIndex(one, Thing, Thing.size) for one in names),
        dropped_indexes=dropped,
    )


@pytest.fixture
def database():
    with Database.open("memory:") as opened:
        yield opened


def state(handle, name):
    return handle.run(lambda store: store.header.state(name))


class TestOpening:
    def test_makes_a_store_only_when_asked(self, database):
        """A reader may refuse to create."""
        handle = database.store(things(), PLACE)
        with pytest.raises(SchemaError, match="there is no store"):
            database.run(lambda context: handle.open(context, create=False))

    def test_changes_a_primary_key_that_no_record_has(self, database):
        """Nothing is stored by it; where something is, or was told of in a feed, it stays."""

        def keyed(version, key, *indexes):
            return Schema(name="things", version=version, records={Thing: key}, indexes=indexes)

        feed = VersionIndex("feed", Thing)
        by_both = keyed(2, (Thing.size, Thing.id))
        handle = database.store(keyed(1, Thing.id), PLACE)
        handle.save(Thing(1))
        with pytest.raises(SchemaError, match="primary key of Thing changed"):
            database.store(by_both, PLACE).run(lambda store: None)
        handle.delete(Thing, 1)
        later = database.store(by_both, PLACE)
        later.save(Thing(7, 3))
        assert later.load(Thing, 3, 7) == Thing(7, 3)

        database.store(keyed(1, Thing.id, feed), Subspace(("fed",))).run(lambda store: None)
        fed = database.store(keyed(2, (Thing.size, Thing.id), feed), Subspace(("fed",)))
        with pytest.raises(SchemaError, match="nor a version index"):
            fed.run(lambda store: None)

    def test_builds_a_new_index_over_few_records_at_once(self, database):
        """Whoever opens the store with the later schema builds it in the same transaction."""
        database.store(things(), PLACE).save(*(Thing(n, n % 3) for n in range(BUILT_AT_ONCE)))
        later = database.store(things(2, names=["by_size"]), PLACE)
        assert state(later, "by_size") is IndexState.READABLE
        assert len(index_rows(later, "by_size")) == BUILT_AT_ONCE

    def test_leaves_a_new_index_over_many_records_to_a_builder(self, database):
        """It is write-only, and says so to whoever asks it."""
        database.store(things(), PLACE).save(*(Thing(n) for n in range(BUILT_AT_ONCE + 1)))
        later = database.store(things(2, names=["by_size"]), PLACE)
        assert state(later, "by_size") is IndexState.WRITE_ONLY
        later.save(Thing(1000))
        assert index_rows(later, "by_size") == []
        with pytest.raises(SchemaError, match="is write-only; build it"):
            later.run(lambda store: store.readable_space("by_size"))

    def test_clears_a_dropped_index(self, database):
        """Its rows go when the store is first opened without it."""
        first = database.store(things(names=["by_size"]), PLACE)
        first.save(Thing(1))
        space = first.run(lambda store: store.index_space("by_size"))
        later = database.store(things(2, dropped=("by_size",)), PLACE)
        assert later.run(lambda store: store.transaction.get_range(space, space + b"\xff")) == []

    def test_never_gives_a_number_twice(self, database):
        """An index that comes later stands elsewhere than one that went."""
        first = database.store(things(names=["one"]), PLACE)
        space = first.run(lambda store: store.index_space("one"))
        later = database.store(things(2, names=["two"], dropped=("one",)), PLACE)
        assert later.run(lambda store: store.index_space("two")) != space

    def test_tells_older_programs_to_upgrade(self, database):
        """A store of version 2 is not opened by a program that knows version 1."""
        database.store(things(2), PLACE).save(Thing(1))
        with pytest.raises(SchemaError, match="upgrade the program"):
            database.store(things(1), PLACE).load(Thing, 1)

    def test_wants_a_new_version_for_a_changed_schema(self, database):
        """The same version must mean the same schema."""
        database.store(things(), PLACE).save(Thing(1))
        with pytest.raises(SchemaError, match="give the changed schema version 2"):
            database.store(things(names=["by_size"]), PLACE).load(Thing, 1)

    def test_does_not_open_the_store_of_another_schema(self, database):
        """A path is one application's."""
        database.store(things(), PLACE).save(Thing(1))
        with pytest.raises(SchemaError, match="belongs to schema 'things'"):
            database.store(things(name="others"), PLACE).load(Thing, 1)

    def test_shares_what_is_compiled(self):
        """Tenants in the same state share one layout, so a million cost no more than one."""
        handle = open_shop()
        other = handle.database.store(SHOP, Subspace(("shop", "paris")))
        layouts = {id(one.run(lambda store: store.layout)) for one in (handle, other)}
        assert len(layouts) == 1


class TestSchema:
    def test_refuses_what_contradicts_itself(self):
        """Each mistake is named."""
        with pytest.raises(SchemaError, match="version=0"):
            things(0)
        with pytest.raises(SchemaError, match="two indexes named one"):
            things(names=["one", "one"])
        with pytest.raises(SchemaError, match="two indexes named one"):
            things(names=["one"], dropped=("one",))
        with pytest.raises(SchemaError, match="no record types"):
            Schema(name="x", version=1, records={})
        with pytest.raises(SchemaError, match="which is not among the record types"):
            Schema(
                name="x",
                version=1,
                records={Other: Other.id},
                indexes=(ValueIndex("one", Thing, Thing.size),),
            )
        with pytest.raises(SchemaError, match="has no field 'nothing'"):
            Schema(name="x", version=1, records={Thing: "nothing"})
