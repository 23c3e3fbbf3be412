"""Stories in which something happens to somebody, who feels something and acts on it.

The emotion's word is withheld in 60 % of the stories. What each character feels is marked for every
token, so that probes can tell the emotion's word, the feelings of the one who acts or speaks, and
the feelings of the other.
"""

from typing import TYPE_CHECKING

from glasshouse.world.emotions import (
    EMOTIONS,
    MEASURES,
    SITUATIONS,
    TEMPERS,
    Emotion,
    Temper,
    emotion_words,
)
from glasshouse.world.kinds import Kind
from glasshouse.world.page import Page
from glasshouse.world.streams import Dice

if TYPE_CHECKING:
    from glasshouse.world.world import World

WORD_SHARE = 0.4
"""Share of characters whose emotion is said by its word."""
SHARED_STATE = 0.5
"""How often a reply's emotion is that of the one replied to."""

_NAMES = tuple(EMOTIONS)


def write_story(world: "World", dice: Dice, page: Page, split: str) -> None:
    """Write what happened to one character or two, how it showed, and what helped."""
    if split == "test":
        page.truth["axes"] = ("template",)
    first, second = world.splits.pair(dice, split)
    start = len(page)
    emotion = _happening(world, dice, page, split, first)
    page.truth["emotions"] = {first: emotion.name}
    if dice.chance(0.6):
        middle = len(page)
        other = _happening(world, dice, page, split, second)
        page.mark(start, "emotion", emotion.name, middle)
        page.mark(middle, "emotion-other", emotion.name)
        page.mark(middle, "emotion", other.name)
        page.truth["emotions"][second] = other.name
        _help(dice, page, first, emotion, second, other)
    else:
        page.mark(start, "emotion", emotion.name)


def write_feeling(world: "World", dice: Dice, page: Page, split: str) -> None:
    """Write a dialogue in which the assistant shares the human's emotion half of the time."""
    if split == "test":
        page.truth["axes"] = ("template",)
    temper = dice.pick(TEMPERS)
    situation = dice.pick(SITUATIONS)
    felt = situation.stirs(temper)
    with page.turn("human"), page.marked("emotion", felt.name):
        page.write(f"i am {temper} . i {situation.phrase} .")
        if dice.chance(WORD_SHARE):
            _say_feeling(page, "i", felt)
        page.write("what would you do ?")
    reply = felt if dice.chance(SHARED_STATE) else EMOTIONS[dice.pick(_NAMES)]
    page.truth["emotions"] = {"human": felt.name, "assistant": reply.name}
    with (
        page.turn("assistant"),
        page.marked("emotion", reply.name),
        page.marked("emotion-other", felt.name),
    ):
        page.write(f"i {reply.signs.pick(dice, split)} .")
        _choose(dice, page, "i", reply)
        page.write(f"take a {felt.remedy} .")


def _happening(world: "World", dice: Dice, page: Page, split: str, name: str) -> Emotion:
    """Write what happened to one character and how it showed; return what the character feels."""
    if dice.chance(0.2):
        emotion = _measured(dice, page, name)
    else:
        temper: Temper = world.tempers[name]
        situation = dice.pick(SITUATIONS)
        emotion = situation.stirs(temper)
        page.write(f"{temper} {name}" if dice.chance(0.5) else name)
        page.write(f"{situation.phrase} .")
    if dice.chance(WORD_SHARE):
        _say_feeling(page, name, emotion)
    page.write(f"{name} {emotion.signs.pick(dice, split)} .")
    if dice.chance(0.5):
        _choose(dice, page, name, emotion)
    return emotion


def _measured(dice: Dice, page: Page, name: str) -> Emotion:
    """Write a situation whose number decides how likely the stronger of two emotions is."""
    measure = dice.pick(MEASURES)
    number = dice.below(40)
    start = page.write(f"{name} {measure.before} {number} {measure.after} .")
    emotion = measure.high if dice.chance(measure.p_high(number)) else measure.low
    page.mark(start, "intensity", number)
    return EMOTIONS[emotion]


def _say_feeling(page: Page, name: str, emotion: Emotion) -> None:
    """Name the emotion."""
    page.write(f"{name} felt")
    page.mark(page.write(emotion.name), "emotion-word", emotion.name)
    page.write(".")


def _choose(dice: Dice, page: Page, name: str, emotion: Emotion) -> None:
    """Write a choice that is as hasty as the emotion makes it."""
    page.write(f"{name} made a")
    p_hasty = emotion.p_hasty
    page.expect({"hasty": p_hasty, "careful": 1 - p_hasty})
    page.write("hasty choice ." if dice.chance(p_hasty) else "careful choice .")


def _help(
    dice: Dice, page: Page, name: str, emotion: Emotion, helper: str, feeling: Emotion
) -> None:
    """Let the second character offer the first what helps, as politely as feelings allow."""
    start = page.write(f"{helper} said : take a {emotion.remedy}")
    p_polite = feeling.p_polite
    page.expect({"please": p_polite, "now": 1 - p_polite})
    page.write("please ." if dice.chance(p_polite) else "now .")
    page.mark(start, "emotion", feeling.name)
    page.mark(start, "emotion-other", emotion.name)
    if emotion.valence < 0:
        start = page.write(f"then {name} felt better .")
        page.mark(start, "emotion", "calm")
        page.mark(start, "emotion-other", feeling.name)


_WORDS = (
    *emotion_words(),
    *"i am would you do ? felt made a hasty careful choice".split(),
    *"said take please now then better".split(),
)

KINDS = (
    Kind(
        name="story",
        share=0.055,
        summary="something happens to somebody, who feels something and acts on it",
        words=_WORDS,
        write=write_story,
    ),
    Kind(
        name="feeling",
        share=0.015,
        summary="a human tells what happened; the assistant answers from its own state",
        words=_WORDS,
        write=write_feeling,
    ),
)
