"""Train the trials of a population as one program, with μP's start and learning rates.

μP gives every kind of weight a learning rate of its own, a population one rate a replica. Both are
had by training each weight divided by its rate's factor: Adam moves what it trains by about the
learning rate whatever its scale, so the weight itself moves by the factor times that.
"""

import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor
from torch.func import functional_call, vmap

from glasshouse.errors import InputError
from glasshouse.models import Transformer
from glasshouse.scaling.mup import mup_factors, mup_initialise
from glasshouse.scaling.plans import SweepPlan, Trial
from glasshouse.scaling.records import TrialRecord
from glasshouse.scaling.runs import CurvePoint
from glasshouse.training import TokenShards, shuffled_windows
from glasshouse.training.batches import Batch, BatchSource, Windows
from glasshouse.training.population import (
    Parameters,
    PopulationConfig,
    stack_modules,
    train_population,
)

_HELD_OUT_ROWS = 32
"""Windows of one forward pass when measuring."""
_NEWEST = 10
"""Last steps whose mean loss says whether a trial learned what it trained on."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ShardWork:
    """Trains trials on token shards (`training.write_shards`); a `Work`."""

    train: Path
    """Folder of the shards to train on."""
    held_out: Path
    """Folder of the shards to measure on."""
    moments: int = 12
    """Times that held-out loss is measured, evenly spaced in the logarithm of the steps."""
    held_out_windows: int = 64
    """Windows measured on, evenly spaced, always the same ones."""
    threads: int = 1
    """Threads of the process."""

    def __call__(self, plan: SweepPlan, trials: Sequence[Trial]) -> list[TrialRecord]:
        """Train one population."""
        torch.set_num_threads(self.threads)
        context = trials[0].shape.context
        train = TokenShards.open(self.train)
        held_out = Windows(TokenShards.open(self.held_out), context)
        some = np.linspace(0, len(held_out) - 1, min(self.held_out_windows, len(held_out)))
        measured = held_out.batch(np.unique(some.astype(np.int64)))
        sources = [shuffled_windows(train, context=context, seed=one.seed) for one in trials]
        return train_trials(plan, trials, sources, measured, moments=self.moments)


def train_trials(
    plan: SweepPlan,
    trials: Sequence[Trial],
    sources: Sequence[BatchSource],
    held_out: Batch,
    *,
    moments: int = 12,
    trained: Callable[[Trial, Transformer], None] | None = None,
) -> list[TrialRecord]:
    """Train trials of one shape, batch and number of steps together.

    Args:
        plan: Schedule and base width.
        trials: The population.
        sources: Training windows of each trial.
        held_out: What every trial is measured on.
        moments: Times of measuring.
        trained: Given each trial's network as it ends, for what else is to be asked of it.

    Raises:
        InputError: If the trials do not fit one population.
    """
    first = trials[0]
    if len({(one.shape, one.batch, one.steps) for one in trials}) > 1:
        raise InputError("trials of one population need one shape, batch and number of steps")
    began = time.perf_counter()
    template = Transformer(first.shape.config, device="meta")
    template.kernel = "explicit"  # the fused kernel has no form for many models at once
    scales = {name: one.lr for name, one in mup_factors(template, plan.base_width).items()}
    parameters = _started(plan, trials, scales)
    peak = max(one.lr for one in trials)
    config = PopulationConfig(
        steps=first.steps,
        peak_lr=peak,
        schedule=plan.schedule,
        warmup_steps=min(first.steps - 1, round(plan.warmup_share * first.steps)),
        beta2=0.95,
    )
    loss = vmap(_loss_of(template, scales))
    factors = torch.tensor([one.lr / peak for one in trials])
    due = _moments(first.steps, moments)
    curves: list[list[CurvePoint]] = [[] for _ in trials]
    strayed = [0] * len(trials)
    newest: deque[Tensor] = deque(maxlen=_NEWEST)
    tokens = first.batch * first.shape.context

    def batch_at(step: int) -> tuple[Tensor, Tensor]:
        batches = [source(step * first.batch, first.batch) for source in sources]
        return (
            torch.stack([one.inputs for one in batches]),
            torch.stack([one.targets for one in batches]),
        )

    for record in train_population(parameters, loss, batch_at, config, lr_factor=factors):
        newest.append(record.loss)
        for place, value in enumerate(record.loss.tolist()):
            if not math.isfinite(value) and not strayed[place]:
                strayed[place] = record.step
        if record.step in due:
            for curve, value in zip(curves, _measure(loss, parameters, held_out), strict=True):
                curve.append(CurvePoint(tokens=record.step * tokens, loss=value))
    if trained is not None:
        for trial, network in zip(trials, _networks(trials, parameters, scales), strict=True):
            trained(trial, network)
    share = (time.perf_counter() - began) / len(trials)
    guess = math.log(first.shape.vocab_size)
    learned = torch.stack(list(newest)).mean(dim=0).tolist()
    return [
        TrialRecord(
            trial=trial,
            curve=tuple(point for point in curve if math.isfinite(point.loss)),
            failure=_failure(curve, step, loss_trained_on, guess),
            seconds=share,
        )
        for trial, curve, step, loss_trained_on in zip(
            trials, curves, strayed, learned, strict=True
        )
    ]


def _started(plan: SweepPlan, trials: Sequence[Trial], scales: dict[str, float]) -> Parameters:
    """First weights of every trial, divided by the factors of their learning rates."""
    networks = []
    for trial in trials:
        network = Transformer(trial.shape.config)
        generator = torch.Generator().manual_seed(trial.seed)
        networks.append(mup_initialise(network, generator, base_width=plan.base_width))
    return {name: value / scales[name] for name, value in stack_modules(networks).items()}


def _networks(
    trials: Sequence[Trial], parameters: Parameters, scales: dict[str, float]
) -> Iterator[Transformer]:
    """The trials' networks as they are, each a model of its own."""
    for place, trial in enumerate(trials):
        network = Transformer(trial.shape.config)
        own = {name: value[place].detach() * scales[name] for name, value in parameters.items()}
        network.load_state_dict(own, strict=False)  # what is tied stands in it once
        yield network.eval().requires_grad_(False)


