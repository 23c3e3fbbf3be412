"""Whatever the indexes, a query gives what going through all records would give."""

import math
from enum import Enum
from itertools import islice

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glasshouse.errors import QueryError
from glasshouse.records.expressions import Record, compile_test, fan_out, one_of
from glasshouse.records.expressions.conditions import (
    And,
    Comparison,
    IsNone,
    Matches,
    Not,
    Operator,
    Or,
)
from glasshouse.records.indexes.value import ValueIndex
from glasshouse.records.query import Limits, Query, execute
from glasshouse.records.schema.keys import desc, nest
from glasshouse.records.schema.packing import compile_key
from glasshouse.records.schema.schema import Schema
from glasshouse.records.store.database import Database
from glasshouse.records.subspace import Subspace

# A type checker picks an element of a tuple at random to look at, also inside strategies.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")


class Mood(Enum):
    CALM = "calm"
    AFRAID = "afraid"


class Part(msgspec.Struct):
    name: str
    size: int


class Thing(Record):
    id: int
    group: str
    number: int | None = None
    weight: float = 0.0
    label: str | None = None
    mixed: int | float = 0
    tags: list[str] = []
    parts: list[Part] = []
    inner: Part | None = None
    mood: Mood = Mood.CALM


INDEXES = {
    "group": ValueIndex("group", Thing, Thing.group),
    "group_number": ValueIndex("group_number", Thing, (Thing.group, Thing.number)),
    "number_down": ValueIndex("number_down", Thing, desc(Thing.number)),
    "group_number_down": ValueIndex("group_number_down", Thing, (Thing.group, desc(Thing.number))),
    "weight": ValueIndex("weight", Thing, Thing.weight),
    "label": ValueIndex("label", Thing, Thing.label),
    "label_down": ValueIndex("label_down", Thing, (desc(Thing.label), Thing.weight)),
    "mixed": ValueIndex("mixed", Thing, Thing.mixed),
    "tags": ValueIndex("tags", Thing, fan_out(Thing.tags)),
    "tags_number": ValueIndex("tags_number", Thing, (fan_out(Thing.tags), Thing.number)),
    "number_tags": ValueIndex("number_tags", Thing, (Thing.number, fan_out(Thing.tags))),
    "parts": ValueIndex("parts", Thing, nest(fan_out(Thing.parts), "name", "size")),
    "part_names": ValueIndex("part_names", Thing, fan_out(Thing.parts).name),
    "inner": ValueIndex("inner", Thing, Thing.inner.size),
    "mood": ValueIndex("mood", Thing, (Thing.mood, Thing.number)),
    "some": ValueIndex("some", Thing, Thing.number, where=Thing.group == "a"),
    "covering": ValueIndex("covering", Thing, Thing.group, covering=(Thing.number, Thing.label)),
}

numbers = st.integers(-2, 3)
weights = st.sampled_from([-math.inf, -1.5, -0.0, 0.0, 1.5, math.inf, math.nan])
labels = st.sampled_from(["", "a", "a\0", "ab", "b", "\xff"])
tags = st.sampled_from(["x", "y", "z"])
parts = st.builds(Part, st.sampled_from("pq"), st.integers(0, 2))
things = st.builds(
    Thing,
    id=st.integers(0, 300),
    group=st.sampled_from("abc"),
    number=st.none() | numbers,
    weight=weights,
    label=st.none() | labels,
    mixed=st.integers(-1, 1) | st.sampled_from([-0.5, 1.0]),
    tags=st.lists(tags, max_size=3),
    parts=st.lists(parts, max_size=2),
    inner=st.none() | parts,
    mood=st.sampled_from(Mood),
)

how = st.sampled_from(
    [
        Operator.EQUAL,
        Operator.EQUAL,
        Operator.NOT_EQUAL,
        Operator.LESS,
        Operator.AT_MOST,
        Operator.GREATER,
        Operator.AT_LEAST,
    ]
)


def compared(path, values):
    simple = st.builds(Comparison, st.just(path), how, values)
    among = st.lists(values, max_size=3).map(
        lambda found: Comparison(path, Operator.IN, tuple(found))
    )
    return simple | among


leaves = st.one_of(
    compared(("id",), st.integers(0, 300)),
    compared(("group",), st.sampled_from("abc")),
    compared(("group",), st.sampled_from("abc")),
    compared(("number",), st.none() | numbers | st.sampled_from([0.5, 1.0, math.inf, -math.inf])),
    compared(("weight",), weights | st.integers(-1, 1)),
    compared(("label",), labels),
    labels.map(lambda value: Comparison(("label",), Operator.STARTS_WITH, value)),
    compared(("mixed",), st.integers(-1, 1) | st.just(-0.5)),
    compared(("tags[]",), tags),
    compared(("parts[]", "name"), st.sampled_from("pq")),
    compared(("parts[]", "size"), st.integers(0, 2)),
    compared(("inner", "size"), st.integers(0, 2)),
    st.sampled_from(Mood).map(lambda mood: Comparison(("mood",), Operator.EQUAL, mood)),
    st.sampled_from([("number",), ("label",), ("inner",), ("inner", "size")]).map(IsNone),
    st.builds(
        lambda name, size: Matches(
            ("parts[]",),
            And(
                (
                    Comparison(("name",), Operator.EQUAL, name),
                    Comparison(("size",), Operator.AT_LEAST, size),
                )
            ),
        ),
        st.sampled_from("pq"),
        st.integers(0, 2),
    ),
)
conditions = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=3).map(lambda found: And(tuple(found))),
        st.lists(inner, min_size=2, max_size=3).map(lambda found: Or(tuple(found))),
        inner.map(Not),
    ),
    max_leaves=5,
)
orders = st.lists(
    st.sampled_from(
        [Thing.id, Thing.group, Thing.number, desc(Thing.number), desc(Thing.id), Thing.weight]
    ),
    max_size=2,
)


