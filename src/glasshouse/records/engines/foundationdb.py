"""`fdb:CLUSTER_FILE`: a FoundationDB cluster, for when one machine is outgrown.

A thin face over the `foundationdb` package: what the record layer asks for is what FoundationDB
offers. The package needs FoundationDB's client library, which comes with its own installer.
A transaction there lasts five seconds and writes ten megabytes at most.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import fdb as _package

from glasshouse.errors import (
    CommitUnknownError,
    ConflictError,
    DiskFullError,
    EngineError,
    StorageError,
)
from glasshouse.records.engines.engine import (
    MAX_KEY_BYTES,
    MAX_VALUE_BYTES,
    VERSION_BYTES,
    Mutation,
    Row,
    Transaction,
    Watch,
)

fdb: Any = _package
"""The package gets its names only when `api_version` is called."""

API_VERSION = 710
"""The oldest interface that has all we use; clients of 7.1 and later speak it.

A later one could give calls another meaning, so it is not chosen merely because it is there.
"""

_TIMED_OUT = 1031
_FOREVER_UNKNOWN = 1022
_UNREADABLE = 1036
_TOO_LARGE = {2101, 2102, 2103}
_QUOTA = 1225


def meaning_of(error: Any, *, is_committing: bool = False) -> Exception:
    """The house's error for one of FoundationDB's.

    What may be tried again the client library knows itself, also of codes yet to come. An error
    that leaves open whether a commit was done leaves nothing open before there was one.
    """
    code, words = error.code, str(error)
    if fdb.predicates.is_maybe_committed(error) or code in (_TIMED_OUT, _FOREVER_UNKNOWN):
        if is_committing:
            return CommitUnknownError(f"the cluster did not answer while committing: {words}")
        if code == _TIMED_OUT:
            return StorageError(f"the cluster did not answer in time: {words}")
    if fdb.predicates.is_retryable(error):
        return ConflictError(f"another transaction changed what this one read; try again ({words})")
    if code == _UNREADABLE:
        return EngineError("what gets its version at commit was read; read it after that")
    if code in _TOO_LARGE:
        return EngineError(f"{words}; write in smaller transactions")
    if code == _QUOTA:
        return DiskFullError(f"the cluster has no room left: {words}")
    if 2000 <= code < 3000:  # what a client must not ask
        return EngineError(f"the cluster refused: {words}")
    return StorageError(f"the cluster could not do it: {words}")


@contextmanager
def translated(*, is_committing: bool = False) -> Iterator[None]:
    """Turn FoundationDB's errors into the house's.

    Raises:
        ConflictError, CommitUnknownError, DiskFullError, EngineError, StorageError: As it says.
    """
    try:
        yield
    except fdb.FDBError as error:
        raise meaning_of(error, is_committing=is_committing) from None


class FoundationDBEngine:
    """Keys and values in a cluster."""

    def __init__(self, url: str, database: Any) -> None:
        """Use `open_foundationdb`."""
        self._url = url
        self._database = database

    @property
    def url(self) -> str:
        """How it was opened."""
        return self._url

    def begin(self, *, exclusive: bool = False, read_only: bool = False) -> Transaction:
        """Begin a transaction; a cluster has no exclusive ones, so those may conflict too."""
        with translated():
            return _FoundationDBTransaction(self._database.create_transaction(), read_only)

    def advance_version(self, version: bytes) -> None:
        """Refuse versions that the cluster, whose versions are its own, has not reached yet.

        Raises:
            EngineError: If it has not.
        """
        if self.newest_version() < version:
            raise EngineError(
                "the versions of this cluster are behind those of the backup, and cannot be "
                "advanced from here; advance them with fdbcli's `advanceversion`"
            )

    def newest_version(self) -> bytes:
        """A version that no earlier commit exceeds."""
        with translated():
            transaction = self._database.create_transaction()
            number = transaction.get_read_version().wait()
        return number.to_bytes(8, "big") + b"\xff" * (VERSION_BYTES - 8)

    def close(self) -> None:
        """The client library keeps its connections until the process ends."""


class _FoundationDBTransaction:
    """One of FoundationDB's transactions."""

    def __init__(self, transaction: Any, read_only: bool) -> None:
        self._transaction = transaction
        self._read_only = read_only
        self._is_open = True
        self._has_written = False
        self._version: bytes | None = None

    def quick(self, forget: Callable[[], object]) -> Callable[[bytes], bytes | None]:
        """`get`, which knows itself when the transaction has ended."""
        return self.get

    def get(self, key: bytes, *, snapshot: bool = False) -> bytes | None:
        """The value of a key."""
        return self.get_all([key], snapshot=snapshot)[0]

    def get_all(self, keys: Sequence[bytes], *, snapshot: bool = False) -> list[bytes | None]:
        """The values of many keys, asked for at once."""
        reader = self._reader(snapshot)
        with translated():
            found = [reader.get(key) for key in keys]
            return [bytes(one) if one.present() else None for one in found]

    def get_range(
        self,
        begin: bytes,
        end: bytes,
        *,
        limit: int | None = None,
        reverse: bool = False,
        snapshot: bool = False,
    ) -> list[Row]:
        """At most `limit` rows of a range."""
        reader = self._reader(snapshot)
        if begin >= end or limit == 0:
            return []
        mode = fdb.StreamingMode.want_all if limit is None else fdb.StreamingMode.exact
        with translated():
            rows = reader.get_range(
                begin, end, limit=limit or 0, reverse=reverse, streaming_mode=mode
            )
            return [(bytes(row.key), bytes(row.value)) for row in rows]

    def set(self, key: bytes, value: bytes) -> None:
        """Write a value."""
        self._refuse_long(key, value)
        self._write("set", key, value)

    def set_all(self, rows: Mapping[bytes, bytes]) -> None:
        """Write many values."""
        for key, value in rows.items():
            self._refuse_long(key, value)
        for key, value in rows.items():
            self._write("set", key, value)

    def clear(self, key: bytes) -> None:
        """Remove a key."""
        self._refuse_long(key)
        self._write("clear", key)

    def clear_range(self, begin: bytes, end: bytes) -> None:
        """Remove a range."""
        if begin < end:
            self._write("clear_range", begin, end)

    def mutate(self, mutation: Mutation, key: bytes, parameter: bytes) -> None:
        """Apply an atomic operation."""
        self._refuse_long(key, parameter)
        self._write(mutation.value, key, parameter)

    def set_versionstamped_key(self, key: bytes, offset: int, value: bytes) -> None:
        """Write under a key that holds the commit version."""
        _check_offset(key, offset)
        whole = key + offset.to_bytes(4, "little")
        self._refuse_long(key, value)
        self._write("set_versionstamped_key", whole, value)

    def set_versionstamped_value(self, key: bytes, value: bytes, offset: int) -> None:
        """Write a value that holds the commit version."""
        _check_offset(value, offset)
        whole = value + offset.to_bytes(4, "little")
        self._refuse_long(key, value)
        self._write("set_versionstamped_value", key, whole)

    def add_read_conflict_range(self, begin: bytes, end: bytes) -> None:
        """Conflict with whoever changes this range."""
        if begin < end:
            with translated():
                self._open().add_read_conflict_range(begin, end)

    def add_write_conflict_range(self, begin: bytes, end: bytes) -> None:
        """Make whoever read this range conflict."""
        if begin < end:
            self._write("add_write_conflict_range", begin, end)

    def watch(self, key: bytes) -> Watch:
        """Watch a key from the commit on."""
        with translated():
            return _FoundationDBWatch(self._open().watch(key))

    def commit(self) -> None:
        """Make the writes everybody's."""
        transaction = self._open()
        try:
            with translated(is_committing=True):
                stamp = transaction.get_versionstamp() if self._has_written else None
                transaction.commit().wait()
                if stamp is not None:
                    self._version = bytes(stamp)
        finally:
            self._is_open = False

    def cancel(self) -> None:
        """End without writing."""
        if self._is_open:
            self._is_open = False
            self._transaction.cancel()

    @property
    def committed_version(self) -> bytes | None:
        """The commit version."""
        return self._version

    @property
    def approximate_size(self) -> int:
        """Bytes that the commit would write."""
        with translated():
            return self._open().get_approximate_size().wait()

    def _open(self) -> Any:
        if not self._is_open:
            raise EngineError("this transaction has ended; begin another")
        return self._transaction

    def _reader(self, snapshot: bool) -> Any:
        """What reads; what will write nothing need not have its reads remembered."""
        transaction = self._open()
        return transaction.snapshot if snapshot or self._read_only else transaction

    def _write(self, operation: str, key: bytes, *value: bytes) -> None:
        transaction = self._open()
        if self._read_only:
            raise EngineError("a read-only transaction cannot write; begin another for that")
        with translated():
            getattr(transaction, operation)(key, *value)
        self._has_written = True

    def _refuse_long(self, key: bytes, value: bytes = b"") -> None:
        self._open()
        if len(key) > MAX_KEY_BYTES:
            raise EngineError(f"a key of {len(key)} bytes is too long; {MAX_KEY_BYTES} is the most")
        if len(value) > MAX_VALUE_BYTES:
            raise EngineError(
                f"a value of {len(value)} bytes is too long; {MAX_VALUE_BYTES} is the most"
            )


