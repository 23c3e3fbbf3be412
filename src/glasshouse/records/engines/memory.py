"""`memory:`: a store in this process, for tests and for what need not last.

Every key keeps its values by the version that wrote them, so that a transaction reads its moment
while others go on. It conflicts exactly when a later commit wrote what it had read, which makes it
the reference that the other engines are tested against.
"""

import threading
from bisect import bisect_left, bisect_right, insort
from functools import partial
from weakref import WeakSet

from glasshouse.errors import ConflictError, EngineError
from glasshouse.records.engines.buffer import BufferedTransaction
from glasshouse.records.engines.changes import Changes, Range, Snapshot
from glasshouse.records.engines.engine import (
    MAX_KEY_BYTES,
    VERSION_BYTES,
    Row,
    Transaction,
    Watch,
)
from glasshouse.records.engines.mutation import apply_mutation

_KEPT_COMMITS = 10_000
"""Most commits whose writes are remembered; a transaction from before them conflicts."""


class MemoryEngine:
    """Keys and values in this process."""

    def __init__(self, url: str = "memory:") -> None:
        self._url = url
        self._lock = threading.Condition(threading.RLock())
        self._holder: int | None = None  # the thread of an exclusive transaction
        self._keys: list[bytes] = []
        self._values: dict[bytes, list[tuple[int, bytes | None]]] = {}
        self._commits: list[tuple[int, list[bytes], list[Range]]] = []
        self._version = 0
        self._oldest_known = 0
        self._readers: dict[int, int] = {}
        self._begun = WeakSet[BufferedTransaction]()
        self._closed = False

    @property
    def url(self) -> str:
        """How it was opened."""
        return self._url

    @property
    def is_closed(self) -> bool:
        """Whether it was closed."""
        return self._closed

    def begin(self, *, exclusive: bool = False, read_only: bool = False) -> Transaction:
        """Begin a transaction; an exclusive one keeps the commits of other threads waiting."""
        with self._lock:
            if exclusive:
                self._wait_for_others()
            self._refuse_closed()
            if exclusive:
                self._holder = threading.get_ident()
            version = self._version
            self._readers[version] = self._readers.get(version, 0) + 1
        snapshot = _MemorySnapshot(self, version, is_exclusive=exclusive)
        transaction = BufferedTransaction(
            snapshot, self._commit, watch=self._watch, read_only=read_only
        )
        self._begun.add(transaction)
        return transaction

    def advance_version(self, version: bytes) -> None:
        """Make later versions larger."""
        with self._lock:
            self._version = max(self._version, int.from_bytes(version[:8], "big"))

    def newest_version(self) -> bytes:
        """The version of the last commit."""
        return self._version.to_bytes(8, "big") + bytes(VERSION_BYTES - 8)

    def close(self) -> None:
        """End all transactions that are open, and refuse others."""
        with self._lock:
            self._closed = True
            self._lock.notify_all()
        for transaction in list(self._begun):
            transaction.cancel()

    def get_at(self, key: bytes, version: int) -> bytes | None:
        """The value that a key had at a version."""
        with self._lock:
            history = self._values.get(key)
            if history is None:
                return None
            place = bisect_right(history, version, key=lambda one: one[0]) - 1
            return history[place][1] if place >= 0 else None

    def range_at(
        self, begin: bytes, end: bytes, limit: int | None, reverse: bool, version: int
    ) -> list[Row]:
        """The rows that a range had at a version."""
        with self._lock:
            first, last = bisect_left(self._keys, begin), bisect_left(self._keys, end)
            places = range(last - 1, first - 1, -1) if reverse else range(first, last)
            rows = []
            for place in places:
                key = self._keys[place]
                value = self.get_at(key, version)
                if value is not None:
                    rows.append((key, value))
                    if len(rows) == limit:
                        break
            return rows

    def let_go(self, version: int, *, is_exclusive: bool) -> None:
        """A transaction of this version has ended."""
        with self._lock:
            self._readers[version] -= 1
            if not self._readers[version]:
                del self._readers[version]
            if is_exclusive:
                self._holder = None
                self._lock.notify_all()

    def _wait_for_others(self) -> None:
        """Wait until no other thread has an exclusive transaction.

        Raises:
            EngineError: If this thread has one itself.
        """
        if self._holder == threading.get_ident():
            raise EngineError(
                "this thread has an exclusive transaction open; end it before it commits another"
            )
        self._lock.wait_for(lambda: self._holder is None or self._closed)

    def _refuse_closed(self) -> None:
        if self._closed:
            raise EngineError(f"{self._url} is closed; open it again")

    def _commit(self, snapshot: Snapshot, changes: Changes) -> bytes:
        assert isinstance(snapshot, _MemorySnapshot)
        with self._lock:
            if not snapshot.is_exclusive:
                self._wait_for_others()
            self._refuse_closed()
            self._check(snapshot.version, changes)
            self._version += 1
            version = self._version.to_bytes(8, "big") + bytes(VERSION_BYTES - 8)
            changes.stamp(version)
            cleared = [
                key
                for begin, end in changes.cleared
                for key in self._keys[bisect_left(self._keys, begin) : bisect_left(self._keys, end)]
            ]
            for key in cleared:
                self._put(key, None)
            for key, pending in changes.mutations.items():
                value = self.get_at(key, self._version)
                for mutation, parameter in pending:
                    value = apply_mutation(mutation, value, parameter)
                self._put(key, value)
            for key, value in changes.writes.items():
                self._put(key, value)
            written = [*changes.writes, *changes.mutations]
            ranges = [*changes.cleared, *changes.write_conflicts]
            self._commits.append((self._version, written, ranges))
            self._forget_commits()
            self._lock.notify_all()
            return version

    def _forget_commits(self) -> None:
        """Drop what no open transaction can conflict with, and what would be too much."""
        oldest = min(self._readers, default=self._version)
        place = bisect_right(self._commits, oldest, key=lambda one: one[0])
        place = max(place, len(self._commits) - _KEPT_COMMITS)
        if place:
            self._oldest_known = self._commits[place - 1][0]
            del self._commits[:place]

    def _put(self, key: bytes, value: bytes | None) -> None:
        history = self._values.get(key)
        if history is None:
            if value is None:
                return
            insort(self._keys, key)
            self._values[key] = [(self._version, value)]
            return
        if history[-1][0] == self._version:
            history.pop()
        history.append((self._version, value))
        oldest = min(self._readers, default=self._version)
        seen = bisect_right(history, oldest, key=lambda one: one[0]) - 1
        if seen > 0:
            del history[:seen]
        if len(history) == 1 and history[0][1] is None:
            del self._values[key]
            del self._keys[bisect_left(self._keys, key)]

    def _check(self, version: int, changes: Changes) -> None:
        """Refuse what rests on reads that were overwritten since."""
        if not changes.read_keys and not changes.read_ranges:
            return
        if version < self._oldest_known:
            raise ConflictError("the transaction is too old to be checked; try again")
        keys, ranges = set(changes.read_keys), changes.read_ranges
        for later, written, cleared in reversed(self._commits):
            if later <= version:
                return
            if (
                any(key in keys for key in written)
                or any(begin <= key < end for begin, end in ranges for key in written)
                or any(begin <= key < end for begin, end in cleared for key in keys)
                or any(a < d and c < b for a, b in ranges for c, d in cleared)
            ):
                raise ConflictError("another transaction changed what this one read; try again")

    def _watch(self, key: bytes, value: bytes | None) -> Watch:
        return _MemoryWatch(self, key, value)

    def wait_for_change(self, key: bytes, value: bytes | None, timeout_seconds: float) -> bool:
        """Block until a key has another value; False if time ran out."""
        with self._lock:
            return self._lock.wait_for(
                lambda: self.get_at(key, self._version) != value, timeout_seconds
            )


