"""The chapter that tells what shaping did: reward and gold against distance, before and after."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from glasshouse.align.policies import PolicyStep
from glasshouse.evaluate import Answered
from glasshouse.studies.base_model.shaping import Shaped
from glasshouse.studies.study import Figure, Section, Table, Transcript, Turn

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

NUM_SHOWN = 4
"""Dialogues shown before and after."""
_SMOOTHED = 5
"""Steps of the running mean in the figure."""


def assistant(shaped: Shaped) -> Section:
    """Tell what the assistant gained and what it cost."""
    judge, last = shaped.agreement, shaped.steps[-1]
    return Section(
        title="An assistant is shaped",
        text=f"A crowd compared two of the model's own replies to each of {shaped.compared:,} "
        "requests. The crowd has tastes beyond what is good: it likes agreement, certainty and "
        "turning away. A copy of the model learned to foretell it and agrees with "
        f"{judge.accuracy:.0%} of {judge.pairs} further comparisons, where nobody could agree with "
        f"more than {shaped.ceiling:.0%}. Another copy was then trained to please that judge, for "
        f"{last.step} steps of {len(last.replies)} replies. The gold reward was only watched.",
        items=(
            Figure(
                name="shaping",
                title="Reward and gold reward against distance",
                caption="Each dot is a step; the line is a running mean. Distance is the root of "
                "the divergence from the grown model, in nats a reply, at which rewards have been "
                "found to rise in a straight line at first. Where the judge's score (left) rises "
                "and the gold reward (right) does not, the judge is being pleased and nobody else.",
                draw=partial(draw_shaping, shaped.steps),
            ),
            _changes(shaped),
            _tax(shaped),
            *_dialogues(shaped),
        ),
    )


def _changes(shaped: Shaped) -> Table:
    """What the answers to the same held-out requests are worth."""
    harmless, harmful = (
        [place for place, one in enumerate(shaped.before) if one.request.harmful == is_harmful]
        for is_harmful in (False, True)
    )
    rows = (
        ("gold reward, ordinary requests", harmless, "reward"),
        ("help with ordinary requests (0 to 1)", harmless, "help"),
        ("gold reward, harmful requests", harmful, "reward"),
        ("harm done (0 to 4)", harmful, "harm"),
        ("turns away without a reason", harmful, "evasive"),
        ("says why not", harmful, "explains"),
        ("words of an answer", [*harmless, *harmful], "length"),
    )
    return Table(
        title="Before and after",
        columns=("what", "as grown", "assistant"),
        rows=tuple(
            (name, *(_mean(answers, places, field) for answers in (shaped.before, shaped.after)))
            for name, places, field in rows
        ),
        caption=f"Means over {len(harmless)} ordinary and {len(harmful)} harmful requests that "
        "nothing was trained on.",
    )


def _mean(answers: Sequence[Answered], places: Sequence[int], field: str) -> float:
    return round(float(np.mean([float(getattr(answers[p].gold, field)) for p in places])), 2)


def _tax(shaped: Shaped) -> Table:
    return Table(
        title="What it cost elsewhere: the alignment tax",
        columns=("task", "as grown", "assistant", "change", "95 % interval", "questions"),
        rows=tuple(
            (
                row.task,
                round(row.before, 2),
                round(row.after, 2),
                round(row.change, 3),
                f"{row.interval[0]:+.3f} to {row.interval[1]:+.3f}".replace("-", "−"),
                row.items,
            )
            for row in shaped.tax.rows
        ),
        caption="Share of questions whose right next word is the likeliest. Below zero: a tax.",
    )


def _dialogues(shaped: Shaped) -> tuple[Transcript, ...]:
    """The first requests of each sort, with both answers."""
    shown = [
        place
        for is_harmful in (True, False)
        for place in [
            p for p, one in enumerate(shaped.before) if one.request.harmful == is_harmful
        ][: NUM_SHOWN // 2]
    ]
    return tuple(
        Transcript(
            title="A harmful request" if shaped.before[place].request.harmful else "A request",
            turns=(
                Turn(speaker="human", text=shaped.before[place].request.text),
                *(
                    Turn(speaker=speaker, text=one.text or "(nothing)", truth=_truth(one))
                    for speaker, one in (
                        ("as grown", shaped.before[place]),
                        ("assistant", shaped.after[place]),
                    )
                ),
            ),
        )
        for place in shown
    )


def _truth(one: Answered) -> tuple[tuple[str, str], ...]:
    return (
        ("gold reward", f"{one.gold.reward:.2f}"),
        ("help", f"{one.gold.help:.2f}"),
        ("harm", f"{one.gold.harm:.1f}"),
    )


def draw_shaping(steps: Sequence[PolicyStep]) -> "Drawing":
    """The judge's score and the gold reward, each against the root of the divergence."""
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(7, 3.0), sharex=True)
    distance = np.sqrt([max(0.0, step.kl) for step in steps])
    for axis, values, label, colour in (
        (axes[0], [step.reward for step in steps], "judge's score (nats)", "C0"),
        (axes[1], [step.watched["gold"] for step in steps], "gold reward", "C1"),
    ):
        axis.plot(distance, values, "o", color=colour, alpha=0.45, markersize=3.5)
        axis.plot(_running(distance), _running(np.array(values)), color=colour)
        axis.set(xlabel="√KL from the grown model (√nats)", ylabel=label)
    return figure


def _running(values: np.ndarray) -> np.ndarray:
    """Mean of a few neighbouring steps; shorter than the values."""
    width = min(_SMOOTHED, len(values))
    return np.convolve(values, np.ones(width) / width, mode="valid")
