"""The rows of a version index: one for the last change of each record, in commit order."""

from hypothesis import given, settings
from hypothesis import strategies as st

from glasshouse.records.expressions import Record, fan_out
from glasshouse.records.indexes.changes import changes
from glasshouse.records.indexes.version import CHANGES, POINTERS, VersionIndex
from glasshouse.records.schema.schema import Schema
from glasshouse.records.store.database import Database
from glasshouse.records.subspace import Subspace
from glasshouse.records.tuples import strinc


class Run(Record):
    id: int
    study: str = "a"
    loss: float = 0.0
    tags: list[str] = []


def schema_of(*indexes):
    return Schema(name="lab", version=1, records={Run: Run.id}, indexes=indexes)


def open_runs(*indexes):
    return Database.open("memory:").store(schema_of(*indexes), Subspace(("lab",)))


BY_STUDY = schema_of(VersionIndex("changed", Run, group_by=Run.study))


def feed(handle, name="changed", **options):
    """The feed as (primary key, whether the record is there)."""
    found = handle.read(lambda store: list(changes(store, name, **options)))
    return [(change.key[0], change.record is not None) for change in found]


def rows(handle, part, name="changed"):
    def read(store):
        prefix = store.index_space(name) + part
        return store.transaction.get_range(prefix, strinc(prefix))

    return handle.read(read)


def problems(handle, name="changed"):
    index = handle.schema.index(name)
    return handle.read(lambda store: list(index.check(store.transaction, store.index_space(name))))


