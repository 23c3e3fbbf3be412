"""Where cursors end, and how they go on."""

import os
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from tests.records.query.shelf import SCHEMA, fill, open_shelf
from tests.records.query.things import Grade, Thing, store_of

from glasshouse.errors import ContinuationError, CorruptionError, QueryError
from glasshouse.records.expressions import is_in, one_of
from glasshouse.records.query import Limits, Query, StopReason, count, execute
from glasshouse.records.schema.keys import desc
from glasshouse.records.schema.schema import Schema
from glasshouse.records.store.database import Database
from glasshouse.records.subspace import Subspace


@pytest.fixture
def handle():
    opened = open_shelf()
    yield opened
    opened.database.close()


def ended(handle, query, *, continuation=None, **limits):
    """The rows of a cursor, and itself, at its end."""

    def work(store):
        cursor = execute(store, query, continuation=continuation, limits=Limits(**limits))
        return list(cursor), cursor

    return handle.read(work)


class TestLimits:
    def test_end_a_cursor_with_a_reason(self, handle):
        """Each limit has its reason; what is left comes later."""

        def told(**limits):
            rows, cursor = ended(handle, Query(Thing), **limits)
            return len(rows), cursor.stopped, cursor.continuation is None

        assert told() == (60, StopReason.EXHAUSTED, True)
        assert told(rows=60)[1:] == (StopReason.EXHAUSTED, True)
        assert told(rows=7) == (7, StopReason.ROW_LIMIT, False)
        assert told(seconds=1e-9)[1:] == (StopReason.TIME_LIMIT, False)
        assert told(read=7) == (7, StopReason.READ_LIMIT, False)
        rows, reason, is_over = told(bytes=1)
        assert (reason, is_over) == (StopReason.BYTE_LIMIT, False)
        assert 0 < rows < 60

    def test_end_a_cursor_that_finds_nothing(self, handle):
        """What is read counts, though no row is handed out; going on ends some time."""
        query, place, cursors = Query(Thing).where(~(Thing.id >= 0)), None, 0
        while True:
            rows, cursor = ended(handle, query, continuation=place, read=25)
            place, cursors = cursor.continuation, cursors + 1
            assert rows == []
            assert cursor.bill.read <= 25
            if place is None:
                break
            assert cursor.stopped is StopReason.READ_LIMIT
        assert cursors == 3

    def test_are_counted_from_what_was_read(self, handle):
        """The bill of an index scan has the index's rows and the records they point at."""
        rows, cursor = ended(handle, Query(Thing).where(Thing.number >= 0))
        covering, cheap = ended(handle, Query(Thing).where(Thing.number >= 0).select(Thing.id))
        assert (len(rows), cursor.bill.rows, cursor.bill.read) == (60, 60, 120)
        assert (len(covering), cheap.bill.rows, cheap.bill.read) == (60, 60, 60)
        assert cursor.bill.bytes > 3 * cheap.bill.bytes

    @pytest.mark.parametrize(
        "query",
        [
            Query(Thing).where(Thing.flag == True),  # noqa: E712
            Query(Thing).where(is_in(Thing.group, "abc"), Thing.raw > b"").order_by(Thing.number),
            Query(Thing).where(Thing.number == 1, Thing.label == "a"),
            Query(Thing).where((Thing.number > 1) | (Thing.label == "a"), Thing.raw > b""),
            Query(Thing).where(one_of(Thing.tags) >= "y", Thing.raw > b""),
        ],
    )
    def test_stop_what_finds_nothing(self, query):
        """Also in the middle of a merge or an intersection; what was looked at stays looked at."""
        records = [
            Thing(n, "abc"[n % 3], n % 2, label="ab"[n % 2], tags=["y"]) for n in range(3000)
        ]
        handle = Database.open("memory:").store(SCHEMA, Subspace(("t",)))
        handle.save(*records)
        place, turns = None, 0
        while True:
            rows, cursor = ended(handle, query, continuation=place, bytes=1)
            assert rows == []
            assert cursor.bill.read < 1500
            place, turns = cursor.continuation, turns + 1
            if place is None:
                break
        assert turns > 1

    def test_leave_a_limit_of_the_query_alone(self, handle):
        """Pages count on towards the query's own limit."""
        query = Query(Thing).limit(7)
        rows, cursor = ended(handle, query, rows=5)
        assert cursor.stopped is StopReason.ROW_LIMIT
        more, cursor = ended(handle, query, continuation=cursor.continuation, rows=5)
        assert (len(rows), len(more), cursor.stopped) == (5, 2, StopReason.EXHAUSTED)
        assert ended(handle, Query(Thing).limit(0))[0] == []

    def test_read_no_more_than_is_wanted(self, handle):
        """The first of many costs one row of the index and one record."""
        _, cursor = ended(handle, Query(Thing).where(Thing.group == "a").limit(1))
        assert cursor.bill.read == 2


