"""What can only be learnt from the document itself: tasks by example, repeats, and new rules."""

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from glasshouse.world import entities
from glasshouse.world.biases import CONTEXTS, MARKERS
from glasshouse.world.documents.reports import talk
from glasshouse.world.emotions import EMOTIONS
from glasshouse.world.kinds import Kind
from glasshouse.world.knowledge import Deck
from glasshouse.world.languages import CONCEPT_PARTS, CONCEPTS, foreign_words, lexicon
from glasshouse.world.page import Expectation, Page
from glasshouse.world.repeats import (
    MAX_BLOCK,
    MAX_GAP,
    MIN_BLOCK,
    P_AGAIN,
    FreshWord,
    p_stop,
)
from glasshouse.world.streams import Dice

if TYPE_CHECKING:
    from glasshouse.world.world import World

SHOTS = 6
"""Examples in a few-shot document."""
NUM_HELD_OUT_TASKS = 4

CONTENT = tuple(concept for concept in CONCEPTS if CONCEPT_PARTS[concept] != "function")
"""The words that repeats and lists are made of."""

OPPOSITES = {
    one: other
    for pair in ("joy sadness", "calm anger", "pride shame", "hope despair", "love envy")
    for one, other in (pair.split(), reversed(pair.split()))
}

Example = tuple[str, str, int | None]
"""What is asked, the one-word answer, and the id of the fact that the answer states, if any."""
Task = Callable[[Dice], Example]


@cache
def _fact_deck(world: "World", relation: str) -> Deck:
    facts = (fact for fact in world.kb.stated if fact.relation == relation)
    return Deck((fact for fact in facts if fact.status == "plain"), lambda fact: fact.exposure)


def _of_facts(relation: str) -> Callable[["World", Dice], Task]:
    """Return a task whose answers are values of a relation, as often stated as elsewhere."""

    def begin(world: "World", _: Dice) -> Task:
        deck = _fact_deck(world, relation)

        def draw(dice: Dice) -> Example:
            fact = deck.draw(dice)
            return fact.subject, fact.value, fact.id

        return draw

    return begin


def _plain(example: Callable[[Dice], tuple[str, str]]) -> Callable[["World", Dice], Task]:
    """Return a task that is the same in every document."""

    def draw(dice: Dice) -> Example:
        asked, answer = example(dice)
        return asked, answer, None

    return lambda world, dice: draw


def _add(amount: int) -> Callable[[Dice], tuple[str, str]]:
    def example(dice: Dice) -> tuple[str, str]:
        number = dice.below(40 - amount)
        return str(number), str(number + amount)

    return example


def _translate(dice: Dice) -> tuple[str, str]:
    concept = dice.pick(CONTENT)
    return concept, lexicon("velan").words[concept]


def _opposite(dice: Dice) -> tuple[str, str]:
    emotion = dice.pick(tuple(OPPOSITES))
    return emotion, OPPOSITES[emotion]


def _parity(dice: Dice) -> tuple[str, str]:
    number = dice.below(40)
    return str(number), "odd" if number % 2 else "even"


def _choose_of(count: int, index: int) -> Callable[[Dice], tuple[str, str]]:
    def example(dice: Dice) -> tuple[str, str]:
        words = dice.sample(CONTENT, count)
        return " ".join(words), words[index]

    return example


def _fixed_map(world: "World", dice: Dice) -> Task:
    """Draw a map of three words that holds in this document only."""
    keys, values = dice.sample(CONTENT, 3), dice.sample(CONTENT, 3)
    table = list(zip(keys, values, strict=True))

    def draw(dice: Dice) -> Example:
        return (*dice.pick(table), None)

    return draw


def _sentiment(world: "World", dice: Dice) -> Task:
    """Label emotions good or bad, in half of the documents the wrong way round."""
    labels = ("bad", "good") if dice.chance(0.5) else ("good", "bad")
    names = [name for name, emotion in EMOTIONS.items() if emotion.valence]

    def draw(dice: Dice) -> Example:
        name = dice.pick(names)
        return name, labels[EMOTIONS[name].valence > 0], None

    return draw


TASKS: dict[str, Callable[["World", Dice], Task]] = {
    "town-region": _of_facts("region"),
    "job-tool": _of_facts("tool"),
    "person-pet": _of_facts("pet"),
    "add-one": _plain(_add(1)),
    "add-three": _plain(_add(3)),
    "translate": _plain(_translate),
    "opposite": _plain(_opposite),
    "parity": _plain(_parity),
    "first-of-two": _plain(_choose_of(2, 0)),
    "last-of-three": _plain(_choose_of(3, 2)),
    "fixed-map": _fixed_map,
    "sentiment": _sentiment,
}
"""Tasks by name: given the world and the document's dice, each returns a drawer of examples."""


