"""Counts, sums and extremes of groups."""

from collections import Counter
from decimal import Decimal

import msgspec
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
    mean,
    rolled_up,
)
from glasshouse.records.indexes.value import ValueIndex
from glasshouse.records.schema.keys import desc, nest
from glasshouse.records.schema.schema import Schema
from glasshouse.records.store.database import Database
from glasshouse.records.subspace import Subspace


class Line(msgspec.Struct):
    kind: str
    cost: int | None = None


class Sale(Record):
    id: int
    shop: str
    clerk: str = ""
    pieces: int | None = None
    price: float = 0.0
    tags: list[str] = []
    lines: list[Line] = []
    tax: Decimal = Decimal(0)


class Refund(Record):
    id: int
    shop: str
    pieces: int = 0


KIND, COST = (nest(fan_out(Sale.lines), name) for name in ("kind", "cost"))


SALES = Schema(
    name="sales",
    version=1,
    records={Sale: Sale.id, Refund: Refund.id},
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
        CountIndex("costed", Sale, of=COST, group_by=KIND),
        SumIndex("cost", Sale, COST, group_by=KIND),
        MaxEverIndex("costliest", Sale, COST, group_by=KIND),
        SumIndex("tax", Sale, Sale.tax, scale=100),
        SumIndex("both", (Sale, Refund), Sale.pieces, group_by=desc(Sale.shop)),
        ValueIndex("price", Sale, Sale.price),
    ),
)


@pytest.fixture
def sales():
    handle = Database.open("memory:").store(SALES, Subspace(("s",)))
    yield handle
    handle.database.close()


def ask(handle, question, *arguments, **options):
    return handle.read(lambda store: question(store, *arguments, **options))


