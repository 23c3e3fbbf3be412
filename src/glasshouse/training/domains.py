"""Training on sequences that are drawn while they are needed: no data is ever seen twice."""

from functools import lru_cache

import numpy as np
import torch

from glasshouse.corpora import Domain, Drawn
from glasshouse.errors import InputError
from glasshouse.training.batches import Batch, BatchSource

_CHUNK = 256
"""Sequences drawn at once; sequence i is always in chunk i // 256, whoever asks for it."""


def domain_batches(domain: Domain, *, seed: int, limit: int | None = None) -> BatchSource:
    """Sequences of a domain as training windows, a pure function of the seed and the position.

    A sequence is a window; only the tokens that the domain counts are in the loss.

    Args:
        domain: What is drawn.
        seed: Names the draws.
        limit: Go round and round this many sequences, in a new order each time; None: never twice.

    Raises:
        InputError: If the limit is below 1.
    """
    if limit is not None and limit < 1:
        raise InputError(f"limit={limit} must be at least 1, or None for fresh sequences for ever")

    @lru_cache(maxsize=8)
    def chunk(number: int) -> Drawn:
        return domain.draw(_CHUNK, np.random.default_rng([0xD0, seed, number]))

    @lru_cache(maxsize=2)
    def order(turn: int) -> np.ndarray:
        return np.random.default_rng([0xD1, seed, turn]).permutation(limit or 1)

    def place(position: int) -> int:
        if limit is None:
            return position
        turn, within = divmod(position, limit)
        return int(order(turn)[within]) if turn else within

    def source(first: int, count: int) -> Batch:
        places = [divmod(place(position), _CHUNK) for position in range(first, first + count)]
        ids = np.stack([chunk(number).ids[row] for number, row in places])
        counts = np.stack([chunk(number).counts[row] for number, row in places])
        whole = torch.from_numpy(ids)
        # The mask says of each target whether it counts; where all do, none is needed.
        mask = None if counts[:, 1:].all() else torch.from_numpy(counts[:, 1:].astype(np.float32))
        return Batch(whole[:, :-1].contiguous(), whole[:, 1:].contiguous(), mask)

    return source
