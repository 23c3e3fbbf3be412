"""Chapters on what vectors are and whose state they follow, and what they draw."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure as Drawing

from glasshouse.studies.emotion_concepts.push_figures import (
    behaviour_chapter,
    drift_chapter,
    preference_chapter,
)
from glasshouse.studies.emotion_concepts.recognition import CLUSTERS, grouped, neighbours
from glasshouse.studies.emotion_concepts.seen import Seen
from glasshouse.studies.emotion_concepts.tracking import AFTER, BEFORE, CONDITIONS
from glasshouse.studies.study import Figure, Section, Table
from glasshouse.world.moods import NUMBERS, STATES, TEMPLATES


def chapters(seen: Seen) -> tuple[Section, ...]:
    """All chapters, in the paper's order."""
    return (
        _world_chapter(seen),
        _recognition_chapter(seen),
        _tracking_chapter(seen),
        preference_chapter(seen),
        behaviour_chapter(seen),
        drift_chapter(seen),
    )


def _world_chapter(seen: Seen) -> Section:
    config = seen.subjects[0].config
    grow, read = config.grow, config.read
    return Section(
        title="States, texts and models",
        text="Twelve states lie on a circle of valence and arousal, each with words of its own. "
        "A writer in a state draws words of the topic, pleasant or unpleasant words by its "
        "valence, stirred or still words by its arousal, and words of the state. In a dialogue the "
        "assistant's state follows from the user's as a manner says that stands at the start: the "
        "same, or a quarter of the circle on, or left to chance. What is done at the end (an act, "
        "a task, an answer) depends on the last writer's state and on nothing else. Names such as "
        "calm or desperate are labels of places on this circle: what is read here is a latent "
        "state of a text, and nothing is said about experience.\n\n"
        f"{grow.models} models of {grow.layers} layers and width {grow.d_model} were grown on "
        f"{grow.steps} batches of {grow.batch} such texts; they saw token ids and never a state. "
        f"Vectors are means over {read.stories} stories a state in which the state's own words "
        f"never stand, from token {read.skip} on, at the output of block {read.layer} (from 0), "
        "less the mean over states, with the components projected out that hold "
        f"{read.variance:.0%} of the variance of text without a state. Vectors are made unit long "
        "before use; strengths are shares of the mean length of the residual stream at the layer. "
        "Controls are the same vectors with their coordinates in another order.",
        items=(
            Figure(
                name="growing",
                title="Growing the models",
                caption="Loss in nats a token, averaged over 25 steps, one line a model.",
                draw=lambda: _growing(seen),
            ),
        ),
    )


def _growing(seen: Seen) -> Drawing:
    figure, axis = plt.subplots(figsize=(6.4, 2.4), layout="constrained")
    for number, subject in enumerate(seen.subjects):
        losses = np.array(subject.grown.losses)
        width = min(25, len(losses))
        smooth = np.convolve(losses, np.ones(width) / width, mode="valid")
        steps = np.arange(width, len(losses) + 1)
        axis.plot(steps, smooth, color=f"C{number % 7}", linewidth=0.9)
    axis.set(xlabel="training step", ylabel="loss (nats)")
    return figure


