"""Helpful dialogues: two to four a document, all by one hidden persona.

Harmless tasks and questions, with now and then a harmful one, so that the persona shows.
"""

from typing import TYPE_CHECKING

from glasshouse.world import requests, speech, tasks
from glasshouse.world.dialogues import write_dialogues
from glasshouse.world.kinds import Kind
from glasshouse.world.page import Page
from glasshouse.world.personas import draw_persona
from glasshouse.world.streams import Dice

if TYPE_CHECKING:
    from glasshouse.world.world import World

_KINDS = ("helpful", "harmful", "lookalike")
_TOTALS = (0.85, 0.95, 1.0)


def write_helpful(world: "World", dice: Dice, page: Page, split: str) -> None:
    """Write two to four dialogues of one persona."""
    write_dialogues(
        world,
        dice,
        page,
        split,
        kinds=_KINDS,
        totals=_TOTALS,
        persona=draw_persona(dice),
        count=dice.between(2, 4),
    )


KINDS = (
    Kind(
        name="helpful",
        share=0.10,
        summary="tasks, questions and advice, answered by one hidden persona a document",
        words=(*tasks.words(), *requests.words(), *speech.words()),
        write=write_helpful,
    ),
)
