"""The coordinate test: does what a training step changes keep its size as models widen?

Models of several widths take a few steps on one batch; for every stage of the network, the mean
size of the change since the start is fitted as a power of the width. Under μP all exponents are
near 0; under the usual start with one rate, the logits' is well above.

Source:
    Yang et al. 2022 (2203.03466), appendix D.1 ("coordinate checking").
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Int
from torch import Tensor, nn

from glasshouse.errors import InputError
from glasshouse.models import Transformer
from glasshouse.models.transformer import initialise
from glasshouse.scaling.mup import mup_groups, mup_initialise
from glasshouse.scaling.plans import Shape

Rule = Literal["mup", "standard"]


@dataclass(frozen=True, kw_only=True, slots=True)
class CoordinateCheck:
    """How changes grow with width."""

    widths: tuple[int, ...]
    """Widths tried."""
    changes: dict[str, tuple[float, ...]]
    """Mean absolute change of each stage's output since the start, a value a width."""

    @property
    def exponents(self) -> dict[str, float]:
        """Power of the width that each stage's change follows."""
        logs = np.log(np.array(self.widths, dtype=np.float64))
        return {
            stage: float(np.polyfit(logs, np.log(np.array(values) + 1e-30), 1)[0])
            for stage, values in self.changes.items()
        }

    @property
    def worst(self) -> float:
        """The exponent farthest from 0."""
        return max(self.exponents.values(), key=abs)


def coordinate_check(
    shape: Shape,
    widths: Sequence[int],
    *,
    rule: Rule = "mup",
    lr: float = 1e-2,
    steps: int = 3,
    batch: int = 8,
    seeds: Sequence[int] = (0, 1, 2),
) -> CoordinateCheck:
    """Train models of several widths for a few steps and compare what changed.

    Args:
        shape: The model at the base width.
        widths: Widths to try, multiples of its heads' width.
        rule: μP, or the usual start with one learning rate.
        lr: Learning rate at the base width.
        steps: Optimizer steps.
        batch: Texts of the one batch.
        seeds: Changes are averaged over them.

    Raises:
        InputError: If fewer than three widths are given.
    """
    if len(set(widths)) < 3:
        raise InputError(f"widths={tuple(widths)} must be at least three, to show a power")
    rows = [
        [_changes(shape, width, rule, lr, steps, batch, seed) for seed in seeds] for width in widths
    ]
    stages = list(rows[0][0])
    return CoordinateCheck(
        widths=tuple(widths),
        changes={
            stage: tuple(float(np.mean([one[stage] for one in row])) for row in rows)
            for stage in stages
        },
    )


def _changes(
    shape: Shape, width: int, rule: Rule, lr: float, steps: int, batch: int, seed: int
) -> dict[str, float]:
    """Mean absolute change of every stage."""
    wide = Shape(
        d_model=width,
        num_layers=shape.num_layers,
        vocab_size=shape.vocab_size,
        context=shape.context,
        d_head=shape.d_head,
    )
    network = Transformer(wide.config)
    generator = torch.Generator().manual_seed(seed)
    if rule == "mup":
        mup_initialise(network, generator, base_width=shape.d_model)
        groups = mup_groups(network, lr=lr, base_width=shape.d_model)
    else:
        initialise(network, generator)
        groups = [{"params": list(network.parameters()), "lr": lr}]
    optimizer = torch.optim.Adam(groups, betas=(0.9, 0.95))
    ids = torch.randint(
        shape.vocab_size,
        (batch, shape.context + 1),
        generator=torch.Generator().manual_seed(1000 + seed),
    )
    before = _stages(network, ids[:, :-1])
    for _ in range(steps):
        logits = network(ids[:, :-1])
        optimizer.zero_grad()
        F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten()).backward()
        optimizer.step()
    after = _stages(network, ids[:, :-1])
    return {stage: float((after[stage] - before[stage]).abs().mean()) for stage in before}


@torch.no_grad()
def _stages(network: Transformer, ids: Int[Tensor, "batch seq"]) -> dict[str, Tensor]:
    """Output of the embedding, of every block, and the logits."""
    found: dict[str, Tensor] = {}

    def keep(stage: str):
        def hook(module: nn.Module, inputs: object, output: Tensor) -> None:
            found[stage] = output.clone()

        return hook

    named = {"embed": network.embed, "logits": network.unembed}
    named |= {f"blocks.{layer}": block for layer, block in enumerate(network.blocks)}
    handles = [module.register_forward_hook(keep(stage)) for stage, module in named.items()]
    try:
        network(ids)
    finally:
        for handle in handles:
            handle.remove()
    return found
