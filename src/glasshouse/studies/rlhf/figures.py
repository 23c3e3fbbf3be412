"""The drawings of the report."""

from typing import TYPE_CHECKING, Any

import numpy as np

from glasshouse.align import accuracy_by_threshold, calibrate
from glasshouse.studies.rlhf.judge_evidence import accuracy
from glasshouse.studies.rlhf.judging import Scored
from glasshouse.studies.rlhf.measure import HELPFUL, Seen
from glasshouse.studies.rlhf.robustness import early_fit, gold_peak, smooth

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing
else:
    Drawing = Any


def draw_overoptimisation(seen: Seen) -> Drawing:
    """Reward and gold reward against the root of KL, each size; beside it the paper's shape."""
    from matplotlib import pyplot

    figure, (left, right, shape) = pyplot.subplots(
        1, 3, figsize=(10, 3.6), width_ratios=(1, 1, 0.8)
    )
    for number, (size, trace) in enumerate(seen.policies.items()):
        root, colour = np.sqrt(np.maximum(smooth(trace.kl), 0)), f"C{number}"
        teaching, other = (
            smooth(values) - offset
            for values, offset in zip((trace.reward, trace.test), seen.offsets, strict=True)
        )
        left.plot(root, teaching, color=colour, label=size)
        left.plot(root, other, color=colour, linestyle=":", linewidth=1.2)
        fit = early_fit(trace)
        if np.isfinite(fit.slope):
            line = np.polyval(np.polyfit(fit.root, fit.reward - seen.offsets[0], 1), fit.root)
            left.plot(fit.root, line, color="C6", linewidth=1, linestyle="--")
        gold = smooth(trace.gold)
        right.plot(root, gold, color=colour, label=size)
        right.plot(root[gold_peak(trace)], gold.max(), "o", color=colour, markersize=5)
    left.plot([], [], color="C6", linestyle=":", label="judge of other pairs")
    left.plot([], [], color="C6", linestyle="--", label="line until gold's peak")
    left.set(
        xlabel="√KL (√nats)",
        ylabel="score above compared replies (nats)",
        title="what is maximised",
    )
    right.set(xlabel="√KL (√nats)", ylabel="gold reward", title="what it is worth")
    left.legend(fontsize=8)
    right.legend(fontsize=8, title="policy")
    root = np.linspace(0, 1, 60)
    shape.plot(root, root, color="C0", label="train judge")
    shape.plot(root, root - 0.45 * np.maximum(root - 0.5, 0) ** 1.3, color="C1", label="test judge")
    shape.set(
        xlabel="√KL", ylabel="score", title="the paper's shape", xticks=[], yticks=[], ylim=(0, 1.1)
    )
    shape.legend(fontsize=8, loc="upper left")
    figure.tight_layout()
    return figure


def draw_evasion(seen: Seen) -> Drawing:
    """What policies say to harmful and to helpful requests as training goes on."""
    from matplotlib import pyplot

    own = seen.by_judge[seen.config.judge_size]
    figure, panels = pyplot.subplots(1, 2, figsize=(8, 3.3), sharey=True)
    titles = ("people who like evasion", "people who do not")
    for axes, trace, title in zip(panels, (own, seen.plain), titles, strict=True):
        steps = np.arange(len(smooth(trace.evasive))) + 3
        axes.plot(steps, smooth(trace.evasive), color="C1", label="evasive, asked for harm")
        axes.plot(steps, smooth(trace.explains), color="C0", label="says why, asked for harm")
        axes.plot(
            steps,
            smooth(trace.evasive_helpful),
            color="C1",
            linestyle="--",
            label="evasive, asked for help",
        )
        axes.set(xlabel="update", title=title, ylim=(-0.02, 1.02))
    panels[0].set_ylabel("share of replies")
    panels[1].legend(fontsize=8, loc="center right")
    figure.tight_layout()
    return figure


