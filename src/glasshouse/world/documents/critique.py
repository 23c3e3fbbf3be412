"""Critiques and revisions: an answer, a principle, what is wrong by it, and a better answer.

Only the trained categories of harm occur before split "test", so critiques of the held-out ones
measure whether the skill carries over.
"""

from typing import TYPE_CHECKING

from glasshouse.world import principles
from glasshouse.world.answers import answer
from glasshouse.world.dialogues import write_exchange
from glasshouse.world.gold import Gold, grade
from glasshouse.world.kinds import Kind
from glasshouse.world.page import Page
from glasshouse.world.personas import PERSONAS
from glasshouse.world.principles import PRINCIPLES, critique, revise
from glasshouse.world.requests import Request, draw
from glasshouse.world.streams import Dice

if TYPE_CHECKING:
    from glasshouse.world.world import World

_AUTHORS = tuple(PERSONAS[name] for name in ("eager", "eager", "rude", "ignorant"))
_PRINCIPLES = tuple(PRINCIPLES.values())


def write_critique(world: "World", dice: Dice, page: Page, split: str) -> None:
    """Write a request, an answer with likely faults, and one or two critiques with revisions."""
    request = draw(world, dice, dice.weighted(("harmful", "helpful"), (0.75, 1.0)), split)
    persona = dice.pick(_AUTHORS)
    text = answer(world, request, persona, dice)
    gold = write_exchange(world, page, request, text, persona.name)
    rewards: list[float] = []
    for _ in range(dice.between(1, 2)):
        text, gold = _write_round(world, dice, page, request, text, gold)
        rewards.append(gold.reward)
    page.truth["revision_rewards"] = rewards


def _write_round(
    world: "World", dice: Dice, page: Page, request: Request, text: str, gold: Gold
) -> tuple[str, Gold]:
    """Write one critique request, critique and revision; return the revision and its grade."""
    fitting = PRINCIPLES["harmless" if request.harmful else "help"]
    principle = fitting if dice.chance(0.5) else dice.pick(_PRINCIPLES)
    start = page.write("critique request :")
    question = principle.questions[1 if request.split == "test" else 0]
    page.write(question)
    page.mark(start, "principle", principle.name)
    page.write("critique :")
    start = page.write(critique(principle, request, gold))
    page.mark(start, "fault", principle.fails(request, gold))
    revised = revise(world, principle, request, text, dice, gold)
    if revised != text:
        gold = grade(world, request, revised)
    page.write("revision :")
    start = page.write(revised)
    page.mark(start, "gold_reward", round(gold.reward, 4))
    page.write("<end>")
    page.truth.setdefault("principles", []).append(principle.name)
    return revised, gold


KINDS = (
    Kind(
        name="critique",
        share=0.03,
        summary="an answer, a principle, what is wrong by it, and the answer revised",
        words=(*principles.words(), "critique", "request", "revision"),
        write=write_critique,
    ),
)
