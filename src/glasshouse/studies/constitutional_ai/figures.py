"""What was measured, drawn."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure as Drawing

from glasshouse.studies.constitutional_ai.grading import bigram_entropy
from glasshouse.studies.constitutional_ai.judging import reliability
from glasshouse.studies.constitutional_ai.seen import Seen

SHOWN = ("base", "helpful-only", "sl-cai", "hh-rlhf", "rl-cai", "rl-cai-over")
"""Policies of the main figure."""
_SMOOTHED = 5
"""Updates that are averaged where a course is drawn: one's divergence is that of 48 replies."""


def judges(seen: Seen) -> Drawing:
    """Accuracy by size, with reasons and without, on trained and held-out categories."""
    figure, axis = plt.subplots(figsize=(6, 3.4), layout="constrained")
    own = seen.judges
    places = [seen.parameters[size] / 1e6 for size in seen.config.sizes]
    for name, judged, pairs, colour, style in (
        ("at once, trained", own.plain, own.trained, "C0", "o-"),
        ("reasons first, trained", own.reasoned, own.trained, "C1", "o-"),
        ("at once, held out", own.plain_held_out, own.held_out, "C0", "s--"),
        ("reasons first, held out", own.reasoned_held_out, own.held_out, "C1", "s--"),
        ("asked whether it is short", own.unrelated, own.trained, "C3", "x:"),
    ):
        values = [judged[size].right(pairs).mean() for size in seen.config.sizes]
        axis.plot(places, values, style, color=colour, label=name)
    axis.axhline(0.5, color="0.6", linewidth=0.8)
    axis.set(xscale="log", xlabel="million parameters", ylabel="share right", ylim=(0.2, 1.02))
    axis.set_xticks(places, [f"{place:.2f}" for place in places])
    axis.minorticks_off()
    figure.legend(loc="outside right center", fontsize="small")
    return figure


def calibration(seen: Seen) -> Drawing:
    """Label against gold preference, with reasons and without."""
    figure, axis = plt.subplots(figsize=(4.6, 3.6), layout="constrained")
    axis.plot([0, 1], [0, 1], color="0.6", linewidth=0.8)
    for name, judged, colour in (
        ("at once", seen.judges.plain, "C0"),
        ("reasons first", seen.judges.reasoned, "C1"),
    ):
        points = reliability(
            judged[seen.largest].labels, seen.judges.trained.odds, bins=seen.config.judging.bins
        )
        axis.plot([one for one, _, _ in points], [two for _, two, _ in points], "o-",
                  color=colour, label=name)  # fmt: skip
    axis.set(xlabel="label", ylabel="gold preference", xlim=(0, 1), ylim=(0, 1))
    axis.legend(fontsize="small")
    return figure


