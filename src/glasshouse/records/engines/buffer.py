"""A transaction that keeps its writes to itself until it commits.

Reads look into the buffer first and then into a snapshot, a moment of the store; what was read is
kept for the engine to check when it commits.
"""

from collections.abc import Callable, Mapping, Sequence
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
from glasshouse.records.engines.merging import covering, join, merged
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
            read_only: Whether it refuses to write, and so forgets what it read.
        """
        self._snapshot = snapshot
        self._commit = commit
        self._watch = watch
        self._is_read_only = read_only
        self._changes = changes = Changes()
        self._writes = writes = changes.writes
        self._own = OwnKeys(writes)
        # A transaction that only reads looks twice at whatever it is to write.
        self._long_bytes = -1 if read_only else snapshot.direct_bytes
        self._is_plain = True
        self._is_open = True
        remember = None if read_only else changes.read_keys.append
        self.get, self._take_long_way = _quick_get(
            snapshot, writes, remember, self._get_beside_others
        )
        self._forgetting: list[Callable[[], object]] = []
        self._version: bytes | None = None

    def quick(self, forget: Callable[[], object]) -> Callable[[bytes], bytes | None]:
        """What reads short keys; where nothing is written or remembered, the engine itself."""
        self._refuse_ended()
        self._forgetting.append(forget)
        return self._snapshot.direct if self._is_read_only else self.get

    def get_all(self, keys: Sequence[bytes], *, snapshot: bool = False) -> list[bytes | None]:
        """The values of many keys."""
        writes = self._writes
        is_direct = self._is_plain and (not writes or writes.keys().isdisjoint(keys))
        if is_direct and max(map(len, keys), default=0) <= self._snapshot.direct_bytes:
            try:
                values = list(map(self._snapshot.direct, keys))
            except Exception as error:
                if b"" not in keys:
                    raise self._snapshot.translated(error) from None
            else:
                if not snapshot and not self._is_read_only:
                    self._changes.read_keys.extend(keys)
                return values
        return [self.get(key, snapshot=snapshot) for key in keys]

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
        if begin >= end or limit == 0:
            self._refuse_ended()
            return []
        if self._is_plain and not self._writes:
            rows = self._snapshot.get_range(begin, end, limit, reverse)
        else:
            rows = self._rows(begin, end, limit, reverse)
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
        if len(key) > self._long_bytes or len(value) > MAX_VALUE_BYTES:
            self._refuse(key, value)
        self._writes[key] = value
        if not self._is_plain:
            self._overwrite(key)

    def set_all(self, rows: Mapping[bytes, bytes]) -> None:
        """Write many values."""
        self._refuse_ended()
        if not rows:
            return
        if max(map(len, rows)) > self._long_bytes:
            self._refuse(max(rows, key=len), b"")
        if max(map(len, rows.values())) > MAX_VALUE_BYTES:
            self._refuse(b"", max(rows.values(), key=len))
        self._writes.update(rows)
        if not self._is_plain:
            for key in rows:
                self._overwrite(key)

    def clear(self, key: bytes) -> None:
        """Remove a key."""
        if len(key) > self._long_bytes:
            self._refuse(key, b"")
        self._writes[key] = None
        self._changes.has_clears = True
        if not self._is_plain:
            self._overwrite(key)

    def clear_range(self, begin: bytes, end: bytes) -> None:
        """Remove a range of keys."""
        self._refuse_to_write()
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
        if changes.stamped_keys:
            changes.cleared_stamped.append((len(changes.stamped_keys), begin, end))
        join(changes.cleared, begin, end)

    def mutate(self, mutation: Mutation, key: bytes, parameter: bytes) -> None:
        """Apply an atomic operation at commit."""
        if len(key) > self._long_bytes or len(parameter) > MAX_VALUE_BYTES or not self._is_open:
            self._refuse(key, parameter)
        if key in self._writes:
            self._writes[key] = apply_mutation(mutation, self._writes[key], parameter)
            return
        if covering(self._changes.cleared, key):
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
        self._refuse_to_write()
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
                self._version = self._commit(self._snapshot, self._changes)
        finally:
            self.cancel()

    def cancel(self) -> None:
        """End without writing."""
        if self._is_open:
            self._is_open = False
            self._not_plain()
            # What reads refers to this object, which would keep all it holds until the next
            # collection of garbage.
            self.get = _ended
            for forget in self._forgetting:
                forget()
            self._writes.clear()
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

    def _overwrite(self, key: bytes) -> None:
        """Drop what else was to happen to a key that is now written."""
        self._refuse_ended()
        self._changes.mutations.pop(key, None)
        self._changes.stamped_values.pop(key, None)

    def _not_plain(self) -> None:
        """From now on there is more to look at than writes, so reads take the long way."""
        self._is_plain = False
        self._take_long_way()

    def _get_beside_others(self, key: bytes, *, snapshot: bool = False) -> bytes | None:
        """The value of a key that is long, or that more than writes may have to do with."""
        self._refuse_ended()
        changes = self._changes
        self._refuse_stamped(key)
        if covering(changes.cleared, key):
            return None
        if not snapshot and not self._is_read_only:
            changes.read_keys.append(key)
        value = self._snapshot.get(key)
        for mutation, parameter in changes.mutations.get(key, ()):
            value = apply_mutation(mutation, value, parameter)
        return value

    def _rows(self, begin: bytes, end: bytes, limit: int | None, reverse: bool) -> list[Row]:
        """Rows of the snapshot with those of the buffer in their places."""
        self._refuse_ended()
        changes = self._changes
        for key in changes.stamped_values:
            if begin <= key < end:
                self._refuse_stamped(key)
        keys = self._own.within(begin, end, reverse=reverse)
        return merged(self._snapshot, changes, keys, self._own_value, begin, end, limit, reverse)

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
        """Refuse what may not be written; take note of a long key."""
        self._refuse_to_write()
        if len(key) > MAX_KEY_BYTES:
            raise EngineError(f"a key of {len(key)} bytes is too long; {MAX_KEY_BYTES} is the most")
        if len(value) > MAX_VALUE_BYTES:
            raise EngineError(
                f"a value of {len(value)} bytes is too long; {MAX_VALUE_BYTES} is the most"
            )
        if len(key) > self._long_bytes:
            self._changes.has_long_keys = True

    def _refuse_to_write(self) -> None:
        self._refuse_ended()
        if self._is_read_only:
            raise EngineError("a read-only transaction cannot write; begin another for that")

    def _refuse_ended(self) -> None:
        if not self._is_open:
            _ended(b"")


@runtime_checkable
class _Get(Protocol):
    """The value of a key, own writes included."""

    def __call__(self, key: bytes, *, snapshot: bool = False) -> bytes | None: ...


def _quick_get(
    snapshot: Snapshot,
    writes: dict[bytes, bytes | None],
    remember: Callable[[bytes], None] | None,
    long_way: _Get,
) -> tuple[_Get, Callable[[], None]]:
    """What reads keys, and what makes it take the long way from then on.

    Reading a key is what programs do most; as a function with all it needs at hand it costs half of
    a method that looks everything up.
    """
    direct, direct_bytes = snapshot.direct, snapshot.direct_bytes

    def get(key: bytes, *, snapshot: bool = False) -> bytes | None:
        if writes and key in writes:
            return writes[key]
        if len(key) > direct_bytes:
            return long_way(key, snapshot=snapshot)
        if not snapshot:
            remember(key)  # type: ignore[misc]
        try:
            return direct(key)
        except Exception as error:
            if not key:  # LMDB knows no empty keys
                return long_way(key, snapshot=snapshot)
            raise translated(error) from None

    def get_only(key: bytes, *, snapshot: bool = False) -> bytes | None:
        if len(key) > direct_bytes:
            return long_way(key, snapshot=snapshot)
        try:
            return direct(key)
        except Exception as error:
            if not key:
                return long_way(key, snapshot=snapshot)
            raise translated(error) from None

    def take_long_way() -> None:
        nonlocal direct, direct_bytes
        direct, direct_bytes = _ended, -1

    translated = snapshot.translated
    return get_only if remember is None else get, take_long_way


def _ended(key: bytes, *, snapshot: bool = False) -> bytes | None:
    raise EngineError("this transaction has ended; begin another")


def _check_offset(holder: bytes, offset: int) -> None:
    if not 0 <= offset <= len(holder) - VERSION_BYTES:
        raise EngineError(
            f"offset={offset} leaves no room for a version of {VERSION_BYTES} bytes in "
            f"{len(holder)} bytes"
        )
