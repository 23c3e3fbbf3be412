"""Reading what changed, once and as it goes on."""

import asyncio
from threading import Event, Thread

import pytest
from tests.records.indexes.test_version import Run, feed, open_runs, rows

from glasshouse.errors import QueryError
from glasshouse.records.indexes import changes as module
from glasshouse.records.indexes.changes import (
    changes,
    follow,
    follow_async,
    forget_deletions,
    newest_version,
)
from glasshouse.records.indexes.value import ValueIndex
from glasshouse.records.indexes.version import POINTERS, VersionIndex


@pytest.fixture
def runs():
    return open_runs(VersionIndex("changed", Run), ValueIndex("by_loss", Run, Run.loss))


def newest(handle):
    return handle.read(lambda store: newest_version(store, "changed"))


class TestChanges:
    def test_tells_the_record_as_it_is_now(self, runs):
        """With its type, its key and the id that other indexes have for it."""
        runs.save(Run(7, loss=1.5))
        (change,) = runs.read(lambda store: list(changes(store, "changed")))
        assert change.record == Run(7, loss=1.5)
        assert change.record_type is Run
        assert change.key == (7,)
        assert runs.read(lambda store: store.load_by_id(change.record_id)) == change.record

    def test_goes_on_behind_a_version(self, runs):
        """Of a version that was told nothing is told again, and of later ones all is."""
        runs.save(Run(1), Run(2))
        first, second = runs.read(lambda store: list(changes(store, "changed")))
        runs.save(Run(3))
        assert feed(runs, since=first.version) == [(2, True), (3, True)]
        assert feed(runs, since=first.version.to_bytes()) == [(2, True), (3, True)]
        assert feed(runs, since=second.version) == [(3, True)]
        assert feed(runs, since=newest(runs)) == []

    def test_goes_on_behind_a_whole_commit(self, runs):
        """Ten bytes stand for all that was committed together."""
        runs.save(Run(1), Run(2))
        commit = newest(runs).commit
        runs.save(Run(3))
        assert feed(runs, since=commit) == [(3, True)]

    def test_reads_page_after_page(self, runs, monkeypatch):
        """What does not fit in one page comes with the next; a limit cuts anywhere."""
        monkeypatch.setattr(module, "_PAGE", 3)
        runs.save(*[Run(number) for number in range(7)])
        assert [number for number, _ in feed(runs)] == list(range(7))
        for limit in range(9):
            assert len(feed(runs, limit=limit)) == min(limit, 7)

    def test_has_no_newest_version_of_nothing(self, runs):
        """None before the first change."""
        assert newest(runs) is None

    def test_refuses_what_is_no_version(self, runs):
        """A truncated version would silently tell the wrong things."""
        with pytest.raises(QueryError, match="it has 4 bytes"):
            feed(runs, since=b"abcd")

    def test_refuses_an_index_of_another_kind(self, runs):
        """A value index has no versions."""
        with pytest.raises(QueryError, match="'by_loss' is of kind value"):
            feed(runs, name="by_loss")

    def test_refuses_groups_that_do_not_fit(self, runs):
        """The number of values tells what was forgotten."""
        with pytest.raises(QueryError, match="has no groups"):
            feed(runs, group=("a",))
        grouped = open_runs(VersionIndex("changed", Run, group_by=(Run.study, Run.loss)))
        with pytest.raises(QueryError, match=r"grouped by 2 columns \(study, loss\)"):
            feed(grouped, group=("a",))
        with pytest.raises(QueryError, match="does not fit"):
            feed(grouped, group=(1, "x"))


class TestForgetDeletions:
    def test_forgets_only_deletions_up_to_a_version(self, runs):
        """Records stay in the feed, and so do later deletions."""
        runs.save(*[Run(number) for number in range(4)])
        runs.delete(Run, 0)
        until = newest(runs)
        runs.delete(Run, 1)
        assert runs.run(lambda store: forget_deletions(store, "changed", until=until)) == 1
        assert feed(runs) == [(2, True), (3, True), (1, False)]
        assert len(rows(runs, POINTERS)) == 3

    def test_stops_at_its_limit(self, runs, monkeypatch):
        """Many deletions are forgotten in several transactions."""
        monkeypatch.setattr(module, "_PAGE", 2)
        runs.save(*[Run(number) for number in range(5)])
        for number in range(5):
            runs.delete(Run, number)
        until = newest(runs)
        removed = [
            runs.run(lambda store: forget_deletions(store, "changed", until=until, limit=3))
            for _ in range(3)
        ]
        assert removed == [3, 2, 0]
        assert feed(runs) == []


class TestFollow:
    def test_tells_what_is_there_and_what_comes(self, runs):
        """A writer beside it is followed; `stop` ends the waiting at once."""
        runs.save(Run(1))
        stop, found = Event(), []

        def read():
            for change in follow(runs, "changed", poll_seconds=0.005, stop=stop):
                found.append(change.key[0])
                if change.key == (3,):
                    stop.set()

        reader = Thread(target=read)
        reader.start()
        runs.save(Run(2))
        runs.save(Run(3))
        reader.join(timeout=20)
        assert not reader.is_alive()
        assert sorted(found) == [1, 2, 3]

    def test_begins_behind_a_version_and_reads_all_pages(self, runs, monkeypatch):
        """More changes than a page are told without waiting in between."""
        monkeypatch.setattr(module, "_PAGE", 2)
        runs.save(Run(0))
        since = newest(runs)
        runs.save(*[Run(number) for number in range(1, 6)])
        feed = follow(runs, "changed", since=since, poll_seconds=60)
        assert [next(feed).key[0] for _ in range(5)] == [1, 2, 3, 4, 5]

    def test_is_followed_in_asyncio(self, runs):
        """The same, while the loop does other things."""

        async def main():
            found = []

            async def write():
                await runs.run_async(lambda store: store.save(Run(2)))

            runs.save(Run(1))
            writing = asyncio.create_task(write())
            async for change in follow_async(runs, "changed", poll_seconds=0.005):
                found.append(change.key[0])
                if len(found) == 2:
                    break
            await writing
            return found

        assert asyncio.run(main()) == [1, 2]

    def test_refuses_not_to_wait(self, runs):
        """A loop without a pause would burn a core."""
        with pytest.raises(QueryError, match="poll_seconds=0 must be positive"):
            next(follow(runs, "changed", poll_seconds=0))
