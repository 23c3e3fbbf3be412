"""How features share dimensions: plateaus, shapes and the price in robustness. (Claims 3, 4, 8.)"""

from dataclasses import dataclass, field

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from glasshouse.models.superposition import ReLUOutput
from glasshouse.models.superposition_data import ToyData
from glasshouse.models.superposition_geometry import (
    REPRESENTED,
    dimensions_per_feature,
    feature_dimensionality,
    feature_norms,
    gram,
)
from glasshouse.studies.toy_superposition.experiment import (
    Bench,
    Budget,
    as_array,
    train_autoencoder,
)

LINES: dict[str, float] = {
    "tetrahedron": 3 / 4,
    "triangle": 2 / 3,
    "digon": 1 / 2,
    "pentagon": 2 / 5,
    "square antiprism": 3 / 8,
}
"""Dimensionality of a feature in each shape the paper names."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GeometryConfig:
    """Equal features over a fine grid of densities."""

    features: int = 80
    """Features n, all equally important."""
    hidden: int = 8
    """Hidden dimensions m."""
    inverse_densities: tuple[float, ...] = tuple(1 + 0.25 * i for i in range(21))
    """Values of 1/(1-S), ascending from 1, where the model without superposition stands."""
    replicas: int = 4
    """Models a density."""
    attack_size: float = 0.1
    """Length of the attack as a share of the mean input's length."""
    budget: Budget = field(default_factory=lambda: Budget(steps=4_000, batch=128, peak_lr=5e-3))
    """How long they train."""

    @property
    def elements(self) -> int:
        """Input numbers that the experiment trains on."""
        models = len(self.inverse_densities) * self.replicas
        return models * self.budget.batch * self.features * self.budget.steps


@dataclass(frozen=True, kw_only=True, slots=True)
class Geometry:
    """What the models over all densities measured; arrays begin `density replica`."""

    config: GeometryConfig
    stars: np.ndarray
    """Dimensions per feature D*."""
    dimensionality: np.ndarray
    """Dimensionality of each feature, `density replica feature`."""
    norms: np.ndarray
    """Column lengths, same shape."""
    random_dimensionality: np.ndarray
    """Dimensionality when the same column lengths point in random directions."""
    vulnerability: np.ndarray
    """Rise of the loss under the analytic attack, per squared length of the attack."""
    random_vulnerability: np.ndarray
    """The same for as many random directions."""

    @property
    def active(self) -> np.ndarray:
        """`dimensionality`, zero where a feature is not represented (column of at most 0.5)."""
        return np.where(self.norms > REPRESENTED, self.dimensionality, 0.0)

    @property
    def random_active(self) -> np.ndarray:
        """The same in random directions."""
        return np.where(self.norms > REPRESENTED, self.random_dimensionality, 0.0)

    @property
    def inverse_density(self) -> np.ndarray:
        """1/(1-S) of each row."""
        return np.array(self.config.inverse_densities)


def measure(config: GeometryConfig, bench: Bench) -> Geometry:
    """Train all models and measure shapes and vulnerability."""
    shape = (len(config.inverse_densities), config.replicas)
    density = (1 / torch.tensor(config.inverse_densities)).repeat_interleave(config.replicas)
    data = ToyData(features=config.features, density=density)
    name = "geometry"
    model = ReLUOutput(
        len(density), config.features, config.hidden, generator=bench.generator(name, "weights")
    )
    train_autoencoder(model, data, torch.ones(1, config.features), config.budget, bench, name)
    generator = bench.generator(name, "attack")
    weight = model.weight.detach()
    random = _random_directions(weight, generator)
    values = data.sample_alike(len(density), 256, generator)
    noise = torch.randn(
        weight.shape[0], config.features, config.features, generator=generator, device=weight.device
    )
    return Geometry(
        config=config,
        stars=as_array(dimensions_per_feature(weight)).reshape(shape),
        dimensionality=as_array(feature_dimensionality(weight)).reshape(*shape, -1),
        norms=as_array(feature_norms(weight)).reshape(*shape, -1),
        random_dimensionality=as_array(feature_dimensionality(random)).reshape(*shape, -1),
        vulnerability=as_array(
            vulnerability(model, values, gram(weight), size=config.attack_size)
        ).reshape(shape),
        random_vulnerability=as_array(
            vulnerability(model, values, noise, size=config.attack_size)
        ).reshape(shape),
    )


