"""Training preference models: an iterator of steps over comparisons.

Rows of like length go together, so that little padding is computed; which comparisons a step sees
is a function of the seed and the step alone.
"""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from glasshouse.align.comparisons import Comparison
from glasshouse.align.judge import PreferenceModel, pad_right
from glasshouse.align.preferences import soft_ranked_loss
from glasshouse.errors import InputError
from glasshouse.training.optimizer import OptimizerConfig, make_optimizer, set_learning_rate
from glasshouse.training.schedule import ScheduleConfig, learning_rate

_SORTED_BATCHES = 16
"""Batches' worth of comparisons that are sorted by length at a time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class JudgeTrainingConfig:
    """How a preference model is trained."""

    epochs: int = 1
    """Times that each comparison is seen; more than one over-fits (2204.05862, section 3)."""
    batch: int = 32
    """Comparisons a step; each is two rows."""
    schedule: ScheduleConfig = field(
        default_factory=lambda: ScheduleConfig(peak_lr=3e-4, warmup_steps=10)
    )
    """Learning rate, by step."""
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    """AdamW."""
    centre: float = 0.0
    """Weight of the squared sum of both scores, which keeps scores about zero
    (2312.09244, "Helping or herding?")."""
    seed: int = 0
    """Orders comparisons."""

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch < 1 or self.centre < 0:
            raise InputError(
                f"epochs={self.epochs} and batch={self.batch} must be at least 1 and "
                f"centre={self.centre} not negative"
            )


@dataclass(frozen=True, kw_only=True, slots=True)
class JudgeStep:
    """One optimizer step."""

    step: int
    """Steps taken, from 1."""
    loss: float
    """Mean surprise at the preferences of the batch, before the update, in nats."""
    accuracy: float
    """Share of them whose likelier reply scored higher."""
    margin: float
    """Mean distance of both scores."""
    lr: float
    """Learning rate."""


def train_judge(
    model: PreferenceModel, comparisons: Sequence[Comparison], config: JudgeTrainingConfig
) -> Generator[JudgeStep, None, None]:
    """Train a preference model in place; stopping early is `break`.

    Raises:
        InputError: If there are no comparisons, one does not fit the context, or the loss is no
            longer a number: with the step.
    """
    if not comparisons:
        raise InputError("there are no comparisons to learn from")
    rows = [[model.encode(one.dialogue(r)) for r in (one.first, one.second)] for one in comparisons]
    batches = list(_batches([max(map(len, pair)) for pair in rows], config))
    optimizer = make_optimizer(model, config.optimizer)
    device = model.head.weight.device
    model.train()
    try:
        for number, places in enumerate(batches):
            lr = learning_rate(config.schedule, number, len(batches))
            set_learning_rate(optimizer, lr)
            ids, lengths = pad_right([row for place in places for row in rows[place]])
            first, second = model(ids.to(device), lengths.to(device)).view(-1, 2).T
            p_first = torch.tensor([comparisons[place].p_first for place in places], device=device)
            loss = soft_ranked_loss(first.float(), second.float(), p_first).mean()
            total = loss + config.centre * (first + second).float().square().mean()
            if not bool(total.isfinite()):
                raise InputError(
                    f"step {number + 1}: the loss is {total.item()}; lower schedule.peak_lr={lr}"
                )
            optimizer.zero_grad(set_to_none=True)
            total.backward()
            if config.optimizer.clip_norm is not None:
                torch.nn.utils.clip_grad_norm_(model.parameters(), config.optimizer.clip_norm)
            optimizer.step()
            margin = (first - second).detach().float()
            yield JudgeStep(
                step=number + 1,
                loss=loss.item(),
                accuracy=((margin > 0) == (p_first > 0.5)).float().mean().item(),
                margin=margin.abs().mean().item(),
                lr=lr,
            )
    finally:
        model.eval()


def num_steps(comparisons: int, config: JudgeTrainingConfig) -> int:
    """Steps that training takes."""
    return config.epochs * -(-comparisons // config.batch)


def _batches(lengths: Sequence[int], config: JudgeTrainingConfig) -> Iterator[list[int]]:
    """Places of comparisons, batch by batch."""
    chance = np.random.default_rng([config.seed, 2112])
    for _ in range(config.epochs):
        order = chance.permutation(len(lengths))
        found: list[list[int]] = []
        for start in range(0, len(order), _SORTED_BATCHES * config.batch):
            part = order[start : start + _SORTED_BATCHES * config.batch].tolist()
            part.sort(key=lambda place: lengths[place])
            found += [part[at : at + config.batch] for at in range(0, len(part), config.batch)]
        yield from (found[place] for place in chance.permutation(len(found)))
