"""The drawings of the base model's report."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from glasshouse.evaluate import ExposureBucket, KindReading, ReliabilityBin
from glasshouse.studies.intervals import proportion_interval
from glasshouse.training import StepResult

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

SMOOTHING = 0.95
"""Weight of the past in the drawn training loss; the raw loss stands behind it."""


def draw_growth(steps: Sequence[StepResult]) -> "Drawing":
    """Loss against tokens seen: every batch, their running mean, and what was held out."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 3.4))
    tokens = np.array([step.tokens for step in steps]) / 1e6
    losses = np.array([step.loss for step in steps])
    axes.plot(tokens, losses, color="C6", linewidth=0.6, alpha=0.6, label="each batch")
    axes.plot(tokens, running_mean(losses), color="C0", label="running mean")
    measured = [step for step in steps if step.held_out is not None]
    axes.plot(
        [step.tokens / 1e6 for step in measured],
        [step.held_out["all"] for step in measured if step.held_out is not None],
        "o-",
        color="C1",
        label="held-out documents",
    )
    axes.set(xlabel="tokens seen (millions)", ylabel="loss (nats per token)")
    axes.set_ylim(0, min(7.5, float(losses.max()) * 1.05))
    axes.legend()
    return figure


def running_mean(values: np.ndarray) -> np.ndarray:
    """Exponential mean without the pull of its start."""
    mean, weight, means = 0.0, 0.0, []
    for value in values:
        mean = SMOOTHING * mean + (1 - SMOOTHING) * float(value)
        weight = SMOOTHING * weight + (1 - SMOOTHING)
        means.append(mean / weight)
    return np.array(means)


def draw_kinds(kinds: Mapping[str, KindReading]) -> "Drawing":
    """Loss by kind of document, and beside it loss against the least possible where it is known."""
    from matplotlib import pyplot

    names = sorted(kinds, key=lambda name: kinds[name].loss)
    places = np.arange(len(names))
    figure, (left, right) = pyplot.subplots(
        1, 2, figsize=(7, 0.25 * len(names) + 1.2), sharey=True, width_ratios=(1, 1)
    )
    left.barh(places, [kinds[name].loss for name in names], height=0.62, color="C0")
    left.set_yticks(places, names)
    left.set(xlabel="loss on all tokens (nats)", ylim=(-0.6, len(names) - 0.4))
    known = [(p, kinds[n]) for p, n in zip(places, names, strict=True) if kinds[n].known_share]
    for place, kind in known:
        right.plot([kind.entropy, kind.known_loss], [place, place], color="C6", linewidth=1)
    right.plot(
        [kind.entropy for _, kind in known],
        [place for place, _ in known],
        "D",
        color="C1",
        label="a perfect reader",
    )
    right.plot(
        [kind.known_loss for _, kind in known],
        [place for place, _ in known],
        "o",
        color="C0",
        label="the model",
    )
    right.set(xlabel="loss where the truth is exact (nats)")
    right.legend(loc="lower right")
    for axes in (left, right):
        axes.grid(axis="y", visible=False)
    return figure


def draw_knowledge(curves: Mapping[str, Sequence[ExposureBucket]], *, chance: float) -> "Drawing":
    """Probability of the true answer against how often training stated it, one curve a format."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 3.6))
    labels = sorted({(b.low, b.label) for buckets in curves.values() for b in buckets})
    place = {label: number for number, (_, label) in enumerate(labels)}
    for name, buckets in curves.items():
        means = [float(b.answers.is_right.mean()) for b in buckets]
        ends = [proportion_interval(int(b.answers.is_right.sum()), len(b.answers)) for b in buckets]
        errors = np.abs(np.array(ends).T - np.array(means))
        axes.errorbar(
            [place[b.label] for b in buckets],
            means,
            yerr=errors,
            marker="o",
            capsize=2,
            label=name,
        )
    axes.axhline(chance, color="C6", linestyle="--", linewidth=1)
    axes.text(len(labels) - 1.3, chance + 0.02, "never stated", ha="right", color="C6")
    axes.set_xticks(range(len(labels)), [label for _, label in labels], rotation=45, ha="right")
    axes.set(
        xlabel="times that training stated the fact", ylabel="share answered right", ylim=(0, 1.03)
    )
    axes.legend(loc="upper left")
    return figure


def draw_reliability(curves: Mapping[str, Sequence[ReliabilityBin]]) -> "Drawing":
    """Accuracy against confidence; the size of a point is its number of answers."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(4.6, 4.2))
    axes.plot([0, 1], [0, 1], color="C6", linestyle="--", linewidth=1)
    axes.text(0.74, 0.79, "honest", color="C6", rotation=45, ha="center", va="center")
    for number, (name, bins) in enumerate(curves.items()):
        filled = [b for b in bins if b.count]
        most = max(b.count for b in filled)
        axes.plot([b.confidence for b in filled], [b.accuracy for b in filled], color=f"C{number}")
        axes.scatter(
            [b.confidence for b in filled],
            [b.accuracy for b in filled],
            s=[12 + 90 * b.count / most for b in filled],
            color=f"C{number}",
            label=name,
        )
    axes.set(xlabel="confidence", ylabel="share right", xlim=(0, 1.03), ylim=(0, 1.03))
    axes.legend(loc="upper left")
    return figure


def draw_rewards(by_task: Mapping[str, tuple[float, float]]) -> "Drawing":
    """Mean gold reward of the model's answers and of the world's own, task by task."""
    from matplotlib import pyplot

    tasks = sorted(by_task, key=lambda task: by_task[task][0])
    figure, axes = pyplot.subplots(figsize=(7, 0.3 * len(tasks) + 1.1))
    places = np.arange(len(tasks))
    axes.barh(places, [by_task[task][0] for task in tasks], height=0.6, color="C0", label="model")
    axes.plot(
        [by_task[task][1] for task in tasks],
        places,
        linestyle="none",
        marker="D",
        color="C1",
        label="the world's kind persona",
    )
    axes.axvline(0, color="C6", linewidth=1)
    axes.set_yticks(places, tasks)
    axes.set(xlabel="gold reward", ylim=(-0.6, len(tasks) - 0.4))
    axes.grid(axis="y", visible=False)
    axes.legend(loc="lower right")
    return figure
