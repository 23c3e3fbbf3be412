"""The drawings of the report."""

from typing import TYPE_CHECKING, get_args

import numpy as np

from glasshouse.align.talks.scoring import Scoring
from glasshouse.studies.general_assistant.judge import ratings, rewards_by_player
from glasshouse.studies.general_assistant.measure import TAXED, Seen
from glasshouse.studies.general_assistant.prefixes import CONDITIONS
from glasshouse.studies.general_assistant.prompting import TASKS

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

COLOURS = {"plain": "C6", "kind": "C0", "rude": "C1", "neutral": "C2"}
"""Of conditions."""
_SCORINGS: dict[Scoring, str] = {
    "sum": "sum of log-probabilities",
    "mean": "mean a token",
    "mutual": "mutual information",
}


def draw_accuracy(seen: Seen) -> "Drawing":
    """Accuracy on gold pairs against size, a panel a scoring."""
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, 3, figsize=(8.4, 3.2), sharey=True)
    for way, axes in zip(get_args(Scoring), panels, strict=True):
        for condition in CONDITIONS:
            there = [one for one in seen.prompted.values() if condition in one.scored.right]
            means = [one.scored.right[condition][way].mean() for one in there]
            errors = [2 * _error(one.scored.right[condition][way]) for one in there]
            axes.errorbar(
                [one.params for one in there],
                means,
                yerr=errors,
                marker="o",
                capsize=2,
                color=COLOURS[condition],
                label=condition,
            )
        axes.axhline(0.5, color="C6", linestyle="--", linewidth=1)
        axes.set(xscale="log", title=_SCORINGS[way])
        _name_sizes(axes, seen, parameters=False)
    panels[0].set_ylabel("gold pairs right")
    panels[0].legend(fontsize="small")
    return figure


def draw_distillation(seen: Seen) -> "Drawing":
    """KL to the teacher while the student learns, and the gap that it has closed."""
    from matplotlib import pyplot

    own = seen.student
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(8.4, 3), width_ratios=(1.6, 1))
    losses = np.array(own.student.losses)
    window = max(1, len(losses) // 40)
    smooth = np.convolve(losses, np.ones(window) / window, mode="valid")
    left.plot(range(1, len(losses) + 1), losses, color="C6", linewidth=0.6, alpha=0.6)
    left.plot(range(window, len(losses) + 1), smooth, color="C0", label="batches, running mean")
    left.axhline(own.distance.before, color="C1", linestyle="--", label="base, held-out texts")
    left.set(xlabel="step", ylabel="KL to the teacher (nats a token)")
    left.set_ylim(0, max(losses.max(), own.distance.before) * 1.1)
    left.legend(fontsize="small")
    names = ("towards\nthe prompt", "towards neutral\nsentences")
    gaps = [own.distance.gap_closed(), own.control.gap_closed()]
    right.bar(names, gaps, color=["C0", "C2"], width=0.6)
    right.axhline(0, color="C6", linewidth=1)
    right.set(ylabel="gap to the prompt closed", ylim=(min(0, *gaps) * 1.1 - 0.02, 1))
    return figure


def draw_objectives(seen: Seen) -> "Drawing":
    """Held-out accuracy against size by objective, and on right and wrong answers."""
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(
        1, 2, figsize=(8.4, 3.2), sharey=True, width_ratios=(1.6, 1)
    )
    for name, colour in (("ranked", "C0"), ("imitation", "C1"), ("shuffled", "C6")):
        sizes = [size for size in seen.prompted if name in seen.objectives.ranked[size]]
        found = [seen.objectives.ranked[size][name] for size in sizes]
        left.errorbar(
            [seen.prompted[size].params for size in sizes],
            [one.accuracy for one in found],
            yerr=[2 * _error(one.right) for one in found],
            marker="o",
            capsize=2,
            color=colour,
            label="ranked, shuffled labels" if name == "shuffled" else name,
        )
    left.set(xscale="log", xlabel="parameters", ylabel="held-out pairs right", title="four grades")
    _name_sizes(left, seen)
    left.legend(fontsize="small", loc="upper left", ncols=3)
    binary = seen.objectives.binary
    right.bar(
        list(binary),
        [one.accuracy for one in binary.values()],
        yerr=[2 * _error(one.right) for one in binary.values()],
        capsize=2,
        color=["C0", "C1"],
        width=0.6,
    )
    right.set(title=f"right or wrong, {seen.config.middle}", ylim=(0.4, 1.1))
    right.set_yticks([0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0])  # what is above is the legend's
    for axes in (left, right):
        axes.axhline(0.5, color="C6", linestyle="--", linewidth=1)
    return figure


def draw_votes(seen: Seen) -> "Drawing":
    """Accuracy against comparisons seen, by what was pre-trained on."""
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, 2, figsize=(8.4, 3.2))
    titles = ("votes and target agree", "they differ on length")
    for axes, curves, title in zip(
        panels, (seen.votes.agreeing, seen.votes.conflicting), titles, strict=True
    ):
        for number, (name, curve) in enumerate(curves.items()):
            # 0 has no place on a log axis; it stands a step left of the first count.
            counts = list(curve.right)
            places = [seen.config.pretraining.counts[0] / 3 if c == 0 else c for c in counts]
            label = "no pre-training" if name == "none" else name
            axes.plot(
                places,
                [curve.accuracy(count) for count in counts],
                marker="o",
                color=f"C{number}",
                label=label,
            )
        shown = [seen.config.pretraining.counts[0] / 3, *seen.config.pretraining.counts]
        axes.set(xscale="log", xlabel="comparisons", title=title)
        axes.set_xticks(shown, ["0", *(f"{count:,}" for count in shown[1:])])
        axes.minorticks_off()
        axes.axhline(0.5, color="C6", linestyle="--", linewidth=1)
        axes.legend(fontsize="small")
    panels[0].set_ylabel("held-out pairs right")
    return figure


