"""What every argument does with its measurements: a value a unit, an interval over units."""

from collections.abc import Sequence

import numpy as np

from glasshouse.studies.claims import (
    Claim,
    ClaimResult,
    Control,
    Evidence,
    judge_control,
    out_of_scale,
)
from glasshouse.studies.intervals import bootstrap_interval
from glasshouse.studies.scaling_monosemanticity.grow import NAME
from glasshouse.world.streams import stream

_RESAMPLES = 2_000


def untested(claim: Claim, why: str) -> ClaimResult:
    """A claim for which there was nothing to measure."""
    return ClaimResult(claim=claim, evidence=out_of_scale(why))


def over_units(
    claim: Claim, values: Sequence[float], *, seed: int, text: str, control: Control
) -> ClaimResult:
    """Judge a claim on the mean over units (topics, prompts, latents), with a bootstrap over them.

    Args:
        claim: What is to be shown.
        values: The measurement of each unit.
        seed: Of the resamples.
        text: The measurement in words.
        control: From `control_of`.
    """
    if len(values) < 2:
        return untested(claim, f"{len(values)} units were measured, and two have a spread")
    evidence = Evidence(
        measured=float(np.mean(values)),
        interval=bootstrap_interval(values, rng=stream(seed, NAME, claim.id, "measured")),
        text=text,
        control=control,
    )
    return ClaimResult(claim=claim, evidence=evidence)


def ratio_over_units(
    claim: Claim,
    above: Sequence[float],
    below: Sequence[float],
    *,
    seed: int,
    text: str,
    control: Control,
) -> ClaimResult:
    """Judge a claim on a ratio of means, with a bootstrap over units that keeps pairs together."""
    if len(above) < 2 or not np.mean(below) > 0:
        return untested(claim, "there is nothing to divide by")
    evidence = Evidence(
        measured=float(np.mean(above) / np.mean(below)),
        interval=ratio_interval(above, below, stream(seed, NAME, claim.id, "measured")),
        text=text,
        control=control,
    )
    return ClaimResult(claim=claim, evidence=evidence)


def ratio_interval(
    above: Sequence[float], below: Sequence[float], rng: np.random.Generator
) -> tuple[float, float]:
    """95% bootstrap interval of a ratio of means of pairs."""
    pairs = np.array([above, below], dtype=float)
    drawn = pairs[:, rng.integers(pairs.shape[1], size=(_RESAMPLES, pairs.shape[1]))].mean(axis=2)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = drawn[0] / drawn[1]
    return percentiles(ratios)


def percentiles(samples: np.ndarray) -> tuple[float, float]:
    """The middle 95%; an end is NaN where over a fortieth of samples are undefined or infinite."""
    known = samples[np.isfinite(samples)]
    if len(known) < 0.975 * len(samples):
        return float("nan"), float("nan")
    low, high = np.percentile(known, [2.5, 97.5])
    return float(low), float(high)


def control_of(claim: Claim, values: Sequence[float], *, seed: int, text: str) -> Control:
    """Judge a control on the mean over units, with a bootstrap over them."""
    interval = bootstrap_interval(values, rng=stream(seed, NAME, claim.id, "control"))
    mean = float(np.mean(values)) if len(values) else float("nan")
    return judge_control(
        claim, mean, text=f"{text}: {mean:.2f}", interval=interval if len(values) > 1 else None
    )
