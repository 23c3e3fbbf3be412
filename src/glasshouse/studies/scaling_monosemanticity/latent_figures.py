"""Chapters on what single latents stand for and what lies near them, with drawings."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure as Drawing

from glasshouse.studies.scaling_monosemanticity.meaning import ALIKE, TENTHS
from glasshouse.studies.scaling_monosemanticity.neighbourhood import NEAR, TOPICAL
from glasshouse.studies.scaling_monosemanticity.reading import topic_name
from glasshouse.studies.scaling_monosemanticity.seen import Seen
from glasshouse.studies.study import Figure, Section, Table

_SHOWN = 8
"""Rules in a table, from either end."""


def latent_chapters(seen: Seen) -> tuple[Section, ...]:
    """Specificity, neurons and rules, neighbours and splitting."""
    return _specificity(seen), _interpretability(seen), _neighbours(seen)


def _specificity(seen: Seen) -> Section:
    bearers = seen.meaning.bearers
    rows = tuple(
        (
            topic_name(topic),
            int(latent),
            round(float(bearers.f1[topic]), 2),
            _rounded(bearers.tenths[topic, 0]),
            _rounded(bearers.tenths[topic, -1]),
        )
        for topic, latent in enumerate(bearers.latents.tolist())
        if latent >= 0
    )
    return Section(
        title="Specificity",
        text="The paper has a model grade contexts from 0 (irrelevant) to 3 (cleanly identifies); "
        "here the world says which topic a sentence has. For each topic, the latent that fits it "
        "best was chosen on texts with even numbers and read on those with odd ones. Weak "
        "activations are often wrong, strong ones hardly ever: what a latent stands for is told "
        "by its strong activations. A topic has many latents, so that none of them is active "
        "in all of its sentences.",
        items=(
            Figure(
                name="specificity",
                title="How often a latent is right, by how active it is",
                caption="Share of tokens in sentences of the latent's topic, by tenth of its "
                "active tokens; thin lines topics, thick their mean, grey the best of as many "
                "random directions.",
                draw=lambda: _tenths(seen),
            ),
            Table(
                title="The latent of each topic",
                columns=("topic", "latent", "F1", "right in lowest tenth", "right in top tenth"),
                rows=rows,
            ),
        ),
    )


def _tenths(seen: Seen) -> Drawing:
    figure, axis = plt.subplots(figsize=(5.2, 3), layout="constrained")
    order = np.arange(1, TENTHS + 1)
    for row in seen.meaning.bearers.tenths:
        axis.plot(order, row, color="C0", linewidth=0.6, alpha=0.5)
    for one, colour, label in (
        (seen.meaning.bearers, "C0", "latents"),
        (seen.meaning.random_bearers, "grey", "random directions"),
    ):
        known = one.tenths[np.isfinite(one.tenths).all(axis=1)]
        if len(known):
            axis.plot(order, known.mean(axis=0), "o-", color=colour, linewidth=2, label=label)
    axis.set(xlabel="tenth of activation", ylabel="share of right tokens", ylim=(-0.02, 1.05))
    axis.set_xticks(order)
    axis.legend(fontsize=7, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncol=2)
    return figure


def _interpretability(seen: Seen) -> Section:
    explained = seen.meaning.explained
    rules = explained["latents"].rules
    shown = rules if len(rules) <= 2 * _SHOWN else (*rules[:_SHOWN], *rules[-_SHOWN:])
    means = {name: one.scores.mean() for name, one in explained.items()}
    return Section(
        title="Features and neurons",
        text="Each living latent is held against every neuron of this layer and those before; the "
        f"paper finds 82% that correlate by {ALIKE} or less with all of them. Here "
        f"{(seen.meaning.likeness <= ALIKE).mean():.0%} do, in a model of "
        f"{seen.subject.close_neurons.shape[1]} such neurons that knows "
        f"{seen.subject.world.vocab_size} words. The control holds the same latents "
        "against those of a smaller dictionary, among which they should be found again.\n\n"
        "For each of some latents, neurons (their positive part), random directions and axes of "
        "the value, the rule was "
        "found that foretells activations best on texts with even numbers: these tokens, what "
        "follows these tokens, these pairs, or something true in the world (a topic, a place in "
        "the sentence, a topic with the kind of the next word). Its score is the correlation on "
        "strong and random passages of other texts. These are mechanical rules; no language "
        "model explains or grades anything. On average: "
        + ", ".join(f"{name} {mean:.2f}" for name, mean in means.items())
        + ".",
        items=(
            Figure(
                name="neurons",
                title="Latents beside neurons",
                caption="Left: largest correlation of each living latent with a neuron, and with "
                "a latent of a smaller dictionary. Right: scores of the best rules, sorted.",
                draw=lambda: _neurons(seen),
            ),
            Table(
                title="Rules of latents, the best and the worst explained",
                columns=("latent", "best mechanical rule", "score"),
                rows=tuple((latent, rule, round(score, 2)) for latent, rule, score in shown),
            ),
        ),
    )


def _neurons(seen: Seen) -> Drawing:
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3), layout="constrained")
    bins = np.linspace(0, 1, 26).tolist()
    left.hist(
        seen.meaning.likeness_of_latents, bins=bins, color="grey", alpha=0.5, label="with latents"
    )
    left.hist(seen.meaning.likeness, bins=bins, color="C0", alpha=0.7, label="with neurons")
    left.axvline(ALIKE, color="C1", linewidth=1)
    left.set(xlabel="largest correlation in size", ylabel="latents")
    left.legend(fontsize=7)
    for number, (name, one) in enumerate(seen.meaning.explained.items()):
        share = np.linspace(0, 1, len(one.scores))
        right.plot(share, one.scores, color=f"C{number}", label=name)
    right.set(xlabel="share of directions", ylabel="score of the best rule", ylim=(-0.1, 1.02))
    right.legend(fontsize=7)
    return figure


def _neighbours(seen: Seen) -> Section:
    one = seen.neighbourhood
    rows = tuple(
        (
            f"{small} to {large}",
            len(children),
            round(float(children.mean()), 2),
            round(float((children == 0).mean()), 2),
            round(float((children > 1).mean()), 2),
            round(float(one.turned[small, large].mean()), 2),
        )
        for (small, large), children in one.children.items()
    )
    return Section(
        title="Neighbours and splitting",
        text=f"A latent stands for a topic if at least {TOPICAL:.0%} of its activation lies in "
        f"sentences of that topic; {len(one.topics)} latents of the largest dictionary do. The "
        f"{NEAR} whose directions are most alike share its topic in "
        f"{_mean(one.agreement):.0%} of cases, others in {_mean(one.chance):.0%}. A latent of a "
        "small dictionary is the parent of those of a larger one that lie nearest to it, at a "
        "cosine over 0.7.",
        items=(
            Figure(
                name="map",
                title="Topical latents on a map",
                caption="The largest dictionary's topical latents laid out by their directions; "
                "the six topics with most latents have a colour, the others are grey.",
                draw=lambda: _map(seen),
            ),
            Table(
                title="Children in a dictionary four times as large",
                columns=(
                    "sizes",
                    "living latents",
                    "children on average",
                    "without children",
                    "with several",
                    "control",
                ),
                rows=rows,
                caption="Control: coordinates of the larger dictionary in another order.",
            ),
        ),
    )


def _map(seen: Seen) -> Drawing:
    one = seen.neighbourhood
    figure, axis = plt.subplots(figsize=(5.6, 4.2), layout="constrained")
    if one.places is not None:
        counts = np.bincount(one.topics, minlength=1)
        named = np.argsort(-counts, kind="stable")[:6]
        rest = ~np.isin(one.topics, named)
        axis.plot(*one.places[rest].T, "o", color="grey", markersize=3, alpha=0.5, label="others")
        for number, topic in enumerate(named.tolist()):
            own = one.places[one.topics == topic]
            axis.plot(*own.T, "o", color=f"C{number}", markersize=4, label=topic_name(topic))
        axis.legend(fontsize=7, loc="center left", bbox_to_anchor=(1.0, 0.5))
    axis.set_xticks([])
    axis.set_yticks([])
    axis.grid(False)
    return figure


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _rounded(value: float) -> float | None:
    return round(float(value), 2) if np.isfinite(value) else None
