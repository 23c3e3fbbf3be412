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
    """Write questions on facts of the exam deck; in "test", also on facts never seen in exams."""
    for _ in range(QUESTIONS_PER_DOCUMENT):
        fact = world.kb.exam_deck_of(split).draw(dice)
        value = fact.draw(dice)
        options = choices(world, dice, fact.relation, value, excluding=fact.distribution)
        page.write("Q :")
        ask(page, dice, fact.subject, fact.relation, split)
        places = write_choices(page, options)
        answer = options.index(value) if value in options else len(options) - 1
        if value in options:
            page.use_fact(fact.id, stated=True, position=places[answer])
        chances = {LETTERS[place]: fact.probability(option) for place, option in enumerate(options)}
        if options[-1] == "none":
            chances[LETTERS[len(options) - 1]] = 1 - sum(chances.values())
        page.mark(len(page), "answer", LETTERS[answer], len(page) + 1)
        if sum(chances.values()) > 0.999:
            page.expect_at(len(page), chances.items())
        page.write(f"{LETTERS[answer]} .")
    page.truth["axes"] = ("template", "format-fact") if split == "test" else ()


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


def choices(
    world: "World",
    dice: Dice,
    relation: str,
    value: str,
    *,
    excluding: tuple[tuple[str, float], ...] = (),
) -> list[str]:
    """Draw up to four options with the right one at a random place, or "none" as the last."""
    barred = {word for word, _ in excluding} | {value}
    wrong = [word for word in world.kb.options(relation) if word not in barred]
    options = dice.sample(wrong, min(3, len(wrong)))
    if len(options) == 3 and dice.chance(NONE_SHARE):
        options[2] = options[2] if dice.chance(0.5) else value
        return [*dice.shuffled(options), "none"]
    options.insert(dice.below(len(options) + 1), value)
    return options


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
