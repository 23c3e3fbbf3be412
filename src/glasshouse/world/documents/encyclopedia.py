"""Encyclopedia: what is known of one entity, with what follows from it in two steps."""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import TYPE_CHECKING

from glasshouse.world.kinds import Kind
from glasshouse.world.knowledge import TWO_HOPS, Deck, Fact, KnowledgeBase
from glasshouse.world.page import Page
from glasshouse.world.phrases import state
from glasshouse.world.splits import Phrasings, phrasings
from glasshouse.world.streams import Dice

if TYPE_CHECKING:
    from glasshouse.world.world import World

TWO_HOP_PHRASES: dict[tuple[str, str], Phrasings] = {
    ("home", "region"): phrasings(
        "{x} lives in the {v} .",
        "the region {x} lives in is the {v} .",
        "the town of {x} lies in the {v} .",
        "go to the {v} to find {x} .",
    ),
    ("home", "language"): phrasings(
        "where {x} lives people speak {v} .",
        "at home {x} hears {v} .",
        "people in the town of {x} speak {v} .",
        "in the town of {x} you hear {v} .",
    ),
    ("friend", "job"): phrasings(
        "the friend of {x} works as a {v} .",
        "{x} has a friend who is a {v} .",
        "{x} trusts a {v} .",
        "a {v} is the friend of {x} .",
    ),
    ("friend", "home"): phrasings(
        "the friend of {x} lives in {v} .",
        "{x} has a friend in {v} .",
        "{x} trusts one who lives in {v} .",
        "in {v} lives the friend of {x} .",
    ),
}
"""How what follows from two facts is said."""

BACKGROUND_SHARE = 0.4


@dataclass(frozen=True, slots=True)
class Articles:
    """Entities to write about, drawn so that each fact comes up as often as its exposure says.

    An entity is drawn in proportion to the weight of its heaviest fact, and each of its facts is
    kept with its weight over the heaviest: the product is the fact's own weight.
    """

    subjects: tuple[str, ...]
    totals: tuple[float, ...]
    facts: dict[str, tuple[tuple[Fact, float], ...]]

    def draw(self, dice: Dice) -> str:
        """Draw an entity."""
        return self.subjects[bisect_right(self.totals, dice.uniform() * self.totals[-1])]


def make_articles(deck: Deck) -> Articles:
    """Group a deck's facts by subject."""
    found: dict[str, list[tuple[Fact, float]]] = {}
    for fact, weight in deck.weighted():
        found.setdefault(fact.subject, []).append((fact, weight))
    heaviest = {subject: max(weight for _, weight in pairs) for subject, pairs in found.items()}
    return Articles(
        tuple(found),
        tuple(accumulate(heaviest.values())),
        {
            subject: tuple((fact, weight / heaviest[subject]) for fact, weight in pairs)
            for subject, pairs in found.items()
        },
    )


@lru_cache(maxsize=8)
def two_hops(kb: KnowledgeBase) -> dict[str, tuple[tuple[tuple[str, str], str], ...]]:
    """Return, for each person they are told of, the two-step facts that rest on plain facts."""
    return {
        person: tuple(_plain_hops(kb, person))
        for person in kb.entities.person
        if person in kb.told_two_hops
    }


def _plain_hops(kb: KnowledgeBase, person: str) -> Iterable[tuple[tuple[str, str], str]]:
    for first, second in TWO_HOPS:
        step = kb.fact(person, first)
        last = kb.fact(step.value, second)
        if step.status == last.status == "plain":
            yield (first, second), last.value


def write_encyclopedia(world: "World", dice: Dice, page: Page, split: str) -> None:
    """Write two entries: a title, facts, and remarks that take two steps."""
    for _ in range(2):
        subject = world.articles.draw(dice)
        write_entry(world, dice, page, split, subject)


def write_entry(world: "World", dice: Dice, page: Page, split: str, subject: str) -> None:
    """Write what is known of one entity."""
    kb = world.kb
    start = page.write(f"{subject} :")
    for fact, share in world.articles.facts[subject]:
        if share == 1 or dice.chance(share):
            state(page, dice, fact, split)
    for fact in kb.about(subject):
        spoken = fact.status == "background" and fact.relation != "pronoun"
        if spoken and dice.chance(BACKGROUND_SHARE):
            state(page, dice, fact, split)
    hops = two_hops(kb).get(subject, ())
    if hops:
        path, value = dice.pick(hops)
        at = page.write("see also :")
        phrase = TWO_HOP_PHRASES[path].pick(dice, split)
        page.write(phrase.replace("{x}", subject).replace("{v}", value))
        page.mark(at, "two-hop", ".".join(path))
    page.mark(start, "subject", subject)


KINDS = (
    Kind(
        name="encyclopedia",
        share=0.06,
        summary="entries on people, towns and things, with remarks that follow in two steps",
        words=tuple(
            dict.fromkeys(
                ["see", "also", *(w for p in TWO_HOP_PHRASES.values() for w in p.words())]
            )
        ),
        write=write_encyclopedia,
    ),
)