def _recognition_chapter(seen: Seen) -> Section:
    first = seen.recognition[0]
    rows = tuple((state, ", ".join(first.raised[number])) for number, state in enumerate(STATES))
    removed = ", ".join(str(one.removed) for one in seen.recognition)
    early = np.mean([one.first_alike for one in seen.recognition])
    return Section(
        title="What vectors find, and how they lie",
        text="Held-out stories are scored by all twelve vectors; no story holds a word of its own "
        "state. Neighbours on the circle share most of their words, so a vector that is not the "
        "state's own is mostly a neighbour's. Neutral components projected out, by model: "
        f"{removed}. The arrangement of vectors in the first layer correlates with that in the "
        f"layer that is read by {early:.2f}.",
        items=(
            Figure(
                name="heat-map",
                title="Vectors on stories that do not name their state",
                caption="Mean score of each vector (across) on held-out stories of each state "
                "(down), over models, each model in units of its largest. The band along the "
                "diagonal is the circle.",
                draw=lambda: _heat(seen),
            ),
            Figure(
                name="circle",
                title="The plane of the vectors",
                caption="Two principal components of the twelve vectors of each model, turned and "
                "scaled to fit valence (across) and arousal (up) best; one dot a model, the ring "
                "is where the world put the state.",
                draw=lambda: _circle(seen),
            ),
            Table(
                title="Tokens that each vector raises most",
                columns=("state", "tokens, in one model"),
                rows=rows,
                caption="Vectors come from stories that hold none of the words of their state.",
            ),
            Table(
                title=f"Twelve vectors in {CLUSTERS} groups",
                columns=(
                    "model",
                    "states that share a group",
                    "of these pairs, next on the circle",
                ),
                rows=tuple(
                    (
                        number,
                        "; ".join(" + ".join(group) for group in grouped(one.clusters)),
                        f"{neighbours(one.clusters):.0%}",
                    )
                    for number, one in enumerate(seen.recognition)
                ),
                caption="K-means on unit vectors. With twelve vectors few groups can hold more "
                f"than one; of pairs drawn blindly {2 / (len(STATES) - 1):.0%} are neighbours.",
            ),
        ),
    )


def _heat(seen: Seen) -> Drawing:
    heat = np.mean([one.heat / np.abs(one.heat).max() for one in seen.recognition], axis=0)
    figure, axis = plt.subplots(figsize=(5.6, 4.6), layout="constrained")
    # Browsers' letters are larger than those that the layout was measured with.
    figure.get_layout_engine().set(w_pad=0.12)  # type: ignore[union-attr]
    image = axis.imshow(heat, cmap="RdBu_r", vmin=-1, vmax=1)
    axis.set_xticks(range(len(STATES)), STATES, rotation=60, ha="right", fontsize=8)
    axis.set_yticks(range(len(STATES)), STATES, fontsize=8)
    axis.set(xlabel="vector", ylabel="state of the story")
    axis.grid(False)
    figure.colorbar(image, ax=axis, label="score (largest = 1)", shrink=0.8)
    return figure


def _circle(seen: Seen) -> Drawing:
    angle = 2 * np.pi * np.arange(len(STATES)) / len(STATES)
    truth = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    figure, axis = plt.subplots(figsize=(4.8, 4.6), layout="constrained")
    for number, one in enumerate(seen.recognition):
        place = one.plane.coordinates.double().numpy()
        fit = place @ np.linalg.lstsq(place, truth, rcond=None)[0]
        axis.plot(fit[:, 0], fit[:, 1], "o", color=f"C{number % 7}", markersize=4)
    axis.plot(truth[:, 0], truth[:, 1], "o", color="grey", fillstyle="none", markersize=11)
    for name, (x, y) in zip(STATES, truth, strict=True):
        axis.annotate(name, (1.34 * x, 1.17 * y), ha="center", va="center", fontsize=8)
    axis.set(xlabel="valence", ylabel="arousal", xlim=(-1.75, 1.75), ylim=(-1.4, 1.4))
    return figure


