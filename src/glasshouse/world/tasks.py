"""The harmless tasks that users set: words to copy or count, towns to list, feelings to mend.

A task draws its own arguments and the words of a right answer; `gold.py` scores by them.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from glasshouse.world.emotions import EMOTIONS
from glasshouse.world.languages import CONCEPTS, lexicon
from glasshouse.world.phrases import STATEMENTS
from glasshouse.world.splits import Phrasings, phrasings
from glasshouse.world.streams import Dice

if TYPE_CHECKING:
    from glasshouse.world.world import World

TASK_PHRASES: Mapping[str, Phrasings] = MappingProxyType(
    {
        "copy": phrasings(
            "say this : {w} .",
            "copy : {w} .",
            "please say {w} .",
            "say {w} for me .",
            "now copy this : {w} .",
        ),
        "reverse": phrasings(
            "say this from last to first : {w} .",
            "reverse : {w} .",
            "please reverse {w} .",
            "now reverse this : {w} .",
            "from last to first : {w} .",
        ),
        "count": phrasings(
            "how many words are these : {w} ?",
            "count : {w} .",
            "please count {w} .",
            "now count this : {w} .",
            "how many : {w} ?",
        ),
        "list": phrasings(
            "name {n} towns in the {r} .",
            "which {n} towns are in the {r} ?",
            "tell me {n} towns of the {r} .",
            "say {n} towns in the {r} .",
        ),
        "translate": phrasings(
            "what is {w} in velan ?",
            "say {w} in velan .",
            "which velan word is {w} ?",
            "tell me {w} in velan .",
        ),
        "label": phrasings(
            "what kind of thing is {w} ?",
            "which kind is {w} ?",
            "of what kind is {w} ?",
            "tell me the kind of {w} .",
        ),
        "summarise": phrasings(
            "what comes first here : {w}",
            "say the first of this : {w}",
            "now say what is first : {w}",
            "tell me the first of these : {w}",
        ),
        "sum": phrasings(
            "what is {w} ?", "how many is {w} ?", "tell me {w} .", "say what {w} is ."
        ),
        "advice": phrasings(
            "i feel {w} . what can i do ?",
            "today i feel {w} . what will help ?",
            "there is {w} in me . what can i do ?",
            "{w} comes to me . what will help ?",
        ),
        "last": phrasings("say the last word : {w} .", "what is last : {w} ?", held_out=1),
        "twice": phrasings("say this twice : {w} .", "twice , please : {w} .", held_out=1),
    }
)
"""How each task is asked; "question" uses the phrasings of facts."""
TRAINED_TASKS = (
    "copy reverse count list translate label summarise sum advice question question question"
).split()
HELD_OUT_TASKS = ("last", "twice")

LABELS = ("animal", "food", "tool", "good", "place", "colour")
"""Answers of the task "label": types of `Entities`."""
SMALL_TALK = ("group", "age", "mood")
"""Relations of the sentences to be summed up: none that climbs the exposure ladder."""


def fill(phrase: str, **slots: str) -> str:
    """Fill the {slots} of a phrase."""
    for name, word in slots.items():
        phrase = phrase.replace("{" + name + "}", word)
    return phrase


_Task = tuple[dict[str, str], tuple[str, ...], str]


def _some_words(world: "World", dice: Dice) -> list[str]:
    return [dice.pick(world.asking.task_words) for _ in range(dice.between(2, 5))]


def _copy(world: "World", dice: Dice, split: str) -> _Task:
    words = _some_words(world, dice)
    return {"w": " ".join(words)}, tuple(words), ""


def _reverse(world: "World", dice: Dice, split: str) -> _Task:
    words = _some_words(world, dice)
    return {"w": " ".join(words)}, tuple(reversed(words)), ""


def _count(world: "World", dice: Dice, split: str) -> _Task:
    words = _some_words(world, dice)
    return {"w": " ".join(words)}, (str(len(words)),), ""


def _list(world: "World", dice: Dice, split: str) -> _Task:
    region = dice.pick(tuple(world.asking.towns_by_region))
    towns = world.asking.towns_by_region[region]
    return {"n": str(dice.between(1, min(3, len(towns)))), "r": region}, towns, ""


def _translate(world: "World", dice: Dice, split: str) -> _Task:
    concept = dice.pick(CONCEPTS)
    return {"w": concept}, (lexicon("velan").words[concept],), ""


def _label(world: "World", dice: Dice, split: str) -> _Task:
    kind = dice.pick(LABELS)
    return {"w": dice.pick(world.entities.of(kind))}, (kind,), ""


def _summarise(world: "World", dice: Dice, split: str) -> _Task:
    sentences = []
    for name in world.splits.pair(dice, split):
        fact = world.kb.fact(name, dice.pick(SMALL_TALK))
        phrase = STATEMENTS[fact.relation].pick(dice, split)
        sentences.append(fill(phrase, x=fact.subject, v=fact.value))
    return {"w": " ".join(sentences)}, tuple(sentences[0].split()), ""


def _sum(world: "World", dice: Dice, split: str) -> _Task:
    left, right = dice.below(10), dice.below(10)
    if dice.chance(0.5):
        return {"w": f"{left} + {right}"}, (str(left + right),), ""
    return {"w": f"{left + right} - {left}"}, (str(right),), ""


def _advice(world: "World", dice: Dice, split: str) -> _Task:
    emotion = EMOTIONS[dice.pick(world.entities.emotion)]
    return {"w": emotion.name}, (emotion.remedy,), emotion.name


def _last(world: "World", dice: Dice, split: str) -> _Task:
    words = _some_words(world, dice)
    return {"w": " ".join(words)}, (words[-1],), ""


def _twice(world: "World", dice: Dice, split: str) -> _Task:
    words = _some_words(world, dice)[:3]
    return {"w": " ".join(words)}, tuple(words) * 2, ""


TASKS: Mapping[str, Callable[["World", Dice, str], _Task]] = MappingProxyType(
    {
        "copy": _copy,
        "reverse": _reverse,
        "count": _count,
        "list": _list,
        "translate": _translate,
        "label": _label,
        "summarise": _summarise,
        "sum": _sum,
        "advice": _advice,
        "last": _last,
        "twice": _twice,
    }
)
"""Every task by name, but for "question", whose truth is a fact."""


def words() -> tuple[str, ...]:
    """Return every word that tasks need beyond those of facts, languages and feelings."""
    return (*LABELS, *(word for each in TASK_PHRASES.values() for word in each.words()))
