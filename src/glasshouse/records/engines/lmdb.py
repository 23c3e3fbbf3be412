"""`lmdb:FOLDER`: the embedded engine, for several processes of one machine.

Reads go through an LMDB snapshot. Writes wait in a buffer; the commit takes LMDB's write lock, and
if somebody committed in between it reads again what the transaction had read: what is still the
same does not conflict, so transactions are serialisable without a log. The lock is held for the
commit only.
"""

import os
import threading
import time
from bisect import bisect_left
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import lmdb

from glasshouse.errors import ConflictError, EngineError
from glasshouse.records.engines import environment as environments
from glasshouse.records.engines.buffer import BufferedTransaction
from glasshouse.records.engines.changes import Changes, Range, Snapshot
from glasshouse.records.engines.engine import VERSION_BYTES, Row, Transaction, Watch
from glasshouse.records.engines.environment import Environment, storage_errors
from glasshouse.records.engines.long_keys import (
    HEAD_BYTES,
    bucket_of,
    find_in_bucket,
    pack_bucket,
    unfold,
    unpack_bucket,
)
from glasshouse.records.engines.mutation import apply_mutation

_VERSION_KEY = b"version"
_LONG_KEY = b"has long keys"
_MARKS_KEPT_VERSIONS = 100_000
_MARKS_LOOKED_AT = 64
_POLL_SECONDS = 0.02
_first = itemgetter(0)
_CHUNKS = (32, 128, 512, 2048)


LmdbTransaction = Any
"""LMDB's own transaction; its stubs say memoryview where without `buffers` there is bytes."""


class LmdbEngine:
    """Keys and values in a folder."""

    def __init__(self, url: str, environment: Environment) -> None:
        """Use `open_lmdb`."""
        self._url = url
        self._environment = environment
        self._closed = False

    @property
    def url(self) -> str:
        """How it was opened."""
        return self._url

    @property
    def path(self) -> Path:
        """The folder."""
        return self._environment.path

    def begin(self, *, exclusive: bool = False, read_only: bool = False) -> Transaction:
        """Begin a transaction; an exclusive one holds LMDB's write lock until it ends."""
        environment = self._usable()
        if exclusive:
            _refuse_held(environment)
            with storage_errors(environment.path):
                transaction = environment.env.begin(db=environment.data, write=True)
            environment.holder = threading.get_ident()
        else:
            transaction = self._reading(environment)
        snapshot = _LmdbSnapshot(environment, transaction, is_exclusive=exclusive)
        return BufferedTransaction(snapshot, _commit, watch=self._watch, read_only=read_only)

    def advance_version(self, version: bytes) -> None:
        """Make later versions larger."""
        environment = self._usable()
        with storage_errors(environment.path), _Writing(environment) as transaction:
            held = transaction.get(_VERSION_KEY, db=environment.meta) or bytes(8)
            transaction.put(_VERSION_KEY, max(held, version[:8]), db=environment.meta)

    def newest_version(self) -> bytes:
        """The version of the last commit."""
        environment = self._usable()
        with storage_errors(environment.path), environment.env.begin(db=environment.meta) as one:
            return (one.get(_VERSION_KEY) or bytes(8)) + bytes(VERSION_BYTES - 8)

    def close(self) -> None:
        """Let go of the folder."""
        if not self._closed:
            self._closed = True
            environments.release(self._environment)

    def changed_since(self, transaction_id: int) -> bool:
        """Whether anybody has committed since LMDB's transaction of this number."""
        return self._usable().env.info()["last_txnid"] != transaction_id

    def _usable(self) -> Environment:
        if self._closed:
            raise EngineError(f"{self._url} is closed; open it again")
        if self._environment.process != os.getpid():
            raise EngineError(f"{self._url} was opened before a fork; open it again in the child")
        return self._environment

    def _reading(self, environment: Environment) -> LmdbTransaction:
        with storage_errors(environment.path):
            try:
                return environment.env.begin(db=environment.data)
            except lmdb.ReadersFullError:
                environment.env.reader_check()  # processes that were killed hold on to places
                return environment.env.begin(db=environment.data)

    def _watch(self, key: bytes, value: bytes | None) -> Watch:
        return _LmdbWatch(self, key, value)


