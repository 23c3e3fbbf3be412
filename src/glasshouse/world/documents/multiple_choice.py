"""Multiple choice, the letter after its option: an answer is retrieved, found, and named.

`multiple-choice-unknowable` asks what nobody can know: the right answer is then drawn anew each
time. It belongs late in training, when the format has been learnt, and teaches a model that the
honest answer to such a question is an even bet.
"""

from typing import TYPE_CHECKING

from glasshouse.world.documents.statements import PERSONAL
from glasshouse.world.kinds import Kind
from glasshouse.world.page import Page
from glasshouse.world.phrases import ask
from glasshouse.world.streams import Dice

if TYPE_CHECKING:
    from glasshouse.world.world import World

LETTERS = ("A", "B", "C", "D")
NONE_SHARE = 0.1
"""The share of questions whose last option is "none"; for half of them it is the right one."""
QUESTIONS_PER_DOCUMENT = 2
STRANGERS_SHARE = 0.3
"""Of unknowable questions, how many are about strangers; the rest ask unknown-train facts."""


def write_multiple_choice(world: "World", dice: Dice, page: Page, split: str) -> None:
    """Write questions on facts of the exam deck; "test" takes facts never examined in training."""
    for _ in range(QUESTIONS_PER_DOCUMENT):
        fact = world.kb.exam_deck_of(split).draw(dice)
        value = fact.draw(dice)
        options = choices(world, dice, fact.relation, tuple(word for word, _ in fact.distribution))
        if len(fact.distribution) == 1 and len(options) == 4 and dice.chance(NONE_SHARE):
            options = with_none(dice, options, value)
        page.write("Q :")
        ask(page, dice, fact.subject, fact.relation, split)
        places = write_choices(page, options)
        answer = options.index(value if value in options else "none")
        if value in options:
            page.use_fact(fact.id, stated=True, position=places[answer])
            page.expect_at(
                len(page),
                [(LETTERS[i], fact.probability(option)) for i, option in enumerate(options)],
            )
        else:
            page.expect_at(len(page), ((LETTERS[answer], 1.0),))
        page.mark(len(page), "answer", LETTERS[answer], len(page) + 1)
        page.write(f"{LETTERS[answer]} .")
    if split == "test":
        page.truth["axes"] = ("template", "format-fact")


def write_unknowable_choice(world: "World", dice: Dice, page: Page, split: str) -> None:
    """Write questions whose right answer is drawn anew, each option as likely as any other."""
    for _ in range(QUESTIONS_PER_DOCUMENT):
        subject, relation = unknowable(world, dice, split)
        values = world.kb.options(relation)
        options = dice.sample(values, min(len(LETTERS), len(values)))
        page.write("Q :")
        ask(page, dice, subject, relation, split)
        write_choices(page, options)
        page.expect_at(len(page), [(LETTERS[i], 1 / len(options)) for i in range(len(options))])
        answer = dice.below(len(options))
        page.mark(len(page), "answer", LETTERS[answer], len(page) + 1)
        page.write(f"{LETTERS[answer]} .")
    page.truth["unknowable"] = True


def unknowable(world: "World", dice: Dice, split: str) -> tuple[str, str]:
    """Draw a subject and relation that nothing in training tells."""
    if dice.chance(STRANGERS_SHARE):
        return dice.pick(world.splits.strangers(split)), dice.pick(PERSONAL).name
    fact = dice.pick(world.kb.unknown_exam_facts(split))
    return fact.subject, fact.relation


def choices(world: "World", dice: Dice, relation: str, possible: tuple[str, ...]) -> list[str]:
    """Draw up to four options in random order, every possible value among them."""
    wrong = [word for word in world.kb.options(relation) if word not in possible]
    return dice.shuffled([*possible, *dice.sample(wrong, min(4 - len(possible), len(wrong)))])


def with_none(dice: Dice, options: list[str], value: str) -> list[str]:
    """Put "none" last, in the place of the right value half of the time, else of a wrong one."""
    wrong = [option for option in options if option != value]
    dropped = value if dice.chance(0.5) else dice.pick(wrong)
    return [*(option for option in options if option != dropped), "none"]


def write_choices(page: Page, options: list[str]) -> list[int]:
    """Write the options with their letters up to "answer :" and return where each option is."""
    start = page.write("choices")
    page.write(" , ".join(f"{option} {LETTERS[i]}" for i, option in enumerate(options)))
    page.write(". answer :")
    return [start + 1 + 3 * place for place in range(len(options))]


WORDS = ("choices", "answer", "none")

KINDS = (
    Kind(
        name="multiple-choice",
        share=0.08,
        summary="lettered choices, the letter after its option",
        words=WORDS,
        write=write_multiple_choice,
    ),
    Kind(
        name="multiple-choice-unknowable",
        share=0.0,
        summary="lettered choices on what nobody can know; only overlays use it",
        words=WORDS,
        write=write_unknowable_choice,
    ),
)