def make_store(names, records):
    schema = Schema(
        name="things",
        version=1,
        records={Thing: Thing.id},
        indexes=tuple(INDEXES[name] for name in names),
    )
    handle = Database.open("memory:").store(schema, Subspace(("t",)))
    handle.save(*records)
    return handle


def naive(query, records):
    """The rows by going through all records, sorted in memory."""
    test = compile_test(query.condition)
    found = [record for record in sorted(records, key=lambda one: one.id) if test(record)]
    if query.order:
        found.sort(key=compile_key(query.columns_of(Thing), 0))
    return found


def by_id(rows):
    return sorted(row.id for row in rows)


class TestAnswers:
    @settings(max_examples=150, deadline=None)
    @given(
        names=st.lists(st.sampled_from(list(INDEXES)), max_size=6, unique=True),
        records=st.lists(things, max_size=25, unique_by=lambda one: one.id),
        condition=conditions,
        order=orders,
        page=st.integers(1, 7),
        most=st.none() | st.integers(0, 12),
    )
    def test_are_what_a_scan_would_give(self, names, records, condition, order, page, most):
        """Any indexes, any condition, any order; whole and in pages of any size."""
        handle = make_store(names, records)
        records = handle.read(lambda store: list(store.scan(Thing)))
        query = Query(Thing).where(condition).order_by(*order).sorted_in_memory()
        expected = naive(query, records)
        rows = handle.read(lambda store: list(execute(store, query)))
        assert by_id(rows) == by_id(expected)
        sort_key = compile_key(query.columns_of(Thing), 0) if order else None
        if sort_key is not None:
            assert list(map(sort_key, rows)) == list(map(sort_key, expected))
        if most is not None:
            query, rows = query.limit(most), rows[:most]
        paged, continuation = [], None
        while True:
            cursor = handle.read(
                lambda store, at=continuation: Finished(
                    execute(store, query, continuation=at, limits=Limits(rows=page))
                )
            )
            paged += cursor.given
            continuation = cursor.continuation
            assert len(cursor.given) <= page
            if continuation is None:
                break
        assert [row.id for row in paged] == [row.id for row in rows]

    @settings(max_examples=60, deadline=None)
    @given(
        records=st.lists(things, max_size=25, unique_by=lambda one: one.id),
        condition=conditions,
        stop=st.integers(0, 10),
    )
    def test_go_on_from_any_row(self, records, condition, stop):
        """A continuation taken in the middle leaves out nothing and repeats nothing."""
        handle = make_store(["group", "tags", "number_down"], records)
        query = Query(Thing).where(condition)

        def work(store):
            cursor = execute(store, query)
            before = [row.id for row in islice(cursor, stop)]
            place = cursor.continuation
            rest = [] if place is None else execute(store, query, continuation=place)
            whole = [row.id for row in execute(store, query)]
            return before, [row.id for row in rest], whole

        before, after, whole = handle.read(work)
        assert before + after == whole

    @settings(max_examples=60, deadline=None)
    @given(
        records=st.lists(things, max_size=25, unique_by=lambda one: one.id),
        condition=conditions,
    )
    def test_select_the_same_from_an_index_and_from_records(self, records, condition):
        """A covering index gives the fields that the record has."""
        covering = make_store(["covering", "group_number"], records)
        plain = make_store([], records)
        query = Query(Thing).where(condition).select(Thing.id, Thing.group, Thing.number)

        def rows(handle):
            return sorted(handle.read(lambda store: list(execute(store, query))), key=str)

        assert rows(covering) == rows(plain)


class Finished:
    """A cursor gone through, with what it gave."""

    def __init__(self, cursor):
        self.given = list(cursor)
        self.continuation = cursor.continuation


class TestOrder:
    def test_wants_an_index_or_leave_to_sort(self):
        """Sorting in memory is for who says so, and for so many rows."""
        handle = make_store([], [Thing(n, "a", n % 3) for n in range(9)])
        query = Query(Thing).order_by(Thing.number)
        with pytest.raises(QueryError, match=r"no index gives the order number.*sorted_in_memory"):
            handle.read(lambda store: list(execute(store, query)))
        with pytest.raises(QueryError, match="more than 5 rows"):
            handle.read(lambda store: list(execute(store, query.sorted_in_memory(5))))
        rows = handle.read(lambda store: list(execute(store, query.sorted_in_memory())))
        assert [row.number for row in rows] == [0, 0, 0, 1, 1, 1, 2, 2, 2]

    def test_one_of_has_no_single_place(self):
        """A field with several values cannot be sorted by."""
        with pytest.raises(QueryError, match="has one of"):
            Query(Thing).order_by(one_of(Thing.tags))
