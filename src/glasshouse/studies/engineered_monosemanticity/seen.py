"""All models of a run, asked for by setting, lever and learning rate."""

from dataclasses import dataclass

import numpy as np

from glasshouse.interpret.monosemanticity import CUT, Biases
from glasshouse.studies.engineered_monosemanticity.config import MonosemanticityConfig
from glasshouse.studies.engineered_monosemanticity.levers import Kind
from glasshouse.studies.engineered_monosemanticity.measure import CUTS, Grown
from glasshouse.studies.engineered_monosemanticity.settings import Setting


@dataclass(frozen=True, kw_only=True, slots=True)
class Models:
    """Models that differ by their projection only; arrays have one entry for each."""

    grown: tuple[Grown, ...]
    """Their populations."""
    place: int
    """Where in a population they stand."""

    @property
    def loss(self) -> np.ndarray:
        """Loss on fresh examples."""
        return np.array([one.loss[self.place] for one in self.grown], dtype=float)

    def mono(self, cut: float = CUT) -> np.ndarray:
        """Monosemantic neurons by case."""
        column = CUTS.index(cut)
        return np.array([one.mono[self.place, column] for one in self.grown], dtype=float)

    @property
    def distinct(self) -> np.ndarray:
        """Features with a monosemantic neuron, as a share of all."""
        return np.array([one.distinct[self.place] for one in self.grown], dtype=float)

    @property
    def alive(self) -> np.ndarray:
        """Share of neurons that fire."""
        return np.array([one.alive[self.place] for one in self.grown], dtype=float)

    @property
    def biases(self) -> list[Biases]:
        """First-layer biases by what the neurons are."""
        return [one.biases[self.place] for one in self.grown]


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """All populations of a run."""

    config: MonosemanticityConfig
    """What was asked for."""
    seed: int
    """Seed of the run."""
    settings: dict[str, Setting]
    """By name."""
    grown: dict[str, tuple[Grown, ...]]
    """By name of the setting, one entry a projection."""

    def models(self, setting: str, kind: Kind, rate: float | None = None) -> Models:
        """The models of one setting and lever, one a projection; at the setting's rate unless told.

        What the decoder's own populations lack is looked for in the sweep.
        """
        rate = self.settings[setting].rate if rate is None else rate
        for name in (setting, "sweep") if setting == "decoder" else (setting,):
            for place, lever in enumerate(self.settings[name].levers):
                if (lever.kind, lever.rate) == (kind, rate):
                    return Models(grown=self.grown[name], place=place)
        raise KeyError(f"no model of {setting} was trained with {kind} at {rate:g}")

    def gain(self, setting: str, kind: Kind) -> np.ndarray:
        """Monosemantic neurons by case that a lever adds to the plain model, by projection."""
        mine = self.models(setting, kind).mono()
        return mine - self.models(setting, "plain").mono()[: len(mine)]

    def loss_change(self, setting: str, kind: Kind) -> np.ndarray:
        """Loss that a lever adds, as a share of the plain model's, by projection."""
        mine = self.models(setting, kind).loss
        return mine / self.models(setting, "plain").loss[: len(mine)] - 1

    def decoders(self) -> list[tuple[Kind, float]]:
        """Kind and learning rate of every lever of the decoder."""
        levers = [*self.settings["decoder"].levers, *self.settings["sweep"].levers]
        return [(lever.kind, lever.rate) for lever in levers]
