"""From what was seen to shares, bends and turns; scores and windows come from `interpret.icl`."""

import numpy as np
import torch

from glasshouse.interpret.icl import PhaseWindow, icl_score, phase_window
from glasshouse.studies.induction_heads.config import InductionConfig
from glasshouse.studies.induction_heads.course import Course


def icl(losses: np.ndarray, config: InductionConfig) -> np.ndarray:
    """In-context-learning score in nats of losses by place, `... place`; negative is learning."""
    scores = icl_score(
        torch.from_numpy(losses),
        late=config.looks.late,
        early=config.looks.early,
        window=config.looks.window,
    )
    return scores.numpy()


def window_of(course: Course, config: InductionConfig) -> PhaseWindow:
    """When a model's in-context learning changed."""
    seen = course.steps > 0
    return phase_window(course.steps[seen].astype(float), icl(course.losses[seen], config))


def distance_from(window: PhaseWindow, step: float) -> float:
    """How far a step lies from a window's middle, in half-widths on a scale of log steps."""
    middle, half = np.log(window.start * window.end) / 2, np.log(window.end / window.start) / 2
    return float(abs(np.log(step) - middle) / half)


def largest_share(steps: np.ndarray, scores: np.ndarray, *, width: float = 0.25) -> float:
    """The largest share of a score's whole change that falls into one stretch of the steps.

    Args:
        steps: Steps of the looks.
        scores: The score at each look.
        width: Length of the stretch, as a share of all steps.
    """
    span = width * (steps[-1] - steps[0])
    starts = np.linspace(steps[0], steps[-1] - span, 1_000)
    change = np.interp(starts + span, steps, scores) - np.interp(starts, steps, scores)
    whole = scores[-1] - scores[0]
    return float((change / whole).max()) if whole else float("nan")


def first_above(steps: np.ndarray, values: np.ndarray, level: float) -> float:
    """The step at which a course first passes a level, between looks on a line; NaN if never."""
    above = np.flatnonzero(values > level)
    if not len(above):
        return float("nan")
    after = above[0]
    if after == 0:
        return float(steps[0])
    share = (level - values[after - 1]) / (values[after] - values[after - 1])
    return float(steps[after - 1] + share * (steps[after] - steps[after - 1]))


def bend(steps: np.ndarray, loss: np.ndarray) -> float:
    """The step at which the loss, over log steps, stops bending down and bends up.

    There it falls fastest: its second difference changes sign from negative to positive. Of several
    such places the one of the steepest fall counts; NaN if there is none.
    """
    seen = steps > 0
    slope = np.gradient(loss[seen], np.log(steps[seen]))
    middles = range(1, len(slope) - 1)
    bottoms = [i for i in middles if slope[i - 1] > slope[i] <= slope[i + 1]]
    if not bottoms:
        return float("nan")
    return float(steps[seen][min(bottoms, key=lambda i: slope[i])])


def bump(steps: np.ndarray, loss: np.ndarray) -> float:
    """How far a loss curve rises above the greatest convex curve under it, per its whole fall."""
    corners: list[tuple[float, float]] = []
    for step, value in zip(steps.tolist(), loss.tolist(), strict=True):
        while len(corners) > 1 and _lies_above(corners[-1], corners[-2], (step, value)):
            corners.pop()
        corners.append((step, value))
    hull = np.interp(steps, *np.array(corners).T)
    fall = loss[0] - loss[-1]
    return float((loss - hull).max() / fall) if fall else float("nan")


def _lies_above(
    middle: tuple[float, float], left: tuple[float, float], right: tuple[float, float]
) -> bool:
    """Whether a point lies on or above the line between its neighbours."""
    rise, run = right[1] - left[1], right[0] - left[0]
    return (middle[1] - left[1]) * run >= rise * (middle[0] - left[0])


def principal_paths(*journeys: np.ndarray) -> tuple[list[np.ndarray], float]:
    """Paths through many dimensions, drawn in the plane of their common two principal components.

    Args:
        journeys: One point a look, `look dimension`; the same dimensions for all.

    Returns:
        The paths, `look 2` each, and the share of variance that the plane holds.
    """
    points = np.concatenate(journeys)
    left, sizes, _ = np.linalg.svd(points - points.mean(axis=0), full_matrices=False)
    ends = np.cumsum([len(journey) for journey in journeys])[:-1]
    share = float((sizes[:2] ** 2).sum() / (sizes**2).sum())
    return np.split(left[:, :2] * sizes[:2], ends), share


def turn(steps: np.ndarray, path: np.ndarray, window: PhaseWindow) -> float:
    """Angle in degrees between a path's way up to a window's start and its way through the window.

    Args:
        steps: Steps of the looks.
        path: `look 2`.
        window: Where to look for a turn.
    """

    def at(step: float) -> np.ndarray:
        return np.array([np.interp(step, steps, axis) for axis in path.T])

    before, through = at(window.start) - path[0], at(window.end) - at(window.start)
    cosine = before @ through / (np.linalg.norm(before) * np.linalg.norm(through))
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))
