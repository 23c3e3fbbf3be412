"""Markov chains: the next symbol depends on the last few, and the entropy rate is computed."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from glasshouse.corpora.domain import Drawn, Entropy, all_but_first, begun, check_counts, pick
from glasshouse.errors import InputError

_LARGEST_TABLE = 1 << 22


@dataclass(frozen=True, kw_only=True)
class MarkovChain:
    """A chain with a random table; sequences begin in its stationary distribution."""

    symbols: int = 16
    """How many there are."""
    order: int = 1
    """Symbols that the next one depends on."""
    sequence: int = 64
    """Symbols of a sequence."""
    concentration: float = 0.3
    """Of the Dirichlet rows of the table: small is predictable, large is uniform."""
    seed: int = 0
    """Draws the table."""

    def __post_init__(self) -> None:
        check_counts(symbols=self.symbols, order=self.order, sequence=self.sequence)
        if self.sequence <= self.order:
            raise InputError(f"sequence={self.sequence} must be longer than order={self.order}")
        if self.concentration <= 0:
            raise InputError(f"concentration={self.concentration} must be positive")
        if self.symbols ** (self.order + 1) > _LARGEST_TABLE:
            raise InputError(
                f"a table of symbols={self.symbols} to the power of order={self.order} + 1 has "
                f"more than {_LARGEST_TABLE:,} entries; lower one of them"
            )

    @property
    def vocab_size(self) -> int:
        """Symbols, and the mark of a beginning."""
        return self.symbols + 1

    @property
    def length(self) -> int:
        """Tokens of a sequence."""
        return self.sequence + 1

    @cached_property
    def table(self) -> Float[np.ndarray, "context symbol"]:
        """Odds of the next symbol after each context, whose newest symbol is its last digit."""
        rng = np.random.default_rng([self.seed, 0xC4A1])
        rows = rng.gamma(self.concentration, size=(self.symbols**self.order, self.symbols)) + 1e-12
        return rows / rows.sum(axis=1, keepdims=True)

    @cached_property
    def stationary(self) -> Float[np.ndarray, " context"]:
        """How often each context comes in the long run."""
        weights = np.full(len(self.table), 1 / len(self.table))
        for _ in range(10_000):
            flow = weights[:, None] * self.table
            # A context loses its oldest symbol and gains the newest.
            after = flow.reshape(self.symbols, -1).sum(axis=0)
            if np.abs(after - weights).sum() < 1e-13:
                break
            weights = 0.5 * (after + weights)  # half a step: periodic chains settle too
        return weights / weights.sum()

    @cached_property
    def entropy(self) -> Entropy:
        """Of a symbol of a sequence, the first ones with less to go by included."""
        rate = -float(self.stationary @ (self.table * np.log(self.table)).sum(axis=1))
        start = -float((self.stationary * np.log(self.stationary + 1e-300)).sum())
        total = start + (self.sequence - self.order) * rate
        return Entropy(nats=total / self.sequence, error=0.0)

    def draw(self, count: int, rng: np.random.Generator) -> Drawn:
        """Draw sequences."""
        check_counts(count=count)
        context, _ = pick(np.repeat(self.stationary[None], count, axis=0), rng)
        ids = np.empty((count, self.sequence), dtype=np.int64)
        logprobs = np.zeros((count, self.sequence))
        for place in range(self.order):
            ids[:, place] = context // self.symbols ** (self.order - 1 - place) % self.symbols
            logprobs[:, place] = self._of_start(context, place)
        for place in range(self.order, self.sequence):
            ids[:, place], logprobs[:, place] = pick(self.table[context], rng)
            context = (context * self.symbols + ids[:, place]) % len(self.table)
        whole = begun(ids, self.symbols)
        return Drawn(
            ids=whole, counts=all_but_first(whole), logprobs=np.pad(logprobs, ((0, 0), (1, 0)))
        )

    def _of_start(self, context: np.ndarray, place: int) -> Float[np.ndarray, " row"]:
        """Log-probability of a symbol of the first context, given those before it."""
        shared = self.stationary.reshape(self.symbols**place, self.symbols, -1).sum(axis=2)
        head = context // self.symbols ** (self.order - 1 - place)
        before = shared.sum(axis=1)[head // self.symbols]
        return np.log(shared.reshape(-1)[head] / before)
