"""Building an index while others write."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.records.store.shop import index_rows

from glasshouse.errors import ConflictError, SchemaError, UniquenessError
from glasshouse.records.building import (
    build_all,
    build_index,
    building_in_background,
    disable,
    rebuild_index,
    start_over,
)
from glasshouse.records.expressions import Record, fan_out
from glasshouse.records.indexes.aggregate import CountIndex, aggregate
from glasshouse.records.indexes.value import ValueIndex
from glasshouse.records.schema.schema import Schema
from glasshouse.records.store import opening
from glasshouse.records.store.context import Context
from glasshouse.records.store.database import Database
from glasshouse.records.store.header import IndexState
from glasshouse.records.store.reading import read_page
from glasshouse.records.subspace import Subspace

PLACE = Subspace(("things",))
MANY = 70


@pytest.fixture(autouse=True, scope="module")
def _few_built_at_once():
    """So that few records are enough for a build."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(opening, "BUILT_AT_ONCE", 5)
        yield


class Thing(Record):
    id: int
    size: int = 0
    tags: list[str] = []


class Other(Record):
    id: str
    size: int = 0


RECORDS = {Thing: Thing.id, Other: Other.id}
BEFORE = Schema(name="things", version=1, records=RECORDS)
AFTER = Schema(
    name="things",
    version=2,
    records=RECORDS,
    indexes=(
        ValueIndex("size", (Thing, Other), "size"),
        ValueIndex("tags", Thing, fan_out(Thing.tags)),
        CountIndex("by_size", (Thing, Other), group_by="size"),
        CountIndex("big", Thing, where=Thing.size > 1),
    ),
)
UNIQUE = Schema(
    name="things",
    version=2,
    records=RECORDS,
    indexes=(ValueIndex("size", Thing, Thing.size, unique=True),),
)


def thing(number, size=None):
    return Thing(number, number % 3 if size is None else size, ["x", "y"][: number % 3])


@pytest.fixture
def handle():
    database = Database.open("memory:")
    database.store(BEFORE, PLACE).save(
        *(thing(2 * number) for number in range(MANY)), *(Other(f"o{n}", n % 3) for n in range(9))
    )
    yield database.store(AFTER, PLACE)
    database.close()


def as_built_from_nothing(handle):
    """The rows of each index in a store that had it from the start."""
    fresh = Database.open("memory:").store(AFTER, PLACE)
    for kind in (Thing, Other):
        fresh.save(*handle.run(lambda store, kind=kind: list(store.scan(kind))))
    return {index.name: index_rows(fresh, index.name) for index in AFTER.indexes}


def built(handle):
    assert handle.run(lambda store: store.header.states) == {}
    return {
        index.name: [row for row in index_rows(handle, index.name) if row[1] != bytes(8)]
        for index in AFTER.indexes
    }


