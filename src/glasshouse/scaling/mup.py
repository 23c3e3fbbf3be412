"""Learning rates that carry over from narrow models to wide ones (μP).

Under the usual start and one learning rate for all, a wider Transformer moves its logits more with
every step, so the best rate falls with width and a sweep at one rate flatters some size. In μP the
start and the rate of each kind of weight follow its fan-in, so that what a step changes keeps its
size: a rate tuned at `base_width` serves every width. At the base width nothing differs.

    weights                          start            Adam's rate
    embeddings, biases, norms        as at the base   as at the base
    matrices of the blocks           1/sqrt(m)        1/m
    what reads the last residual     1/m              1/m          m = width / base width

Where embedding and unembedding are tied, the gain and bias of the last norm carry the 1/m, which is
the output multiplier of the paper's table 8 by another place. Depth is not carried over. Heads keep
their width and grow in number (`plans.Shape`), which leaves the scale of scores alone.

Source:
    Yang et al. 2022 (2203.03466), "Tensor Programs V", table 8 and appendix B.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from glasshouse.errors import InputError
from glasshouse.models import Transformer, TransformerConfig
from glasshouse.models.transformer import initialise


@dataclass(frozen=True, slots=True)
class Factors:
    """What a parameter's start and learning rate are multiplied by."""

    start: float
    lr: float


def mup_factors(network: Transformer, base_width: int) -> dict[str, Factors]:
    """The factors of every parameter, by name.

    Raises:
        InputError: If the base width is no width, or the last norm cannot carry the factor.
    """
    config = network.config
    if base_width < 1:
        raise InputError(f"base_width={base_width} must be at least 1")
    if config.tied and config.norm == "rms_plus_one":
        raise InputError(
            "norm='rms_plus_one' keeps gains as differences from 1, which cannot carry μP's output "
            "factor; take tied=False or another norm"
        )
    ratio = config.d_model / base_width
    return {name: _factors(name, p, config, ratio) for name, p in network.named_parameters()}


def _factors(name: str, value: nn.Parameter, config: TransformerConfig, ratio: float) -> Factors:
    is_output = name.startswith("final_norm." if config.tied else "unembed.")
    if is_output:
        return Factors(1 / ratio, 1 / ratio)
    if name.startswith("blocks.") and value.ndim == 2:
        return Factors(ratio**-0.5, 1 / ratio)
    return Factors(1.0, 1.0)


@torch.no_grad()
def mup_initialise(
    network: Transformer, generator: torch.Generator, *, base_width: int
) -> Transformer:
    """Give a network new weights by μP, as `models.initialise` does at the base width."""
    initialise(network, generator)
    factors = mup_factors(network, base_width)
    for name, parameter in network.named_parameters():
        parameter.mul_(factors[name].start)
    return network


def mup_groups(network: Transformer, *, lr: float, base_width: int) -> Sequence[dict[str, Any]]:
    """Parameter groups for an optimizer of Adam's kind, each with its learning rate.

    Args:
        network: Whose parameters.
        lr: The learning rate tuned at the base width.
        base_width: Where it was tuned.
    """
    factors = mup_factors(network, base_width)
    groups: dict[float, list[nn.Parameter]] = {}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            groups.setdefault(factors[name].lr, []).append(parameter)
    return [
        {"params": some, "lr": lr * factor, "lr_factor": factor} for factor, some in groups.items()
    ]
