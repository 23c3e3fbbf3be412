"""Training dictionaries: an iterator of steps, one record each.

The trainer knows rows, not where they come from: batches are whatever `shuffled_batches` or
`streamed_batches` yield, from memory, from shards or from a model that runs meanwhile.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import normalize

from glasshouse.errors import InputError
from glasshouse.interpret.dictionaries.dictionary import Dictionary
from glasshouse.interpret.dictionaries.graphed import (
    STEPS_BEFORE,
    GraphedStep,
    Take,
    record_step,
)
from glasshouse.interpret.dictionaries.kinds import BatchTopK
from glasshouse.interpret.dictionaries.losses import Loss, dictionary_loss
from glasshouse.interpret.dictionaries.resampling import resample

Batch = Float[Tensor, "batch d_in"] | tuple[Tensor, Tensor]
"""Rows that go in, or a pair of these and what should come out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DictionaryTrainingConfig:
    """How a dictionary is trained: Adam, a constant rate that falls at the end."""

    steps: int
    """Optimizer steps."""
    lr: float = 1e-3
    """Learning rate between warm-up and decay."""
    warmup_steps: int = 0
    """Steps in which it rises from zero."""
    decay_share: float = 0.2
    """Share of the steps, at the end, in which it falls to zero."""
    sparsity_warmup_share: float = 0.05
    """Share of the steps in which penalties rise from zero."""
    dead_rows: int = 100_000
    """A latent that was active in none of so many rows counts as dead."""
    resample_every: int | None = None
    """Give dead latents new directions every so many steps; None: never."""
    clip: float | None = 1.0
    """Largest length of the whole gradient; None: any."""
    betas: tuple[float, float] = (0.9, 0.999)
    """Adam's memory of the mean gradient and of its square."""
    seed: int = 0
    """Of resampling."""

    def __post_init__(self) -> None:
        if self.steps < 1 or not self.lr > 0:
            raise InputError(f"steps={self.steps} must be at least 1 and lr={self.lr} positive")
        if not 0 <= self.warmup_steps < self.steps:
            raise InputError(f"warmup_steps={self.warmup_steps} must lie in [0, {self.steps})")
        if not (0 <= self.decay_share <= 1 and 0 <= self.sparsity_warmup_share <= 1):
            raise InputError("decay_share and sparsity_warmup_share must lie in [0, 1]")
        if self.dead_rows < 1 or (self.resample_every is not None and self.resample_every < 1):
            raise InputError("dead_rows and resample_every must be at least 1")

    def lr_at(self, step: int) -> float:
        """The learning rate of a step, counted from 0."""
        if step < self.warmup_steps:
            return self.lr * (step + 1) / self.warmup_steps
        decay = self.decay_share * self.steps
        left = self.steps - step
        return self.lr * min(1.0, left / decay) if decay else self.lr

    def sparsity_at(self, step: int) -> float:
        """What penalties are multiplied by at a step, counted from 0."""
        rise = self.sparsity_warmup_share * self.steps
        return min(1.0, (step + 1) / rise) if rise else 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class DictionaryStep:
    """One optimizer step."""

    step: int
    """Steps taken, from 1."""
    loss: float
    """What was minimised."""
    explained_variance: float
    """Share of the batch's variance that was rebuilt, before the update."""
    l0: float
    """Active latents of a row."""
    dead_share: float
    """Share of latents that were active in none of the last `dead_rows` rows."""
    lr: float
    """Learning rate."""


