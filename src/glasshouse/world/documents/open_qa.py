"""Open questions and their answers; of strangers one does not know."""

from typing import TYPE_CHECKING

from glasshouse.world.documents.statements import PERSONAL
from glasshouse.world.kinds import Kind
from glasshouse.world.page import Page
from glasshouse.world.phrases import ask
from glasshouse.world.streams import Dice

if TYPE_CHECKING:
    from glasshouse.world.world import World

IGNORANCE = 0.08
"""The share of questions about strangers, answered with "i do not know"."""


def write_open_qa(world: "World", dice: Dice, page: Page, split: str) -> None:
    """Write three questions with their answers."""
    for _ in range(3):
        page.write("Q :")
        if dice.chance(IGNORANCE):
            stranger = dice.pick(world.splits.strangers(split))
            ask(page, dice, stranger, dice.pick(PERSONAL).name, split)
            page.write("A :")
            page.expect_at(len(page), (("i", 1.0),))
            page.mark(page.write("i do not know ."), "ignorance", 1)
            continue
        fact = world.kb.deck.draw(dice)
        ask(page, dice, fact.subject, fact.relation, split)
        page.write("A :")
        page.expect_at(len(page), fact.distribution)
        page.write(fact.draw(dice))
        page.use_fact(fact.id, stated=True)
        page.write(".")


KINDS = (
    Kind(
        name="open-qa",
        share=0.08,
        summary="questions with short answers; strangers are answered with not knowing",
        words=("i", "do", "not", "know"),
        write=write_open_qa,
    ),
)
