"""What was measured, by domain."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from glasshouse.scaling import ScalingRun, TrialRecord
from glasshouse.studies.generative_scaling.config import GenerativeConfig, Reading


@dataclass(frozen=True, kw_only=True, slots=True)
class DomainRuns:
    """What all runs on one domain came to."""

    name: str
    """Of the domain."""
    entropy: float
    """Nats a token that the best possible reader loses on held-out sequences of the domain."""
    entropy_error: float
    """Its standard error; 0 where it is computed."""
    records: tuple[TrialRecord, ...]
    """One a run."""
    lacks: dict[str, tuple[float, ...]]
    """By run of the longest length: nats a token that each held-out sequence lost beyond what it
    costs the best possible reader; empty where a domain is no image."""
    costs: tuple[float, ...]
    """Nats a token that each held-out sequence costs the best possible reader."""

    @property
    def best_loss(self) -> float:
        """Nats a token that the best possible reader loses on the held-out sequences: the entropy,
        but for which sequences were drawn. A thousand images may differ from it by 2 %."""
        return float(np.mean(self.costs))


@dataclass(frozen=True, kw_only=True, slots=True)
class Labelled:
    """Nats that a run makes of labels, an image."""

    params: int
    """Its size."""
    reading: Reading
    """Which of both it read first, and whether it had read blanks."""
    seed: int
    """Which run."""
    information: float
    """Loss of the image with a blank less that with the label; or, where the image is read first,
    the entropy of labels less the loss of the label."""
    dealt: float
    """The same with the label of another image."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reckoned:
    """What a run makes of sums, in nats a token of their answers."""

    params: int
    """Its size."""
    steps: int
    """Its length."""
    seed: int
    """Which run."""
    easy: float
    """Loss on sums such as it trained on, fresh ones."""
    hard: float
    """Loss on sums with a digit more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Classified:
    """What a classifier makes of held-out images."""

    params: int
    """Its size."""
    seed: int
    """Which run."""
    pretrained: bool
    """Whether it had learned to generate images before."""
    error: float
    """Share of images whose class it names wrongly."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shaped:
    """What a flat or deep model comes to on the chain."""

    layers: int
    """Blocks."""
    width: int
    """Of the residual stream."""
    params: int
    """Weights of the blocks."""
    seed: int
    """Which run."""
    lack: float
    """Nats a token beyond the best possible reader."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Further:
    """What was asked beyond laws of size."""

    sums: tuple[Reckoned, ...]
    """One a run."""
    classified: tuple[Classified, ...]
    """One a classifier."""
    shaped: tuple[Shaped, ...]
    """One a run."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """Everything that was measured."""

    config: GenerativeConfig
    """How."""
    seed: int
    """Of the study."""
    domains: tuple[DomainRuns, ...]
    """Chain first, then images from coarse to fine."""
    labelled: tuple[Labelled, ...]
    """Runs on images with labels."""
    information: float
    """True mutual information of label and image, in nats."""
    information_error: float
    """Its standard error."""
    further: Further
    """Hard sums, classifiers, flat and deep models."""

    def runs(self, domain: DomainRuns) -> list[ScalingRun]:
        """All sound runs on a domain."""
        plan = self.config.plan(self.config.domains(self.seed)[domain.name], self.seed)
        return [record.as_run(plan) for record in domain.records if not record.failure]

    def longest(self, domain: DomainRuns) -> list[ScalingRun]:
        """Those of the greatest length."""
        return [run for run in self.runs(domain) if run.steps == self.config.steps[-1]]

    def told(self, reading: Reading) -> Float64[np.ndarray, "size run"]:
        """Information by size and run, of one reading."""
        sizes = sorted({one.params for one in self.labelled})
        return np.array(
            [
                [
                    one.information
                    for one in self.labelled
                    if one.params == params and one.reading == reading
                ]
                for params in sizes
            ]
        )
