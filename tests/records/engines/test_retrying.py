"""Transactions that are tried again."""

import pytest

from glasshouse.errors import CommitUnknownError, ConflictError, EngineError
from glasshouse.records.engines import open_engine, transact


class Flaky:
    """An engine whose transactions fail so many times before they commit."""

    def __init__(self, failures, error=ConflictError):
        self.failures, self.error = failures, error
        self.begun, self.cancelled = [], 0

    def begin(self, *, exclusive=False):
        self.begun.append(exclusive)
        return self

    def commit(self):
        if len(self.begun) <= self.failures:
            raise self.error("again")

    def cancel(self):
        self.cancelled += 1


def tried(engine, **options):
    pauses = []
    run = transact.__wrapped__ if hasattr(transact, "__wrapped__") else transact
    result = run(engine, lambda _: "done", sleep=pauses.append, draw=lambda: 1.0, **options)
    return result, pauses


class TestTransact:
    def test_pauses_longer_each_time_and_ends_exclusive(self):
        """Twice as long, up to a tenth of a second; after five conflicts nobody else may write."""
        engine = Flaky(9)
        result, pauses = tried(engine)
        assert result == "done"
        assert pauses == [0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.1, 0.1]
        assert engine.begun == [False] * 5 + [True] * 5
        assert engine.cancelled == 10

    def test_gives_up_and_says_how_often_it_tried(self):
        """Bounded in attempts and in time."""
        with pytest.raises(ConflictError, match="tried 3 times"):
            tried(Flaky(9), attempts=3)
        clock = iter(range(0, 1000, 40))
        with pytest.raises(ConflictError, match=r"tried 2 times in 80\.0 s"):
            tried(Flaky(9), clock=lambda: float(next(clock)))

    def test_does_not_repeat_what_may_have_been_done(self):
        """Unless doing it twice does no harm."""
        with pytest.raises(CommitUnknownError):
            tried(Flaky(1, CommitUnknownError))
        assert tried(Flaky(1, CommitUnknownError), idempotent=True)[0] == "done"


class TestOpenEngine:
    def test_lists_what_there_is(self):
        """An unknown scheme is answered with the known ones."""
        with pytest.raises(EngineError, match="give memory:, lmdb:FOLDER"):
            open_engine("mongo:x")
        with pytest.raises(EngineError, match="options of lmdb are"):
            open_engine("lmdb:x?size=3")
        with pytest.raises(EngineError, match="needs a folder"):
            open_engine("lmdb:")

    def test_shares_a_named_memory(self):
        """By its name within the process; without a name it is fresh."""
        one, other = open_engine("memory:shared"), open_engine("memory:shared")
        transact(one, lambda transaction: transaction.set(b"a", b"1"))
        assert transact(other, lambda transaction: transaction.get(b"a")) == b"1"
        assert transact(open_engine("memory:"), lambda one: one.get(b"a")) is None
