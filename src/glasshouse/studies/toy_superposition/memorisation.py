"""What a toy model stores when it sees the same few examples again: double descent.

Source:
    Henighan et al. 2023, "Superposition, Memorization, and Double Descent".
"""

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from glasshouse.models.superposition import ReLUOutput, weighted_error
from glasshouse.models.superposition_data import ToyData
from glasshouse.models.superposition_geometry import feature_dimensionality
from glasshouse.studies.claims import Claim, ClaimResult, Evidence, judge_control
from glasshouse.studies.toy_superposition.experiment import (
    Bench,
    Budget,
    as_array,
    resampled_interval,
    train_on,
)
from glasshouse.training.population import best_of

_SOURCE = "Henighan et al. 2023"


@dataclass(frozen=True, kw_only=True, slots=True)
class MemorisationConfig:
    """The same model on data sets of growing size."""

    features: int = 200
    """Features n; two hidden dimensions."""
    density: float = 0.01
    """Density of the features; every example has at least one and length one."""
    sizes: tuple[int, ...] = (3, 5, 8, 30, 100, 300, 1000)
    """Examples T in the data set; fresh data come on top. Must hold 5."""
    datasets: int = 4
    """Data sets of each size."""
    restarts: int = 2
    """Models a data set; the lowest training loss counts."""
    few_restarts: int = 8
    """The same for data sets of up to 8 examples, where optima are many and models cheap."""
    weight_decay: float = 1e-2
    """Without it the memorising solution is not selected."""
    budget: Budget = field(default_factory=lambda: Budget(steps=2_000, batch=300))
    """How long they train; data sets up to the batch size are seen whole."""

    @property
    def elements(self) -> int:
        """Input numbers that the experiment trains on."""
        batch = self.budget.batch
        rows = sum(self.restarts_at(size) * min(size or batch, batch) for size in self.all_sizes)
        return self.datasets * rows * self.features * self.budget.steps

    @property
    def all_sizes(self) -> tuple[int | None, ...]:
        """The sizes, and None for fresh data."""
        return (*self.sizes, None)

    def restarts_at(self, size: int | None) -> int:
        """Models a data set of this size."""
        return self.few_restarts if size is not None and size <= 8 else self.restarts


@dataclass(frozen=True, kw_only=True, slots=True)
class Memory:
    """The best models of one data set size; arrays begin with the data set."""

    size: int | None
    """Examples T; None for fresh data."""
    train_loss: np.ndarray
    test_loss: np.ndarray
    example_dimensionality: np.ndarray
    """Dimensionality of the hidden vectors of the training examples, `dataset example`."""
    fresh_dimensionality: np.ndarray
    """The same of as many examples never seen."""
    feature_dimensionality: np.ndarray
    """`dataset feature`."""
    hidden: np.ndarray
    """Hidden vectors of the training examples, `dataset 2 example`."""
    weights: np.ndarray
    """`dataset 2 feature`."""

    @property
    def top_features(self) -> np.ndarray:
        """Mean dimensionality of the five features that have most, by data set."""
        return np.sort(self.feature_dimensionality, axis=-1)[:, -5:].mean(axis=-1)


def measure(config: MemorisationConfig, bench: Bench) -> list[Memory]:
    """Train on each size, smallest first, and on fresh data last."""
    return [_remember(size, config, bench) for size in config.all_sizes]


def _remember(size: int | None, config: MemorisationConfig, bench: Bench) -> Memory:
    name = f"memorisation {size}"
    restarts, batch = config.restarts_at(size), config.budget.batch
    replicas = config.datasets * restarts
    model = ReLUOutput(replicas, config.features, 2, generator=bench.generator(name, "weights"))
    generator = bench.generator(name, "data")
    kept = examples(config, config.datasets, size or 1000, generator)
    kept = kept.repeat_interleave(restarts, dim=0)

    def batch_at(step: int) -> Tensor:
        if size is None:
            return examples(config, replicas, batch, generator)
        if size <= batch:
            return kept
        return kept[:, torch.randperm(size, generator=generator, device=kept.device)[:batch]]

    one = torch.ones(1, config.features, device=bench.device)
    train_on(
        model,
        lambda values: weighted_error(model(values), values, one),
        batch_at,
        config.budget.training(weight_decay=config.weight_decay),
        tick=lambda: bench.tick(replicas * min(size or batch, batch) * config.features),
    )
    test = examples(config, 1, 4_096, bench.generator("memorisation", "test"))
    return _memory(model, kept, test.expand(replicas, -1, -1), size, config)


