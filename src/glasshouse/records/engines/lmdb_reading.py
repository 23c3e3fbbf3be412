"""Ranges of rows by LMDB's cursors, in steps of many rows."""

from bisect import bisect_left
from collections.abc import Iterator
from itertools import islice
from typing import Any

from glasshouse.records.engines.engine import Row
from glasshouse.records.engines.long_keys import HEAD_BYTES, bucket_of, unfold

LmdbTransaction = Any
"""LMDB's own transaction; its stubs say memoryview where without `buffers` there is bytes."""

_CHUNKS = (32, 128, 512, 2048)


def forwards(
    transaction: LmdbTransaction, begin: bytes, end: bytes, limit: int | None, *, has_long: bool
) -> list[Row]:
    """At most `limit` rows of a range, ascending; long keys unfolded if there may be any."""
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


def backwards(
    transaction: LmdbTransaction, begin: bytes, end: bytes, limit: int | None, *, has_long: bool
) -> list[Row]:
    """The same, descending."""
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


def _sizes(limit: int | None) -> Iterator[int]:
    """How many rows to step over at once: few at first, since the range may be short."""
    if limit is not None:
        yield limit
    yield from _CHUNKS
    while True:
        yield _CHUNKS[-1]
