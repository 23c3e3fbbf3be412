"""What it costs a model to read a part of its data again and again.

A run of a fixed number of documents holds a share of places that are filled by a small subset, read
so many times; all others are read once. What the model is then worth is the size of a model that
reaches its loss on fresh data.

Source:
    Hernandez et al. 2022 (2205.10487), "Scaling Laws and Interpretability of Learning from Repeated
    Data", sections 2 and 3.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from glasshouse.errors import InputError
from glasshouse.scaling.transfer import Censored, invert


@dataclass(frozen=True, kw_only=True, slots=True)
class RepetitionPlan:
    """Which documents a run reads, exactly counted."""

    documents: int
    """Places in all: steps times rows."""
    share: float = 0.0
    """Of places that the subset fills; 0 is a clean run."""
    repeats: int = 1
    """Times that each document of the subset is read."""

    def __post_init__(self) -> None:
        if self.documents < 1 or self.repeats < 1:
            raise InputError(
                f"documents={self.documents} and repeats={self.repeats} must be at least 1"
            )
        if not 0 <= self.share <= 1:
            raise InputError(f"share={self.share} must lie between 0 and 1")
        if self.share and not self.subset:
            raise InputError(
                f"{self.share:g} of {self.documents} documents are fewer than "
                f"repeats={self.repeats}; repeat less often"
            )

    @property
    def subset(self) -> int:
        """Documents that are read again and again."""
        return round(self.share * self.documents) // self.repeats if self.share else 0

    @property
    def unique(self) -> int:
        """Different documents, the subset's with them."""
        return self.documents - self.subset * (self.repeats - 1)

    def deal(self, rng: np.random.Generator) -> Int64[np.ndarray, " place"]:
        """The number of the document in each place, those of the subset first in number.

        Repetitions lie anywhere, as they do in a corpus that was shuffled whole.
        """
        again = np.repeat(np.arange(self.subset), self.repeats)
        fresh = np.arange(self.subset, self.unique)
        return rng.permutation(np.concatenate([again, fresh])).astype(np.int64)


@dataclass(frozen=True, kw_only=True, slots=True)
class EquivalentSize:
    """What a model trained on repeated data is worth."""

    params: float
    """Size of the model that reaches its loss on fresh data; an end of the curve if censored."""
    share: float
    """That, as a share of its own size: 0.5 is a model worth half of itself."""
    censored: Censored
    """As in `Inverted`: `below` means an even smaller share."""


def equivalent_size(
    clean_params: Float64[np.ndarray, " point"],
    clean_losses: Float64[np.ndarray, " point"],
    *,
    loss: float,
    params: float,
) -> EquivalentSize:
    """Read the clean L(N), at equal tokens, backwards at a loss reached with repetition.

    Args:
        clean_params: Sizes trained on fresh data, rising.
        clean_losses: Their losses, at as many tokens as the repeated run saw.
        loss: Loss of the repeated run.
        params: Its size.

    Source:
        Hernandez et al. 2022 (2205.10487): 800M parameters with 10% of the tokens
        repeated 100 times are worth 400M.
    """
    found = invert(clean_params, clean_losses, loss)
    return EquivalentSize(params=found.value, share=found.value / params, censored=found.censored)


def late_rise(losses: Sequence[float] | np.ndarray) -> float:
    """How far a loss rises again in training above the lowest it had been, in its own unit.

    0 where it only falls. Double descent in time is a rise that a fall follows.

    Raises:
        InputError: If there are fewer than two moments.
    """
    values = np.asarray(losses, dtype=float)
    if values.ndim != 1 or values.size < 2:
        raise InputError(f"a course needs two or more losses in a row, not {values.shape}")
    return float((values - np.minimum.accumulate(values)).max())


def worst_repeats(
    repeats: Sequence[float] | np.ndarray, losses: Sequence[float] | np.ndarray
) -> float:
    """The number of repeats at which the loss is highest, between those that were tried.

    A parabola over log repeats goes through the worst and its two neighbours; at an end there is
    nothing to go by but the end itself.

    Raises:
        InputError: If repeats do not rise or losses are of another length.
    """
    x, y = np.log(np.asarray(repeats, dtype=float)), np.asarray(losses, dtype=float)
    if x.shape != y.shape or x.size < 1 or (np.diff(x) <= 0).any():
        raise InputError("repeats must rise, each with one loss")
    worst = int(y.argmax())
    if worst in (0, len(y) - 1):
        return float(np.exp(x[worst]))
    around = slice(worst - 1, worst + 2)
    bend, slope, _ = np.polyfit(x[around] - x[worst], y[around], 2)
    shift = -slope / (2 * bend) if bend < 0 else 0.0
    return float(np.exp(np.clip(x[worst] + shift, x[worst - 1], x[worst + 1])))
