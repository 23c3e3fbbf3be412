"""What a commit does to LMDB: values in order, ranges cleared, marks left for those who read."""

from operator import itemgetter

from glasshouse.records.engines.changes import Changes, Range, Snapshot
from glasshouse.records.engines.engine import VERSION_BYTES
from glasshouse.records.engines.environment import Environment
from glasshouse.records.engines.lmdb_reading import LmdbTransaction
from glasshouse.records.engines.long_keys import (
    HEAD_BYTES,
    bucket_of,
    pack_bucket,
    unpack_bucket,
)
from glasshouse.records.engines.mutation import apply_mutation

VERSION_KEY = b"version"
LONG_KEY = b"has long keys"
_MARKS_KEPT_VERSIONS = 100_000
_MARKS_LOOKED_AT = 64
_first = itemgetter(0)


def claimed_since(
    environment: Environment, transaction: LmdbTransaction, seen: bytes
) -> list[Range]:
    """Ranges that were marked as written after a version."""
    cursor = transaction.cursor(db=environment.marks)
    if not cursor.set_range(_after(seen)):
        return []
    return [unpack_bucket(packed)[0] for _, packed in cursor.iternext()]


def _after(version: bytes) -> bytes:
    return (int.from_bytes(version, "big") + 1).to_bytes(8, "big")


def write(
    environment: Environment, transaction: LmdbTransaction, changes: Changes, now: Snapshot
) -> bytes:
    """Write what was buffered; returns the commit version.

    Args:
        environment: Of the transaction.
        transaction: LMDB's write transaction.
        changes: What to write.
        now: What stands there now, read through that transaction.
    """
    held = transaction.get(VERSION_KEY, db=environment.meta) or bytes(8)
    counted = _after(held)
    version = counted + bytes(VERSION_BYTES - 8)
    changes.stamp(version)
    for begin, end in changes.cleared:
        _clear_range(transaction, begin, end)
    writes = changes.writes
    for key, pending in changes.mutations.items():
        value = now.get(key)
        for mutation, parameter in pending:
            value = apply_mutation(mutation, value, parameter)
        writes[key] = value
    if _put(transaction, writes):
        transaction.put(LONG_KEY, b"", db=environment.meta)
    transaction.put(VERSION_KEY, counted, db=environment.meta)
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