class TestBuildIndex:
    def test_makes_new_indexes_readable(self, handle):
        """In bounded transactions, over all types of an index."""
        steps = list(build_index(handle, "size", rows_per_transaction=13))
        assert [step.is_done for step in steps] == [False] * (len(steps) - 1) + [True]
        assert len(steps) > MANY / 13
        assert steps[-1].num_records == MANY + 9
        list(build_all(handle))
        assert built(handle) == as_built_from_nothing(handle)
        assert list(build_all(handle)) == []

    def test_goes_on_where_another_stopped(self, handle):
        """The mark is in the store: whoever comes next need not begin again."""
        for step in build_index(handle, "by_size", rows_per_transaction=10):
            if step.num_records > 25:
                break
        assert handle.run(lambda store: store.header.state("by_size")) is IndexState.BUILDING
        rest = list(build_index(handle, "by_size", rows_per_transaction=10))
        assert rest[-1].num_records < MANY - 15
        list(build_all(handle))
        assert built(handle) == as_built_from_nothing(handle)

    @settings(max_examples=10, deadline=None)
    @given(
        changes=st.lists(
            st.lists(
                st.tuples(st.sampled_from("sdo"), st.integers(0, 2 * MANY + 5), st.integers(0, 5)),
                max_size=3,
            ),
            max_size=12,
        )
    )
    def test_is_exact_while_others_write(self, changes):
        """Before the mark, behind it and where it passes: counts, too, come out right."""
        database = Database.open("memory:")
        database.store(BEFORE, PLACE).save(*(thing(2 * number) for number in range(MANY)))
        handle = database.store(AFTER, PLACE)
        builders = [
            build_index(handle, name.name, rows_per_transaction=15) for name in AFTER.indexes
        ]

        def change(store, some):
            for what, number, size in some:
                if what == "s":
                    store.save(thing(number, size))
                elif what == "d":
                    store.delete(Thing, number)
                else:
                    store.save(Other(f"o{number % 4}", size))

        for some in changes:
            crossing = handle.database.transaction()
            context = crossing.__enter__()
            change(handle.open(context), some)
            for builder in builders:
                next(builder, None)
            try:
                crossing.__exit__(None, None, None)
            except Exception:
                handle.run(lambda store, some=some: change(store, some))
        for builder in builders:
            list(builder)
        assert built(handle) == as_built_from_nothing(handle)

    def test_two_builders_do_no_harm(self, handle):
        """They take turns or conflict; nothing is counted twice."""
        one = build_index(handle, "by_size", rows_per_transaction=8)
        other = build_index(handle, "by_size", rows_per_transaction=8)
        for _ in range(30):
            next(one, None)
            next(other, None)
        list(one), list(other)
        list(build_all(handle))
        assert built(handle) == as_built_from_nothing(handle)

    def test_names_two_records_of_one_unique_value(self):
        """The index stays unbuilt, and the build goes on when that is mended."""
        database = Database.open("memory:")
        database.store(BEFORE, PLACE).save(*(Thing(number, number) for number in range(MANY)))
        database.store(BEFORE, PLACE).save(Thing(MANY, 7))
        handle = database.store(UNIQUE, PLACE)
        both = rf"Thing \({MANY},\) cannot be .* another record has \(7,\) already: .* key \(7,\)"
        with pytest.raises(UniquenessError, match=both):
            list(build_index(handle, "size", rows_per_transaction=20))
        assert handle.run(lambda store: store.header.state("size")) is IndexState.BUILDING
        handle.save(Thing(MANY, MANY))
        list(build_index(handle, "size"))
        assert len(index_rows(handle, "size")) == MANY + 1

    def test_builds_in_the_background(self, handle):
        """The block goes on; its end waits for no more than the step in hand."""
        with building_in_background(handle) as build:
            assert build.wait(30)
        assert built(handle) == as_built_from_nothing(handle)

    def test_says_at_the_end_what_went_wrong_in_the_background(self):
        """Whoever waits learns of it, and whoever does not, at the end of the block."""
        database = Database.open("memory:")
        database.store(BEFORE, PLACE).save(*(Thing(number, 7) for number in range(MANY)))
        handle = database.store(UNIQUE, PLACE)
        with pytest.raises(UniquenessError), building_in_background(handle):
            pass
        with building_in_background(handle) as build, pytest.raises(UniquenessError):
            build.wait()

    def test_can_be_disabled_and_started_over(self, handle):
        """A disabled index is empty and not kept; started over, it is built like a new one."""
        list(build_all(handle))
        handle.run(lambda store: disable(store, "tags"))
        handle.save(thing(7))
        assert index_rows(handle, "tags") == []
        with pytest.raises(SchemaError, match="is disabled; start it over"):
            list(build_index(handle, "tags"))
        handle.run(lambda store: start_over(store, "tags"))
        list(build_all(handle))
        assert built(handle) == as_built_from_nothing(handle)
        with pytest.raises(SchemaError, match="has no index 'nothing'"):
            list(build_index(handle, "nothing"))

    def test_is_refused_when_disabled_meanwhile(self, handle):
        """A builder that went on would fill an index that writers no longer keep."""
        builder = build_index(handle, "tags", rows_per_transaction=13)
        next(builder)
        handle.run(lambda store: disable(store, "tags"))
        with pytest.raises(SchemaError, match="is disabled"):
            list(builder)
        assert index_rows(handle, "tags") == []

    def test_rebuilds(self, handle):
        """From nothing, whatever was there; several at once are all begun."""
        list(build_all(handle))
        handle.run(lambda store: store.transaction.set(store.index_space("tags") + b"wrong", b""))
        assert list(rebuild_index(handle, "tags"))[-1].is_done
        assert built(handle) == as_built_from_nothing(handle)
        handle.run(lambda store: [start_over(store, index.name) for index in AFTER.indexes])
        states = handle.read(lambda store: store.header.states)
        assert states == {index.name: IndexState.WRITE_ONLY for index in AFTER.indexes}
        list(build_all(handle))
        assert built(handle) == as_built_from_nothing(handle)

    @pytest.mark.parametrize("engine", ["memory", "lmdb"])
    @pytest.mark.parametrize("back_to_nothing", ["start over", "delete all"])
    def test_takes_no_mark_for_that_of_another_build(self, tmp_path, engine, back_to_nothing):
        """A writer that saw its record built, and commits when it is to be built once more."""
        url = "memory:" if engine == "memory" else f"lmdb:{tmp_path / 'things'}?sync=off"
        with Database.open(url) as database:
            database.store(BEFORE, PLACE).save(*(thing(2 * number) for number in range(MANY)))
            handle = database.store(AFTER, PLACE)
            builder = build_index(handle, "by_size", rows_per_transaction=13)
            next(builder), next(builder), next(builder)
            context = Context(database.engine.begin())
            handle.open(context).save(thing(51))
            if back_to_nothing == "delete all":
                handle.run(lambda store: store.delete_all())
            else:
                handle.run(lambda store: start_over(store, "by_size"))
                next(build_index(handle, "by_size", rows_per_transaction=13))
            with pytest.raises(ConflictError):
                context.commit()
            list(build_all(handle))
            assert built(handle) == as_built_from_nothing(handle)

    def test_makes_way_for_writers(self, handle, monkeypatch):
        """Conflicts halve what a transaction reads, so that a builder gets through in the end."""
        limits = []

        def read(*args, limit):
            if len(limits) < 4:
                number = 2 * len(limits)
                handle.save(thing(number, 2 - number % 3))
            limits.append(limit)
            return read_page(*args, limit=limit)

        monkeypatch.setattr("glasshouse.records.building.online.read_page", read)
        list(build_index(handle, "by_size", rows_per_transaction=40))
        assert limits[:6] == [40, 20, 10, 5, 2, 4]
        monkeypatch.undo()
        list(build_all(handle))
        assert built(handle) == as_built_from_nothing(handle)

    def test_writes_no_more_than_engines_take(self, handle, monkeypatch):
        """What one record gives is written in any case; several are taken apart."""
        monkeypatch.setattr("glasshouse.records.building.online._MOST_BYTES", 100)
        steps = list(build_index(handle, "tags"))
        read = [step.num_records for step in steps]
        assert max(after - before for before, after in pairwise(read)) < 8
        list(build_all(handle))
        assert built(handle) == as_built_from_nothing(handle)

    def test_wants_to_read_something(self, handle):
        """No rows a transaction would never end."""
        with pytest.raises(ValueError, match="rows_per_transaction=0"):
            list(build_index(handle, "tags", rows_per_transaction=0))

    def test_counts_after_the_build(self, handle):
        """A built aggregate answers."""
        list(build_all(handle))
        total = handle.read(lambda store: [aggregate(store, "by_size", size) for size in range(3)])
        assert sum(total) == MANY + 9
