"""The ranked set and the index on it, against sorted lists."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glasshouse.errors import ConflictError, QueryError
from glasshouse.records.engines import open_engine, transact
from glasshouse.records.expressions import Record, fan_out
from glasshouse.records.indexes import ranked_set
from glasshouse.records.indexes.rank import (
    RankIndex,
    by_rank,
    kth,
    num_ranked,
    rank_of,
    rank_of_score,
)
from glasshouse.records.query import Query, execute, explain
from glasshouse.records.schema.keys import desc
from glasshouse.records.schema.schema import Schema
from glasshouse.records.store.database import Database
from glasshouse.records.subspace import Subspace
from glasshouse.records.tuples import pack

GROUPS = [pack(("a",)), pack(("b",))]
members = st.integers(0, 200).map(lambda number: b"%03d" % number)


class TestRankedSet:
    @settings(max_examples=60, deadline=None)
    @given(
        steps=st.lists(st.tuples(st.booleans(), st.sampled_from(GROUPS), members)),
        lower=st.booleans(),
    )
    def test_is_a_sorted_list_with_places(self, steps, lower):
        """Ranks, places, sizes and counts, whatever was added and removed."""
        bits, ranked_set.FAN_OUT_BITS = ranked_set.FAN_OUT_BITS, 1 if lower else 5
        try:
            engine, truth = open_engine("memory:"), {group: set() for group in GROUPS}
            for is_add, group, member in steps:
                if is_add != (member in truth[group]):
                    change = ranked_set.add if is_add else ranked_set.remove
                    transact(engine, lambda one, c=change, g=group, m=member: c(one, b"s", g, m))
                    (truth[group].add if is_add else truth[group].discard)(member)
            reading = engine.begin()
            assert list(ranked_set.check(reading, b"s")) == []
            for group, found in truth.items():
                ordered = sorted(found)
                assert ranked_set.size(reading, b"s", group) == len(ordered)
                for place, member in enumerate(ordered):
                    assert ranked_set.rank(reading, b"s", group, member) == place
                    assert ranked_set.member_at(reading, b"s", group, place) == member
                assert ranked_set.member_at(reading, b"s", group, len(ordered)) is None
                assert ranked_set.rank(reading, b"s", group, b"zzz") == len(ordered)
        finally:
            ranked_set.FAN_OUT_BITS = bits

    def test_counts_hold_when_transactions_cross(self):
        """Insertions and removals that overlap in time: each commits or conflicts, none miscounts."""
        draw, engine = random.Random(5), open_engine("memory:")
        bits, ranked_set.FAN_OUT_BITS = ranked_set.FAN_OUT_BITS, 1
        try:
            present, conflicts, commits = set(), 0, 0
            for _ in range(150):
                crossing = []
                for member in draw.sample([b"%02d" % number for number in range(60)], 3):
                    one = engine.begin()
                    change = ranked_set.remove if member in present else ranked_set.add
                    change(one, b"s", b"", member)
                    crossing.append((one, member))
                for one, member in crossing:
                    try:
                        one.commit()
                    except ConflictError:
                        conflicts += 1
                        continue
                    commits += 1
                    present ^= {member}
            assert list(ranked_set.check(engine.begin(), b"s")) == []
            assert ranked_set.size(engine.begin(), b"s", b"") == len(present)
            assert conflicts > 10
            assert commits > 250
        finally:
            ranked_set.FAN_OUT_BITS = bits

    def test_insertions_apart_do_not_conflict(self):
        """Two that split nothing add to the same fingers and both commit."""
        engine = open_engine("memory:")
        plain = [
            one for one in (b"%04d" % n for n in range(200)) if not ranked_set.num_levels_of(one)
        ]
        transactions = [engine.begin() for _ in range(5)]
        for transaction, member in zip(transactions, plain, strict=False):
            ranked_set.add(transaction, b"s", b"", member)
        for transaction in transactions:
            transaction.commit()
        assert ranked_set.size(engine.begin(), b"s", b"") == 5

    def test_finds_a_wrong_count(self):
        """What `scrub` asks."""
        engine = open_engine("memory:")
        transact(engine, lambda one: ranked_set.add(one, b"s", b"", b"a"))
        transact(engine, lambda one: one.clear(b"s\x00a"))
        assert any("counts 1" in words for words in ranked_set.check(engine.begin(), b"s"))


class Run(Record):
    id: int
    study: str
    loss: float | None = None
    scores: list[int] = []


RUNS = Schema(
    name="runs",
    version=1,
    records={Run: Run.id},
    indexes=(
        RankIndex("loss", Run, Run.loss),
        RankIndex("worst_first", Run, desc(Run.loss), group_by=Run.study),
        RankIndex("scores", Run, fan_out(Run.scores)),
    ),
)


@pytest.fixture
def runs():
    handle = Database.open("memory:").store(RUNS, Subspace(("r",)))
    handle.save(
        *(Run(n, "ab"[n % 2], float(n % 10), [n, n + 100] if n < 3 else []) for n in range(40))
    )
    yield handle
    handle.database.close()


def ask(handle, question, *arguments, **options):
    return handle.read(lambda store: question(store, *arguments, **options))


class TestRankIndex:
    def test_ranks_by_score_and_then_by_key(self, runs):
        """Ties stand in the order of their primary keys."""
        order = sorted(range(40), key=lambda n: (n % 10, n))
        ranked = runs.read(lambda store: [run.id for run in by_rank(store, "loss", 0, 100)])
        assert ranked == order
        assert ask(runs, kth, "loss", 7).id == order[7]
        assert ask(runs, kth, "loss", -1).id == order[-1]
        assert ask(runs, kth, "loss", 40) is None
        assert ask(runs, kth, "loss", -41) is None
        assert ask(runs, rank_of_score, "loss", 3.0) == 12
        assert ask(runs, rank_of, "loss", runs.load(Run, 23)) == order.index(23)
        assert ask(runs, num_ranked, "loss") == 40

    def test_ranks_each_group_by_itself_and_downwards(self, runs):
        """Only the group counts, and the largest comes first."""
        order = sorted(range(0, 40, 2), key=lambda n: (-(n % 10), n))
        found = runs.read(
            lambda store: [run.id for run in by_rank(store, "worst_first", 5, 9, group=("a",))]
        )
        assert found == order[5:9]
        assert ask(runs, num_ranked, "worst_first", group=("b",)) == 20
        assert ask(runs, num_ranked, "worst_first", group=("c",)) == 0

    def test_follows_changes(self, runs):
        """A new score is a new rank; a deleted record has none; elements rank by themselves."""
        runs.save(Run(0, "a", 99.0))
        assert ask(runs, rank_of, "loss", runs.load(Run, 0)) == 39
        gone = runs.load(Run, 1)
        runs.delete(Run, 1)
        assert ask(runs, rank_of, "loss", gone) is None
        assert ask(runs, num_ranked, "loss") == 39
        assert ask(runs, num_ranked, "scores") == 2
        assert ask(runs, kth, "scores", 1).id == 2
        check = runs.read(
            lambda store: list(ranked_set.check(store.transaction, store.index_space("loss")))
        )
        assert check == []

    def test_serves_queries_as_a_value_index_does(self, runs):
        """Its lowest level is in the order of the score."""
        query = Query(Run).where(Run.study == "a").order_by(desc(Run.loss)).limit(3)
        assert "worst_first" in ask(runs, explain, query)
        found = runs.read(lambda store: [run.id for run in execute(store, query)])
        assert found == [8, 18, 28]

    def test_refuses_what_does_not_fit(self, runs):
        """A group where there is none, a score of another kind."""
        with pytest.raises(QueryError, match="has no groups"):
            ask(runs, kth, "loss", 0, group=("a",))
        with pytest.raises(QueryError, match="does not fit a score"):
            ask(runs, rank_of_score, "loss", "high")
