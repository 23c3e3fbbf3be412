"""A part of the keys: all that begin with a prefix, addressed by tuples.

Source:
    FoundationDB's subspaces.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from glasshouse.errors import EngineError
from glasshouse.records.tuples import pack, range_of, unpack


@dataclass(frozen=True, slots=True)
class Subspace:
    """All keys that begin with the packed elements after a raw prefix."""

    elements: Sequence[Any] = ()
    """Packed to make the prefix."""
    raw_prefix: bytes = b""
    """Stands before them."""
    key: bytes = field(init=False)
    """The prefix of every key in it."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", pack(self.elements, self.raw_prefix))

    def pack(self, elements: Sequence[Any] = ()) -> bytes:
        """A key in it."""
        return pack(elements, self.key)

    def unpack(self, key: bytes) -> tuple[Any, ...]:
        """The elements of a key in it.

        Raises:
            EngineError: If the key is not in it.
        """
        if not self.contains(key):
            raise EngineError(f"key {key!r} is not in {self}")
        return unpack(key, len(self.key))

    def range(self, elements: Sequence[Any] = ()) -> tuple[bytes, bytes]:
        """First key and end of what begins with these elements and has more."""
        return range_of(elements, self.key)

    def contains(self, key: bytes) -> bool:
        """Whether a key begins with its prefix."""
        return key.startswith(self.key)

    def __getitem__(self, element: Any) -> "Subspace":
        return Subspace((element,), self.key)

    def subspace(self, elements: Sequence[Any]) -> "Subspace":
        """The part of it that begins with these elements."""
        return Subspace(elements, self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Subspace) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __repr__(self) -> str:
        return f"Subspace({self.key!r})"
