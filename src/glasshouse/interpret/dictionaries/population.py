"""Dictionaries of one shape trained as one: every step is one step of all.

A small dictionary keeps a processor busier with asking for work than with doing it. Where several
differ in nothing but penalty and start, their weights lie in one tensor, a loss is taken of all at
once, and Adam moves all at once; what each learns is what it would have learned alone.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap
from torch.nn.functional import normalize

from glasshouse.errors import InputError
from glasshouse.interpret.dictionaries.dictionary import Dictionary, DictionaryConfig
from glasshouse.interpret.dictionaries.kinds import Gated, JumpReLU, ReLU
from glasshouse.interpret.dictionaries.losses import dictionary_loss
from glasshouse.interpret.dictionaries.training import (
    Batch,
    DictionaryStep,
    DictionaryTrainer,
    DictionaryTrainingConfig,
    refuse_ruinous,
)

LARGEST = 1 << 24
"""Latents of a batch, all members together, that may exist at one time: 64 MB in float32."""


def stackable(config: DictionaryConfig) -> DictionaryConfig | None:
    """What members of one population have in common; None where a kind is better trained alone.

    Kinds that touch active latents only have nothing to gain: their steps are work, not asking.
    """
    kind = config.kind
    if isinstance(kind, ReLU | JumpReLU | Gated):
        return replace(config, kind=replace(kind, penalty=1.0))
    return None


class DictionaryPopulation:
    """Dictionaries that differ in penalty and start, with one trainer.

    Their parameters become views of the population's: members are trained in place.
    """

    def __init__(
        self, dictionaries: Sequence[Dictionary], config: DictionaryTrainingConfig
    ) -> None:
        """Begin.

        Raises:
            InputError: If they are not of one shape and kind, or dead latents are to be resampled.
        """
        shapes = {stackable(one.config) for one in dictionaries}
        if len(shapes) != 1 or None in shapes:
            raise InputError("a population's dictionaries must be alike but for penalty and start")
        if config.resample_every is not None:
            raise InputError("resampling is for dictionaries that are trained one by one")
        self.members, self.config, self.step = tuple(dictionaries), config, 0
        self._shape = next(shape for shape in shapes if shape is not None)
        first = self.members[0]
        device = first.decoder.device
        self._penalties = torch.tensor([_penalty(one) for one in self.members], device=device)
        self._parameters = {
            name: nn.Parameter(
                torch.stack([one.get_parameter(name).detach() for one in dictionaries])
            )
            for name, parameter in first.named_parameters()
            if parameter.requires_grad
        }
        for name, stacked in self._parameters.items():
            for one, own in zip(self.members, stacked.data, strict=True):
                one.get_parameter(name).data = own
        self._fixed = {
            name: torch.stack([one.state_dict()[name] for one in dictionaries])
            for name in first.state_dict()
            if name not in self._parameters
        }
        # The formulas are the single dictionary's, with a penalty of one that is multiplied.
        self._skeleton = Dictionary(self._shape).to(device)
        self._optimizer = torch.optim.Adam(
            self._parameters.values(), lr=config.lr, betas=config.betas, fused=True
        )
        self._silent_rows = torch.zeros(
            len(self.members), first.num_latents, dtype=torch.long, device=device
        )

    def train_on(self, batch: Batch) -> tuple[DictionaryStep, ...]:
        """Take one step of all.

        Raises:
            InputError: If the batch does not fit, or is not finite or constant.
        """
        rows, wanted = batch if isinstance(batch, tuple) else (batch, batch)
        first = self.members[0]
        if (rows.shape[1], wanted.shape[1]) != (first.config.d_in, len(first.decoder_bias)):
            raise InputError(
                f"a batch of width {rows.shape[1]} in and {wanted.shape[1]} out does not fit "
                f"dictionaries of width {first.config.d_in} in and {len(first.decoder_bias)} out"
            )
        rows, wanted = (part.to(first.decoder) for part in (rows, wanted))
        silent = (self._silent_rows >= self.config.dead_rows).sum(dim=1)
        dead = refuse_ruinous(rows, wanted, self.step + 1, silent)
        lr = self.config.lr_at(self.step)
        for group in self._optimizer.param_groups:
            group["lr"] = lr
        total, figures = self._take(rows, wanted)
        self.step += 1
        return tuple(
            DictionaryStep(
                step=self.step,
                loss=loss,
                explained_variance=1 - unexplained,
                l0=l0,
                dead_share=silent / first.num_latents,
                lr=lr,
            )
            for loss, (unexplained, l0), silent in zip(
                total.tolist(), figures.tolist(), dead, strict=True
            )
        )

    def _take(self, rows: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
        """Change the weights; return each member's loss, and its unexplained share and L0."""
        sparsity = self._penalties * self.config.sparsity_at(self.step)

        def loss_of(state: dict[str, Tensor], strength: Tensor) -> tuple[Tensor, ...]:
            inputs = rows * state["input_scale"]
            targets = wanted * state["output_scale"]
            made = functional_call(
                _Loss(self._skeleton), _named(state), (inputs, targets, strength)
            )
            variance = (targets - targets.mean(dim=0)).square().sum(dim=1).mean()
            return made.total, made.error / variance, made.l0, made.active

        state = {**self._parameters, **self._fixed}
        total, unexplained, l0, active = vmap(loss_of)(state, sparsity)
        self._optimizer.zero_grad(set_to_none=True)
        total.sum().backward()
        self._update()
        self._silent_rows += len(rows)
        self._silent_rows.masked_fill_(active, 0)
        return total.detach(), torch.stack([unexplained, l0], dim=1).detach()

    @torch.no_grad()
    def _update(self) -> None:
        """Every member's gradient is treated as its own trainer would have."""
        decoder, unit = self._parameters["decoder"], self._skeleton.has_unit_decoder
        if unit and not self._skeleton.is_tied:
            assert decoder.grad is not None
            decoder.grad.sub_((decoder.grad * decoder).sum(dim=2, keepdim=True) * decoder)
        if self.config.clip is not None:
            gradients = [p.grad for p in self._parameters.values() if p.grad is not None]
            lengths = torch.stack([g.flatten(1).norm(dim=1) for g in gradients]).norm(dim=0)
            share = (self.config.clip / (lengths + 1e-6)).clamp(max=1.0)
            for gradient in gradients:
                gradient.mul_(share.view(-1, *[1] * (gradient.dim() - 1)))
        self._optimizer.step()
        if unit:
            decoder.copy_(normalize(decoder, dim=2))


