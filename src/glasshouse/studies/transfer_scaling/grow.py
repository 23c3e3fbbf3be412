"""Populations that learn: pretraining, and runs that end where their loss has stopped falling."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor

from glasshouse.models import Transformer
from glasshouse.scaling import Shape
from glasshouse.studies.transfer_scaling.texts import WindowIds
from glasshouse.training.population import (
    Parameters,
    PopulationConfig,
    PopulationLoss,
    mapped_loss,
    num_replicas,
    stack_modules,
    train_population,
    trained,
)

_ROWS = 40
"""Held-out windows of one forward pass."""
_SPACING = 1.3
"""Each moment of measuring comes at so many times the steps of the one before."""
_MEMORY = 0.95
"""Of the running mean of weights that is measured: about twenty steps. At a constant rate weights
tremble around what they have learned, by more than pretraining is worth where code is plenty."""
_PATIENCE = 1.6
"""A run has stopped falling where it has gone on for so many times the steps of its best."""

Order = Int64[np.ndarray, "step batch"]
"""Numbers of the windows that each step reads."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Course:
    """One run's losses while it learned, in nats a character."""

    steps: tuple[int, ...]
    """Moments of measuring; the first is 0."""
    stopping: tuple[float, ...]
    """Loss on the windows that say where to stop."""
    measured: tuple[float, ...]
    """Loss on the others."""

    @property
    def best(self) -> int:
        """The moment at which the run counts: where the loss on `stopping` is lowest."""
        return int(np.argmin(self.stopping))

    @property
    def loss(self) -> float:
        """Its loss: that on `measured` at the best moment."""
        return self.measured[self.best]

    def first_step(self, loss: float) -> float:
        """Steps after which the loss on `measured` is first as low; infinite if it never is."""
        for step, value in zip(self.steps, self.measured, strict=True):
            if value <= loss:
                return float(step)
        return float("inf")


def first_weights(shape: Shape, count: int, *, seed: int) -> Parameters:
    """So many different starts of one shape."""
    networks = [
        Transformer(shape.config, generator=torch.Generator().manual_seed(1_000 * seed + number))
        for number in range(count)
    ]
    return stack_modules(networks)


def window_loss(shape: Shape) -> PopulationLoss:
    """Mean loss of each replica on its own windows."""
    template = Transformer(shape.config, device="meta")
    template.kernel = "explicit"  # the fused kernel has no form for many models at once

    def loss(model: Callable[..., Tensor], windows: WindowIds) -> Float[Tensor, ""]:
        logits = model(windows[:, :-1])
        return F.cross_entropy(logits.flatten(0, 1), windows[:, 1:].flatten())

    return mapped_loss(template, loss)


def pretrain(
    start: Parameters,
    shape: Shape,
    texts: Sequence[WindowIds],
    *,
    batch: int,
    lr: float,
    warmup_steps: int,
) -> Parameters:
    """Read each replica's text once, from front to back, at a rate that decays to zero.

    Args:
        start: First weights, one replica a text; they are changed.
        shape: Of the models.
        texts: Windows of each replica, equally many.
        batch: Windows a step.
        lr: Peak learning rate.
        warmup_steps: Steps of rising to it.
    """
    read = torch.stack(list(texts))  # replica window character
    config = PopulationConfig(
        steps=read.shape[1] // batch, peak_lr=lr, warmup_steps=warmup_steps, beta2=0.95
    )

    def batch_at(step: int) -> Tensor:
        return read[:, step * batch : (step + 1) * batch]

    return trained(train_population(start, window_loss(shape), batch_at, config))


def learn(
    start: Parameters,
    shape: Shape,
    windows: WindowIds,
    orders: Sequence[Order],
    held_out: tuple[WindowIds, WindowIds],
    *,
    rates: Sequence[float],
    warmup_steps: int,
) -> list[Course]:
    """Learn from some code until every replica's loss has stopped falling, or steps run out.

    What is measured is a running mean of the weights, in every arm alike.

    Args:
        start: Weights to begin with; they are changed.
        shape: Of the models.
        windows: The code; epochs repeat it.
        orders: The windows of each step, for each replica.
        held_out: Windows that say where to stop, and windows to measure on.
        rates: Learning rate of each replica.
        warmup_steps: Steps of rising to it; it stays there.
    """
    loss = window_loss(shape)
    order = torch.from_numpy(np.stack(orders))  # replica step batch
    steps, peak = order.shape[1], max(rates)
    config = PopulationConfig(
        steps=steps, peak_lr=peak, schedule="constant", warmup_steps=warmup_steps, beta2=0.95
    )
    factors = torch.tensor([one / peak for one in rates])
    due = moments(steps)
    seen = [0]
    told = [_measure(loss, start, held_out)]
    mean = {name: value.clone() for name, value in start.items()}

    def batch_at(step: int) -> Tensor:
        return windows[order[:, step]]

    for record in train_population(start, loss, batch_at, config, lr_factor=factors):
        _follow(mean, record.parameters, record.step)
        if record.step not in due:
            continue
        seen.append(record.step)
        told.append(_measure(loss, mean, held_out))
        best = np.array(seen)[np.argmin([one[0] for one in told], axis=0)]
        if (record.step > _PATIENCE * np.maximum(best, warmup_steps)).all():
            break
    return [
        Course(
            steps=tuple(seen),
            stopping=tuple(float(one[0][place]) for one in told),
            measured=tuple(float(one[1][place]) for one in told),
        )
        for place in range(num_replicas(start))
    ]


def moments(steps: int) -> set[int]:
    """Steps to measure after: each 1.3 times the one before, and the last."""
    found, step = {steps}, 1.0
    while step < steps:
        found.add(round(step))
        step = max(step + 1, _SPACING * step)
    return found


def epochs(windows: int, *, steps: int, batch: int, rng: np.random.Generator) -> Order:
    """Which windows each step reads: all of them, dealt anew, over and over."""
    rounds = -(-steps * batch // windows)
    order = np.concatenate([rng.permutation(windows) for _ in range(rounds)])
    return order[: steps * batch].reshape(steps, batch)


@torch.no_grad()
def _follow(mean: Parameters, parameters: Parameters, step: int) -> None:
    """Move the running mean; it remembers less while there is little to remember."""
    memory = min(_MEMORY, step / (step + 10))
    for name, value in parameters.items():
        mean[name].lerp_(value, 1 - memory)


@torch.no_grad()
def _measure(
    loss: PopulationLoss, parameters: Parameters, held_out: tuple[WindowIds, WindowIds]
) -> list[Float[np.ndarray, " replica"]]:
    """Every replica's loss on both halves."""
    replicas = num_replicas(parameters)
    found = []
    for half in held_out:
        total = torch.zeros(replicas)
        for rows in _slices(half):
            total += loss(parameters, rows.expand(replicas, *rows.shape)) * len(rows)
        found.append((total / len(half)).numpy())
    return found


def _slices(windows: WindowIds) -> Iterator[WindowIds]:
    for first in range(0, len(windows), _ROWS):
        yield windows[first : first + _ROWS]
