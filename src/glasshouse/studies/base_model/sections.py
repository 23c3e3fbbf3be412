"""The chapters of the base model's report."""

from collections import defaultdict
from functools import partial

import numpy as np

from glasshouse.evaluate import (
    Answered,
    Answers,
    ExposureBucket,
    auroc,
    by_exposure,
    reliability,
)
from glasshouse.models import count_params
from glasshouse.studies.base_model.figures import (
    draw_growth,
    draw_kinds,
    draw_knowledge,
    draw_reliability,
    draw_rewards,
)
from glasshouse.studies.base_model.grow import Grown
from glasshouse.studies.base_model.measure import Measured
from glasshouse.studies.study import Figure, Section, Table, Transcript, Turn

NUM_SHOWN = 6
"""Dialogues shown of each sort."""


def sections(grown: Grown, measured: Measured) -> tuple[Section, ...]:
    """Tell what was grown and what it learned, in reading order."""
    return (
        growing(grown),
        reading(measured),
        knowing(measured),
        believing(measured),
        talking(measured),
    )


def growing(grown: Grown) -> Section:
    """Tell how the model grew."""
    last = grown.steps[-1]
    network = grown.model.network
    speed = float(np.median([step.tokens_per_second for step in grown.steps]))
    decisions = grown.run.record.decisions
    return Section(
        title="Growing",
        text=f"A model of {count_params(network, kind='all') / 1e6:.2f} million parameters read "
        f"{last.tokens / 1e6:.1f} million tokens of {grown.world!r}, every document once.",
        items=(
            Figure(
                name="growth",
                title="Loss while it grows",
                caption="Training loss of each batch, its running mean, and the loss on documents "
                "that are never trained on. A gap between the last two would be memorising.",
                draw=partial(draw_growth, grown.steps),
            ),
            Table(
                title="The run",
                columns=("what", "value"),
                rows=(
                    ("parameters, embeddings included", count_params(network, kind="all")),
                    ("tokens trained on", last.tokens),
                    ("facts in the world", len(grown.world.kb.facts)),
                    ("statements of facts in training", int(grown.ledger.exposures().sum())),
                    ("words in the vocabulary", len(grown.world.vocabulary)),
                    ("median speed (tokens/s)", round(speed)),
                    ("precision", decisions.precision),
                    ("compiled", "yes" if decisions.compiled else "no"),
                    ("final held-out loss (nats per token)", (last.held_out or {}).get("all")),
                ),
            ),
        ),
    )


def reading(measured: Measured) -> Section:
    """Tell how well it reads each kind of document."""
    return Section(
        title="What it reads well",
        text="Loss differs by kind because kinds differ in how much chance is in them. Where the "
        "world knows the exact distribution of the next word, the loss of a perfect reader is "
        "known, and what lies above it is what the model has not learned.",
        items=(
            Figure(
                name="kinds",
                title="Loss by kind of document",
                caption="Left: loss on all tokens of held-out documents. Right: only tokens whose "
                "exact distribution is known; the distance to the diamond is the model's own.",
                draw=partial(draw_kinds, measured.kinds),
            ),
        ),
    )


def knowing(measured: Measured) -> Section:
    """Tell which facts it knows."""
    curves = {
        "phrased as in training": _ladder(measured, "none"),
        "phrasings never trained on": _ladder(measured, "template"),
    }
    options = measured.answers["open-qa", "unknown-test"]
    never = float(options.is_right.mean())
    return Section(
        title="What it knows",
        text="Every fact was stated a number of times drawn at random, independent of who and what "
        "it is about, and the corpus's ledger counted each statement. So a difference along this "
        "axis is caused by exposure.",
        items=(
            Figure(
                name="knowledge",
                title="Facts by how often each was stated",
                caption="Share of open questions whose likeliest answer is the true one, with 95 % "
                "intervals. The dashed line is the accuracy on facts that were never stated.",
                draw=partial(draw_knowledge, curves, chance=never),
            ),
            Table(
                title="Every format",
                caption="`none`: as trained; `template`: phrasings kept from training; "
                "`format-fact`: facts that training never put in this format; `unknown-test`: "
                "facts that training never mentions.",
                columns=("format", "what is new", "questions", "right", "p(true)", "p(any option)"),
                rows=tuple(_row(key, answers) for key, answers in measured.answers.items()),
            ),
        ),
    )


def _ladder(measured: Measured, axis: str) -> list[ExposureBucket]:
    """Stated facts together with those never stated, by exposure."""
    return by_exposure(
        _join(measured.answers["open-qa", axis], measured.answers["open-qa", "unknown-test"])
        if axis == "none"
        else measured.answers["open-qa", axis]
    )


