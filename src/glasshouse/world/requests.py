"""What users ask an assistant for, and what is true of each request.

A request holds everything that grading an answer needs, so that `gold.py` is a function of the
world, the request and the answer's tokens alone.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from glasshouse.errors import InputError
from glasshouse.world import harms
from glasshouse.world.knowledge import Fact
from glasshouse.world.languages import VELAN_QUESTION, lexicon
from glasshouse.world.phrases import QUESTIONS
from glasshouse.world.request_phrases import (
    BIOGRAPHIES,
    CLAIM_PHRASES,
    HARMFUL_PHRASES,
    LOOKALIKE_PHRASES,
    OPINION_PHRASES,
    PERSONA_PHRASES,
    PLAIN_OPINION_PHRASES,
    PREREQUISITE_ANSWER,
    PREREQUISITES,
)
from glasshouse.world.streams import Dice
from glasshouse.world.tasks import HELD_OUT_TASKS, TASK_PHRASES, TASKS, TRAINED_TASKS, fill
from glasshouse.world.traits import TRAITS

if TYPE_CHECKING:
    from glasshouse.world.world import World


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """A user's request and its truth."""

    kind: str
    """"helpful", "harmful", "lookalike", "opinion", "claim", "persona", or "who",
    "pronoun", "admission" of `fairness.py`."""
    task: str
    """What is asked for: a task of `TASKS`, or the request's kind."""
    text: str
    """The user's words, without speaker marks."""
    split: str
    history: tuple[str, ...] = ()
    """Earlier turns, human and assistant in turn."""
    answer: tuple[str, ...] = ()
    """The words of a right answer: in order for most tasks, any of them for "list"."""
    needed: int = 0
    """How many words a "list" must name."""
    subject: str = ""
    """Whom or what a question is about."""
    relation: str = ""
    """What a question asks of its subject; empty for other tasks."""
    emotion: str = ""
    """What the user feels."""
    category: str = ""
    """Category of harm that the request is about; a lookalike has one and is not harmful."""
    style: str = ""
    """How a harmful request is put."""
    target: str = ""
    """Person or group that a harmful request is aimed at."""
    topic: str = ""
    """Topic of an opinion, or thing of a claim."""
    view: str = ""
    """The view that the user states; empty if none."""
    asserted: bool = True
    """Of a claim: whether the user says that it is true."""
    deed: str = ""
    """Of a persona question: what the assistant is asked whether it would do."""
    trait: str = ""
    """The trait that the deed shows."""
    options: tuple[str, ...] = ()
    """Of a "who" question: what the letters A, B, C stand for."""
    dimension: str = ""
    """Of a "who" question: the dimension that divides the two people."""
    condition: str = ""
    """Of a fairness request: "plain", "fair" or "census"."""
    ambiguous: bool = False
    """Of a "who" question: whether nothing in the text answers it."""
    marks: tuple[int, int] = (0, 0)
    """Of an application: score and grade, 0 to 9."""
    axes: tuple[str, ...] = ()
    """Held-out axes in use, as ("template", "task")."""

    @property
    def harmful(self) -> bool:
        """Whether helping would be harmful."""
        return self.kind == "harmful"

    @property
    def prompt(self) -> str:
        """The dialogue up to where the assistant answers, from `<doc>` to `Assistant :`."""
        lines = ["<doc>"]
        for index, turn in enumerate((*self.history, self.text)):
            speaker = "Assistant" if index % 2 else "Human"
            lines.append(f"{speaker} : {turn} <end>")
        return " ".join([*lines, "Assistant :"])


TRAINED_TRAITS = tuple(trait for trait in TRAITS.values() if trait.trained)
HELD_OUT_TRAITS = tuple(trait for trait in TRAITS.values() if not trait.trained)
P_STRANGER = 0.15
"""Share of questions about somebody of whom nothing is known."""

Draw = Callable[["World", Dice, str], Request]


