"""The settings of the study: what is asked of the models, of which features, with which neurons."""

from dataclasses import dataclass
from typing import Literal

from glasshouse.models.feature_decoder import Activation, Task, power_law_density
from glasshouse.models.superposition_data import ToyData
from glasshouse.studies.engineered_monosemanticity.config import MonosemanticityConfig
from glasshouse.studies.engineered_monosemanticity.levers import Lever, pair, rest, trio

VARIANTS = ("power-law", "gelu", "abs", "re-projector")
"""Settings that each change one thing about the decoder."""

WIDTHS = ("narrow", "decoder", "wide")
"""Settings that differ by their neurons, fewest first."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """One kind of model; a population of it is trained behind each projection."""

    name: str
    """What the report calls it."""
    neurons: int
    """Neurons k."""
    levers: tuple[Lever, ...]
    """How the models of a population are trained, one entry a model."""
    draws: int
    """Projections."""
    task: Task = "decoder"
    """What is to be answered."""
    activation: Activation = "relu"
    """What a neuron does with its sum."""
    frequencies: Literal["uniform", "power law"] = "uniform"
    """How often each feature is active."""

    @property
    def rate(self) -> float:
        """The learning rate at which plain and lever are compared."""
        return next(lever.rate for lever in self.levers if lever.kind == "lever")

    @property
    def is_signed(self) -> bool:
        """Whether features may be negative."""
        return self.task == "abs"

    def cases(self, config: MonosemanticityConfig) -> int:
        """Features, each sign counted where there are two: what a neuron may stand for."""
        return config.features * (2 if self.is_signed else 1)

    def outputs(self, config: MonosemanticityConfig) -> int:
        """Numbers in an answer."""
        return config.inputs if self.task == "re-projector" else config.features

    def data(self, config: MonosemanticityConfig) -> ToyData:
        """Where examples come from.

        The paper makes signed features as a difference of two rare ones; here one draw has either
        sign, which is the same but for examples in which both of the two are active.
        """
        density = config.density
        if self.frequencies == "power law":
            density = power_law_density(config.features, config.density, power=config.power)
        kind = "signed" if self.is_signed else "uniform"
        return ToyData(features=config.features, density=density, kind=kind)


def all_settings(config: MonosemanticityConfig) -> tuple[Setting, ...]:
    """Every setting, in the order of the report."""
    training = config.training
    narrow, middle, wide = (width * config.features for width in config.widths)
    draws, few = config.draws, config.few_draws
    two, three = pair(training, training.judged_rate), trio(training, training.judged_rate)
    gelu = trio(training, training.gelu_rate)
    return (
        Setting(name="decoder", neurons=middle, levers=three, draws=draws),
        Setting(name="sweep", neurons=middle, levers=rest(training), draws=few),
        Setting(name="narrow", neurons=narrow, levers=two, draws=few),
        Setting(name="wide", neurons=wide, levers=two, draws=few),
        Setting(name="power-law", neurons=middle, levers=three, draws=few, frequencies="power law"),
        Setting(name="gelu", neurons=middle, levers=gelu, draws=few, activation="gelu"),
        # Each sign of a feature needs neurons of its own, so there are twice as many.
        Setting(name="abs", neurons=2 * middle, levers=three, draws=few, task="abs"),
        Setting(name="re-projector", neurons=middle, levers=three, draws=few, task="re-projector"),
    )
