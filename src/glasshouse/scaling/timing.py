"""How long a sweep will take: a few steps of some of its populations are timed."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from glasshouse.scaling.plans import Shape, SweepPlan, Trial, populations
from glasshouse.scaling.training import train_trials
from glasshouse.training.batches import Batch, BatchSource

_MOST_TIMED = 4
_LARGEST_STEP, _LARGEST_MODELS = 3e9, 3e7
"""Operations of a step, and parameters of a population, beyond which nothing is timed: a plan for
a cluster must not take down the machine that it is made on."""
_SHORT, _LONG = 1, 5
"""Steps of the two runs whose difference is the price of a step."""
_TIMES = 2
"""Times that each is run; the shorter one counts."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PopulationCost:
    """What trials that are trained as one program will cost."""

    d_model: int
    num_layers: int
    params: int
    """Of one trial, without embeddings."""
    tokens: int
    """Of one trial."""
    steps: int
    batch: int
    trials: int
    """How many there are of them."""
    flops: float
    """Of all of them."""
    seconds: float | None
    """Expected, on one core of this machine, with nothing else to do; None where every population
    is too large to be timed here."""


def population_costs(plan: SweepPlan) -> list[PopulationCost]:
    """The cost of each population, the time from steps of some sizes, timed on one thread.

    What is too large to be timed is held to take as long an operation as the largest that is.
    """
    groups = populations(plan.trials)
    prices = _prices(groups, plan)
    return [
        PopulationCost(
            d_model=group[0].shape.d_model,
            num_layers=group[0].shape.num_layers,
            params=group[0].shape.params,
            tokens=group[0].tokens,
            steps=group[0].steps,
            batch=group[0].batch,
            trials=len(group),
            flops=_flops(group, plan),
            seconds=None if price is None else price * group[0].steps,
        )
        for group, price in zip(groups, prices, strict=True)
    ]


def _prices(groups: Sequence[tuple[Trial, ...]], plan: SweepPlan) -> list[float] | list[None]:
    """Seconds of a step of each population."""
    a_step = np.array([_flops(group, plan) / group[0].steps for group in groups])
    _, rising = np.unique(a_step.round(), return_index=True)  # one of those that cost the same
    order = [one for one in rising.tolist() if _can_be_timed(groups[one], flops=float(a_step[one]))]
    if not order:
        return [None] * len(groups)
    some = np.unique(np.linspace(0, len(order) - 1, min(_MOST_TIMED, len(order))).round())
    timed = [order[int(one)] for one in some]
    _seconds_a_step(groups[timed[0]], plan)  # the first of all calls costs more
    seconds = [_seconds_a_step(groups[place], plan) for place in timed]
    # a step's time is no multiple of its operations where models are small: between what was timed
    # it is read off a line in the logarithms of both
    between = np.interp(np.log(a_step), np.log(a_step[timed]), np.log(seconds))
    beyond = np.maximum(1, a_step / a_step[timed[-1]])
    return (np.exp(between) * beyond).tolist()


def _can_be_timed(group: tuple[Trial, ...], *, flops: float) -> bool:
    return flops <= _LARGEST_STEP and len(group) * group[0].shape.params <= _LARGEST_MODELS


def _flops(group: tuple[Trial, ...], plan: SweepPlan) -> float:
    return sum(one.flops(plan.counting) for one in group)


def _seconds_a_step(group: tuple[Trial, ...], plan: SweepPlan) -> float:
    """The price of a step of a population."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        short, long = (
            min(_seconds(group, plan, steps) for _ in range(_TIMES)) for steps in (_SHORT, _LONG)
        )
    finally:
        torch.set_num_threads(threads)
    return max(long - short, 1e-5) / (_LONG - _SHORT)


def _seconds(group: tuple[Trial, ...], plan: SweepPlan, steps: int) -> float:
    """CPU time of so many steps on random tokens."""
    trials = [replace(one, steps=steps) for one in group]
    source = _random_tokens(group[0].shape)
    began = time.process_time()
    train_trials(plan, trials, [source] * len(trials), source(0, 1), moments=1)
    return time.process_time() - began


def _random_tokens(shape: Shape) -> BatchSource:
    rng = np.random.default_rng(0)

    def source(first: int, count: int) -> Batch:
        ids = torch.from_numpy(rng.integers(0, shape.vocab_size, (count, shape.context + 1)))
        return Batch(ids[:, :-1].contiguous(), ids[:, 1:].contiguous())

    return source
