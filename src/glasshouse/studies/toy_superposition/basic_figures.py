"""The stack of norms and interference, by density."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure as Drawing

from glasshouse.studies.study import Figure, Section
from glasshouse.studies.toy_superposition.basic import Basic, Kind


def chapter(found: Basic) -> Section:
    """What sparsity does to the weights."""
    config = found.config
    return Section(
        title="Sparse features share dimensions",
        text=f"{config.features} features of falling importance are squeezed through "
        f"{config.hidden} dimensions and read back. A linear model spends each dimension on one "
        "feature. With a ReLU at the output, and features that are mostly zero, the model keeps "
        "more of them and lets them overlap.",
        items=(
            Figure(
                name="superposition-stack",
                title="What the weights keep, by density",
                caption="Top: WᵀW of the best model (red positive, blue negative). Bottom: length "
                "of each feature's column, most important on top; dark features are alone in their "
                "direction, bright ones share it. To the right features grow sparser: off-diagonal "
                "interference appears and more bars reach 1.",
                draw=lambda: _stack(found),
            ),
            Figure(
                name="features-by-density",
                title="Features kept",
                caption="Features with a column longer than 0.5, one point a model. The linear "
                f"model stays at its {config.hidden} dimensions, the ReLU model leaves them.",
                draw=lambda: _counts(found),
            ),
        ),
    )


def _stack(found: Basic) -> Drawing:
    shown = _spread(len(found.config.densities), 4)
    columns: list[tuple[str, Kind, int]] = [("linear", found.linear, shown[-1])]
    columns += [(f"{found.config.densities[i]:g}", found.relu, i) for i in shown]
    figure, axes = plt.subplots(
        2, len(columns), figsize=(6.4, 3.6), height_ratios=[1, 1.4], layout="constrained"
    )
    for (title, kind, row), heat, bars in zip(columns, axes[0], axes[1], strict=True):
        heat.imshow(kind.grams[row], cmap="RdBu_r", vmin=-1.2, vmax=1.2)
        heat.set_title(title if kind is found.linear else f"1−S = {title}", fontsize=9)
        norms, shared = kind.norms[row, kind.best[row]], kind.shared[row, kind.best[row]]
        places = np.arange(len(norms))
        bars.barh(places, norms, color=plt.get_cmap("plasma")(np.clip(shared, 0, 1)), height=0.85)
        bars.set(ylim=(len(norms) - 0.5, -0.5), xlim=(0, 1.35), xticks=[0, 1])
        for axis in (heat, bars):
            axis.set_yticks([])
            axis.grid(False)
        heat.set_xticks([])
        bars.spines["left"].set_visible(False)
    axes[1, 0].set_ylabel("features, by importance")
    colours = plt.cm.ScalarMappable(cmap="plasma")
    figure.colorbar(colours, ax=axes[1, :], shrink=0.8, label="shared, Σ(Ŵᵢ·Wⱼ)²")
    return figure


def _counts(found: Basic) -> Drawing:
    figure, axis = plt.subplots(figsize=(6.4, 3.2), layout="constrained")
    inverse = 1 / np.array(found.config.densities)
    for kind, name, mark in ((found.relu, "ReLU", "o"), (found.linear, "linear", "s")):
        (line,) = axis.plot(inverse, kind.kept.mean(axis=1), label=name)
        for model in kind.kept.T:
            axis.plot(inverse, model, mark, color=line.get_color(), alpha=0.3, markersize=4)
    axis.set(xscale="log", xlabel="1/(1−S), sparser →", ylabel="features kept", ylim=(0, None))
    axis.legend()
    return figure


def _spread(count: int, wanted: int) -> list[int]:
    """Evenly spread indices, first and last included."""
    return sorted({round(i) for i in np.linspace(0, count - 1, min(count, wanted))})