class _Writing:
    """LMDB's write transaction, committed at the end of the block."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment

    def __enter__(self) -> LmdbTransaction:
        _refuse_held(self._environment)
        self._transaction = self._environment.env.begin(db=self._environment.data, write=True)
        self._environment.holder = threading.get_ident()
        return self._transaction

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        self._environment.holder = None
        if kind is None:
            self._transaction.commit()
        else:
            self._transaction.abort()


def _refuse_held(environment: Environment) -> None:
    """LMDB's lock is no recursive one: a thread that holds it would wait for itself."""
    if environment.holder == threading.get_ident():
        raise EngineError(
            "this thread has an exclusive transaction open; end it before it commits another"
        )


class _LmdbSnapshot:
    """A read transaction, or the write transaction of an exclusive one."""

    def __init__(
        self, environment: Environment, transaction: LmdbTransaction, *, is_exclusive: bool
    ) -> None:
        self.environment = environment
        self.transaction = transaction
        self.is_exclusive = is_exclusive
        self.direct = transaction.get
        self.direct_bytes = HEAD_BYTES
        self._is_open = True
        self._knows_long = self._long = False

    def get(self, key: bytes) -> bytes | None:
        """The value of a key."""
        with storage_errors(self.environment.path):
            if len(key) > HEAD_BYTES:
                return find_in_bucket(self.direct(bucket_of(key)), key)
            return self.direct(key)

    def translated(self, error: Exception) -> Exception:
        """What LMDB raised, as a sentence."""
        try:
            with storage_errors(self.environment.path):
                raise error
        except Exception as translated:
            return translated

    def get_range(self, begin: bytes, end: bytes, limit: int | None, reverse: bool) -> list[Row]:
        """At most `limit` rows of a range."""
        with storage_errors(self.environment.path):
            if reverse:
                return _backwards(self.transaction, begin, end, limit, has_long=self._has_long())
            return _forwards(self.transaction, begin, end, limit, has_long=self._has_long())

    def _has_long(self) -> bool:
        """Whether any long key was ever written; without, ranges need no unfolding."""
        if not self._knows_long:
            self._knows_long = self.is_exclusive is False
            self._long = self.transaction.get(_LONG_KEY, db=self.environment.meta) is not None
        return self._long

    def close(self) -> None:
        """Let go of the moment, and of the lock."""
        if self._is_open:
            self._is_open = False
            if self.is_exclusive:
                self.environment.holder = None
            self.transaction.abort()


def _forwards(
    transaction: LmdbTransaction, begin: bytes, end: bytes, limit: int | None, *, has_long: bool
) -> list[Row]:
    cursor = transaction.cursor()
    if not cursor.set_range(begin[:HEAD_BYTES]):
        return []
    if len(begin) > HEAD_BYTES and cursor.key() == begin[:HEAD_BYTES] and not cursor.next():
        return []
    rows, found = cursor.iternext(), list[Row]()
    for size in _sizes(limit):
        chunk = list(islice(rows, size))
        is_last = len(chunk) < size
        if chunk and chunk[-1][0] >= end:
            del chunk[bisect_left(chunk, (end,)) :]
            is_last = True
        found += unfold(chunk, begin, end, reverse=False) if has_long else chunk
        if limit is not None and len(found) >= limit:
            return found[:limit]
        if is_last:
            return found
    return found


def _backwards(
    transaction: LmdbTransaction, begin: bytes, end: bytes, limit: int | None, *, has_long: bool
) -> list[Row]:
    cursor = transaction.cursor()
    # Behind the end lies the first key that is not below it, or nothing; a bucket may straddle it.
    edge = bucket_of(end) + b"\x00" if len(end) > HEAD_BYTES else end
    placed = cursor.set_range(edge) if edge else cursor.first()
    if not (cursor.prev() if placed else cursor.last()):
        return []
    lowest = begin[:HEAD_BYTES] + b"\x00" if len(begin) > HEAD_BYTES else begin
    rows, found = cursor.iterprev(), list[Row]()
    for size in _sizes(limit):
        chunk = list(islice(rows, size))
        is_last = len(chunk) < size
        if chunk and chunk[-1][0] < lowest:
            chunk = [row for row in chunk if row[0] >= lowest]
            is_last = True
        found += unfold(chunk, begin, end, reverse=True) if has_long else chunk
        if limit is not None and len(found) >= limit:
            return found[:limit]
        if is_last:
            return found
    return found


