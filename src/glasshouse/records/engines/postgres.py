"""`postgresql://…`: a server, for many machines.

A transaction reads through a serialisable, read-only transaction of the server. Writes wait in a
buffer; the commit takes one lock that all committers share, reads again what the transaction had
read if anybody committed since, and writes in a second serialisable transaction. So what conflicts
is exactly what was read and changed, atomic operations never do, and versions grow in the order of
commits. The lock is held for the commit only.

Keys longer than a B-tree of the server takes lie in buckets, as they do in LMDB.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import errors

from glasshouse.errors import (
    CommitUnknownError,
    ConflictError,
    CorruptionError,
    DiskFullError,
    EngineError,
)
from glasshouse.records.engines.buffer import BufferedTransaction
from glasshouse.records.engines.changes import Changes, Range, Snapshot
from glasshouse.records.engines.engine import VERSION_BYTES, Row, Transaction, Watch
from glasshouse.records.engines.long_keys import (
    HEAD_BYTES,
    bucket_of,
    find_in_bucket,
    pack_bucket,
    unfold,
    unpack_bucket,
)
from glasshouse.records.engines.mutation import apply_mutation
from glasshouse.records.engines.polling import PollingWatch
from glasshouse.records.engines.validation import check_claims, check_reads

_LOCK = 0x676C6173  # one number for all committers of a database
_MARKS_KEPT_VERSIONS = 100_000
_CONNECTIONS_KEPT = 16
_CHUNK = 2_000

_SCHEMA = """
CREATE SCHEMA IF NOT EXISTS glasshouse;
CREATE TABLE IF NOT EXISTS glasshouse.rows (key bytea PRIMARY KEY, value bytea NOT NULL);
CREATE TABLE IF NOT EXISTS glasshouse.marks
    (version bigint NOT NULL, first bytea NOT NULL, last bytea NOT NULL);
