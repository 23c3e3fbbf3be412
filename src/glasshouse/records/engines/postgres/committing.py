"""Checking what a transaction has read, and writing what it wrote, while all others wait."""

from dataclasses import replace

import psycopg

from glasshouse.errors import CommitUnknownError, ConflictError, StorageError
from glasshouse.records.engines.changes import Changes, Range
from glasshouse.records.engines.engine import VERSION_BYTES
from glasshouse.records.engines.long_keys import HEAD_BYTES, bucket_of, pack_bucket, unpack_bucket
from glasshouse.records.engines.mutation import apply_mutation
from glasshouse.records.engines.postgres.connections import Connection
from glasshouse.records.engines.postgres.refusals import first_line, meaning_of, translated
from glasshouse.records.engines.postgres.snapshot import PostgresSnapshot
from glasshouse.records.engines.validation import check_claims, check_reads

_MARKS_KEPT_VERSIONS = 100_000
"""Commits for which a range that counts as written is remembered."""

# Keys are either gone or kept, so the order of the parts does not matter.
_WRITE = """
WITH gone AS (DELETE FROM glasshouse.rows WHERE key = ANY(%b::bytea[])),
kept AS (
    INSERT INTO glasshouse.rows SELECT * FROM unnest(%b::bytea[], %b::bytea[])
    ON CONFLICT (key) DO UPDATE SET value = excluded.value
)
UPDATE glasshouse.newest SET version = %s
"""
_CLEAR_RANGE = "DELETE FROM glasshouse.rows WHERE key >= %b AND key < %b"
_MARK = "INSERT INTO glasshouse.marks SELECT %s, * FROM unnest(%b::bytea[], %b::bytea[])"
_FORGET_MARKS = "DELETE FROM glasshouse.marks WHERE version < %s"
_MARKS_SINCE = "SELECT first, last FROM glasshouse.marks WHERE version > %s"


def packed_version(version: int) -> bytes:
    """The number of a commit as a commit version."""
    return version.to_bytes(8, "big") + bytes(VERSION_BYTES - 8)


def check(before: PostgresSnapshot, now: PostgresSnapshot, changes: Changes) -> None:
    """Refuse what rests on reads that are no longer true.

    Raises:
        ConflictError: If one is not, or so many have committed since that nobody can tell.
    """
    if now.seen == before.seen:
        return
    if now.seen - before.seen > _MARKS_KEPT_VERSIONS:
        raise ConflictError(
            f"more than {_MARKS_KEPT_VERSIONS} others committed since this transaction began; "
            "try again"
        )
    keys = list(dict.fromkeys(changes.read_keys))
    if now.get_all(keys) != before.get_all(keys):
        raise ConflictError("another transaction changed what this one read; try again")
    check_reads(before, now, replace(changes, read_keys=[]))
    check_claims(now.fetched(_MARKS_SINCE, (before.seen,)), changes)


def write_and_commit(now: PostgresSnapshot, changes: Changes) -> bytes:
    """Write what was buffered.

    Args:
        now: The present, on a connection that holds the lock of committers.
        changes: What to write.

    Returns:
        The commit version.

    Raises:
        CommitUnknownError: If the connection broke while committing.
        ConflictError, DiskFullError, CorruptionError, StorageError: If nothing was written.
    """
    connection, version = now.connection, now.seen + 1
    changes.stamp(packed_version(version))
    writes = {**_clear_ranges(now, changes.cleared), **changes.writes}
    _apply_mutations(now, changes, writes)
    rows = _rows(now, writes)
    kept = [(key, value) for key, value in rows.items() if value is not None]
    gone = [key for key, value in rows.items() if value is None]
    arrays = (gone, [key for key, _ in kept], [value for _, value in kept])
    with translated():
        connection.execute(_WRITE, (*arrays, version))
        _mark(connection, version, changes.write_conflicts)
    commit(connection)
    return packed_version(version)


def commit(connection: Connection) -> None:
    """End the server's transaction.

    Raises:
        CommitUnknownError: If the connection broke before the answer came.
        ConflictError, DiskFullError, CorruptionError, StorageError: If nothing was written.
    """
    if connection.closed:
        raise StorageError("the connection to the server is closed, and nothing was written")
    try:
        connection.execute("COMMIT")
    except psycopg.Error as error:
        if connection.closed:
            raise CommitUnknownError(
                f"the connection broke while committing: {first_line(error)}"
            ) from None
        raise meaning_of(error) from None


def _clear_ranges(now: PostgresSnapshot, ranges: list[Range]) -> dict[bytes, bytes | None]:
    """Remove ranges; what of them cannot be removed at once is left to be cleared by key."""
    left: dict[bytes, bytes | None] = {}
    for begin, end in ranges:
        if max(len(begin), len(end)) > HEAD_BYTES:
            # Of a bucket that it cuts, what lies outside stays.
            left.update((key, None) for key, _ in now.get_range(begin, end, None, False))
        else:
            with translated():
                now.connection.execute(_CLEAR_RANGE, (begin, end))
    return left


def _apply_mutations(
    now: PostgresSnapshot, changes: Changes, writes: dict[bytes, bytes | None]
) -> None:
    """Turn atomic operations into writes of what they come to."""
    keys = list(changes.mutations)
    for key, value in zip(keys, now.get_all(keys), strict=True):
        for mutation, parameter in changes.mutations[key]:
            value = apply_mutation(mutation, value, parameter)
        writes[key] = value


def _rows(now: PostgresSnapshot, writes: dict[bytes, bytes | None]) -> dict[bytes, bytes | None]:
    """Writes as rows of the table: long keys come into their buckets."""
    long = [key for key in writes if len(key) > HEAD_BYTES]
    if not long:
        return writes
    rows = {key: value for key, value in writes.items() if len(key) <= HEAD_BYTES}
    names = list(dict.fromkeys(map(bucket_of, long)))
    held = now.stored(names)
    buckets = {name: dict(unpack_bucket(held.get(name, b""))) for name in names}
    for key in long:
        bucket, value = buckets[bucket_of(key)], writes[key]
        bucket.pop(key[HEAD_BYTES:], None)
        if value is not None:
            bucket[key[HEAD_BYTES:]] = value
    for name, bucket in buckets.items():
        rows[name] = pack_bucket(bucket.items()) if bucket else None
    return rows


def _mark(connection: Connection, version: int, ranges: list[Range]) -> None:
    """Remember ranges that count as written, and forget what nobody can meet any more."""
    if ranges:
        firsts, lasts = [begin for begin, _ in ranges], [end for _, end in ranges]
        connection.execute(_MARK, (version, firsts, lasts))
        connection.execute(_FORGET_MARKS, (version - _MARKS_KEPT_VERSIONS,))
