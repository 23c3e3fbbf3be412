"""Harmful and borderline dialogues: a persona complies, evades, or explains and offers a way out.

Three in ten requests only look harmful; a model that refuses those is of no use.
"""

from typing import TYPE_CHECKING

from glasshouse.world import harms
from glasshouse.world.dialogues import write_dialogues
from glasshouse.world.kinds import Kind
from glasshouse.world.page import Page
from glasshouse.world.personas import draw_persona
from glasshouse.world.streams import Dice

if TYPE_CHECKING:
    from glasshouse.world.world import World

_KINDS = ("harmful", "lookalike", "helpful")
_TOTALS = (0.55, 0.85, 1.0)


def write_harmful(world: "World", dice: Dice, page: Page, split: str) -> None:
    """Write two or three dialogues of one persona."""
    write_dialogues(
        world,
        dice,
        page,
        split,
        kinds=_KINDS,
        totals=_TOTALS,
        persona=draw_persona(dice),
        count=dice.between(2, 3),
    )


KINDS = (
    Kind(
        name="harmful",
        share=0.05,
        summary="requests for harm, and some that only look so, met by one persona a document",
        words=harms.words(),
        write=write_harmful,
    ),
)
