"""What a commit does to LMDB: values in order, ranges cleared, marks left for those who read."""

import threading

import lmdb

from glasshouse.errors import ConflictError, EngineError
from glasshouse.records.engines.changes import Changes, Range, Snapshot
from glasshouse.records.engines.engine import VERSION_BYTES
from glasshouse.records.engines.environment import Environment, translated
from glasshouse.records.engines.lmdb_reading import (
    EMPTY_KEY,
    LONG_KEY,
    VERSION_KEY,
    LmdbSnapshot,
    LmdbTransaction,
)
from glasshouse.records.engines.long_keys import (
    HEAD_BYTES,
    bucket_of,
    pack_bucket,
    unpack_bucket,
)
from glasshouse.records.engines.mutation import apply_mutation
from glasshouse.records.engines.validation import check_claims, check_reads

_FORGOTTEN_KEY = b"marks forgotten"
"""Holds the version before which marks were forgotten."""
_MARKS_KEPT_VERSIONS = 100_000
_MARKS_LOOKED_AT = 64


def commit(snapshot: Snapshot, changes: Changes) -> bytes:
    """Take the write lock, check, and write; returns the commit version."""
    assert isinstance(snapshot, LmdbSnapshot)
    if snapshot.is_exclusive:
        with _Committing(snapshot.environment, snapshot.transaction):
            return _write(snapshot, changes)
    with writing(snapshot.environment) as transaction:
        now = LmdbSnapshot(snapshot.environment, transaction)
        if transaction.id() != snapshot.transaction.id() + 1:
            check_reads(snapshot, now, changes)
            _check_marks(now, snapshot.version(), changes)
        return _write(now, changes)


def hold(environment: Environment) -> LmdbTransaction:
    """Wait for LMDB's lock and begin to write.

    Raises:
        EngineError: If this thread holds it: it is no recursive one, so it would wait for itself.
    """
    if environment.holder == threading.get_ident():
        raise EngineError(
            "this thread has an exclusive transaction open; end it before it commits another"
        )
    try:
        transaction = environment.env.begin(db=environment.data, write=True)
    except lmdb.Error as error:
        raise translated(environment.path, error) from None
    environment.holder = threading.get_ident()
    return transaction


def writing(environment: Environment) -> "_Committing":
    """LMDB's write transaction, committed at the end of the block, if that ends well."""
    return _Committing(environment, hold(environment))


class _Committing:
    """A class, since a function made a context manager costs a third of a small commit."""

    def __init__(self, environment: Environment, transaction: LmdbTransaction) -> None:
        self._environment, self._transaction = environment, transaction

    def __enter__(self) -> LmdbTransaction:
        return self._transaction

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        environment = self._environment
        environment.holder = None
        try:
            if error is None:
                self._transaction.commit()
                return
            self._transaction.abort()
        except (lmdb.Error, OSError) as failed:
            raise translated(environment.path, failed) from None
        if isinstance(error, lmdb.Error | OSError):
            raise translated(environment.path, error) from None


def _write(now: LmdbSnapshot, changes: Changes) -> bytes:
    """Write what was buffered; returns the commit version.

    Args:
        now: What stands there now, read through the write transaction.
        changes: What to write.
    """
    transaction, meta = now.transaction, now.environment.meta
    counted = _after(now.version())
    version = counted + bytes(VERSION_BYTES - 8)
    changes.stamp(version)
    for begin, end in changes.cleared:
        _clear_range(now, begin, end)
    writes = changes.writes
    for key, pending in changes.mutations.items():
        value = now.get(key)
        for mutation, parameter in pending:
            value = apply_mutation(mutation, value, parameter)
        writes[key] = value
    _put(now, changes)
    transaction.put(VERSION_KEY, counted, db=meta)
    if changes.write_conflicts:
        _mark(now, counted, changes.write_conflicts)
    return version


def _put(now: LmdbSnapshot, changes: Changes) -> None:
    """Write values and clear keys."""
    transaction, writes = now.transaction, changes.writes
    keys = sorted(writes)  # in order, which is what LMDB is fast at
    if keys and not keys[0]:
        _put_empty(now, writes[b""])
        del keys[0]
    if changes.has_long_keys:
        _put_long(now, [key for key in keys if len(key) > HEAD_BYTES], writes)
        keys = [key for key in keys if len(key) <= HEAD_BYTES]
    if changes.has_clears:
        for key in keys:
            if writes[key] is None:
                transaction.delete(key)
        keys = [key for key in keys if writes[key] is not None]
    transaction.cursor().putmulti(zip(keys, map(writes.__getitem__, keys), strict=True))


def _put_empty(now: LmdbSnapshot, value: bytes | None) -> None:
    """Write or clear the empty key."""
    if value is None:
        now.transaction.delete(EMPTY_KEY, db=now.environment.meta)
    else:
        now.transaction.put(EMPTY_KEY, value, db=now.environment.meta)


def _put_long(now: LmdbSnapshot, keys: list[bytes], writes: dict[bytes, bytes | None]) -> None:
    """Write values and clear keys that lie in buckets, each bucket once."""
    transaction = now.transaction
    buckets: dict[bytes, dict[bytes, bytes]] = {}
    for key in keys:
        bucket = bucket_of(key)
        held = buckets.get(bucket)
        if held is None:
            held = buckets[bucket] = dict(unpack_bucket(transaction.get(bucket) or b""))
        value = writes[key]
        if value is None:
            held.pop(key[HEAD_BYTES:], None)
        else:
            held[key[HEAD_BYTES:]] = value
    for bucket, held in buckets.items():
        if held:
            transaction.put(bucket, pack_bucket(held.items()))
        else:
            transaction.delete(bucket)
    transaction.put(LONG_KEY, b"", db=now.environment.meta)


def _clear_range(now: LmdbSnapshot, begin: bytes, end: bytes) -> None:
    if not begin:
        _put_empty(now, None)
    cursor = now.transaction.cursor()
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


def _mark(now: LmdbSnapshot, version: bytes, ranges: list[Range]) -> None:
    """Remember ranges that count as written, and forget the oldest."""
    transaction, environment = now.transaction, now.environment
    for number, one in enumerate(ranges):
        key = version + number.to_bytes(4, "big")
        transaction.put(key, pack_bucket([one]), db=environment.marks)
    oldest = (max(int.from_bytes(version, "big") - _MARKS_KEPT_VERSIONS, 0)).to_bytes(8, "big")
    cursor = transaction.cursor(db=environment.marks)
    for _ in range(_MARKS_LOOKED_AT):
        if not cursor.first() or cursor.key()[:8] >= oldest:
            return
        transaction.put(_FORGOTTEN_KEY, cursor.key()[:8], db=environment.meta)
        cursor.delete()


def _check_marks(now: LmdbSnapshot, seen: bytes, changes: Changes) -> None:
    """Refuse reads that meet ranges marked as written after a version."""
    if not changes.read_keys and not changes.read_ranges:
        return
    transaction, environment = now.transaction, now.environment
    if seen < (transaction.get(_FORGOTTEN_KEY, db=environment.meta) or b""):
        raise ConflictError("this transaction began too long ago to be checked; try again")
    cursor = transaction.cursor(db=environment.marks)
    if cursor.set_range(_after(seen)):
        check_claims([unpack_bucket(packed)[0] for _, packed in cursor.iternext()], changes)


def _after(version: bytes) -> bytes:
    return (int.from_bytes(version, "big") + 1).to_bytes(8, "big")
