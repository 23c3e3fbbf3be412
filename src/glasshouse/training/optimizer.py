"""AdamW with weight decay on matrices only, in its fused form."""

from dataclasses import dataclass

import torch
from torch import nn

from glasshouse.errors import InputError


@dataclass(frozen=True, kw_only=True, slots=True)
class OptimizerConfig:
    """AdamW (Loshchilov & Hutter 2019) and gradient clipping."""

    beta1: float = 0.9
    """Memory of the gradient's running mean."""
    beta2: float = 0.95
    """Memory of the squared gradient's running mean; short, as is usual for language models."""
    epsilon: float = 1e-8
    """Added to the denominator."""
    weight_decay: float = 0.1
    """Decay per step as a fraction of the learning rate, on parameters of two or more axes."""
    clip_norm: float | None = 1.0
    """Gradients of a larger global norm are scaled down to it; None clips nothing."""

    def __post_init__(self) -> None:
        for name in ("beta1", "beta2"):
            if not 0 <= getattr(self, name) < 1:
                raise InputError(f"{name}={getattr(self, name)} must lie in [0, 1)")
        if self.weight_decay < 0:
            raise InputError(f"weight_decay={self.weight_decay} must be 0 or more")
        if self.clip_norm is not None and self.clip_norm <= 0:
            raise InputError(
                f"clip_norm={self.clip_norm} must be positive, or None to clip nothing"
            )


def make_optimizer(network: nn.Module, config: OptimizerConfig) -> torch.optim.AdamW:
    """AdamW over the trainable parameters; the learning rate is set step by step by the caller.

    Matrices decay; vectors (biases, norms' gains) do not. The fused form does the whole update of
    a parameter in one pass over memory, on CPUs too.
    """
    trainable = [p for p in network.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in trainable if p.ndim >= 2], "weight_decay": config.weight_decay},
        {"params": [p for p in trainable if p.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(
        [group for group in groups if group["params"]],
        betas=(config.beta1, config.beta2),
        eps=config.epsilon,
        fused=True,
    )


def set_learning_rate(optimizer: torch.optim.Optimizer, lr: float) -> None:
    """Give every parameter group the learning rate of this step."""
    for group in optimizer.param_groups:
        group["lr"] = lr
