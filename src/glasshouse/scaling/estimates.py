"""Numbers with intervals, and the resampling that the intervals come from.

What is resampled are independent units (runs), by random weights rather than by leaving units out:
with eight runs and three unknowns, half of all ordinary resamples could not be fitted.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """A number with its interval."""

    value: float
    """The best fit's."""
    low: float
    """Low end of the interval."""
    high: float
    """High end of the interval."""

    def __str__(self) -> str:
        return f"{self.value:.4g} ({self.low:.4g} to {self.high:.4g})"


def estimate_of(
    value: float, drawn: Float64[np.ndarray, " draw"], *, confidence: float
) -> Estimate:
    """A number with the percentile interval of its resamples; a resample without one is infinite.

    Args:
        value: The best fit's.
        drawn: The same of every resample.
        confidence: Share of intervals that should cover the truth.
    """
    ordered = np.sort(np.where(np.isnan(drawn), np.inf, drawn))
    tail = (1 - confidence) / 2
    # by place rather than interpolated, so that an infinite resample does not make NaN of its end
    low, high = (float(ordered[round(share * (len(ordered) - 1))]) for share in (tail, 1 - tail))
    return Estimate(value=float(value), low=low, high=high)


def unit_weights(
    units: int, *, unknowns: int, draws: int, rng: np.random.Generator
) -> Float64[np.ndarray, "draw unit"]:
    """How much each unit counts in each resample; 1 on average.

    Args:
        units: How many independent units there are.
        unknowns: How many numbers are fitted.
        draws: Resamples.
        rng: Where they come from.

    Source:
        Rubin 1981, "The Bayesian bootstrap", whose weights are exponential, of variance 1. Differs:
        theirs is units / (units - unknowns), since residuals are smaller than errors by that.
    """
    shape = max(1.0, units - unknowns) / units
    return rng.gamma(shape, 1 / shape, (draws, units))


def weighted_lines(
    design: Float64[np.ndarray, "run unknown"],
    target: Float64[np.ndarray, " run"],
    weights: Float64[np.ndarray, "draw run"],
) -> Float64[np.ndarray, "draw unknown"]:
    """Least squares under many weightings of the runs, all together."""
    curvature = np.einsum("br,ri,rj->bij", weights, design, design)
    trace = np.trace(curvature, axis1=1, axis2=2)[:, None, None]
    curvature += 1e-12 * np.eye(design.shape[1]) * trace  # a resample may leave a few runs only
    pull = np.einsum("br,ri,r->bi", weights, design, target)
    return np.linalg.solve(curvature, pull[..., None])[..., 0]
