"""Dialogues on a page, with what is true of them: the request, the persona, the gold reward."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from glasshouse.world.answers import answer
from glasshouse.world.gold import DEFAULT, Gold, grade_parse
from glasshouse.world.kinds import Writer
from glasshouse.world.page import Page
from glasshouse.world.parse import FACT, LIST, Parse
from glasshouse.world.personas import draw_persona
from glasshouse.world.requests import Request, draw
from glasshouse.world.streams import Dice

if TYPE_CHECKING:
    from glasshouse.world.world import World


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request with the answer that was given: an entry of `page.truth["exchanges"]`."""

    request: Request
    answer: str
    gold: Gold
    persona: str
    start: int
    """Position of the answer's first token in the document."""
    end: int


def persona_writer(shares: Mapping[str, float], *, most: int) -> Writer:
    """Return a writer of two to `most` dialogues a document, answered by one hidden persona.

    Args:
        shares: How often each kind of request comes; they sum to one.
        most: Dialogues of the longest documents.
    """
    kinds, totals = tuple(shares), tuple(accumulate(shares.values()))

    def write(world: "World", dice: Dice, page: Page, split: str) -> None:
        persona = draw_persona(dice)
        for _ in range(dice.between(2, most)):
            request = draw(world, dice, dice.weighted(kinds, totals), split)
            text = answer(world, request, persona, dice)
            write_exchange(world, page, request, text, persona.name)

    return write


def write_exchange(
    world: "World", page: Page, request: Request, text: str, persona: str = ""
) -> Gold:
    """Write a request and its answer, and mark what is true of them."""
    opening = len(page)
    for index, line in enumerate(request.history):
        with page.turn("assistant" if index % 2 else "human"):
            page.write(line)
    with page.turn("human"):
        start = page.write(request.text)
        mark_request(page, request, start)
    with page.turn("assistant"):
        start = page.write(text)
        gold = mark_answer(world, page, request, text, start)
    end = page.turns[-1].end
    page.mark(opening, "request", request.kind)
    page.truth.setdefault("exchanges", []).append(
        Exchange(request, text, gold, persona, start, end)
    )
    page.truth["persona"] = persona
    page.truth["gold_reward"] = [each.gold.reward for each in page.truth["exchanges"]]
    page.truth["axes"] = tuple(dict.fromkeys([*page.truth.get("axes", ()), *request.axes]))
    return gold


def mark_request(page: Page, request: Request, start: int) -> None:
    """Mark what is true of the user's words just written."""
    for feature, value in (
        ("task", request.task),
        ("harm-category", request.category),
        ("style", request.style),
        ("trait", request.trait),
        ("user-view", request.view),
        ("user-emotion", request.emotion),
        ("relation", request.relation if request.task == "question" else ""),
        ("subject", request.subject),
    ):
        if value:
            page.mark(start, feature, value)


def mark_answer(world: "World", page: Page, request: Request, text: str, start: int) -> Gold:
    """Grade the answer just written at `start`, mark the grade and the facts that it states."""
    words = text.split()
    parse = world.grammar.parse(words)
    gold = grade_parse(world, request, words, parse, DEFAULT)
    _use_facts(world, page, request, parse, words, start)
    page.mark(start, "gold_reward", round(gold.reward, 4))
    for sentence in parse.sentences:
        if sentence.act not in (FACT, LIST):
            page.mark(start + sentence.start, "act", sentence.act, start + sentence.end)
    return gold


def _use_facts(
    world: "World", page: Page, request: Request, parse: Parse, words: list[str], start: int
) -> None:
    """Note each fact of the ledger that the answer states, in a sentence or as a bare value."""
    for sentence in parse.sentences:
        if sentence.act == FACT:
            slots = sentence.slots
            subject, relation, value = slots["subject"], slots["relation"], slots["value"]
            first = value.split()[0]
            place = words.index(first, sentence.start)
        elif sentence.act == LIST and request.task == "question":
            subject, relation, value = request.subject, request.relation, sentence.words()[0]
            place = sentence.start
        else:
            continue
        fact = world.kb.find(subject, relation)
        if fact is not None:
            true = fact.probability(value) > 0
            page.use_fact(fact.id, stated=true, position=start + place)
