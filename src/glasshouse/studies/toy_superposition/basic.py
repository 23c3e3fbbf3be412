"""Does sparsity make a model keep more features than it has dimensions? (Claim 1.)"""

from dataclasses import dataclass

import numpy as np
import torch

from glasshouse.models.superposition import LinearOutput, ReLUOutput, geometric_importance
from glasshouse.models.superposition_data import ToyData
from glasshouse.models.superposition_geometry import REPRESENTED, feature_norms, gram, interference
from glasshouse.studies.claims import Claim, ClaimResult, Evidence, judge_control
from glasshouse.studies.intervals import bootstrap_interval
from glasshouse.studies.toy_superposition.experiment import (
    SOURCE,
    Bench,
    Budget,
    as_array,
    resample_replicas,
    resampled_interval,
    train_autoencoder,
)

JUDGED_DENSITY = 0.03
"""The density at which the claim is judged."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BasicConfig:
    """Models of falling density, with and without the ReLU."""

    features: int = 20
    """Features n."""
    hidden: int = 5
    """Hidden dimensions m."""
    importance_decay: float = 0.7
    """Importance of feature i is this to the power i."""
    densities: tuple[float, ...] = (1.0, 0.3, 0.1, 0.03, 0.01)
    """Probabilities that a feature is active; must hold 0.03, where the claim is judged."""
    replicas: int = 8
    """Models a density, for each of the two kinds."""
    budget: Budget = Budget(steps=3_000)  # noqa: RUF009 - frozen
    """How long they train."""

    @property
    def elements(self) -> int:
        """Input numbers that the experiment trains on."""
        models = 2 * len(self.densities) * self.replicas
        return models * self.budget.batch * self.features * self.budget.steps


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """What one kind of model learned, by density and replica."""

    norms: np.ndarray
    """Column lengths, `density replica feature`."""
    shared: np.ndarray
    """Interference of each feature, same shape."""
    grams: np.ndarray
    """`W^T W` of the best replica, `density feature feature`."""
    best: np.ndarray
    """Replica of the lowest loss, by density."""

    @property
    def kept(self) -> np.ndarray:
        """Features represented, `density replica`."""
        return (self.norms > REPRESENTED).sum(axis=-1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Basic:
    """The measurements of this experiment."""

    config: BasicConfig
    linear: Kind
    relu: Kind


def measure(config: BasicConfig, bench: Bench) -> Basic:
    """Train both kinds at every density."""
    return Basic(
        config=config,
        linear=_train(LinearOutput, config, bench),
        relu=_train(ReLUOutput, config, bench),
    )


def _train(kind: type[LinearOutput], config: BasicConfig, bench: Bench) -> Kind:
    settings, replicas = len(config.densities), config.replicas
    density = torch.tensor(config.densities).repeat_interleave(replicas)
    data = ToyData(features=config.features, density=density)
    name = f"basic {kind.__name__}"
    model = kind(
        len(density), config.features, config.hidden, generator=bench.generator(name, "weights")
    )
    importance = geometric_importance(config.features, config.importance_decay)
    loss = train_autoencoder(model, data, importance, config.budget, bench, name)
    best = loss.reshape(settings, replicas).argmin(dim=1).cpu()
    grams = gram(model.weight).reshape(settings, replicas, config.features, config.features).cpu()
    return Kind(
        norms=as_array(feature_norms(model.weight)).reshape(settings, replicas, -1),
        shared=as_array(interference(model.weight)).reshape(settings, replicas, -1),
        grams=as_array(grams[torch.arange(settings), best]),
        best=as_array(best),
    )


def claims(found: Basic, bench: Bench) -> list[ClaimResult]:
    """Judge whether sparsity brings superposition, and only to the model with a ReLU."""
    return [_sparsity_brings_superposition(found, bench), _linear_keeps_the_top(found, bench)]


def _sparsity_brings_superposition(found: Basic, bench: Bench) -> ClaimResult:
    claim = Claim(
        id="superposition",
        claim="With sparse features a ReLU model keeps more features than it has dimensions; "
        "a linear model never does.",
        source=f"{SOURCE}, Demonstrating Superposition",
        paper="linear: the m most important; ReLU: up to all n features",
        threshold=1.5,
        direction="above",
        no_effect=1.0,
        threshold_text=f"over 1.5 features a dimension at density {JUDGED_DENSITY}; the linear "
        "model, and the ReLU model with dense features, at 1",
    )
    config = found.config
    row = config.densities.index(JUDGED_DENSITY)
    per_dimension = found.relu.kept[row] / config.hidden
    linear = found.linear.kept[row] / config.hidden
    dense = found.relu.kept[0] / config.hidden
    absent = max(linear, dense, key=np.mean)
    rng = bench.rng("basic", "interval")
    evidence = Evidence(
        measured=float(per_dimension.mean()),
        interval=bootstrap_interval(per_dimension, rng=rng),
        text=f"{per_dimension.mean():.2f} features a dimension at density {JUDGED_DENSITY}, "
        f"{dense.mean():.2f} at density {config.densities[0]:g} ({config.replicas} models each)",
        control=judge_control(
            claim,
            float(absent.mean()),
            text=f"linear model, same data: {linear.mean():.2f} features a dimension; with the "
            f"ReLU, dense: {dense.mean():.2f}",
            interval=bootstrap_interval(absent, rng=rng),
        ),
    )
    return ClaimResult(claim=claim, evidence=evidence)


def _linear_keeps_the_top(found: Basic, bench: Bench) -> ClaimResult:
    hidden = found.config.hidden
    claim = Claim(
        id="linear-no-superposition",
        claim="At every density the linear model keeps exactly the m most important features.",
        source=f"{SOURCE}, Demonstrating Superposition",
        paper="m features at every sparsity",
        threshold=0.5,
        direction="below",
        no_effect=0.5 * hidden,
        threshold_text="off by less than half a feature at the worst density",
    )
    kept = found.linear.kept
    relu = np.abs(found.relu.kept.mean(axis=1) - hidden).max()
    evidence = Evidence(
        measured=_worst_departure(kept, hidden),
        interval=resampled_interval(
            lambda rng: _worst_departure(resample_replicas(kept, rng), hidden),
            rng=bench.rng("basic", "linear"),
        ),
        text=f"off by {_worst_departure(kept, hidden):.2f} of {hidden} features at the worst of "
        f"{len(kept)} densities",
        control=judge_control(claim, float(relu), text=f"with the ReLU: off by {relu:.2f}"),
    )
    return ClaimResult(claim=claim, evidence=evidence)


def _worst_departure(kept: np.ndarray, hidden: int) -> float:
    return float(np.abs(kept - hidden).mean(axis=1).max())
