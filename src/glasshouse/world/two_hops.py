"""Facts of two kinds, and questions that need one of each: who lives where, which place lies where.

"anna-12 home is town-3 ." and "town-3 region is land-1 ." are facts; "the region of the home of
anna-12 is land-1 ." needs both. The town in between is never said in a question: it is the truth
that a method of finding causes has to name. Some people are asked about in no text that is learned
from.

Source:
    Made for attribution and ablation of latents ("Scaling monosemanticity", 2024, the capital of
    the state where someone plays).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Int

from glasshouse.errors import InputError
from glasshouse.world.streams import stream

_FIXED = ("<start>", "home", "region", "is", ".", "the", "of")
_HOME, _REGION, _ASKED = 0, 1, 2
_UNIT = 5
"""Tokens of a fact; a question has twice as many."""

UNKNOWN = -1
"""Of tokens before a sentence has named whom or what it is about."""


@dataclass(frozen=True, kw_only=True, slots=True)
class TwoHopTexts:
    """Texts with the truth of every token; places count from the start token."""

    ids: Int[np.ndarray, "text place"]
    """Token ids."""
    town: Int[np.ndarray, "text place"]
    """The town that the sentence is about, said or not, once that can be known; else UNKNOWN."""
    is_asked: Bool[np.ndarray, "text place"]
    """Whether the token after this one answers a question."""

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, kw_only=True)
class TwoHopWorld:
    """Who lives in which town, and which land each town lies in; drawn once, by the seed."""

    people: int = 60
    """Those with a home."""
    towns: int = 12
    """Where they live."""
    lands: int = 4
    """Where towns lie."""
    held_out: float = 0.2
    """Share of people about whom no text to learn from asks."""
    length: int = 40
    """Tokens of a text after the first: a multiple of five."""
    seed: int = 0
    """Of the facts; texts have generators of their own."""

    def __post_init__(self) -> None:
        if not self.people >= self.towns >= self.lands >= 2:
            raise InputError(
                f"people={self.people}, towns={self.towns} and lands={self.lands} must fall in "
                "this order, to at least 2 lands"
            )
        if not 0 <= self.held_out < 1:
            raise InputError(f"held_out={self.held_out} must lie in [0, 1)")
        if self.length < 2 * _UNIT or self.length % _UNIT:
            raise InputError(
                f"length={self.length} must be a multiple of {_UNIT}, for a fact has so many "
                f"tokens, and at least {2 * _UNIT}, for a question"
            )

    @cached_property
    def vocabulary(self) -> tuple[str, ...]:
        """Every token, by id."""
        return (
            *_FIXED,
            *(f"person-{number}" for number in range(self.people)),
            *(f"town-{number}" for number in range(self.towns)),
            *(f"land-{number}" for number in range(self.lands)),
        )

    @property
    def vocab_size(self) -> int:
        """How many tokens there are."""
        return len(self.vocabulary)

    @cached_property
    def home(self) -> Int[np.ndarray, " person"]:
        """The town of each person; every town has about as many."""
        return stream(self.seed, "two-hops", "home").permutation(self.people) % self.towns

    @cached_property
    def region(self) -> Int[np.ndarray, " town"]:
        """The land of each town; every land has about as many."""
        return stream(self.seed, "two-hops", "region").permutation(self.towns) % self.lands

    @cached_property
    def is_held_out(self) -> Bool[np.ndarray, " person"]:
        """Whether texts to learn from never ask about a person."""
        order = stream(self.seed, "two-hops", "held out").permutation(self.people)
        return order < round(self.held_out * self.people)

    def person_id(self, number: Int[np.ndarray, "..."]) -> Int[np.ndarray, "..."]:
        """Token ids of people."""
        return np.asarray(len(_FIXED) + number)

    def town_id(self, number: Int[np.ndarray, "..."]) -> Int[np.ndarray, "..."]:
        """Token ids of towns."""
        return np.asarray(len(_FIXED) + self.people + number)

    def land_id(self, number: Int[np.ndarray, "..."]) -> Int[np.ndarray, "..."]:
        """Token ids of lands."""
        return np.asarray(len(_FIXED) + self.people + self.towns + number)

    def sample(self, count: int, rng: np.random.Generator) -> TwoHopTexts:
        """Draw texts to learn from: facts and questions in any order, none about the held out."""
        asked = np.flatnonzero(~self.is_held_out)
        rows = [self._row(self.length // _UNIT, rng, asked) for _ in range(count)]
        return self._texts(rows)

    def questions(
        self, people: Int[np.ndarray, " text"], rng: np.random.Generator, *, facts: int = 0
    ) -> TwoHopTexts:
        """Ask about some people; texts end in front of the answer.

        Args:
            people: About whom.
            rng: Where facts are drawn from.
            facts: Facts about other people and other towns that stand before the question.

        Raises:
            InputError: If facts and question do not fit into a text.
        """
        if not 0 <= facts <= self.length // _UNIT - 2:
            raise InputError(
                f"facts={facts} and a question do not fit into length={self.length}; "
                f"0 to {self.length // _UNIT - 2} do"
            )
        rows = [
            [*self._facts(facts, rng, without=int(person)), (_ASKED, int(person))]
            for person in people
        ]
        texts = self._texts(rows)
        cut = slice(None, -2)
        return TwoHopTexts(
            ids=texts.ids[:, cut], town=texts.town[:, cut], is_asked=texts.is_asked[:, cut]
        )

    def answers(self, people: Int[np.ndarray, " text"]) -> Int[np.ndarray, " text"]:
        """The token that answers a question about each of some people."""
        return self.land_id(self.region[self.home[people]])

    def _facts(
        self, count: int, rng: np.random.Generator, *, without: int
    ) -> list[tuple[int, int]]:
        others = np.flatnonzero(self.home != self.home[without])
        towns = np.delete(np.arange(self.towns), self.home[without])
        return [
            (_HOME, int(rng.choice(others)))
            if rng.random() < 0.5
            else (_REGION, int(rng.choice(towns)))
            for _ in range(count)
        ]

    def _row(
        self, units: int, rng: np.random.Generator, asked: Int[np.ndarray, " person"]
    ) -> list[tuple[int, int]]:
        """Kinds and subjects of sentences that fill so many units of five tokens."""
        row: list[tuple[int, int]] = []
        while units:
            draw = rng.random()
            if draw < 0.4 and units >= 2:
                row.append((_ASKED, int(rng.choice(asked))))
                units -= 2
                continue
            if draw < 0.8:
                row.append((_HOME, int(rng.integers(self.people))))
            else:
                row.append((_REGION, int(rng.integers(self.towns))))
            units -= 1
        return row

    def _texts(self, rows: list[list[tuple[int, int]]]) -> TwoHopTexts:
        parts = [[self._sentence(kind, number) for kind, number in row] for row in rows]
        ids, town, asked = (
            np.array([[first, *(x for one in row for x in one[at])] for row in parts])
            for at, first in ((0, 0), (1, UNKNOWN), (2, 0))
        )
        return TwoHopTexts(ids=ids, town=town, is_asked=asked.astype(bool))

    def _sentence(self, kind: int, number: int) -> tuple[list[int], list[int], list[bool]]:
        """Ids of a sentence, the town it is about at every token, and where an answer follows."""
        home, region, is_, stop, the, of = range(1, len(_FIXED))
        town = number if kind == _REGION else int(self.home[number])
        place = int(self.town_id(np.array(town)))
        land = int(self.land_id(np.array(self.region[town])))
        if kind == _REGION:
            return [place, region, is_, land, stop], [town] * 5, [False] * 5
        person = int(self.person_id(np.array(number)))
        if kind == _HOME:
            return [person, home, is_, place, stop], [town] * 5, [False] * 5
        ids = [the, region, of, the, home, of, person, is_, land, stop]
        return ids, [UNKNOWN] * 6 + [town] * 4, [place == 7 for place in range(10)]
