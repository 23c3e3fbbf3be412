"""Does a model that says 80 % come out right 80 % of the time?"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Shaped
from scipy import stats

from glasshouse.errors import InputError


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """The answers whose confidence fell between two bounds."""

    low: float
    high: float
    count: int
    confidence: float
    """Mean confidence; NaN for an empty bin."""
    accuracy: float
    """Share that was right; NaN for an empty bin."""


def reliability(
    confidence: Float[np.ndarray, " sample"],
    correct: Bool[np.ndarray, " sample"],
    *,
    num_bins: int = 10,
) -> list[ReliabilityBin]:
    """Sort answers by confidence into bins of equal width over [0, 1].

    Raises:
        InputError: If the arrays differ in length, or a confidence lies outside [0, 1].

    Source:
        Kadavath et al. 2022, "Language Models (Mostly) Know What They Know", section 3.
    """
    _refuse_misfits(confidence, correct)
    edges = np.linspace(0.0, 1.0, num_bins + 1)
    place = np.clip(np.searchsorted(edges, confidence, side="right") - 1, 0, num_bins - 1)
    bins = []
    for index in range(num_bins):
        inside = place == index
        count = int(inside.sum())
        bins.append(
            ReliabilityBin(
                low=float(edges[index]),
                high=float(edges[index + 1]),
                count=count,
                confidence=float(confidence[inside].mean()) if count else float("nan"),
                accuracy=float(correct[inside].mean()) if count else float("nan"),
            )
        )
    return bins


def expected_calibration_error(
    confidence: Float[np.ndarray, " sample"],
    correct: Bool[np.ndarray, " sample"],
    *,
    num_bins: int = 10,
) -> float:
    """Return the mean distance between confidence and accuracy, bins weighted by their answers.

    Raises:
        InputError: If there are no answers, or as `reliability` does.

    Source:
        Guo et al. 2017, "On Calibration of Modern Neural Networks", section 2, eq. 3.
    """
    if len(confidence) == 0:
        raise InputError("calibration of no answers is undefined; pass at least one")
    filled = [b for b in reliability(confidence, correct, num_bins=num_bins) if b.count]
    return sum(b.count * abs(b.confidence - b.accuracy) for b in filled) / len(confidence)


def brier_score(
    confidence: Float[np.ndarray, " sample"], correct: Bool[np.ndarray, " sample"]
) -> float:
    """Return the mean squared distance between confidence and outcome; 0 is best, 0.25 is a coin.

    Raises:
        InputError: If there are no answers, or as `reliability` does.
    """
    _refuse_misfits(confidence, correct)
    if len(confidence) == 0:
        raise InputError("the Brier score of no answers is undefined; pass at least one")
    return float(np.mean((confidence - correct) ** 2))


def auroc(
    score: Float[np.ndarray, " sample"] | Shaped[np.ndarray, " sample"],
    label: Bool[np.ndarray, " sample"],
) -> float:
    """Return the chance that a true one scores above a false one, ties counting half.

    NaN when one of the two classes is empty.

    Source:
        Hanley & McNeil 1982; computed from average ranks (Mann-Whitney U).
    """
    positives, negatives = int(label.sum()), int((~label).sum())
    if positives == 0 or negatives == 0:
        return float("nan")
    ranks = stats.rankdata(score)
    rank_sum = float(ranks[label].sum())
    return (rank_sum - positives * (positives + 1) / 2) / (positives * negatives)


def _refuse_misfits(
    confidence: Float[np.ndarray, " sample"], correct: Shaped[np.ndarray, " other"]
) -> None:
    if len(confidence) != len(correct):
        raise InputError(
            f"{len(confidence)} confidences for {len(correct)} outcomes; they must pair up"
        )
    if len(confidence) and not (confidence.min() >= 0 and confidence.max() <= 1):
        raise InputError(
            f"a confidence of {confidence.min():g} to {confidence.max():g} is no probability; "
            "confidences lie in [0, 1]"
        )