class _MemorySnapshot:
    """A moment, by its version."""

    def __init__(self, engine: MemoryEngine, version: int, *, is_exclusive: bool) -> None:
        self.version = version
        self.is_exclusive = is_exclusive
        self._engine = engine
        self.direct = partial(engine.get_at, version=version)
        self.direct_bytes = MAX_KEY_BYTES

    def translated(self, error: Exception) -> Exception:
        return error

    def get(self, key: bytes) -> bytes | None:
        return self._engine.get_at(key, self.version)

    def get_range(self, begin: bytes, end: bytes, limit: int | None, reverse: bool) -> list[Row]:
        return self._engine.range_at(begin, end, limit, reverse, self.version)

    def close(self) -> None:
        self._engine.let_go(self.version, is_exclusive=self.is_exclusive)


class _MemoryWatch:
    """Waits on the engine's condition."""

    def __init__(self, engine: MemoryEngine, key: bytes, value: bytes | None) -> None:
        self._engine, self._key, self._value = engine, key, value

    def wait(self, timeout_seconds: float) -> bool:
        """Block until the value differs."""
        return self._engine.wait_for_change(self._key, self._value, timeout_seconds)

    def cancel(self) -> None:
        """Nothing is held."""


_named: dict[str, MemoryEngine] = {}


def open_memory(url: str) -> MemoryEngine:
    """A fresh store for `memory:`; for `memory:NAME` the one of that name in this process."""
    if url == "memory:":
        return MemoryEngine(url)
    found = _named.get(url)
    if found is None or found.is_closed:
        found = _named[url] = MemoryEngine(url)
    return found
