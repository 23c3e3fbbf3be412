"""What of FoundationDB can be told without a cluster; with one, the conformance suite runs.

A fake stands in for the client library where only our side of a call is looked at: what is asked,
of whom, with which bytes. What a cluster would answer is not told here.
"""

import ctypes.util
from types import SimpleNamespace

import pytest

from glasshouse.errors import (
    CommitUnknownError,
    ConflictError,
    DiskFullError,
    EngineError,
    StorageError,
)
from glasshouse.records.engines import MAX_KEY_BYTES, MAX_VALUE_BYTES, Mutation, open_engine

pytest.importorskip("fdb", reason="the foundationdb package is not installed")

MAYBE_COMMITTED = {1021, 1039}
NOT_COMMITTED = {1007, 1009, 1020, 1037, 1038, 1042, 1051, 1078, 1213}
"""What `fdb_error_predicate` of bindings/c/fdb_c.cpp, 7.1, says of codes."""


class FakeError(Exception):
    """As the package's, whose own needs the client library for its words."""

    def __init__(self, code):
        super().__init__(f"words ({code})")
        self.code = code


class FakeFuture:
    """Ready at once, with a value or an error."""

    def __init__(self, value=None, error=None):
        self.value, self.error, self.is_cancelled = value, error, False

    def wait(self):
        if self.error:
            raise self.error
        return self.value

    def present(self):
        return self.wait() is not None

    def __bytes__(self):
        return self.wait()

    def on_ready(self, callback):
        callback(self)

    def cancel(self):
        self.is_cancelled = True


class FakeTransaction:
    """Writes down what it is asked, and answers as it was told to."""

    def __init__(self, answers, calls=None, name=""):
        self.answers, self.name = answers, name
        self.calls = [] if calls is None else calls
        self.snapshot = self if name else FakeTransaction(answers, self.calls, "snapshot.")

    def __getattr__(self, asked):
        def call(*arguments, **options):
            self.calls.append((self.name + asked, *arguments, *options.values()))
            answer = self.answers.get(asked, FakeFuture())
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call


@pytest.fixture
def begin(monkeypatch):
    """Begin a transaction over a fake one; returns both."""
    from glasshouse.records.engines import foundationdb

    package = SimpleNamespace(
        FDBError=FakeError,
        StreamingMode=SimpleNamespace(want_all="all", exact="exact"),
        predicates=SimpleNamespace(
            is_maybe_committed=lambda error: error.code in MAYBE_COMMITTED,
            is_retryable=lambda error: error.code in MAYBE_COMMITTED | NOT_COMMITTED,
        ),
    )
    monkeypatch.setattr(foundationdb, "fdb", package)

    def started(read_only=False, **answers):
        fake = FakeTransaction(answers)
        database = SimpleNamespace(create_transaction=lambda: fake)
        engine = foundationdb.FoundationDBEngine("fdb:", database)
        return engine.begin(read_only=read_only), fake

    return started


class TestOpening:
    def test_says_what_is_missing(self):
        """The package alone is not enough."""
        if ctypes.util.find_library("fdb_c"):
            pytest.skip("FoundationDB's client library is installed")
        with pytest.raises(EngineError, match="needs FoundationDB's client library"):
            open_engine("fdb:/etc/foundationdb/fdb.cluster")

    def test_goes_along_with_the_version_that_a_program_has_chosen(self, monkeypatch):
        """It can be chosen once in a process; an older one lacks what is needed."""
        from glasshouse.records.engines import foundationdb

        package = SimpleNamespace(
            is_api_version_selected=lambda: True,
            get_api_version=lambda: 730,
            open=lambda file: file,
        )
        monkeypatch.setattr(foundationdb, "fdb", package)
        assert open_engine("fdb:some.file").url == "fdb:some.file"
        package.get_api_version = lambda: 630
        with pytest.raises(EngineError, match="needs FoundationDB's interface 710"):
            open_engine("fdb:")


class TestErrors:
    @pytest.mark.parametrize(
        ("code", "reading", "committing"),
        [
            *((code, ConflictError, ConflictError) for code in sorted(NOT_COMMITTED)),
            *((code, ConflictError, CommitUnknownError) for code in sorted(MAYBE_COMMITTED)),
            (1031, StorageError, CommitUnknownError),
            (1022, StorageError, CommitUnknownError),
            (1036, EngineError, EngineError),
            (2101, EngineError, EngineError),
            (2004, EngineError, EngineError),
            (1225, DiskFullError, DiskFullError),
            (1500, StorageError, StorageError),
        ],
    )
    def test_mean_another_thing_when_committing(self, begin, code, reading, committing):
        """What may have been committed must not be tried again as if it had not been."""
        transaction, _ = begin(
            get=FakeFuture(error=FakeError(code)), commit=FakeFuture(error=FakeError(code))
        )
        for use, kind in (
            (lambda: transaction.get(b"a"), reading),
            (transaction.commit, committing),
        ):
            with pytest.raises((StorageError, EngineError)) as failed:
                use()
            assert type(failed.value) is kind

    def test_of_writing_are_told_too(self, begin):
        """The client library refuses some calls at once."""
        transaction, _ = begin(add_write_conflict_range=FakeError(2004))
        with pytest.raises(EngineError, match="the cluster refused"):
            transaction.add_write_conflict_range(b"a", b"\xff\xff")


