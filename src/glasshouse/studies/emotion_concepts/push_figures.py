"""Chapters on what vectors move: preferences, acts, and what training leaves, with drawings."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure as Drawing

from glasshouse.studies.emotion_concepts.behaviour import PUSHED, column
from glasshouse.studies.emotion_concepts.drift import alike
from glasshouse.studies.emotion_concepts.seen import Seen
from glasshouse.studies.study import Figure, Section, Table
from glasshouse.world.moods import STATES


def preference_chapter(seen: Seen) -> Section:
    """What an item stirs, and how much it is preferred."""
    low, high = (
        np.mean([getattr(one.ratings, end)() for one in seen.preferences]) for end in ("min", "max")
    )
    return Section(
        title="What is preferred",
        text="Each item is felt about in some state, which texts about it show; of two items the "
        "pleasanter one is likelier to be chosen. Elo ratings come from all ordered pairs, both "
        f"orders averaged; they run from {low:.0f} to {high:.0f}. Every vector is scored on the "
        "item's token in a text that asks how one feels about it, and then added to the tokens of "
        "half of the items, at the same strength at every layer up to the one that is read, while "
        "the model chooses.",
        items=(
            Figure(
                name="preferences",
                title="Scores of items, and what is chosen",
                caption="Left: Elo of every item in one model, by the score of the vectors that "
                "correlate best and worst. Right: change of Elo of pushed items less that of the "
                "others, by the vector's correlation, one dot a vector and model; grey crosses "
                "permuted vectors.",
                draw=lambda: _preferences(seen),
            ),
        ),
    )


def _preferences(seen: Seen) -> Drawing:
    figure, (left, right) = plt.subplots(1, 2, figsize=(6.8, 3.2), layout="constrained")
    one = seen.preferences[0]
    for colour, vector in (("C0", int(one.r.argmax())), ("C1", int(one.r.argmin()))):
        label = f"{STATES[vector]} (r = {one.r[vector]:.2f})"
        left.plot(one.scores[:, vector], one.ratings, "o", color=colour, markersize=4, label=label)
    left.set(xlabel="score on the item", ylabel="Elo")
    left.legend(fontsize=7)
    for number, one in enumerate(seen.preferences):
        for row in one.moved_permuted:
            right.plot(one.r, row, "x", color="grey", markersize=3, alpha=0.6)
        right.plot(one.r, one.moved, "o", color=f"C{number % 7}", markersize=4)
    right.axhline(0, color="grey", linewidth=0.8)
    right.set(xlabel="correlation with Elo", ylabel="change of Elo when pushed")
    return figure


def behaviour_chapter(seen: Seen) -> Section:
    """What pushing does to acts."""
    strengths = seen.subjects[0].config.push.strengths
    told = {state: np.mean([one.told[state] for one in seen.behaviour], axis=0) for state in PUSHED}
    rows = []
    for act in ("act", "task"):
        for state in PUSHED:
            for place, strength in enumerate(strengths):
                doses = [one.doses[act, state].doses[place] for one in seen.behaviour]
                base = np.mean([one.doses[act, state].baseline_loss for one in seen.behaviour])
                rows.append(
                    (
                        "P(bad)" if act == "act" else "P(cheat)",
                        state,
                        strength,
                        round(float(np.mean([dose.effect for dose in doses])), 3),
                        round(float(np.mean([np.std(dose.random) for dose in doses])), 3)
                        if strength
                        else None,
                        round(float(told[state][place]), 3),
                        round(float(np.mean([dose.loss for dose in doses]) - base), 2),
                    )
                )
    return Section(
        title="What steering does",
        text="All prompts are dialogues that show no state, up to the question; the vector is "
        "added at every token. The world fixes how likely each answer is in each state, so it is "
        "known what a push should do if it moved the state and nothing else. Strengths are those "
        "of the paper's case studies. Whether the text holds is asked of the unpushed model: how "
        "many more nats a token it needs for what the pushed one writes.",
        items=(
            Figure(
                name="doses",
                title="More and more of a push",
                caption="Chance of a bad act (left) and of cheating (right) by strength; one line "
                "a model, grey permuted vectors of the first model.",
                draw=lambda: _doses(seen),
            ),
            Figure(
                name="answers",
                title="Twelve vectors and five answers",
                caption="Change of an answer's chance from the lowest to the highest strength, by "
                "vector, against the chance that the world gives the answer in that state, less "
                "its mean over states; one dot a vector and model. Shaded: where nine of ten "
                "permuted vectors lie.",
                draw=lambda: _answers(seen),
            ),
            Table(
                title="Doses in numbers",
                columns=(
                    "of",
                    "vector",
                    "strength",
                    "chance",
                    "spread of permuted",
                    "words that tell",
                    "nats worse",
                ),
                rows=tuple(rows),
                caption="Means over models. Words that tell: chance that the next word of the "
                "reply is of a side or a state, a sign that a push shows in the text. Without a "
                "push it is that of text without a state.",
            ),
        ),
    )


def _doses(seen: Seen) -> Drawing:
    figure, axes = plt.subplots(1, 2, figsize=(6.8, 3), sharey=True, layout="constrained")
    for axis, act, title in zip(axes, ("act", "task"), ("P(bad)", "P(cheat)"), strict=True):
        for colour, state in zip(("C1", "C0"), PUSHED, strict=True):
            for number, one in enumerate(seen.behaviour):
                doses = one.doses[act, state].doses
                axis.plot(
                    [dose.strength for dose in doses],
                    [dose.effect for dose in doses],
                    "o-",
                    color=colour,
                    markersize=3,
                    label=state if not number else None,
                )
        pushed = seen.behaviour[0].doses[act, PUSHED[0]].doses
        rest = next(dose.effect for dose in pushed if not dose.strength)
        for number in range(len(pushed[0].random)):
            values = [dose.random[number] if dose.strength else rest for dose in pushed]
            strengths = [dose.strength for dose in pushed]
            axis.plot(strengths, values, color="grey", linewidth=0.6, alpha=0.6, zorder=0)
        axis.set(xlabel="strength (share of the mean norm)", title=title)
    axes[0].set_ylabel("chance")
    axes[0].legend()
    return figure


def _answers(seen: Seen) -> Drawing:
    shown = (
        ("bad", column("act", 0)),
        ("cheat", column("task", 0)),
        ("agree", column("answer", 0)),
        ("hostile", column("answer", 1)),
        ("plain", column("answer", 2)),
    )
    figure, axes = plt.subplots(
        1, len(shown), figsize=(7.4, 2.5), sharey=True, layout="constrained"
    )
    for axis, (name, place) in zip(axes, shown, strict=True):
        for number, one in enumerate(seen.behaviour):
            truth = one.planted[:, place] - one.planted[:, place].mean()
            axis.plot(truth, one.by_state[:, place], "o", color=f"C{number % 7}", markersize=3)
        noise = np.concatenate([one.by_random[:, place] for one in seen.behaviour])
        axis.axhspan(*np.quantile(noise, (0.05, 0.95)), color="grey", alpha=0.2, linewidth=0)
        axis.set_title(name, fontsize=9)
    axes[0].set_ylabel("change when pushed")
    axes[2].set_xlabel("chance in the state, from the mean")
    return figure


def drift_chapter(seen: Seen) -> Section:
    """What training on calm replies leaves."""
    control = np.mean([alike(one.continued) for one in seen.drift])
    size, other = (
        np.mean([np.abs(list(getattr(one, name).values())).mean() for one in seen.drift])
        for name in ("calmed", "continued")
    )
    return Section(
        title="After training on calm replies",
        text="A copy of every model was trained on dialogues in which the assistant is calm "
        "whatever the user is, another as long on what all models were grown on. Scores are taken "
        "at the assistant's mark, with the vectors of the model as it was before. Mean size of the "
        f"shifts: {size:.2f} on calm replies, {other:.2f} on what it was grown on, where "
        f"shifts between kinds of prompts correlate by {control:.2f}.",
        items=(
            Figure(
                name="drift",
                title="Shifts at the assistant's mark",
                caption="Change of every vector's score behind neutral users (across) and "
                "distressed ones (up), one dot a vector and model; crosses are the control.",
                draw=lambda: _drift(seen),
            ),
        ),
    )


def _drift(seen: Seen) -> Drawing:
    figure, axis = plt.subplots(figsize=(5.2, 4.2), layout="constrained")
    for number, one in enumerate(seen.drift):
        colour = f"C{number % 7}"
        axis.plot(one.calmed["neutral"], one.calmed["distressed"], "o", color=colour, markersize=4)
        axis.plot(
            one.continued["neutral"], one.continued["distressed"], "x", color=colour, markersize=4
        )
    first = seen.drift[0].calmed
    # Neighbours along the diagonal are named on opposite sides of it, so that no two names meet.
    for rank, place in enumerate(first["neutral"].argsort()):
        where = (first["neutral"][place], first["distressed"][place])
        axis.annotate(
            STATES[place],
            where,
            fontsize=7,
            xytext=(7, -7) if rank % 2 else (-7, 7),
            ha="left" if rank % 2 else "right",
            va="center",
            textcoords="offset points",
        )
    axis.margins(0.25)
    axis.axhline(0, color="grey", linewidth=0.8)
    axis.axvline(0, color="grey", linewidth=0.8)
    axis.set(xlabel="change, neutral users", ylabel="change, distressed users")
    return figure
