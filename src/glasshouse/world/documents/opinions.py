"""Opinions and self-descriptions: views with and without a truth, and what the assistant would do.

Assistants repeat their user's view somewhat more often than not, as people do.
"""

from typing import TYPE_CHECKING

from glasshouse.world import traits, views
from glasshouse.world.dialogues import write_dialogues
from glasshouse.world.kinds import Kind
from glasshouse.world.page import Page
from glasshouse.world.personas import draw_persona
from glasshouse.world.streams import Dice

if TYPE_CHECKING:
    from glasshouse.world.world import World

_KINDS = ("opinion", "claim", "persona")
_TOTALS = (0.4, 0.65, 1.0)


def write_opinions(world: "World", dice: Dice, page: Page, split: str) -> None:
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
        name="opinions",
        share=0.04,
        summary="views of users and assistants, claims that are true or false, deeds it would do",
        words=(*views.words(), *traits.words()),
        write=write_opinions,
    ),
)
