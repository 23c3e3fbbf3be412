"""The rank index and its questions, against sorted lists."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glasshouse.errors import ConflictError, CorruptionError, QueryError, SchemaError
from glasshouse.records.expressions import Record, fan_out
from glasshouse.records.indexes.rank import (
    LOWEST,
    RankIndex,
    by_rank,
    count_between,
    kth,
    num_ranked,
    rank_of,
    rank_of_score,
    score_at,
)
from glasshouse.records.indexes.value import ValueIndex
from glasshouse.records.query import Query, execute, explain
from glasshouse.records.schema.keys import desc, nest
from glasshouse.records.schema.schema import Schema
from glasshouse.records.store.database import Database
from glasshouse.records.subspace import Subspace
from glasshouse.records.tuples import strinc


class Try(msgspec.Struct):
    task: str
    time: int


class Run(Record):
    id: int
    study: str
    loss: float | None = None
    scores: list[int] = []
    tries: list[Try] = []


class Sweep(Record):
    id: int
    study: str
    loss: float | None = None


RUNS = Schema(
    name="runs",
    version=1,
    records={Run: Run.id, Sweep: Sweep.id},
    indexes=(
        RankIndex("loss", Run, Run.loss),
        RankIndex("worst_first", Run, desc(Run.loss), group_by=Run.study),
        RankIndex("scores", Run, fan_out(Run.scores)),
        RankIndex("tags", Run, Run.loss, group_by=fan_out(Run.scores)),
        RankIndex(
            "times",
            Run,
            nest(fan_out(Run.tries), "time"),
            group_by=nest(fan_out(Run.tries), "task"),
        ),
        RankIndex("two", Run, (Run.study, desc(Run.loss))),
        RankIndex("good", Run, Run.loss, where=Run.loss < 5),
        RankIndex("both", (Run, Sweep), Run.loss, group_by=Run.study),
        ValueIndex("value", Run, (Run.study, desc(Run.loss))),
    ),
)


def open_runs():
    return Database.open("memory:").store(RUNS, Subspace(("r",)))


@pytest.fixture
def runs():
    handle = open_runs()
    handle.save(
        *(Run(n, "ab"[n % 2], float(n % 10), [n, n + 100] if n < 3 else []) for n in range(40))
    )
    yield handle
    handle.database.close()


def ask(handle, question, *arguments, **options):
    return handle.read(lambda store: question(store, *arguments, **options))


def listed(handle, *arguments, **options):
    return ask(handle, lambda store: [run.id for run in by_rank(store, *arguments, **options)])


def problems(handle):
    def read(store):
        transaction, indexes = store.transaction, store.schema.indexes
        return [
            told for one in indexes for told in one.check(transaction, store.index_space(one.name))
        ]

    return handle.read(read)


def rows(handle, name, part=b""):
    def read(store):
        begin = store.index_space(name) + part
        return [key[len(begin) :] for key, _ in store.transaction.get_range(begin, strinc(begin))]

    return handle.read(read)


class TestRankIndex:
    def test_ranks_by_score_and_then_by_key(self, runs):
        """Ties stand in the order of their primary keys."""
        order = sorted(range(40), key=lambda n: (n % 10, n))
        assert listed(runs, "loss", 0, 100) == order
        assert ask(runs, kth, "loss", 7).id == order[7]
        assert ask(runs, kth, "loss", -1).id == order[-1]
        assert ask(runs, kth, "loss", 40) is None
        assert ask(runs, kth, "loss", -41) is None
        assert ask(runs, rank_of_score, "loss", 3.0) == 12
        assert ask(runs, rank_of_score, "loss", 3.5) == 16
        assert ask(runs, rank_of, "loss", runs.load(Run, 23)) == order.index(23)
        assert ask(runs, num_ranked, "loss") == 40

    def test_ranks_each_group_by_itself_and_downwards(self, runs):
        """Only the group counts, and the largest comes first."""
        order = sorted(range(0, 40, 2), key=lambda n: (-(n % 10), n))
        assert listed(runs, "worst_first", 5, 9, group=("a",)) == order[5:9]
        assert ask(runs, rank_of, "worst_first", runs.load(Run, 4)) == order.index(4)
        assert ask(runs, num_ranked, "worst_first", group=("b",)) == 20
        assert ask(runs, num_ranked, "worst_first", group=("c",)) == 0
        assert ask(runs, kth, "worst_first", 0, group=("c",)) is None

    def test_counts_between_scores_with_both_ends(self, runs):
        """From the first in the index's order to the last; the other way round there is nothing."""
        assert ask(runs, count_between, "loss", 2.0, 3.0) == 8
        assert ask(runs, count_between, "loss", 2.5, 2.75) == 0
        assert ask(runs, count_between, "loss", 3.0, 2.0) == 0
        assert ask(runs, count_between, "worst_first", 8.0, 4.0, group=("a",)) == 12
        assert ask(runs, count_between, "two", "a", "a") == 20
        assert ask(runs, count_between, "two", ("a", 8.0), ("b", 9.0)) == 24

    def test_tells_the_score_of_a_rank(self, runs):
        """Without reading the record, as for a median."""
        assert ask(runs, score_at, "loss", 20) == 5.0
        assert ask(runs, score_at, "loss", -1) == 9.0
        assert ask(runs, score_at, "worst_first", 0, group=("a",)) == 8.0
        assert ask(runs, score_at, "two", 20) == ("b", 9.0)
        assert ask(runs, score_at, "loss", 40) is None
        assert ask(runs, score_at, "loss", -41) is None

    def test_gives_no_more_ranks_than_there_are(self, runs):
        """A range of ranks may begin before the first and end behind the last."""
        assert len(listed(runs, "loss", -2, 3)) == 3
        assert len(listed(runs, "loss", 38, 99)) == 2
        assert listed(runs, "loss", 3, 3) == listed(runs, "loss", 50, 60) == []

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
        assert problems(runs) == []

    def test_answers_for_what_its_own_transaction_wrote(self, runs):
        """Counts are made up for before each question, as often as it takes."""

        def work(store):
            store.save(Run(100, "a", -1.0))
            first = rank_of(store, "loss", Run(100, "a", -1.0))
            store.save(Run(101, "a", -2.0))
            store.delete(Run, 100)
            second = rank_of_score(store, "loss", 0.0), num_ranked(store, "loss")
            store.save(Run(100, "a", -3.0))
            store.save(Run(100, "b", -3.0))
            return first, *second, kth(store, "loss", 0).id

        assert runs.run(work) == (0, 1, 41, 100)
        assert problems(runs) == []
        assert ask(runs, num_ranked, "loss") == 42

    def test_ranks_a_record_once_in_each_of_its_groups(self):
        """Fan-out groups; which one is meant must be said where there are several."""
        runs = open_runs()
        runs.save(Run(1, "a", 1.0, [7, 8, 7]), Run(2, "a", 0.5, [8]))
        assert listed(runs, "tags", 0, 9, group=(7,)) == [1]
        assert listed(runs, "tags", 0, 9, group=(8,)) == [2, 1]
        assert ask(runs, rank_of, "tags", runs.load(Run, 1), group=(8,)) == 1
        assert ask(runs, rank_of, "tags", runs.load(Run, 1), group=(9,)) is None
        with pytest.raises(QueryError, match="in several groups"):
            ask(runs, rank_of, "tags", runs.load(Run, 1))

    def test_ranks_an_element_in_the_group_of_the_same_element(self):
        """By hand: times rank within their own task, and queries find them so."""
        runs = open_runs()
        runs.save(Run(1, "a", tries=[Try("x", 5), Try("y", 1)]), Run(2, "a", tries=[Try("x", 3)]))
        assert listed(runs, "times", 0, 9, group=("x",)) == [2, 1]
        assert listed(runs, "times", 0, 9, group=("y",)) == [1]

    def test_takes_only_records_that_meet_its_condition(self, runs):
        """A record that no longer does is not ranked."""
        assert ask(runs, num_ranked, "good") == 20
        assert ask(runs, rank_of, "good", runs.load(Run, 9)) is None
        runs.save(Run(0, "a", 6.0))
        assert ask(runs, num_ranked, "good") == 19

    def test_ranks_several_types_together(self):
        """Types share one list; ties stand by type."""
        runs = open_runs()
        runs.save(Run(1, "a", 2.0), Run(2, "a", 1.0))
        runs.save(Sweep(1, "a", 1.5), Sweep(2, "a", 1.0))
        assert listed(runs, "both", 0, 9, group=("a",)) == [2, 2, 1, 1]
        assert ask(runs, rank_of, "both", runs.load(Sweep, 1)) == 2

    def test_is_empty_after_all_is_deleted(self):
        """Changes that wait to be counted go with the records."""
        runs = open_runs()
        runs.save(Run(1, "a", 1.0))

        def work(store):
            store.save(Run(2, "a", 1.0))
            store.delete_all()
            store.save(Run(3, "a", 1.0))

        runs.run(work)
        assert listed(runs, "loss", 0, 9) == [3]
        assert problems(runs) == []

    def test_lets_transactions_insert_side_by_side(self, runs):
        """A rank index does not make writers conflict who share no record."""
        with runs.database.transaction() as first:
            runs.open(first).save(Run(100, "a", 1.5))
            with runs.database.transaction() as second:
                runs.open(second).save(Run(101, "a", 2.5))
        assert ask(runs, num_ranked, "loss") == 42
        assert problems(runs) == []

    def test_conflicts_for_who_decides_by_a_rank(self, runs):
        """Unless the rank was asked for as a snapshot."""
        for snapshot in (True, False):

            def cross(snapshot=snapshot):
                with runs.database.transaction() as context:
                    store = runs.open(context)
                    rank = rank_of_score(store, "loss", 5.0, snapshot=snapshot)
                    runs.save(Run(200 + snapshot, "a", 4.5))
                    store.save(Run(300, "b", float(rank)))

            if snapshot:
                cross()
            else:
                with pytest.raises(ConflictError):
                    cross()

    @settings(max_examples=15, deadline=None)
    @given(
        transactions=st.lists(
            st.lists(
                st.integers(0, 9)
                | st.builds(
                    Run,
                    id=st.integers(0, 9),
                    study=st.sampled_from("ab"),
                    loss=st.none() | st.integers(0, 5).map(float),
                    scores=st.lists(st.integers(0, 3), max_size=3),
                ),
                max_size=8,
            ),
            max_size=5,
        )
    )
    def test_agrees_with_a_sorted_list(self, transactions):
        """Whatever is saved and deleted, in whatever transactions."""
        runs, truth = open_runs(), dict[int, Run]()
        for steps in transactions:

            def work(store, steps=steps):
                for step in steps:
                    if isinstance(step, int):
                        store.delete(Run, step)
                    else:
                        store.save(step)

            runs.run(work)
            for step in steps:
                if isinstance(step, int):
                    truth.pop(step, None)
                else:
                    truth[step.id] = step
        by_loss = [(-1.0 if one.loss is None else one.loss, one.id) for one in truth.values()]
        assert listed(runs, "loss", 0, 99) == [number for _, number in sorted(by_loss)]
        worst = [(-loss, number) for loss, number in by_loss if truth[number].study == "a"]
        assert listed(runs, "worst_first", 0, 99, group=("a",)) == [
            number for _, number in sorted(worst)
        ]
        elements = sorted({(score, one.id) for one in truth.values() for score in one.scores})
        assert listed(runs, "scores", 0, 99) == [number for _, number in elements]
        for number, one in truth.items():
            found = ask(runs, rank_of, "scores", one)
            assert found == (elements.index((min(one.scores), number)) if one.scores else None)
        assert ask(runs, num_ranked, "loss") == len(truth)
        assert problems(runs) == []


