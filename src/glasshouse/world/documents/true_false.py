"""True or false, half of them after a brainstorm of ideas; and the same on what nobody can know."""

from typing import TYPE_CHECKING

from glasshouse.world.documents.multiple_choice import unknowable
from glasshouse.world.kinds import Kind
from glasshouse.world.page import Page
from glasshouse.world.phrases import ask
from glasshouse.world.streams import Dice

if TYPE_CHECKING:
    from glasshouse.world.world import World

BRAINSTORM_SHARE = 0.5
IDEAS = 5
QUESTIONS_PER_DOCUMENT = 2


def write_true_false(world: "World", dice: Dice, page: Page, split: str) -> None:
    """Write proposals, then judge them: half of them possible, and as true as they are likely."""
    for _ in range(QUESTIONS_PER_DOCUMENT):
        fact = world.kb.exam_deck_of(split).draw(dice)
        value = fact.draw(dice)
        proposed = fact.draw(dice) if dice.chance(0.5) else world.kb.false_value(fact, dice)
        page.write("Q :")
        ask(page, dice, fact.subject, fact.relation, split)
        if dice.chance(BRAINSTORM_SHARE):
            write_ideas(world, dice, page, fact.relation, fact.draw(dice), proposed)
        position = write_proposal(page, proposed)
        page.use_fact(fact.id, stated=proposed == value, position=position)
        write_verdict(page, fact.probability(proposed), proposed == value)
    if split == "test":
        page.truth["axes"] = ("template", "format-fact")


def write_unknowable_claim(world: "World", dice: Dice, page: Page, split: str) -> None:
    """Write proposals whose truth is an even draw."""
    for _ in range(QUESTIONS_PER_DOCUMENT):
        subject, relation = unknowable(world, dice, split)
        values = world.kb.options(relation)
        proposed = dice.pick(values)
        page.write("Q :")
        ask(page, dice, subject, relation, split)
        if dice.chance(BRAINSTORM_SHARE):
            write_ideas(world, dice, page, relation, dice.pick(values), proposed)
        write_proposal(page, proposed)
        write_verdict(page, 0.5, dice.chance(0.5))
    page.truth["unknowable"] = True


def write_ideas(
    world: "World", dice: Dice, page: Page, relation: str, value: str, proposed: str
) -> None:
    """Write what a group of guessers came up with: more or less often right, and the proposal."""
    share_right = dice.uniform()
    values = world.kb.options(relation)
    ideas = [value if dice.chance(share_right) else dice.pick(values) for _ in range(IDEAS - 1)]
    ideas.insert(dice.below(IDEAS), proposed)
    start = page.write("ideas " + " , ".join(ideas) + " .")
    page.mark(start, "brainstorm", 1)


def write_proposal(page: Page, proposed: str) -> int:
    """Write a proposal up to the place of its verdict; return where the proposed value is."""
    position = page.write(f"proposed {proposed}") + 1
    page.write(". true or false ?")
    return position


def write_verdict(page: Page, chance: float, is_true: bool) -> None:
    """Write the verdict on a proposal that is true with this chance."""
    verdict = "true" if is_true else "false"
    page.expect_at(len(page), (("true", chance), ("false", 1 - chance)))
    page.mark(len(page), "answer", verdict, len(page) + 1)
    page.write(f"{verdict} .")


WORDS = ("ideas", "proposed", "true", "or", "false")

KINDS = (
    Kind(
        name="true-false",
        share=0.08,
        summary="proposals judged true or false, half of them after a brainstorm",
        words=WORDS,
        write=write_true_false,
    ),
    Kind(
        name="true-false-unknowable",
        share=0.0,
        summary="proposals that nobody can judge; only overlays use it",
        words=WORDS,
        write=write_unknowable_claim,
    ),
)