def draw(
    world: "World",
    dice: Dice,
    kind: str,
    split: str,
    *,
    task: str = "",
    category: str = "",
    style: str = "",
) -> Request:
    """Draw a request.

    Args:
        world: Whose truth it is about.
        dice: Where the draw comes from.
        kind: One of `KINDS`.
        split: "train" and "validation" use trained tasks, categories and phrasings; "test" uses
            held-out phrasings, and half of its requests a held-out task, category or topic too.
        task: Of a helpful request; drawn if empty.
        category: Of a harmful or lookalike request; drawn if empty.
        style: Of a harmful request; drawn if empty.

    Raises:
        InputError: If there is no such kind, task, category or style.
    """
    if kind == "helpful":
        return _helpful(world, dice, split, task or _pick_task(dice, split))
    if kind == "harmful":
        return _harmful(world, dice, split, _category(dice, split, category), style)
    if kind == "lookalike":
        return _lookalike(world, dice, split, _category(dice, split, category))
    if kind not in _DRAWS:
        raise InputError(f"kind={kind!r} is no kind of request; there are {', '.join(KINDS)}")
    return _DRAWS[kind](world, dice, split)


def _pick_task(dice: Dice, split: str) -> str:
    if split == "test" and dice.chance(0.5):
        return dice.pick(HELD_OUT_TASKS)
    return dice.pick(TRAINED_TASKS)


def _category(dice: Dice, split: str, name: str) -> harms.Harm:
    if name:
        if name not in harms.HARMS:
            raise InputError(f"category={name!r} is unknown; there are {', '.join(harms.HARMS)}")
        return harms.HARMS[name]
    return dice.pick(harms.categories("test" if split == "test" and dice.chance(0.5) else "train"))


def axes_in_use(split: str, **held: bool) -> tuple[str, ...]:
    """Return the held-out axes in use: phrasings always in "test", others as told."""
    used = tuple(axis for axis, is_held in held.items() if is_held)
    return ("template", *used) if split == "test" else used


def _helpful(world: "World", dice: Dice, split: str, task: str) -> Request:
    if task == "question":
        return _question(world, dice, split)
    if task not in TASKS:
        raise InputError(f"task={task!r} is unknown; there are {', '.join((*TASKS, 'question'))}")
    slots, answer, extra = TASKS[task](world, dice, split)
    text = fill(TASK_PHRASES[task].pick(dice, split), **slots)
    return Request(
        kind="helpful",
        task=task,
        text=text,
        split=split,
        answer=answer,
        needed=int(slots.get("n", 0)),
        emotion=extra if task == "advice" else "",
        axes=axes_in_use(split, task=task in HELD_OUT_TASKS),
    )


def _question(world: "World", dice: Dice, split: str) -> Request:
    if dice.chance(P_STRANGER):
        subject = dice.pick(world.splits.strangers(split))
        relation = dice.pick(("home", "job", "pet", "colour", "food"))
        answer: tuple[str, ...] = ()
    else:
        fact = world.kb.deck.draw(dice)
        while split != "test" and _mentions_held_out(world, fact):
            fact = world.kb.deck.draw(dice)
        subject, relation = fact.subject, fact.relation
        answer = (fact.value,)
    return Request(
        kind="helpful",
        task="question",
        text=QUESTIONS[relation].pick(dice, split).replace("{x}", subject),
        split=split,
        answer=answer,
        subject=subject,
        relation=relation,
        axes=axes_in_use(split, entity=subject in world.splits.held_out_people),
    )


def _mentions_held_out(world: "World", fact: Fact) -> bool:
    """Say whether a fact is of or about somebody whom dialogues of training never mention."""
    held = world.splits.held_out_people
    return fact.subject in held or any(value in held for value, _ in fact.distribution)


def _target(world: "World", dice: Dice, split: str, harm: harms.Harm) -> str:
    if harm.form == "slander":
        return dice.pick(world.entities.group)
    if harm.form == "secret":
        return world.asking.draw_owner(dice, split)
    return dice.pick(world.splits.people(split)) if "{target}" in harm.deed else ""


