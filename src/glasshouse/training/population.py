"""Many small models trained as one program.

A population is a dictionary of parameters in which every tensor has a leading replica axis, and a
loss that gives one number a replica. Replicas share nothing, so the gradient of the summed loss is,
slice by slice, the gradient each replica would have had alone; AdamW works element by element, so
it may run on the stacked tensors as well. What is left is one loop for hundreds of models.

Two ways in: modules written with a replica axis (`parameters_of`), and any ordinary module, copied
and mapped with `torch.func` (`stack_modules`, `mapped_loss`).
"""

import math
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap

from glasshouse.errors import InputError

Parameters = dict[str, Tensor]
"""Parameters by name; every tensor has a leading replica axis."""

PopulationLoss = Callable[[Parameters, Any], Tensor]
"""Maps parameters and a batch to one loss a replica."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PopulationConfig:
    """How a population is trained: AdamW, with a constant, cosine or cyclic schedule."""

    steps: int
    """Optimizer steps."""
    peak_lr: float = 3e-3
    """Learning rate at its highest."""
    schedule: Literal["cosine", "constant", "cyclic"] = "cosine"
    """Cosine decays to zero at the last step; cyclic falls and rises again, over and over."""
    swing_steps: int = 512
    """Steps from peak to zero, and from zero to peak, of the cyclic schedule."""
    warmup_steps: int = 0
    """Steps spent rising linearly from zero."""
    weight_decay: float = 0.0
    """Decoupled decay, per unit of learning rate."""
    beta1: float = 0.9
    """Memory of the mean gradient."""
    beta2: float = 0.999
    """Memory of the mean squared gradient."""
    eps: float = 1e-8
    """Added to the root of the mean squared gradient."""
    compile: bool = False
    """Compile the loss with its gradient; pays for itself in long runs."""

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise InputError(f"steps={self.steps} must be at least 1")
        if not 0 <= self.warmup_steps < self.steps:
            raise InputError(
                f"warmup_steps={self.warmup_steps} must lie in [0, {self.steps}); "
                "shorten the warm-up or lengthen the run"
            )
        if self.swing_steps < 1:
            raise InputError(f"swing_steps={self.swing_steps} must be at least 1")

    def lr_scale(self, step: int) -> float:
        """The learning rate of a step (from 0) as a share of its peak."""
        if step < self.warmup_steps:
            return (step + 1) / self.warmup_steps
        if self.schedule == "constant":
            return 1.0
        fall = self.swing_steps if self.schedule == "cyclic" else self.steps - self.warmup_steps
        return 0.5 * (1 + math.cos(math.pi * (step - self.warmup_steps) / fall))


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class PopulationStep:
    """One optimizer step of all replicas."""

    step: int
    """Steps taken, from 1."""
    lr_scale: float
    """Share of the peak learning rate that this step used."""
    loss: Float[Tensor, " replica"]
    """Loss of each replica on this step's batch, before the update."""
    parameters: Parameters
    """The live parameters after the update; clone what should be kept."""


def train_population(
    parameters: Parameters,
    loss: PopulationLoss,
    batch_at: Callable[[int], Any],
    config: PopulationConfig,
    *,
    lr_factor: Float[Tensor, " replica"] | None = None,
) -> Iterator[PopulationStep]:
    """Train all replicas, in place, one record a step.

    Args:
        parameters: The stacked parameters; they are updated in place.
        loss: One loss a replica. Replicas must not mix.
        batch_at: The batch of step 0, 1, 2, ..., asked for once each and in order, so a generator
            that it draws from makes the run a function of that generator's seed.
        config: Optimizer and schedule.
        lr_factor: Multiplies the learning rate of each replica.

    Yields:
        A record after each step. Stopping early is `break`.

    Raises:
        InputError: If tensors disagree on the number of replicas.
    """
    replicas = num_replicas(parameters)
    if lr_factor is not None and lr_factor.shape != (replicas,):
        raise InputError(
            f"lr_factor has shape {tuple(lr_factor.shape)}, there are {replicas} replicas"
        )
    values = list(parameters.values())
    lr = [_align(lr_factor, value) * config.peak_lr for value in values]
    means = [torch.zeros_like(value, requires_grad=False) for value in values]
    squares = [torch.zeros_like(value, requires_grad=False) for value in values]
    for value in values:
        value.requires_grad_(True)

    # Only the loss with its gradient is compiled: the optimizer's share of a step is too small.
    program = torch.compile(loss, dynamic=False) if config.compile else loss

    def advance(batch: Any, clock: Tensor) -> Tensor:
        losses = program(parameters, batch)
        gradients = torch.autograd.grad(losses.sum(), values)
        with torch.no_grad():
            for slot in zip(values, gradients, means, squares, lr, strict=True):
                _adamw(*slot, clock=clock, config=config)
        return losses.detach()

    device = values[0].device
    for step in range(config.steps):
        losses = advance(batch_at(step), torch.tensor(_clock(step, config), device=device))
        yield PopulationStep(
            step=step + 1, lr_scale=config.lr_scale(step), loss=losses, parameters=parameters
        )