def draw_judges(seen: Seen) -> Drawing:
    """Accuracy of judges against comparisons, one line a size."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 3.4))
    for number, (size, found) in enumerate(seen.passes.items()):
        curve = [accuracy(both) for both in found.scored]
        axes.plot(found.seen, curve, "o-", color=f"C{number}", label=size)
    found = seen.shuffled
    axes.plot(
        found.seen,
        [accuracy(both) for both in found.scored],
        "o--",
        color="C6",
        label=f"{found.size}, shuffled",
    )
    ceiling = np.mean([seen.data.helpful_test.ceiling, seen.data.harmless_test.ceiling])
    axes.axhline(float(ceiling), color="C6", linewidth=1)
    axes.text(found.seen[0], float(ceiling) - 0.04, "best possible", color="C6")
    axes.set(xscale="log", xlabel="comparisons learned from", ylabel="accuracy")
    axes.set_xticks(found.seen, [str(count) for count in found.seen])
    axes.minorticks_off()
    # The legend lies between the judges and the control, whatever the seed.
    axes.set_ylim(top=float(ceiling) + 0.04)
    axes.legend(fontsize=8, loc="upper left", bbox_to_anchor=(0, 0.5), ncols=2)
    return figure


def draw_calibration(seen: Seen) -> Drawing:
    """What judges claim against what is true, and accuracy where both scores are high."""
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(8, 3.4))
    mixed = seen.passes[seen.config.judge_size].scored[-1]
    shown: tuple[tuple[str, Scored], ...] = (
        ("helpful alone", seen.singles[HELPFUL][0]),
        ("mixed, helpful pairs", mixed[0]),
        ("mixed, red-team pairs", mixed[1]),
    )
    left.plot([0.5, 1], [0.5, 1], color="C6", linestyle="--", linewidth=1)
    for number, (name, scored) in enumerate(shown):
        found = calibrate(scored.margin, scored.p_crowd)
        left.plot(found.claimed, found.found, "o-", color=f"C{number}", label=name, markersize=4)
        rows = accuracy_by_threshold(
            scored.first, scored.second, scored.p_crowd, shares=tuple(np.linspace(0, 0.9, 10))
        )
        right.plot(
            [row.share for row in rows], [row.accuracy for row in rows], "o-", color=f"C{number}",
            markersize=4,
        )  # fmt: skip
    left.set(xlabel="probability claimed by the margin", ylabel="true probability")
    left.legend(fontsize=8)
    right.set(xlabel="share of pairs below the threshold", ylabel="accuracy above it")
    figure.tight_layout()
    return figure


def draw_strange(seen: Seen) -> Drawing:
    """Scores of ordinary, harmful and look-alike prompts at the best layer."""
    from matplotlib import pyplot

    found = seen.strange
    figure, axes = pyplot.subplots(figsize=(6, 3))
    parts = {
        "ordinary": found.ordinary[found.best],
        "look-alike": found.lookalike[found.best],
        "harmful": found.harmful[found.best],
    }
    low, high = np.quantile(np.concatenate(list(parts.values())), [0.005, 0.995])
    edges = np.linspace(low, high, 50)
    for number, (name, values) in enumerate(parts.items()):
        axes.hist(
            values, bins=edges.tolist(), density=True, histtype="step", color=f"C{number}",
            label=name, linewidth=1.5,
        )  # fmt: skip
    axes.axvline(float(np.quantile(parts["ordinary"], 0.95)), color="C6", linestyle="--")
    axes.set(xlabel=f"strangeness at layer {found.best + 1}", ylabel="density", yticks=[])
    axes.legend(fontsize=8)
    return figure


def draw_tax(seen: Seen) -> Drawing:
    """Change of each task by size."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 3))
    tasks = [row.task for row in next(iter(seen.taxes.values())).rows]
    width = 0.8 / len(seen.taxes)
    for number, (size, report) in enumerate(seen.taxes.items()):
        places = np.arange(len(tasks)) + (number - (len(seen.taxes) - 1) / 2) * width
        changes = [row.change for row in report.rows]
        errors = np.abs(np.array([row.interval for row in report.rows]).T - np.array(changes))
        axes.bar(places, changes, width, color=f"C{number}", label=size, yerr=errors, capsize=2)
    axes.axhline(0, color="C6", linewidth=1)
    axes.set_xticks(range(len(tasks)), tasks)
    axes.set_ylabel("right after less right before")
    axes.legend(fontsize=8)
    return figure
