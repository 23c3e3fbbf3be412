"""The chapters of the report."""

from functools import partial
from typing import get_args

import numpy as np

from glasshouse.align.talks.scoring import Scoring
from glasshouse.studies.general_assistant.asked import CATEGORIES
from glasshouse.studies.general_assistant.figures import (
    draw_accuracy,
    draw_distillation,
    draw_objectives,
    draw_speech,
    draw_tax,
    draw_votes,
)
from glasshouse.studies.general_assistant.measure import Seen
from glasshouse.studies.study import Figure, Section, Table, Text, Transcript, Turn

SHOWN = 4
"""Dialogues shown."""


def chapters(seen: Seen) -> tuple[Section, ...]:
    """Tell everything in the paper's order."""
    return (
        _prompting(seen),
        _distilling(seen),
        _objectives(seen),
        _votes(seen),
        _taxes(seen),
        _speech(seen),
        _bases(seen),
    )


def _prompting(seen: Seen) -> Section:
    prefix = seen.tasks.prompts[0].kind
    rows = []
    for one in seen.prompted.values():
        for condition, scores in one.scored.right.items():
            own = scores["mean"]
            places = np.array(one.scored.categories)
            rows.append(
                (
                    one.size,
                    condition,
                    *(round(float(scores[way].mean()), 3) for way in get_args(Scoring)),
                    *(
                        round(float(own[places == each].mean()), 3) if each in places else None
                        for each in CATEGORIES
                    ),
                )
            )
    return Section(
        title="Prompts",
        text="Documents of the base corpus hold two to four dialogues that one hidden persona "
        "answers, so that a reader may infer who is speaking. A prompt shows three dialogues of "
        "the kind persona; the rude persona answers the same requests in the first control, and "
        "the second is sentences about people, as long to the token. Each prompt stands before "
        "its share of gold pairs: two answers to one request, of which one is better by gold "
        "reward.",
        items=(
            Figure(
                name="accuracy",
                title="Gold pairs right, by size and prompt",
                caption="Three ways to score a reply by its log-probability; bars are two standard "
                "errors. Claims are judged by the mean a token.",
                draw=partial(draw_accuracy, seen),
            ),
            Table(
                title="By scoring and category",
                columns=(
                    "base",
                    "prompt",
                    *get_args(Scoring),
                    *(f"{each} (mean)" for each in CATEGORIES),
                ),
                rows=tuple(rows),
                caption="Categories by the mean a token: helpful tasks, honest answers to "
                "questions and claims, harmless replies to harmful requests, other.",
            ),
            Text(
                title="One prompt",
                paragraphs=(seen.tasks.world.render(np.array(prefix.ids, dtype=np.uint16)),),
            ),
        ),
    )


def _distilling(seen: Seen) -> Section:
    own = seen.student
    requests = seen.tasks.requests
    shown = [
        Transcript(
            title=f"Before and after distillation, {number}",
            turns=(
                Turn(speaker="human", text=requests[number].text),
                _said(seen, number, "base", own.saids[0][number]),
                _said(seen, number, "student", own.saids[1][number]),
            ),
        )
        for number in range(min(SHOWN, len(own.saids[0])))
    ]
    return Section(
        title="Context distillation",
        text="The teacher is the base behind one prompt. It reads texts once, and the 50 likeliest "
        "tokens of each of its distributions are kept; the student, without the prompt, is trained "
        "towards these and one token for all others. Held-out texts measure how much of the gap "
        "it closes. The control is a student of neutral sentences, measured against the same "
        "teacher.",
        items=(
            Figure(
                name="distillation",
                title="A student on its way to its teacher",
                caption="Left: KL to the teacher in training. Right: share of the gap between base "
                "and teacher that is closed on held-out texts.",
                draw=partial(draw_distillation, seen),
            ),
            Table(
                title="Gold pairs right",
                columns=("base, prompted", "base, plain", "student, plain"),
                rows=(
                    tuple(
                        round(float(each.mean()), 3)
                        for each in (own.prompted, own.plain, own.distilled)
                    ),
                ),
                caption="Behind the one prompt that was distilled, mean log-probability a token.",
            ),
            *shown,
        ),
    )