def _memory(
    model: ReLUOutput, kept: Tensor, test: Tensor, size: int | None, config: MemorisationConfig
) -> Memory:
    """Measure the best model of each data set."""
    one = torch.ones(1, config.features, device=kept.device)
    train_loss = weighted_error(model(kept), kept, one)
    best = best_of(train_loss, restarts=config.restarts_at(size))
    hidden = model.encode(kept)[best].mT
    fresh = model.encode(test[:, : kept.shape[1]])[best].mT
    return Memory(
        size=size,
        train_loss=as_array(train_loss[best]),
        test_loss=as_array(weighted_error(model(test), test, one)[best]),
        example_dimensionality=as_array(feature_dimensionality(hidden)),
        fresh_dimensionality=as_array(feature_dimensionality(fresh)),
        feature_dimensionality=as_array(feature_dimensionality(model.weight[best])),
        hidden=as_array(hidden),
        weights=as_array(model.weight[best]),
    )


def examples(
    config: MemorisationConfig, replicas: int, count: int, generator: torch.Generator
) -> Tensor:
    """Sparse examples of length one; an example without an active feature is given one."""
    data = ToyData(features=config.features, density=config.density)
    values = data.sample(replicas, count, generator)
    chosen = torch.randint(
        config.features, (replicas, count, 1), generator=generator, device=values.device
    )
    is_empty = (values.sum(dim=-1, keepdim=True) == 0).float()
    values = values.scatter_add(-1, chosen, is_empty)
    return values / values.norm(dim=-1, keepdim=True)


def claims(found: list[Memory], bench: Bench) -> list[ClaimResult]:
    """Judge the polygons of examples, the return of features, and the peak between."""
    return [
        _examples_pack(found, bench),
        _features_return(found, bench),
        _double_descent(found, bench),
    ]


def _resampled(found: list[Memory], statistic, bench: Bench, name: str) -> tuple[float, float]:
    """Interval of a statistic of `datasets` (one row of indices a size)."""
    datasets = len(found[0].test_loss)
    return resampled_interval(
        lambda rng: statistic(rng.integers(datasets, size=(len(found), datasets))),
        rng=bench.rng("memorisation", name),
    )


def _all(found: list[Memory]) -> np.ndarray:
    """The index rows that resample nothing."""
    return np.tile(np.arange(len(found[0].test_loss)), (len(found), 1))


def _examples_pack(found: list[Memory], bench: Bench) -> ClaimResult:
    claim = Claim(
        id="examples-form-polygons",
        claim="On few examples it is the examples that are packed evenly into the hidden space, "
        "each with m/T of a dimension.",
        source=_SOURCE,
        paper="T training examples form a regular polygon",
        threshold=0.1,
        direction="below",
        no_effect=1.0,
        threshold_text="mean dimensionality of the examples off m/T by under 10% for all T up to 8",
    )
    few = [memory for memory in found if memory.size is not None and memory.size <= 8]

    def worst(rows: np.ndarray) -> float:
        means = [m.example_dimensionality[row].mean() for m, row in zip(few, rows, strict=False)]
        return float(max(abs(mean * m.size / 2 - 1) for mean, m in zip(means, few, strict=True)))

    unseen = max(abs(m.fresh_dimensionality.mean() * (m.size or 1) / 2 - 1) for m in few)
    evidence = Evidence(
        measured=worst(_all(found)),
        interval=_resampled(found, worst, bench, "examples"),
        text=", ".join(
            f"T={m.size}: {m.example_dimensionality.mean():.3f} (m/T {2 / (m.size or 1):.3f})"
            for m in few
        ),
        control=judge_control(
            claim, float(unseen), text=f"as many examples never seen: off by {unseen:.0%}"
        ),
    )
    return ClaimResult(claim=claim, evidence=evidence)


