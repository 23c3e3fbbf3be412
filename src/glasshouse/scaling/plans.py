"""Sweeps as data: which runs, of what size, on how much, at what cost.

A plan is made whole before anything runs, and refuses to cost more than its budget.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Literal, get_args

import numpy as np

from glasshouse.errors import InputError
from glasshouse.models import TransformerConfig, flops_per_token, gpt
from glasshouse.models.cost import block_weights

Counting = Literal["kaplan_6N", "exact_with_attention_and_unembed"]
Schedule = Literal["cosine", "constant"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """A model of GPT-2's architecture; heads keep their width as models grow."""

    d_model: int
    """Width of the residual stream."""
    num_layers: int
    """Blocks."""
    vocab_size: int
    """Rows of the embedding."""
    context: int
    """Tokens read at once."""
    d_head: int = 8
    """Width of one head; a wider model has more heads."""
    init_std: float = 0.02
    """Standard deviation of first weights at the base width. GPT-2's suits widths of hundreds; at
    tens it makes a slow start, and about 0.5 / sqrt(base width) a fast one."""

    def __post_init__(self) -> None:
        if self.d_head < 1 or self.d_model % self.d_head:
            raise InputError(
                f"d_model={self.d_model} must be a multiple of d_head={self.d_head}; heads keep "
                "their width, so that learning rates carry over"
            )
        if not 0 < self.init_std < np.inf:
            raise InputError(f"init_std={self.init_std} must be positive; 0.02 is GPT-2's")
        _ = self.config  # which refuses the rest

    @property
    def config(self) -> TransformerConfig:
        """The architecture."""
        config = gpt(
            self.vocab_size,
            context=self.context,
            num_layers=self.num_layers,
            d_model=self.d_model,
            num_heads=self.d_model // self.d_head,
        )
        return replace(config, init_std=self.init_std)

    @property
    def params(self) -> int:
        """N: entries of the blocks' matrices, 12·L·d², as Kaplan et al. count."""
        return self.num_layers * block_weights(self.config)


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """One run of a sweep."""

    shape: Shape
    """The model."""
    steps: int
    """Optimizer steps."""
    batch: int
    """Windows a step."""
    lr: float
    """Peak learning rate at the base width; `mup` carries it to others."""
    seed: int = 0
    """Names first weights and the order of the data."""

    def __post_init__(self) -> None:
        for name in ("steps", "batch"):
            if getattr(self, name) < 1:
                raise InputError(f"{name}={getattr(self, name)} must be at least 1")
        if not 0 < self.lr < np.inf:
            raise InputError(f"lr={self.lr} must be positive; 3e-3 is a common start")

    @property
    def name(self) -> str:
        """What its record is called; different for different trials."""
        shape = self.shape
        return (
            f"d{shape.d_model}-l{shape.num_layers}-s{self.steps}-b{self.batch}"
            f"-lr{self.lr:g}-seed{self.seed}"
        )

    @property
    def tokens(self) -> int:
        """D: tokens trained on."""
        return self.steps * self.batch * self.shape.context

    def flops(self, counting: Counting = "kaplan_6N") -> float:
        """C: operations of the training."""
        return float(self.tokens) * flops_per_token(self.shape.config, counting)


@dataclass(frozen=True, kw_only=True, slots=True)
class SweepPlan:
    """All runs of a sweep."""

    trials: tuple[Trial, ...]
    """The runs."""
    budget: float
    """Most operations that all of them together may cost."""
    base_width: int
    """Width at which the learning rate of every trial was chosen."""
    counting: Counting = "kaplan_6N"
    """What counts as an operation."""
    schedule: Schedule = "cosine"
    """Cosine to zero, whose last loss counts; or constant, whose every moment does."""
    warmup_share: float = 0.05
    """Share of the steps spent rising to the peak."""

    def __post_init__(self) -> None:
        if not self.trials:
            raise InputError("a sweep needs at least one trial")
        twins = [n for n, c in Counter(one.name for one in self.trials).items() if c > 1]
        if twins:
            raise InputError(f"trial {twins[0]} is planned twice; give the second another seed")
        if len({(one.shape.vocab_size, one.shape.context) for one in self.trials}) > 1:
            raise InputError(
                "losses compare only at one vocabulary and one context; plan two sweeps"
            )
        if self.schedule not in get_args(Schedule):
            raise InputError(f"schedule={self.schedule!r} must be cosine or constant")
        if not 0 <= self.warmup_share < 1:
            raise InputError(f"warmup_share={self.warmup_share} must lie in [0, 1)")
        if self.flops > self.budget * (1 + 1e-9):
            raise InputError(
                f"the {len(self.trials)} trials cost {self.flops:.3g} FLOP, more than the budget "
                f"of {self.budget:.3g}; plan fewer, smaller or shorter ones"
            )

    @property
    def flops(self) -> float:
        """What all trials cost."""
        return sum(one.flops(self.counting) for one in self.trials)


