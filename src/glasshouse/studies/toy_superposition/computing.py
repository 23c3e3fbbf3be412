"""Can a model compute on features that it holds in superposition? (Claims 10 and 11.)"""

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from glasshouse.models.superposition import HiddenReLU, geometric_importance, weighted_error
from glasshouse.models.superposition_data import ToyData
from glasshouse.models.superposition_geometry import polysemanticity
from glasshouse.studies.claims import Claim, ClaimResult, Evidence, judge_control
from glasshouse.studies.intervals import bootstrap_interval, rank_correlation
from glasshouse.studies.toy_superposition.experiment import (
    SOURCE,
    Bench,
    Budget,
    as_array,
    mean_over_shuffles,
    resample_replicas,
    resampled_interval,
    train_on,
)

_SOURCE = f"{SOURCE}, Computation in Superposition"


@dataclass(frozen=True, kw_only=True, slots=True)
class ComputingConfig:
    """Models that compute the absolute value of each feature."""

    features: int = 40
    """Features n."""
    hidden: int = 20
    """Neurons m; without superposition two neurons serve one feature."""
    importance_decay: float = 0.9
    """Importance of feature i is this to the power i."""
    densities: tuple[float, ...] = (1.0, 0.3, 0.1, 0.03, 0.01)
    """Descending from 1; the sparsest is judged."""
    models: int = 5
    """Models a density."""
    initial_scale: float = 0.25
    """Initial weights as a share of those of the models that only store. An output that starts out
    inhibited for one sign of a feature gets no gradient there while features are sparse; small
    weights let the readout turn positive first. At 1 the loss of sparse models ends twice as high.
    """
    budget: Budget = field(default_factory=lambda: Budget(steps=5_000, batch=256))
    """How long they train."""

    @property
    def elements(self) -> int:
        """Input numbers that the experiment trains on."""
        models = len(self.densities) * self.models
        return models * self.features * self.budget.batch * self.budget.steps


@dataclass(frozen=True, kw_only=True, slots=True)
class Computing:
    """Models by density; arrays begin `density model`."""

    config: ComputingConfig
    error: np.ndarray
    """Mean absolute error on inputs where one feature is active, `density model feature`."""
    sign_error: np.ndarray
    """The same for negative and positive inputs apart, `density model sign feature`."""
    neurons: np.ndarray
    """Features that each neuron answers to, `density model neuron`."""
    weights: np.ndarray
    """First-layer weights, `density model neuron feature`."""
    readout: np.ndarray
    """Second-layer weights, same shape."""
    loss: np.ndarray
    textbook: np.ndarray
    """First-layer weights of the best n=3, m=6 model, `neuron feature`."""

    @property
    def computed(self) -> np.ndarray:
        """Features whose absolute value is right to 0.1, `density model`."""
        return (self.error < 0.1).sum(axis=-1)


def measure(config: ComputingConfig, bench: Bench) -> Computing:
    """Train at every density, and the small model whose answer is known."""
    shape = (len(config.densities), config.models)
    density = torch.tensor(config.densities).repeat_interleave(config.models)
    model, loss = _train(config.features, config.hidden, density, config, bench, "computing")
    small, small_loss = _train(3, 6, torch.ones(8), config, bench, "textbook")
    assert model.readout is not None
    signs = solo_error(model)
    return Computing(
        config=config,
        error=as_array(signs.mean(dim=1)).reshape(*shape, -1),
        sign_error=as_array(signs).reshape(*shape, 2, -1),
        neurons=as_array(polysemanticity(model.weight)).reshape(*shape, -1),
        weights=as_array(model.weight).reshape(*shape, config.hidden, config.features),
        readout=as_array(model.readout).reshape(*shape, config.hidden, config.features),
        loss=as_array(loss).reshape(shape),
        textbook=as_array(small.weight[small_loss.argmin()]),
    )


