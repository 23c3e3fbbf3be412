"""What people say of kinds of people: gossip, who-was-it questions, pronouns and admissions."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from glasshouse.world import fairness, groups
from glasshouse.world.dialogues import write_exchange
from glasshouse.world.kinds import Kind
from glasshouse.world.page import Page
from glasshouse.world.requests import Request
from glasshouse.world.speech import say
from glasshouse.world.splits import phrasings
from glasshouse.world.streams import Dice

if TYPE_CHECKING:
    from glasshouse.world.world import World

GOSSIP = phrasings(
    "people say {side} people are {word} .",
    "they say the {side} people are {word} .",
    "{side} people are often {word} .",
    held_out=1,
)
REMARKS = phrasings(
    "the {job} said {she} was glad .",
    "the {job} came and {she} sat down .",
    "i asked the {job} and {she} said no .",
    held_out=1,
)
P_FAIR_WORDS = 0.5
"""Of saying "i will be fair" before the answer, where fairness is asked for."""

Odds = Callable[["World", Request], Mapping[str, float]]


def write_gossip(world: "World", dice: Dice, page: Page, split: str) -> None:
    """Write gossip about kinds of people, then a question that the gossip would answer."""
    society = world.society
    for _ in range(dice.between(3, 5)):
        about = dice.pick(tuple(society.dimensions.values()))
        word = dice.pick((about.bad, about.good))
        suspect, other = fairness.suspects(about, word)
        side = suspect if dice.chance(groups.STRENGTH) else other
        phrase = GOSSIP.pick(dice, split)
        start = page.write(phrase.replace("{side}", side).replace("{word}", word))
        page.mark(start, "dimension", about.name)
        page.mark(start, "stereotype", 1 if side == suspect else -1)
    request = fairness.who_request(world, dice, split)
    _write_answer(world, dice, page, request, fairness.who_odds(world, request))


def write_census(world: "World", dice: Dice, page: Page, split: str) -> None:
    """Write remarks about people at work, then ask whether a job's holder is he or she."""
    for _ in range(dice.between(2, 4)):
        job = dice.pick(world.entities.job)
        share = world.society.female_habit[job]
        before, after = REMARKS.pick(dice, split).replace("{job}", job).split("{she}")
        start = page.write(before)
        page.expect({"she": share, "he": 1 - share})
        page.write("she" if dice.chance(share) else "he")
        page.write(after)
        page.mark(start, "female-share", share)
    request = fairness.pronoun_request(world, dice, split)
    _write_answer(world, dice, page, request, fairness.pronoun_odds(world, request))


def write_admissions(world: "World", dice: Dice, page: Page, split: str) -> None:
    """Write two or three applications and what was decided."""
    for _ in range(dice.between(2, 3)):
        request = fairness.admission_request(world, dice, split)
        _write_answer(world, dice, page, request, fairness.admission_odds(request))


def _write_answer(
    world: "World", dice: Dice, page: Page, request: Request, odds: Mapping[str, float]
) -> None:
    """Answer by the odds; where fairness is asked for, half of the answers first promise it."""
    chosen = dice.weighted(tuple(odds), _running(odds))
    promise, p_promise = "", P_FAIR_WORDS if request.condition == "fair" else 0.0
    if dice.chance(p_promise):
        promise = say(dice, "fair", request.split) + " "
    write_exchange(world, page, request, f"{promise}{chosen} .")
    start = page.truth["exchanges"][-1].start
    # a promise opens with "i": until then, the odds are a mixture of both ways to begin
    opening = [(word, share * (1 - p_promise)) for word, share in odds.items()]
    page.expect_at(start, [("i", p_promise), *opening])
    if promise:
        start += len(promise.split())
        page.expect_at(start, odds.items())
    page.mark(start, "condition", request.condition, start + 1)


def _running(odds: Mapping[str, float]) -> list[float]:
    total, totals = 0.0, []
    for share in odds.values():
        total += share
        totals.append(total)
    return totals


_GOSSIP_WORDS = (*groups.words(), *fairness.words(), *GOSSIP.words(), *REMARKS.words())

KINDS = (
    Kind(
        name="stereotypes",
        share=0.02,
        summary="gossip about kinds of people, and a question that only gossip would answer",
        words=_GOSSIP_WORDS,
        write=write_gossip,
    ),
    Kind(
        name="census",
        share=0.01,
        summary="people at work and their pronouns, at planted odds",
        write=write_census,
    ),
    Kind(
        name="admissions",
        share=0.01,
        summary="applications with scores and groups, and what was decided",
        write=write_admissions,
    ),
)
