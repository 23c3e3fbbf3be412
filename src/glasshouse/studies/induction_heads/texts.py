"""Training texts as an endless sequence, and the texts on which models are measured."""

import zlib
from functools import lru_cache

import numpy as np
import torch

from glasshouse.training import Batch, BatchSource
from glasshouse.world.blocks import BlockTexts, BlockWorld

_CHUNK = 256
"""Texts drawn at once; text i is always in chunk i // 256, whoever asks for it."""


def stream(seed: int, *names: str) -> np.random.Generator:
    """A random stream of its own for what the names say."""
    return np.random.default_rng([seed, *(zlib.crc32(name.encode()) for name in names)])


def generator(seed: int, *names: str) -> torch.Generator:
    """The same for torch."""
    return torch.Generator().manual_seed(int(stream(seed, *names).integers(1 << 62)))


def training_texts(world: BlockWorld, context: int, *, seed: int) -> BatchSource:
    """Texts of a world to train on, a function of the seed alone."""

    @lru_cache(maxsize=2)
    def chunk(number: int) -> np.ndarray:
        # The leading constant names the stream, so that no other use of the seed shares its texts.
        rng = np.random.default_rng([0x1D5, seed, number])
        return world.sample(_CHUNK, context, rng).ids

    def source(first: int, count: int) -> Batch:
        last = (first + count - 1) // _CHUNK
        rows = [chunk(number) for number in range(first // _CHUNK, last + 1)]
        start = first % _CHUNK
        ids = torch.from_numpy(np.concatenate(rows)[start : start + count])
        return Batch(ids[:, :-1].contiguous(), ids[:, 1:].contiguous())

    return source


def held_out_texts(world: BlockWorld, context: int, count: int, *, seed: int) -> BlockTexts:
    """Texts to measure on, from a stream that training never reads."""
    return world.sample(count, context, stream(seed, "held-out texts"))
