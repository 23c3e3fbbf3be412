"""Randomness by name: every draw of the world comes from a seed and the name of what it is for.

A stream depends on its names alone, never on how much was drawn elsewhere, on the process or on the
platform. Two streams with different names are independent.
"""

import hashlib
from collections.abc import Sequence
from typing import TypeVar

import numpy as np

T = TypeVar("T")

BLOCK = 128  # uniform draws fetched from numpy at once; one call a draw would cost 20 times more


def stream(seed: int, *names: str | int) -> np.random.Generator:
    """Return the random generator that belongs to these names under this seed."""
    label = "\x1f".join([str(seed), *(f"{type(name).__name__}:{name}" for name in names)])
    digest = hashlib.blake2b(label.encode(), digest_size=16).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest, "little")))


class Dice:
    """Fast single draws for code that writes documents word by word."""

    __slots__ = ("_block", "_generator", "_next")

    def __init__(self, generator: np.random.Generator) -> None:
        self._generator = generator
        self._block: list[float] = []
        self._next = 0

    def uniform(self) -> float:
        """Draw from [0, 1)."""
        if self._next == len(self._block):
            self._block = self._generator.random(BLOCK).tolist()
            self._next = 0
        draw = self._block[self._next]
        self._next += 1
        return draw

    def chance(self, probability: float) -> bool:
        """Be true with this probability."""
        return self.uniform() < probability

    def below(self, limit: int) -> int:
        """Draw an integer from 0 to `limit` - 1."""
        return int(self.uniform() * limit)

    def between(self, low: int, high: int) -> int:
        """Draw an integer from `low` to `high`, both included."""
        return low + int(self.uniform() * (high - low + 1))

    def pick(self, options: Sequence[T]) -> T:
        """Draw one of the options, each equally likely."""
        return options[int(self.uniform() * len(options))]

    def weighted(self, options: Sequence[T], cumulative: Sequence[float]) -> T:
        """Draw by running totals of weight: `cumulative[i]` is the weight of options 0..i."""
        target = self.uniform() * cumulative[-1]
        low, high = 0, len(cumulative) - 1
        while low < high:
            middle = (low + high) // 2
            if cumulative[middle] <= target:
                low = middle + 1
            else:
                high = middle
        return options[low]

    def sample(self, options: Sequence[T], count: int) -> list[T]:
        """Draw `count` different options in random order."""
        pool = list(options)
        for index in range(count):
            other = index + self.below(len(pool) - index)
            pool[index], pool[other] = pool[other], pool[index]
        return pool[:count]

    def shuffled(self, options: Sequence[T]) -> list[T]:
        """Return the options in random order."""
        return self.sample(options, len(options))