class _Loss(nn.Module):
    """The loss as the forward of a module, so that a dictionary's weights can be handed in."""

    def __init__(self, dictionary: Dictionary) -> None:
        super().__init__()
        self.dictionary = dictionary

    def forward(self, inputs: Tensor, targets: Tensor, strength: Tensor) -> Any:
        return dictionary_loss(self.dictionary, inputs, targets, sparsity=strength)


def _named(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Names as `_Loss` has them."""
    return {f"dictionary.{name}": value for name, value in state.items()}


def _penalty(dictionary: Dictionary) -> float:
    kind = dictionary.config.kind
    assert isinstance(kind, ReLU | JumpReLU | Gated)
    return kind.penalty


Group = tuple[list[int], DictionaryTrainer | DictionaryPopulation]
"""Places of dictionaries, and who trains them."""


def grouped(
    dictionaries: Sequence[Dictionary], config: DictionaryTrainingConfig, rows: int
) -> list[Group]:
    """Populations of those that are alike and fit in memory together, trainers of the others.

    Args:
        dictionaries: All, in any order.
        config: Of all.
        rows: Of a batch.
    """
    alike: dict[Any, list[int]] = {}
    for place, one in enumerate(dictionaries):
        shape = stackable(one.config) if config.resample_every is None else None
        key = (shape, one.decoder.device, one.decoder.dtype) if shape is not None else place
        alike.setdefault(key, []).append(place)
    found: list[Group] = []
    for places in alike.values():
        together = max(LARGEST // (rows * dictionaries[places[0]].num_latents), 1)
        for start in range(0, len(places), together):
            part = places[start : start + together]
            members = [dictionaries[place] for place in part]
            alone = len(part) == 1
            trainer = DictionaryTrainer(members[0], config) if alone else None
            found.append((part, trainer or DictionaryPopulation(members, config)))
    return found


def train_dictionaries(
    dictionaries: Sequence[Dictionary],
    batches: Iterable[Batch],
    config: DictionaryTrainingConfig,
) -> Iterator[tuple[DictionaryStep, ...]]:
    """Train several dictionaries on the same batches, so that a sweep runs the model once.

    They may differ in size, kind, penalty and seed. Those that differ in penalty and seed alone are
    trained as one population where memory allows, and each learns what it would have learned alone,
    up to rounding.

    Raises:
        InputError: As `train_dictionary`; or if there is no dictionary.
    """
    if not dictionaries:
        raise InputError("there are no dictionaries to train")
    groups: list[Group] = []
    stream = iter(batches)
    for _ in range(config.steps):
        batch = next(stream, None)
        if batch is None:
            raise InputError(f"the rows have run out before {config.steps} steps; give more text")
        if not groups:
            rows = batch[0] if isinstance(batch, tuple) else batch
            groups = grouped(dictionaries, config, len(rows))
        steps: dict[int, DictionaryStep] = {}
        for places, trainer in groups:
            taken = trainer.train_on(batch)
            together = taken if isinstance(taken, tuple) else (taken,)
            steps.update(zip(places, together, strict=True))
        yield tuple(steps[place] for place in range(len(dictionaries)))
