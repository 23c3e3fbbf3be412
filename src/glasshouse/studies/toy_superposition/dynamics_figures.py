"""What happens during training."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure as Drawing
from matplotlib.ticker import NullFormatter

from glasshouse.studies.study import Figure, Section
from glasshouse.studies.toy_superposition.dynamics import Course, Dynamics


def chapter(found: Dynamics) -> Section:
    """Superposition and learning dynamics."""
    return Section(
        title="Geometry forms in jumps",
        text="During training a feature keeps to one level of dimensionality and then moves to "
        "another at once; the loss falls in steps.",
        items=(
            Figure(
                name="energy-levels",
                title="Features jump between levels",
                caption="One model in training: dimensionality of each of its features (top) and "
                "its loss on fresh data (bottom), on a logarithmic scale of steps.",
                draw=lambda: _levels(found.levels),
            ),
            Figure(
                name="octahedron",
                title="Two sets of three correlated features in three dimensions",
                caption="Loss (top) and WᵀW (bottom) at the moments marked by dots, first three "
                "features one set, last three the other. The model passes through intermediate "
                "shapes and ends in an octahedron: each feature opposite (blue) one of the other "
                "set and at right angles (white) to all else.",
                draw=lambda: _octahedron(found.octahedron),
            ),
        ),
    )


def _levels(course: Course) -> Drawing:
    figure, (top, bottom) = plt.subplots(
        2, 1, figsize=(6.4, 4.6), sharex=True, height_ratios=[2, 1], layout="constrained"
    )
    best = course.loss[-1].argmin()
    for level in (1, 3 / 4, 2 / 3, 1 / 2, 2 / 5, 3 / 8):
        top.axhline(level, color="grey", linewidth=0.5, alpha=0.6)
    looks = np.unique(np.geomspace(1, len(course.steps), 120).round().astype(int)) - 1
    top.plot(course.steps[looks], course.dimensionality[looks, best], linewidth=0.9, alpha=0.8)
    top.set(ylabel="dimensionality Dᵢ", ylim=(-0.03, 1.05))
    bottom.plot(course.steps, course.loss[:, best], color="C0")
    bottom.set(xscale="log", xlabel="training step", ylabel="loss")
    return figure


def _octahedron(course: Course) -> Drawing:
    best = course.loss[-1].argmin()
    loss = course.loss[:, best]
    shown = _moments(loss, 5)
    figure = plt.figure(figsize=(6.4, 3.6), layout="constrained")
    grid = figure.add_gridspec(2, len(shown), height_ratios=[1.2, 1])
    top = figure.add_subplot(grid[0, :])
    top.plot(course.steps, loss, color="C0")
    top.plot(course.steps[shown], loss[shown], "o", color="C1")
    top.set(xscale="log", yscale="log", xlabel="training step", ylabel="loss")
    top.yaxis.set_minor_formatter(NullFormatter())
    for column, look in enumerate(shown):
        axis = figure.add_subplot(grid[1, column])
        weights = course.weights[look, best]
        axis.imshow(weights.T @ weights, cmap="RdBu_r", vmin=-1.2, vmax=1.2)
        axis.set_title(f"step {course.steps[look]}", fontsize=9)
        axis.set(xticks=[], yticks=[])
        axis.grid(False)
    return figure


def _moments(loss: np.ndarray, count: int) -> np.ndarray:
    """Looks spread evenly over the fall of the logarithm of the loss, first and last included."""
    lowest = np.log(np.minimum.accumulate(loss))
    levels = np.linspace(lowest[0], lowest[-1], count)
    looks = [int(np.argmax(lowest <= level + 1e-9)) for level in levels]
    return np.array(sorted({*looks[:-1], len(loss) - 1}))
