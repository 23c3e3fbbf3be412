"""Examples and features in two hidden dimensions, by the size of the data set."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure as Drawing

from glasshouse.studies.study import Figure, Section
from glasshouse.studies.toy_superposition.memorisation import Memory


def chapter(found: list[Memory]) -> Section:
    """Superposition, memorisation and double descent."""
    return Section(
        title="Few examples are memorised in superposition",
        text="The same model, trained on T examples again and again, stores the examples when they "
        "are few and the features when they are many. In between it does neither well, and the "
        "test loss peaks. Follow-up: Henighan et al. 2023, “Superposition, Memorization, and "
        "Double Descent”.",
        items=(
            Figure(
                name="memorisation-vectors",
                title="What is packed into two dimensions",
                caption="Top: hidden vectors of the training examples, which form a polygon when "
                "they are few. Bottom: columns of W, one a feature, a few of which stand out when "
                "examples are many. Each panel has its own scale.",
                draw=lambda: _vectors(found),
            ),
            Figure(
                name="double-descent",
                title="Double descent",
                caption="Left: loss by number of training examples, mean and range over data sets. "
                "Right: dimensionality of examples (with m/T dashed) and of the five features that "
                "have most.",
                draw=lambda: _losses(found),
            ),
        ),
    )


def _vectors(found: list[Memory]) -> Drawing:
    shown = [found[i] for i in sorted({round(i) for i in np.linspace(0, len(found) - 1, 5)})]
    figure, axes = plt.subplots(2, len(shown), figsize=(6.4, 3.0), layout="constrained")
    for column, memory in enumerate(shown):
        best = memory.train_loss.argmin()
        for axis, vectors, colour in (
            (axes[0, column], memory.hidden[best], "C1"),
            (axes[1, column], memory.weights[best], "C0"),
        ):
            tips = vectors[:, :200].round(3)
            # One line that returns to the origin after each tip: a fifth of the size of 200 lines.
            rays = np.stack([np.zeros_like(tips), tips], axis=-1).reshape(2, -1)
            axis.plot(*rays, color=colour, linewidth=0.7, alpha=0.6)
            axis.plot(*tips, ".", color=colour, markersize=3)
            reach = 1.1 * np.abs(vectors).max()
            axis.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
            axis.set(xticks=[], yticks=[])
            axis.grid(False)
        axes[0, column].set_title(f"T = {memory.size}" if memory.size else "fresh", fontsize=9)
    axes[0, 0].set_ylabel("examples")
    axes[1, 0].set_ylabel("features")
    return figure


def _losses(found: list[Memory]) -> Drawing:
    figure, (left, right) = plt.subplots(1, 2, figsize=(6.4, 3.0), layout="constrained")
    places = np.arange(len(found))
    for name, label in (("test_loss", "test"), ("train_loss", "training")):
        values = np.array([getattr(memory, name) for memory in found])
        (line,) = left.plot(places, values.mean(axis=1), "o-", markersize=4, label=label)
        left.fill_between(
            places, values.min(axis=1), values.max(axis=1), color=line.get_color(), alpha=0.2
        )
    left.set(ylabel="loss", ylim=(0, None))
    sized = [memory for memory in found if memory.size]
    examples = [memory.example_dimensionality.mean() for memory in sized]
    right.plot(places[: len(sized)], examples, "o-", color="C1", markersize=4, label="examples")
    right.plot(
        places[: len(sized)], [2 / (memory.size or 1) for memory in sized], "--", color="grey"
    )
    tops = [memory.top_features.mean() for memory in found]
    right.plot(places, tops, "s-", color="C0", markersize=4, label="top features")
    right.set(ylabel="dimensionality", ylim=(0, None))
    for axis in (left, right):
        labels = [str(memory.size or "fresh") for memory in found]
        axis.set_xticks(places, labels=labels, rotation=45, fontsize=8)
        axis.set_xlabel("training examples T")
        axis.legend()
    return figure
