"""When does a pentagon break into two digons? (Claim 6.)"""

from dataclasses import dataclass, field

import numpy as np
import torch

from glasshouse.models.superposition import ReLUOutput
from glasshouse.models.superposition_data import ActivityPatterns
from glasshouse.models.superposition_geometry import feature_norms
from glasshouse.studies.claims import Claim, ClaimResult, Evidence, judge_control
from glasshouse.studies.toy_superposition.experiment import (
    SOURCE,
    Bench,
    Budget,
    as_array,
    resample_replicas,
    resampled_interval,
    train_on_patterns,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class PentagonConfig:
    """Five features in two dimensions, one of them sparser than the rest."""

    density: float = 0.05
    """Density of the other four features."""
    ratios: tuple[float, ...] = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0)
    """How much sparser the odd feature is; must hold 1.5 and 4, where the claim is judged."""
    models: int = 30
    """Models a ratio; the lowest loss counts."""
    budget: Budget = field(default_factory=lambda: Budget(steps=2_000, batch=256))
    """How long they train."""

    @property
    def elements(self) -> int:
        """Input numbers that the experiment trains on."""
        models = 2 * len(self.ratios) * self.models
        return models * 5 * self.budget.batch * self.budget.steps


@dataclass(frozen=True, kw_only=True, slots=True)
class Pentagon:
    """Models by ratio; arrays begin `ratio model`."""

    config: PentagonConfig
    weights: np.ndarray
    loss: np.ndarray
    odd_norm: np.ndarray
    """Column length of the odd feature."""
    even_loss: np.ndarray
    """Loss of the control, in which all five features are equally sparse."""
    even_norm: np.ndarray
    """Shortest column of the control."""

    @property
    def best(self) -> np.ndarray:
        """Weights of the model of lowest loss, `ratio 2 feature`."""
        return self.weights[np.arange(len(self.loss)), self.loss.argmin(axis=1)]


def measure(config: PentagonConfig, bench: Bench) -> Pentagon:
    """Train with one odd feature, and with all five as sparse as that one."""
    shape = (len(config.ratios), config.models)
    ratio = torch.tensor(config.ratios).repeat_interleave(config.models)
    density = torch.full((len(ratio), 5), config.density)
    odd_density = density.clone()
    odd_density[:, 0] /= ratio
    weights, loss = _train(odd_density, config, bench, "odd")
    even_weights, even_loss = _train(density / ratio[:, None], config, bench, "even")
    return Pentagon(
        config=config,
        weights=as_array(weights).reshape(*shape, 2, 5),
        loss=loss.reshape(shape),
        odd_norm=as_array(feature_norms(weights)[:, 0]).reshape(shape),
        even_loss=even_loss.reshape(shape),
        even_norm=as_array(feature_norms(even_weights).amin(dim=1)).reshape(shape),
    )


def _train(
    density: torch.Tensor, config: PentagonConfig, bench: Bench, kind: str
) -> tuple[torch.Tensor, np.ndarray]:
    name = f"pentagon {kind}"
    model = ReLUOutput(len(density), 5, 2, generator=bench.generator(name, "weights"))
    loss = train_on_patterns(
        model, ActivityPatterns(density=density), torch.ones(1, 5), config.budget, bench, name
    )
    return model.weight.detach(), as_array(loss)


def claims(found: Pentagon, bench: Bench) -> list[ClaimResult]:
    """Judge whether the pentagon breaks between ratios 1.5 and 4."""
    claim = Claim(
        id="pentagon-snaps",
        claim="A pentagon of which one feature grows sparser stretches, then snaps to two digons.",
        source=f"{SOURCE}, The Geometry of Superposition (non-uniform sparsity)",
        paper="at about 2.5 times sparser",
        threshold=0.5,
        direction="above",
        no_effect=0.0,
        threshold_text="the best model keeps the odd feature at ratio 1.5 and not at 4 (a "
        "difference of 1; over 0.5 passes)",
    )
    rows = [found.config.ratios.index(1.5), found.config.ratios.index(4.0)]
    both = np.stack([found.odd_norm, found.loss], axis=-1)
    even = np.stack([found.even_norm, found.even_loss], axis=-1)
    kept = keeps_all_five(both)
    control = float(np.subtract(*keeps_all_five(even[rows])))
    evidence = Evidence(
        measured=float(np.subtract(*kept[rows])),
        interval=resampled_interval(
            lambda rng: float(np.subtract(*keeps_all_five(resample_replicas(both[rows], rng)))),
            rng=bench.rng("pentagon", "interval"),
        ),
        text="best model by ratio: "
        + ", ".join(
            f"{ratio:g} {'pentagon' if five else 'digons'}"
            for ratio, five in zip(found.config.ratios, kept, strict=True)
        ),
        control=judge_control(
            claim, control, text=f"all five features equally sparse: {control:+.0f}"
        ),
    )
    return [ClaimResult(claim=claim, evidence=evidence)]


def keeps_all_five(both: np.ndarray) -> np.ndarray:
    """1.0 where the best model keeps its shortest feature; `ratio model (norm, loss)`."""
    best = both[np.arange(len(both)), both[..., 1].argmin(axis=1)]
    return (best[:, 0] > 0.5).astype(float)
