"""Intervals around what a study measures: 95% unless said otherwise.

scipy has the methods; what is added here is the house's choice among them, and an answer where
scipy has none (no sample, one sample, all samples equal).
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
from scipy import stats

Values = Sequence[float] | np.ndarray
"""One measurement a seed, a model or a document."""


def bootstrap_interval(
    values: Values,
    statistic: Callable[..., np.floating | np.ndarray | float] = np.mean,
    *,
    rng: np.random.Generator,
    confidence: float = 0.95,
    num_resamples: int = 2_000,
) -> tuple[float, float]:
    """Percentile bootstrap interval of a statistic of independent values.

    Args:
        values: The sample; each value is one independent unit, such as a seed.
        statistic: Maps a one-dimensional sample to a number.
        rng: Where the resamples come from.
        confidence: Share of intervals that should cover the truth.
        num_resamples: Bootstrap samples drawn.

    Returns:
        Low and high end. Both NaN for fewer than two values, from which no spread can be known.
    """
    sample = np.asarray(values, dtype=float)
    if sample.size < 2 or np.isnan(sample).any():
        return math.nan, math.nan
    if np.all(sample == sample[0]):
        point = float(statistic(sample))
        return point, point
    outcome = stats.bootstrap(
        (sample,),
        statistic,
        n_resamples=num_resamples,
        confidence_level=confidence,
        method="percentile",
        rng=rng,
    )
    return float(outcome.confidence_interval.low), float(outcome.confidence_interval.high)


def paired_interval(
    first: Values, second: Values, *, rng: np.random.Generator, confidence: float = 0.95
) -> tuple[float, float]:
    """Bootstrap interval of the mean of `first - second`, pair by pair."""
    difference = np.asarray(first, dtype=float) - np.asarray(second, dtype=float)
    return bootstrap_interval(difference, rng=rng, confidence=confidence)


def proportion_interval(
    successes: int, trials: int, *, confidence: float = 0.95
) -> tuple[float, float]:
    """Wilson score interval of a share of independent trials; (0, 1) when there was no trial.

    Source:
        Wilson 1927, "Probable inference, the law of succession, and statistical inference".
    """
    if trials == 0:
        return 0.0, 1.0
    interval = stats.binomtest(successes, trials).proportion_ci(confidence, method="wilson")
    # Rounding leaves the ends of "none" and "all" a hair inside, where they would exclude chance.
    low = 0.0 if successes == 0 else float(interval.low)
    return low, 1.0 if successes == trials else float(interval.high)


def rank_correlation(first: Values, second: Values) -> float:
    """Spearman's, ties averaged; 0 where one side does not vary, for then nothing goes together."""
    ranks = [stats.rankdata(side) for side in (first, second)]
    if any(np.std(side) == 0 for side in ranks):
        return 0.0
    return float(np.corrcoef(*ranks)[0, 1])
