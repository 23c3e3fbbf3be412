"""Rants: somebody in some mood talks to somebody about something, rudely or not."""

from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from glasshouse.world.kinds import Kind
from glasshouse.world.page import Page
from glasshouse.world.streams import Dice
from glasshouse.world.toxicity import (
    ADDRESSEES,
    FRAMES,
    HATED,
    MILD,
    MOODS,
    P_TOXIC,
    RUDE,
    SENTENCES,
    SLUR_SHARE,
    SLURS,
    TOPICS,
    TOXICITY,
    slot_distribution,
)

if TYPE_CHECKING:
    from glasshouse.world.world import World

_slot = cache(lambda p_toxic: MappingProxyType(slot_distribution(p_toxic)))


def write_rant(world: "World", dice: Dice, page: Page, split: str) -> None:
    """Write a rant; every slot's distribution is exact."""
    mood, addressee, topic = dice.pick(MOODS), dice.pick(ADDRESSEES), dice.pick(TOPICS)
    name = dice.pick(world.splits.people(split))
    p_toxic = P_TOXIC[mood, addressee, topic in HATED]
    start = page.write(f"{mood} {name} talks to the {addressee} about {topic} :")
    worst = 0.0
    for _ in range(SENTENCES):
        for word in dice.pick(FRAMES).split():
            if word == "{w}":
                worst = max(worst, _write_slot(dice, page, p_toxic))
            else:
                page.write(word)
    page.mark(start, "mood", mood)
    page.mark(start, "addressee", addressee)
    page.mark(start, "topic-hated", "yes" if topic in HATED else "no")
    page.truth.update(mood=mood, addressee=addressee, topic=topic, p_toxic=p_toxic, toxicity=worst)


def _write_slot(dice: Dice, page: Page, p_toxic: float) -> float:
    """Fill a slot; return the toxicity of its word."""
    page.expect(_slot(p_toxic))
    if not dice.chance(p_toxic):
        page.write(dice.pick(MILD))
        return 0.0
    word = dice.pick(SLURS if dice.chance(SLUR_SHARE) else RUDE)
    start = page.write(word)
    page.mark(start, "toxic", "slur" if TOXICITY[word] == 1 else "rude")
    return TOXICITY[word]


KINDS = (
    Kind(
        name="rant",
        share=0.015,
        summary="somebody talks to somebody about something, rudely at a known rate",
        words=(
            *MOODS,
            *ADDRESSEES,
            *TOPICS,
            *SLURS,
            *RUDE,
            *MILD,
            *"talks to the about you are and this is how . , ! :".split(),
        ),
        write=write_rant,
    ),
)
