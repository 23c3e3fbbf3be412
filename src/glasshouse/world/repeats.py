"""Random sequences that repeat, and the exact distribution of each of their tokens.

A block of distinct words x, then a gap of other distinct words y (perhaps none), then x again; one
time in four y and x follow once more. A full stop ends it. Lengths are uniform: 4 to 24 for x, 0 to
24 for y. A reader who knows this much, but not the lengths, predicts what `prediction` returns.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import cache

MIN_BLOCK, MAX_BLOCK, MAX_GAP = 4, 24, 24
P_AGAIN = 0.25
"""How often the gap and the block follow once more."""


class FreshWord(Mapping[int, float]):
    """The next word of a first pass: the block's first word again, or a word not yet seen."""

    __slots__ = ("_count", "_mass", "_pool", "_sequence")

    def __init__(self, pool: Sequence[int], sequence: Sequence[int], count: int) -> None:
        """Make it for the place after the first `count` tokens of a sequence drawn from `pool`."""
        self._pool, self._sequence, self._count = pool, sequence, count
        self._mass = p_repeat_now(count)

    def __getitem__(self, token: int) -> float:
        if self._count and token == self._sequence[0]:
            if self._mass:
                return self._mass
            raise KeyError(token)
        if self._mass == 1 or token in self._sequence[: self._count] or token not in self._pool:
            raise KeyError(token)
        return (1 - self._mass) / (len(self._pool) - self._count)

    def __iter__(self) -> Iterator[int]:
        seen = set(self._sequence[: self._count])
        if self._mass:
            yield self._sequence[0]
        if self._mass < 1:
            yield from (token for token in self._pool if token not in seen)

    def entropy(self) -> float:
        """Return the entropy in nats, without visiting every word."""
        fresh, again = 1 - self._mass, self._mass
        spread = fresh * math.log((len(self._pool) - self._count) / fresh) if fresh else 0.0
        return spread - (again * math.log(again) if again else 0.0)

    def __len__(self) -> int:
        return (self._mass > 0) + (self._mass < 1) * (len(self._pool) - self._count)


@cache
def p_repeat_now(length: int) -> float:
    """Return the probability that the block starts again now, after `length` words of pass one."""
    ways = [_ways(total) for total in range(MAX_BLOCK + MAX_GAP + 1)]
    left = sum(ways[length:])
    return ways[length] / left if left else 1.0


def _ways(total: int) -> int:
    """Return how many pairs of block and gap lengths have this sum."""
    return len(block_lengths(total))


@cache
def block_lengths(total: int) -> range:
    """Return the block lengths that are possible where block and gap together are this long."""
    return range(max(MIN_BLOCK, total - MAX_GAP), min(MAX_BLOCK, total) + 1)


@cache
def p_stop(total: int, copied: int, period: int) -> float:
    """Return the probability of the full stop after `copied` words of a later copy.

    Args:
        total: Length of block and gap together, known once the block starts again.
        copied: Words of this copy of block and gap so far.
        period: 1 in the second copy of the block, 2 in the third.
    """
    lengths = block_lengths(total)
    stops = 1.0 if period == 2 else 1 - P_AGAIN
    # a block length already passed without a stop is still possible if the sequence goes on
    passed = 1 - stops
    weights = [1.0 if length >= copied else passed for length in lengths]
    if period == 2:  # that it went on says that no stop fell in the second copy
        weights = [float(length >= copied) for length in lengths]
    here = stops * (copied in lengths)
    return here / sum(weights) if sum(weights) else 0.0
