"""Images with a label: how much each says of the other is known exactly.

Source:
    Henighan et al. 2020 (2010.14701), section 5: mutual information of images and captions, as the
    loss without a caption less the loss with it.
"""

from dataclasses import dataclass, replace
from dataclasses import field as dataclass_field
from functools import cached_property
from typing import Literal

import numpy as np
from jaxtyping import Float

from glasshouse.corpora.domain import Drawn, Entropy, all_but_first, begun, check_counts
from glasshouse.corpora.fields import Field
from glasshouse.errors import InputError


@dataclass(frozen=True, kw_only=True)
class LabelledField:
    """A label, drawn evenly, and an image of the process that goes with it; or the image first."""

    field: Field = dataclass_field(default_factory=lambda: Field(habit=1.5))
    """Size and spread of the processes; each label has a network of its own."""
    labels: int = 4
    """How many there are."""
    order: Literal["label-first", "image-first"] = "label-first"
    """Which of the two is read first."""
    blank: float = 0.0
    """Share of sequences whose label is left blank, as one is for whoever is to read both ways."""

    def __post_init__(self) -> None:
        check_counts(labels=self.labels)
        if self.order not in ("label-first", "image-first"):
            raise InputError(f"order={self.order!r} must be label-first or image-first")
        if not 0 <= self.blank <= 1:
            raise InputError(f"blank={self.blank} must lie in [0, 1]")
        if self.blank and self.order == "image-first":
            raise InputError("a blank label after its image says nothing; use order='label-first'")

    @property
    def vocab_size(self) -> int:
        """Grey values, labels, a blank and the mark of a beginning."""
        return self.field.levels + self.labels + 2

    @property
    def length(self) -> int:
        """Tokens of image and label."""
        return self.field.side**2 + 2

    @cached_property
    def processes(self) -> tuple[Field, ...]:
        """One a label."""
        return tuple(
            replace(self.field, seed=1_000 * self.field.seed + 1 + label)
            for label in range(self.labels)
        )

    def draw(self, count: int, rng: np.random.Generator) -> Drawn:
        """Draw pairs. With the label first only pixels count, with the image first only labels."""
        labels, grey, by_label = self._pairs(count, rng)
        blank = rng.random(count) < self.blank
        said = np.where(blank, self.labels, labels)[:, None] + self.field.levels
        rows = np.arange(count)
        pixels = np.where(blank[:, None], _mixed(by_label), by_label[labels, rows])
        flat = grey.reshape(count, -1)
        if self.order == "label-first":
            whole = begun(np.concatenate([said, flat], axis=1), self.vocab_size - 1)
            counts = all_but_first(whole)
            counts[:, 1] = False
            logprobs = np.concatenate([np.zeros((count, 2)), pixels], axis=1)
            if self.blank < 1:
                logprobs[:, 1] = np.log(np.where(blank, self.blank, (1 - self.blank) / self.labels))
        else:
            whole = begun(np.concatenate([flat, said], axis=1), self.vocab_size - 1)
            counts = np.zeros(whole.shape, dtype=bool)
            counts[:, -1] = True
            told = _posterior(by_label)[labels, rows]
            logprobs = np.concatenate(
                [np.zeros((count, 1)), _mixed(by_label), np.log(told)[:, None]], axis=1
            )
        return Drawn(ids=whole, counts=counts, logprobs=logprobs)

    def mutual_information(self, *, count: int, rng: np.random.Generator) -> Entropy:
        """Nats that label and image say of each other, a pair; with its standard error.

        Raises:
            InputError: If there are fewer than two pairs to measure it on.
        """
        if count < 2:
            raise InputError(f"count={count} must be at least 2, or there is no standard error")
        labels, _, by_label = self._pairs(count, rng)
        told = np.log(_posterior(by_label)[labels, np.arange(count)]) + np.log(self.labels)
        return Entropy(nats=float(told.mean()), error=float(told.std(ddof=1) / np.sqrt(count)))

    def _pairs(
        self, count: int, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray, Float[np.ndarray, "label image pixel"]]:
        """Labels, images, and the log-probability of each pixel under every label's process."""
        check_counts(count=count)
        side, labels = self.field.side, rng.integers(self.labels, size=count)
        grey = np.empty((count, side, side), dtype=np.int64)
        for label, process in enumerate(self.processes):
            own = labels == label
            if own.any():
                drawn = process.draw(int(own.sum()), rng)
                grey[own] = drawn.ids[:, 1:].reshape(-1, side, side)
        return labels, grey, np.stack([process.logprobs(grey) for process in self.processes])


def _posterior(
    by_label: Float[np.ndarray, "label image pixel"],
) -> Float[np.ndarray, "label image"]:
    """Probability of each label, given the whole image."""
    total = by_label.sum(axis=2)
    weights = np.exp(total - total.max(axis=0))
    return weights / weights.sum(axis=0)


def _mixed(by_label: Float[np.ndarray, "label image pixel"]) -> Float[np.ndarray, "image pixel"]:
    """True log-probability of each pixel for whoever does not know the label."""
    before = np.concatenate([np.zeros_like(by_label[:, :, :1]), by_label.cumsum(axis=2)], axis=2)
    top = before.max(axis=0)
    known = top + np.log(np.exp(before - top).mean(axis=0))
    return np.diff(known, axis=1)
