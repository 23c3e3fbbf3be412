"""What networks lose on sequences that were drawn for measuring."""

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64

from glasshouse.corpora import Drawn
from glasshouse.models import Transformer
from glasshouse.training.batches import Batch

_ROWS = 128
"""Sequences of one forward pass."""


@torch.no_grad()
def token_losses(
    network: Transformer, ids: Int64[torch.Tensor, "sequence token"]
) -> Float[np.ndarray, "sequence target"]:
    """Loss of every token but the first, in nats."""
    found = [
        F.cross_entropy(network(rows[:, :-1]).transpose(1, 2), rows[:, 1:], reduction="none")
        for rows in ids.split(_ROWS)
    ]
    return torch.cat(found).double().numpy()


def counted_loss(network: Transformer, drawn: Drawn) -> float:
    """Mean loss of the tokens that count, in nats."""
    losses = token_losses(network, torch.from_numpy(drawn.ids))
    return float(losses[drawn.counts[:, 1:]].mean())


def all_tokens(drawn: Drawn) -> Batch:
    """All sequences, of which every token counts but the first."""
    whole = torch.from_numpy(drawn.ids)
    return Batch(whole[:, :-1].contiguous(), whole[:, 1:].contiguous(), None)