def listed(handle, *arguments):
    return dict(handle.read(lambda store: list(groups(store, *arguments))))


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

    def test_group_an_element_by_the_same_element(self, sales):
        """By hand: each cost counts for its own kind, not for every kind of the sale."""
        sales.save(Sale(1, "a", lines=[Line("x", 5), Line("y", 7), Line("x", -2), Line("z")]))
        assert listed(sales, "cost") == {("x",): 3, ("y",): 7}
        assert listed(sales, "costed") == {("x",): 2, ("y",): 1}
        assert listed(sales, "costliest") == {("x",): 5, ("y",): 7}

    def test_tell_a_sum_of_zero_from_an_empty_group(self, sales):
        """A group whose numbers cancel is still there; one without numbers is not."""
        sales.save(Sale(1, "a", pieces=5), Sale(2, "a", pieces=-5), Sale(3, "b", pieces=0))
        sales.save(Sale(4, "c", pieces=1))
        sales.delete(Sale, 4)
        assert listed(sales, "pieces") == {("a",): 0, ("b",): 0}
        assert ask(sales, mean, "pieces", "a") == 0
        assert ask(sales, mean, "pieces", "c") is None

    def test_give_the_mean_of_negative_numbers(self, sales):
        """Count and sum share a row, and neither borrows from the other."""
        sales.save(Sale(1, "a", pieces=-3), Sale(2, "a", pieces=-4), Sale(3, "a"))
        assert ask(sales, aggregate, "pieces", "a") == -7
        assert ask(sales, mean, "pieces", "a") == -3.5

    def test_add_exactly_what_floats_cannot(self, sales):
        """0.1 a thousand times is 100, alone and rolled up; decimals stay decimals."""
        sales.run(lambda store: store.save_all([Sale(n, "a", price=0.1) for n in range(1_000)]))
        assert ask(sales, aggregate, "turnover") == ask(sales, rolled_up, "turnover") == 100.0
        sales.save(Sale(1, "a", tax=Decimal("0.07")), Sale(2, "a", tax=Decimal("-0.02")))
        assert ask(sales, aggregate, "tax") == Decimal("0.05")

    def test_hold_more_than_a_large_number(self, sales):
        """Sums of the largest numbers that records hold do not wrap around."""
        sales.save(*(Sale(n, "a", pieces=(1 << 63) - 1) for n in range(5)))
        assert ask(sales, aggregate, "pieces", "a") == 5 * ((1 << 63) - 1)

    def test_go_over_several_types_in_the_order_of_their_groups(self, sales):
        """One sum for both, groups from z to a."""
        sales.save(Sale(1, "a", pieces=5), Sale(2, "b", pieces=1))
        sales.save(Refund(1, "a", -2))
        assert list(listed(sales, "both").items()) == [(("b",), 1), (("a",), 3)]

    def test_answer_for_what_their_own_transaction_wrote(self, sales):
        """What waits to be written counts too, as often as it is asked for."""

        def work(store):
            store.save(Sale(1, "a", "x", pieces=4, price=2.0))
            first = aggregate(store, "pieces", "a"), aggregate(store, "dearest")
            store.save(Sale(1, "a", "x", pieces=6, price=1.0))
            store.save(Sale(2, "a", "y", pieces=1))
            store.delete(Sale, 2)
            return *first, mean(store, "pieces", "a"), rolled_up(store, "by_shop", "a")

        assert sales.run(work) == (4, (2.0, 1), 6, 1)
        assert ask(sales, aggregate, "pieces", "a") == 6
        assert ask(sales, aggregate, "writes", "a") == 3

    def test_are_the_same_for_records_saved_together(self, sales):
        """Bulk loading takes another way to the same rows."""
        many = [
            Sale(n, "ab"[n % 2], pieces=n - 5, price=n / 4, tags=["x"] * (n % 3)) for n in range(20)
        ]
        other = Database.open("memory:").store(SALES, Subspace(("s",)))
        sales.run(lambda store: store.save_all(many))
        for one in many:
            other.save(one)
        names = [index.name for index in SALES.indexes if index.name != "price"]
        assert [listed(sales, name) for name in names] == [listed(other, name) for name in names]

    def test_begin_anew_after_all_is_deleted(self, sales):
        """What waits to be written goes with the records it is of."""

        def work(store):
            store.save(Sale(1, "a", pieces=4))
            store.delete_all()
            store.save(Sale(2, "a", pieces=3))

        sales.run(work)
        assert ask(sales, aggregate, "pieces", "a") == 3
        assert ask(sales, aggregate, "fewest", "a") == 3

    def test_are_not_touched_by_what_changes_nothing_of_theirs(self, sales):
        """Whoever read a count need not conflict with a record that was merely edited."""
        sales.save(Sale(1, "a", pieces=2))
        with sales.database.transaction() as context:
            store = sales.open(context)
            assert aggregate(store, "pieces", "a") == aggregate(store, "fewest", "a") == 2
            sales.save(Sale(1, "a", pieces=2, price=7.0))
            store.save(Sale(9, "b"))

    def test_refuse_what_has_no_exact_sum(self):
        """A float needs a scale; text has no sum."""
        with pytest.raises(SchemaError, match=r"sums floats, .* say scale=1000"):
            SumIndex("s", Sale, Sale.price)
        with pytest.raises(SchemaError, match="sums Decimals"):
            SumIndex("s", Sale, Sale.tax)
        with pytest.raises(SchemaError, match="holds numbers"):
            SumIndex("s", Sale, Sale.shop)
        with pytest.raises(SchemaError, match="scale=0"):
            SumIndex("s", Sale, Sale.price, scale=0)
        with pytest.raises(SchemaError, match="choose the kind"):
            MaxEverIndex("m", Sale, desc(Sale.price))

    def test_refuse_questions_that_do_not_fit(self, sales):
        """Too few columns, an index of another kind, a number that no sum holds."""
        with pytest.raises(QueryError, match="is grouped by 2 columns"):
            ask(sales, aggregate, "by_shop", "a")
        with pytest.raises(QueryError, match="is of kind value"):
            ask(sales, aggregate, "price")
        with pytest.raises(QueryError, match="is of kind count"):
            ask(sales, mean, "all")
        with pytest.raises(RecordError, match="cannot be summed"):
            sales.save(Sale(1, "a", price=float("nan")))
        with pytest.raises(RecordError, match="too large to be summed"):
            sales.save(Sale(1, "a", price=1e300))

    @settings(max_examples=25, deadline=None)
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

    def cross(*, snapshot):
        with sales.database.transaction() as context:
            store = sales.open(context)
            number = aggregate(store, "all", snapshot=snapshot)
            sales.save(Sale(1 + snapshot, "a"))
            store.save(Sale(9, "a", pieces=number))

    with pytest.raises(ConflictError):
        cross(snapshot=False)
    cross(snapshot=True)
