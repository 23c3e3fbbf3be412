"""Joining sources by record id gives what all of them have, wherever it is stopped."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.records.query.things import Thing, small_pages, store_of

from glasshouse.records.expressions import compile_test
from glasshouse.records.indexes.text_conditions import contains_all, contains_any
from glasshouse.records.query import Limits, Query, execute, explain

QUERIES = (
    Query(Thing).where(Thing.group == "a", Thing.number == 1),
    Query(Thing).where(Thing.group == "a", Thing.number == 1, Thing.label == "x"),
    Query(Thing).where(Thing.group == "a", Thing.number == 1, Thing.id > 40, Thing.id <= 160),
    Query(Thing).where(Thing.group == "a", Thing.number == 1, contains_all(Thing.note, "red")),
    Query(Thing).where(contains_any(Thing.note, "red blue")).order_by(Thing.id),
)


@pytest.fixture(scope="module", autouse=True)
def few_rows_at_once():
    with small_pages():
        yield


class TestJoining:
    @settings(max_examples=25, deadline=None)
    @given(seed=st.integers(0, 2**32 - 1), rare=st.sampled_from((0.02, 0.5, 0.9)))
    def test_gives_what_all_have(self, seed, rare):
        """Sources of like and of very different sizes; in pages that end anywhere."""
        rng = Random(seed)
        records = [
            Thing(
                number,
                group="a" if rng.random() < 0.7 else "b",
                number=int(rng.random() < rare),
                label="x" if rng.random() < 0.9 else "y",
                note=rng.choice(("red", "blue red", "green")),
            )
            for number in range(200)
        ]
        handle = store_of(["group", "number_down", "label", "words"], records)

        def check(store) -> None:
            for query in QUERIES:
                test = compile_test(query.condition)
                whole = [row.id for row in execute(store, query)]
                assert whole == [record.id for record in records if test(record)]
                found, place = [], None
                while True:
                    limits = rng.choice((Limits(rows=rng.randint(1, 9)), Limits(bytes=1)))
                    cursor = execute(store, query, continuation=place, limits=limits)
                    found += [row.id for row in cursor]
                    place = cursor.continuation
                    if place is None:
                        break
                assert found == whole

        handle.read(check)

    def test_leaps_over_what_the_other_lacks(self):
        """One record of a thousand is found without going through the thousand."""
        records = [Thing(n, group="a", number=int(n == 900)) for n in range(1000)]
        handle = store_of(["group", "number_down"], records)
        query = QUERIES[0]

        def work(store):
            assert "intersection" in explain(store, query)
            cursor = execute(store, query)
            return [row.id for row in cursor], cursor.bill.read

        found, read = handle.read(work)
        assert found == [900]
        assert read < 20