class _FoundationDBWatch:
    """Waits for a future of the client library."""

    def __init__(self, future: Any) -> None:
        self._future = future
        self._ready = threading.Event()
        self._is_cancelled = False
        future.on_ready(lambda _: self._ready.set())

    def wait(self, timeout_seconds: float) -> bool:
        """Block until the value differs; False if time ran out or it was cancelled.

        Raises:
            StorageError: If the cluster gave up watching, of which it has only so many.
        """
        if not self._ready.wait(timeout_seconds) or self._is_cancelled:
            return False
        with translated():
            self._future.wait()
        return True

    def cancel(self) -> None:
        """Stop watching; who waits wakes up."""
        self._is_cancelled = True
        self._future.cancel()


def _check_offset(holder: bytes, offset: int) -> None:
    if not 0 <= offset <= len(holder) - VERSION_BYTES:
        raise EngineError(
            f"offset={offset} leaves no room for a version of {VERSION_BYTES} bytes in "
            f"{len(holder)} bytes"
        )


def open_foundationdb(url: str) -> FoundationDBEngine:
    """Open `fdb:CLUSTER_FILE`, or `fdb:` for the machine's own cluster file.

    Raises:
        EngineError: If the client library is missing, or the file is none.
    """
    file = url.removeprefix("fdb:") or None
    if fdb.is_api_version_selected() and fdb.get_api_version() < API_VERSION:
        raise EngineError(
            f"{url} needs FoundationDB's interface {API_VERSION}, and this process has chosen "
            f"{fdb.get_api_version()}; choose a later one with fdb.api_version"
        )
    try:
        if not fdb.is_api_version_selected():
            fdb.api_version(API_VERSION)
        return FoundationDBEngine(url, fdb.open(file))
    except Exception as error:
        # Without its client library the package raises a bare Exception; its own errors have codes.
        if hasattr(error, "code"):
            raise EngineError(f"{url} cannot be opened: {error}") from None
        raise EngineError(
            f"{url} needs FoundationDB's client library, which its installer brings: {error}"
        ) from None
