"""Short prefixes that are given once and never again, while many ask at the same time.

Numbers are drawn from a window at random, so that two who ask at once seldom meet; a counter says
when half of a window is used, and the next, larger one begins. Those who do meet conflict, and one
of them tries again.

Source:
    FoundationDB's high-contention allocator, whose rows these are.
"""

import random
import struct
from dataclasses import dataclass, field

from glasshouse.records.engines.engine import Mutation, Transaction
from glasshouse.records.subspace import Subspace
from glasshouse.records.tuples import pack

_ONE = struct.pack("<q", 1)


@dataclass(frozen=True, slots=True)
class PrefixAllocator:
    """Gives out packed integers, nearly as short as can be."""

    place: Subspace
    """Where it keeps what it needs."""
    chance: random.Random = field(default_factory=random.Random, compare=False)
    """Draws candidates; another process must not draw the same."""

    def allocate(self, transaction: Transaction) -> bytes:
        """A prefix that nobody has been given and nobody else will be."""
        recent = self.place[1]
        while True:
            start = self._newest_window(transaction)
            start, size = self._open_window(transaction, start)
            while True:
                candidate = self.chance.randrange(start, start + size)
                key = recent.pack((candidate,))
                newest = self._newest_window(transaction)
                taken = transaction.get(key, snapshot=True)
                transaction.set(key, b"")
                if newest > start:
                    break  # somebody has opened the next window, and this one's rows may be gone
                if taken is None:
                    # Of two who found it free, the one who commits later must try again.
                    transaction.add_read_conflict_range(key, key + b"\x00")
                    return pack((candidate,))

    def _newest_window(self, transaction: Transaction) -> int:
        counters = self.place[0]
        rows = transaction.get_range(*counters.range(), limit=1, reverse=True, snapshot=True)
        return counters.unpack(rows[0][0])[0] if rows else 0

    def _open_window(self, transaction: Transaction, start: int) -> tuple[int, int]:
        """Count one more in the newest window that is not yet half full."""
        counters, recent = self.place[0], self.place[1]
        while True:
            key = counters.pack((start,))
            transaction.mutate(Mutation.ADD, key, _ONE)
            held = transaction.get(key, snapshot=True)
            count = struct.unpack("<q", held)[0] if held else 0
            size = window_size(start)
            if count * 2 < size:
                return start, size
            start += size
            transaction.clear_range(counters.key, counters.pack((start,)))
            transaction.clear_range(recent.key, recent.pack((start,)))


def window_size(start: int) -> int:
    """How many numbers the window that begins here has.

    Small at first, to keep prefixes short, and larger when many are asked for.
    """
    if start < 255:
        return 64
    return 1024 if start < 65535 else 8192
