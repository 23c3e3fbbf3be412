"""Counts, sums and extremes of groups."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glasshouse.errors import ConflictError, QueryError, RecordError, SchemaError
from glasshouse.records.expressions import Record, fan_out
from glasshouse.records.indexes.aggregate import (
    CountIndex,
    CountUpdatesIndex,
    MaxEverIndex,
    MinEverIndex,
    SumIndex,
    aggregate,
    groups,
    rolled_up,
)
from glasshouse.records.indexes.value import ValueIndex
from glasshouse.records.schema.schema import Schema
from glasshouse.records.store.database import Database
from glasshouse.records.subspace import Subspace


class Sale(Record):
    id: int
    shop: str
    clerk: str = ""
    pieces: int | None = None
    price: float = 0.0
    tags: list[str] = []


SALES = Schema(
    name="sales",
    version=1,
    records={Sale: Sale.id},
    indexes=(
        CountIndex("all", Sale),
        CountIndex("by_shop", Sale, group_by=(Sale.shop, Sale.clerk)),
        CountIndex("by_tag", Sale, group_by=fan_out(Sale.tags)),
        CountIndex("counted", Sale, of=Sale.pieces, group_by=Sale.shop),
        CountIndex("dear", Sale, where=Sale.price > 10),
        CountUpdatesIndex("writes", Sale, group_by=Sale.shop),
        SumIndex("pieces", Sale, Sale.pieces, group_by=Sale.shop),
        SumIndex("turnover", Sale, Sale.price, scale=100),
        MinEverIndex("fewest", Sale, Sale.pieces, group_by=Sale.shop),
        MaxEverIndex("dearest", Sale, (Sale.price, Sale.id)),
        ValueIndex("price", Sale, Sale.price),
    ),
)


@pytest.fixture
def sales():
    handle = Database.open("memory:").store(SALES, Subspace(("s",)))
    yield handle
    handle.database.close()


def ask(handle, question, *arguments):
    return handle.read(lambda store: question(store, *arguments))


class TestAggregates:
    def test_follow_what_is_saved_and_deleted(self, sales):
        """Counts and sums go both ways; extremes and writes only ever grow."""
        sales.save(Sale(1, "a", "x", 3, 12.5), Sale(2, "a", "y", 5, 1.25), Sale(3, "b"))
        assert ask(sales, aggregate, "all") == 3
        assert ask(sales, aggregate, "by_shop", "a", "x") == 1
        assert ask(sales, rolled_up, "by_shop", "a") == 2
        assert ask(sales, aggregate, "counted", "b") == 0
        assert ask(sales, aggregate, "pieces", "a") == 8
        assert ask(sales, aggregate, "turnover") == 13.75
        assert ask(sales, aggregate, "dear") == 1
        sales.save(Sale(1, "b", "x", -7, 2.5))
        sales.delete(Sale, 2)
        assert ask(sales, aggregate, "all") == 2
        assert ask(sales, aggregate, "by_shop", "a", "x") == 0
        assert ask(sales, aggregate, "pieces", "a") == 0
        assert ask(sales, aggregate, "pieces", "b") == -7
        assert ask(sales, aggregate, "turnover") == 2.5
        assert ask(sales, aggregate, "dear") == 0
        assert ask(sales, aggregate, "writes", "a") == 2
        assert ask(sales, aggregate, "writes", "b") == 2
        assert ask(sales, aggregate, "fewest", "a") == 3
        assert ask(sales, aggregate, "fewest", "b") == -7
        assert ask(sales, aggregate, "dearest") == (12.5, 1)
        assert ask(sales, aggregate, "fewest", "c") is None

    def test_list_their_groups(self, sales):
        """In order, without the empty ones; those that share a beginning together."""
        sales.save(Sale(1, "b", "x"), Sale(2, "a", "y"), Sale(3, "a", "x"), Sale(4, "a", "z"))
        sales.delete(Sale, 4)
        found = sales.read(lambda store: list(groups(store, "by_shop")))
        assert found == [(("a", "x"), 1), (("a", "y"), 1), (("b", "x"), 1)]
        assert sales.read(lambda store: list(groups(store, "by_shop", "a"))) == found[:2]

    def test_count_without_conflicts(self, sales):
        """Two transactions that add to one group both commit, unlike two that read it."""
        sales.save(Sale(0, "a"))
        contexts = []
        for number in (1, 2):
            block = sales.database.transaction()
            context = block.__enter__()
            sales.open(context).save(Sale(number, "a", pieces=number))
            contexts.append(block)
        for block in contexts:
            block.__exit__(None, None, None)
        assert ask(sales, aggregate, "pieces", "a") == 3
        assert ask(sales, aggregate, "all") == 3

    def test_refuse_what_has_no_exact_sum(self):
        """A float needs a scale; text has no sum."""
        with pytest.raises(SchemaError, match="say scale=1000"):
            SumIndex("s", Sale, Sale.price)
        with pytest.raises(SchemaError, match="holds numbers"):
            SumIndex("s", Sale, Sale.shop)

    def test_refuse_questions_that_do_not_fit(self, sales):
        """Too few columns, an index of another kind, a number that no sum holds."""
        with pytest.raises(QueryError, match="is grouped by 2 columns"):
            ask(sales, aggregate, "by_shop", "a")
        with pytest.raises(QueryError, match="is of kind value"):
            ask(sales, aggregate, "price")
        with pytest.raises(RecordError, match="cannot be summed"):
            sales.save(Sale(1, "a", price=float("nan")))

    @settings(max_examples=60, deadline=None)
    @given(
        steps=st.lists(
            st.integers(0, 4)
            | st.builds(
                Sale,
                id=st.integers(0, 4),
                shop=st.sampled_from("ab"),
                pieces=st.none() | st.integers(-(1 << 40), 1 << 40),
                tags=st.lists(st.sampled_from("xy"), max_size=3),
            ),
            max_size=12,
        ),
        together=st.booleans(),
    )
    def test_are_what_counting_would_give(self, steps, together):
        """Whatever happened, one record a transaction or all in one."""
        handle = Database.open("memory:").store(SALES, Subspace(("s",)))
        truth: dict[int, Sale] = {}

        def apply(store, chosen):
            for step in chosen:
                if isinstance(step, int):
                    store.delete(Sale, step)
                else:
                    store.save(step)

        for chosen in [steps] if together else [[step] for step in steps]:
            handle.run(lambda store, chosen=chosen: apply(store, chosen))
        for step in steps:
            if isinstance(step, int):
                truth.pop(step, None)
            else:
                truth[step.id] = step
        tags = Counter(tag for sale in truth.values() for tag in sale.tags)
        pieces: Counter[str] = Counter()
        for sale in truth.values():
            pieces[sale.shop] += sale.pieces or 0
        assert ask(handle, aggregate, "all") == len(truth)
        for tag in "xy":
            assert ask(handle, aggregate, "by_tag", tag) == tags[tag]
        for shop in "ab":
            assert ask(handle, aggregate, "pieces", shop) == pieces[shop]


def test_conflicts_are_for_readers(sales):
    """Who reads a count and writes depends on it, and conflicts with who counts."""
    sales.save(Sale(0, "a"))

    def cross():
        with sales.database.transaction() as context:
            store = sales.open(context)
            number = aggregate(store, "all")
            sales.save(Sale(1, "a"))
            store.save(Sale(9, "a", pieces=number))

    with pytest.raises(ConflictError):
        cross()
