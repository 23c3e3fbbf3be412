"""Texts as rows of tokens, of which some count: facts mixed with sums, and echoes.

What can only be guessed (a question's words) does not count. Facts are learned one by one, so that
a model that knows more knows it evenly. An echo repeats what stood some tokens before, which a
model that looks back less far cannot do at all.
"""

from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Int

from glasshouse.corpora import Domain, Drawn, Quanta, Sums
from glasshouse.errors import InputError


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Tokens:
    """Rows of one length."""

    ids: Int[np.ndarray, "row token"]
    """Token ids, one more than a model reads."""
    counts: Bool[np.ndarray, "row token"]
    """Which tokens a loss counts, in every row as many; never the first."""


@runtime_checkable
class Writer(Protocol):
    """Writes the texts of a family of models."""

    @property
    def vocab_size(self) -> int:
        """Ids in all."""
        ...

    @property
    def context(self) -> int:
        """Tokens of a row that a model reads."""
        ...

    def write(self, count: int, rng: np.random.Generator) -> Tokens:
        """New rows, independent of each other."""
        ...


@dataclass(frozen=True, kw_only=True)
class Mixture:
    """Rows of facts and rows of sums, several of them a row, in one vocabulary."""

    facts: Quanta = field(default_factory=Quanta)
    """What stands for text in general: sub-tasks of uneven use."""
    sums: Sums = field(default_factory=Sums)
    """Additions."""
    context: int = 48
    """Tokens that a model reads at once."""
    share: float = 0.7
    """Share of rows that are sums."""

    def __post_init__(self) -> None:
        longest = max(self.facts.length, self.sums.length)
        if self.context + 1 < longest:
            raise InputError(f"context={self.context} must hold a whole text of {longest} tokens")
        if not 0 < self.share < 1:
            raise InputError(f"share={self.share} must lie between 0 and 1")

    @property
    def vocab_size(self) -> int:
        """Tokens of facts, of sums, and one mark of a beginning for both."""
        return self.facts.vocab_size + self.sums.vocab_size - 1

    def write(self, count: int, rng: np.random.Generator) -> Tokens:
        """Facts first, then sums; both at least one row where there are two."""
        num_sums = min(count - 1, max(1, round(self.share * count)))
        parts = self.write_facts(count - num_sums, rng), self.write_sums(num_sums, rng)
        return Tokens(
            ids=np.concatenate([one.ids for one in parts]),
            counts=np.concatenate([one.counts for one in parts]),
        )

    def write_facts(self, count: int, rng: np.random.Generator) -> Tokens:
        """Rows of facts."""
        drawn = self.facts.draw(count * ((self.context + 1) // self.facts.length), rng)
        return self._rows(drawn, self.facts, 0)

    def write_sums(self, count: int, rng: np.random.Generator, *, held_out: bool = False) -> Tokens:
        """Rows of sums, of those that are held out or of the others."""
        a_row = (self.context + 1) // self.sums.length
        kept: list[np.ndarray] = []
        counts = np.zeros((0, self.sums.length), dtype=bool)
        while sum(map(len, kept)) < count * a_row:
            drawn = self.sums.draw(16 + 2 * count * a_row, rng)
            kept.append(drawn.ids[self.is_held_out(drawn.ids) == held_out])
            counts = drawn.counts[:1]  # the same tokens of every sum
        ids = np.concatenate(kept)[: count * a_row]
        counts = np.repeat(counts, len(ids), axis=0)
        own = Drawn(ids=ids, counts=counts, logprobs=None)
        return self._rows(own, self.sums, self.facts.vocab_size - 1)

    def is_held_out(self, ids: Int[np.ndarray, "sum token"]) -> Bool[np.ndarray, " sum"]:
        """Which sums no model is trained on: a tenth of all pairs of numbers, whatever the seed."""
        size = self.sums.digits
        tens = 10 ** np.arange(size)[::-1]
        first = (ids[:, 1 : 1 + size] * tens).sum(axis=1)
        second = (ids[:, 2 + size : 2 + 2 * size] * tens).sum(axis=1)
        pair = (first * 10**size + second).astype(np.uint64)
        # Multiplied by an odd number near 2^64 / golden ratio, high bits show no digit's pattern.
        return (pair * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(40)) % np.uint64(10) == 0

    def _rows(self, drawn: Drawn, domain: Domain, first: int) -> Tokens:
        a_row = (self.context + 1) // domain.length
        count = len(drawn.ids) // a_row
        mark = self.vocab_size - 1
        ids = np.where(drawn.ids == domain.vocab_size - 1, mark, drawn.ids + first)
        missing = ((0, 0), (0, self.context + 1 - a_row * domain.length))
        return Tokens(
            ids=np.pad(ids.reshape(count, -1), missing, constant_values=mark),
            counts=np.pad(drawn.counts.reshape(count, -1), missing),
        )


@dataclass(frozen=True, kw_only=True)
class Echo:
    """Random tokens, and the same again."""

    length: int = 8
    """Tokens that are repeated: to know the next, a model must look back over as many."""
    symbols: int = 16
    """Different tokens."""

    def __post_init__(self) -> None:
        if self.length < 2 or self.symbols < 2:
            raise InputError(
                f"length={self.length} and symbols={self.symbols} must be at least 2 each"
            )

    @property
    def vocab_size(self) -> int:
        """Symbols and the mark of a beginning."""
        return self.symbols + 1

    @property
    def context(self) -> int:
        """Tokens that a model reads at once."""
        return 2 * self.length

    def write(self, count: int, rng: np.random.Generator) -> Tokens:
        """New rows; the second time counts."""
        once = rng.integers(self.symbols, size=(count, self.length))
        ids = np.concatenate([np.full((count, 1), self.symbols), once, once], axis=1)
        counts = np.zeros(ids.shape, dtype=bool)
        counts[:, self.length + 1 :] = True
        return Tokens(ids=ids, counts=counts)