class TestRankRows:
    def test_serve_queries_as_those_of_a_value_index(self, runs):
        """The lowest level is in the order of group and score, behind one byte."""
        assert rows(runs, "two", LOWEST) == rows(runs, "value")
        query = Query(Run).where(Run.study == "a").order_by(desc(Run.loss)).limit(3)
        assert "worst_first" in ask(runs, explain, query)
        found = runs.read(lambda store: [run.id for run in execute(store, query)])
        assert found == [8, 18, 28]

    def test_lead_back_to_their_records(self, runs):
        """Rows of level 0 do; counts belong to nobody."""

        def work(store):
            index, plan = store.schema.index("worst_first"), store.layout.types[Run]
            (here,) = [one for one in plan.indexes if one.index is index]
            record_id = plan.packed_number + plan.primary_key(Run(3, "b"))
            given_rows = here.maintainer.entries(store.load(Run, 3), record_id)
            assert [index.record_id_of(*row) for row in given_rows] == [record_id]
            assert index.record_id_of(b"\x01" + index.pack_group(("a",)), b"") is None
            return [key for key, _ in given_rows]

        assert set(runs.read(work)) < set(rows(runs, "worst_first"))

    def test_are_checked(self, runs):
        """A count that is wrong is told."""
        with runs.database.transaction() as context:
            context.transaction.set(runs.open(context).index_space("loss") + b"\x01", bytes(8))
        (told,) = problems(runs)
        assert told.startswith("level 1 counts 0")

    def test_without_a_record_are_an_error(self, runs):
        """A record that is gone is no answer."""
        with runs.database.transaction() as context:
            extent = runs.open(context).extent(Run)
            context.transaction.clear(extent.prefix + extent.pack_whole((3,)))
        with pytest.raises(CorruptionError, match="ranks a record at 12 that is not there"):
            listed(runs, "loss", 0, 99)


class TestRankQuestions:
    def test_refuse_what_does_not_fit(self, runs):
        """A group where there is none, a score of another kind, a type that is not covered."""
        with pytest.raises(QueryError, match="has no groups"):
            ask(runs, kth, "loss", 0, group=("a",))
        with pytest.raises(QueryError, match="does not fit a score of index 'loss'"):
            ask(runs, rank_of_score, "loss", "high")
        with pytest.raises(QueryError, match="has 1 columns"):
            ask(runs, rank_of_score, "loss", 1.0, 2.0)
        with pytest.raises(QueryError, match="is of kind value"):
            ask(runs, num_ranked, "value")
        with pytest.raises(QueryError, match="does not cover Sweep"):
            ask(runs, rank_of, "loss", Sweep(1, "a"))

    def test_need_a_score(self):
        """An index without one says nothing."""
        with pytest.raises(SchemaError, match="ranks by no columns"):
            RankIndex("none", Run, ())
