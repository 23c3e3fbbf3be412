"""Reading a whole store in transactions that are short, since nobody should keep a moment for long.

LMDB's file grows while an old moment is looked at and others write; FoundationDB forgets a moment
after five seconds.
"""

import time
from collections.abc import Iterator
from types import TracebackType

from glasshouse.records.engines.engine import Row, Transaction
from glasshouse.records.store.context import Context
from glasshouse.records.store.database import StoreHandle
from glasshouse.records.store.store import RecordStore

_PAGE = 500


class Moments:
    """One moment of a store after another; use it as a `with` block."""

    def __init__(self, handle: StoreHandle, *, seconds: float) -> None:
        """Each moment is kept for so many seconds, and to the end of the page in hand."""
        self._handle = handle
        self._seconds = seconds
        self._transaction: Transaction | None = None
        self._store: RecordStore | None = None
        self._until = 0.0

    def store(self) -> RecordStore:
        """The store at the moment in hand, or at a new one if that is over."""
        if self._store is None or time.monotonic() > self._until:
            self.close()
            self._transaction = self._handle.database.engine.begin(read_only=True)
            self._store = self._handle.open(Context(self._transaction), read_only=True)
            self._until = time.monotonic() + self._seconds
        return self._store

    def pages(self, begin: bytes, end: bytes) -> Iterator[tuple[RecordStore, list[Row]]]:
        """The rows of a range, behind the store's prefix, each page with the store as it then is.

        Args:
            begin: First key.
            end: Where to end, itself left out.
        """
        while True:
            store = self.store()
            rows = store.transaction.get_range(
                store.prefix + begin, store.prefix + end, limit=_PAGE
            )
            yield store, rows
            if len(rows) < _PAGE:
                return
            begin = rows[-1][0][len(store.prefix) :] + b"\x00"

    def close(self) -> None:
        """Let go of the moment."""
        if self._transaction is not None:
            self._transaction.cancel()
        self._transaction = self._store = None

    def __enter__(self) -> "Moments":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
