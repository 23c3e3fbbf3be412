"""A transaction that keeps its writes to itself until it commits.

Reads look into the buffer first and then into a snapshot, a moment of the store; what was read is
kept for the engine to check when it commits.
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Protocol, runtime_checkable

from glasshouse.errors import EngineError
from glasshouse.records.engines.changes import Changes, Snapshot
from glasshouse.records.engines.engine import (
    MAX_KEY_BYTES,
    MAX_VALUE_BYTES,
    VERSION_BYTES,
    Mutation,
    Row,
    Watch,
)
from glasshouse.records.engines.mutation import apply_mutation, fold
from glasshouse.records.engines.own_keys import OwnKeys

Commit = Callable[[Snapshot, Changes], bytes]
"""Makes changes everybody's if nothing they rest on was changed; returns the commit version."""


class BufferedTransaction:
    """A transaction over a snapshot and a function that commits."""

    def __init__(
        self,
        snapshot: Snapshot,
        commit: Commit,
        *,
        watch: Callable[[bytes, bytes | None], Watch] | None = None,
        read_only: bool = False,
    ) -> None:
        """Begin.

        Args:
            snapshot: The moment it reads.
            commit: What makes its changes everybody's.
            watch: What watches a key from the value that the transaction sees, if the engine can.
            read_only: Whether it refuses to commit writes, and so forgets what it read.
        """
        self._snapshot = snapshot
        self._read = snapshot.get
        self._commit = commit
        self._watch = watch
        self._changes = Changes()
        self._is_read_only = read_only
        self._writes = self._changes.writes
        self._read_keys = self._changes.read_keys
        self._own = OwnKeys(self._writes)
        self._is_plain = True
        self._is_open = True
        self.get, self._take_long_way = _quick_get(
            snapshot,
            self._writes,
            _forget if read_only else self._read_keys.append,
            self._get_beside_others,
        )
        self._version: bytes | None = None

    def get_all(self, keys: Sequence[bytes], *, snapshot: bool = False) -> list[bytes | None]:
        """The values of many keys."""
        is_direct = self._is_plain and self._writes.keys().isdisjoint(keys)
        if not is_direct or len(max(keys, key=len, default=b"")) > self._snapshot.direct_bytes:
            return [self.get(key, snapshot=snapshot) for key in keys]
        if not snapshot and not self._is_read_only:
            self._read_keys.extend(keys)
        try:
            return list(map(self._snapshot.direct, keys))
        except Exception as error:
            raise self._snapshot.translated(error) from None

    def get_range(
        self,
        begin: bytes,
        end: bytes,
        *,
        limit: int | None = None,
        reverse: bool = False,
        snapshot: bool = False,
    ) -> list[Row]:
        """At most `limit` rows of a range, own writes included."""
        self._refuse_ended()
        if begin >= end or limit == 0:
            return []
        rows = self._merged(begin, end, limit, reverse)
        if not snapshot and not self._is_read_only:
            if limit is not None and len(rows) >= limit:
                last = rows[-1][0]
                read = (last, end) if reverse else (begin, last + b"\x00")
            else:
                read = (begin, end)
            self._changes.read_ranges.append(read)
        return rows

    def set(self, key: bytes, value: bytes) -> None:
        """Write a value."""
        if len(key) > MAX_KEY_BYTES or len(value) > MAX_VALUE_BYTES:
            self._refuse(key, value)
        self._writes[key] = value
        if not self._is_plain:
            self._overwrite(key)

    def set_all(self, rows: Mapping[bytes, bytes]) -> None:
        """Write many values."""
        if not self._is_plain:
            for key, value in rows.items():
                self.set(key, value)
            return
        if rows:
            self._refuse(max(rows, key=len), max(rows.values(), key=len))
            self._writes.update(rows)

    def clear(self, key: bytes) -> None:
        """Remove a key."""
        if len(key) > MAX_KEY_BYTES:
            self._refuse(key, b"")
        self._writes[key] = None
        if not self._is_plain:
            self._overwrite(key)

    def _overwrite(self, key: bytes) -> None:
        """Drop what else was to happen to a key that is now written."""
        self._refuse_ended()
        self._changes.mutations.pop(key, None)
        self._changes.stamped_values.pop(key, None)

    def clear_range(self, begin: bytes, end: bytes) -> None:
        """Remove a range of keys."""
        self._refuse_ended()
        if begin >= end:
            return
        self._not_plain()
        changes = self._changes
        for key in self._own.forget(begin, end):
            changes.writes.pop(key, None)
            changes.mutations.pop(key, None)
        self._own.recount()
        for key in [key for key in changes.stamped_values if begin <= key < end]:
            del changes.stamped_values[key]
        apart = [one for one in changes.cleared if one[1] < begin or end < one[0]]
        touching = [one for one in changes.cleared if not (one[1] < begin or end < one[0])]
        joined = (
            min([begin, *(one[0] for one in touching)]),
            max([end, *(one[1] for one in touching)]),
        )
        changes.cleared[:] = sorted([*apart, joined])

    def mutate(self, mutation: Mutation, key: bytes, parameter: bytes) -> None:
        """Apply an atomic operation at commit."""
        if len(key) > MAX_KEY_BYTES or len(parameter) > MAX_VALUE_BYTES or not self._is_open:
            self._refuse(key, parameter)
        if key in self._writes:
            self._writes[key] = apply_mutation(mutation, self._writes[key], parameter)
            return
        if self._is_cleared(key):
            self._writes[key] = apply_mutation(mutation, None, parameter)
            return
        self._refuse_stamped(key)
        self._not_plain()
        pending = self._changes.mutations.get(key)
        if pending is None:
            self._own.add(key)
        self._changes.mutations[key] = (
            [(mutation, parameter)] if pending is None else fold(pending, mutation, parameter)
        )

    def set_versionstamped_key(self, key: bytes, offset: int, value: bytes) -> None:
        """Write under a key that holds the commit version."""
        self._refuse(key, value)
        _check_offset(key, offset)
        self._changes.stamped_keys.append((key, offset, value))

    def set_versionstamped_value(self, key: bytes, value: bytes, offset: int) -> None:
        """Write a value that holds the commit version."""
        self._refuse(key, value)
        _check_offset(value, offset)
        self._not_plain()
        if key in self._writes:
            self._own.forget(key, key + b"\x00")
            del self._writes[key]
            self._own.recount()
        self._changes.mutations.pop(key, None)
        self._changes.stamped_values[key] = (value, offset)

    def add_read_conflict_range(self, begin: bytes, end: bytes) -> None:
        """Conflict with whoever changes this range."""
        self._refuse_ended()
        if begin < end:
            self._changes.read_ranges.append((begin, end))

    def add_write_conflict_range(self, begin: bytes, end: bytes) -> None:
        """Make whoever read this range conflict."""
        self._refuse_ended()
        if begin < end:
            self._changes.write_conflicts.append((begin, end))

    def watch(self, key: bytes) -> Watch:
        """Watch a key."""
        if self._watch is None:
            raise EngineError("this engine has no watches; ask again from time to time")
        return self._watch(key, self.get(key, snapshot=True))

    def commit(self) -> None:
        """Make the writes everybody's."""
        self._refuse_ended()
        try:
            if not self._changes.is_empty:
                if self._is_read_only:
                    raise EngineError("a read-only transaction has written; begin another for that")
                self._version = self._commit(self._snapshot, self._changes)
        finally:
            self.cancel()

    def cancel(self) -> None:
        """End without writing."""
        if self._is_open:
            self._is_open = False
            self._read = _ended
            self._not_plain()
            self._snapshot.close()

    @property
    def committed_version(self) -> bytes | None:
        """The commit version."""
        return self._version

    @property
    def approximate_size(self) -> int:
        """Bytes that the commit would write; counted when it is asked for."""
        changes = self._changes
        size = sum([len(key) + len(value or b"") for key, value in changes.writes.items()])
        size += sum(len(key) + len(value) for key, _, value in changes.stamped_keys)
        size += sum(len(key) + len(value) for key, (value, _) in changes.stamped_values.items())
        for begin, end in [*changes.cleared, *changes.write_conflicts]:
            size += len(begin) + len(end)
        for key, pending in changes.mutations.items():
            size += len(key) + sum(len(parameter) for _, parameter in pending)
        return size

    def _not_plain(self) -> None:
        """From now on there is more to look at than writes, so reads take the long way."""
        self._is_plain = False
        self._take_long_way()

    def _get_beside_others(self, key: bytes, *, snapshot: bool = False) -> bytes | None:
        """The value of a key that is long, or that more than writes may have to do with."""
        self._refuse_ended()
        self._refuse_stamped(key)
        if self._is_cleared(key):
            return None
        if not snapshot:
            self._read_keys.append(key)
        value = self._read(key)
        for mutation, parameter in self._changes.mutations.get(key, ()):
            value = apply_mutation(mutation, value, parameter)
        return value

    def _is_cleared(self, key: bytes) -> bool:
        cleared = self._changes.cleared
        if not cleared:
            return False
        place = bisect_left(cleared, (key + b"\x00",)) - 1
        return place >= 0 and cleared[place][0] <= key < cleared[place][1]

    def _merged(self, begin: bytes, end: bytes, limit: int | None, reverse: bool) -> list[Row]:
        """Rows of the snapshot with those of the buffer in their places."""
        changes = self._changes
        if not self._is_plain:
            for key in changes.stamped_values:
                if begin <= key < end:
                    self._refuse_stamped(key)
        keys = self._own.within(begin, end, reverse=reverse)
        has_cleared = any(one[0] < end and begin < one[1] for one in changes.cleared)
        if keys is None and not has_cleared:
            return self._snapshot.get_range(begin, end, limit, reverse)
        rows = self._below(begin, end, limit, reverse)
        return list(islice(self._interleaved(rows, keys or iter(()), reverse), limit))

    def _below(self, begin: bytes, end: bytes, limit: int | None, reverse: bool) -> Iterator[Row]:
        """Rows of the snapshot that this transaction has not cleared, a few more at a time."""
        chunk = None if limit is None else limit + _SPARE_ROWS
        while True:
            rows = self._snapshot.get_range(begin, end, chunk, reverse)
            if self._changes.cleared:
                yield from [row for row in rows if not self._is_cleared(row[0])]
            else:
                yield from rows
            if chunk is None or len(rows) < chunk:
                return
            begin, end = (begin, rows[-1][0]) if reverse else (rows[-1][0] + b"\x00", end)
            chunk = min(4 * chunk, _MOST_ROWS)

    def _interleaved(
        self, rows: Iterator[Row], keys: Iterator[bytes], reverse: bool
    ) -> Iterator[Row]:
        """Rows of the snapshot and keys of the buffer in one order; what the buffer has, counts."""
        row, key = next(rows, None), next(keys, None)
        while row is not None or key is not None:
            if key is None or (row is not None and (row[0] > key if reverse else row[0] < key)):
                assert row is not None
                yield row
                row = next(rows, None)
                continue
            if row is not None and row[0] == key:
                below, row = row, next(rows, None)
            else:
                below = None
            is_own = key in self._writes or key in self._changes.mutations
            value = self._own_value(key) if is_own else below and below[1]
            if value is not None:
                yield key, value
            key = next(keys, None)

    def _own_value(self, key: bytes) -> bytes | None:
        if key in self._writes:
            return self._writes[key]
        return self._get_beside_others(key, snapshot=True)

    def _refuse_stamped(self, key: bytes) -> None:
        if key in self._changes.stamped_values:
            raise EngineError(
                f"the value of {key!r} gets its version at commit; read it after that"
            )

    def _refuse(self, key: bytes, value: bytes) -> None:
        """Refuse to write after the end, or what is too long."""
        self._refuse_ended()
        if len(key) > MAX_KEY_BYTES:
            raise EngineError(f"a key of {len(key)} bytes is too long; {MAX_KEY_BYTES} is the most")
        if len(value) > MAX_VALUE_BYTES:
            raise EngineError(
                f"a value of {len(value)} bytes is too long; {MAX_VALUE_BYTES} is the most"
            )

    def _refuse_ended(self) -> None:
        if not self._is_open:
            _ended(b"")


