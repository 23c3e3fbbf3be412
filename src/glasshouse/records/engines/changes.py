"""What a transaction reads from, and what it is to do: what engines give and take.

A snapshot is one moment of a store; changes are everything that a commit has to check and write.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from glasshouse.records.engines.engine import VERSION_BYTES, Mutation, Row

Range = tuple[bytes, bytes]
"""First key and end."""


@runtime_checkable
class Snapshot(Protocol):
    """One moment of a store."""

    direct: Callable[[bytes], bytes | None]
    """The value of a key of at most `direct_bytes`, without a detour: the hottest path of all."""
    direct_bytes: int

    def get(self, key: bytes) -> bytes | None:
        """The value of any key."""
        ...

    def translated(self, error: Exception) -> Exception:
        """What `direct` raised, as one of the house's exceptions where it is a known one."""
        ...

    def get_range(self, begin: bytes, end: bytes, limit: int | None, reverse: bool) -> list[Row]:
        """At most `limit` rows of a range."""
        ...

    def close(self) -> None:
        """Let go of the moment."""
        ...


@dataclass(slots=True)
class Changes:
    """What a transaction is to do, and what that rests on."""

    writes: dict[bytes, bytes | None] = field(default_factory=dict)
    """New values; None clears the key."""
    cleared: list[Range] = field(default_factory=list)
    """Ranges cleared before the writes, sorted and apart from each other."""
    mutations: dict[bytes, list[tuple[Mutation, bytes]]] = field(default_factory=dict)
    """Atomic operations on keys whose value is not known here, in order."""
    stamped_keys: list[tuple[bytes, int, bytes]] = field(default_factory=list)
    """Keys with the offset of the commit version, and their values."""
    cleared_stamped: list[tuple[int, bytes, bytes]] = field(default_factory=list)
    """Ranges cleared after so many stamped keys were written: those of them that lie there go."""
    stamped_values: dict[bytes, tuple[bytes, int]] = field(default_factory=dict)
    """Values with the offset of the commit version."""
    read_keys: list[bytes] = field(default_factory=list)
    """Keys read, perhaps several times."""
    read_ranges: list[Range] = field(default_factory=list)
    write_conflicts: list[Range] = field(default_factory=list)
    """Ranges that count as written though they are not."""
    has_clears: bool = False
    """Whether any write may be None."""
    has_long_keys: bool = False
    """Whether any write may be of a key longer than the snapshot reads directly."""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to commit."""
        return not (
            self.writes
            or self.cleared
            or self.mutations
            or self.stamped_keys
            or self.stamped_values
            or self.write_conflicts
        )

    def stamp(self, version: bytes) -> None:
        """Fill in the commit version; what was stamped becomes plain writes."""
        for key, (value, offset) in self.stamped_values.items():
            self.writes[key] = _stamped(value, offset, version)
        for place, (unstamped, offset, value) in enumerate(self.stamped_keys):
            key = _stamped(unstamped, offset, version)
            if not any(
                place < count and begin <= key < end for count, begin, end in self.cleared_stamped
            ):
                self.writes[key] = value


def _stamped(holder: bytes, offset: int, version: bytes) -> bytes:
    return holder[:offset] + version + holder[offset + VERSION_BYTES :]