class TestContinuation:
    def test_is_small_and_goes_on_in_another_process(self, tmp_path):
        """Positions, not data; nothing in it depends on the process, nor on the order of a set."""
        url = f"lmdb:{tmp_path / 'db'}"
        handle = open_shelf(url)
        query = Query(Thing).where(is_in(Thing.group, {"a", "b", "c"})).order_by(Thing.number)
        rows, cursor = ended(handle, query, rows=10)
        place = cursor.continuation
        whole, _ = ended(handle, query)
        handle.database.close()
        assert len(place) < 100
        program = (
            "from tests.records.query.test_cursor import go_on\n"
            f"go_on({url!r}, bytes.fromhex({place.hex()!r}))"
        )
        for seed in "12":
            given = subprocess.run(
                [sys.executable, "-c", program],
                env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": seed},
                capture_output=True,
                text=True,
                check=True,
            ).stdout
            assert [row.id for row in rows] + list(map(int, given.split())) == [
                row.id for row in whole
            ]

    def test_of_another_query_is_refused(self, handle):
        """Of another query, schema or plan, or with a byte changed."""
        query = Query(Thing).where(Thing.group == "a")
        place = ended(handle, query, rows=1)[1].continuation
        damaged = place[:-6] + bytes([place[-6] ^ 1]) + place[-5:]
        for wrong, of, message in (
            (place, Query(Thing).where(Thing.group == "b"), "belongs to another query"),
            (place, query.select(Thing.id), "belongs to another query"),
            (damaged, query, "is damaged"),
            (b"", query, "is damaged"),
            (b"x" * 40, query, "is damaged"),
        ):
            with pytest.raises(ContinuationError, match=message):
                ended(handle, of, continuation=wrong)
        later = Schema(name="things", version=1, records=SCHEMA.records, indexes=SCHEMA.indexes[:5])
        other = fill(Database.open("memory:").store(later, Subspace(("t",))))
        with pytest.raises(ContinuationError, match="belongs to another query"):
            ended(other, query, continuation=place)

    def test_goes_on_after_rows_changed(self, handle):
        """A position is a key, so rows behind it are all there, whatever became of those before."""
        query = Query(Thing).where(Thing.group == "a")
        rows, cursor = ended(handle, query, rows=5)
        handle.run(lambda store: [store.delete(Thing, row.id) for row in rows])
        more, _ = ended(handle, query, continuation=cursor.continuation)
        assert len(more) == 15


class TestCursor:
    def test_reads_large_records_in_parts(self):
        """A record over several rows is one row of the query, forwards and backwards."""
        handle = store_of(["number_down"], [Thing(n, number=n, raw=b"x" * 250_000) for n in (1, 2)])
        for query in (Query(Thing), Query(Thing).where(Thing.number > 0)):
            rows, _ = ended(handle, query)
            assert [(len(row.raw), row.id) for row in rows][
                :: 1 if query.condition is None else -1
            ] == [
                (250_000, 1),
                (250_000, 2),
            ]
            first, cursor = ended(handle, query, rows=1)
            rest, _ = ended(handle, query, continuation=cursor.continuation)
            assert first + rest == rows

    def test_reads_what_a_unique_index_covers(self):
        """Rows with a missing column keep the record's id in the key, the others beside it."""
        records = [Thing(1, label="b"), Thing(2), Thing(3, label="a"), Thing(4)]
        handle = store_of(["label_id"], records)
        query = Query(Thing).order_by(desc(Thing.label), Thing.id).select(Thing.label, Thing.id)
        rows, cursor = ended(handle, query)
        assert rows == [("b", 1), ("a", 3), (None, 2), (None, 4)]
        assert cursor.bill.read == 4

    def test_gives_members_of_enums_and_not_their_values(self):
        """Keys hold values, so an index alone cannot answer."""
        handle = store_of(["grade"], [Thing(1, grade=Grade.HIGH)])
        query = Query(Thing).where(Thing.grade > Grade.LOW).select(Thing.grade)
        rows, cursor = ended(handle, query)
        assert repr(rows) == repr([(Grade.HIGH,)])
        assert cursor.bill.read == 2

    def test_names_what_an_index_lost(self, handle):
        """A row that points at no record is damage, not an empty answer."""
        handle.run(lambda store: store.transaction.clear(store.extent(Thing).prefix + b"\x15\x05"))
        with pytest.raises(CorruptionError, match=r"points at Thing \(5,\).*scrub"):
            ended(handle, Query(Thing).where(Thing.number == 1))

    def test_says_what_cannot_be_compared(self):
        """Times with a zone do not compare with times without; an index has the others apart."""
        local, aware = datetime(2026, 1, 2), datetime(2026, 1, 2, tzinfo=UTC)
        records = [Thing(1, when=local), Thing(2, when=aware)]
        query = Query(Thing).where(Thing.when >= aware)
        with pytest.raises(QueryError, match=r"when >= .* cannot be told of every record"):
            ended(store_of([], records), query)
        assert [row.id for row in ended(store_of(["when"], records), query)[0]] == [2]

    def test_counts_from_an_index_where_it_can(self, handle):
        """What is counted needs no record, however it would have been sorted."""
        query = Query(Thing).where(Thing.group == "a").order_by(Thing.weight)
        assert handle.read(lambda store: count(store, query)) == 20
        assert handle.read(lambda store: count(store, query.limit(3))) == 3


def go_on(url: str, continuation: bytes) -> None:
    """Print the rest of a query; run by a test in a process of its own."""
    handle = Database.open(url).store(SCHEMA, Subspace(("t",)))
    query = Query(Thing).where(is_in(Thing.group, {"c", "b", "a"})).order_by(Thing.number)
    print(*(row.id for row in ended(handle, query, continuation=continuation)[0]))
