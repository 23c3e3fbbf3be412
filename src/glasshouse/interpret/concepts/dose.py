"""What more and more of a push does: to what it should change, and to the text as such.

A push that is strong enough changes any behaviour by breaking the text. So effect and fluency are
measured together, and beside directions that mean nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from glasshouse.errors import InputError
from glasshouse.models import LanguageModel, SamplingConfig
from glasshouse.models.language_model import Prompt
from glasshouse.models.steering import Steering

Measure = Callable[[Steering], Float[Tensor, " sample"]]
"""Runs the model under a steering and returns one number a sample: what the push should change."""

Fluency = Callable[[Steering], Float[Tensor, " sample"]]
"""Runs the model under a steering and returns a loss of what it writes, in nats a token."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Dose:
    """What one strength does."""

    strength: float
    """In the units of whoever made the steering."""
    effect: float
    """Mean of the measure."""
    error: float
    """Its standard error over samples."""
    random: tuple[float, ...]
    """The same for each direction that means nothing, at the same strength."""
    loss: float
    """How unlikely the unpushed model finds what the pushed one writes, in nats a token."""
    is_broken: bool
    """Whether the text is worse than the limit allows; its effect then proves nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DoseResponse:
    """Doses in order of strength."""

    doses: tuple[Dose, ...]
    """One a strength."""
    baseline_loss: float
    """Loss of what the model writes without a push."""

    @property
    def is_monotone(self) -> bool:
        """Whether the effect rises, or falls, from dose to dose as long as the text holds."""
        steps = np.diff([dose.effect for dose in self.doses if not dose.is_broken])
        return len(steps) > 0 and bool((steps >= 0).all() or (steps <= 0).all())

    @property
    def strongest(self) -> Dose | None:
        """The strongest dose at which the text holds."""
        whole = [dose for dose in self.doses if not dose.is_broken and dose.strength]
        return max(whole, key=lambda dose: abs(dose.strength)) if whole else None


def dose_response(
    strengths: Sequence[float],
    steering: Callable[[float], Steering],
    measure: Measure,
    *,
    fluency: Fluency,
    random: Sequence[Callable[[float], Steering]] = (),
    loss_limit: float = 1.0,
) -> DoseResponse:
    """Measure a push at several strengths.

    Args:
        strengths: In rising order; 0 is the model as it is.
        steering: Makes what is fed at a strength.
        measure: What the push should change.
        fluency: The loss of what is written.
        random: The same push along directions that mean nothing.
        loss_limit: Nats a token above the unpushed model's own at which a text counts as broken.

    Raises:
        InputError: If there are no strengths or they do not rise.
    """
    if not strengths or list(strengths) != sorted(set(strengths)):
        raise InputError("strengths must be given in rising order, each once")
    baseline = float(fluency({}).mean())
    doses = []
    for strength in strengths:
        fed = steering(strength) if strength else {}
        found = measure(fed)
        loss = float(fluency(fed).mean()) if strength else baseline
        doses.append(
            Dose(
                strength=strength,
                effect=float(found.mean()),
                error=float(found.std() / len(found) ** 0.5) if len(found) > 1 else float("nan"),
                random=tuple(float(measure(other(strength)).mean()) for other in random)
                if strength
                else (),
                loss=loss,
                is_broken=not loss <= baseline + loss_limit,
            )
        )
    return DoseResponse(doses=tuple(doses), baseline_loss=baseline)


def fluency(
    model: LanguageModel, prompts: Sequence[Prompt], *, tokens: int = 24, seed: int = 0
) -> Fluency:
    """The loss, under the model as it is, of what the pushed model writes behind prompts.

    Args:
        model: Who writes.
        prompts: What it goes on from.
        tokens: How much it writes, at temperature 1.
        seed: Of what it draws.

    Returns:
        A function of a steering, one loss a prompt.
    """
    sampling = SamplingConfig(max_new_tokens=tokens)

    def losses(steering: Steering) -> Float[Tensor, " sample"]:
        written = model.generate(prompts, sampling, seed=seed, feed=steering or None)
        scores = model.logprobs(prompts, [completion.ids for completion in written])
        return torch.tensor([-sum(row) / len(row) for row in scores])

    return losses