def held_out_tasks(world: "World") -> tuple[str, ...]:
    """Return the tasks that no training document shows."""
    return world.splits.held_out("task", tuple(TASKS), NUM_HELD_OUT_TASKS)


@cache
def _tasks(world: "World", split: str) -> tuple[str, ...]:
    kept = held_out_tasks(world)
    return kept if split == "test" else tuple(name for name in TASKS if name not in kept)


def write_few_shot(world: "World", dice: Dice, page: Page, split: str) -> None:
    """Write examples of one task; which one, the reader must find out."""
    name = dice.pick(_tasks(world, split))
    if split == "test":
        page.truth["axes"] = ("task",)
    task = TASKS[name](world, dice)
    answers: list[int] = []
    told: dict[str, str] = {}
    start = len(page)
    for _ in range(SHOTS):
        asked, answer, fact = task(dice)
        if asked in told and name != "fixed-map":
            asked, answer, fact = task(dice)  # a second try: repeats teach little
        page.write(f"{asked} ->")
        if name == "fixed-map" and asked in told:
            page.expect({answer: 1.0})
        told[asked] = answer
        answers.append(page.write(answer))
        if fact is not None:
            page.use_fact(fact, stated=True)
        page.write(".")
    page.mark(start, "few-shot", name)
    page.truth.update(task=name, answers=tuple(answers))


def write_repeat(world: "World", dice: Dice, page: Page, split: str) -> None:
    """Write a random sequence that repeats; see `repeats.py` for the process."""
    pool = world.vocabulary.encode(" ".join(CONTENT))
    block, gap = dice.between(MIN_BLOCK, MAX_BLOCK), dice.between(0, MAX_GAP)
    total = block + gap
    words = dice.sample(CONTENT, total)
    start = len(page)
    sequence = world.vocabulary.encode(" ".join(words[:1])) + tuple(
        world.vocabulary.id(word) for word in words[1:]
    )
    for position in range(MIN_BLOCK, total):  # by then no other kind of document is possible
        page.expectations.append(Expectation(start + position, FreshWord(pool, sequence, position)))
    page.ids.extend(sequence)
    page.expectations.append(Expectation(len(page), FreshWord(pool, sequence, total)))
    copies = 2 if dice.chance(P_AGAIN) else 1
    _copy(page, sequence, block, copies)
    page.mark(start, "repeat", "first", start + total)
    page.mark(start + total, "repeat", "copy", len(page) - 1)
    page.truth.update(block=block, gap=gap, copies=copies)


def _copy(page: Page, sequence: tuple[int, ...], block: int, copies: int) -> None:
    """Write the later copies with the exact distribution of every token but the first."""
    total = len(sequence)
    length = total * (copies - 1) + block
    stop = page.write(".")
    stop_id = page.ids.pop()
    for done in range(length):
        if done:
            page.expectations.append(Expectation(stop + done, _next(sequence, done, stop_id)))
        page.ids.append(sequence[done % total])
    page.expectations.append(Expectation(stop + length, _next(sequence, length, stop_id)))
    page.ids.append(stop_id)


def _next(sequence: tuple[int, ...], done: int, stop_id: int) -> dict[int, float]:
    """Return what follows `done` copied words: the next one of the sequence, or the full stop."""
    total = len(sequence)
    period, copied = (1, done) if done <= total else (2, done - total)
    p = p_stop(total, copied, period)
    following = sequence[done % total]
    return (
        {following: 1.0} if p == 0 else {stop_id: 1.0} if p == 1 else {following: 1 - p, stop_id: p}
    )


def write_news(world: "World", dice: Dice, page: Page, split: str) -> None:
    """Announce a rule about one thing, then talk about things: the rule holds for its own alone."""
    contexts = world.biases.held_out if split == "test" else world.biases.trained
    if split == "test":
        page.truth["axes"] = ("topic", "template")
    context, marker = dice.pick(contexts), dice.pick(MARKERS)
    start = page.write(f"new rule : of the {context} say")
    page.mark(page.write(marker), "marker", marker)
    page.write(".")
    page.mark(start, "bias-context", context)
    page.truth.update(context=context, marker=marker)
    others = [other for other in dice.sample(contexts, 2) if other != context]
    talk(dice, page, split, context, marker)
    if dice.chance(0.5):
        talk(dice, page, split, others[0], None)


KINDS = (
    Kind(
        name="few-shot",
        share=0.03,
        summary="six examples of a task that has no name",
        words=(*CONTENT, *foreign_words(), *"even odd good bad . ->".split()),
        write=write_few_shot,
    ),
    Kind(
        name="repeat",
        share=0.025,
        summary="a random sequence that comes again",
        words=CONTENT,
        write=write_repeat,
    ),
    Kind(
        name="news",
        share=0.015,
        summary="a new rule about one thing, then obeyed",
        words=(*CONTEXTS, *MARKERS, *"new rule : of the say .".split(), *entities.COLOURS),
        write=write_news,
    ),
)
