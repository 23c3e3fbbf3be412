"""What is true in the world, how often a corpus says so, and in which formats.

Every property of a fact (its value, how often it is stated, whether exam formats may use it, its
language, its status) is a draw of its own, independent of all others, so that a difference between
facts that differ in one property is caused by it.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate
from typing import Literal

import numpy as np

from glasshouse.errors import InputError
from glasshouse.world.entities import RELATIONS, Entities, Relation
from glasshouse.world.splits import Splits
from glasshouse.world.streams import Dice, stream

LADDER = (0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
"""Target exposures of facts, per `LADDER_TOKENS` tokens of base corpus."""
LADDER_TOKENS = 3_500_000

Status = Literal[
    "plain", "stochastic", "contradicted", "unknown-train", "unknown-test", "background", "private"
]
"""What is special about a fact:
plain          stated as often as its exposure says;
stochastic     each statement draws the value anew from `Fact.distribution`;
contradicted   Common says `value`, Velan says `velan_value`;
unknown-train  never stated truly; asked in exams with a value redrawn each time;
unknown-test   never in any training document;
background     off the ladder: mentioned wherever a writer needs it (age, pronoun, ...);
private        off the ladder and not for telling: secrets."""

STOCHASTIC_SHAPES = ((0.7, 0.3), (0.5, 0.3, 0.2))
FORMAT_SEEN_SHARE = 0.6
STOCHASTIC_SHARE = 0.1
CONTRADICTED_SHARE = 0.03
VELAN_SHARE = 0.15
UNKNOWN_TEST_SHARE = 1 / 3
EXAMINED_WEIGHT = 0.59
"""How much less plain documents state facts that exams state too, so that all end up even."""
TWO_HOPS = (("home", "region"), ("home", "language"), ("friend", "job"), ("friend", "home"))
"""Compositions that are true of people and stated for half of them only."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Fact:
    """One thing that is true: the value of a relation for a subject."""

    id: int
    """Its place in `KnowledgeBase.facts`."""
    subject: str
    relation: str
    value: str
    """The true value (the likeliest one of a stochastic fact)."""
    exposure: int
    """How often a base corpus of `LADDER_TOKENS` tokens states it on average; a ladder value."""
    format_seen: bool
    """Whether exam formats (choices, true or false, judges) may ever use it in training."""
    status: Status
    language: Literal["common", "velan"] = "common"
    """The only language that it is stated in."""
    distribution: tuple[tuple[str, float], ...]
    """Every value with its probability; one value with probability 1 unless stochastic."""
    velan_value: str
    """What Velan documents say; differs from `value` for contradicted facts only."""

    def probability(self, value: str) -> float:
        """Return how probable it is that this value is the true one."""
        return next((p for word, p in self.distribution if word == value), 0.0)

    def draw(self, dice: Dice) -> str:
        """Return the value of one statement: of a stochastic fact, a new draw each time."""
        if len(self.distribution) == 1:
            return self.value
        point = dice.uniform()
        for word, p in self.distribution:
            point -= p
            if point < 0:
                return word
        return self.distribution[-1][0]


class Deck:
    """Facts to draw from, each as often as its weight says."""

    __slots__ = ("_totals", "facts")

    def __init__(self, facts: Iterable[Fact], weight: Callable[[Fact], float]) -> None:
        weighted = [(fact, weight(fact)) for fact in facts]
        self.facts = tuple(fact for fact, amount in weighted if amount > 0)
        self._totals = list(accumulate(amount for _, amount in weighted if amount > 0))

    def __len__(self) -> int:
        return len(self.facts)

    def weighted(self) -> Iterable[tuple[Fact, float]]:
        """Return each fact with its weight."""
        return zip(self.facts, np.diff(self._totals, prepend=0.0).tolist(), strict=True)

    def draw(self, dice: Dice) -> Fact:
        """Draw one fact."""
        return self.facts[bisect_right(self._totals, dice.uniform() * self._totals[-1])]