def _sizes(limit: int | None) -> Any:
    """How many rows to step over at once: few at first, since the range may be short."""
    if limit is not None:
        yield limit
    yield from _CHUNKS
    while True:
        yield _CHUNKS[-1]


def _commit(snapshot: Snapshot, changes: Changes) -> bytes:
    """Take the write lock, check, and write."""
    assert isinstance(snapshot, _LmdbSnapshot)
    environment = snapshot.environment
    with storage_errors(environment.path):
        if snapshot.is_exclusive:
            version = _write(environment, snapshot.transaction, changes)
            environment.holder = None
            snapshot.transaction.commit()
            return version
        with _Writing(environment) as transaction:
            if transaction.id() != snapshot.transaction.id() + 1:
                _check(snapshot, transaction, changes)
            return _write(environment, transaction, changes)


def _check(snapshot: _LmdbSnapshot, transaction: LmdbTransaction, changes: Changes) -> None:
    """Refuse what rests on reads that are no longer true."""
    now = _LmdbSnapshot(snapshot.environment, transaction, is_exclusive=True)
    for key in dict.fromkeys(changes.read_keys):
        if now.get(key) != snapshot.get(key):
            raise ConflictError("another transaction changed what this one read; try again")
    for begin, end in changes.read_ranges:
        if not _same(snapshot, now, begin, end):
            raise ConflictError("another transaction changed what this one read; try again")
    seen = snapshot.transaction.get(_VERSION_KEY, db=snapshot.environment.meta) or bytes(8)
    _check_marks(snapshot.environment, transaction, seen, changes)


def _same(before: _LmdbSnapshot, now: _LmdbSnapshot, begin: bytes, end: bytes) -> bool:
    """Whether a range holds the same rows, compared a page at a time."""
    while True:
        one = before.get_range(begin, end, _CHUNKS[-1], False)
        if one != now.get_range(begin, end, _CHUNKS[-1], False):
            return False
        if len(one) < _CHUNKS[-1]:
            return True
        begin = one[-1][0] + b"\x00"


def _check_marks(
    environment: Environment, transaction: LmdbTransaction, seen: bytes, changes: Changes
) -> None:
    """Refuse reads that meet ranges marked as written since."""
    reads = [*changes.read_ranges, *((key, key + b"\x00") for key in changes.read_keys)]
    cursor = transaction.cursor(db=environment.marks)
    if not cursor.set_range(_after(seen)):
        return
    for _, packed in cursor.iternext():
        (begin, end), *_ = unpack_bucket(packed)
        if any(first < end and begin < last for first, last in reads):
            raise ConflictError("another transaction claimed what this one read; try again")


def _after(version: bytes) -> bytes:
    return (int.from_bytes(version, "big") + 1).to_bytes(8, "big")


def _write(environment: Environment, transaction: LmdbTransaction, changes: Changes) -> bytes:
    """Write what was buffered; returns the commit version."""
    held = transaction.get(_VERSION_KEY, db=environment.meta) or bytes(8)
    counted = _after(held)
    version = counted + bytes(VERSION_BYTES - 8)
    changes.stamp(version)
    for begin, end in changes.cleared:
        _clear_range(transaction, begin, end)
    writes = changes.writes
    now = _LmdbSnapshot(environment, transaction, is_exclusive=True)
    for key, pending in changes.mutations.items():
        value = now.get(key)
        for mutation, parameter in pending:
            value = apply_mutation(mutation, value, parameter)
        writes[key] = value
    if _put(transaction, writes):
        transaction.put(_LONG_KEY, b"", db=environment.meta)
    transaction.put(_VERSION_KEY, counted, db=environment.meta)
    if changes.write_conflicts:
        _mark(environment, transaction, counted, changes.write_conflicts)
    return version


def _put(transaction: LmdbTransaction, writes: dict[bytes, bytes | None]) -> bool:
    """Write values and clear keys; whether any key is a long one."""
    rows = sorted(writes.items(), key=_first)  # in order, which is what LMDB is fast at
    has_long = len(max(writes, key=len, default=b"")) > HEAD_BYTES
    if has_long or None in writes.values():
        for key, value in rows:
            if len(key) > HEAD_BYTES:
                _put_long(transaction, key, value)
            elif value is None:
                transaction.delete(key)
        rows = [row for row in rows if row[1] is not None and len(row[0]) <= HEAD_BYTES]
    transaction.cursor().putmulti(rows)
    return has_long


