"""What every claim does with its measurements: one value a projection, an interval over them."""

from collections.abc import Callable

import numpy as np

from glasshouse.studies.claims import Claim, ClaimResult, Evidence, judge_control
from glasshouse.studies.intervals import Values, bootstrap_interval
from glasshouse.world.streams import stream

_RESAMPLES = 2_000


def over_draws(
    claim: Claim,
    values: np.ndarray,
    *,
    seed: int,
    text: str,
    control: np.ndarray,
    control_text: str,
) -> ClaimResult:
    """Judge a claim on the mean over projections, with a bootstrap over them.

    Args:
        claim: What is to be shown.
        values: The measurement behind each projection.
        seed: Of the resamples.
        text: The measurement in words; the values of all projections are added.
        control: The same where the effect must be absent.
        control_text: What the control is.
    """
    interval, other = (
        bootstrap_interval(some, rng=stream(seed, "engineered-monosemanticity", claim.id, name))
        for name, some in (("measured", values), ("control", control))
    )
    mean = float(np.mean(control))
    evidence = Evidence(
        measured=float(np.mean(values)),
        interval=interval,
        text=f"{text} (by projection: {', '.join(f'{value:.2f}' for value in values)})",
        control=judge_control(claim, mean, text=control_text, interval=other),
    )
    return ClaimResult(claim=claim, evidence=evidence)


def resampled(
    statistic: Callable[[np.ndarray], float], draws: int, *, rng: np.random.Generator
) -> tuple[float, float]:
    """Percentile interval (95%) of a statistic of projections drawn anew; NaN where it ever is.

    Args:
        statistic: Maps the numbers of the projections drawn, with repeats, to a measurement.
        draws: Number of projections.
        rng: Where the resamples come from.
    """
    values = [statistic(rng.integers(draws, size=draws)) for _ in range(_RESAMPLES)]
    if np.isnan(values).any():
        return float("nan"), float("nan")
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def in_order(values: Values) -> str:
    """Numbers in words, in order."""
    return ", ".join(f"{value:.2f}" for value in values)


def known_mean(values: list[float]) -> float:
    """The mean of what is defined; NaN where nothing is."""
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")