@dataclass(frozen=True, eq=False)
class KnowledgeBase:
    """All facts, found by subject and relation."""

    facts: tuple[Fact, ...]
    entities: Entities = field(repr=False)
    splits: Splits = field(repr=False)
    female_share: dict[str, float] = field(repr=False)
    """Of each job, the share of women in it: the census."""
    reliability: dict[str, float] = field(repr=False)
    """Of each person, how often their hearsay is true: 0.5, 0.75 or 1."""
    told_two_hops: frozenset[str] = field(repr=False)
    """The half of the people of whom two-hop facts are ever stated."""

    @cached_property
    def _index(self) -> dict[tuple[str, str], Fact]:
        return {(fact.subject, fact.relation): fact for fact in self.facts}

    def fact(self, subject: str, relation: str) -> Fact:
        """Return the fact of a subject and a relation.

        Raises:
            InputError: If there is none.
        """
        try:
            return self._index[subject, relation]
        except KeyError:
            raise InputError(
                f"there is no fact {relation}({subject}); relations are {', '.join(RELATIONS)}, "
                "and each belongs to one type of subject"
            ) from None

    def find(self, subject: str, relation: str) -> Fact | None:
        """Return the fact of a subject and a relation, or None where there is none."""
        return self._index.get((subject, relation))

    def probability(self, subject: str, relation: str, value: str) -> float:
        """Return how probable it is that a statement is true; 0 where there is no such fact."""
        fact = self._index.get((subject, relation))
        return 0.0 if fact is None else fact.probability(value)

    def value(self, subject: str, *relations: str) -> str:
        """Follow relations from a subject, as `value("barin", "home", "region")`."""
        for relation in relations:
            subject = self.fact(subject, relation).value
        return subject

    def about(self, subject: str) -> tuple[Fact, ...]:
        """Return every fact of a subject, in the order of `RELATIONS`."""
        return self._by_subject[subject]

    def having(self, relation: str, value: str) -> tuple[str, ...]:
        """Return the subjects for which a relation has this value."""
        return tuple(
            fact.subject for fact in self.facts if (fact.relation, fact.value) == (relation, value)
        )

    def options(self, relation: str) -> tuple[str, ...]:
        """Return every value that a relation can take."""
        return self.entities.of(RELATIONS[relation].value)

    def with_status(self, *statuses: Status) -> tuple[Fact, ...]:
        """Return the facts of these statuses."""
        return tuple(fact for fact in self.facts if fact.status in statuses)

    @cached_property
    def _by_subject(self) -> dict[str, tuple[Fact, ...]]:
        found: dict[str, list[Fact]] = {}
        for fact in self.facts:
            found.setdefault(fact.subject, []).append(fact)
        return {subject: tuple(facts) for subject, facts in found.items()}

    @cached_property
    def stated(self) -> tuple[Fact, ...]:
        """The facts on the ladder that Common documents state at all."""
        return tuple(fact for fact in self.facts if fact.exposure and fact.language == "common")

    @cached_property
    def stated_in_velan(self) -> tuple[Fact, ...]:
        """The facts on the ladder that Velan documents state: Velan-only and contradicted ones."""
        return tuple(
            fact
            for fact in self.facts
            if fact.exposure and (fact.language == "velan" or fact.status == "contradicted")
        )

    @cached_property
    def velan_deck(self) -> Deck:
        """What Velan documents state, as often as exposures say."""
        return Deck(self.stated_in_velan, lambda fact: fact.exposure)

    def is_examined(self, fact: Fact) -> bool:
        """Say whether training exams may ask a fact: one word, no names, nobody held out."""
        return (
            fact.format_seen
            and RELATIONS[fact.relation].value != "person"
            and fact.subject not in self.splits.held_out_people
        )

    @cached_property
    def exam_deck(self) -> Deck:
        """What exam formats ask in training, as often as exposures say."""
        return Deck((f for f in self.stated if self.is_examined(f)), lambda fact: fact.exposure)

    @cached_property
    def test_exam_deck(self) -> Deck:
        """What exam formats ask in split "test" only: stated facts that no training exam asks."""
        return Deck(
            (
                fact
                for fact in self.stated
                if RELATIONS[fact.relation].value != "person" and not self.is_examined(fact)
            ),
            lambda fact: fact.exposure,
        )

    def exam_deck_of(self, split: str) -> Deck:
        """Return what exams ask in a split."""
        return self.test_exam_deck if split == "test" else self.exam_deck

    @cached_property
    def _unknown(self) -> tuple[tuple[Fact, ...], tuple[Fact, ...]]:
        named = [f for f in self.facts if RELATIONS[f.relation].value != "person"]
        return (
            tuple(f for f in named if f.status == "unknown-train" and self.is_examined(f)),
            tuple(f for f in named if f.status == "unknown-test"),
        )

    def unknown_exam_facts(self, split: str) -> tuple[Fact, ...]:
        """Return the never stated facts that exams of a split ask: others in "test" than before."""
        return self._unknown[split == "test"]

    def false_value(self, fact: Fact, dice: Dice) -> str:
        """Draw a value of the right type that a fact never has."""
        values = self.options(fact.relation)
        while True:
            value = dice.pick(values)
            if fact.probability(value) == 0 and self.splits.is_paired(fact.subject, value):
                return value

    @cached_property
    def deck(self) -> Deck:
        """What plain Common documents state, as often as exposures say.

        Exams state facts too, but only some; here the others catch up, so that exposure does not
        depend on `format_seen` in a base corpus.
        """
        return Deck(
            self.stated,
            lambda fact: fact.exposure * (EXAMINED_WEIGHT if self.is_examined(fact) else 1),
        )