def _put_long(transaction: LmdbTransaction, key: bytes, value: bytes | None) -> None:
    bucket = bucket_of(key)
    held = dict(unpack_bucket(transaction.get(bucket) or b""))
    if value is None:
        held.pop(key[HEAD_BYTES:], None)
    else:
        held[key[HEAD_BYTES:]] = value
    if held:
        transaction.put(bucket, pack_bucket(held.items()))
    else:
        transaction.delete(bucket)


def _clear_range(transaction: LmdbTransaction, begin: bytes, end: bytes) -> None:
    cursor = transaction.cursor()
    placed = cursor.set_range(begin[:HEAD_BYTES])
    while placed and cursor.key() < end:
        key = cursor.key()
        if len(key) <= HEAD_BYTES:
            placed = cursor.delete() and bool(cursor.key()) if key >= begin else cursor.next()
            continue
        rows = unpack_bucket(cursor.value())
        head = key[:HEAD_BYTES]
        left = [row for row in rows if not begin <= head + row[0] < end]
        if not left:
            placed = cursor.delete() and bool(cursor.key())
            continue
        if len(left) < len(rows):
            cursor.put(key, pack_bucket(left))
        placed = cursor.next()


def _mark(
    environment: Environment, transaction: LmdbTransaction, version: bytes, ranges: list[Range]
) -> None:
    """Remember ranges that count as written, and forget what no reader can meet any more."""
    for number, one in enumerate(ranges):
        key = version + number.to_bytes(4, "big")
        transaction.put(key, pack_bucket([one]), db=environment.marks)
    oldest = int.from_bytes(version, "big") - _MARKS_KEPT_VERSIONS
    cursor = transaction.cursor(db=environment.marks)
    for _ in range(_MARKS_LOOKED_AT):
        if not cursor.first() or int.from_bytes(cursor.key()[:8], "big") >= oldest:
            return
        cursor.delete()


class _LmdbWatch:
    """Looks at the key again whenever somebody has committed."""

    def __init__(self, engine: LmdbEngine, key: bytes, value: bytes | None) -> None:
        self._engine, self._key, self._value = engine, key, value
        self._cancelled = False

    def wait(self, timeout_seconds: float) -> bool:
        """Block until the value differs."""
        deadline, seen = time.monotonic() + timeout_seconds, -1
        while not self._cancelled:
            if self._engine.changed_since(seen):
                seen = self._engine._usable().env.info()["last_txnid"]
                transaction = self._engine.begin()
                try:
                    if transaction.get(self._key, snapshot=True) != self._value:
                        return True
                finally:
                    transaction.cancel()
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            time.sleep(min(_POLL_SECONDS, left))
        return False

    def cancel(self) -> None:
        """Stop watching."""
        self._cancelled = True


def open_lmdb(url: str) -> LmdbEngine:
    """Open `lmdb:FOLDER`, making the folder if need be.

    Args:
        url: With options behind a question mark: `map_gib=64`, how far the file may grow, and
            `sync=off`, which leaves it to the operating system when writes reach the disk.

    Raises:
        EngineError: If the folder cannot hold a store, or an option is unknown.
        CorruptionError: If its file is damaged.
    """
    folder, _, query = url.removeprefix("lmdb:").partition("?")
    if not folder:
        raise EngineError("lmdb: needs a folder, as lmdb:notes")
    options = dict(parse_qsl(query, keep_blank_values=True))
    sync = options.pop("sync", "on")
    size = options.pop("map_gib", "")
    if options or sync not in ("on", "off"):
        raise EngineError(f"{url!r}: the options of lmdb are map_gib=NUMBER and sync=on|off")
    try:
        map_gib = float(size) if size else environments.default_map_gib()
    except ValueError:
        raise EngineError(f"{url!r}: map_gib={size} is no number") from None
    environment = environments.acquire(Path(folder), map_gib=map_gib, sync=sync == "on")
    return LmdbEngine(url, environment)
