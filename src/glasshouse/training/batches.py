"""Batches of windows whose order is a pure function of the seed and the position.

Training asks for windows `first` to `first + count` of an endless sequence. Every epoch holds every
window once, shuffled afresh, so a run that resumes needs no more than its step number, and one that
is split over micro-batches or processes sees the same windows as one that is not.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float32, Int64
from torch import Tensor

from glasshouse.errors import InputError
from glasshouse.training.shards import TokenShards


@dataclass(frozen=True, slots=True)
class Batch:
    """Windows and what to predict in them."""

    inputs: Int64[Tensor, "batch seq"]
    """What the model reads."""
    targets: Int64[Tensor, "batch seq"]
    """The token after each input."""
    mask: Float32[Tensor, "batch seq"] | None = None
    """Weight of each target in the loss; None: 1 everywhere."""
    segments: Int64[Tensor, "batch seq"] | None = None
    """Number of each input's document, where several stand side by side; None: a row is one."""


NOT_COUNTED = -100
"""A target that losses leave out: torch's own mark."""


def marked(batch: Batch) -> Batch:
    """The same windows, with targets that count for nothing marked as such in place of a mask.

    For losses that are given inputs and targets alone, as those of populations are. All other
    targets count alike.
    """
    if batch.mask is None:
        return batch
    targets = batch.targets.masked_fill(batch.mask == 0, NOT_COUNTED)
    return Batch(batch.inputs, targets, segments=batch.segments)


@runtime_checkable
class BatchSource(Protocol):
    """An endless sequence of training windows, read at any position."""

    def __call__(self, first: int, count: int) -> Batch:
        """Windows `first` to `first + count`; a pure function of both numbers."""
        ...


class Windows:
    """Token shards cut into windows of `context` inputs, each with the token that follows.

    Windows do not cross shards; a shard's last few tokens that fill no window are left out.
    """

    def __init__(self, shards: TokenShards, context: int) -> None:
        self.shards = shards
        self.context = context
        counts = [max(0, len(shard.tokens) - 1) // context for shard in shards.shards]
        self._ends = np.cumsum(counts)
        if not sum(counts):
            raise InputError(
                f"{shards.num_tokens} tokens are fewer than one window of {context} + 1; "
                "use more text or a shorter context"
            )

    def __len__(self) -> int:
        return int(self._ends[-1])

    def place(self, window: int) -> tuple[int, int]:
        """The shard that holds a window, and the window's first token in it."""
        shard = int(np.searchsorted(self._ends, window, side="right"))
        before = int(self._ends[shard - 1]) if shard else 0
        return shard, (window - before) * self.context

    def batch(self, windows: Int64[np.ndarray, " batch"]) -> Batch:
        """Read windows by their numbers."""
        places = [self.place(int(window)) for window in windows]
        width = self.context + 1
        tokens = np.empty((len(places), width), dtype=np.int64)
        for row, (shard, start) in zip(tokens, places, strict=True):
            row[:] = self.shards.shards[shard].tokens[start : start + width]
        ids = torch.from_numpy(tokens)
        mask = self._mask(places) if self.shards.is_masked else None
        return Batch(ids[:, :-1].contiguous(), ids[:, 1:].contiguous(), mask)

    def target_kinds(self, windows: Int64[np.ndarray, " batch"]) -> Int64[np.ndarray, "batch seq"]:
        """For each target, the place in `shards.kinds` of the kind of its document."""
        kinds = np.empty((len(windows), self.context), dtype=np.int64)
        for row, window in zip(kinds, windows, strict=True):
            number, start = self.place(int(window))
            shard = self.shards.shards[number]
            targets = np.arange(start + 1, start + 1 + self.context, dtype=np.uint64)
            documents = np.searchsorted(shard.offsets, targets, side="right") - 1
            row[:] = shard.kinds[documents]
        return kinds

    def _mask(self, places: list[tuple[int, int]]) -> Float32[Tensor, "batch seq"]:
        mask = np.ones((len(places), self.context), dtype=np.float32)
        for row, (number, start) in zip(mask, places, strict=True):
            shard = self.shards.shards[number]
            if shard.mask is not None:
                row[:] = shard.mask[start + 1 : start + 1 + self.context]
        return torch.from_numpy(mask)


def shuffled_windows(shards: TokenShards, *, context: int, seed: int) -> BatchSource:
    """Training windows in an order that depends on the seed alone; see the module's docstring."""
    windows = Windows(shards, context)

    def source(first: int, count: int) -> Batch:
        return windows.batch(shuffled_order(len(windows), first=first, count=count, seed=seed))

    return source


def shuffled_order(
    num_windows: int, *, first: int, count: int, seed: int
) -> Int64[np.ndarray, " sample"]:
    """Positions `first` to `first + count` of the endless sequence of shuffled epochs."""
    positions = range(first, first + count)
    epochs = {position // num_windows for position in (positions[0], positions[-1])}
    if len(epochs) == 1:
        start = first % num_windows
        return _epoch_order(num_windows, epochs.pop(), seed)[start : start + count]
    picked = [
        _epoch_order(num_windows, position // num_windows, seed)[position % num_windows]
        for position in positions
    ]
    return np.array(picked, dtype=np.int64)


@lru_cache(maxsize=4)
def _epoch_order(num_windows: int, epoch: int, seed: int) -> Int64[np.ndarray, " window"]:
    # The leading constant names the stream, so that no other use of the seed shares its numbers.
    generator = np.random.default_rng([0xDA7A, seed, epoch])
    return generator.permutation(num_windows)
