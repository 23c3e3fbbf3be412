"""Which plan is chosen, and how a reader sees it."""

import pytest
from tests.records.query.test_answers import Mood, Thing
from tests.records.store.shop import Customer, Order

from glasshouse.errors import ContinuationError, QueryError
from glasshouse.records.expressions import fan_out, is_in, is_none, one_of, starts_with
from glasshouse.records.indexes.value import ValueIndex
from glasshouse.records.query import (
    Limits,
    Query,
    StopReason,
    count,
    delete_where,
    execute,
    explain,
    first,
    pages,
    parse_where,
    stream,
)
from glasshouse.records.schema.keys import desc
from glasshouse.records.schema.schema import Schema
from glasshouse.records.store.database import Database
from glasshouse.records.subspace import Subspace

SCHEMA = Schema(
    name="things",
    version=1,
    records={Thing: Thing.id, Order: Order.id, Customer: (Customer.last, Customer.first)},
    indexes=(
        ValueIndex("group_number", Thing, (Thing.group, Thing.number), covering=Thing.label),
        ValueIndex("number", Thing, Thing.number),
        ValueIndex("label", Thing, Thing.label),
        ValueIndex("tag", Thing, fan_out(Thing.tags)),
        ValueIndex("heavy", Thing, Thing.weight, where=Thing.weight > 100),
        ValueIndex("mail", Customer, Customer.mail, unique=True),
    ),
)


