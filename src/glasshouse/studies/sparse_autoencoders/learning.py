"""Dictionaries of a value: tied ones of the residual stream, untied ones of neurons.

L0, unexplained variance and dead latents go together wherever a dictionary is named: a penalty that
kills latents looks like sparsity, and one that shrinks codes like a find.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from glasshouse.interpret.activations import shuffled_batches
from glasshouse.interpret.dictionaries import (
    Coder,
    Dictionary,
    DictionaryConfig,
    DictionaryTrainingConfig,
    ReLU,
    train_dictionaries,
)
from glasshouse.interpret.dictionaries.metrics import measure_rebuilding


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """A dictionary to be learned."""

    latents: int
    """How many it has."""
    penalty: float
    """In the summed form, for values scaled to a mean squared length of their width."""
    is_tied: bool = True
    """Whether the encoder is the decoder (the paper's residual stream) or of its own (its MLPs)."""
    start: int = 0
    """Seed of its first weights."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Quality:
    """The three numbers that are read together, on held-out tokens."""

    l0: float
    """Active latents of a token."""
    fvu: float
    """Unexplained share of the variance."""
    dead: float
    """Share of latents that no token made active."""
    tokens: int
    """How many tokens were looked at."""

    @property
    def said(self) -> str:
        """In words."""
        return f"L0 {self.l0:.1f}, FVU {self.fvu:.2f}, dead {self.dead:.0%}"


def learn(
    values: Float[Tensor, "token d"],
    plans: list[Plan],
    training: DictionaryTrainingConfig,
    *,
    batch_rows: int,
) -> list[Dictionary]:
    """Learn several dictionaries of the same rows, all from the same batches.

    Args:
        values: Rows to learn from.
        plans: Which dictionaries.
        training: How; its seed is that of the batches.
        batch_rows: Rows a step; all there are where that is fewer.
    """
    made = []
    for plan in plans:
        kind = ReLU(penalty=plan.penalty, decoder="tied" if plan.is_tied else "unit")
        config = DictionaryConfig(d_in=values.shape[1], num_latents=plan.latents, kind=kind)
        # Drawn on the CPU, so that a start means the same on every device.
        start = torch.Generator().manual_seed(plan.start)
        dictionary = Dictionary(config, generator=start).to(values.device)
        dictionary.fit_scale(values)
        made.append(dictionary)
    rows = min(batch_rows, len(values))
    batches = shuffled_batches(values, rows, seed=training.seed)
    for _ in train_dictionaries(made, batches, training):
        pass
    return [dictionary.eval().requires_grad_(False) for dictionary in made]


def quality(coder: Coder, values: Float[Tensor, "token d"]) -> Quality:
    """Measure what must be printed together."""
    found = measure_rebuilding(coder, values)
    return Quality(
        l0=found.l0,
        fvu=1 - found.explained_variance,
        dead=found.dead_share,
        tokens=found.rows,
    )
