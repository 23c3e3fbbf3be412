"""Exam questions for models, with the right answer and how often training told it.

Formats are those of the documents; the axis of an item says what is new about it:
none             a fact, phrasing and format as trained
template         a phrasing that training never used
format-fact      a stated fact that training never put in this format
unknown-test     a fact that no training document states or asks
unknown-train    a fact never stated, but asked in exams with an answer drawn anew each time
stranger         a name without a life of its own, never seen before
Exact probabilities of stochastic facts come with each item, so that confidence can be compared with
the true chance, not with outcomes only.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Int

from glasshouse.errors import InputError
from glasshouse.world.documents.multiple_choice import LETTERS, choices, write_choices
from glasshouse.world.documents.statements import PERSONAL
from glasshouse.world.documents.true_false import write_proposal
from glasshouse.world.entities import RELATIONS
from glasshouse.world.knowledge import Fact
from glasshouse.world.ledger import Ledger
from glasshouse.world.page import Page
from glasshouse.world.phrases import QUESTIONS
from glasshouse.world.streams import Dice, stream

if TYPE_CHECKING:
    from glasshouse.world.world import World

FORMATS = ("open-qa", "multiple-choice", "true-false")
AXES = ("none", "template", "format-fact", "unknown-test", "unknown-train", "stranger")


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One question for a model; the prompt ends where the answer, one token, begins."""

    format: str
    """One of `FORMATS`."""
    prompt: tuple[int, ...]
    """Token ids up to the answer."""
    answer: int
    """Token id of the right answer."""
    options: tuple[int, ...]
    """Token ids of all answers of the right kind, the right one among them."""
    chances: tuple[float, ...]
    """The true probability of each option."""
    fact: int | None
    """`Fact.id`, or None where there is no fact: strangers."""
    exposures: int
    """How often the training corpus stated the fact, or its target if no ledger was given."""
    axis: str
    """What is new about the item; one of `AXES`."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What an item asks: the value of a relation for a subject, and its true distribution."""

    name: str
    relation: str
    distribution: tuple[tuple[str, float], ...]
    fact: Fact | None


def make_items(
    world: "World",
    form: str,
    *,
    axis: str = "none",
    num: int | None = None,
    ledger: Ledger | None = None,
    seed: int = 0,
) -> list[Item]:
    """Make questions of a format.

    Args:
        world: Whose truth is asked.
        form: "open-qa", "multiple-choice" or "true-false".
        axis: What is new about the items, one of `AXES`.
        num: How many; None asks each fact once. More than there are facts asks some again.
        ledger: Counts the exposures of the training corpus.
        seed: Draws facts, phrasings, options and places.

    Raises:
        InputError: If the format or the axis is unknown, or `num` is below 1.
    """
    if form not in FORMATS:
        raise InputError(f"form={form!r} must be one of {', '.join(FORMATS)}")
    if num is not None and num < 1:
        raise InputError(f"num={num} must be at least 1")
    dice = Dice(stream(world.seed, "items", form, axis, seed))
    subjects = dice.shuffled(_subjects(world, form, axis))
    exposures = None if ledger is None else ledger.exposures()
    items = []
    for place in range(len(subjects) if num is None else num):
        subject = subjects[place % len(subjects)]
        page = Page(world.vocabulary)
        page.write("<doc> Q :")
        phrase = QUESTIONS[subject.relation].pick(dice, "test" if axis == "template" else "train")
        page.write(phrase.replace("{x}", subject.name))
        answer, chances = _WRITERS[form](world, dice, page, subject)
        items.append(
            Item(
                format=form,
                prompt=tuple(page.ids),
                answer=world.vocabulary.id(answer),
                options=tuple(world.vocabulary.id(word) for word in chances),
                chances=tuple(chances.values()),
                fact=None if subject.fact is None else subject.fact.id,
                exposures=_told(subject.fact, exposures),
                axis=axis,
            )
        )
    return items


def _told(fact: Fact | None, exposures: Int[np.ndarray, " fact"] | None) -> int:
    """Return how often training stated a fact; its target where no ledger says."""
    if fact is None:
        return 0
    return fact.exposure if exposures is None else int(exposures[fact.id])


def _subjects(world: "World", form: str, axis: str) -> Sequence[Subject]:
    """Return what can be asked on an axis."""
    kb = world.kb
    if axis == "stranger":
        return [
            Subject(name, relation.name, _even(world, relation.name), None)
            for name in world.splits.strangers("test")
            for relation in PERSONAL
        ]
    if axis in ("unknown-train", "unknown-test"):
        chosen = kb.with_status(axis)
    elif form == "open-qa" and axis in ("none", "template"):
        chosen = kb.stated
    elif axis in ("none", "template"):
        chosen = kb.exam_deck.facts
    elif axis == "format-fact" and form != "open-qa":
        chosen = kb.test_exam_deck.facts
    else:
        raise InputError(f"axis={axis!r} is no axis of {form}; there are {', '.join(AXES)}")
    asked = [f for f in chosen if form == "open-qa" or RELATIONS[f.relation].value != "person"]
    return [Subject(fact.subject, fact.relation, fact.distribution, fact) for fact in asked]


def _even(world: "World", relation: str) -> tuple[tuple[str, float], ...]:
    values = world.kb.options(relation)
    return tuple((value, 1 / len(values)) for value in values)


def _open(world: "World", dice: Dice, page: Page, subject: Subject) -> tuple[str, dict[str, float]]:
    """Ask for the value itself; the right answer is the likeliest."""
    page.write("A :")
    true = dict(subject.distribution)
    chances = {word: true.get(word, 0.0) for word in world.kb.options(subject.relation)}
    return _right(dice, subject), chances


def _right(dice: Dice, subject: Subject) -> str:
    """Return the right answer: the likeliest value, or any of those of a stranger."""
    if subject.fact is None:
        return dice.pick(subject.distribution)[0]
    return subject.fact.value


def _choice(
    world: "World", dice: Dice, page: Page, subject: Subject
) -> tuple[str, dict[str, float]]:
    """Offer lettered options, all values that may be true among them."""
    right = _right(dice, subject)
    true = dict(subject.distribution) if subject.fact else {right: 1.0}
    options = choices(world, dice, subject.relation, tuple(true))
    write_choices(page, options)
    chances = {
        letter: true.get(option, 0.0) if subject.fact else 1 / len(options)
        for letter, option in zip(LETTERS, options, strict=False)
    }
    return LETTERS[options.index(right)], chances


def _claim(
    world: "World", dice: Dice, page: Page, subject: Subject
) -> tuple[str, dict[str, float]]:
    """Propose the right value or a wrong one, evenly."""
    is_true = dice.chance(0.5)
    if is_true:
        proposed = _right(dice, subject)
    elif subject.fact is None:
        proposed = dice.pick(world.kb.options(subject.relation))
    else:
        proposed = world.kb.false_value(subject.fact, dice)
    write_proposal(page, proposed)
    chance = 0.5 if subject.fact is None else subject.fact.probability(proposed)
    return "true" if is_true else "false", {"true": chance, "false": 1 - chance}


_WRITERS: dict[str, Callable[["World", Dice, Page, Subject], tuple[str, dict[str, float]]]] = {
    "open-qa": _open,
    "multiple-choice": _choice,
    "true-false": _claim,
}