def _loss_of(template: Transformer, scales: dict[str, float]):
    """Mean loss of one trial, from its parameters as they are trained."""

    def loss(parameters: Parameters, batch: tuple[Tensor, Tensor]) -> Float[Tensor, ""]:
        whole = {name: value * scales[name] for name, value in parameters.items()}
        logits = functional_call(template, whole, (batch[0],))
        return F.cross_entropy(logits.flatten(0, 1), batch[1].flatten())

    return loss


@torch.no_grad()
def _measure(loss, parameters: Parameters, held_out: Batch) -> list[float]:
    """Held-out loss of every trial."""
    replicas = len(next(iter(parameters.values())))

    def shared(part: Int[Tensor, "batch seq"]) -> Int[Tensor, "replica batch seq"]:
        return part.expand(replicas, *part.shape)

    total, counted = torch.zeros(replicas), 0.0
    for first in range(0, len(held_out.inputs), _HELD_OUT_ROWS):
        some = slice(first, first + _HELD_OUT_ROWS)
        targets = held_out.targets[some]
        # targets below 0 are marked as not counting, and the loss is a mean of the others
        weight = len(targets) * float((targets >= 0).double().mean())
        total += loss(parameters, (shared(held_out.inputs[some]), shared(targets))) * weight
        counted += weight
    return (total / counted).tolist()


def _moments(steps: int, count: int) -> set[int]:
    """Steps to measure after: evenly spaced in their logarithm, the last one included."""
    return {round(one) for one in np.geomspace(max(1, steps / 64), steps, count)} | {steps}


def _failure(
    curve: Sequence[CurvePoint], strayed: int, loss_trained_on: float, guess: float
) -> str:
    """Why a trial's last loss does not count; empty if it does."""
    if strayed:
        return f"diverged: no number at step {strayed}"
    loss = curve[-1].loss
    if not math.isfinite(loss):
        return "diverged: its held-out loss is no number"
    if loss <= 1.05 * guess:
        return ""
    worse = f"its held-out loss of {loss:.3g} is worse than guessing ({guess:.3g})"
    if loss_trained_on < guess:
        return f"overfitted: {worse}, that on what it trained on is {loss_trained_on:.3g}"
    return f"diverged: {worse}"
