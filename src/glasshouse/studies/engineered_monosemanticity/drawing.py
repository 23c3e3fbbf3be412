"""What the drawings of this study share: colours and marks by kind of training."""

import numpy as np
from matplotlib.axes import Axes

from glasshouse.studies.engineered_monosemanticity.levers import Kind

COLOURS: dict[Kind, str] = {
    "plain": "C0",
    "lever": "C1",
    "decay alone": "C2",
    "positive": "C3",
    "published decay": "C4",
}
MARKS: dict[Kind, str] = {
    "plain": "o",
    "lever": "s",
    "decay alone": "^",
    "positive": "v",
    "published decay": "D",
}


def mark_models(
    axis: Axes, where: float, values: np.ndarray, kind: Kind, *, label: str = ""
) -> None:
    """One mark a projection, side by side enough to be told apart."""
    axis.plot(
        np.full(len(values), where),
        values,
        MARKS[kind],
        color=COLOURS[kind],
        alpha=0.55,
        markersize=5,
        label=label or None,
    )
