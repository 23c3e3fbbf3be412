"""More neurons and other tasks, drawn."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure as Drawing

from glasshouse.studies.engineered_monosemanticity.drawing import COLOURS, MARKS, mark_models
from glasshouse.studies.engineered_monosemanticity.seen import Seen
from glasshouse.studies.engineered_monosemanticity.settings import VARIANTS, WIDTHS
from glasshouse.studies.study import Figure, Section


def settings_chapter(seen: Seen) -> Section:
    """Neurons, tasks, activations, frequencies."""
    return Section(
        title="More neurons, other tasks",
        text="The same with other numbers of neurons, feature frequencies, activations and "
        "tasks, at the judged learning rate but for GeLU, which has one of its own.",
        items=(
            Figure(
                name="neurons",
                title="More neurons",
                caption="Left: monosemantic neurons by feature (filled) and features that own one "
                "(hollow). Right: loss. One mark a projection.",
                draw=lambda: _widths(seen),
            ),
            Figure(
                name="other-settings",
                title="Other settings",
                caption="Monosemantic neurons by feature (by feature and sign for absolute "
                "values), one mark a projection. Below each setting stands how the lever changes "
                "its loss.",
                draw=lambda: _variants(seen),
            ),
        ),
    )


def _widths(seen: Seen) -> Drawing:
    figure, axes = plt.subplots(1, 2, figsize=(6.8, 3.0), layout="constrained")
    widths = seen.config.widths
    for kind in ("plain", "lever"):
        models = [seen.models(name, kind) for name in WIDTHS]
        means = [float(one.mono().mean()) for one in models]
        axes[0].plot(widths, means, color=COLOURS[kind], label=kind)
        axes[1].plot(widths, [float(one.loss.mean()) for one in models], color=COLOURS[kind])
        for width, one in zip(widths, models, strict=True):
            mark_models(axes[0], width, one.mono(), kind)
            mark_models(axes[1], width, one.loss, kind)
            axes[0].plot(
                np.full(len(one.distinct), width),
                one.distinct,
                MARKS[kind],
                markerfacecolor="none",
                color=COLOURS[kind],
                markersize=5,
            )
    axes[0].axhline(1, linestyle=":", color="grey", linewidth=1)
    for axis, label in zip(axes, ("per feature", "loss"), strict=True):
        axis.set(xscale="log", xlabel="neurons a feature", ylabel=label, ylim=(0, None))
        axis.set_xticks(widths, [str(width) for width in widths])
        axis.minorticks_off()
    axes[0].legend(fontsize=8)
    return figure


def _variants(seen: Seen) -> Drawing:
    figure, axis = plt.subplots(figsize=(6.8, 3.2), layout="constrained")
    names = ["decoder", *VARIANTS]
    labels = []
    for place, name in enumerate(names):
        for shift, kind in zip((-0.2, 0.0, 0.2), ("plain", "decay alone", "lever"), strict=True):
            values = seen.models(name, kind).mono()
            mark_models(axis, place + shift, values, kind, label=kind if place == 0 else "")
            axis.plot(
                [place + shift - 0.08, place + shift + 0.08],
                [values.mean()] * 2,
                color=COLOURS[kind],
            )
        labels.append(f"{name}\nloss {seen.loss_change(name, 'lever').mean():+.0%}")
    axis.set_xticks(range(len(names)), labels)
    axis.set(ylabel="monosemantic neurons / features", ylim=(0, None))
    axis.legend(fontsize=8)
    return figure
