"""Held-out loss, by the kind of document the target stands in."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import nn

from glasshouse.training.batches import Batch, Windows
from glasshouse.training.packing import DocumentRows
from glasshouse.training.shards import TokenShards
from glasshouse.training.steps import token_losses


def held_out_losses(
    network: nn.Module,
    shards: TokenShards,
    *,
    context: int,
    max_windows: int = 128,
    batch_size: int = 32,
) -> dict[str, float]:
    """Mean loss in nats per token, over all targets under "all" and for every kind of document.

    Args:
        network: Token ids to logits; it is put in evaluation mode and back.
        shards: Documents that are not trained on.
        context: Tokens the model reads at once; fewer if no shard has as many.
        max_windows: Windows measured, evenly spaced over the shards, always the same ones.
        batch_size: Windows per forward pass.
    """
    longest = max(len(shard.tokens) for shard in shards.shards)
    windows = Windows(shards, max(1, min(context, longest - 1)))
    sums = np.zeros(len(shards.kinds))
    counts = np.zeros(len(shards.kinds))
    was_training = network.training
    network.eval()
    device = next(network.parameters()).device
    with torch.no_grad():
        for batch, kinds in _batches(windows, max_windows, batch_size):
            batch = to_device(batch, device)
            losses = token_losses(network(batch.inputs).float(), batch.targets)
            weights = torch.ones_like(losses) if batch.mask is None else batch.mask
            for totals, values in ((sums, losses * weights), (counts, weights)):
                flat = values.double().cpu().numpy().ravel()
                totals += np.bincount(kinds.ravel(), flat, len(totals))
    network.train(was_training)
    means = {k: s / n for k, s, n in zip(shards.kinds, sums, counts, strict=True) if n}
    return {"all": float(sums.sum() / max(1.0, counts.sum()))} | {
        kind: float(mean) for kind, mean in means.items()
    }


@torch.no_grad()
def document_loss(network: nn.Module, rows: DocumentRows, *, max_rows: int = 128) -> float:
    """Mean loss in nats per counted target of the first `max_rows` rows of whole documents.

    Args:
        network: Token ids to logits; it is put in evaluation mode and back.
        rows: Documents that are not trained on; always the same ones are measured.
        max_rows: Rows measured, to a whole batch.
    """
    was_training = network.training
    network.eval()
    device = next(network.parameters()).device
    total, count = 0.0, 0.0
    for first in range(0, min(max_rows, len(rows.rows)), rows.batch):
        batch = to_device(rows(first, rows.batch), device)
        given = {} if batch.segments is None else {"segments": batch.segments}
        losses = token_losses(network(batch.inputs, **given).float(), batch.targets)
        assert batch.mask is not None
        total += float((losses * batch.mask).sum())
        count += float(batch.mask.sum())
    network.train(was_training)
    return total / max(1.0, count)


def to_device(batch: Batch, device: torch.device) -> Batch:
    """The batch on a device."""
    if device.type == "cpu":
        return batch
    mask, segments = (
        None if part is None else part.to(device, non_blocking=True)
        for part in (batch.mask, batch.segments)
    )
    return Batch(
        batch.inputs.to(device, non_blocking=True),
        batch.targets.to(device, non_blocking=True),
        mask,
        segments,
    )


def _batches(
    windows: Windows, max_windows: int, batch_size: int
) -> Iterator[tuple[Batch, np.ndarray]]:
    count = min(max_windows, len(windows))
    chosen = np.linspace(0, len(windows) - 1, count).astype(np.int64)
    for first in range(0, count, batch_size):
        some = chosen[first : first + batch_size]
        yield windows.batch(some), windows.target_kinds(some)