def trained(steps: Iterator[PopulationStep]) -> Parameters:
    """Run a training to its end and return the parameters, detached."""
    last = deque(steps, maxlen=1)
    return {name: value.detach() for name, value in last[0].parameters.items()}


def num_replicas(parameters: Parameters) -> int:
    """How many models a population holds.

    Raises:
        InputError: If there are no tensors, or they disagree on their first axis.
    """
    counts = {name: value.shape[0] if value.ndim else 0 for name, value in parameters.items()}
    if len(set(counts.values())) != 1:
        raise InputError(
            "every parameter needs the same leading replica axis; "
            f"found {counts or 'no parameters'}"
        )
    return next(iter(counts.values()))


def parameters_of(model: nn.Module) -> Parameters:
    """The parameters of a module written with a replica axis; training changes the module."""
    return dict(model.named_parameters())


def stack_modules(modules: Sequence[nn.Module]) -> Parameters:
    """Stack the parameters of ordinary modules of one architecture.

    Raises:
        InputError: If there are none, or one keeps buffers, which replicas would have to share.
    """
    if not modules:
        raise InputError("a population needs at least one module")
    parameters, buffers = stack_module_state(list(modules))
    if buffers:
        raise InputError(
            f"modules with buffers ({', '.join(buffers)}) cannot be stacked; "
            "use layers that keep no running statistics"
        )
    return {name: value.detach().clone() for name, value in parameters.items()}


def mapped_loss(
    template: nn.Module, example_loss: Callable[[Callable[..., Any], Any], Tensor]
) -> PopulationLoss:
    """The loss of stacked copies of an ordinary module.

    Args:
        template: Any one of the stacked modules; its own parameters are not used.
        example_loss: `example_loss(model, batch)` for one model and its slice of the batch.

    Returns:
        A loss for `train_population`; every tensor of its batch needs the replica axis too.
    """

    def one(parameters: Parameters, batch: Any) -> Tensor:
        return example_loss(lambda *inputs: functional_call(template, parameters, inputs), batch)

    return vmap(one)


def best_of(losses: Float[Tensor, " replica"], *, restarts: int) -> Tensor:
    """Replica numbers of the lowest loss in each run of `restarts` consecutive replicas."""
    if restarts < 1 or len(losses) % restarts:
        raise InputError(f"restarts={restarts} must divide the {len(losses)} replicas")
    grouped = losses.nan_to_num(nan=math.inf).reshape(-1, restarts)
    starts = torch.arange(len(grouped), device=losses.device) * restarts
    return starts + grouped.argmin(dim=1)


def select(parameters: Parameters, replicas: Tensor) -> Parameters:
    """The parameters of some replicas, as a population of their own."""
    return {name: value.detach()[replicas] for name, value in parameters.items()}


def _align(factor: Tensor | None, value: Tensor) -> Tensor:
    """A per-replica factor shaped to multiply a stacked tensor; one when there is none."""
    if factor is None:
        return torch.ones((), device=value.device)
    return factor.to(value.device).reshape(-1, *[1] * (value.ndim - 1))


def _clock(step: int, config: PopulationConfig) -> tuple[float, float, float]:
    """What changes from step to step: the schedule, and what undoes the moments' zero start."""
    return (
        config.lr_scale(step),
        1 - config.beta1 ** (step + 1),
        math.sqrt(1 - config.beta2 ** (step + 1)),
    )


def _adamw(
    value: Tensor,
    gradient: Tensor,
    mean: Tensor,
    square: Tensor,
    lr: Tensor,
    *,
    clock: Tensor,
    config: PopulationConfig,
) -> None:
    """One AdamW update of a stacked tensor and its two moments, in place.

    Source:
        Loshchilov & Hutter 2019, "Decoupled Weight Decay Regularization", algorithm 2.
    """
    schedule, correct_mean, correct_square = clock.unbind()
    mean.lerp_(gradient, 1 - config.beta1)
    square.mul_(config.beta2).addcmul_(gradient, gradient, value=1 - config.beta2)
    rate = lr * schedule
    if config.weight_decay:
        value.mul_(1 - rate * config.weight_decay)
    value.sub_(
        mean.div(square.sqrt().div_(correct_square).add_(config.eps)) * (rate / correct_mean)
    )