def vulnerability(model: ReLUOutput, values: Tensor, directions: Tensor, *, size: float) -> Tensor:
    """Rise of the loss under the worst of the given attacks on each example.

    Args:
        model: The models under attack.
        values: Clean examples, `replica batch feature`.
        directions: Attacks to choose from, `replica choice feature`; of any length.
        size: Length of an attack as a share of the replica's mean input length.

    Returns:
        The mean rise of each replica over the squared length of its attack, so that models with
        longer inputs can be compared.
    """
    length = size * values.norm(dim=-1).mean(dim=-1)
    attacks = directions / directions.norm(dim=-1, keepdim=True).clamp_min(1e-12)
    attacks = attacks * length[:, None, None]
    clean = (model(values) - values).square().sum(dim=-1)
    worst = torch.zeros_like(clean)
    for choice in range(attacks.shape[1]):
        hurt = (model(values + attacks[:, choice, None]) - values).square().sum(dim=-1)
        worst = torch.maximum(worst, hurt - clean)
    return worst.mean(dim=-1) / length.square()


def _random_directions(weight: Tensor, generator: torch.Generator) -> Tensor:
    """Columns of the same lengths in random directions."""
    noise = torch.randn(weight.shape, generator=generator, device=weight.device)
    return noise / noise.norm(dim=1, keepdim=True) * weight.norm(dim=1, keepdim=True)


def flatness(inverse_density: np.ndarray, stars: np.ndarray) -> float:
    """How flat D* is near one half: its slope there over its mean slope on both sides.

    Slopes are `|d D* / d log 1/(1-S)|`. Near is D* within 0.05 of one half; the sides reach on to
    0.75 above and 0.35 below.
    """

    def slope(low: float, high: float) -> float:
        inside = (middle > low) & (middle <= high)
        return float(np.abs(rise[inside].sum()) / run[inside].sum()) if inside.any() else np.nan

    rise, run = np.diff(stars), np.diff(np.log(inverse_density))
    middle = (stars[1:] + stars[:-1]) / 2
    return 2 * slope(0.45, 0.55) / (slope(0.55, 0.75) + slope(0.35, 0.45))


def smooth_twin(inverse_density: np.ndarray, stars: np.ndarray) -> np.ndarray:
    """The same curve without plateaus: a quadratic in log-log."""
    log_k = np.log(inverse_density)
    return np.exp(np.polyval(np.polyfit(log_k, np.log(stars), 2), log_k))


def line_excess(
    dimensionality: np.ndarray, *, tolerance: float = 0.015, bandwidth: float = 0.05
) -> float:
    """How much more often features sit on the five lines than a smooth histogram would have them.

    The smooth histogram is a Gaussian kernel estimate of the same values; what it expects within
    the tolerance of the lines is integrated exactly.
    """
    values = dimensionality[dimensionality > 0]
    lines = np.array(list(LINES.values()))
    on_line = (np.abs(values[:, None] - lines) < tolerance).any(axis=1).mean()
    edges = (lines[:, None] + [-tolerance, tolerance] - values[:, None, None]) / bandwidth
    expected = np.diff(stats.norm.cdf(edges), axis=-1).sum(axis=1).mean()
    return float(on_line / expected)


def line_share(dimensionality: np.ndarray, line: float, *, tolerance: float = 0.015) -> np.ndarray:
    """Share of active features on a line, by density (first axis)."""
    active = dimensionality > 0
    near = active & (np.abs(dimensionality - line) < tolerance)
    axes = tuple(range(1, dimensionality.ndim))
    return near.sum(axis=axes) / np.maximum(active.sum(axis=axes), 1)