CREATE INDEX IF NOT EXISTS marks_by_version ON glasshouse.marks (version);
CREATE TABLE IF NOT EXISTS glasshouse.newest (version bigint NOT NULL);
INSERT INTO glasshouse.newest SELECT 0 WHERE NOT EXISTS (SELECT FROM glasshouse.newest);
"""


class PostgresEngine:
    """Keys and values in a database of a PostgreSQL server."""

    def __init__(self, url: str) -> None:
        """Use `open_postgres`."""
        self._url = url
        self._idle: list[psycopg.Connection[Any]] = []
        self._lock = threading.Lock()
        self._closed = False
        self._holder: int | None = None  # the thread of an exclusive transaction
        connection = self.connect()
        try:
            with locked(connection), translated():
                connection.execute("BEGIN")
                connection.execute(_SCHEMA)
                connection.execute("COMMIT")
        finally:
            self.release(connection)

    @property
    def url(self) -> str:
        """How it was opened, without the password."""
        before, at, behind = self._url.rpartition("@")
        scheme, _, user = before.partition("://")
        return f"{scheme}://{user.partition(':')[0]}{at}{behind}" if at else self._url

    def begin(self, *, exclusive: bool = False, read_only: bool = False) -> Transaction:
        """Begin a transaction; an exclusive one keeps the commits of others waiting."""
        if exclusive:
            self._refuse_held()
        connection = self.connect()
        try:
            with translated():
                if exclusive:
                    connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
                mode = "READ WRITE" if exclusive else "READ ONLY"
                connection.execute(f"BEGIN ISOLATION LEVEL SERIALIZABLE {mode}")
                seen = newest_version(connection)
        except BaseException:
            connection.close()
            raise
        if exclusive:
            self._holder = threading.get_ident()
        snapshot = _PostgresSnapshot(self, connection, seen, is_exclusive=exclusive)
        return BufferedTransaction(snapshot, self._commit, watch=self._watch, read_only=read_only)

    def advance_version(self, version: bytes) -> None:
        """Make later versions larger."""
        connection = self.connect()
        try:
            with locked(connection), translated():
                connection.execute(
                    "UPDATE glasshouse.newest SET version = greatest(version, %s)",
                    (int.from_bytes(version[:8], "big"),),
                )
        finally:
            self.release(connection)

    def newest_version(self) -> bytes:
        """The version of the last commit."""
        connection = self.connect()
        try:
            with translated():
                return _packed(newest_version(connection))
        finally:
            self.release(connection)

    def close(self) -> None:
        """Let go of the connections."""
        self._closed = True
        with self._lock:
            for connection in self._idle:
                connection.close()
            self._idle.clear()

    def connect(self) -> "psycopg.Connection[Any]":
        """A connection that nobody else uses.

        Raises:
            EngineError: If the server cannot be reached.
        """
        if self._closed:
            raise EngineError(f"{self.url} is closed; open it again")
        with self._lock:
            while self._idle:
                connection = self._idle.pop()
                if not connection.closed:
                    return connection
        try:
            return psycopg.connect(self._url, autocommit=True)
        except psycopg.OperationalError as error:
            reason = str(error).strip().splitlines()[-1].strip()
            raise EngineError(f"{self.url} cannot be opened: {reason}") from None
        except psycopg.ProgrammingError as error:
            raise EngineError(f"{self.url} is no address of a database: {error}") from None

    def let_others(self) -> None:
        """An exclusive transaction has ended."""
        self._holder = None

    def release(self, connection: "psycopg.Connection[Any]") -> None:
        """Give a connection back, whatever state it is in."""
        is_idle = connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
        with self._lock:
            if is_idle and not self._closed and len(self._idle) < _CONNECTIONS_KEPT:
                self._idle.append(connection)
                return
        connection.close()

    def _refuse_held(self) -> None:
        """A thread that waited for the lock that it holds would wait for ever."""
        if self._holder == threading.get_ident():
            raise EngineError(
                "this thread has an exclusive transaction open; end it before it commits another"
            )

    def _watch(self, key: bytes, value: bytes | None) -> Watch:
        return PollingWatch(self, key, value, self.newest_version)

    def _commit(self, snapshot: Snapshot, changes: Changes) -> bytes:
        assert isinstance(snapshot, _PostgresSnapshot)
        if snapshot.is_exclusive:
            return _write_and_commit(snapshot.connection, snapshot, changes, snapshot.seen)
        self._refuse_held()
        connection = self.connect()
        try:
            with locked(connection):
                with translated():
                    connection.execute("BEGIN ISOLATION LEVEL SERIALIZABLE")
                    newest = newest_version(connection)
                now = _PostgresSnapshot(self, connection, newest, is_exclusive=False)
                if newest != snapshot.seen:
                    check_reads(snapshot, now, changes)
                    check_claims(_claimed_since(connection, snapshot.seen), changes)
                return _write_and_commit(connection, now, changes, newest)
        except ConflictError:
            connection.execute("ROLLBACK")
            raise
        finally:
            self.release(connection)


class _PostgresSnapshot:
    """What a transaction of the server sees."""

    def __init__(
        self,
        engine: PostgresEngine,
        connection: "psycopg.Connection[Any]",
        seen: int,
        *,
        is_exclusive: bool,
    ) -> None:
        self.connection = connection
        self.seen = seen
        self.is_exclusive = is_exclusive
        self.direct = self.get
        self.direct_bytes = 10_000
        self._engine = engine
        self._is_open = True

    def get(self, key: bytes) -> bytes | None:
        """The value of a key."""
        is_long = len(key) > HEAD_BYTES
        with translated():
            row = self.connection.execute(
                "SELECT value FROM glasshouse.rows WHERE key = %b",
                (bucket_of(key) if is_long else key,),
                binary=True,
            ).fetchone()
        value = None if row is None else bytes(row[0])
        return find_in_bucket(value, key) if is_long else value

    def translated(self, error: Exception) -> Exception:
        """Errors come translated already."""
        return error

    def get_range(self, begin: bytes, end: bytes, limit: int | None, reverse: bool) -> list[Row]:
        """At most `limit` rows of a range."""
        found: list[Row] = []
        # Where a long key bounds the range, its whole bucket is read and cut.
        first = begin[: HEAD_BYTES + 1] if len(begin) <= HEAD_BYTES else bucket_of(begin)
        last = end if len(end) <= HEAD_BYTES else bucket_of(end) + b"\x00"
        size = _CHUNK if limit is None else limit
        while True:
            rows = self._rows(first, last, size, reverse)
            found += unfold(rows, begin, end, reverse=reverse)
            if len(rows) < size or (limit is not None and len(found) >= limit):
                return found if limit is None else found[:limit]
            first, last = (first, rows[-1][0]) if reverse else (rows[-1][0] + b"\x00", last)

    def close(self) -> None:
        """End the server's transaction and give the connection back."""
        if not self._is_open:
            return
        self._is_open = False
        if self.is_exclusive:
            self._engine.let_others()
        if not self.connection.closed:
            try:
                self.connection.execute("ROLLBACK")
                if self.is_exclusive:
                    self.connection.execute("SELECT pg_advisory_unlock(%s)", (_LOCK,))
            except psycopg.Error:
                self.connection.close()
        self._engine.release(self.connection)

    def _rows(self, first: bytes, last: bytes, limit: int, reverse: bool) -> list[Row]:
        direction = "DESC" if reverse else "ASC"
        with translated():
            rows = self.connection.execute(
                "SELECT key, value FROM glasshouse.rows WHERE key >= %b AND key < %b "
                f"ORDER BY key {direction} LIMIT %s",
                (first, last, limit),
                binary=True,
            ).fetchall()
        return [(bytes(key), bytes(value)) for key, value in rows]


