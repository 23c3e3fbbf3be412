"""Learning rates and the lever, drawn, and every kind of model in a table."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure as Drawing

from glasshouse.studies.engineered_monosemanticity.drawing import COLOURS, MARKS, mark_models
from glasshouse.studies.engineered_monosemanticity.evidence import known_mean
from glasshouse.studies.engineered_monosemanticity.levers import Kind
from glasshouse.studies.engineered_monosemanticity.measure import CUTS
from glasshouse.studies.engineered_monosemanticity.seen import Models, Seen
from glasshouse.studies.study import Cell, Figure, Section, Table


def sweep_chapter(seen: Seen) -> Section:
    """Learning rates and the lever."""
    config = seen.config
    return Section(
        title="A learning rate, or a lever, at equal loss",
        text=f"{config.features} sparse features are squeezed into {config.inputs} dimensions by a "
        f"fixed projection; {config.widths[1] * config.features} neurons read them back. A neuron "
        "is monosemantic when 99.9% of its activation, over all features shown alone, belongs to "
        "one of them. The lever starts every bias one lower and lets the offset decay away over "
        "the first half of training. All models behind one projection see the same examples and "
        "begin at the same weights.",
        items=(
            Figure(
                name="rates-and-lever",
                title="The lever over learning rates",
                caption="Left: monosemantic neurons by feature. Right: loss on fresh examples. One "
                "mark a model, lines through the means over projections. Where the right lines "
                "meet and the left ones do not, loss does not say what kind of model it is.",
                draw=lambda: _rates(seen),
            ),
            Figure(
                name="loss-parity",
                title="Loss beside monosemanticity",
                caption="One mark a model, at all learning rates. Models that stand above each "
                "other have equal loss. What is outside on the right has lost most of its neurons.",
                draw=lambda: _parity(seen),
            ),
            Figure(
                name="course",
                title="When it happens",
                caption="Monosemantic neurons by feature and mean bias over training, mean over "
                "projections, at the judged learning rate. The dotted line is half of the "
                "training, where the decay ends.",
                draw=lambda: _course(seen),
            ),
            _table(seen),
        ),
    )


def _rates(seen: Seen) -> Drawing:
    figure, axes = plt.subplots(1, 2, figsize=(6.8, 3.2), layout="constrained")
    rates = seen.config.training.rates
    for kind in ("plain", "lever"):
        models = [seen.models("decoder", kind, rate) for rate in rates]
        for axis, values in zip(
            axes, ([one.mono() for one in models], [one.loss for one in models]), strict=True
        ):
            means = [float(some.mean()) for some in values]
            axis.plot(rates, means, color=COLOURS[kind], label=kind)
            for rate, some in zip(rates, values, strict=True):
                mark_models(axis, rate, some, kind)
    for axis, label in zip(axes, ("monosemantic neurons / features", "loss"), strict=True):
        axis.set(xscale="log", xlabel="learning rate", ylabel=label, ylim=(0, None))
        axis.set_xticks(rates, [f"{rate:g}" for rate in rates])
        axis.minorticks_off()
    axes[0].legend()
    return figure


def _parity(seen: Seen) -> Drawing:
    figure, axis = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
    told: set[Kind] = set()
    for kind, rate in seen.decoders():
        models = seen.models("decoder", kind, rate)
        axis.plot(
            models.loss,
            models.mono(),
            MARKS[kind],
            color=COLOURS[kind],
            alpha=0.7,
            label=None if kind in told else kind,
        )
        told.add(kind)
    plain = seen.models("decoder", "plain").loss.mean()
    axis.set(
        xlabel="loss", ylabel="monosemantic neurons / features", xlim=(0.5 * plain, 2.5 * plain)
    )
    axis.legend(fontsize=8)
    return figure


def _course(seen: Seen) -> Drawing:
    figure, axes = plt.subplots(1, 2, figsize=(6.8, 3.0), layout="constrained")
    for kind in ("plain", "lever", "decay alone"):
        models = seen.models("decoder", kind)
        steps = models.grown[0].course.steps
        mono = np.mean([one.course.mono[:, models.place] for one in models.grown], axis=0)
        bias = np.mean([one.course.bias[:, models.place] for one in models.grown], axis=0)
        for axis, values in zip(axes, (mono, bias), strict=True):
            axis.plot(np.maximum(steps, 0.5), values, color=COLOURS[kind], label=kind)
    for axis, label in zip(axes, ("monosemantic neurons / features", "mean bias"), strict=True):
        axis.set(xscale="log", xlabel="step", ylabel=label)
        axis.axvline(seen.config.training.steps / 2, linestyle=":", color="grey", linewidth=1)
    axes[0].legend(fontsize=8)
    return figure


def _table(seen: Seen) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for name, setting in seen.settings.items():
        for lever in setting.levers:
            models = seen.models(name, lever.kind, lever.rate)
            rows.append((name, lever.kind, f"{lever.rate:g}", *_row(models)))
    return Table(
        title="Every kind of model",
        columns=(
            "setting",
            "training",
            "rate",
            "loss",
            *(f"mono / N at {cut:g}" for cut in CUTS),
            "features owned",
            "neurons that fire",
            "bias, mono",
            "bias, poly",
        ),
        rows=tuple(rows),
        caption="Means over projections. Losses compare within a setting only: there is no output "
        "bias, so other frequencies have another floor.",
    )


def _row(models: Models) -> tuple[Cell, ...]:
    def mean(values: list[float]) -> Cell:
        known = known_mean(values)
        return None if np.isnan(known) else f"{round(known, 2) + 0.0:.2f}"

    return (
        f"{models.loss.mean():.4f}",
        *(f"{models.mono(cut).mean():.2f}" for cut in CUTS),
        f"{models.distinct.mean():.2f}",
        f"{models.alive.mean():.2f}",
        mean([one.mono_mean for one in models.biases]),
        mean([one.poly_mean for one in models.biases]),
    )