def draw_tax(seen: Seen) -> "Drawing":
    """Questions of other tasks answered right: plain, behind a prompt, and distilled."""
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, len(seen.prompted), figsize=(8.4, 3.2), sharey=True)
    for axes, one in zip(panels, seen.prompted.values(), strict=True):
        bars = {
            "plain": one.tax["plain"],
            "kind prompt": one.tax["kind"],
            "neutral prompt": one.tax["neutral"],
            **{f"{name} distilled": tax for name, tax in seen.taxed.get(one.size, {}).items()},
        }
        for number, (name, tax) in enumerate(bars.items()):
            places = np.arange(len(TASKS)) + (number - 2) * 0.16
            axes.bar(
                places,
                [tax[task].mean() for task in TASKS],
                yerr=[2 * _error(tax[task]) for task in TASKS],
                width=0.15,
                label=name,
                color=("C6", "C0", "C2", "C3", "C4")[number],
                error_kw={"linewidth": 0.7},
            )
        axes.set_xticks(range(len(TASKS)), TASKS)
        axes.set(title=one.size, ylim=(0, 1.02))
        axes.grid(axis="x", visible=False)
    panels[0].set_ylabel("answered right")
    panels[0].legend(fontsize="x-small", ncols=2)
    return figure


def draw_speech(seen: Seen) -> "Drawing":
    """Rude replies by size and condition, and Elo against size."""
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(8.4, 3.2))
    bases = list(seen.prompted.values())
    params = [one.params for one in bases]
    for condition in TAXED:
        left.errorbar(
            params,
            [one.toxic[condition].mean() for one in bases],
            yerr=[2 * _error(one.toxic[condition].astype(float)) for one in bases],
            marker="o",
            capsize=2,
            color=COLOURS[condition],
            label=condition,
        )
    left.set(xscale="log", xlabel="parameters", ylabel="replies with a rude word")
    left.set_ylim(bottom=0)
    points = np.split(ratings(rewards_by_player(seen)), 2)
    for condition, own in zip(("plain", "kind"), points, strict=True):
        right.plot(params, own, marker="o", color=COLOURS[condition], label=condition)
    right.set(xscale="log", xlabel="parameters", ylabel="Elo, judged by gold reward")
    for axes in (left, right):
        _name_sizes(axes, seen)
        axes.legend(fontsize="small")
    return figure


def _error(values: np.ndarray) -> float:
    """Standard error of a mean."""
    return float(np.std(values) / np.sqrt(len(values)))


def _name_sizes(axes, seen: Seen, *, parameters: bool = True) -> None:
    axes.set_xticks(
        [one.params for one in seen.prompted.values()],
        [
            f"{one.size}\n{one.params / 1e6:.2f} M" if parameters else one.size
            for one in seen.prompted.values()
        ],
    )
    axes.minorticks_off()
