"""Images of a random process, drawn pixel by pixel, so that every pixel's true odds are known.

A pixel's odds come from a small fixed network of the pixels to its left and above it: smooth on the
whole, with habits of its own. The entropy is the mean of minus the true log-probability over drawn
images; its error falls with their number (`domain.measure_entropy`).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int

from glasshouse.corpora.domain import Drawn, all_but_first, begun, check_counts, pick
from glasshouse.errors import InputError

_HIDDEN = 16
_SEEN = 4
"""Left, above-left, above, above-right."""


@dataclass(frozen=True, kw_only=True)
class Field:
    """Square images in raster order, a token a pixel."""

    side: int = 8
    """Pixels of a row and of a column."""
    levels: int = 8
    """Grey values."""
    smoothness: float = 1.5
    """How strongly a pixel is drawn to the mean of its neighbours, in nats at a distance of one
    level; 0: not at all."""
    habit: float = 1.0
    """Spread of what the random network adds to the log-odds, in nats."""
    seed: int = 0
    """Draws the network."""

    def __post_init__(self) -> None:
        check_counts(side=self.side, levels=self.levels)
        if self.smoothness < 0 or self.habit < 0:
            raise InputError(
                f"smoothness={self.smoothness} and habit={self.habit} must not be negative"
            )

    @property
    def vocab_size(self) -> int:
        """Grey values, and the mark of a beginning."""
        return self.levels + 1

    @property
    def length(self) -> int:
        """Tokens of an image."""
        return self.side**2 + 1

    @cached_property
    def network(self) -> tuple[Float[np.ndarray, "seen hidden"], Float[np.ndarray, "hidden level"]]:
        """What gives pixels their habits."""
        rng = np.random.default_rng([self.seed, 0xF1E1D])
        first = rng.normal(size=(_SEEN + 1, _HIDDEN)) / np.sqrt(_SEEN)
        second = rng.normal(size=(_HIDDEN, self.levels)) * self.habit / np.sqrt(_HIDDEN)
        return first, second

    def odds(
        self, seen: Float[np.ndarray, "image seen"], known: Float[np.ndarray, " seen"]
    ) -> Float[np.ndarray, "image level"]:
        """Probabilities of a pixel's grey values.

        Args:
            seen: Grey values of its four neighbours, 0 to 1; 0.5 where the image ends.
            known: 1 for neighbours inside of the image, else 0.
        """
        first, second = self.network
        given = np.concatenate([2 * seen - 1, np.ones((len(seen), 1))], axis=1)
        logits = np.tanh(given @ first) @ second
        if known.any():
            mean = (seen * known).sum(axis=1) / known.sum() * (self.levels - 1)
            logits = logits - self.smoothness * np.abs(mean[:, None] - np.arange(self.levels))
        weights = np.exp(logits - logits.max(axis=1, keepdims=True))
        return weights / weights.sum(axis=1, keepdims=True)

    def draw(self, count: int, rng: np.random.Generator) -> Drawn:
        """Draw images."""
        check_counts(count=count)
        grey = np.zeros((count, self.side, self.side), dtype=np.int64)
        logprobs = np.zeros((count, self.length))
        for place in range(self.side**2):
            row, column = divmod(place, self.side)
            seen, known = self.neighbours(grey, row, column)
            grey[:, row, column], logprobs[:, place + 1] = pick(self.odds(seen, known), rng)
        whole = begun(grey.reshape(count, -1), self.levels)
        return Drawn(ids=whole, counts=all_but_first(whole), logprobs=logprobs)

    def logprobs(
        self, grey: Int[np.ndarray, "image row column"]
    ) -> Float[np.ndarray, "image pixel"]:
        """True log-probability of each pixel of given images, in raster order, in nats."""
        found = np.empty((len(grey), self.side**2))
        for place in range(self.side**2):
            row, column = divmod(place, self.side)
            odds = self.odds(*self.neighbours(grey, row, column))
            found[:, place] = np.log(odds[np.arange(len(grey)), grey[:, row, column]])
        return found

    def neighbours(
        self, grey: Int[np.ndarray, "image row column"], row: int, column: int
    ) -> tuple[Float[np.ndarray, "image seen"], Float[np.ndarray, " seen"]]:
        """What a pixel's odds depend on, and which of it there is."""
        seen, known = np.full((len(grey), _SEEN), 0.5), np.zeros(_SEEN)
        around = (
            (row, column - 1),
            (row - 1, column - 1),
            (row - 1, column),
            (row - 1, column + 1),
        )
        for place, (down, across) in enumerate(around):
            if down >= 0 and 0 <= across < self.side:
                seen[:, place] = grey[:, down, across] / max(1, self.levels - 1)
                known[place] = 1
        return seen, known
