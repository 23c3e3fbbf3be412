"""Values of keys that Python has no type for."""

import struct
from dataclasses import dataclass

from glasshouse.errors import CorruptionError, EngineError

COMMIT_BYTES = 10
STAMP_BYTES = 12


@dataclass(frozen=True, order=True, slots=True)
class Versionstamp:
    """When something was committed: 10 bytes of the commit, and a place within it.

    Without a commit version it is incomplete, and the engine fills it in at commit.
    """

    commit: bytes | None = None
    """The 10-byte commit version; None before the commit."""
    user: int = 0
    """The place within the commit, 0 to 65,535."""

    def __post_init__(self) -> None:
        if self.commit is not None and len(self.commit) != COMMIT_BYTES:
            raise EngineError(f"a commit version has 10 bytes, not {len(self.commit)}")
        if not 0 <= self.user < 1 << 16:
            raise EngineError(f"user={self.user} of a versionstamp must lie in [0, 65535]")

    @property
    def is_complete(self) -> bool:
        """Whether the commit version is known."""
        return self.commit is not None

    @classmethod
    def from_bytes(cls, packed: bytes) -> "Versionstamp":
        """From its 12 bytes; 10 bytes of ones are the mark of an incomplete one.

        Raises:
            CorruptionError: If they are not 12.
        """
        if len(packed) != STAMP_BYTES:
            raise CorruptionError(f"a versionstamp has 12 bytes, and {packed!r} has {len(packed)}")
        commit = packed[:COMMIT_BYTES]
        user = int.from_bytes(packed[COMMIT_BYTES:], "big")
        return cls(None if commit == INCOMPLETE else commit, user)

    def to_bytes(self) -> bytes:
        """Its 12 bytes."""
        return (self.commit or INCOMPLETE) + self.user.to_bytes(2, "big")


INCOMPLETE = b"\xff" * COMMIT_BYTES
"""What stands for a commit version that is not known yet."""


@dataclass(frozen=True, slots=True)
class Single:
    """A float of 32 bits, which FoundationDB packs apart from one of 64."""

    value: float

    def __post_init__(self) -> None:
        rounded = struct.unpack(">f", struct.pack(">f", self.value))[0]
        object.__setattr__(self, "value", rounded)
