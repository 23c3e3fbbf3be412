"""What running plans share: batches of rows with their positions, and what it has cost so far.

A position is the key of the last row of a scan, or a list of the positions of a plan's parts; None
is the beginning and False the end.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from glasshouse.records.engines.engine import Row
from glasshouse.records.store.store import RecordStore

Position = Any
"""bytes, a list of positions, an int, None for the beginning, False for the end."""

END = False

FIRST_ROWS, MOST_ROWS = 32, 256
"""Rows that a scan reads at once: few at first, since most queries end early.

Never very many: rows, bytes and records of a batch should fit into a processor's own memory."""

_MOST_BYTES = 8 << 20
"""Rows that are large are read fewer at once, so that they take up about so much."""


@dataclass(slots=True)
class Batch:
    """Some rows, in order."""

    rows: list[Any]
    positions: Sequence[Position]
    """Where to go on behind each row."""
    end: Position
    """Where to go on behind the whole batch."""


@dataclass(slots=True)
class Scope:
    """The store that plans run on, how much they may read at once, and what they have read."""

    store: RecordStore
    snapshot: bool
    num_rows: int = 0
    """Rows of the engine that were read."""
    num_bytes: int = 0
    """Their keys and values; keys of records are taken to be as long as the last of a page."""
    first_rows: int = field(default_factory=lambda: FIRST_ROWS)
    """Rows that a scan reads at once when it begins."""
    most_rows: int = MOST_ROWS
    """Rows that a scan reads at once at most."""

    def count(self, rows: Sequence[Row]) -> None:
        """Add rows to the bill."""
        self.num_rows += len(rows)
        self.num_bytes += sum(map(len, chain.from_iterable(rows)))


class Pace:
    """How many rows one scan reads at once: more each time."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._rows = scope.first_rows

    def next(self) -> int:
        """Rows to read now."""
        scope, rows = self._scope, self._rows
        self._rows = min(2 * rows, MOST_ROWS)
        if scope.num_bytes > _MOST_BYTES:
            rows = min(rows, _MOST_BYTES * scope.num_rows // scope.num_bytes)
        return max(1, min(rows, scope.most_rows))

    def slow_down(self) -> None:
        """Begin again with few."""
        self._rows = self._scope.first_rows


def left_of(
    begin: bytes, end: bytes, position: bytes | None, *, reverse: bool
) -> tuple[bytes, bytes]:
    """What of a range lies behind a position."""
    if position is None:
        return begin, end
    return (begin, position) if reverse else (position + b"\x00", end)