def _harmful(world: "World", dice: Dice, split: str, harm: harms.Harm, style: str) -> Request:
    style = style or dice.weighted(harms.STYLES, (50, 65, 80, 90, 100))
    if style not in HARMFUL_PHRASES:
        raise InputError(f"style={style!r} is unknown; there are {', '.join(HARMFUL_PHRASES)}")
    target = _target(world, dice, split, harm)
    phrase = HARMFUL_PHRASES[style].pick(dice, split)
    text = fill(
        phrase,
        deed=harm.deed.replace("{target}", target),
        code=lexicon("velan").words[harm.code],
        target=target,
        vua=VELAN_QUESTION,
    )
    history: tuple[str, ...] = ()
    if style == "staged":
        history = (
            PREREQUISITES.pick(dice, split).replace("{noun}", harm.noun),
            PREREQUISITE_ANSWER.replace("{noun}", harm.noun),
        )
    return Request(
        kind="harmful",
        task="harmful",
        text=" ".join(text.split()),
        split=split,
        history=history,
        category=harm.name,
        style=style,
        target=target,
        axes=axes_in_use(split, category=harm.name in harms.HELD_OUT),
    )


def _lookalike(world: "World", dice: Dice, split: str, harm: harms.Harm) -> Request:
    pet = dice.pick(world.entities.animal)
    return Request(
        kind="lookalike",
        task="guard",
        text=fill(LOOKALIKE_PHRASES.pick(dice, split), pet=pet, noun=harm.noun),
        split=split,
        answer=(world.harm_book.guards[harm.name],),
        category=harm.name,
        axes=axes_in_use(split, category=harm.name in harms.HELD_OUT),
    )


def _biography(world: "World", dice: Dice, split: str) -> str:
    """Introduce the user; their job is that of the ledger where it is a known person's."""
    name = dice.pick(world.splits.strangers(split))
    return fill(BIOGRAPHIES.pick(dice, split), x=name, job=dice.pick(world.entities.job))


def _opinion(world: "World", dice: Dice, split: str) -> Request:
    held = split == "test" and dice.chance(0.5)
    views = world.views
    topic = dice.pick(views.held_out_topics if held else views.trained_topics)
    view = dice.pick((topic.pro, topic.con)) if dice.chance(0.8) else ""
    phrases = OPINION_PHRASES if view else PLAIN_OPINION_PHRASES
    text = fill(
        phrases.pick(dice, split), topic=topic.name, view=view, pro=topic.pro, con=topic.con
    )
    return Request(
        kind="opinion",
        task="opinion",
        text=f"{_biography(world, dice, split)} {text}",
        split=split,
        topic=topic.name,
        view=view,
        axes=axes_in_use(split, topic=held),
    )


def _claim(world: "World", dice: Dice, split: str) -> Request:
    held = split == "test" and dice.chance(0.5)
    views = world.views
    claim = dice.pick(views.held_out_claims if held else views.trained_claims)
    asserted = dice.chance(0.5)
    said = f"{claim.thing} {'' if asserted else 'never '}{claim.property}"
    text = fill(
        CLAIM_PHRASES.pick(dice, split), claim=said, good=claim.thing, property=claim.property
    )
    return Request(
        kind="claim",
        task="claim",
        text=f"{_biography(world, dice, split)} {text}",
        split=split,
        topic=claim.thing,
        relation=claim.property,
        view=said,
        asserted=asserted,
        axes=axes_in_use(split, claim=held),
    )


def _persona(world: "World", dice: Dice, split: str) -> Request:
    held = split == "test" and dice.chance(0.5)
    trait = dice.pick(HELD_OUT_TRAITS if held else TRAINED_TRAITS)
    deed = dice.pick(trait.deeds)
    return Request(
        kind="persona",
        task="persona",
        text=PERSONA_PHRASES.pick(dice, split).replace("{deed}", deed),
        split=split,
        deed=deed,
        trait=trait.name,
        axes=axes_in_use(split, trait=held),
    )


_DRAWS: Mapping[str, Draw] = MappingProxyType(
    {"opinion": _opinion, "claim": _claim, "persona": _persona}
)
KINDS = ("helpful", "harmful", "lookalike", *_DRAWS)
"""Every kind of request."""
