"""The phase diagrams, as trained and as computed."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure as Drawing
from matplotlib.patches import Patch

from glasshouse.studies.study import Figure, Section
from glasshouse.studies.toy_superposition.phases import Diagram

_COLOURS = {"absent": "#f2efe6", "dedicated": "#3b5ba5", "superposed": "#c8452f"}
_WORDS = {"absent": "dropped", "dedicated": "own dimension", "superposed": "superposed"}


def chapter(diagrams: list[Diagram]) -> Section:
    """Superposition as a phase change."""
    return Section(
        title="Superposition is a phase change",
        text="One feature more than there are dimensions: it can be dropped, be given a dimension "
        "(another is dropped, or two others share), or share one. Which of them is best follows "
        "from three closed forms; which of them training finds is the colour of a cell.",
        items=(
            Figure(
                name="phase-diagram",
                title="Trained and computed phases",
                caption="Left: the best trained model of each cell; crosses mark cells that differ "
                "from theory. Right: the cheapest of the closed-form losses. Upwards features grow "
                "sparser, to the right the extra feature grows more important; the dashed line is "
                "equal importance.",
                draw=lambda: _diagrams(diagrams),
            ),
        ),
    )


def _diagrams(diagrams: list[Diagram]) -> Drawing:
    rows = len(diagrams)
    figure, axes = plt.subplots(
        rows,
        2,
        figsize=(6.4, 0.5 + 2.9 * rows),
        squeeze=False,
        layout="constrained",
        sharex=True,
        sharey=True,
    )
    for diagram, (left, right) in zip(diagrams, axes, strict=True):
        for axis, phases in ((left, diagram.found), (right, diagram.theory)):
            _cells(axis, diagram, phases)
        wrong_row, wrong_column = np.nonzero(~diagram.agrees)
        left.plot(
            diagram.importance[wrong_column],
            diagram.density[wrong_row],
            "x",
            color="black",
            markersize=5,
        )
        name = f"n={diagram.hidden + 1}, m={diagram.hidden}"
        left.set_title(f"trained, {name}")
        right.set_title(f"theory, {name}")
        left.set_ylabel("density 1−S")
    for axis in axes[-1]:
        axis.set_xlabel("importance of the extra feature")
    handles = [
        Patch(facecolor=_COLOURS[phase], edgecolor="grey", label=_WORDS[phase])
        for phase in _COLOURS
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3)
    return figure


def _cells(axis: Axes, diagram: Diagram, phases: np.ndarray) -> None:
    """Colour the cells of one diagram by phase, sparse on top."""
    codes = np.searchsorted(list(_COLOURS), phases)
    axis.pcolormesh(
        diagram.importance,
        diagram.density,
        codes,
        cmap=ListedColormap(list(_COLOURS.values())),
        vmin=-0.5,
        vmax=2.5,
        shading="nearest",
    )
    axis.axvline(1, color="black", linewidth=0.8, linestyle="--", alpha=0.6)
    axis.set(xscale="log", yscale="log")
    axis.invert_yaxis()
    axis.grid(False)
