"""Chapters on size, shape, other text and data, with drawings."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing
from matplotlib.ticker import NullFormatter, NullLocator

from glasshouse.scaling import Comparison, ScalingRun, column
from glasshouse.studies.scaling_laws.seen import Seen
from glasshouse.studies.study import Figure, Section, Table


def size_chapters(seen: Seen) -> tuple[Section, ...]:
    """What was trained, size, shape, data."""
    return _trained(seen), _sizes(seen), _shapes(seen), _data(seen)


def _trained(seen: Seen) -> Section:
    swept = seen.swept
    config, corpus = swept.config, swept.corpus
    train, held_out, prose = corpus.sizes
    compute = column(swept.main, "C")
    params = column(swept.main, "N")
    left_out = "; ".join(f"{one.name}: {one.reason}" for one in swept.left_out) or "none"
    return Section(
        title="What was trained",
        text=f"Models of GPT-2's architecture read {config.context} characters at a time of "
        f"{corpus.origin}: {train:,} characters to train on, {held_out:,} of other files to "
        f"measure on, and {prose:,} of prose for the transfer (digest {corpus.digest}; losses of "
        "other texts and other versions of Python are not comparable). The grid has "
        f"{len(swept.main)} runs, {params.min():,.0f} to {params.max():,.0f} parameters without "
        f"embeddings and {compute.min():.2g} to {compute.max():.2g} FLOP by 6·N·D; every run has a "
        "cosine of its own, so that no loss is a snapshot of a rate that had yet to decay. The "
        f"learning rate, {config.lr:g} at width {config.base_width}, is carried to other widths by "
        "μP; first weights have a standard deviation of "
        f"{config.init_std:g} there. Runs of a batch, and on parts of the text, have a constant "
        "rate, so that every moment of their curves counts.\n\n"
        f"Two seeds of one run differ by {swept.noise:.1%} in loss (standard deviation over "
        "repeated runs); intervals of what is read off single runs say what such seeds might have "
        "shown. Intervals of fits resample runs. Runs left out: "
        f"{left_out}. All trainings together took {swept.seconds:,.0f} seconds of one thread.",
        items=(
            Table(
                title="The grid",
                columns=(
                    "parameters",
                    *(f"loss, {tokens:,.0f} characters" for tokens in _lengths(seen)),
                ),
                rows=tuple(
                    (
                        f"{run.params:,.0f}",
                        *(round(point.loss, 3) for point in run.curve),
                    )
                    for run in seen.best.ends
                ),
                caption="Held-out loss in nats a character at the end of each run, averaged over "
                "seeds where there are several.",
            ),
        ),
    )


def _lengths(seen: Seen) -> list[float]:
    return sorted({run.tokens for run in seen.swept.main})


def _sizes(seen: Seen) -> Section:
    return Section(
        title="Size, and text of another kind",
        text="The paper's law of size has no constant: its line in logarithms never ends. Text has "
        "an entropy, which a law with a constant can show, if the runs reach far enough; both "
        "forms are fitted. On prose the same models lose more, and what matters is whether both "
        "losses fall together.",
        items=(
            Figure(
                name="size",
                title="Loss and size",
                caption="Left: held-out loss of the longest run of each size, with both forms of "
                "the law and their 95% intervals. Right: the same models' loss on prose against "
                "that on code, and a line of slope 1.",
                draw=lambda: _draw_sizes(seen),
            ),
        ),
    )


def _draw_sizes(seen: Seen) -> Drawing:
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.2, 3.3), layout="constrained")
    runs = seen.sizes.longest
    draw_forms(left, seen.sizes.forms, "N")
    _scatter(left, column(runs, "N"), runs)
    left.set(xscale="log", yscale="log", xlabel="parameters N", ylabel="loss (nats a character)")
    _plain_ticks(left, column(runs, "loss"))
    left.legend(loc="lower left")
    code, prose = column(runs, "loss"), seen.sizes.prose
    span = np.array([code.min() - 0.02, code.max() + 0.02])
    right.plot(span, span + float(np.mean(prose - code)), "--", color="C1", label="slope 1")
    right.plot(code, prose, "o", color="C0", label="models")
    right.set(xlabel="loss on code (nats)", ylabel="loss on prose (nats)")
    right.legend(loc="upper left")
    return figure


def draw_forms(axis: Axes, forms: Comparison, variable: str) -> None:
    """Lines of a law's forms over their range, with intervals."""
    for number, one in enumerate(forms.candidates, start=1):
        low, high = one.fit.ranges[variable]
        x = np.geomspace(low, high, 60)
        name = "with a constant" if one.fit.law.has_constant else "without a constant"
        axis.plot(x, one.fit.loss({variable: x}), color=f"C{number}", label=name)
        axis.fill_between(x, *one.fit.interval({variable: x}), color=f"C{number}", alpha=0.15)


def _scatter(axis: Axes, x: np.ndarray, runs: list[ScalingRun]) -> None:
    axis.plot(x, column(runs, "loss"), "o", color="C0", label="runs", zorder=3)


