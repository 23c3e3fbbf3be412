"""What every source of sequences offers: token ids, which of them count, and their true odds."""

import math
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float, Int

from glasshouse.errors import InputError


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Drawn:
    """Sequences of one length."""

    ids: Int[np.ndarray, "sequence token"]
    """Token ids; the first token of every sequence is the same mark of its beginning."""
    counts: Bool[np.ndarray, "sequence token"]
    """Which tokens a loss counts; never the first."""
    logprobs: Float[np.ndarray, "sequence token"] | None
    """True log-probability of each token given those before it, in nats; 0 for the first. None:
    nobody knows."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entropy:
    """What the best possible reader would lose."""

    nats: float
    """Per counted token."""
    error: float
    """Standard error; 0 where it is computed and not drawn."""


@runtime_checkable
class Domain(Protocol):
    """A source of sequences."""

    @property
    def vocab_size(self) -> int:
        """Ids in all; the largest is the mark of a beginning."""
        ...

    @property
    def length(self) -> int:
        """Tokens of a sequence, its beginning with them."""
        ...

    def draw(self, count: int, rng: np.random.Generator) -> Drawn:
        """Draw sequences independently of each other."""
        ...


def measure_entropy(domain: Domain, *, count: int, rng: np.random.Generator) -> Entropy:
    """Mean of minus the true log-probability over drawn sequences, with its standard error.

    Raises:
        InputError: If there are fewer than two sequences, or nobody knows the log-probabilities.
    """
    if count < 2:
        raise InputError(f"count={count} must be at least 2, or there is no standard error")
    drawn = domain.draw(count, rng)
    if drawn.logprobs is None:
        raise InputError("the true probabilities of this domain are not known, nor its entropy")
    counted = drawn.counts.sum(axis=1)
    if (counted == 0).any():
        raise InputError("a sequence has no token that counts")
    # A sequence is one draw: its own tokens depend on each other.
    total = -(drawn.logprobs * drawn.counts).sum(axis=1)
    nats = float(total.sum() / counted.sum())
    spread = float(np.std(total - nats * counted, ddof=1))
    return Entropy(nats=nats, error=spread / (math.sqrt(count) * float(counted.mean())))


def begun(ids: Int[np.ndarray, "sequence rest"], mark: int) -> Int[np.ndarray, "sequence token"]:
    """Put the mark of a beginning before each row."""
    return np.concatenate([np.full((len(ids), 1), mark), ids], axis=1)


def all_but_first(ids: Int[np.ndarray, "sequence token"]) -> Bool[np.ndarray, "sequence token"]:
    """Every token counts but the mark of the beginning."""
    counts = np.ones(ids.shape, dtype=bool)
    counts[:, 0] = False
    return counts


def check_counts(**numbers: int) -> None:
    """Refuse numbers below 1.

    Raises:
        InputError: If there is one.
    """
    for name, value in numbers.items():
        if value < 1:
            raise InputError(f"{name}={value} must be at least 1")


def pick(
    probabilities: Float[np.ndarray, "row choice"], rng: np.random.Generator
) -> tuple[Int[np.ndarray, " row"], Float[np.ndarray, " row"]]:
    """Draw one choice a row; also the log-probability of what was drawn, in nats."""
    running = probabilities.cumsum(axis=1)
    drawn = (running < rng.random((len(running), 1)) * running[:, -1:]).sum(axis=1)
    drawn = drawn.clip(max=probabilities.shape[1] - 1)
    chosen = probabilities[np.arange(len(drawn)), drawn] / running[:, -1]
    return drawn, np.log(chosen)
