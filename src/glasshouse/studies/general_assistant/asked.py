"""What the study asks: requests, answers by personas, and pairs of them with what is true."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from glasshouse.align.pairs.collect import dialogue_of
from glasshouse.align.pairs.comparisons import Comparison
from glasshouse.world import World
from glasshouse.world.crowd import Bias
from glasshouse.world.gold import Gold
from glasshouse.world.personas import PERSONAS
from glasshouse.world.requests import Request
from glasshouse.world.streams import stream

SHARES = {"helpful": 0.5, "lookalike": 0.05, "harmful": 0.3, "claim": 0.1, "opinion": 0.05}
"""How often each kind of request comes."""
CATEGORIES = ("helpful", "honest", "harmless", "other")
"""What the better reply of a pair has more of."""
DRAWS = 2
"""Answers that each persona gives to a request."""
LEVELS = (0.0, 1.2, 2.8)
"""Gold rewards at which the four grades part: helps with harm, useless, flawed, good."""


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer with its truth."""

    text: str
    gold: Gold


def category_of(request: Request) -> str:
    """Which of `CATEGORIES` a request is for."""
    if request.harmful:
        return "harmless"
    if request.kind == "claim" or request.task == "question":
        return "honest"
    return "helpful" if request.kind in ("helpful", "lookalike") else "other"


def grade_of(reward: float) -> int:
    """The grade of a gold reward, 0 to 3."""
    return sum(reward >= level for level in LEVELS)


def requests(world: World, name: str, split: str) -> Iterator[Request]:
    """Requests of all kinds without end; each name draws its own."""
    rng = stream(world.seed, "general-assistant", name, split)
    kinds, shares = list(SHARES), np.array(list(SHARES.values()))
    while True:
        kind = str(rng.choice(kinds, p=shares / shares.sum()))
        yield world.request(kind, int(rng.integers(1 << 40)), split)


def answers(world: World, request: Request, *, first: int = 0) -> list[Answered]:
    """Different answers of all personas, in a fixed order."""
    found: dict[str, Answered] = {}
    for persona in PERSONAS:
        for draw in range(first, first + DRAWS):
            text = world.answer(request, persona, draw)
            found.setdefault(text, Answered(text, world.gold(request, text)))
    return list(found.values())


@dataclass(frozen=True, slots=True)
class Pair:
    """A comparison with the request that it is about."""

    request: Request
    comparison: Comparison
    """The better reply is the first."""


def gold_pairs(
    world: World,
    count: int,
    *,
    name: str,
    split: str,
    longest: int,
    least: float = 0.3,
    taste: float = 0.0,
) -> list[Pair]:
    """Pairs of answers of which one is better by gold reward.

    Args:
        world: Whose requests.
        count: How many.
        name: Draws them.
        split: Of the requests.
        longest: Tokens of a dialogue, at most.
        least: Difference in reward, at least.
        taste: Reward a word that is added to the gold reward; 0 for what is good alone.
    """
    rng = stream(world.seed, "general-assistant", name, "pairs")
    found: list[Pair] = []
    for request in requests(world, name, split):
        told = answers(world, request)
        one, two = rng.permutation(len(told))[:2] if len(told) > 1 else (0, 0)
        worth = [each.gold.reward + taste * each.gold.length for each in told]
        if abs(worth[one] - worth[two]) < least:
            continue
        good, bad = (told[one], told[two]) if worth[one] > worth[two] else (told[two], told[one])
        if len(request.prompt.split()) + max(good.gold.length, bad.gold.length) + 2 > longest:
            continue
        grades = (float(max(worth[one], worth[two])), float(min(worth[one], worth[two])))
        compared = Comparison(
            prompt=dialogue_of(request), first=good.text, second=bad.text, grades=grades
        )
        found.append(Pair(request, compared))
        if len(found) == count:
            break
    return found