def _train(
    features: int, hidden: int, density: Tensor, config: ComputingConfig, bench: Bench, name: str
) -> tuple[HiddenReLU, Tensor]:
    data = ToyData(features=features, density=density, kind="signed")
    replicas = len(density)
    model = HiddenReLU(
        replicas, features, hidden, tied=False, generator=bench.generator(name, "weights")
    )
    with torch.no_grad():
        for weights in (model.weight, model.readout):
            assert weights is not None
            weights.mul_(config.initial_scale)
    importance = geometric_importance(features, config.importance_decay).to(bench.device)
    generator = bench.generator(name, "data")
    train_on(
        model,
        lambda values: weighted_error(model(values), values.abs(), importance),
        lambda step: data.sample(replicas, config.budget.batch, generator),
        config.budget.training(),
        tick=lambda: bench.tick(replicas * config.budget.batch * features),
    )
    fresh = data.sample_alike(replicas, 4_096, bench.generator(name, "test"))
    return model, weighted_error(model(fresh), fresh.abs(), importance)


def solo_error(model: HiddenReLU) -> Tensor:
    """Mean absolute error of each feature's answer when it alone is active.

    A model that answers zero errs by a half.

    Returns:
        Errors on negative and on positive inputs, `replica sign feature`.
    """
    replicas, _, features = model.weight.shape
    grid = torch.linspace(-1, 1, 42, device=model.weight.device)
    solo = torch.eye(features, device=grid.device)[:, None] * grid[:, None]
    answers = model(solo.reshape(1, -1, features).expand(replicas, -1, -1))
    own = answers.reshape(replicas, features, len(grid), features)
    own = torch.diagonal(own, dim1=1, dim2=3)  # replica grid feature
    error = (own - grid.abs()[:, None]).abs()
    return error.unflatten(1, (2, -1)).mean(dim=2)


def claims(found: Computing, bench: Bench) -> list[ClaimResult]:
    """Judge whether sparse models compute more than they have room for, with shared neurons."""
    return [_computes_in_superposition(found, bench), _neurons_mix(found, bench)]


def _computes_in_superposition(found: Computing, bench: Bench) -> ClaimResult:
    room = found.config.hidden / 2
    claim = Claim(
        id="computes-in-superposition",
        claim="With sparse features a model computes the absolute value of more features than it "
        "has pairs of neurons for.",
        source=_SOURCE,
        paper="mono- to polysemantic neurons with sparsity, in pictures",
        note="The paper shows pictures and no count; the count is ours and asks for both signs of "
        "a feature. It depends on the initialisation: from larger weights, sparse models stop at "
        "one sign of many features.",
        threshold=1.0,
        direction="above",
        no_effect=1.0,
        threshold_text=f"over 1 times m/2 = {room:g} features to 0.1 when alone",
    )
    computed = found.computed / room
    rng = bench.rng("computing", "interval")
    evidence = Evidence(
        measured=float(computed[-1].mean()),
        interval=bootstrap_interval(computed[-1], rng=rng),
        text=f"{found.computed[-1].mean():.1f} features at density "
        f"{found.config.densities[-1]:g}, {found.config.hidden} neurons",
        control=judge_control(
            claim,
            float(computed[0].mean()),
            text=f"dense features: {found.computed[0].mean():.1f}",
            interval=bootstrap_interval(computed[0], rng=rng),
        ),
    )
    return ClaimResult(claim=claim, evidence=evidence)


def _neurons_mix(found: Computing, bench: Bench) -> ClaimResult:
    claim = Claim(
        id="neurons-mix",
        claim="Neurons go from monosemantic to polysemantic as features grow sparser.",
        source=_SOURCE,
        paper="monosemantic, mixed, polysemantic regimes",
        threshold=0.9,
        direction="above",
        no_effect=0.0,
        threshold_text="rank correlation of sparsity with features a neuron over 0.9",
    )
    features = found.neurons.mean(axis=-1)
    sparsity = -np.array(found.config.densities)

    def correlation(by_density: np.ndarray) -> float:
        return rank_correlation(sparsity, by_density.mean(axis=1))

    control = mean_over_shuffles(correlation, features, rng=bench.rng("computing", "shuffle"))
    evidence = Evidence(
        measured=correlation(features),
        interval=resampled_interval(
            lambda rng: correlation(resample_replicas(features, rng)),
            rng=bench.rng("computing", "mix"),
        ),
        text="features a neuron by density: "
        + ", ".join(
            f"{d:g}: {mean:.1f}"
            for d, mean in zip(found.config.densities, features.mean(axis=1), strict=True)
        ),
        control=judge_control(claim, control, text=f"models shuffled: {control:.2f}"),
    )
    return ClaimResult(claim=claim, evidence=evidence)
