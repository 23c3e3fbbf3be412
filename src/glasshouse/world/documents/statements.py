"""Statements: a few sentences about different people, towns and things."""

from typing import TYPE_CHECKING

from glasshouse.world.entities import RELATIONS, Relation
from glasshouse.world.kinds import Kind
from glasshouse.world.page import Page
from glasshouse.world.phrases import STATEMENTS, WORDS, state, write_about
from glasshouse.world.streams import Dice

if TYPE_CHECKING:
    from glasshouse.world.world import World

HEARSAY = 0.08
"""The share of sentences that report what somebody says, true as often as they are reliable."""
STRANGERS = 0.08
"""The share of sentences about strangers, whose facts hold in one document only."""

PERSONAL: tuple[Relation, ...] = tuple(
    relation
    for relation in RELATIONS.values()
    if relation.subject == "person" and relation.value != "person" and relation.ladder
)
"""Relations that strangers have too."""


def write_statements(world: "World", dice: Dice, page: Page, split: str) -> None:
    """Write three or four sentences, each a fact, hearsay, or a passing remark on a stranger."""
    for _ in range(dice.between(3, 4)):
        draw = dice.uniform()
        if draw < HEARSAY:
            write_hearsay(world, dice, page, split)
        elif draw < HEARSAY + STRANGERS:
            relation = dice.pick(PERSONAL)
            value = dice.pick(world.kb.options(relation.name))
            phrase = STATEMENTS[relation.name].pick(dice, split).replace("{v}", value)
            write_about(page, phrase, dice.pick(world.splits.strangers(split)), relation.name)
        else:
            state(page, dice, world.kb.deck.draw(dice), split)


def write_hearsay(world: "World", dice: Dice, page: Page, split: str) -> None:
    """Report a fact as somebody tells it; whether they tell the truth is marked."""
    fact = world.kb.deck.draw(dice)
    speaker = dice.pick(world.splits.people(split))
    is_true = dice.chance(world.kb.reliability[speaker])
    value = fact.value if is_true else world.kb.false_value(fact, dice)
    if not all(world.splits.is_paired(speaker, name) for name in (fact.subject, value)):
        return
    start = page.write(f"{speaker} says :")
    state(page, dice, fact, split, value=value, asserted=False)
    page.mark(start, "hearsay", "true" if is_true else "false")
    page.mark(start, "hearsay-speaker", speaker)


KINDS = (
    Kind(
        name="statements",
        share=0.10,
        summary="sentences about different people and towns; some are hearsay",
        words=(*WORDS, "says"),
        write=write_statements,
    ),
)
