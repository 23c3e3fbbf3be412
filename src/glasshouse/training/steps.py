"""One optimizer step: the loss with its mask, accumulation, clipping and precision."""

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from glasshouse.models import Transformer
from glasshouse.training.batches import Batch
from glasshouse.training.distributed import Processes
from glasshouse.training.sharding import whole


def token_losses(
    logits: Float[Tensor, "batch seq vocab"], targets: Int[Tensor, "batch seq"]
) -> Float[Tensor, "batch seq"]:
    """Cross-entropy of each target, in nats."""
    losses = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
    return losses.view_as(targets)


class SummedLoss(nn.Module):
    """A network together with its loss, so that both are compiled, or shared out, as one.

    Args:
        network: Token ids to logits.
        precision: Of the forward pass.
        most_targets: No more targets than these count in any batch; logits of the others are not
            computed, where the network is ours. None: all may count.
    """

    def __init__(
        self,
        network: nn.Module,
        precision: Literal["fp32", "bf16"],
        *,
        most_targets: int | None = None,
    ) -> None:
        super().__init__()
        self.network = network
        self.precision: Literal["fp32", "bf16"] = precision
        self.most_targets = most_targets if isinstance(network, Transformer) else None

    def forward(
        self,
        inputs: Int[Tensor, "batch seq"],
        targets: Int[Tensor, "batch seq"],
        mask: Float[Tensor, "batch seq"] | None,
        segments: Int[Tensor, "batch seq"] | None = None,
    ) -> Float[Tensor, ""]:
        """The loss in nats summed over the targets, each weighted by its mask."""
        with autocast(inputs.device, self.precision):
            if mask is not None and self.most_targets is not None:
                return self._of_counted(inputs, targets, mask, segments)
            own = {} if segments is None else {"segments": segments}
            logits = self.network(inputs, **own)
        if mask is None:
            return F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten(), reduction="sum")
        return (token_losses(logits.float(), targets) * mask).sum()

    def _of_counted(
        self,
        inputs: Int[Tensor, "batch seq"],
        targets: Int[Tensor, "batch seq"],
        mask: Float[Tensor, "batch seq"],
        segments: Int[Tensor, "batch seq"] | None,
    ) -> Float[Tensor, ""]:
        """The same from the features of the targets that count, and a few that weigh nothing."""
        assert isinstance(self.network, Transformer)
        assert self.most_targets is not None
        features = self.network.features(inputs, segments=segments).flatten(0, 1)
        count = min(self.most_targets, mask.numel())
        weight, places = mask.flatten().topk(count, sorted=False)
        logits = self.network.unembed(features[places]).float()
        losses = F.cross_entropy(logits, targets.flatten()[places], reduction="none")
        return (losses * weight).sum()


def autocast(device: torch.device, precision: Literal["fp32", "bf16"]):
    """Matrix products in bf16, or as they come."""
    if precision == "fp32":
        return nullcontext()
    return torch.autocast(device.type, dtype=torch.bfloat16)


def accumulate_gradients(
    summed_loss: nn.Module, batches: Sequence[Batch], processes: Processes
) -> Float[Tensor, ""]:
    """Leave the gradient of the mean loss over all targets in the parameters.

    The mean is over every counted target of every micro-batch and process, so neither accumulation
    nor the number of processes changes what is minimised.

    Args:
        summed_loss: A SummedLoss, as it is, compiled or distributed.
        batches: This process's micro-batches.
        processes: Who shares the step.

    Returns:
        The mean loss in nats.
    """
    num_targets = processes.total(counted_targets(batches)).clamp(min=1)
    total = torch.zeros_like(num_targets)
    for i, batch in enumerate(batches):
        with _gradients_kept_local(summed_loss, is_last=i == len(batches) - 1):
            loss = summed_loss(batch.inputs, batch.targets, batch.mask, batch.segments)
            # Distributed gradients are averaged over processes, so the count undoes that.
            (loss * (processes.count / num_targets)).backward()
        total += loss.detach()
    return processes.total(total) / num_targets


def counted_targets(batches: Sequence[Batch]) -> Float[Tensor, ""]:
    """The summed weight of all targets, on their device."""
    device = batches[0].targets.device
    unmasked = sum(batch.targets.numel() for batch in batches if batch.mask is None)
    masks = [batch.mask.sum() for batch in batches if batch.mask is not None]
    return sum(masks, torch.tensor(float(unmasked), device=device))


def _gradients_kept_local(summed_loss: nn.Module, *, is_last: bool):
    if isinstance(summed_loss, DistributedDataParallel) and not is_last:
        return summed_loss.no_sync()
    return nullcontext()


def clip_gradients(parameters: Sequence[nn.Parameter], max_norm: float | None) -> Float[Tensor, ""]:
    """Scale all gradients down to a global norm; returns the norm they had.

    Of gradients that are dealt out the norm is that of all parts, the same in every process.
    """
    gradients = [p.grad for p in parameters if p.grad is not None]
    norm = whole(nn.utils.get_total_norm(gradients))
    if max_norm is not None:
        nn.utils.clip_grads_with_norm_(parameters, max_norm, norm)
    return norm
