"""Sums, and sums told as stories: only the answer counts, and whoever can reckon never errs."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Int

from glasshouse.corpora.domain import Drawn, Entropy, begun, check_counts
from glasshouse.errors import InputError

_PLUS, _MINUS, _EQUALS, _STOP = 10, 11, 12, 13
"""Tokens behind the ten digits; the stop also fills what a shorter number leaves."""


@dataclass(frozen=True, kw_only=True)
class Sums:
    """Two numbers and their sum or difference, digit by digit, the answer's smallest digit first.

    Digits of an answer are written backwards, so that each depends on those before it alone.
    """

    digits: int = 3
    """Most digits of an operand, its difficulty."""
    least: int = 1
    """Fewest digits of the longer operand: harder ones than training had are asked for alone."""
    operation: Literal["plus", "minus", "both"] = "plus"
    """Of a difference the larger number comes first."""
    room: int | None = None
    """Digits that operands are written with, zeros in front: whoever is to be asked harder sums
    later must read easy ones in the same writing. None: as many as the most."""

    def __post_init__(self) -> None:
        check_counts(digits=self.digits, least=self.least)
        if self.least > self.digits or self.digits > 17:
            raise InputError(
                f"least={self.least} must not exceed digits={self.digits}, and that not 17"
            )
        if self.operation not in ("plus", "minus", "both"):
            raise InputError(f"operation={self.operation!r} must be plus, minus or both")
        if self.room is not None and not self.digits <= self.room <= 17:
            raise InputError(f"room={self.room} must lie between digits={self.digits} and 17")

    @property
    def places(self) -> int:
        """Digits of an operand as it is written."""
        return self.digits if self.room is None else self.room

    @property
    def vocab_size(self) -> int:
        """Ten digits, plus, minus, equals, a stop and the mark of a beginning."""
        return 15

    @property
    def length(self) -> int:
        """Operands with leading zeros, signs, an answer of one digit more and its stop."""
        return 1 + 2 * self.places + 2 + self.places + 1 + 1

    @property
    def entropy(self) -> Entropy:
        """Of an answer's token."""
        return Entropy(nats=0.0, error=0.0)

    def draw(self, count: int, rng: np.random.Generator) -> Drawn:
        """Draw sums whose longer operand has each number of digits equally often."""
        check_counts(count=count)
        size = rng.integers(self.least, self.digits + 1, size=count)
        low, high = np.where(size == 1, 0, 10 ** (size - 1)), 10**size
        longer = rng.integers(low, high)
        other = rng.integers(0, longer + 1)
        is_minus = {
            "plus": np.zeros(count, dtype=bool),
            "minus": np.ones(count, dtype=bool),
            "both": rng.random(count) < 0.5,
        }[self.operation]
        swap = ~is_minus & (rng.random(count) < 0.5)
        first, second = np.where(swap, other, longer), np.where(swap, longer, other)
        answer = np.where(is_minus, first - second, first + second)
        ids = np.concatenate(
            [
                _written(first, self.places)[:, ::-1],
                np.where(is_minus, _MINUS, _PLUS)[:, None],
                _written(second, self.places)[:, ::-1],
                np.full((count, 1), _EQUALS),
                _written(answer, self.places + 1),
                np.full((count, 1), _STOP),
            ],
            axis=1,
        )
        whole = begun(ids, self.vocab_size - 1)
        counts = np.zeros(whole.shape, dtype=bool)
        counts[:, -(self.places + 2) :] = True
        return Drawn(ids=whole, counts=counts, logprobs=None)

    def answers(self, ids: Int[np.ndarray, "sequence token"]) -> Int[np.ndarray, " sequence"]:
        """The numbers that sequences give as their answers."""
        digits = ids[:, -(self.places + 2) : -1]
        return (digits * 10 ** np.arange(self.places + 1)).sum(axis=1)


def _written(numbers: Int[np.ndarray, " row"], digits: int) -> Int[np.ndarray, "row digit"]:
    """Digits, the smallest first."""
    return numbers[:, None] // 10 ** np.arange(digits) % 10


_NAMES = "ada ben cora dan eva finn".split()
_THINGS = "apples books coins eggs nuts shells".split()
_GAINS, _LOSSES = "finds gets buys".split(), "loses eats sells".split()
_REST = "has . then how many does have ?".split()


@dataclass(frozen=True, kw_only=True)
class WordProblems:
    """Somebody has some things, gets some and loses some: how many are left?"""

    largest: int = 20
    """No number on the way exceeds it."""
    steps: int = 2
    """Things that happen."""
    written: bool = False
    """Whether the numbers on the way are written before the answer, and count."""

    def __post_init__(self) -> None:
        check_counts(largest=self.largest, steps=self.steps)

    @property
    def words(self) -> tuple[str, ...]:
        """The vocabulary: numbers, then words, then the mark of a beginning."""
        numbers = [str(number) for number in range(self.largest + 1)]
        return (*numbers, *_NAMES, *_THINGS, *_GAINS, *_LOSSES, *_REST, "<begin>")

    @property
    def vocab_size(self) -> int:
        """Words in all."""
        return len(self.words)

    @property
    def length(self) -> int:
        """Tokens of a problem with its answer."""
        return 1 + 5 + 4 * self.steps + 7 + (self.steps if self.written else 0) + 1

    @property
    def entropy(self) -> Entropy:
        """Of a number that counts."""
        return Entropy(nats=0.0, error=0.0)

    def draw(self, count: int, rng: np.random.Generator) -> Drawn:
        """Draw problems; only what is reckoned counts."""
        check_counts(count=count)
        place = {word: number for number, word in enumerate(self.words)}
        ids = np.array([[place[word] for word in self._told(rng)] for _ in range(count)])
        counts = np.zeros(ids.shape, dtype=bool)
        counts[:, -(self.steps + 1 if self.written else 1) :] = True
        return Drawn(ids=ids, counts=counts, logprobs=None)

    def _told(self, rng: np.random.Generator) -> list[str]:
        name, thing = (words[rng.integers(len(words))] for words in (_NAMES, _THINGS))
        number = int(rng.integers(self.largest + 1))
        told = ["<begin>", name, "has", str(number), thing, "."]
        way = []
        for _ in range(self.steps):
            gains = number == 0 or (number < self.largest and rng.random() < 0.5)
            change = 1 + int(rng.integers(self.largest - number if gains else number))
            number += change if gains else -change
            verb = (_GAINS if gains else _LOSSES)[rng.integers(3)]
            told += ["then", verb, str(change), "."]
            way.append(str(number))
        told += ["how", "many", thing, "does", name, "have", "?"]
        return [*told, *(way if self.written else []), str(number)]