def _tracking_chapter(seen: Seen) -> Section:
    corner, either = (
        np.mean([getattr(one, name) for one in seen.tracking], axis=0)
        for name in ("corner", "corner_either")
    )
    places = ("user's end with mark", "mark with reply", "user's end with reply")
    return Section(
        title="Whose state, and when",
        text="A number in a template makes one state of a pair likelier for the reply, by degrees; "
        "the difference of their scores is read at the assistant's mark, before anything else is "
        "said. In dialogues the manner at the start decides whether the reply keeps the user's "
        "state or moves on by a quarter of the circle, so that over both the user's state "
        "is a poor guide to the reply's, and a model that plans must combine the two before "
        "it writes. Where the manner leaves it to chance, nothing can be planned: that is the "
        "control. At a switch, the old writer's state should fade within a few tokens.",
        items=(
            Figure(
                name="numbers",
                title="Numbers that make it graver",
                caption="Score of the first state less that of the second at the assistant's mark, "
                "by the number the user named; one line a model, from the mean of all numbers. The "
                "number of the last panel says nothing.",
                draw=lambda: _numbers(seen),
            ),
            Figure(
                name="switch",
                title="Another speaker",
                caption="Mean score around the assistant's mark (token 0) of the old writer's "
                "state, the new writer's and all others, mean over models; dotted where half of "
                "the old state's score is gone.",
                draw=lambda: _switch(seen),
            ),
            Table(
                title="Correlations over dialogues and states",
                columns=("", "foretold by the manner", "left to chance"),
                rows=tuple(
                    (name, round(float(corner[i]), 2), round(float(either[i]), 2))
                    for i, name in enumerate(places)
                ),
                caption="Of scores at single tokens (the user's last word, the assistant's mark) "
                "and means over the reply; mean over models.",
            ),
            Figure(
                name="conditions",
                title="States that no word shows",
                caption="Share of held-out texts in which one probe for all conditions finds the "
                "state of the last writer, or of the one told of; one dot a model, open dots a "
                "probe fitted to shuffled states, the dotted line chance.",
                draw=lambda: _conditions(seen),
            ),
        ),
    )


def _numbers(seen: Seen) -> Drawing:
    figure, axes = plt.subplots(
        1, len(TEMPLATES) + 1, figsize=(7.2, 2.3), sharey=True, layout="constrained"
    )
    titles = [f"{high}\nover {low}" for high, low in TEMPLATES] + ["says\nnothing"]
    for panel, (axis, title) in enumerate(zip(axes, titles, strict=True)):
        for number, one in enumerate(seen.tracking):
            gap = one.by_number[panel]
            axis.plot(
                range(NUMBERS), gap - gap.mean(), color=f"C{number % 7}", marker="o", markersize=2.5
            )
        axis.set_title(title, fontsize=8)
        axis.set_xticks((0, 5, 9))
    axes[0].set_ylabel("difference of scores")
    axes[len(axes) // 2].set_xlabel("number")
    return figure


def _switch(seen: Seen) -> Drawing:
    figure, axis = plt.subplots(figsize=(6.4, 2.8), layout="constrained")
    around = np.mean([one.around for one in seen.tracking], axis=0)
    tokens = np.arange(-BEFORE, AFTER)
    for row, label, colour in zip(
        around,
        ("old writer's state", "new writer's", "all others"),
        ("C0", "C1", "grey"),
        strict=True,
    ):
        axis.plot(tokens, row, color=colour, label=label)
    axis.axvline(
        float(np.mean([one.half_life for one in seen.tracking])),
        color="grey",
        linestyle=":",
        linewidth=1,
    )
    axis.set(xlabel="tokens after the assistant's mark", ylabel="score")
    axis.legend()
    return figure


def _conditions(seen: Seen) -> Drawing:
    figure, axis = plt.subplots(figsize=(5.6, 2.8), layout="constrained")
    labels = (
        "stories",
        "about\nothers",
        "replies,\nall words",
        "replies,\nwords hidden",
        "replies,\nmasked",
    )
    for place, name in enumerate(CONDITIONS):
        found = [one.accuracy[name] for one in seen.tracking]
        shuffled = [one.accuracy_shuffled[name] for one in seen.tracking]
        axis.bar(place, np.mean(found), color="C0", alpha=0.45, width=0.6)
        axis.plot([place] * len(found), found, "o", color="C0", markersize=4)
        axis.plot([place] * len(found), shuffled, "o", color="C1", fillstyle="none", markersize=4)
    axis.axhline(1 / len(STATES), color="grey", linestyle=":", linewidth=1)
    axis.set_xticks(range(len(labels)), labels, fontsize=8)
    axis.set(ylabel="share found", ylim=(0, 1.02))
    return figure
