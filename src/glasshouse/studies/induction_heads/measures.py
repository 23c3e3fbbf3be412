"""From losses by place to scores, windows, bends and turns: arithmetic on what was seen."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """Where a score changes fastest per logarithm of the step."""

    start: float
    """First step of the window, between looks."""
    steepest: float
    """Step of the steepest change."""
    end: float
    """Last step of the window."""

    @property
    def middle(self) -> float:
        """The middle on a scale of log steps."""
        return float(np.sqrt(self.start * self.end))

    def distance(self, step: float) -> float:
        """How far a step lies from the middle, in half-widths on a scale of log steps."""
        half = np.log(self.end / self.start) / 2
        return float(abs(np.log(step / self.middle)) / half)


def icl_scores(losses: np.ndarray, *, early: int, late: int) -> np.ndarray:
    """In-context-learning score: mean loss of 8 late places less that of 4 early ones, in nats.

    Args:
        losses: `... place`.
        early: First of the early places.
        late: First of the late ones.
    """
    return losses[..., late : late + 8].mean(-1) - losses[..., early : early + 4].mean(-1)


def phase_window(steps: np.ndarray, scores: np.ndarray) -> Window:
    """The window in which the score's derivative by log step exceeds half of its largest.

    The score is read at 200 points evenly spaced in log step, between looks on straight lines; the
    derivative is taken over the distance of two looks at the place where it is steepest.

    Args:
        steps: Steps of the looks; the look before the first step is left out.
        scores: The score at each look.
    """
    seen = steps > 0
    log_steps = np.log(steps[seen])
    grid = np.linspace(log_steps[0], log_steps[-1], 400)
    slope = np.abs(_slope(log_steps, scores[seen], grid))
    peak = int(slope.argmax())
    inside = slope > slope[peak] / 2
    first, last = peak, peak
    while first > 0 and inside[first - 1]:
        first -= 1
    while last < len(grid) - 1 and inside[last + 1]:
        last += 1
    # A window between two looks would have no width to measure distances by.
    start, steepest, end = np.exp(grid[[max(first - 1, 0), peak, min(last + 1, len(grid) - 1)]])
    return Window(start=float(start), steepest=float(steepest), end=float(end))


def _slope(x: np.ndarray, y: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Derivative by centred differences over three looks, read on a grid."""
    return np.interp(grid, x, np.gradient(y, x))


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
    """The step at which the loss, over log steps, stops bending down and bends up, most sharply.

    There the loss falls fastest: its second difference changes sign from negative to positive. Of
    several such places the one of the steepest fall counts. NaN if there is none.
    """
    seen = steps > 0
    log_steps = np.log(steps[seen])
    slope = np.gradient(loss[seen], log_steps)
    middles = range(1, len(slope) - 1)
    bottoms = [i for i in middles if slope[i - 1] > slope[i] <= slope[i + 1]]
    if not bottoms:
        return float("nan")
    return float(steps[seen][min(bottoms, key=lambda i: slope[i])])


def principal_path(vectors: np.ndarray) -> tuple[np.ndarray, float]:
    """A path through many dimensions, drawn in the plane of its two principal components.

    Args:
        vectors: One point a look, `look dimension`.

    Returns:
        The path, `look 2`, and the share of variance that the plane holds.
    """
    centred = vectors - vectors.mean(axis=0)
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    return left[:, :2] * sizes[:2], float((sizes[:2] ** 2).sum() / (sizes**2).sum())


def turn(steps: np.ndarray, path: np.ndarray, window: Window) -> float:
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