_SPARE_ROWS = 16
"""Rows read beyond a limit, for those that the buffer hides."""

_MOST_ROWS = 2048

_forget = deque[bytes](maxlen=0).append
"""Takes a key and keeps nothing."""


@runtime_checkable
class _Get(Protocol):
    """The value of a key, own writes included."""

    def __call__(self, key: bytes, *, snapshot: bool = False) -> bytes | None: ...


def _quick_get(
    snapshot: Snapshot,
    writes: dict[bytes, bytes | None],
    remember: Callable[[bytes], None],
    long_way: _Get,
) -> tuple[_Get, Callable[[], None]]:
    """What reads keys, and what makes it take the long way from then on.

    Reading a key is what programs do most; as a function with all it needs at hand it costs half of
    a method that looks everything up.
    """
    direct, direct_bytes = snapshot.direct, snapshot.direct_bytes

    def get(key: bytes, *, snapshot: bool = False) -> bytes | None:
        if key in writes:
            return writes[key]
        if len(key) > direct_bytes:
            return long_way(key, snapshot=snapshot)
        if not snapshot:
            remember(key)
        try:
            return direct(key)
        except Exception as error:
            raise translated(error) from None

    def take_long_way() -> None:
        nonlocal direct_bytes
        direct_bytes = -1

    translated = snapshot.translated
    return get, take_long_way


def _ended(key: bytes) -> bytes | None:
    raise EngineError("this transaction has ended; begin another")


def _check_offset(holder: bytes, offset: int) -> None:
    if not 0 <= offset <= len(holder) - VERSION_BYTES:
        raise EngineError(
            f"offset={offset} leaves no room for a version of {VERSION_BYTES} bytes in "
            f"{len(holder)} bytes"
        )
