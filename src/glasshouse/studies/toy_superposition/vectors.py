"""Features of a model with two hidden dimensions, drawn as arrows."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes


def draw_vectors(axis: Axes, weights: np.ndarray, *, colours: Sequence[str]) -> None:
    """Draw the columns of `weights` (2 x features) from the origin, inside a unit circle."""
    turn = np.linspace(0, 2 * np.pi, 100)
    axis.plot(np.cos(turn), np.sin(turn), color="grey", linewidth=0.5, alpha=0.6)
    for column, colour in zip(weights.T, colours, strict=True):
        axis.plot([0, column[0]], [0, column[1]], color=colour, linewidth=1.6)
        axis.plot(*column, "o", color=colour, markersize=5)
    axis.set(xlim=(-1.4, 1.4), ylim=(-1.4, 1.4), aspect="equal", xticks=[], yticks=[])
    axis.grid(False)
    for spine in axis.spines.values():
        spine.set_visible(False)
