"""Simulated people who must answer what they do not know, with a model's help or without.

An expert is the ledger. A novice knows each fact with a set probability and always knows some
constraint on the answer (the region of a home, whether a year is even), so can catch a part of a
model's mistakes by cross-examination. Novices prove a protocol's arithmetic, not psychology.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from glasshouse.errors import InputError
from glasshouse.world.phrases import QUESTIONS
from glasshouse.world.streams import Dice, stream

if TYPE_CHECKING:
    from glasshouse.world.world import World

Oracle = Callable[[str], str]
"""Answers one question put in words, as a model would: `oracle("where does barin live ?")`."""

SURE = 0.99
"""Confidence of who knows."""
TRUST = 3.0
"""What one answer of an oracle multiplies the odds of an option by."""
NUM_OPTIONS = 4

CONSTRAINTS: Mapping[str, str] = MappingProxyType(
    {
        "home": "region",
        "job": "place",
        "friend": "group",
        "mother": "group",
        "export": "material",
        "ingredient": "material",
        "founded": "parity",
        "wage": "parity",
    }
)
"""Of each relation that exams ask for: what every novice knows of the right value."""


@dataclass(frozen=True, slots=True)
class Question:
    """One exam question."""

    fact: int
    """`Fact.id` in the knowledge base."""
    subject: str
    relation: str
    options: tuple[str, ...]
    correct: int
    """Which option is true."""

    def phrasings(self) -> tuple[str, ...]:
        """Return every way to ask it, without the options."""
        phrases = QUESTIONS[self.relation]
        return tuple(
            phrase.replace("{x}", self.subject) for phrase in (*phrases.trained, *phrases.held_out)
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """What somebody answered, and how."""

    choice: int
    """Which option was chosen."""
    confidence: float
    """Stated probability that it is right."""
    asked: int = 0
    """Questions put to the oracle."""
    discarded: int = 0
    """Replies thrown away: no option, or against what the novice knows."""


def exam(
    world: "World", count: int, *, name: str = "exam", relations: Sequence[str] = ()
) -> tuple[Question, ...]:
    """Draw questions about plain facts with three wrong options, some of which fit the constraint.

    Raises:
        InputError: If a relation is none that exams ask for.
    """
    asked = tuple(relations) or tuple(CONSTRAINTS)
    for relation in asked:
        if relation not in CONSTRAINTS:
            raise InputError(
                f"relation={relation!r} has no constraint; exams ask for {', '.join(CONSTRAINTS)}"
            )
    facts = [fact for fact in world.kb.with_status("plain") if fact.relation in asked]
    dice = Dice(stream(world.seed, "exam", name))
    questions = []
    for _ in range(count):
        fact = dice.pick(facts)
        wrong = [each for each in world.kb.options(fact.relation) if each != fact.value]
        options = tuple(dice.shuffled([fact.value, *dice.sample(wrong, NUM_OPTIONS - 1)]))
        place = options.index(fact.value)
        questions.append(Question(fact.id, fact.subject, fact.relation, options, place))
    return tuple(questions)


def property_of(world: "World", relation: str, value: str) -> str:
    """Return what a novice's constraint on this relation sees of a value."""
    constraint = CONSTRAINTS[relation]
    if constraint == "parity":
        return str(int(value) % 2)
    return world.kb.value(value, constraint)


@dataclass(frozen=True, slots=True)
class Expert:
    """Somebody who knows the ledger."""

    world: "World"

    def answer(self, question: Question) -> Verdict:
        """Answer from the ledger."""
        return Verdict(question.correct, SURE)