class TestCalls:
    def test_end_stamped_keys_and_values_with_where_the_version_goes(self, begin):
        """Four bytes, little-endian, behind the key or the value."""
        transaction, fake = begin()
        transaction.set_versionstamped_key(b"k" + bytes(10) + b"x", 1, b"v")
        transaction.set_versionstamped_value(b"k", bytes(300), 290)
        assert fake.calls == [
            ("set_versionstamped_key", b"k" + bytes(10) + b"x" + b"\x01\0\0\0", b"v"),
            ("set_versionstamped_value", b"k", bytes(300) + b"\x22\x01\0\0"),
        ]

    def test_name_operations_as_the_package_does(self, begin):
        """Of each there is a method; the package makes them from its table of options."""
        from fdb.fdboptions import MutationType

        transaction, fake = begin()
        for mutation in Mutation:
            transaction.mutate(mutation, b"k", b"\x01")
        assert [call[0] for call in fake.calls] == [mutation.value for mutation in Mutation]
        assert {mutation.value for mutation in Mutation} <= set(MutationType)

    def test_read_past_conflicts_where_none_are_wanted(self, begin):
        """Snapshot reads, and those of a transaction that will not write."""
        for read_only, snapshot in ((False, False), (False, True), (True, False)):
            transaction, fake = begin(read_only, get=FakeFuture(b"v"), get_range=[])
            assert transaction.get_all([b"a", b"b"], snapshot=snapshot) == [b"v", b"v"]
            transaction.get_range(b"a", b"c", snapshot=snapshot)
            transaction.get_range(b"a", b"c", limit=3, reverse=True, snapshot=snapshot)
            where = "snapshot." if read_only or snapshot else ""
            assert fake.calls == [
                (f"{where}get", b"a"),
                (f"{where}get", b"b"),
                (f"{where}get_range", b"a", b"c", 0, False, "all"),
                (f"{where}get_range", b"a", b"c", 3, True, "exact"),
            ]

    def test_ask_for_the_version_before_the_commit(self, begin):
        """Afterwards it cannot be asked for; without a write there is none."""
        version = bytes(range(10))
        transaction, fake = begin(get_versionstamp=FakeFuture(version))
        transaction.set(b"a", b"1")
        transaction.commit()
        transaction.cancel()
        assert transaction.committed_version == version
        assert [call[0] for call in fake.calls] == ["set", "get_versionstamp", "commit"]
        reading, fake = begin()
        reading.get(b"a")
        reading.commit()
        assert reading.committed_version is None
        assert [call[0] for call in fake.calls] == ["get", "commit"]

    def test_are_not_made_for_what_is_refused(self, begin):
        """Too long, empty, after the end, or writing what was to be read."""
        transaction, fake = begin()
        with pytest.raises(EngineError, match="is too long"):
            transaction.set_all({b"a": b"1", b"x" * (MAX_KEY_BYTES + 1): b""})
        with pytest.raises(EngineError, match="is too long"):
            transaction.mutate(Mutation.ADD, b"a", bytes(MAX_VALUE_BYTES + 1))
        transaction.clear_range(b"b", b"a")
        assert transaction.get_range(b"a", b"b", limit=0) == []
        assert fake.calls == []
        transaction.cancel()
        with pytest.raises(EngineError, match="has ended"):
            transaction.set(b"a", b"1")
        reading, fake = begin(read_only=True)
        with pytest.raises(EngineError, match="read-only"):
            reading.set(b"a", b"1")
        assert fake.calls == []


class TestWatches:
    def test_wake_with_the_future(self, begin):
        """Which is ready when the value differs."""
        transaction, _ = begin(watch=FakeFuture())
        assert transaction.watch(b"a").wait(1)

    def test_do_not_take_an_error_for_a_change(self, begin):
        """A cluster has only so many watches; who cancelled one did so on purpose."""
        transaction, _ = begin(watch=FakeFuture(error=FakeError(1032)))
        watch = transaction.watch(b"a")
        with pytest.raises(StorageError, match="could not do it"):
            watch.wait(1)
        watch.cancel()
        assert not watch.wait(1)