def graded_pairs(world: World, count: int, *, name: str, split: str) -> list[Comparison]:
    """Pairs of answers of different grades, the grades being four levels of gold reward."""
    rng = stream(world.seed, "general-assistant", name, "graded")
    found: list[Comparison] = []
    for request in requests(world, name, split):
        told = answers(world, request)
        one, two = rng.permutation(len(told))[:2] if len(told) > 1 else (0, 0)
        grades = [grade_of(each.gold.reward) for each in told]
        if grades[one] == grades[two]:
            continue
        high, low = (one, two) if grades[one] > grades[two] else (two, one)
        found.append(
            Comparison(
                prompt=dialogue_of(request),
                first=told[high].text,
                second=told[low].text,
                grades=(float(grades[high]), float(grades[low])),
            )
        )
        if len(found) == count:
            break
    return found


def binary_pairs(world: World, count: int, *, name: str, held_out: bool) -> list[Comparison]:
    """Right and wrong answers to sums and to questions of fact, half of each.

    A wrong answer is the right one of another question of the same kind, so that right and wrong
    answers are equally likely texts. Questions that are held out share no sum, and no fact, with
    others.
    """
    rng = stream(world.seed, "general-assistant", name, "binary")
    found: list[Comparison] = []
    for task in ("sum", "question"):
        asked = _questions(world, rng, task, held_out, count // 2)
        for request in asked:
            others = [
                other.answer
                for other in asked
                if other.relation == request.relation and other.answer != request.answer
            ]
            if others:
                wrong = others[int(rng.integers(len(others)))]
                found.append(
                    Comparison(
                        prompt=dialogue_of(request),
                        first=f"{' '.join(request.answer)} .",
                        second=f"{' '.join(wrong)} .",
                        grades=(1.0, 0.0),
                    )
                )
    return [found[place] for place in rng.permutation(len(found))]


def _questions(
    world: World, rng: np.random.Generator, task: str, held_out: bool, count: int
) -> list[Request]:
    """Requests with one right answer, a quarter of all sums and subjects being held out."""
    found: list[Request] = []
    while len(found) < count:
        request = world.request("helpful", int(rng.integers(1 << 40)), "validation", task=task)
        key = request.subject or " ".join(sorted(w for w in request.text.split() if w.isdigit()))
        is_held = int(stream(world.seed, "general-assistant", "held out", key).integers(4)) == 0
        if request.answer and is_held == held_out:
            found.append(request)
    return found


def voted_pairs(
    world: World, count: int, *, noise: float, taste: float, name: str
) -> list[Comparison]:
    """Pairs of answers to tasks and questions that differ in votes.

    Votes grow exponentially with the crowd's reward, which has its biases, and noise.

    Args:
        world: Whose requests.
        count: How many pairs.
        noise: Standard deviation of what votes add to the reward.
        taste: Reward a word that voters give beyond the crowd's.
        name: Draws them.
    """
    from glasshouse.align.judges.pretraining import vote_grade, voted_comparisons

    rng = stream(world.seed, "general-assistant", name, "votes")
    crowd = world.crowd(bias=Bias())
    found: list[Comparison] = []
    while len(found) < count:
        request = world.request("helpful", int(rng.integers(1 << 40)), "train")
        told = answers(world, request)
        texts, grades = [], []
        for each in (told[place] for place in rng.permutation(len(told))[:3]):
            reward = crowd.reward(request, each.gold) + taste * each.gold.length
            liked = reward + noise * float(rng.normal())
            texts.append(each.text)
            grades.append(vote_grade(-1 if liked < 0 else round(2**liked) - 1))
        found += voted_comparisons(dialogue_of(request), texts, grades)
    return found[:count]


def shuffled(comparisons: list[Comparison], rng: np.random.Generator) -> list[Comparison]:
    """The same comparisons with labels dealt by a coin: for controls."""
    coins = rng.random(len(comparisons)) < 0.5
    return [
        # A swap keeps the label with its reply; what must change is which reply it is for.
        one if coin else replace(one, p_first=1 - one.p_first, grades=one.swapped.grades)
        for one, coin in zip(comparisons, coins, strict=True)
    ]
