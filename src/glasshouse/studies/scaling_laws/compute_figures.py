"""Chapters on curves, on how to spend compute, and on batches, with drawings."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure as Drawing

from glasshouse.scaling import column
from glasshouse.studies.scaling_laws.curves import moments
from glasshouse.studies.scaling_laws.seen import Seen
from glasshouse.studies.study import Figure, Section, Table


def compute_chapters(seen: Seen) -> tuple[Section, ...]:
    """Curves, compute, batches."""
    return _curves(seen), _compute(seen), _batches(seen)


def _curves(seen: Seen) -> Section:
    curves = seen.curves
    return Section(
        title="Training curves",
        text="The longest run of each size. Each size is left out of a fit of L(N, S) once, and "
        "the last 30% of its steps are foretold from the others; a law of steps alone shows what "
        "the size adds. All runs decay alike, so that tokens to a loss compare between sizes.",
        items=(
            Figure(
                name="curves",
                title="Curves and L(N, S)",
                caption="Held-out loss while the longest runs were trained (dots) and the law "
                "fitted to all of them after warm-up (lines).",
                draw=lambda: _draw_curves(seen),
            ),
            Table(
                title="Foretold ends, and tokens needed",
                columns=(
                    "parameters",
                    "error of the end",
                    "by steps alone",
                    *(f"tokens to {target:.2f}" for target in curves.targets),
                ),
                rows=tuple(
                    (
                        f"{run.params:,.0f}",
                        f"{error:.1%}",
                        f"{alone:.1%}",
                        *(f"{tokens:,.0f}" for tokens in needed),
                    )
                    for run, error, alone, needed in zip(
                        curves.longest, curves.errors, curves.alone, curves.needed.T, strict=True
                    )
                ),
            ),
        ),
    )


def _draw_curves(seen: Seen) -> Drawing:
    figure, axis = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
    for number, run in enumerate(seen.curves.longest):
        tokens = np.array([point.tokens for point in run.curve])
        axis.plot(
            tokens,
            [point.loss for point in run.curve],
            "o",
            ms=3,
            color=f"C{number}",
            label=f"N {run.params:,.0f}",
        )
        kept = moments([run])
        said = seen.curves.fit.loss({"N": column(kept, "N"), "S": column(kept, "S")})
        axis.plot(column(kept, "D"), said, color=f"C{number}", lw=1)
    axis.set(xscale="log", xlabel="tokens", ylabel="held-out loss (nats a character)")
    axis.legend(loc="upper right")
    return figure


def _compute(seen: Seen) -> Section:
    best = seen.best
    rows = [
        (
            way.name,
            way.count,
            "" if way.found is None else f"{way.found.params_exponent.value:.2f}",
            ""
            if way.found is None
            else f"{way.found.params_exponent.low:.2f} to {way.found.params_exponent.high:.2f}",
            way.why_not,
        )
        for way in best.ways
    ]
    stops = [
        (
            f"{params:,.0f}",
            f"{value:.1%}",
            "—" if np.isnan(seen_here) else f"{seen_here:.1%}",
        )
        for params, value, seen_here in zip(best.sizes, best.excess[0], best.seen, strict=True)
    ]
    return Section(
        title="How to spend compute (contested)",
        text="CONTESTED. Kaplan et al. found that the best size grows as C^0.73, Hoffmann et al. "
        "2022 as C^0.50. Porian et al. 2024 reproduce both on one text and blame the cost of the "
        "last layer, warm-ups too long for short runs, and optimizers not tuned for each size; "
        "Pearce & Song 2024 the count of parameters at small sizes. So every approach is shown "
        "with both counts of compute: 6·N·D, and with attention and the unembedding, which are "
        "most of what a model of width 8 costs. Snapshots of a long cosine stand too high, which "
        "favours large models; the ends of runs do not.",
        items=(
            Figure(
                name="frontier",
                title="Loss and compute",
                caption="Ends of runs of each size against compute, counted as 6·N·D (left) and "
                "with attention and unembedding (right); where a size is best, by the ends of "
                "runs (crosses).",
                draw=lambda: _draw_compute(seen),
            ),
            Table(
                title="Exponent of the best size",
                columns=("approach", "count of compute", "exponent", "95% interval", "why not"),
                rows=tuple(rows),
                caption="Kaplan et al.: 0.73. Hoffmann et al.: 0.50.",
            ),
            Table(
                title="Where to stop",
                columns=(
                    "parameters",
                    "above its loss with data for ever (by the law)",
                    "above its longest run (measured)",
                ),
                rows=tuple(stops),
                caption="Loss of each size where it is the best use of compute. The paper: about "
                "10% above convergence.",
            ),
        ),
    )


def _draw_compute(seen: Seen) -> Drawing:
    figure, axes = plt.subplots(1, 2, figsize=(8.2, 3.5), layout="constrained", sharey=True)
    swept, best = seen.swept, seen.best
    for axis, runs, way in (
        (axes[0], swept.main, best.ways[0]),
        (axes[1], swept.exact, best.ways[3]),
    ):
        for number, params in enumerate(best.sizes):
            own = sorted((run for run in runs if run.params == params), key=lambda run: run.tokens)
            lengths = sorted({run.tokens for run in own})
            compute = [next(r.compute for r in own if r.tokens == d) for d in lengths]
            mean = [np.mean([r.loss for r in own if r.tokens == d]) for d in lengths]
            axis.plot(compute, mean, "o-", ms=3, color=f"C{number}", label=f"N {params:,.0f}")
            if way.found is not None:
                for where, size in way.found.optima:
                    if abs(np.log(size / params)) < 1e-6:
                        height = np.exp(np.interp(np.log(where), np.log(compute), np.log(mean)))
                        axis.plot(where, height, "x", ms=9, mew=2, color=f"C{number}")
        axis.set(xscale="log", xlabel=f"training FLOP, {way.count}")
    axes[0].set_ylabel("held-out loss (nats a character)")
    axes[1].legend(loc="lower left")
    return figure


def _batches(seen: Seen) -> Section:
    batches = seen.batches
    rows = []
    for params in batches.params:
        for target in batches.targets:
            found = batches.critical.get((params, target))
            needed = ", ".join(f"{steps:,.0f}" for _, steps in batches.steps[params, target])
            rows.append(
                (
                    f"{params:,.0f}",
                    round(target, 2),
                    needed,
                    "" if found is None else f"{found.value:,.0f}",
                    "" if found is None else f"{found.low:,.0f} to {found.high:,.0f}",
                )
            )
    note = f" Not all could be fitted: {batches.why_not}." if batches.why_not else ""
    return Section(
        title="The critical batch",
        text="Two sizes, trained at a constant rate with several batches. A small batch needs more "
        "steps to a loss, a large one more data; the critical batch is where both needs are twice "
        f"the least.{note}",
        items=(
            Figure(
                name="batches",
                title="Steps against batch",
                caption="Steps to each of three losses (dots) and the fitted trade of steps for "
                "data (lines); the upright lines are critical batches.",
                draw=lambda: _draw_batches(seen),
            ),
            Table(
                title="Critical batches",
                columns=(
                    "parameters",
                    "loss (nats)",
                    "steps needed, smallest batch first",
                    "critical batch (tokens)",
                    "95% interval",
                ),
                rows=tuple(rows),
            ),
        ),
    )


def _draw_batches(seen: Seen) -> Drawing:
    batches = seen.batches
    figure, axes = plt.subplots(
        1, len(batches.params), figsize=(8.2, 3.2), layout="constrained", sharey=True
    )
    for axis, params in zip(axes, batches.params, strict=True):
        for number, target in enumerate(batches.targets):
            batch, steps = np.array(batches.steps[params, target]).T
            axis.plot(batch, steps, "o", color=f"C{number}", label=f"to a loss of {target:.2f}")
            found = batches.critical.get((params, target))
            if found is not None:
                x = np.geomspace(batch.min(), batch.max(), 50)
                least = batches.least[params, target].value
                axis.plot(x, least * (1 + found.value / x), color=f"C{number}", lw=1)
                axis.axvline(found.value, color=f"C{number}", ls=":", lw=1)
        axis.set(xscale="log", yscale="log", xlabel="batch (tokens)", title=f"N {params:,.0f}")
    axes[0].set_ylabel("optimizer steps")
    axes[-1].legend(loc="upper right")
    return figure