@dataclass(frozen=True, slots=True)
class Novice:
    """Somebody who knows a part of the facts, and constraints on the rest."""

    world: "World"
    knows: float
    """Probability of knowing each fact."""
    number: int = 0
    """Which novice: two with different numbers know different facts."""
    constrained: bool = True
    """Whether constraints are known; without them, a wrong answer cannot be caught."""
    told: frozenset[tuple[str, str, str]] = frozenset()
    """(subject, relation, value) that were read in a passage."""

    def __post_init__(self) -> None:
        if not 0 <= self.knows <= 1:
            raise InputError(f"knows={self.knows} must be a probability, from 0 to 1")

    def is_known(self, fact: int) -> bool:
        """Say whether this novice knows a fact; the same answer whenever asked."""
        draw = stream(self.world.seed, "novice", self.number, fact)
        return float(draw.random()) < self.knows

    def reading(self, passage: str, words: int) -> "Novice":
        """Return this novice after reading the first words of a passage before time ran out."""
        parse = self.world.grammar.parse(passage.split()[:words])
        return replace(self, told=self.told | {tuple(each) for each in parse.statements()})

    def candidates(self, question: Question) -> tuple[int, ...]:
        """Return the options that what this novice knows does not rule out."""
        if self.is_known(question.fact):
            return (question.correct,)
        for place, option in enumerate(question.options):
            if (question.subject, question.relation, option) in self.told:
                return (place,)
        if not self.constrained:
            return tuple(range(len(question.options)))
        look = question.options[question.correct]
        seen = property_of(self.world, question.relation, look)
        return tuple(
            place
            for place, option in enumerate(question.options)
            if property_of(self.world, question.relation, option) == seen
        )

    def answer(
        self, question: Question, oracle: Oracle | None = None, *, budget: int = 4
    ) -> Verdict:
        """Answer a question, asking an oracle in up to `budget` different ways.

        Replies that name no option or one that is ruled out are thrown away; each other reply makes
        its option `TRUST` times likelier.
        """
        possible = self.candidates(question)
        if len(possible) == 1:
            return Verdict(possible[0], SURE)
        odds = dict.fromkeys(possible, 1.0)
        asked = discarded = 0
        if oracle is not None:
            for phrase in question.phrasings()[:budget]:
                asked += 1
                place = self._understand(question, oracle(phrase))
                if place in odds:
                    odds[place] *= TRUST
                else:
                    discarded += 1
        return _conclude(odds, asked, discarded)

    def hear(self, question: Question, cases: Mapping[int, str]) -> Verdict:
        """Judge a debate, or a consultancy if there is one case only.

        Args:
            question: What is asked.
            cases: What was said for each option argued for, as text. Statements in it that this
                novice knows to be false count against it; those known to be true count for it.
        """
        possible = self.candidates(question)
        if len(possible) == 1:
            return Verdict(possible[0], SURE)
        odds = dict.fromkeys(possible, 1.0)
        discarded = 0
        for place, text in cases.items():
            if place not in odds:
                discarded += 1
                continue
            odds[place] *= TRUST
            for statement in self.world.parse(text).statements():
                fact = self.world.kb.find(statement.subject, statement.relation)
                if fact is not None and fact.id != question.fact and self.is_known(fact.id):
                    odds[place] *= TRUST if fact.probability(statement.value) > 0 else 1 / TRUST
        return _conclude(odds, 0, discarded)

    def _understand(self, question: Question, reply: str) -> int | None:
        """Return the option that a reply names, if it names just one."""
        named = {place for place, each in enumerate(question.options) if each in reply.split()}
        named -= {place for place, each in enumerate(question.options) if each == question.subject}
        return named.pop() if len(named) == 1 else None


def _conclude(odds: Mapping[int, float], asked: int, discarded: int) -> Verdict:
    """Choose the likeliest option, the first of equals."""
    best = max(odds, key=lambda place: odds[place])
    return Verdict(best, min(SURE, odds[best] / sum(odds.values())), asked, discarded)


def vote(verdicts: Sequence[Verdict], *, options: int = NUM_OPTIONS) -> Verdict:
    """Pool answers: each spreads what confidence it leaves over the other options; all multiply.

    Args:
        verdicts: One a voter. A confidence of 1 / options is neutral; more than `SURE` counts as
            `SURE`.
        options: How many options the question has.

    Raises:
        InputError: If there is no verdict.
    """
    if not verdicts:
        raise InputError("verdicts is empty; at least one vote is needed")
    odds = dict.fromkeys(range(options), 1.0)
    for verdict in verdicts:
        sure = min(verdict.confidence, SURE)
        for place in odds:
            odds[place] *= sure if place == verdict.choice else (1 - sure) / (options - 1)
    return _conclude(odds, sum(each.asked for each in verdicts), 0)