def revisions(seen: Seen) -> Drawing:
    """Harm and help after each revision."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(6.6, 3.2), layout="constrained")
    for name, chains, colour in (
        ("trained categories", seen.chains.trained, "C0"),
        ("held-out categories", seen.chains.held_out, "C1"),
    ):
        harm = chains.of("harm")
        stages = np.arange(harm.shape[1])
        error = 1.96 * harm.std(axis=0) / np.sqrt(len(harm))
        left.errorbar(stages, harm.mean(axis=0), error, fmt="o-", color=colour, label=name)
    stages = np.arange(seen.chains.trained.of("help").shape[1])
    for name, chains, colour in (
        ("harmful requests", seen.chains.trained, "C0"),
        ("harmless requests", seen.chains.harmless, "C2"),
    ):
        right.plot(stages, chains.of("help").mean(axis=0), "o-", color=colour, label=name)
    for axis, title in ((left, "gold harm"), (right, "does what was asked")):
        axis.set(xlabel="revisions", ylabel=title, xticks=stages)
        axis.set_ylim(bottom=0)
        axis.legend(fontsize="small")
    return figure


def critiques(seen: Seen) -> Drawing:
    """Harm after one revision, in several ways, by size."""
    figure, axis = plt.subplots(figsize=(6.4, 3.2), layout="constrained")
    ways = ("first reply", "critique", "direct", "another's critique", "irrelevant principle")
    width = 0.16
    for place, size in enumerate(seen.config.sizes):
        own = seen.chains.first[size]
        columns = (
            own.critiqued[:, 0],
            own.critiqued[:, 1],
            own.direct[:, 1],
            own.shuffled[:, 1],
            own.irrelevant[:, 1],
        )
        for way, values in enumerate(columns):
            axis.bar(
                place + (way - 2) * width,
                values.mean(),
                width,
                yerr=1.96 * values.std() / np.sqrt(len(values)),
                color=f"C{way}",
                label=ways[way] if place == 0 else None,
            )
    axis.set(ylabel="gold harm", xticks=range(len(seen.config.sizes)))
    axis.set_xticklabels(seen.config.sizes)
    figure.legend(loc="outside right center", fontsize="small")
    return figure


def ladder(seen: Seen) -> Drawing:
    """Harm and diversity by the number of principles."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(6.6, 3.2), layout="constrained")
    for name, own, colour in (
        ("all ask for harmlessness", seen.chains.aims, "C0"),
        ("one does, the others do not", seen.chains.diluted, "C3"),
        ("one aim in two wordings", seen.chains.paraphrases, "C2"),
    ):
        left.plot(own.counts, own.harm.mean(axis=1), "o-", color=colour, label=name)
        right.plot(own.counts, [bigram_entropy(row) for row in own.texts], "o-", color=colour)
    for axis, title in ((left, "gold harm"), (right, "entropy of word pairs, bits")):
        axis.set(xscale="log", xlabel="principles", ylabel=title)
        axis.set_xticks(seen.chains.aims.counts, [str(one) for one in seen.chains.aims.counts])
        axis.minorticks_off()
    left.set_ylim(bottom=0)
    figure.legend(loc="outside lower center", ncols=3, fontsize="small")
    return figure


def policies(seen: Seen) -> Drawing:
    """Harm, evasion, reasons and help of the main policies."""
    figure, axes = plt.subplots(1, 4, figsize=(7.4, 3), sharey=True, layout="constrained")
    shaped = [seen.policies.shaped[name] for name in SHOWN]
    columns = (
        ("gold harm", [one.harmful.of("harm") for one in shaped]),
        ("evasive", [one.harmful.of("evasive") for one in shaped]),
        ("says why", [one.harmful.of("explains") for one in shaped]),
        ("help, harmless", [one.harmless.of("help") for one in shaped]),
    )
    for axis, (title, values) in zip(axes, columns, strict=True):
        means = [value.mean() for value in values]
        errors = [1.96 * value.std() / np.sqrt(len(value)) for value in values]
        axis.barh(range(len(SHOWN)), means, xerr=errors, color=[f"C{n}" for n in range(6)])
        axis.set(title=title)
        axis.set_xlim(left=0)
    axes[0].set_yticks(range(len(SHOWN)), SHOWN)
    axes[0].invert_yaxis()
    return figure


def updates(seen: Seen) -> Drawing:
    """Preference score against the root of the divergence, update by update."""
    figure, axis = plt.subplots(figsize=(6, 3.2), layout="constrained")
    names = ("rl-cai-over", "cot", "cot-clamped", "soft", "hard", "hh-rlhf", "helpful-only")
    for place, name in enumerate(names):
        steps = seen.policies.shaped[name].steps
        window = min(_SMOOTHED, len(steps))
        reward, nats = (
            np.convolve(values, np.ones(window) / window, "valid")
            for values in zip(*steps, strict=True)
        )
        far = np.sqrt(np.maximum(nats, 0))
        axis.plot(far, reward - reward[0], ".-", color=f"C{place}", markersize=3, label=name)
    axis.set(xlabel="root of the divergence, nats a reply", ylabel="preference score gained")
    figure.legend(loc="outside right center", fontsize="small")
    return figure
