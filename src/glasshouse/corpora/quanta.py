"""Many small tasks of uneven use: losses that fall as a power law of known exponent.

Source:
    Michaud et al. 2023, "The Quantization Model of Neural Scaling" (2303.13506), sections 2 and 3:
    sub-tasks of frequency k^-(1+a), each learned or not, give losses that fall with an exponent of
    a in parameters and of a/(1+a) in data.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int

from glasshouse.corpora.domain import Drawn, Entropy, all_but_first, begun, check_counts, pick
from glasshouse.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Quanta:
    """A task's name, a key, and the value that this task's random table gives for the key."""

    tasks: int = 256
    """How many there are."""
    exponent: float = 0.5
    """a: task k comes with frequency proportional to k^-(1+a)."""
    keys: int = 8
    """Questions of a task."""
    values: int = 16
    """Possible answers, all tasks alike."""
    seed: int = 0
    """Draws the tables."""

    def __post_init__(self) -> None:
        check_counts(tasks=self.tasks, keys=self.keys, values=self.values)
        if self.exponent <= 0:
            raise InputError(f"exponent={self.exponent} must be positive")

    @property
    def vocab_size(self) -> int:
        """Tasks, keys, values and the mark of a beginning."""
        return self.tasks + self.keys + self.values + 1

    @property
    def length(self) -> int:
        """Beginning, task, key, value."""
        return 4

    @cached_property
    def shares(self) -> Float[np.ndarray, " task"]:
        """How often each task comes."""
        weights = np.arange(1, self.tasks + 1, dtype=float) ** -(1 + self.exponent)
        return weights / weights.sum()

    @cached_property
    def table(self) -> Int[np.ndarray, "task key"]:
        """The answers."""
        rng = np.random.default_rng([self.seed, 0x9A27])
        return rng.integers(self.values, size=(self.tasks, self.keys))

    @property
    def entropy(self) -> Entropy:
        """Of a value, the only token that counts: whoever knows the tables is never surprised."""
        return Entropy(nats=0.0, error=0.0)

    def draw(self, count: int, rng: np.random.Generator) -> Drawn:
        """Draw questions with their answers; only answers count."""
        check_counts(count=count)
        task, chance = pick(np.repeat(self.shares[None], count, axis=0), rng)
        key = rng.integers(self.keys, size=count)
        value = self.table[task, key]
        ids = np.stack([task, self.tasks + key, self.tasks + self.keys + value], axis=1)
        whole = begun(ids, self.vocab_size - 1)
        counts = all_but_first(whole)
        counts[:, 1:3] = False
        logprobs = np.zeros(whole.shape)
        logprobs[:, 1], logprobs[:, 2] = chance, -np.log(self.keys)
        return Drawn(ids=whole, counts=counts, logprobs=logprobs)
