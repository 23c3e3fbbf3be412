"""Scans of handwritten digits as sequences: small images of the real world, and their names.

The scans come with scikit-learn (the test set of the UCI "Optical Recognition of Handwritten
Digits"); nobody knows their true probabilities.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from jaxtyping import Int

from glasshouse.corpora.domain import Drawn, all_but_first, begun, check_counts
from glasshouse.errors import InputError

_SCAN, _GREY = 8, 16
"""Side of a scan, and its largest grey value."""
_HELD_OUT = 5
"""Every so many-th scan is held out."""


@dataclass(frozen=True, kw_only=True)
class Digits:
    """Images in raster order, with the digit's name before them, behind them, or not at all."""

    side: int = 8
    """Pixels of a row; 4 is the mean of four pixels each, 16 is drawn between the scan's pixels."""
    levels: int = 8
    """Grey values."""
    name: Literal["none", "first", "last"] = "none"
    """Where the digit's name stands: read from the image, the image from it, or neither."""
    split: Literal["train", "test"] = "train"
    """Which scans; a fifth is held out."""

    def __post_init__(self) -> None:
        if self.side not in (4, 8, 16):
            raise InputError(f"side={self.side} must be 4, 8 or 16")
        if not 2 <= self.levels <= _GREY + 1:
            raise InputError(f"levels={self.levels} must lie between 2 and {_GREY + 1}")
        if self.name not in ("none", "first", "last"):
            raise InputError(f"name={self.name!r} must be none, first or last")
        if self.split not in ("train", "test"):
            raise InputError(f"split={self.split!r} must be train or test")

    @property
    def vocab_size(self) -> int:
        """Grey values, ten names and the mark of a beginning."""
        return self.levels + 11

    @property
    def length(self) -> int:
        """Tokens of a sequence."""
        return self.side**2 + 1 + (self.name != "none")

    @cached_property
    def scans(self) -> tuple[Int[np.ndarray, "image pixel"], Int[np.ndarray, " image"]]:
        """Grey values of this split, and which digit each is."""
        from sklearn.datasets import load_digits

        pixels, digits = (np.asarray(part) for part in load_digits(return_X_y=True))
        images = pixels.astype(float).reshape(-1, _SCAN, _SCAN)
        is_test = np.arange(len(images)) % _HELD_OUT == 0
        own = is_test if self.split == "test" else ~is_test
        grey = _resized(images[own], self.side) / _GREY * (self.levels - 1)
        return grey.round().astype(np.int64).reshape(int(own.sum()), -1), digits[own].astype(int)

    def draw(self, count: int, rng: np.random.Generator) -> Drawn:
        """Draw scans, each as likely as any; with a name, only what comes second counts."""
        check_counts(count=count)
        images, digits = self.scans
        chosen = rng.integers(len(images), size=count)
        names = self.levels + digits[chosen][:, None]
        parts = {
            "none": [images[chosen]],
            "first": [names, images[chosen]],
            "last": [images[chosen], names],
        }
        whole = begun(np.concatenate(parts[self.name], axis=1), self.vocab_size - 1)
        counts = all_but_first(whole)
        if self.name == "first":
            counts[:, 1] = False
        if self.name == "last":
            counts[:, :-1] = False
        return Drawn(ids=whole, counts=counts, logprobs=None)


def _resized(images: np.ndarray, side: int) -> np.ndarray:
    """Means of blocks, or values between pixels (bilinear, corners kept)."""
    if side == _SCAN:
        return images
    if side < _SCAN:
        block = _SCAN // side
        return images.reshape(len(images), side, block, side, block).mean(axis=(2, 4))
    places = np.linspace(0, _SCAN - 1, side)
    low = np.floor(places).astype(int).clip(max=_SCAN - 2)
    share = places - low
    rows = images[:, low] * (1 - share)[:, None] + images[:, low + 1] * share[:, None]
    return rows[:, :, low] * (1 - share) + rows[:, :, low + 1] * share
