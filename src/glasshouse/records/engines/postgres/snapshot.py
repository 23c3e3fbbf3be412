"""Reading one moment of the store."""

from collections.abc import Callable, Sequence
from typing import Any, LiteralString

from glasshouse.records.engines.engine import MAX_KEY_BYTES, Row
from glasshouse.records.engines.long_keys import HEAD_BYTES, bucket_of, find_in_bucket, unfold
from glasshouse.records.engines.postgres.connections import Connection, Connections
from glasshouse.records.engines.postgres.refusals import translated

_CHUNK = 2_000
"""Rows that are asked for at once where the caller sets no limit."""

_BY_KEY = "SELECT value FROM glasshouse.rows WHERE key = %b"
_BY_KEYS = "SELECT key, value FROM glasshouse.rows WHERE key = ANY(%b::bytea[])"
_IN_RANGE = "SELECT key, value FROM glasshouse.rows WHERE key >= %b AND key < %b"
_ASCENDING = f"{_IN_RANGE} ORDER BY key LIMIT %s"
_DESCENDING = f"{_IN_RANGE} ORDER BY key DESC LIMIT %s"


class PostgresSnapshot:
    """What a transaction of the server sees."""

    def __init__(
        self,
        connections: Connections,
        connection: Connection,
        seen: int,
        *,
        let_others: Callable[[], None] | None = None,
    ) -> None:
        """Read through a connection on which a transaction has begun.

        Args:
            connections: Where the connection goes back to.
            connection: It.
            seen: The version of the last commit that it sees.
            let_others: What is to be told when it ends, if it keeps others out until then.
        """
        self.connection = connection
        self.seen = seen
        self.is_exclusive = let_others is not None
        self.direct = self.get
        self.direct_bytes = MAX_KEY_BYTES
        self._connections = connections
        self._let_others = let_others
        self._is_open = True

    def get(self, key: bytes) -> bytes | None:
        """The value of a key."""
        is_long = len(key) > HEAD_BYTES
        stored = bucket_of(key) if is_long else key
        rows = self.fetched(_BY_KEY, (stored,))
        value = rows[0][0] if rows else None
        return find_in_bucket(value, key) if is_long else value

    def get_all(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """The values of many keys, in one statement."""
        stored = [key if len(key) <= HEAD_BYTES else bucket_of(key) for key in keys]
        held = self.stored(stored)
        return [
            held.get(place) if len(key) <= HEAD_BYTES else find_in_bucket(held.get(place), key)
            for key, place in zip(keys, stored, strict=True)
        ]

    def stored(self, keys: Sequence[bytes]) -> dict[bytes, bytes]:
        """Those of some keys that the table has, buckets as they are."""
        return dict(self.fetched(_BY_KEYS, (list(keys),))) if keys else {}

    def translated(self, error: Exception) -> Exception:
        """Errors come translated already."""
        return error

    def get_range(self, begin: bytes, end: bytes, limit: int | None, reverse: bool) -> list[Row]:
        """At most `limit` rows of a range."""
        found: list[Row] = []
        # Where a long key bounds the range, its whole bucket is read and cut.
        first = begin if len(begin) <= HEAD_BYTES else bucket_of(begin)
        last = end if len(end) <= HEAD_BYTES else bucket_of(end) + b"\x00"
        query = _DESCENDING if reverse else _ASCENDING
        size = _CHUNK if limit is None else limit
        while True:
            with translated():
                rows = self.connection.execute(query, (first, last, size), binary=True).fetchall()
            found += unfold(rows, begin, end, reverse=reverse)
            if len(rows) < size or (limit is not None and len(found) >= limit):
                return found if limit is None else found[:limit]
            first, last = (first, rows[-1][0]) if reverse else (rows[-1][0] + b"\x00", last)

    def fetched(self, query: LiteralString, arguments: tuple[Any, ...]) -> list[Any]:
        """What the server answers.

        Raises:
            ConflictError, CorruptionError, StorageError, EngineError: As it says.
        """
        self._connections.refuse_if_unusable()
        with translated():
            return self.connection.execute(query, arguments, binary=True).fetchall()

    def surrender(self) -> Connection:
        """End, and leave the connection to somebody who ends the server's transaction."""
        self._is_open = False
        return self.connection

    def close(self) -> None:
        """End the server's transaction and give the connection back."""
        if self._is_open:
            self._is_open = False
            if self._let_others is not None:
                self._let_others()
            self._connections.give(self.connection)
