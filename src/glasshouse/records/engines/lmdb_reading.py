"""One moment of an LMDB environment: keys by LMDB itself, ranges by its cursors, in large steps."""

import os
import threading
from bisect import bisect_left
from itertools import islice
from typing import Any

from glasshouse.records.engines.engine import Row
from glasshouse.records.engines.environment import Environment, translated
from glasshouse.records.engines.long_keys import HEAD_BYTES, bucket_of, find_in_bucket, unfold

LmdbTransaction = Any
"""LMDB's own transaction; its stubs say memoryview where without `buffers` there is bytes."""

VERSION_KEY = b"version"
LONG_KEY = b"has long keys"
"""Is there once a long key was written; before that, ranges need no unfolding."""
EMPTY_KEY = b"empty key"
"""Holds the value of the empty key, which LMDB does not take."""

_FIRST_STEP = 8
_GROWTH = 8
_LARGEST_STEP = 2048


class LmdbSnapshot:
    """A read transaction, or the write transaction of an exclusive one."""

    def __init__(
        self, environment: Environment, transaction: LmdbTransaction, *, is_exclusive: bool = False
    ) -> None:
        self.environment = environment
        self.transaction: LmdbTransaction = transaction
        self.is_exclusive = is_exclusive
        self.direct = transaction.get
        self.direct_bytes = HEAD_BYTES
        self._cursor: Any = None
        self._has_long = False

    def get(self, key: bytes) -> bytes | None:
        """The value of a key."""
        try:
            if len(key) > HEAD_BYTES:
                return find_in_bucket(self.direct(bucket_of(key)), key)
            return self.direct(key) if key else self._meta(EMPTY_KEY)
        except Exception as error:
            raise self.translated(error) from None

    def get_range(self, begin: bytes, end: bytes, limit: int | None, reverse: bool) -> list[Row]:
        """At most `limit` rows of a range."""
        try:
            if self._cursor is None:
                self._cursor = self.transaction.cursor()
                self._has_long = self._meta(LONG_KEY) is not None
            cursor = self._cursor
            if _placed_last(cursor, end) if reverse else _placed_first(cursor, begin):
                rows = _stepped(cursor, begin, end, limit, reverse, self._has_long)
            else:
                rows = []
            if not begin:
                _add_empty(rows, self._meta(EMPTY_KEY), limit, reverse=reverse)
            return rows
        except Exception as error:
            raise self.translated(error) from None

    def version(self) -> bytes:
        """The version of the last commit, without its place within that."""
        return self._meta(VERSION_KEY) or bytes(8)

    def translated(self, error: Exception) -> Exception:
        """What LMDB raised, as a sentence."""
        return translated(self.environment.path, error)

    def close(self) -> None:
        """Let go of the moment, and of the lock."""
        transaction, self.transaction, self._cursor = self.transaction, None, None
        if self.is_exclusive and self.environment.holder == threading.get_ident():
            self.environment.holder = None
        # After a fork it is the parent's, which goes on reading.
        if self.environment.process == os.getpid():
            transaction.abort()
        del self.direct

    def _meta(self, key: bytes) -> bytes | None:
        return self.transaction.get(key, db=self.environment.meta)


def _placed_first(cursor: Any, begin: bytes) -> bool:
    """Put a cursor on the first entry of a range; whether there is one."""
    if not cursor.set_range(begin[:HEAD_BYTES]):
        return False
    # A long key lies behind its own head.
    return len(begin) <= HEAD_BYTES or cursor.key() != begin[:HEAD_BYTES] or cursor.next()


def _placed_last(cursor: Any, end: bytes) -> bool:
    """Put a cursor on the last entry below an end; whether there is one."""
    edge = end if len(end) <= HEAD_BYTES else bucket_of(end) + b"\x00"
    return cursor.prev() if cursor.set_range(edge) else cursor.last()


def _stepped(
    cursor: Any, begin: bytes, end: bytes, limit: int | None, reverse: bool, has_long: bool
) -> list[Row]:
    """At most `limit` rows of a range, from where the cursor is.

    They are taken in steps, the first one small, since what lies behind the end of a short range is
    read for nothing. Long keys are unfolded if there may be any.
    """
    rows = cursor.iterprev() if reverse else cursor.iternext()
    first = begin if len(begin) <= HEAD_BYTES else bucket_of(begin)
    found: list[Row] = []
    size = _FIRST_STEP
    while True:
        if limit is not None and limit - len(found) < size:
            size = limit - len(found)
        chunk = list(islice(rows, size))
        is_last = len(chunk) < size
        if chunk and (chunk[-1][0] < first if reverse else chunk[-1][0] >= end):
            is_last = True
            if reverse:
                del chunk[bisect_left(chunk, True, key=lambda row: row[0] < first) :]
            else:
                del chunk[bisect_left(chunk, (end,)) :]
        found += unfold(chunk, begin, end, reverse=reverse) if has_long else chunk
        if is_last or (limit is not None and len(found) >= limit):
            return found[:limit] if has_long else found
        size = min(_GROWTH * size, _LARGEST_STEP)


def _add_empty(rows: list[Row], value: bytes | None, limit: int | None, *, reverse: bool) -> None:
    """Put the empty key where it belongs: before all others."""
    if value is None:
        return
    if not reverse:
        rows[:] = [(b"", value), *rows][:limit]
    elif limit is None or len(rows) < limit:
        rows.append((b"", value))
