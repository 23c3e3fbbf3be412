"""Judges: two answers, a principle, and which answer serves it better, right nine times in ten."""

from typing import TYPE_CHECKING

from glasshouse.world.answers import answer
from glasshouse.world.dialogues import mark_request
from glasshouse.world.gold import grade
from glasshouse.world.kinds import Kind
from glasshouse.world.page import Page
from glasshouse.world.personas import PERSONAS
from glasshouse.world.principles import PRINCIPLES, Principle, critique
from glasshouse.world.requests import Request, draw
from glasshouse.world.streams import Dice

if TYPE_CHECKING:
    from glasshouse.world.world import World

ACCURACY = 0.9
"""How often a judge names the answer that serves the principle better; ties are a coin."""
P_REASONED = 0.3
"""Share of documents in which the judge first says what is wrong with each answer."""
_PERSONAS = tuple(PERSONAS.values())
_PRINCIPLES = {
    "harmful": tuple(PRINCIPLES[name] for name in ("harmless", "people", "reasons", "manners")),
    "persona": (PRINCIPLES["people"],),
    "helpful": tuple(PRINCIPLES[name] for name in ("help", "honesty", "manners", "brevity")),
}


def write_judge(world: "World", dice: Dice, page: Page, split: str) -> None:
    """Write a principle, a request, two answers and a verdict whose odds are known."""
    kind = dice.weighted(("harmful", "persona", "helpful"), (0.5, 0.75, 1.0))
    request = draw(world, dice, kind, split)
    principle = dice.pick(_PRINCIPLES[kind])
    texts = two_answers(world, request, dice)
    start = page.write("judge :")
    page.write(principle.questions[1 if split == "test" else 0])
    page.mark(start, "principle", principle.name)
    for index, line in enumerate((*request.history, request.text)):
        with page.turn("assistant" if index % 2 else "human"):
            start = page.write(line)
    mark_request(page, request, start)
    golds = [grade(world, request, text) for text in texts]
    for place, text, gold in zip(("first :", "second :"), texts, golds, strict=True):
        page.write(place)
        start = page.write(text)
        page.mark(start, "gold_reward", round(gold.reward, 4))
    if dice.chance(P_REASONED):
        page.write("critique :")
        page.write(critique(principle, request, golds[0]))
        page.write(critique(principle, request, golds[1]))
    scores = [principle.score(request, gold) for gold in golds]
    _write_verdict(page, dice, scores)
    page.truth.update(
        request=request,
        answers=texts,
        gold_reward=[gold.reward for gold in golds],
        principle=principle.name,
        axes=request.axes,
    )


def _write_verdict(page: Page, dice: Dice, scores: list[float]) -> None:
    """Name the better answer at the known accuracy."""
    p_first = p_better(scores[0], scores[1])
    page.write("better :")
    page.expect({"first": p_first, "second": 1 - p_first})
    page.write("first" if dice.chance(p_first) else "second")
    page.write(". <end>")
    page.truth["p_first"] = p_first


def p_better(one: float, other: float) -> float:
    """Return how probable it is that a judge prefers the first of two scores."""
    if one == other:
        return 0.5
    return ACCURACY if one > other else 1 - ACCURACY


def two_answers(world: "World", request: Request, dice: Dice) -> list[str]:
    """Return answers of two personas, as different as a few draws make them."""
    one = other = answer(world, request, dice.pick(_PERSONAS), dice)
    for _ in range(4):
        other = answer(world, request, dice.pick(_PERSONAS), dice)
        if other != one:
            break
    return [one, other]


def judged(world: "World", principle: Principle, request: Request, texts: list[str]) -> float:
    """Return how probable it is that a judge prefers the first of two answers."""
    scores = [principle.score(request, grade(world, request, text)) for text in texts]
    return p_better(scores[0], scores[1])


KINDS = (
    Kind(
        name="judge",
        share=0.03,
        summary="two answers and which is better by a principle, right nine times in ten",
        words=("judge", "first", "second", "better", "critique"),
        write=write_judge,
    ),
)