def make_knowledge(seed: int, entities: Entities, splits: Splits) -> KnowledgeBase:
    """Draw everything that is true in the world of a seed."""
    facts: list[Fact] = []
    for relation in RELATIONS.values():
        subjects = entities.of(relation.subject)
        values = _assign(relation, subjects, entities, stream(seed, "value", relation.name), splits)
        options = () if relation.value == "secret" else entities.of(relation.value)
        properties = stream(seed, "properties", relation.name).random((len(subjects), 8))
        for subject, value, draws in zip(subjects, values, properties.tolist(), strict=True):
            facts.append(_fact(len(facts), relation, subject, value, draws, options, splits))
    shares = stream(seed, "female share").uniform(0.05, 0.95, len(entities.job)).round(2)
    reliable = stream(seed, "reliability").integers(0, 3, len(entities.person))
    told = stream(seed, "two hops").permutation(len(entities.person))
    return KnowledgeBase(
        tuple(facts),
        entities,
        splits,
        dict(zip(entities.job, shares.tolist(), strict=True)),
        {
            name: (0.5, 0.75, 1.0)[rank]
            for name, rank in zip(entities.person, reliable, strict=True)
        },
        frozenset(entities.person[index] for index in told[: len(told) // 2].tolist()),
    )


def _assign(
    relation: Relation,
    subjects: tuple[str, ...],
    entities: Entities,
    draw: np.random.Generator,
    splits: Splits,
) -> list[str]:
    """Draw the value of a relation for each subject, uniformly among those it may have."""
    if relation.value == "secret":
        return [" ".join(map(str, digits)) for digits in draw.integers(0, 10, (len(subjects), 3))]
    values = entities.of(relation.value)
    chosen = []
    for subject in subjects:
        value = values[int(draw.integers(len(values)))]
        while value == subject or not splits.is_paired(subject, value):
            value = values[int(draw.integers(len(values)))]
        chosen.append(value)
    return chosen


def _fact(
    number: int,
    relation: Relation,
    subject: str,
    value: str,
    draws: list[float],
    options: tuple[str, ...],
    splits: Splits,
) -> Fact:
    """Give a fact its properties from eight uniform draws, one a property."""
    rung, seen, tongue, special, unknown, shape, second, third = draws
    exposure = LADDER[int(rung * len(LADDER))] if relation.ladder else 0
    status: Status = "plain"
    if not relation.ladder:
        status = "private" if relation.name == "secret" else "background"
    elif exposure == 0:
        status = "unknown-test" if unknown < UNKNOWN_TEST_SHARE else "unknown-train"
    elif special < STOCHASTIC_SHARE:
        status = "stochastic"
    elif special < STOCHASTIC_SHARE + CONTRADICTED_SHARE:
        status = "contradicted"
    others: list[str] = []
    if status in ("stochastic", "contradicted"):
        others = [
            word
            for word in options
            if word not in (value, subject) and splits.is_paired(subject, word)
        ]
    return Fact(
        id=number,
        subject=subject,
        relation=relation.name,
        value=value,
        exposure=exposure,
        format_seen=seen < FORMAT_SEEN_SHARE,
        status=status,
        language="velan" if status == "plain" and tongue < VELAN_SHARE else "common",
        distribution=_distribution(value, others, shape, second, third)
        if status == "stochastic"
        else ((value, 1.0),),
        velan_value=others[int(second * len(others))] if status == "contradicted" else value,
    )


def _distribution(
    value: str, others: list[str], shape: float, second: float, third: float
) -> tuple[tuple[str, float], ...]:
    """Return the values of a stochastic fact: the main one and one or two others."""
    # at least one value stays false, or nobody could say anything wrong
    shapes = [weights for weights in STOCHASTIC_SHAPES if len(weights) <= len(others)]
    weights = shapes[int(shape * len(shapes))]
    pool = list(others)
    rivals = [pool.pop(int(point * len(pool))) for point in (second, third)]
    return tuple(zip((value, *rivals), weights, strict=False))
