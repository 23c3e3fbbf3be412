"""The best size from training curves: which run has the lowest loss at each compute.

The snapshots of a run whose learning rate decays late stand above what a shorter run would reach,
which favours large models and bends the exponent upwards (Porian et al. 2024); curves of a
constant rate, or of runs that decay at every length, do not have that fault.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from glasshouse.errors import InputError
from glasshouse.scaling.allocation import Allocation
from glasshouse.scaling.fitting import FitConfig
from glasshouse.scaling.isoflop import flops_factor
from glasshouse.scaling.runs import ScalingRun

_GRID = 1500
"""Values of compute looked at, as in the paper."""
_LEAST_RUNS = 3
_LEAST_FITTED = 0.5
"""Of the resamples, the share that must have an envelope of three sizes."""


@dataclass(frozen=True, slots=True)
class Frontier:
    """The lowest loss at every compute, and who reaches it."""

    compute: Float64[np.ndarray, " point"]
    """C, evenly spaced in its logarithm."""
    loss: Float64[np.ndarray, " point"]
    """Lowest loss of any run there."""
    params: Float64[np.ndarray, " point"]
    """N of that run."""


def frontier(runs: Sequence[ScalingRun]) -> Frontier:
    """The envelope of training curves.

    Args:
        runs: Sound runs with curves of at least two moments.

    Raises:
        InputError: If fewer than three runs have one.
    """
    curves = _curves(runs)
    if len(curves) < _LEAST_RUNS:
        raise InputError(
            f"an envelope needs the training curves of {_LEAST_RUNS} runs, not {len(curves)}"
        )
    grid, losses, params = _on_a_grid(curves)
    best = losses.argmin(axis=0)
    return Frontier(np.exp(grid), np.exp(losses[best, np.arange(len(grid))]), np.exp(params[best]))


def envelope_allocation(runs: Sequence[ScalingRun], config: FitConfig | None = None) -> Allocation:
    """A line through the middle of each run's stretch of the envelope.

    The stretches of the smallest and of the largest size are left out: beyond them stand sizes that
    nobody trained.

    Args:
        runs: Sound runs with curves.
        config: Draws, confidence and seed.

    Raises:
        InputError: If fewer than three sizes have a stretch that counts.

    Source:
        Hoffmann et al. 2022 (2203.15556), section 3.1. Differs: one point a run, not one a grid
        point, so that a long stretch counts no more than a short one.
    """
    config = config or FitConfig()
    curves = _curves(runs)
    if len(curves) < _LEAST_RUNS:
        raise InputError(
            f"an envelope needs the training curves of {_LEAST_RUNS} runs, not {len(curves)}"
        )
    grid, losses, params = _on_a_grid(curves)
    everyone = np.arange(len(curves))
    optima = _stretches(grid, losses, params, everyone)
    if len(optima) < _LEAST_RUNS:
        raise InputError(
            f"only {len(optima)} sizes between the smallest and the largest are ever the best; an "
            f"envelope needs {_LEAST_RUNS}: train more sizes, the large ones longer"
        )
    rng = np.random.default_rng([0xE7E1, config.seed])
    drawn = []
    for _ in range(config.draws):
        some = np.unique(rng.choice(everyone, len(everyone)))
        points = _stretches(grid, losses, params, some)
        if len(points) >= _LEAST_RUNS:
            drawn.append(_line(points))
    if len(drawn) < _LEAST_FITTED * config.draws:
        raise InputError(
            f"only {len(drawn)} of {config.draws} resamples of the runs have an envelope of "
            f"{_LEAST_RUNS} sizes, too few for an interval; train more sizes"
        )
    return Allocation(
        method="envelope",
        source="Hoffmann et al. 2022 (2203.15556), section 3.1",
        line=_line(optima),
        drawn=np.array(drawn),
        flops_factor=flops_factor(runs),
        confidence=config.confidence,
        optima=tuple((float(np.exp(c)), float(np.exp(n))) for c, n in optima),
    )


def _curves(runs: Sequence[ScalingRun]) -> list[tuple[float, np.ndarray, np.ndarray]]:
    """Log N, log C and log loss of each run with a curve."""
    found = []
    for run in runs:
        points = [p for p in run.curve if p.tokens > 0 and 0 < p.loss < np.inf]
        if len(points) < 2:
            continue
        compute = np.log([run.compute * point.tokens / run.tokens for point in points])
        found.append((np.log(run.params), compute, np.log([point.loss for point in points])))
    return found


def _on_a_grid(
    curves: Sequence[tuple[float, np.ndarray, np.ndarray]],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Losses of all runs at the same values of compute; infinite where a run was not."""
    low = min(compute[0] for _, compute, _ in curves)
    high = max(compute[-1] for _, compute, _ in curves)
    grid = np.linspace(low, high, _GRID)
    losses = np.stack(
        [np.interp(grid, c, loss, left=np.inf, right=np.inf) for _, c, loss in curves]
    )
    is_seen = np.isfinite(losses).any(axis=0)
    return grid[is_seen], losses[:, is_seen], np.array([size for size, _, _ in curves])


def _stretches(
    grid: np.ndarray, losses: np.ndarray, params: np.ndarray, some: np.ndarray
) -> np.ndarray:
    """Middle of each size's stretch of the envelope of some runs, as (log C, log N)."""
    lowest = losses[some].min(axis=0)
    best = params[some][losses[some].argmin(axis=0)]
    # an end of all curves is where a run stops, not where another size begins
    seen, sizes = grid[np.isfinite(lowest)], best[np.isfinite(lowest)]
    inner = [one for one in np.unique(sizes) if params[some].min() < one < params[some].max()]
    return np.array([(seen[sizes == one].mean(), one) for one in inner]).reshape(-1, 2)


def _line(points: np.ndarray) -> np.ndarray:
    """Intercept and slope of log N against log C."""
    design = np.stack([np.ones(len(points)), points[:, 0]], axis=1)
    return np.linalg.lstsq(design, points[:, 1], rcond=None)[0]
