"""Chapters on the forecast and on the constant, with drawings."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure as Drawing

from glasshouse.scaling import column
from glasshouse.studies.scaling_laws.seen import Seen
from glasshouse.studies.scaling_laws.size_figures import draw_forms
from glasshouse.studies.scaling_laws.sweeps import settled
from glasshouse.studies.study import Figure, Section, Table


def forecast_chapters(seen: Seen) -> tuple[Section, ...]:
    """The forecast, and the constant."""
    return _forecast(seen), _chain(seen)


def _forecast(seen: Seen) -> Section:
    held, kept = seen.held, seen.swept.foretold
    laws = "; ".join(f"{title} ({weight:.2f})" for title, weight in kept.laws)
    return Section(
        title="A forecast, and what came of it",
        text=f"{kept.num_runs} runs of up to {kept.compute:.2g} FLOP were trained first. From them "
        "the losses of all larger runs of the grid were foretold and written to forecast.json; "
        "only then were these trained. Runs of fewer than "
        f"{seen.swept.config.main.settled:,} steps are left out: their loss still falls ever "
        "faster, which no power law does. The forms are weighted by Akaike's criterion on the "
        f"small runs alone: {laws}.",
        items=(
            Figure(
                name="forecast",
                title="Foretold and measured",
                caption="Each large run's loss (dots) beside what was foretold (bars: 95% "
                "intervals), by compute.",
                draw=lambda: _draw_forecast(seen),
            ),
            Table(
                title="Large runs",
                columns=(
                    "run",
                    "times the largest small run's FLOP",
                    "foretold",
                    "95% interval",
                    "measured",
                    "error",
                    "inside",
                ),
                rows=tuple(
                    (
                        run.name,
                        round(run.compute / kept.compute, 1),
                        round(said.loss, 3),
                        f"{said.low:.3f} to {said.high:.3f}",
                        round(run.loss, 3),
                        f"{error:+.1%}".replace("-", "−"),
                        "yes" if inside else "no",
                    )
                    for run, said, error, inside in zip(
                        held.runs, held.expected, held.errors, held.is_inside, strict=True
                    )
                ),
            ),
        ),
    )


def _draw_forecast(seen: Seen) -> Drawing:
    figure, axis = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
    held, kept = seen.held, seen.swept.foretold
    grid = settled(seen.swept.main, seen.swept.config)
    small = [run for run in grid if run.compute <= kept.compute * 1.001]
    axis.plot(column(small, "C"), column(small, "loss"), ".", color="C2", label="small runs")
    if held.runs:
        said = np.array([one.loss for one in held.expected])
        ends = np.array([(one.low, one.high) for one in held.expected]).T
        # runs of nearly one compute stand beside each other, not on each other
        x = column(held.runs, "C") * 1.02 ** (np.arange(len(said)) % 3 - 1)
        axis.errorbar(
            x, said, yerr=np.abs(ends - said), fmt="_", capsize=3, color="C1", label="foretold"
        )
        axis.plot(x, column(held.runs, "loss"), "o", ms=4, color="C0", label="measured")
    axis.axvline(kept.compute * 1.05, ls=":", lw=1, color="C3")
    axis.set(xscale="log", xlabel="training FLOP, 6·N·D", ylabel="held-out loss (nats a character)")
    axis.legend(loc="lower left")
    return figure


def _chain(seen: Seen) -> Section:
    chain, config = seen.chain, seen.swept.config.chain
    return Section(
        title="The constant, where it is known",
        text="Nobody knows the entropy of text, so nobody knows whether the constant of a law of "
        f"size is it. Of a Markov chain of {config.symbols} symbols and order {config.order} it is "
        f"known: {chain.entropy:.4f} nats a symbol on the sequences that the models are measured "
        "on. Models never see a sequence twice, and all are trained equally long, so that the "
        "constant also holds what longer training would still have taken away.",
        items=(
            Figure(
                name="chain",
                title="Fitted constant and entropy",
                caption="Loss of models of the chain, both forms of the law with 95% intervals, "
                "and the entropy (dashed).",
                draw=lambda: _draw_chain(seen),
            ),
        ),
    )


def _draw_chain(seen: Seen) -> Drawing:
    figure, axis = plt.subplots(figsize=(6.0, 3.3), layout="constrained")
    chain = seen.chain
    if chain.forms is not None:
        draw_forms(axis, chain.forms, "N")
    axis.plot(column(chain.runs, "N"), column(chain.runs, "loss"), "o", color="C0", label="runs")
    axis.axhline(chain.entropy, ls="--", color="C3", label="entropy")
    axis.set(xscale="log", xlabel="parameters N", ylabel="loss (nats a symbol)")
    axis.legend(loc="upper right")
    return figure