def _features_return(found: list[Memory], bench: Bench) -> ClaimResult:
    claim = Claim(
        id="features-return",
        claim="On many examples it is the features that get dimensions again; in between few do.",
        source=_SOURCE,
        paper="features form a polygon at large T, none in between",
        threshold=1.5,
        direction="above",
        no_effect=1.0,
        threshold_text="top-5 feature dimensionality on fresh data over 1.5 times its minimum "
        "over T",
        note="What returns is that a few features get long columns. Such columns turned in random "
        "directions score as high, so this does not show that they form a polygon.",
    )
    tops = [memory.top_features for memory in found]
    rng = bench.rng("memorisation", "directions")
    blind = _return([_top_dimensionality(along_random_inputs(m.weights, rng)) for m in found])
    lengths = _return([_top_dimensionality(in_random_directions(m.weights, rng)) for m in found])
    evidence = Evidence(
        measured=_return(tops),
        interval=_resampled(
            found,
            lambda rows: _return([top[row] for top, row in zip(tops, rows, strict=True)]),
            bench,
            "features",
        ),
        text=", ".join(
            f"{m.size or 'fresh'}: {top.mean():.2f}" for m, top in zip(found, tops, strict=True)
        ),
        control=judge_control(
            claim,
            blind,
            text=f"the same models read along random inputs instead of features: {blind:.2f} times "
            f"the minimum (columns of the same lengths turned at random: {lengths:.2f})",
        ),
    )
    return ClaimResult(claim=claim, evidence=evidence)


def _return(tops: list[np.ndarray]) -> float:
    """Top-5 dimensionality on fresh data (the last) over its minimum over T."""
    means = [top.mean() for top in tops]
    return float(means[-1] / min(means))


def _top_dimensionality(columns: np.ndarray) -> np.ndarray:
    """Mean dimensionality of the five columns that have most, by data set."""
    shares = as_array(feature_dimensionality(torch.as_tensor(columns)))
    return np.sort(shares, axis=-1)[:, -5:].mean(axis=-1)


def along_random_inputs(weights: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Where a model writes as many random unit inputs as it has features.

    For a uniformly random unit input u, `W u` is very nearly normal with covariance `W W^T / n`.
    What holds of the features alone is gone; what holds of the model whatever the basis stays.

    Args:
        weights: `dataset 2 feature`.
        rng: Where the inputs come from.

    Returns:
        Columns of the same shape.
    """
    features = weights.shape[-1]
    covariance = weights @ weights.transpose(0, 2, 1) / features
    root = np.linalg.cholesky(covariance + 1e-12 * np.eye(weights.shape[1]))
    return root @ rng.standard_normal(weights.shape)


def in_random_directions(weights: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Columns of the same lengths, each turned at random."""
    noise = rng.standard_normal(weights.shape)
    lengths = np.linalg.norm(weights, axis=1, keepdims=True)
    return noise / np.linalg.norm(noise, axis=1, keepdims=True) * lengths


def _double_descent(found: list[Memory], bench: Bench) -> ClaimResult:
    claim = Claim(
        id="double-descent",
        claim="Between storing examples and storing features the test loss peaks.",
        source=_SOURCE,
        paper="double descent in the number of examples",
        threshold=0.0,
        direction="above",
        no_effect=0.0,
        threshold_text="highest test loss at a middle T above the test loss at T=5 and on fresh "
        "data",
    )
    sizes = [memory.size for memory in found]
    few = sizes.index(5)

    def peak(rows: np.ndarray, name: str = "test_loss") -> float:
        means = [getattr(m, name)[row].mean() for m, row in zip(found, rows, strict=True)]
        return float(max(means[few + 1 : -1]) - max(means[few], means[-1]))

    control = peak(_all(found), "train_loss")
    evidence = Evidence(
        measured=peak(_all(found)),
        interval=_resampled(found, peak, bench, "peak"),
        text="test loss by T: "
        + ", ".join(f"{m.size or 'fresh'}: {m.test_loss.mean():.3f}" for m in found),
        control=judge_control(claim, control, text=f"training loss: {control:+.3f}"),
    )
    return ClaimResult(claim=claim, evidence=evidence)