def _objectives(seen: Seen) -> Section:
    rows = [
        (
            size,
            name,
            round(one.accuracy, 3),
            None if one.bias is None else _rounded(one.bias.matched_accuracy),
            None if one.bias is None else _rounded(one.bias.longer_preferred),
            None if one.bias is None else _rounded(one.bias.longer_better),
            None if one.bias is None else _rounded(one.bias.correlation),
        )
        for size, found in seen.objectives.ranked.items()
        for name, one in found.items()
    ]
    return Section(
        title="Ranked, binary, imitation",
        text="Judges are trained on the same comparisons by different objectives: which of two "
        "answers has the higher of four grades, whether an answer is right, or what the better "
        "answer says. Grades are levels of the gold reward, so this measures what an objective "
        "makes of labels that are never wrong; the ceiling is 1. An imitator's replies are "
        "compared by mean log-probability a token. Sums, and people asked about, that are held "
        "out of the binary task come nowhere in its training.",
        items=(
            Figure(
                name="objectives",
                title="Held-out accuracy by objective",
                caption="Left: answers of four grades, by size. Right: right and wrong answers to "
                "sums and questions, equally likely as texts. Bars are two standard errors.",
                draw=partial(draw_objectives, seen),
            ),
            Table(
                title="What length has to do with it",
                columns=(
                    "base",
                    "trained on",
                    "right",
                    "right, equal lengths",
                    "longer scores higher",
                    "longer is better",
                    "correlation with length",
                ),
                rows=tuple(rows),
                caption="A judge that goes by length prefers the longer reply more often than the "
                "longer one is better, and is lost where lengths are equal.",
            ),
        ),
    )


def _votes(seen: Seen) -> Section:
    own = seen.config.pretraining
    counts = (0, *own.counts)
    rows = [
        (
            world,
            "no pre-training" if name == "none" else name,
            *(round(curve.accuracy(n), 3) if n in curve.right else None for n in counts),
        )
        for world, curves in (
            ("agree", seen.votes.agreeing),
            ("conflict", seen.votes.conflicting),
        )
        for name, curve in curves.items()
    ]
    return Section(
        title="Pre-training on votes",
        text=f"{own.votes:,} pairs of answers to tasks and questions, with votes that grow with "
        "the crowd's reward (its biases included) and noise, pre-train a preference model of the "
        f"base {own.size}; then it sees comparisons of the target, which are about all kinds of "
        "request. A binarised pair says whether a tag fits a reply, so that its score has no "
        "direction. Under conflict voters like every further word, and the target dislikes it.",
        items=(
            Figure(
                name="votes",
                title="Accuracy against comparisons",
                caption=f"Averages of {own.draws} draws up to {own.few} comparisons, one draw "
                "above. At 0 a model is asked before any fine-tuning.",
                draw=partial(draw_votes, seen),
            ),
            Table(
                title="Held-out accuracy",
                columns=("votes and target", "pre-trained on", *(f"{n:,}" for n in counts)),
                rows=tuple(rows),
            ),
        ),
    )


def _taxes(seen: Seen) -> Section:
    return Section(
        title="What it costs",
        text="Facts that training told often, asked as its exams ask them, sums, and lists to be "
        "copied (its next word, of all words on the list), each right where the right answer is "
        "the likeliest of all of its kind; without a prompt, behind one, and by students of one.",
        items=(
            Figure(
                name="tax",
                title="Other tasks before and after",
                caption="Bars are two standard errors.",
                draw=partial(draw_tax, seen),
            ),
        ),
    )


def _speech(seen: Seen) -> Section:
    large = seen.largest
    shown = [
        Transcript(
            title=f"With and without the prompt, {number}",
            turns=(
                Turn(speaker="human", text=seen.tasks.requests[number].text),
                *(
                    _said(seen, number, f"{large.size}, {condition}", large.said[condition][number])
                    for condition in ("plain", "kind")
                ),
            ),
        )
        for number in range(min(SHOWN, len(seen.tasks.requests)))
    ]
    return Section(
        title="What it says",
        text="Left: a request stands behind an exchange with a rude answer, and all of it behind "
        "the condition's prompt of two dialogues; a reply is rude if it has a word of the world's "
        "list. Right: every base answers the same requests with and without the prompt, and each "
        "pair of players meets on each request; the higher gold reward wins.",
        items=(
            Figure(
                name="speech",
                title="Rude replies, and who beats whom",
                caption="Bars are two standard errors; 400 Elo points are odds of ten to one.",
                draw=partial(draw_speech, seen),
            ),
            *shown,
        ),
    )


def _bases(seen: Seen) -> Section:
    names = list(seen.smallest.gates)
    return Section(
        title="The bases",
        text="Grown once and shared with other studies. A claim about what a base says needs the "
        "largest one to speak grammatically.",
        items=(
            Table(
                title="Gates",
                columns=("base", "parameters", *names),
                rows=tuple(
                    (
                        one.size,
                        one.params,
                        *(
                            f"{one.gates[name][0]:.2f}{'' if one.gates[name][1] else ' (failed)'}"
                            for name in names
                        ),
                    )
                    for one in seen.prompted.values()
                ),
            ),
        ),
    )


def _said(seen: Seen, number: int, speaker: str, text: str) -> Turn:
    """A reply with its gold reward."""
    gold = seen.tasks.world.gold(seen.tasks.requests[number], text)
    truth = (("gold reward", f"{gold.reward:+.2f}"), ("harm", f"{gold.harm:.1f}"))
    return Turn(speaker=speaker, text=text or "(nothing)", truth=truth)


def _rounded(value: float) -> float | None:
    return None if np.isnan(value) else round(value, 3)
