"""Drawings of losses, skills and predictions."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Drawing

from glasshouse.scaling.predictability import Foretold, minus_log_loss, sharpness
from glasshouse.studies.predictability_surprise.seen import Curve, Seen

SIZE = "N, weights of the blocks"


def losses(seen: Seen) -> Drawing:
    """Loss on facts and of the mixture, both axes logarithmic."""
    figure, axis = plt.subplots(figsize=(6, 3), layout="constrained")
    params = seen.facts.params
    dots(axis, params, seen.text_losses, "C0", "facts, held out")
    slope, start = np.polyfit(np.log(params), np.log(seen.text_losses.mean(axis=1)), 1)
    axis.plot(
        params, np.exp(start) * params**slope, "--", color="C0", label=f"power law, N^{slope:.2f}"
    )
    dots(axis, params, seen.mixed_losses, "C1", "mixture, in training")
    axis.set(xscale="log", yscale="log", xlabel=SIZE, ylabel="nats a token")
    axis.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axis.yaxis.set_minor_formatter(lambda value, _: "")
    axis.legend(fontsize=8)
    return figure


def dots(axis: Axes, params: np.ndarray, values: np.ndarray, colour: str, label: str) -> None:
    """One dot a model."""
    for number in range(values.shape[1]):
        axis.plot(
            params,
            values[:, number],
            "o",
            color=colour,
            markersize=4,
            alpha=0.6,
            label=label if number == 0 else None,
        )


def skills(seen: Seen) -> Drawing:
    """Exact match and scaled log-probability of three tasks."""
    figure, axes = plt.subplots(1, 3, figsize=(8, 3), sharey=True, layout="constrained")
    parts = (
        ("facts: the metric jumps", seen.facts),
        ("sums", seen.sums),
        ("echoes: the skill jumps", seen.echoes),
    )
    for axis, (title, curve) in zip(axes, parts, strict=True):
        _skill(axis, curve)
        axis.set(title=title, xscale="log", xlabel=SIZE)
    axes[0].set_ylabel("share of own range")
    return figure


def _skill(axis: Axes, curve: Curve) -> None:
    for colour, name, values in (
        ("C1", "exact match", curve.mean("exact_match")),
        ("C0", "log loss of tokens", minus_log_loss(curve.mean("token_logprob"))),
    ):
        span = max(float(np.ptp(values)), 1e-12)
        sharp = sharpness(curve.params, values)
        axis.plot(
            curve.params,
            (values - values.min()) / span,
            "o-",
            color=colour,
            markersize=4,
            label=f"{name}, sharpness {sharp:.1f}",
        )
    axis.plot(curve.params[[0, -1]], [0, 1], "--", color="gray", linewidth=1)
    axis.set_ylim(-0.05, 1.35)
    axis.legend(fontsize=7, loc="upper left")


def replicas(seen: Seen) -> Drawing:
    """Exact match of every model."""
    figure, axis = plt.subplots(figsize=(6, 3), layout="constrained")
    curve = seen.sums
    dots(axis, curve.params, curve.values["exact_match"], "C0", "one model")
    axis.plot(curve.params, curve.mean("exact_match"), "-", color="C1", label="mean")
    axis.set(xscale="log", xlabel=SIZE, ylabel="sums right as a whole", ylim=(-0.05, 1.25))
    axis.legend(fontsize=8, loc="upper left", ncols=2)
    return figure


def foretold(seen: Seen, laws: dict[str, tuple[Foretold, ...]]) -> Drawing:
    """Predictions beside what was measured."""
    figure, axes = plt.subplots(1, 3, figsize=(8, 3), layout="constrained")
    params = seen.facts.params
    measured = (
        seen.text_losses.mean(axis=1),
        seen.facts.mean("exact_match"),
        seen.sums.mean("exact_match"),
    )
    for axis, (name, of), values in zip(axes, laws.items(), measured, strict=True):
        axis.plot(params, values, "o-", color="C0", markersize=4, label="measured")
        for number, law in enumerate(of, start=1):
            axis.plot(
                params[law.places],
                law.predicted,
                "x",
                color=f"C{number}",
                markersize=6,
                label=law.form,
            )
        axis.set(title=name, xscale="log", xlabel=SIZE)
        axis.legend(fontsize=7)
    axes[0].set(yscale="log", ylabel="nats a token")
    axes[0].yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes[0].yaxis.set_minor_formatter(lambda value, _: "")
    for axis in axes[1:]:
        axis.set(ylabel="answers right as a whole", ylim=(-0.05, 1.05))
    return figure