def newest_version(connection: "psycopg.Connection[Any]") -> int:
    """The version of the last commit that a connection sees."""
    row = connection.execute("SELECT version FROM glasshouse.newest").fetchone()
    assert row is not None
    return row[0]


@contextmanager
def locked(connection: "psycopg.Connection[Any]") -> Iterator[None]:
    """Hold the lock of committers; it goes with the connection if that breaks."""
    with translated():
        connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
    try:
        yield
    finally:
        if not connection.closed:
            if connection.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
                connection.execute("ROLLBACK")
            connection.execute("SELECT pg_advisory_unlock(%s)", (_LOCK,))


@contextmanager
def translated() -> Iterator[None]:
    """Turn what the server says into the house's errors.

    Raises:
        ConflictError, DiskFullError, CorruptionError, EngineError: As the server says.
    """
    try:
        yield
    except (errors.SerializationFailure, errors.DeadlockDetected, errors.LockNotAvailable):
        raise ConflictError("another transaction changed what this one read; try again") from None
    except (errors.DiskFull, errors.OutOfMemory) as error:
        raise DiskFullError(f"the server has no room left: {_first_line(error)}") from None
    except (errors.DataCorrupted, errors.IndexCorrupted) as error:
        raise CorruptionError(f"the server found damage: {_first_line(error)}") from None
    except psycopg.OperationalError as error:
        raise EngineError(f"the connection to the server broke: {_first_line(error)}") from None
    except psycopg.Error as error:
        raise EngineError(f"the server refused: {_first_line(error)}") from None


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or ["no reason given"])[0]


def _packed(version: int) -> bytes:
    return version.to_bytes(8, "big") + bytes(VERSION_BYTES - 8)