class TestVersionIndex:
    def test_keeps_the_order_of_changes_within_a_transaction(self):
        """Records of one commit follow each other as they were saved, not as their keys sort."""
        runs = open_runs(VersionIndex("changed", Run))
        runs.save(Run(3), Run(1), Run(2))
        runs.save(Run(0))
        assert feed(runs) == [(3, True), (1, True), (2, True), (0, True)]

    def test_moves_a_record_to_its_last_change(self):
        """A reader of the feed sees each record once, where it last changed."""
        runs = open_runs(VersionIndex("changed", Run))
        runs.save(Run(1), Run(2))
        runs.save(Run(1, loss=2.0))
        assert feed(runs) == [(2, True), (1, True)]
        assert len(rows(runs, CHANGES)) == len(rows(runs, POINTERS)) == 2

    def test_counts_two_changes_in_one_transaction_as_the_later(self):
        """What is written under a version cannot be taken back, so it is written but once."""
        runs = open_runs(VersionIndex("changed", Run))

        def work(store):
            store.save(Run(1))
            store.save(Run(2))
            store.save(Run(1, loss=1.0))

        runs.run(work)
        assert feed(runs) == [(2, True), (1, True)]
        runs.run(work)
        assert feed(runs) == [(2, True), (1, True)]
        assert problems(runs) == []

    def test_tells_of_a_deletion_until_the_record_is_back(self):
        """A follower that copies the store must learn that a record is gone."""
        runs = open_runs(VersionIndex("changed", Run))
        runs.save(Run(1), Run(2))
        runs.delete(Run, 1)
        assert feed(runs) == [(2, True), (1, False)]
        runs.save(Run(1))
        assert feed(runs) == [(2, True), (1, True)]

    def test_says_nothing_of_a_record_that_nobody_saw(self):
        """Made and removed in one transaction, it leaves no row."""
        runs = open_runs(VersionIndex("changed", Run))

        def work(store):
            store.save(Run(1))
            store.delete(Run, 1)

        runs.run(work)
        assert rows(runs, CHANGES) == rows(runs, POINTERS) == []

    def test_knows_a_record_removed_and_made_again_in_one_transaction(self):
        """The last state counts, and the earlier row is gone."""
        runs = open_runs(VersionIndex("changed", Run))
        runs.save(Run(1), Run(2))

        def work(store):
            store.delete(Run, 1)
            store.save(Run(1, loss=5.0))
            store.delete(Run, 2)
            store.save(Run(2))
            store.delete(Run, 2)

        runs.run(work)
        assert feed(runs) == [(1, True), (2, False)]
        assert problems(runs) == []

    def test_leaves_no_trace_of_deletions_where_they_are_not_wanted(self):
        """With deletions=False the feed holds what is there, as in the paper."""
        runs = open_runs(VersionIndex("changed", Run, deletions=False))
        runs.save(Run(1), Run(2))
        runs.delete(Run, 1)
        assert feed(runs) == [(2, True)]
        assert len(rows(runs, POINTERS)) == 1

    def test_ends_in_the_group_that_a_record_left(self):
        """Who follows one study learns that a run went to another."""
        runs = open_runs(VersionIndex("changed", Run, group_by=Run.study))
        runs.save(Run(1, "a"), Run(2, "a"))
        runs.save(Run(1, "b"))
        assert feed(runs, group=("a",)) == [(2, True), (1, False)]
        assert feed(runs, group=("b",)) == [(1, True)]
        runs.save(Run(1, "a"))
        assert feed(runs, group=("a",)) == [(2, True), (1, True)]
        assert problems(runs) == []

    def test_has_a_record_in_the_feed_of_each_of_its_tags(self):
        """Groups may fan out; a tag named twice is one group."""
        runs = open_runs(VersionIndex("changed", Run, group_by=fan_out(Run.tags)))
        runs.save(Run(1, tags=["x", "y", "x"]))
        runs.save(Run(1, tags=["y"]))
        assert feed(runs, group=("x",)) == [(1, False)]
        assert feed(runs, group=("y",)) == [(1, True)]

    def test_tells_of_a_record_that_no_longer_meets_the_condition(self):
        """Leaving a filtered index is a deletion for those who follow it."""
        runs = open_runs(VersionIndex("changed", Run, where=Run.loss > 1))
        runs.save(Run(1, loss=2.0), Run(2))
        assert feed(runs) == [(1, True)]
        runs.save(Run(1, loss=0.5))
        assert feed(runs) == [(1, False)]

    def test_is_empty_after_all_is_deleted(self):
        """Rows that were to be written at commit must not outlive the records."""
        runs = open_runs(VersionIndex("changed", Run))
        runs.save(Run(1))

        def work(store):
            store.save(Run(2))
            store.delete_all()
            store.save(Run(3))

        runs.run(work)
        assert feed(runs) == [(3, True)]
        assert problems(runs) == []

    def test_orders_interleaved_transactions_by_their_commits(self):
        """Who commits later stands later, whoever began first."""
        runs = open_runs(VersionIndex("changed", Run))
        runs.save(Run(0))
        with runs.database.transaction() as first:
            runs.open(first).save(Run(1))
            with runs.database.transaction() as second:
                runs.open(second).save(Run(2))
        assert feed(runs) == [(0, True), (2, True), (1, True)]

    def test_finds_rows_that_do_not_fit_each_other(self):
        """A change without pointer and a pointer without change are both told."""
        runs = open_runs(VersionIndex("changed", Run, group_by=Run.study))
        runs.save(Run(1), Run(2))
        (change, _), (pointer, _) = rows(runs, CHANGES)[0], rows(runs, POINTERS)[1]
        with runs.database.transaction() as context:
            context.transaction.clear(change)
            context.transaction.clear(pointer)
        told = problems(runs)
        assert len(told) == 2
        assert "is not at" in told[0]
        assert "is not its last one" in told[1]

    @settings(max_examples=40, deadline=None)
    @given(
        transactions=st.lists(
            st.lists(
                st.tuples(st.integers(0, 3), st.sampled_from(["a", "b", None])),
                min_size=1,
                max_size=6,
            ),
            max_size=6,
        )
    )
    def test_agrees_with_a_list_of_last_changes(self, transactions):
        """Any changes in any transactions: each group tells the last of each record it ever had."""
        runs = Database.open("memory:").store(BY_STUDY, Subspace(("lab",)))
        model: dict[tuple[str, int], bool] = {}
        committed: set[tuple[str, int]] = set()
        studies: dict[int, str] = {}

        def change(number, study):
            before = studies.get(number)
            for group in {before, study} - {None}:
                model.pop((group, number), None)
                if group == study or (group, number) in committed:
                    model[group, number] = group == study
            if study is None:
                studies.pop(number, None)
            else:
                studies[number] = study

        for steps in transactions:

            def work(store, steps=steps):
                for number, study in steps:
                    if study is None:
                        store.delete(Run, number)
                    else:
                        store.save(Run(number, study))

            runs.run(work)
            for number, study in steps:
                if study is not None or number in studies:
                    change(number, study)
            committed = set(model)
        for group in ("a", "b"):
            expected = [(number, live) for (of, number), live in model.items() if of == group]
            assert feed(runs, group=(group,)) == expected
        assert problems(runs) == []