@pytest.fixture
def handle():
    opened = Database.open("memory:").store(SCHEMA, Subspace(("t",)))
    opened.save(*(Thing(n, "abc"[n % 3], n // 3, tags=["x", "y"][: n % 3]) for n in range(60)))
    yield opened
    opened.database.close()


def plan(handle, query):
    return handle.read(lambda store: explain(store, query)).splitlines()


class TestExplain:
    @pytest.mark.parametrize(
        ("query", "lines"),
        [
            (Query(Thing), ["scan Thing by primary key: all"]),
            (Query(Thing).where(Thing.id == 3), ["scan Thing by primary key: id == 3"]),
            (
                Query(Thing).where(Thing.group == "a", Thing.number > 3),
                ["scan index group_number for Thing: group == 'a', number > 3"],
            ),
            (
                Query(Thing).where(Thing.number == 1, Thing.mixed == 0),
                ["filter mixed == 0", "  scan index number for Thing: number == 1"],
            ),
            (
                Query(Thing).where(starts_with(Thing.label, "a")),
                ["scan index label for Thing: label starts with 'a'"],
            ),
            (
                Query(Thing).where(is_none(Thing.label)),
                ["scan index label for Thing: label is None"],
            ),
            (
                Query(Thing).where(Thing.group == "a").order_by(desc(Thing.number)),
                ["scan index group_number for Thing: group == 'a', backwards"],
            ),
            (
                Query(Thing).where(Thing.number == 1, Thing.label == "a"),
                [
                    "intersection by primary key of Thing",
                    "  scan index number for Thing: number == 1",
                    "  scan index label for Thing: label == 'a'",
                ],
            ),
            (
                Query(Thing).where(one_of(Thing.tags) > "x"),
                ["scan index tag for Thing: tags[] > 'x', each record once"],
            ),
            (
                Query(Thing).where((Thing.number == 1) | (Thing.label == "a")),
                [
                    "one after the other",
                    "  scan index number for Thing: number == 1",
                    "  without what was given before: number == 1",
                    "  scan index label for Thing: label == 'a'",
                ],
            ),
            (
                Query(Thing).where(is_in(Thing.group, ["a", "b"])).order_by(Thing.number),
                [
                    "merge by number",
                    "  scan index group_number for Thing: group == 'a'",
                    "  without what was given before: group == 'a'",
                    "  scan index group_number for Thing: group == 'b'",
                ],
            ),
            (
                Query(Thing).where(Thing.group == "a").select(Thing.id, Thing.label),
                ["covering scan index group_number for Thing: group == 'a'"],
            ),
            (
                Query(Thing).where(Thing.weight > 100, Thing.weight < 200),
                [
                    "filter (weight > 100) & (weight < 200)",
                    "  scan index heavy for Thing: weight > 100, weight < 200",
                ],
            ),
            (
                Query(Thing).where(Thing.weight > 50),
                ["filter weight > 50", "  scan Thing by primary key: all"],
            ),
            (
                Query(Customer).where(Customer.mail == "m@x", Customer.last == "a"),
                ["filter last == 'a'", "  scan index mail for Customer: mail == 'm@x'"],
            ),
            (
                Query(Customer).where(Customer.last == "a"),
                ["scan Customer by primary key: last == 'a'"],
            ),
            (
                Query(Thing).where(Thing.number == None),  # noqa: E711
                ["nothing: no Thing can meet the condition"],
            ),
            (
                Query(Thing, Order).where(Thing.id < 3).order_by(Thing.id),
                [
                    "merge by id",
                    "  scan Thing by primary key: id < 3",
                    "  scan Order by primary key: id < 3",
                ],
            ),
        ],
    )
    def test_shows_the_plan(self, handle, query, lines):
        """The narrowest way, an order that comes by itself, no record read where none is needed."""
        assert plan(handle, query) == lines


class TestQuery:
    @pytest.mark.parametrize(
        ("make", "message"),
        [
            (lambda: Query(Thing).where(True), "is no condition"),
            (lambda: Query(int), "needs a record type"),
            (lambda: Query(Thing).select("id"), "needs fields"),
            (lambda: Query(Thing).limit(-1), "must not be negative"),
            (lambda: Query(Thing).order_by("nothing"), "has no field 'nothing'"),
            (lambda: Limits(rows=0), "must be positive"),
        ],
    )
    def test_refuses_what_cannot_be_meant(self, make, message):
        """In one sentence, when it is made."""
        with pytest.raises(QueryError, match=message):
            make()

    @pytest.mark.parametrize(
        ("condition", "message"),
        [
            (Thing.group == 3, "the field holds str, and 3 is none"),
            (Thing.number < "a", "the field holds int, and 'a' is none"),
            (Thing.tags == "x", r"say one_of\("),
            (Thing.mood == "calm", "compare it with a member"),
            (Customer.last == "a", "Thing has no field 'last'"),
        ],
    )
    def test_refuses_what_can_never_be_true(self, handle, condition, message):
        """A value of another kind is a mistake, not an empty answer."""
        with pytest.raises(QueryError, match=message):
            plan(handle, Query(Thing).where(condition))

    def test_reads_enums_by_their_members(self, handle):
        """The index holds values, the query says members."""
        handle.save(Thing(99, "a", mood=Mood.AFRAID))
        query = Query(Thing).where(Thing.mood == Mood.AFRAID)
        assert handle.read(lambda store: first(store, query)).id == 99


class TestCursor:
    def test_ends_where_its_limits_say(self, handle):
        """Each limit has its reason; what is left comes later."""
        query = Query(Thing)

        def ended(**limits):
            def work(store):
                cursor = execute(store, query, limits=Limits(**limits))
                rows = list(cursor)
                return len(rows), cursor.stopped, cursor.continuation is None, cursor.bill

            return handle.read(work)

        assert ended()[:3] == (60, StopReason.EXHAUSTED, True)
        assert ended(rows=60)[1:3] == (StopReason.EXHAUSTED, True)
        assert ended(rows=7)[:3] == (7, StopReason.ROW_LIMIT, False)
        rows, reason, is_over, bill = ended(bytes=1)
        assert (reason, is_over) == (StopReason.BYTE_LIMIT, False)
        assert 0 < rows < 60
        assert bill.rows == rows
        assert bill.read >= rows
        assert bill.bytes > 1
        assert ended(seconds=1e-9)[1] is StopReason.TIME_LIMIT

    def test_makes_progress_though_nothing_passes(self, handle):
        """A limit that strikes before any row was found still goes on from where it was."""
        query, place, turns = Query(Thing).where(Thing.mixed == 7), None, 0
        while True:

            def work(store, place=place):
                cursor = execute(store, query, continuation=place, limits=Limits(bytes=1))
                assert list(cursor) == []
                return cursor.continuation

            place, turns = handle.read(work), turns + 1
            if place is None:
                break
        assert 1 < turns < 60

    def test_refuses_the_continuation_of_another_query(self, handle):
        """Of another query, another plan, or with a byte changed."""
        query = Query(Thing).where(Thing.group == "a")

        def stop(store):
            cursor = execute(store, query, limits=Limits(rows=1))
            return list(cursor) and cursor.continuation

        place = handle.read(stop)
        damaged = place[:-6] + bytes([place[-6] ^ 1]) + place[-5:]
        for wrong, of, message in (
            (place, Query(Thing).where(Thing.group == "b"), "belongs to another query"),
            (damaged, query, "is damaged"),
            (b"", query, "is damaged"),
        ):
            with pytest.raises(ContinuationError, match=message):
                handle.read(lambda store, at=wrong, of=of: execute(store, of, continuation=at))

    def test_names_what_an_index_lost(self, handle):
        """A row that points at no record is damage, not an empty answer."""
        handle.run(lambda store: store.transaction.clear(store.extent(Thing).prefix + b"\x15\x05"))
        with pytest.raises(Exception, match=r"points at Thing \(5,\).*scrub"):
            handle.read(lambda store: list(execute(store, Query(Thing).where(Thing.number == 1))))


class TestStreaming:
    def test_goes_through_pages(self, handle):
        """Each in a transaction of its own; a page's continuation begins the next."""
        query = Query(Thing).where(Thing.group == "a")
        found = list(pages(handle, query, limits=Limits(rows=7)))
        assert [len(page.rows) for page in found] == [7, 7, 6]
        rows = list(stream(handle, query, continuation=found[0].continuation))
        assert rows == found[1].rows + found[2].rows

    def test_counts_and_deletes(self, handle):
        """In bounded transactions."""
        query = Query(Thing).where(Thing.group == "a")
        assert handle.read(lambda store: count(store, query)) == 20
        assert delete_where(handle, query, per_transaction=6) == 20
        assert handle.read(lambda store: count(store, Query(Thing))) == 40


class TestParseWhere:
    @pytest.mark.parametrize(
        ("text", "condition"),
        [
            ("group == 'a' and number < 2", (Thing.group == "a") & (Thing.number < 2)),
            ("1 < number <= 3", (Thing.number > 1) & (Thing.number <= 3)),
            ("'x' in tags", one_of(Thing.tags) == "x"),
            ("not (inner.size >= 1e3)", ~(Thing.inner.size >= 1e3)),
            ("group in ['a', 'b'] or label is None", None),
            ("label.startswith('a')", starts_with(Thing.label, "a")),
            ("label is not None", ~is_none(Thing.label)),
            ("-1 == number", Thing.number == -1),
        ],
    )
    def test_reads_what_python_would_compare(self, text, condition):
        """The words of the command line become the conditions of the library."""
        found = parse_where(text, Thing)
        if condition is None:
            condition = is_in(Thing.group, ["a", "b"]) | is_none(Thing.label)
        assert found == condition

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("group = 'a'", "cannot be read"),
            ("nothing == 1", "has no field 'nothing'"),
            ("group == a", "put text in quotes"),
            ("__import__('os')", "is no condition"),
            ("number + 1 == 2", "stands where a field is needed"),
            ("number", "is no condition"),
            ("'a' in group", "is not repeated"),
            ("number is 3", "compares with None only"),
            ("", "cannot be read"),
        ],
    )
    def test_runs_nothing(self, text, message):
        """Anything but comparisons is refused in a sentence."""
        with pytest.raises(QueryError, match=message):
            parse_where(text, Thing)
