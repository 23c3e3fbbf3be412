"""A forecast as a chapter of a report: two drawings and the tables behind them."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure as Drawing

from glasshouse.scaling import FitConfig, Forecast, blended_losses, why_no_constant
from glasshouse.studies.study import Figure, Findings, Section, Table

_POINTS = 80


def findings(found: Forecast, config: FitConfig) -> Findings:
    """The whole report."""
    loss = found.loss
    size = ""
    if found.params is not None and found.tokens is not None:
        size = (
            f", with {found.params.value:.3g} parameters ({found.params.low:.3g} to "
            f"{found.params.high:.3g}) and {found.tokens.value:.3g} tokens"
        )
    headline = (
        f"{found.budget:.3g} FLOP, {found.reach:,.0f} times the largest run's, reach a loss of "
        f"{loss.value:.3f} nats a token ({loss.low:.3f} to {loss.high:.3f}){size}."
    )
    return Findings(claims=(), sections=(_loss(found, config), _size(found)), headline=headline)


def _loss(found: Forecast, config: FitConfig) -> Section:
    told = [f"{len(found.runs)} runs were fitted, robustly and in log space."]
    if found.excluded:
        named = "; ".join(f"{one.name}: {one.reason}" for one in found.excluded)
        told.append(f"{len(found.excluded)} were left out: {named}.")
    told += [f"Beware: {warning}." for warning in found.warnings]
    return Section(
        title="The loss",
        text="\n\n".join(told),
        items=(
            Figure(
                name="loss",
                title="Loss against compute",
                caption="Dots are the runs; the line is the lowest loss that the law gives each "
                "compute, the band its interval, which mixes forms by their Akaike weights; the "
                "diamond is the forecast, its bar with the scatter of single runs.",
                draw=lambda: _draw_loss(found, config),
            ),
            _laws_table(found),
            _numbers_table(found),
        ),
    )


def _laws_table(found: Forecast) -> Table:
    rows = []
    for one in found.basis.candidates:
        tried = one.extrapolation
        rows.append(
            (
                one.fit.law.title,
                round(one.weight, 3),
                round(one.fit.log_r2, 4),
                None if tried is None else round(100 * tried.median_error, 2),
                None if tried is None else round(100 * tried.covered),
                why_no_constant(one.fit) or "known",
            )
        )
    return Table(
        title="Forms of the law",
        columns=(
            "law",
            "Akaike weight",
            "R² of log loss",
            "error beyond (%)",
            "covered (%)",
            "its constant",
        ),
        rows=tuple(rows),
        caption="Error beyond: median error on runs of more than an eighth of the largest compute, "
        "when fitted on the others; covered: the share of those inside their intervals.",
    )


def _numbers_table(found: Forecast) -> Table:
    best = found.basis.best.fit
    is_unknown = bool(why_no_constant(best))
    return Table(
        title="Numbers of the best form",
        columns=("number", "value", "low", "high"),
        rows=tuple(
            (name, one.value, one.low, one.high)
            for name, one in best.estimates.items()
            if name != "E" or not is_unknown
        ),
        caption=f"{best.law.title}; {best.law.source}; {best.confidence:.0%} intervals.",
    )


def _size(found: Forecast) -> Section:
    rows = tuple(
        (
            one.method,
            f"{one.params_exponent}",
            f"{one.params(found.budget)}",
            f"{one.tokens(found.budget)}",
            one.source,
        )
        for one in found.allocations
    )
    refused = "\n\n".join(f"{name}: not possible, since {why}." for name, why in found.refused)
    figure = Figure(
        name="size",
        title="The best size",
        caption="Parameters against compute: dots are the runs, lines the best size by each "
        "approach with its interval, rings what the line was drawn through; the dotted line is "
        "the budget.",
        draw=lambda: _draw_size(found),
    )
    table = Table(
        title="Approaches",
        columns=("approach", "N ~ C^a: a", "parameters", "tokens", "source"),
        rows=rows,
        caption="The first one is used.",
    )
    return Section(
        title="Size and data", text=refused, items=(figure, table) if found.allocations else ()
    )


def _draw_loss(found: Forecast, config: FitConfig) -> Drawing:
    figure, axis = plt.subplots(figsize=(6.4, 3.6))
    compute = np.array([run.compute for run in found.runs])
    reach = np.geomspace(compute.min(), max(found.budget, compute.max()), _POINTS)
    values = {"C": reach}
    if found.allocations:
        chosen = found.allocations[0]
        values["N"] = np.array([chosen.params(one).value for one in reach])
        values["D"] = np.array([chosen.tokens(one).value for one in reach])
    drawn = blended_losses(found.basis, values, config)
    tail = (1 - config.confidence) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail], axis=0)
    axis.fill_between(reach, low, high, color="C0", alpha=0.2, linewidth=0)
    axis.plot(reach, found.basis.best.fit.loss(values), color="C0", label="lowest loss by the law")
    axis.plot(compute, [run.loss for run in found.runs], "o", color="C6", label="runs")
    loss = found.loss
    axis.errorbar(
        [found.budget],
        [loss.value],
        yerr=[[max(0.0, loss.value - loss.low)], [max(0.0, loss.high - loss.value)]],
        fmt="D",
        color="C1",
        capsize=3,
        label="forecast",
    )
    axis.set(xscale="log", xlabel="compute (FLOP)", ylabel="loss (nats a token)")
    axis.legend()
    return figure


def _draw_size(found: Forecast) -> Drawing:
    figure, axis = plt.subplots(figsize=(6.4, 3.6))
    compute = np.array([run.compute for run in found.runs])
    reach = np.geomspace(compute.min(), max(found.budget, compute.max()), _POINTS)
    axis.plot(compute, [run.params for run in found.runs], "o", color="C6", label="runs")
    for number, one in enumerate(found.allocations):
        colour = f"C{number}"
        sizes = [one.params(point) for point in reach]
        axis.fill_between(
            reach,
            [size.low for size in sizes],
            [size.high for size in sizes],
            color=colour,
            alpha=0.15,
            linewidth=0,
        )
        axis.plot(reach, [size.value for size in sizes], color=colour, label=one.method)
        if one.optima:
            axis.plot(*zip(*one.optima, strict=True), "o", color=colour, fillstyle="none")
    axis.axvline(found.budget, color="black", linestyle=":", linewidth=1)
    axis.set(xscale="log", yscale="log", xlabel="compute (FLOP)", ylabel="parameters")
    axis.legend()
    return figure
