"""What is done to a model's biases: the lever, what it is compared with, and what must not work."""

from dataclasses import dataclass
from typing import Literal

from glasshouse.studies.engineered_monosemanticity.config import TrainingConfig

Kind = Literal["plain", "lever", "decay alone", "positive", "published decay"]
"""Nothing; negative bias and matched decay; the decay without the bias; the opposite bias; the
negative bias with the paper's own decay, which few steps do not get rid of."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Lever:
    """How one model of a population is trained."""

    kind: Kind
    """What it is for."""
    rate: float
    """Learning rate at its highest."""
    initial_bias: float = 0.0
    """Added to the first-layer biases before training."""
    decay: float = 0.0
    """In the first half of training biases shrink by `1 - decay * rate` a step."""

    @property
    def keep(self) -> float:
        """What is left of a bias after one step of decay."""
        return 1 - self.decay * self.rate


def matched_decay(training: TrainingConfig, rate: float) -> float:
    """The decay that shrinks a bias by `total_decay` powers of e over half of the training.

    In the paper's runs the product of all factors is about e^-10: the offset is gone by
    mid-training. The decay that does this in S steps at rate r is `2 * total_decay / (r S)`.
    """
    return 2 * training.total_decay / (rate * training.steps)


def make_lever(kind: Kind, rate: float, training: TrainingConfig) -> Lever:
    """The lever of a kind at a learning rate."""
    if kind == "plain":
        return Lever(kind=kind, rate=rate)
    bias = {"decay alone": 0.0, "positive": -training.initial_bias}.get(kind, training.initial_bias)
    decay = training.published_decay if kind == "published decay" else matched_decay(training, rate)
    return Lever(kind=kind, rate=rate, initial_bias=bias, decay=decay)


def pair(training: TrainingConfig, rate: float) -> tuple[Lever, ...]:
    """Plain and lever at one rate."""
    return make_lever("plain", rate, training), make_lever("lever", rate, training)


def trio(training: TrainingConfig, rate: float) -> tuple[Lever, ...]:
    """The same with the decay alone, where a gain would not be the bias's."""
    return (*pair(training, rate), make_lever("decay alone", rate, training))


def rest(training: TrainingConfig) -> tuple[Lever, ...]:
    """Plain and lever at the other rates, and what must not work or must cost at the judged one."""
    others = [rate for rate in training.rates if rate != training.judged_rate]
    return (
        *(lever for rate in others for lever in pair(training, rate)),
        make_lever("positive", training.judged_rate, training),
        make_lever("published decay", training.judged_rate, training),
    )
