"""Minimise a robust sum of squares: once with care, and for hundreds of resamples at once.

The objective is Huber's: squares up to `delta`, straight beyond, so that a run that went astray
pulls no harder than one that is off by `delta`. It is measured in units of `delta`, because with
residuals of a thousandth the bare objective is so small that an optimizer's absolute tolerance
stops it at the start.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from scipy.optimize import minimize

Model = Callable[
    [Float64[np.ndarray, "draw unknown"]],
    tuple[Float64[np.ndarray, "draw run"], Float64[np.ndarray, "draw run unknown"]],
]
"""What the unknowns predict for every run, and its slopes."""


@dataclass(frozen=True, slots=True)
class Minimum:
    """Where one minimisation ended."""

    unknowns: Float64[np.ndarray, " unknown"]
    objective: float


def huber(
    residuals: Float64[np.ndarray, "*draw run"], delta: float
) -> Float64[np.ndarray, "*draw run"]:
    """Huber's loss of residuals, in units of delta squared.

    Source:
        Huber 1964, "Robust estimation of a location parameter"; for scaling laws Hoffmann et al.
        2022 (2203.15556), equation 3, with delta = 1e-3 on log losses.
    """
    size = np.abs(residuals) / delta
    return np.where(size <= 1, 0.5 * size**2, size - 0.5)


def minimise(
    model: Model,
    target: Float64[np.ndarray, " run"],
    starts: Float64[np.ndarray, "start unknown"],
    *,
    delta: float,
    num_starts: int = 6,
) -> Minimum:
    """The lowest of several L-BFGS descents, from the best of many starts.

    Args:
        model: What is fitted.
        target: What it should predict.
        starts: Where to begin; the best `num_starts` by their objective are used.
        delta: Where squares end.
        num_starts: How many descents.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        first = huber(target - model(starts)[0], delta).sum(axis=1)
    order = np.argsort(np.where(np.isfinite(first), first, np.inf))[:num_starts]

    def objective(unknowns: np.ndarray) -> tuple[float, np.ndarray]:
        with np.errstate(over="ignore", invalid="ignore"):
            predicted, slopes = model(unknowns[None])
        residuals = (target - predicted[0]) / delta
        pull = np.clip(residuals, -1, 1) / delta
        value = float(huber(residuals, 1.0).sum())
        slope = -pull @ slopes[0]
        if not np.isfinite(value) or not np.isfinite(slope).all():
            return 1e30, np.zeros_like(unknowns)
        return value, slope

    ends = [
        minimize(
            objective,
            starts[place],
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": 2000, "maxfun": 4000, "ftol": 1e-13, "gtol": 1e-9, "maxcor": 20},
        )
        for place in order
    ]
    best = min(ends, key=lambda end: end.fun)
    return Minimum(np.asarray(best.x), float(best.fun))


def minimise_many(
    model: Model,
    target: Float64[np.ndarray, " run"],
    start: Float64[np.ndarray, "draw unknown"],
    weights: Float64[np.ndarray, "draw run"],
    *,
    delta: float,
    rounds: int = 60,
) -> Float64[np.ndarray, "draw unknown"]:
    """Minimise the same objective under many weightings of the runs, all together.

    Levenberg and Marquardt's steps on squares reweighted by Huber's rule, each draw with a damping
    of its own.

    Args:
        model: What is fitted.
        target: What it should predict.
        start: Where each draw begins.
        weights: How much each run counts in each draw.
        delta: Where squares end.
        rounds: At most so many steps.
    """
    unknowns = start.copy()
    damping = np.full(len(start), 1e-3)
    predicted, slopes = model(unknowns)
    value = (weights * huber(target - predicted, delta)).sum(axis=1)
    for _ in range(rounds):
        residuals = target - predicted
        trust = weights / np.maximum(1.0, np.abs(residuals) / delta)
        weighted = slopes * trust[..., None]
        curvature = np.einsum("bri,brj->bij", weighted, slopes)
        pull = np.einsum("bri,br->bi", weighted, residuals)
        diagonal = np.einsum("bii->bi", curvature)
        ridge = damping[:, None] * diagonal + 1e-12 * diagonal.max(axis=1, keepdims=True) + 1e-300
        curvature = curvature + np.eye(start.shape[1]) * ridge[:, None, :]
        step = np.linalg.solve(curvature, pull[..., None])[..., 0]
        step = np.clip(step, -2.0, 2.0)
        with np.errstate(over="ignore", invalid="ignore"):
            new_predicted, new_slopes = model(unknowns + step)
            new_value = (weights * huber(target - new_predicted, delta)).sum(axis=1)
        better = (new_value < value) & np.isfinite(new_slopes).all(axis=(1, 2))
        gained = np.where(better, value - new_value, 0.0)
        unknowns[better] += step[better]
        predicted[better], slopes[better] = new_predicted[better], new_slopes[better]
        value[better] = new_value[better]
        damping = np.where(better, damping / 4, damping * 6).clip(1e-10, 1e10)
        if np.all((gained < 1e-9 * (value + 1e-9)) & (better | (damping > 1e6))):
            break
    return unknowns