def _plain_ticks(axis: Axes, losses: np.ndarray) -> None:
    """Losses as plain numbers: a decade of them would have one tick."""
    ticks = np.round(np.geomspace(losses.min(), losses.max(), 5), 2)
    axis.set_yticks(ticks, [f"{tick:.2f}" for tick in ticks])
    axis.yaxis.set_minor_locator(NullLocator())
    axis.xaxis.set_minor_formatter(NullFormatter())  # within two decades they run into each other


def _shapes(seen: Seen) -> Section:
    sizes, shapes = seen.sizes, seen.swept.shapes
    rows = [
        (
            shapes[run.name].num_layers,
            shapes[run.name].d_model,
            f"{run.params:,.0f}",
            f"{whole:,.0f}",
            round(run.loss, 3),
            "yes" if run in sizes.alike else "",
        )
        for run, whole in zip(sizes.together, sizes.whole, strict=True)
    ]
    rows.sort(key=lambda row: (int(str(row[2]).replace(",", "")), row[0]))
    return Section(
        title="Depth, width, and what counts as size",
        text="Models of one to eight layers, all trained on the same number of characters. At "
        "these sizes the embeddings are up to half of all parameters, so that it matters whether "
        "they count.",
        items=(
            Figure(
                name="counting",
                title="Two counts of size",
                caption="The same losses against parameters without embeddings (left) and with "
                "them (right); the number beside a dot is its layers.",
                draw=lambda: _draw_counting(seen),
            ),
            Table(
                title="Shapes",
                columns=(
                    "layers",
                    "width",
                    "parameters",
                    "with embeddings",
                    "loss (nats)",
                    "compared at one size",
                ),
                rows=tuple(rows),
            ),
        ),
    )


def _draw_counting(seen: Seen) -> Drawing:
    figure, axes = plt.subplots(1, 2, figsize=(8.2, 3.2), layout="constrained", sharey=True)
    runs = seen.sizes.together
    loss = column(runs, "loss")
    counts = (("without embeddings", column(runs, "N")), ("with embeddings", seen.sizes.whole))
    for axis, (name, x) in zip(axes, counts, strict=True):
        slope, start = np.polyfit(np.log(x), np.log(loss), 1)
        span = np.geomspace(x.min(), x.max(), 20)
        axis.plot(span, np.exp(start + slope * np.log(span)), color="C1")
        axis.plot(x, loss, "o", color="C0")
        for run, place, height in zip(runs, x, loss, strict=True):
            axis.annotate(
                str(seen.swept.shapes[run.name].num_layers),
                (place, height),
                textcoords="offset points",
                xytext=(5, 3),
                fontsize="x-small",
            )
        axis.set(xscale="log", yscale="log", xlabel=f"parameters {name}")
    axes[0].set_ylabel("loss (nats a character)")
    for axis in axes:
        _plain_ticks(axis, loss)
    return figure


def _data(seen: Seen) -> Section:
    parts = seen.parts
    return Section(
        title="Data",
        text="Models that read a part of the text over and over, each taken where its held-out "
        "loss was lowest. The largest size reads one part more. Whether one law of size and data "
        "holds is asked of a fifth of the cells at a time, from a fit to the others.",
        items=(
            Figure(
                name="data",
                title="Loss and data",
                caption="Left: loss of every size on every part, with the paper's joint law "
                "(lines). Right: by how much each model loses more than on the largest part, "
                "against N^(alpha_N/alpha_D) / D.",
                draw=lambda: _draw_data(seen),
            ),
            Table(
                title="Left-out cells",
                columns=("law", "mean error", "worst error"),
                rows=tuple(
                    (title, f"{errors.mean():.1%}", f"{errors.max():.1%}")
                    for title, errors in parts.errors.items()
                ),
                caption="Each cell's loss from a fit that its fifth was left out of.",
            ),
        ),
    )


def _draw_data(seen: Seen) -> Drawing:
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.2, 3.4), layout="constrained")
    parts = seen.parts
    for number, params in enumerate(sorted({cell.params for cell in parts.cells})):
        own = [cell for cell in parts.cells if cell.params == params]
        if params == parts.largest[0].params:
            own = parts.largest
        own = sorted(own, key=lambda cell: cell.tokens)
        amount = column(own, "D")
        x = np.geomspace(amount.min(), amount.max(), 50)
        said = parts.joint.loss({"N": np.full_like(x, params), "D": x})
        left.plot(x, said, color=f"C{number}", lw=1)
        left.plot(amount, column(own, "loss"), "o", color=f"C{number}", label=f"N {params:,.0f}")
    left.set(xscale="log", yscale="log", xlabel="characters D", ylabel="loss (nats a character)")
    _plain_ticks(left, column([*parts.cells, *parts.largest], "loss"))
    left.legend(loc="upper right")
    is_over = parts.overfit > 0
    for number, params in enumerate(sorted({cell.params for cell in parts.cells})):
        own = is_over & (column(parts.cells, "N") == params)
        right.plot(parts.crowding[own], parts.overfit[own], "o-", color=f"C{number}")
    right.set(
        xscale="log",
        yscale="log",
        xlabel="N^(alpha_N/alpha_D) / D",
        ylabel="loss over the largest part's, minus 1",
    )
    return figure
