"""Whatever the indexes, a query gives what going through all records would give."""

from collections.abc import Callable
from itertools import islice
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.records.query.things import (
    BOTH,
    INDEXES,
    SCALARS,
    Thing,
    small_pages,
    some_query,
    some_things,
    store_of,
)

from glasshouse.errors import QueryError
from glasshouse.records.expressions import compile_test, one_of
from glasshouse.records.query import Limits, Query, count, execute, explain
from glasshouse.records.query.ordering import sort_key_of
from glasshouse.records.schema.keys import desc


@pytest.fixture(scope="module", autouse=True)
def few_rows_at_once():
    with small_pages():
        yield


seeds = st.integers(0, 2**32 - 1)
"""Drawn, rather than all that is made from them, since that is a hundred times quicker."""


def sort_key(query: Query) -> Callable[[Any], Any]:
    """What the rows of a query are sorted by, by type."""
    if not query.order:
        return lambda row: None
    keys = {kind: sort_key_of(query.columns_of(kind)) for kind in query.record_types}
    return lambda row: keys[type(row)](row)


def naive(query: Query, records: list[Thing]) -> list[Thing]:
    """The rows by going through all records, sorted in memory."""
    kinds = query.record_types
    test = compile_test(query.condition) if query.condition is not None else lambda _: True
    found = [record for record in records if type(record) in kinds and test(record) is True]
    return sorted(found, key=sort_key(query)) if query.order else found


def name(row: Thing) -> tuple[str, int]:
    """What tells a record from all others; a NaN would make equal ones differ."""
    return type(row).__name__, row.id


def pages_by_chance(store, query: Query, rng: Random) -> list[Thing]:
    """The rows of a query, stopped and taken up again at random places."""
    found, place = [], None
    while True:
        limits = rng.choice(
            (Limits(rows=rng.randint(1, 7)), Limits(bytes=rng.choice((200, 2000))), Limits())
        )
        cursor = execute(store, query, continuation=place, limits=limits)
        given = list(islice(cursor, rng.randint(0, 4)) if rng.random() < 0.3 else cursor)
        assert limits.rows is None or len(given) <= limits.rows
        found += given
        place = cursor.continuation
        if place is None:
            return found


class TestAnswers:
    @settings(max_examples=100, deadline=None)
    @given(seed=seeds, depth=st.integers(0, 2))
    def test_are_what_a_scan_would_give(self, seed, depth):
        """Any indexes, any condition, any order; whole, in pages, counted, and in part."""
        rng = Random(seed)
        indexes = rng.sample(INDEXES, rng.choice((3, 8, 20)))
        handle = store_of([one.name for one in indexes], some_things(rng, rng.choice((3, 30, 30))))

        def check(store) -> None:
            records = [record for kind in BOTH for record in store.scan(kind)]
            for _ in range(12):
                query = some_query(rng, depth, indexes)
                said = f"{query}\n{explain(store, query)}"
                expected, rows = naive(query, records), list(execute(store, query))
                assert sorted(map(name, rows)) == sorted(map(name, expected)), said
                key = sort_key(query)
                assert list(map(key, rows)) == list(map(key, expected)), said
                some = query.limit(rng.randrange(12)) if rng.random() < 0.3 else query
                paged = pages_by_chance(store, some, rng)
                assert list(map(name, paged)) == list(map(name, rows[: some.most])), said
                if rng.random() < 0.3:
                    assert count(store, query) == len(expected), said
                    self.check_parts(store, query, expected, rng)

        handle.read(check)

    def check_parts(self, store, query: Query, expected: list[Thing], rng: Random) -> None:
        """Fields from an index are the fields that records have."""
        names = rng.sample([*SCALARS, "mood"], rng.randint(1, 3))
        if rng.random() < 0.5:
            names = rng.sample(("id", "label", "number", "group"), 2)
        query = query.select(*(getattr(Thing, one) for one in names))
        rows = sorted(repr(row) for row in execute(store, query))
        of_records = sorted(repr(tuple(getattr(one, part) for part in names)) for one in expected)
        assert rows == of_records, f"{query}\n{explain(store, query)}"


class TestOrder:
    def test_wants_an_index_or_leave_to_sort(self):
        """Sorting in memory is for who says so, and for so many rows."""
        handle = store_of([], [Thing(n, number=n % 3) for n in range(9)])
        query = Query(Thing).where(Thing.group == "a").order_by(Thing.number)
        with pytest.raises(QueryError, match=r"index of Thing by \(group, number\).*in_memory"):
            handle.read(lambda store: list(execute(store, query)))
        with pytest.raises(QueryError, match="more than 5 rows"):
            handle.read(lambda store: list(execute(store, query.sorted_in_memory(5))))
        rows = handle.read(lambda store: list(execute(store, query.sorted_in_memory())))
        assert [row.number for row in rows] == [0, 0, 0, 1, 1, 1, 2, 2, 2]

    def test_needs_room_for_no_more_than_the_rows_wanted(self):
        """The first few of many are sorted in the room of a few."""
        handle = store_of([], [Thing(n, number=n * 7 % 100) for n in range(100)])
        query = Query(Thing).order_by(Thing.number).limit(3).sorted_in_memory(3)
        rows = handle.read(lambda store: list(execute(store, query)))
        assert [row.number for row in rows] == [0, 1, 2]

    def test_has_whole_numbers_among_others(self):
        """In keys all whole numbers come first, so no index gives this order."""
        mixed = (2, 0.5, -1, 2**53 + 1, float(2**53), 2**53 - 1, -1.5)
        handle = store_of(["mixed"], [Thing(n, mixed=one) for n, one in enumerate(mixed)])
        query = Query(Thing).order_by(Thing.mixed)
        with pytest.raises(QueryError, match="sort by kind in keys"):
            handle.read(lambda store: list(execute(store, query)))
        for asked in (query, Query(Thing).order_by(desc(Thing.mixed))):
            some = asked.sorted_in_memory()
            rows = handle.read(lambda store, some=some: list(execute(store, some)))
            backwards = asked is not query
            assert [row.mixed for row in rows] == sorted(mixed, reverse=backwards)

    def test_one_of_has_no_single_place(self):
        """A field with several values cannot be sorted by."""
        with pytest.raises(QueryError, match="has one of"):
            Query(Thing).order_by(one_of(Thing.tags))
