"""What every argument does with its measurements: lines in logarithms, intervals, verdicts."""

import numpy as np
from jaxtyping import Float64

from glasshouse.studies.claims import Claim, ClaimResult, Control, Evidence, out_of_scale


def untested(claim: Claim, why: str) -> ClaimResult:
    """A claim for which there was nothing to measure."""
    return ClaimResult(claim=claim, evidence=out_of_scale(why))


def judged(
    claim: Claim,
    measured: float,
    interval: tuple[float, float],
    *,
    text: str,
    control: Control | None = None,
) -> ClaimResult:
    """A claim with its evidence."""
    evidence = Evidence(measured=measured, interval=interval, text=text, control=control)
    return ClaimResult(claim=claim, evidence=evidence)


def middle_95(samples: Float64[np.ndarray, " draw"]) -> tuple[float, float]:
    """The middle 95%; both ends NaN where a sample is no number."""
    if not np.isfinite(samples).all():
        return float("nan"), float("nan")
    low, high = np.percentile(samples, [2.5, 97.5])
    return float(low), float(high)


def other_seeds(
    losses: Float64[np.ndarray, " run"], noise: float, draws: int, rng: np.random.Generator
) -> Float64[np.ndarray, "draw run"]:
    """The losses as runs of other seeds might have had them.

    Args:
        losses: One a run.
        noise: Standard deviation of log loss between seeds.
        draws: How often.
        rng: Where the noise comes from.
    """
    return losses * np.exp(noise * rng.standard_normal((draws, len(losses))))


def log_line(
    x: Float64[np.ndarray, " run"], losses: Float64[np.ndarray, "draw run"]
) -> tuple[Float64[np.ndarray, " draw"], Float64[np.ndarray, " draw"]]:
    """Slope and R² of log loss against log x, for each row of losses."""
    centred = np.log(x) - np.log(x).mean()
    logs = np.log(losses)
    off = logs - logs.mean(axis=1, keepdims=True)
    slope = off @ centred / (centred @ centred)
    left = off - slope[:, None] * centred
    return slope, 1 - (left**2).sum(axis=1) / (off**2).sum(axis=1)


def dealt_r2(
    x: Float64[np.ndarray, " run"], losses: Float64[np.ndarray, " run"], rng: np.random.Generator
) -> float:
    """Mean R² where the losses are dealt to the runs at random: what chance explains."""
    dealt = np.stack([rng.permutation(losses) for _ in range(200)])
    return float(log_line(x, dealt)[1].mean())


def distance_interval(low: float, high: float, middle: float) -> tuple[float, float]:
    """The interval of the distance from a middle, given that of the number itself."""
    ends = abs(low - middle), abs(high - middle)
    return (0.0 if low <= middle <= high else min(ends)), max(ends)
