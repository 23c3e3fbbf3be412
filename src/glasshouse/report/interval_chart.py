"""The small chart beside each claim: no effect, threshold, what was measured, and the control."""

import math
from dataclasses import dataclass

from glasshouse.studies import ClaimResult


@dataclass(frozen=True, kw_only=True, slots=True)
class IntervalChart:
    """Where the marks of one claim stand, in percent of the chart's width."""

    measured: float
    """The dot."""
    low: float
    """Left end of the bar."""
    high: float
    """Right end of the bar."""
    threshold: float
    """The line to pass."""
    no_effect: float
    """The line of no effect."""
    control: float | None
    """The hollow mark; None without a control."""
    zone_left: float
    """Left edge of the shaded side, where the claim is met."""
    zone_width: float
    """Width of the shaded side."""
    words: str
    """The chart in words, for whoever cannot see it."""


def interval_chart(result: ClaimResult, *, margin: float = 6.0) -> IntervalChart | None:
    """Lay out the chart of a claim; None when nothing was measured.

    Unbounded ends of the interval run to the chart's edge.

    Args:
        result: The claim with its evidence.
        margin: Percent of the width kept free on both sides.
    """
    claim, evidence = result.claim, result.evidence
    if not math.isfinite(evidence.measured):
        return None
    low, high = evidence.interval
    control = evidence.control.value if evidence.control else math.nan
    shown = [claim.no_effect, claim.threshold, evidence.measured, low, high, control]
    finite = [value for value in shown if math.isfinite(value)]
    start, span = min(finite), (max(finite) - min(finite)) or 1.0

    def place(value: float, otherwise: float) -> float:
        if not math.isfinite(value):
            return otherwise
        return round(margin + (100 - 2 * margin) * (value - start) / span, 2)

    threshold = place(claim.threshold, 50.0)
    is_above = claim.direction == "above"
    return IntervalChart(
        measured=place(evidence.measured, 50.0),
        low=place(low, 0.0),
        high=place(high, 100.0),
        threshold=threshold,
        no_effect=place(claim.no_effect, 50.0),
        control=place(control, 50.0) if math.isfinite(control) else None,
        zone_left=threshold if is_above else 0.0,
        zone_width=round(100 - threshold if is_above else threshold, 2),
        words=_in_words(result),
    )


def _in_words(result: ClaimResult) -> str:
    """The chart as a sentence."""
    claim, evidence = result.claim, result.evidence
    low, high = evidence.interval
    words = (
        f"Measured {evidence.measured:.4g}, interval {low:.4g} to {high:.4g}; "
        f"no effect is {claim.no_effect:.4g}, the threshold is {claim.direction} "
        f"{claim.threshold:.4g}"
    )
    if evidence.control is not None:
        words += f"; the control measured {evidence.control.value:.4g}"
    return words
