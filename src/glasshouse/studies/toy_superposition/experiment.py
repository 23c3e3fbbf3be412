"""What the experiments of this study share: seeds, training to the end, resampling."""

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from glasshouse.models.superposition import LinearOutput, weighted_error
from glasshouse.models.superposition_data import ActivityPatterns, ToyData
from glasshouse.training.population import PopulationConfig, parameters_of, train_population

Tick = Callable[[int], None]
"""`tick(elements)`: that many input numbers have been trained on since the last call."""

TEST_EXAMPLES = 8_192
"""Fresh examples on which restarts of one setting are compared."""

SOURCE = "Elhage et al. 2022"


@dataclass(frozen=True, kw_only=True, slots=True)
class Budget:
    """How long the models of one experiment train."""

    steps: int = 2_000
    """Optimizer steps; the learning rate follows a cosine to zero."""
    batch: int = 256
    """Examples a step and model."""
    peak_lr: float = 3e-3
    """Learning rate at the start."""

    @property
    def examples(self) -> int:
        """Examples that one model sees."""
        return self.steps * self.batch

    def training(self, *, weight_decay: float = 0.0) -> PopulationConfig:
        """The same as a config of `train_population`."""
        return PopulationConfig(steps=self.steps, peak_lr=self.peak_lr, weight_decay=weight_decay)


@dataclass(frozen=True, kw_only=True, slots=True)
class Bench:
    """Where an experiment runs and from which seed; each experiment has its own streams."""

    seed: int
    """The seed of the run."""
    device: str = "cpu"
    """Device of the models."""
    tick: Tick = lambda elements: None
    """Told after every step how many numbers were trained on."""

    def generator(self, *names: str) -> torch.Generator:
        """A stream of its own for what the names say."""
        generator = torch.Generator(device=self.device)
        return generator.manual_seed(int(self._state(names).generate_state(1, np.uint64)[0] >> 1))

    def rng(self, *names: str) -> np.random.Generator:
        """The same for numpy."""
        return np.random.default_rng(self._state(names))

    def _state(self, names: tuple[str, ...]) -> np.random.SeedSequence:
        return np.random.SeedSequence([self.seed, *(zlib.crc32(n.encode()) for n in names)])


def train_on(
    model: torch.nn.Module,
    loss: Callable[[Any], Tensor],
    batch_at: Callable[[int], Any],
    config: PopulationConfig,
    *,
    tick: Callable[[], None] = lambda: None,
) -> None:
    """Train a model that has a replica axis to the end, in place."""
    steps = train_population(parameters_of(model), lambda _, batch: loss(batch), batch_at, config)
    for _ in steps:
        tick()
    model.requires_grad_(False)


def train_autoencoder(
    model: LinearOutput, data: ToyData, importance: Tensor, budget: Budget, bench: Bench, name: str
) -> Tensor:
    """Train models to give their sparse input back.

    Returns:
        The loss of each replica on fresh examples; replicas of equal density see the same ones.
    """
    replicas = model.weight.shape[0]
    generator = bench.generator(name, "data")
    importance = importance.to(bench.device)
    train_on(
        model,
        lambda values: weighted_error(model(values), values, importance),
        lambda step: data.sample(replicas, budget.batch, generator),
        budget.training(),
        tick=lambda: bench.tick(replicas * budget.batch * data.features),
    )
    fresh = data.sample_alike(replicas, TEST_EXAMPLES, bench.generator(name, "test"))
    return weighted_error(model(fresh), fresh, importance)


def train_on_patterns(
    model: LinearOutput,
    data: ActivityPatterns,
    importance: Tensor,
    budget: Budget,
    bench: Bench,
    name: str,
) -> Tensor:
    """The same for a few independent features, with every activity pattern in every batch."""
    patterns = 2 ** data.density.shape[1]
    generator = bench.generator(name, "data")
    importance = importance.to(bench.device)
    train_on(
        model,
        lambda batch: weighted_error(model(batch[0]), batch[0], importance, batch[1]),
        lambda step: data.sample(max(1, budget.batch // patterns), generator),
        budget.training(),
        tick=lambda: bench.tick(model.bias.numel() * budget.batch),
    )
    values, weights = data.sample_alike(TEST_EXAMPLES // patterns, bench.generator(name, "test"))
    return weighted_error(model(values), values, importance, weights)


def resampled_interval(
    statistic: Callable[[np.random.Generator], float],
    *,
    rng: np.random.Generator,
    num_resamples: int = 1_000,
) -> tuple[float, float]:
    """Percentile interval (95%) of a statistic that resamples its own replicas."""
    values = np.array([statistic(rng) for _ in range(num_resamples)])
    if np.isnan(values).any():
        return float("nan"), float("nan")
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def resample_replicas(values: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw the replicas (axis 1) of each setting (axis 0) anew, with replacement."""
    settings, replicas = values.shape[:2]
    drawn = rng.integers(replicas, size=(settings, replicas))
    return values[np.arange(settings)[:, None], drawn]


def mean_over_shuffles(
    statistic: Callable[[np.ndarray], float],
    values: np.ndarray,
    *,
    rng: np.random.Generator,
    num_shuffles: int = 200,
) -> float:
    """The mean of a statistic when its values are dealt out anew; one shuffle could show anything.

    Shuffles that leave the statistic undefined are left out; NaN when all do.
    """
    shuffled = (rng.permutation(values.ravel()).reshape(values.shape) for _ in range(num_shuffles))
    outcomes = np.array([statistic(dealt) for dealt in shuffled])
    defined = outcomes[~np.isnan(outcomes)]
    return float(defined.mean()) if len(defined) else float("nan")


def as_array(tensor: Tensor) -> np.ndarray:
    """A tensor as numpy, on the CPU."""
    return tensor.detach().cpu().numpy()