def grid(
    shapes: Sequence[Shape],
    *,
    tokens: Sequence[float],
    batches: Sequence[int],
    lrs: Sequence[float],
    seeds: Sequence[int] = (0,),
) -> tuple[Trial, ...]:
    """Every size with every amount of data, batch, learning rate and seed.

    Data are rounded to whole steps, so that a trial may train on a little more than asked.
    """
    return tuple(
        Trial(
            shape=shape,
            steps=max(1, round(amount / (batch * shape.context))),
            batch=batch,
            lr=lr,
            seed=seed,
        )
        for shape, amount, batch, lr, seed in product(shapes, tokens, batches, lrs, seeds)
    )


def isoflop_grid(
    shapes: Sequence[Shape],
    *,
    computes: Sequence[float],
    batch: int,
    lr: float,
    seeds: Sequence[int] = (0,),
    least_steps: int = 50,
    counting: Counting = "kaplan_6N",
) -> tuple[Trial, ...]:
    """Every size at every compute, the data being what compute leaves.

    Args:
        shapes: The sizes.
        computes: Operations of each profile.
        batch: Windows a step.
        lr: Peak learning rate at the base width.
        seeds: One run each.
        least_steps: A size that compute gives fewer steps is left out of that profile.
        counting: What counts as an operation.

    Raises:
        InputError: If a profile keeps no size.
    """
    found: list[Trial] = []
    for compute in computes:
        profile = [
            Trial(shape=shape, steps=steps, batch=batch, lr=lr, seed=seed)
            for shape, seed in product(shapes, seeds)
            if (steps := _steps(shape, compute, batch, counting)) >= least_steps
        ]
        if not profile:
            raise InputError(
                f"{compute:.3g} FLOP give no size {least_steps} steps of {batch} windows; raise "
                "the compute, or plan smaller models or batches"
            )
        found += profile
    return tuple(found)


def frontier_trials(
    shapes: Sequence[Shape],
    *,
    budget: float,
    levels: int,
    batch: int,
    lr: float,
    tokens_per_param: float = 20.0,
    ratio: float = 2.0,
    seed: int = 0,
) -> tuple[Trial, ...]:
    """One run a level of compute, levels `ratio` apart, that cost the budget together.

    Each level takes the size whose data come nearest to `tokens_per_param` a parameter, by default
    Hoffmann et al.'s 20.

    Raises:
        InputError: If the levels cannot be told apart, or the cheapest gives no steps.
    """
    if levels < 1 or ratio <= 1:
        raise InputError(f"levels={levels} must be at least 1 and ratio={ratio:g} above 1")
    whole = sum(ratio**level for level in range(levels))
    found = []
    for level in range(levels):
        compute = budget * ratio**level / whole
        shape = min(shapes, key=lambda one: abs(np.log(_ratio(one, compute) / tokens_per_param)))
        steps = _steps(shape, compute, batch, "kaplan_6N")
        if steps < 1:
            raise InputError(
                f"{compute:.3g} FLOP, the cheapest level, do not pay one step of {batch} windows"
            )
        found.append(Trial(shape=shape, steps=steps, batch=batch, lr=lr, seed=seed))
    return tuple(found)


def populations(trials: Iterable[Trial], *, largest: int = 32) -> list[tuple[Trial, ...]]:
    """Trials that can be trained as one program: of one shape, batch and number of steps.

    Args:
        trials: Which.
        largest: Most trials of one program, for the sake of memory.
    """
    if largest < 1:
        raise InputError(f"largest={largest} must be at least 1")
    alike: dict[tuple[Shape, int, int], list[Trial]] = {}
    for one in trials:
        alike.setdefault((one.shape, one.batch, one.steps), []).append(one)
    return [
        tuple(some[first : first + largest])
        for some in alike.values()
        for first in range(0, len(some), largest)
    ]


def _steps(shape: Shape, compute: float, batch: int, counting: Counting) -> int:
    """Whole steps that a compute pays, rounded down so that no plan costs more than asked."""
    a_step = flops_per_token(shape.config, counting) * batch * shape.context
    return int(compute // a_step)


def _ratio(shape: Shape, compute: float) -> float:
    """Tokens a parameter that a compute pays."""
    return compute / flops_per_token(shape.config) / shape.params
