"""Neurons that compute the absolute value."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing

from glasshouse.studies.study import Figure, Section, Table
from glasshouse.studies.toy_superposition.computing import Computing


def chapter(found: Computing) -> Section:
    """Computation in superposition."""
    config = found.config
    return Section(
        title="Models compute in superposition",
        text=f"{config.hidden} neurons compute the absolute value of {config.features} features. "
        "Alone, a feature needs two neurons, one for each sign; sparse features share neurons. How "
        "many are computed hangs on the start: from weights four times as large, an output that "
        "begins inhibited for one sign of its feature gets no gradient there, and sparse models "
        "end at one sign of many features and at a higher loss.",
        items=(
            Figure(
                name="neuron-stacks",
                title="What each neuron listens to",
                caption="One bar a neuron, the sizes of its input weights stacked, one colour a "
                "feature (dark is important); weights under a tenth of the largest are one grey "
                "rest. Dense features get neurons of their own; sparser ones mix.",
                draw=lambda: _stacks(found),
            ),
            Figure(
                name="computed-features",
                title="Features computed, and features a neuron answers to",
                caption="Left: features whose absolute value is right to 0.1; dashed, the room "
                "for dedicated pairs of neurons. Right: features a neuron answers to. One point a "
                "model.",
                draw=lambda: _counts(found),
            ),
            _signs(found),
        ),
    )


def _signs(found: Computing) -> Table:
    """How many features each density computes on both signs, and on one."""
    right = found.sign_error < 0.1
    both, either = right.all(axis=2).sum(axis=-1), right.sum(axis=(2, 3))
    return Table(
        title="Signs computed",
        columns=("density", "both signs right", "signs right", "neurons"),
        rows=tuple(
            (density, round(float(b.mean()), 1), round(float(e.mean()), 1), found.config.hidden)
            for density, b, e in zip(found.config.densities, both, either, strict=True)
        ),
        caption="Mean over models, to 0.1. A neuron serves one sign of one feature unless it is "
        "shared, so more signs right than neurons is computation in superposition.",
    )


def _stacks(found: Computing) -> Drawing:
    densities = found.config.densities
    count = len(densities)
    figure, axes = plt.subplots(
        count, 1, figsize=(6.4, 1.15 * count + 0.4), layout="constrained", sharex=True
    )
    for axis, density, weights, loss in zip(
        axes, densities, found.weights, found.loss, strict=True
    ):
        _draw_stack(axis, np.abs(weights[loss.argmin()]))
        axis.set_ylabel(f"1−S = {density:g}", fontsize=9)
        axis.grid(False)
        axis.set_xticks([])
    axes[-1].set_xlabel("neurons, by the feature they answer to most")
    return figure


def _draw_stack(axis: Axes, size: np.ndarray) -> None:
    """Stack each neuron's weights, largest below; those under a tenth of it as one grey rest."""
    size = size[np.lexsort((-size.max(axis=1), size.argmax(axis=1)))]
    neurons, features = size.shape
    colours = plt.get_cmap("viridis")(np.linspace(0, 0.95, features))
    order = np.argsort(-size, axis=1)
    heights = np.take_along_axis(size, order, axis=1)
    is_shown = heights > 0.1 * heights[:, :1]
    bottom = np.zeros(neurons)
    for rank in range(int(is_shown.sum(axis=1).max())):
        on = is_shown[:, rank]
        style = {"color": colours[order[on, rank]], "edgecolor": "white", "linewidth": 0.2}
        axis.bar(np.flatnonzero(on), heights[on, rank], bottom=bottom[on], width=0.8, **style)
        bottom += np.where(on, heights[:, rank], 0.0)
    rest = np.where(is_shown, 0.0, heights).sum(axis=1)
    axis.bar(np.arange(neurons), rest, bottom=bottom, color="grey", alpha=0.35, width=0.8)


def _counts(found: Computing) -> Drawing:
    figure, (left, right) = plt.subplots(1, 2, figsize=(6.4, 2.8), layout="constrained")
    inverse = 1 / np.array(found.config.densities)
    for axis, values in ((left, found.computed), (right, found.neurons.mean(axis=-1))):
        axis.plot(inverse, values.mean(axis=1), color="C0")
        axis.plot(inverse, values, "o", color="C0", alpha=0.4, markersize=4)
        axis.set(xscale="log", xlabel="1/(1−S), sparser →", ylim=(0, None))
    room = found.config.hidden / 2
    left.axhline(room, color="grey", linestyle="--", linewidth=0.8)
    left.set_ylim(0, 1.1 * max(room, found.computed.max()))
    left.set_ylabel("features computed")
    right.set_ylabel("features a neuron")
    return figure
