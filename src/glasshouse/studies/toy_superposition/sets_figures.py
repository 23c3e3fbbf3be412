"""Pairs of features in two dimensions."""

import matplotlib.pyplot as plt
from matplotlib.figure import Figure as Drawing

from glasshouse.studies.study import Figure, Section
from glasshouse.studies.toy_superposition.sets import Sets
from glasshouse.studies.toy_superposition.vectors import draw_vectors

_TITLES = {
    "correlated": "always together",
    "anticorrelated": "never together",
    "none": "independent",
}


def chapter(found: Sets) -> Section:
    """Correlated and anticorrelated features."""
    return Section(
        title="Correlation arranges features",
        text="Features that come together should not disturb each other; features that never meet "
        "may. Pairs share a colour in the drawings; each shows the model of lowest loss.",
        items=(
            Figure(
                name="correlated-pairs",
                title="Two pairs in two dimensions",
                caption="Features that come together lie at right angles; features that never do "
                "lie opposite each other; independent features pair up blindly.",
                draw=lambda: _kinds(found),
            ),
            Figure(
                name="collapse",
                title="Three pairs merge",
                caption="Three correlated pairs in two dimensions, at the density above. As "
                "density grows, partners merge into one direction, their principal component.",
                draw=lambda: _collapse(found),
            ),
        ),
    )


def _kinds(found: Sets) -> Drawing:
    figure, axes = plt.subplots(1, 3, figsize=(6.4, 2.4), layout="constrained")
    for axis, (kind, title) in zip(axes, _TITLES.items(), strict=True):
        pairs = found.kinds[kind]
        draw_vectors(axis, pairs.weights[pairs.loss.argmin()], colours=["C0", "C0", "C1", "C1"])
        axis.set_title(title, fontsize=10)
    return figure


def _collapse(found: Sets) -> Drawing:
    densities = found.config.collapse_densities
    columns = min(4, len(densities))
    rows = -(-len(densities) // columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(6.4, 1.8 * rows), squeeze=False, layout="constrained"
    )
    for axis in axes.flat[len(densities) :]:
        axis.set_visible(False)
    pairs = found.collapse["correlated"]
    losses = pairs.loss.reshape(len(densities), -1)
    weights = pairs.weights.reshape(len(densities), -1, 2, 6)
    for axis, density, loss, models in zip(axes.flat, densities, losses, weights, strict=False):
        draw_vectors(
            axis, models[loss.argmin()], colours=[f"C{pair}" for pair in (0, 0, 1, 1, 2, 2)]
        )
        axis.set_title(f"1−S = {density:g}", fontsize=9)
    return figure