def _write_and_commit(
    connection: "psycopg.Connection[Any]", now: _PostgresSnapshot, changes: Changes, newest: int
) -> bytes:
    """Write what was buffered; returns the commit version."""
    version = newest + 1
    changes.stamp(_packed(version))
    with translated():
        for begin, end in changes.cleared:
            _clear_range(connection, now, begin, end)
        writes = changes.writes
        for key, pending in changes.mutations.items():
            value = now.get(key)
            for mutation, parameter in pending:
                value = apply_mutation(mutation, value, parameter)
            writes[key] = value
        _put(connection, now, writes)
        connection.execute("UPDATE glasshouse.newest SET version = %s", (version,))
        _mark(connection, version, changes.write_conflicts)
    try:
        connection.execute("COMMIT")
    except psycopg.OperationalError as error:
        if connection.closed:
            raise CommitUnknownError(
                f"the connection broke while committing: {_first_line(error)}"
            ) from None
        with translated():
            raise
    return _packed(version)


def _put(
    connection: "psycopg.Connection[Any]",
    now: _PostgresSnapshot,
    writes: dict[bytes, bytes | None],
) -> None:
    """Write values and clear keys, each kind in one statement."""
    plain = {key: value for key, value in writes.items() if len(key) <= HEAD_BYTES}
    buckets: dict[bytes, dict[bytes, bytes]] = {}
    for key, value in writes.items():
        if len(key) > HEAD_BYTES:
            bucket = bucket_of(key)
            if bucket not in buckets:
                held = now._rows(bucket, bucket + b"\x00", 1, False)
                buckets[bucket] = dict(unpack_bucket(held[0][1])) if held else {}
            buckets[bucket].pop(key[HEAD_BYTES:], None)
            if value is not None:
                buckets[bucket][key[HEAD_BYTES:]] = value
    for bucket, held in buckets.items():
        plain[bucket] = pack_bucket(held.items()) if held else None
    gone = [key for key, value in plain.items() if value is None]
    kept = [(key, value) for key, value in plain.items() if value is not None]
    if gone:
        connection.execute("DELETE FROM glasshouse.rows WHERE key = ANY(%b::bytea[])", (gone,))
    if kept:
        connection.execute(
            "INSERT INTO glasshouse.rows SELECT * FROM unnest(%b::bytea[], %b::bytea[]) "
            "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            ([key for key, _ in kept], [value for _, value in kept]),
        )


def _clear_range(
    connection: "psycopg.Connection[Any]", now: _PostgresSnapshot, begin: bytes, end: bytes
) -> None:
    """Remove a range; of a bucket that it cuts, what lies outside stays."""
    if max(len(begin), len(end)) > HEAD_BYTES:
        rows = now.get_range(begin, end, None, False)
        _put(connection, now, {key: None for key, _ in rows})
        return
    connection.execute("DELETE FROM glasshouse.rows WHERE key >= %b AND key < %b", (begin, end))


def _mark(connection: "psycopg.Connection[Any]", version: int, ranges: list[Range]) -> None:
    """Remember ranges that count as written, and forget what nobody can meet any more."""
    if not ranges:
        return
    connection.execute(
        "INSERT INTO glasshouse.marks SELECT %s, * FROM unnest(%b::bytea[], %b::bytea[])",
        (version, [begin for begin, _ in ranges], [end for _, end in ranges]),
    )
    connection.execute(
        "DELETE FROM glasshouse.marks WHERE version < %s", (version - _MARKS_KEPT_VERSIONS,)
    )


def _claimed_since(connection: "psycopg.Connection[Any]", version: int) -> list[Range]:
    """Ranges that were marked as written after a version."""
    with translated():
        rows = connection.execute(
            "SELECT first, last FROM glasshouse.marks WHERE version > %s", (version,), binary=True
        ).fetchall()
    return [(bytes(first), bytes(last)) for first, last in rows]


def open_postgres(url: str) -> PostgresEngine:
    """Open `postgresql://user@host/database`, making its tables if need be.

    Raises:
        EngineError: If the server cannot be reached or refuses.
    """
    return PostgresEngine(url)
