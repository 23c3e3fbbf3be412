"""What the record layer asks of the store below: ordered byte keys, serialisable transactions.

A transaction reads one moment of the store and its own writes, keeps its writes to itself until
`commit`, and then takes effect as if at one instant. It conflicts, and has to be tried again, when
somebody else changed what it read. Blind writes and atomic operations never conflict.

Source:
    FoundationDB's API, as summed up in section 2 of 1901.04452.
"""

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Protocol, runtime_checkable

MAX_KEY_BYTES = 10_000
"""Longest key that every engine takes, FoundationDB's limit."""

MAX_VALUE_BYTES = 100_000
"""Longest value that every engine takes, FoundationDB's limit; larger records are split."""

VERSION_BYTES = 10
"""Length of a commit version: 8 bytes of the commit, 2 of its place within the commit."""

QUICK_BYTES = 500
"""Longest key that every engine reads without a detour."""

Row = tuple[bytes, bytes]
"""A key and its value."""


class Mutation(Enum):
    """Atomic operations: the store applies them to whatever it holds when they commit.

    Numbers are unsigned, little-endian, of the parameter's length; what is stored is cut or padded
    with zeros to that length, as FoundationDB does. A missing value counts as zero for ADD, and is
    replaced by the parameter for the others.
    """

    ADD = "add"
    MIN = "min"
    MAX = "max"
    BYTE_MIN = "byte_min"
    """The smaller of two byte strings in their order."""
    BYTE_MAX = "byte_max"
    """The larger of two byte strings in their order."""


@runtime_checkable
class Watch(Protocol):
    """Waits until another transaction changes the value of a key."""

    def wait(self, timeout_seconds: float) -> bool:
        """Block until the value differs from the watching transaction's; False if time ran out."""
        ...

    def cancel(self) -> None:
        """Stop watching."""
        ...


@runtime_checkable
class Transaction(Protocol):
    """One transaction; it belongs to one thread and ends with `commit` or `cancel`."""

    def quick(self, forget: Callable[[], object]) -> Callable[[bytes], bytes | None]:
        """What gives what `get` gives, by the shortest way, for keys of 1 to `QUICK_BYTES` bytes.

        Where the storage fails, it may raise what is no exception of the house; `get` then says
        what happened.

        Args:
            forget: Called when the transaction ends: what was given must not be used from then on.
        """
        ...

    def get(self, key: bytes, *, snapshot: bool = False) -> bytes | None:
        """The value of a key, own writes included; a snapshot read causes no conflict."""
        ...

    def get_all(self, keys: Sequence[bytes], *, snapshot: bool = False) -> list[bytes | None]:
        """The values of many keys, which is quicker than one by one."""
        ...

    def get_range(
        self,
        begin: bytes,
        end: bytes,
        *,
        limit: int | None = None,
        reverse: bool = False,
        snapshot: bool = False,
    ) -> list[Row]:
        """At most `limit` rows of begin <= key < end, ascending or, if reverse, descending.

        What conflicts is the part of the range that was read: up to the last row returned when
        there are `limit` of them, else all of it.
        """
        ...

    def set(self, key: bytes, value: bytes) -> None:
        """Write a value.

        Raises:
            EngineError: If key or value is longer than every engine takes.
        """
        ...

    def set_all(self, rows: Mapping[bytes, bytes]) -> None:
        """Write many values, which is quicker than one by one.

        Raises:
            EngineError: As for `set`; nothing is then written.
        """
        ...

    def clear(self, key: bytes) -> None:
        """Remove a key, if it is there."""
        ...

    def clear_range(self, begin: bytes, end: bytes) -> None:
        """Remove all keys of begin <= key < end."""
        ...

    def mutate(self, mutation: Mutation, key: bytes, parameter: bytes) -> None:
        """Apply an atomic operation at commit; it reads nothing and so conflicts with nobody."""
        ...

    def set_versionstamped_key(self, key: bytes, offset: int, value: bytes) -> None:
        """Write under a key whose 10 bytes at `offset` become the commit version.

        The transaction itself cannot read what it wrote so.
        """
        ...

    def set_versionstamped_value(self, key: bytes, value: bytes, offset: int) -> None:
        """Write a value whose 10 bytes at `offset` become the commit version.

        Reading the key in the same transaction raises EngineError.
        """
        ...

    def add_read_conflict_range(self, begin: bytes, end: bytes) -> None:
        """Conflict with whoever changes this range, as if it had been read."""
        ...

    def add_write_conflict_range(self, begin: bytes, end: bytes) -> None:
        """Make whoever read this range conflict, as if it had been written."""
        ...

    def watch(self, key: bytes) -> Watch:
        """Watch a key from this transaction's commit on.

        Raises:
            EngineError: If the engine has no watches.
        """
        ...

    def commit(self) -> None:
        """Make the writes everybody's, all at once, on the disk itself.

        Raises:
            ConflictError: If somebody changed what was read; nothing was written.
            DiskFullError: If no room is left; nothing was written.
            CommitUnknownError: If the connection broke; it may have been written.
        """
        ...

    def cancel(self) -> None:
        """End without writing; also after commit, where it does nothing."""
        ...

    @property
    def committed_version(self) -> bytes | None:
        """The 10-byte commit version; None before a commit, and if it wrote nothing.

        Versions grow in the order of commits: who sees one sees every smaller one.
        """
        ...

    @property
    def approximate_size(self) -> int:
        """Bytes that the commit would write so far: keys, values and ranges."""
        ...


@runtime_checkable
class Engine(Protocol):
    """An ordered key-value store."""

    @property
    def url(self) -> str:
        """How it was opened."""
        ...

    def begin(self, *, exclusive: bool = False, read_only: bool = False) -> Transaction:
        """Begin a transaction.

        Args:
            read_only: It refuses to write, with an EngineError, and so need not remember what it
                read.
            exclusive: Keep all other writers out until it ends, where the engine can, so that it
                cannot conflict: the last resort of a retry loop.
        """
        ...

    def advance_version(self, version: bytes) -> None:
        """Make every later commit version larger than this one; what a restore needs."""
        ...

    def newest_version(self) -> bytes:
        """A commit version that no earlier commit exceeds: what a backup has to remember."""
        ...

    def close(self) -> None:
        """Let go of files and connections; open transactions are cancelled."""
        ...