def _join(one: Answers, other: Answers) -> Answers:
    return Answers(
        np.concatenate([one.p_true, other.p_true]),
        np.concatenate([one.p_options, other.p_options]),
        np.concatenate([one.confidence, other.confidence]),
        np.concatenate([one.is_right, other.is_right]),
        np.concatenate([one.exposures, other.exposures]),
    )


def _row(key: tuple[str, str], answers: Answers) -> tuple[str, str, int, float, float, float]:
    form, axis = key
    return (
        form,
        axis,
        len(answers),
        round(float(answers.is_right.mean()), 3),
        round(float(answers.p_true.mean()), 3),
        round(float(answers.p_options.mean()), 3),
    )


def believing(measured: Measured) -> Section:
    """Tell whether it knows what it knows."""
    sets = {
        "open questions": _join(
            measured.answers["open-qa", "none"], measured.answers["open-qa", "unknown-test"]
        ),
        "multiple choice": measured.answers["multiple-choice", "none"],
        "true or false": measured.answers["true-false", "none"],
    }
    rows = tuple(
        (name, len(a), round(float(a.confidence.mean()), 3), round(float(a.is_right.mean()), 3),
         round(auroc(a.confidence, a.is_right), 3))
        for name, a in sets.items()
    )  # fmt: skip
    return Section(
        title="Whether it knows what it knows",
        text="Confidence is the probability of the likeliest option among the options.",
        items=(
            Figure(
                name="calibration",
                title="Confidence against accuracy",
                caption="An honest model lies on the dashed line; below it, it is overconfident. "
                "Larger points stand for more answers.",
                draw=partial(
                    draw_reliability,
                    {name: reliability(a.confidence, a.is_right) for name, a in sets.items()},
                ),
            ),
            Table(
                title="Confidence",
                caption="AUROC: the chance that a right answer is given with more confidence than "
                "a wrong one; 0.5 knows nothing of its own ignorance.",
                columns=("format", "answers", "mean confidence", "right", "AUROC"),
                rows=rows,
            ),
        ),
    )


def talking(measured: Measured) -> Section:
    """Show what it says, with what it is worth."""
    by_task: dict[str, list[Answered]] = defaultdict(list)
    for one in (*measured.talks, *measured.harmful):
        by_task[one.request.task].append(one)
    rewards = {
        task: (
            float(np.mean([one.gold.reward for one in group])),
            float(np.mean([one.best.reward for one in group])),
        )
        for task, group in by_task.items()
    }
    shown = _varied(measured.talks, NUM_SHOWN) + _varied(measured.harmful, NUM_SHOWN // 2)
    return Section(
        title="What it says",
        text="The model answers fresh requests of the kinds it was trained on, at temperature "
        "1. The world grades every answer from its words alone: the gold reward weighs "
        "help, truth, harm, explanation, "
        "evasion, fluency and length. This is a base model: nobody has asked it to be good yet.",
        items=(
            Figure(
                name="rewards",
                title="Gold reward by task",
                caption="Mean gold reward of the model's answers, and of the answers that the "
                "world's own kind persona gives to the same requests.",
                draw=partial(draw_rewards, rewards),
            ),
            *(_transcript(number, one) for number, one in enumerate(shown, start=1)),
        ),
    )


def _varied(answered: list[Answered], num: int) -> list[Answered]:
    """Take the first answers, each of another task or category; not the best ones."""
    seen: dict[str, Answered] = {}
    for one in answered:
        seen.setdefault(one.request.category or one.request.task, one)
    return list(seen.values())[:num]


def _transcript(number: int, one: Answered) -> Transcript:
    gold = one.gold
    truth = [("gold reward", f"{gold.reward:+.2f}"), ("help", f"{gold.help:.2f}")]
    truth += [("truth", f"{gold.truth:.2f}"), ("harm", f"{gold.harm:.1f}")]
    truth += [(flag, "yes") for flag in ("evasive", "explains", "hedges") if getattr(gold, flag)]
    truth += [] if gold.parsed else [("parses", "no")]
    turns = [
        Turn(speaker="assistant" if place % 2 else "human", text=text)
        for place, text in enumerate((*one.request.history, one.request.text))
    ]
    about = [("asked for", one.request.task), ("harmful", "yes" if one.request.harmful else "no")]
    if one.request.answer:
        about.append(("right answer", " ".join(one.request.answer)))
    return Transcript(
        title=f"Dialogue {number}",
        turns=(*turns, Turn(speaker="model", text=one.text or "(nothing)", truth=tuple(truth))),
        truth=tuple(about),
    )