class DictionaryTrainer:
    """A dictionary with what its training needs from step to step."""

    def __init__(self, dictionary: Dictionary, config: DictionaryTrainingConfig) -> None:
        """Begin; `load_state_dict` goes on where another trainer stopped."""
        self.dictionary, self.config, self.step = dictionary, config, 0
        self._parameters = [p for p in dictionary.parameters() if p.requires_grad]
        device = dictionary.decoder.device
        self._is_cuda = device.type == "cuda"
        # On a GPU the rate is a tensor, so that a recorded step can be given another one.
        lr = torch.tensor(config.lr, device=device) if self._is_cuda else config.lr
        self.optimizer = torch.optim.Adam(
            self._parameters, lr=lr, betas=config.betas, fused=True, capturable=self._is_cuda
        )
        self.silent_rows = torch.zeros(dictionary.num_latents, dtype=torch.long, device=device)
        self._sparsity = torch.ones((), device=device)
        self._recorded: dict[tuple[int, ...], GraphedStep] = {}
        self._ordinary_steps = 0

    @property
    def dead(self) -> Tensor:
        """Numbers of the latents that count as dead."""
        return (self.silent_rows >= self.config.dead_rows).nonzero().flatten()

    def train_on(self, batch: Batch) -> DictionaryStep:
        """Take one step.

        Raises:
            InputError: If the batch does not fit, or is not finite or constant.
        """
        inputs, targets = self._scaled(batch)
        silent = (self.silent_rows >= self.config.dead_rows).sum()
        (num_dead,) = refuse_ruinous(inputs, targets, self.step + 1, silent[None])
        lr = self.config.lr_at(self.step)
        self._set_rates(lr, self.config.sparsity_at(self.step))
        loss, figures = self._step_for(inputs, num_dead)(inputs, targets)
        self.step += 1
        every = self.config.resample_every
        if every is not None and self.step % every == 0 and len(self.dead):
            resample(self, inputs, targets, loss)
        total, unexplained, l0 = figures.tolist()
        return DictionaryStep(
            step=self.step,
            loss=total,
            explained_variance=1 - unexplained,
            l0=l0,
            dead_share=num_dead / self.dictionary.num_latents,
            lr=lr,
        )

    def _step_for(self, inputs: Tensor, num_dead: int) -> Take:
        """How to take the next step: as ever, or as a recording of it where that is possible."""
        dead = self.dead if num_dead else None
        can_record = self._is_cuda and not isinstance(self.dictionary.config.kind, BatchTopK)
        if not can_record or dead is not None or self._ordinary_steps < STEPS_BEFORE:
            self._ordinary_steps += 1
            return lambda inputs, targets: self._take(inputs, targets, dead)
        shape = tuple(inputs.shape)
        if shape not in self._recorded:

            def record(inputs: Tensor, targets: Tensor) -> tuple[Loss, Tensor]:
                step = record_step(lambda i, t: self._take(i, t, None), inputs, targets)
                self._recorded = {shape: step}
                return step(inputs, targets)

            return record
        return self._recorded[shape]

    def _take(self, inputs: Tensor, targets: Tensor, dead: Tensor | None) -> tuple[Loss, Tensor]:
        """Change the weights; return the loss, and its figures in one tensor."""
        loss = dictionary_loss(self.dictionary, inputs, targets, sparsity=self._sparsity, dead=dead)
        self._update(loss)
        self.silent_rows += len(inputs)
        self.silent_rows.masked_fill_(loss.active, 0)
        variance = (targets - targets.mean(dim=0)).square().sum(dim=1).mean()
        return loss, torch.stack([loss.total.detach(), loss.error / variance, loss.l0])

    def _set_rates(self, lr: float, sparsity: float) -> None:
        self._sparsity.fill_(sparsity)
        for group in self.optimizer.param_groups:
            if self._is_cuda:
                group["lr"].fill_(lr)
            else:
                group["lr"] = lr

    def _update(self, loss: Loss) -> None:
        self.optimizer.zero_grad(set_to_none=True)
        loss.total.backward()
        decoder = self.dictionary.decoder
        with torch.no_grad():
            if self.dictionary.has_unit_decoder and not self.dictionary.is_tied:
                # What would only lengthen rows is undone below, and must not fill Adam's memory.
                assert decoder.grad is not None
                along = (decoder.grad * decoder).sum(dim=1, keepdim=True)
                decoder.grad.sub_(along * decoder)
            if self.config.clip is not None:
                torch.nn.utils.clip_grad_norm_(self._parameters, self.config.clip)
            self.optimizer.step()
            if self.dictionary.has_unit_decoder:
                decoder.copy_(normalize(decoder, dim=1))

    def _scaled(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Inputs and targets in the dictionary's units."""
        rows, wanted = batch if isinstance(batch, tuple) else (batch, batch)
        own = self.dictionary
        widths = (rows.shape[1], wanted.shape[1])
        if widths != (own.config.d_in, len(own.decoder_bias)):
            raise InputError(
                f"a batch of width {widths[0]} in and {widths[1]} out does not fit a dictionary of "
                f"width {own.config.d_in} in and {len(own.decoder_bias)} out"
            )
        device, dtype = own.decoder.device, own.decoder.dtype
        inputs = rows.to(device, dtype) * own.input_scale
        targets = inputs if wanted is rows else wanted.to(device, dtype) * own.output_scale
        return inputs, targets

    def state_dict(self) -> dict[str, Tensor]:
        """Everything that the next step depends on, as tensors."""
        state = {f"dictionary.{k}": v for k, v in self.dictionary.state_dict().items()}
        for number, parameter in enumerate(self._parameters):
            for name, value in self.optimizer.state.get(parameter, {}).items():
                state[f"adam.{number}.{name}"] = value
        state["silent_rows"] = self.silent_rows
        state["step"] = torch.tensor(self.step)
        return state

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on where the state was taken.

        Raises:
            InputError: If it is of another dictionary.
        """
        own = {k.partition(".")[2]: v for k, v in state.items() if k.startswith("dictionary.")}
        try:
            self.dictionary.load_state_dict(own)
        except RuntimeError as error:
            raise InputError(f"the state is of another dictionary: {error}") from None
        for number, parameter in enumerate(self._parameters):
            prefix = f"adam.{number}."
            moments = {k[len(prefix) :]: v for k, v in state.items() if k.startswith(prefix)}
            if moments:
                # A state read from a file lies on the CPU, whatever device trained it.
                device = parameter.device
                kept = {k: v.to(device, copy=True) for k, v in moments.items()}
                self.optimizer.state[parameter] = kept
        self._recorded.clear()
        self._ordinary_steps = 0
        self.silent_rows.copy_(state["silent_rows"])
        self.step = int(state["step"])


def train_dictionary(
    dictionary: Dictionary,
    batches: Iterable[Batch],
    config: DictionaryTrainingConfig,
    *,
    trainer: DictionaryTrainer | None = None,
) -> Iterator[DictionaryStep]:
    """Train a dictionary in place, one record a step; stopping early is `break`.

    Args:
        dictionary: Its scale should have been fitted, with `fit_scale`, before the first step.
        batches: Rows, or pairs of rows, in the model's units; one batch a step.
        config: Optimizer, schedule and what is done about dead latents.
        trainer: One that has taken some steps already, whose batches are not asked for again.

    Raises:
        InputError: If a batch does not fit, or is not finite or constant; or batches run out.
    """
    own = DictionaryTrainer(dictionary, config) if trainer is None else trainer
    stream = iter(batches)
    while own.step < config.steps:
        batch = next(stream, None)
        if batch is None:
            raise InputError(
                f"the rows have run out after {own.step} of {config.steps} steps; give more text, "
                "smaller batches or fewer steps"
            )
        yield own.train_on(batch)


def refuse_ruinous(
    inputs: Float[Tensor, "batch d_in"],
    targets: Float[Tensor, "batch d_out"],
    step: int,
    counts: Int[Tensor, " count"],
) -> list[int]:
    """Refuse rows that would ruin the weights; return some counts as numbers.

    Everything that must be known before a step comes from a GPU in one piece.

    Raises:
        InputError: If rows hold NaN or infinity, or are all equal.
    """
    asked = (
        # A sum is finite only if all are, and one pass is all that this may cost.
        inputs.sum().isfinite(),
        targets.sum().isfinite(),
        (targets == targets[0]).all(),
        *counts,
    )
    are_finite, targets_are, are_equal, *numbers = torch.stack(
        [one.long() for one in asked]
    ).tolist()
    if not (are_finite and targets_are):
        what = "targets" if are_finite else "values"
        raise InputError(
            f"step {step}: the {what} hold NaN or infinity; look for the run that made them"
        )
    if len(targets) > 1 and are_equal:
        raise InputError(f"step {step}: all rows are equal; there is nothing to tell apart")
    return numbers
