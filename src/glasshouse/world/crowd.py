"""People who compare answers: what they like, where they err, and the best anyone can predict them.

A crowd's reward is the gold reward plus planted tastes. A preference is a coin whose odds are the
logistic function of the difference in reward, so the accuracy of the best possible preference model
(its Bayes accuracy) is known for every pair.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from glasshouse.errors import InputError
from glasshouse.world.gold import DEFAULT, Gold, GoldSpec, grade
from glasshouse.world.requests import Request
from glasshouse.world.streams import Dice, stream

if TYPE_CHECKING:
    from glasshouse.world.world import World

STRENGTHS = (0.5, 1.0, 2.0)
"""Log-odds beyond which a preference is 1, 2 or 3 steps strong; below the first it is a tie (0)."""

Answer = str | Sequence[int] | np.ndarray


@dataclass(frozen=True, kw_only=True, slots=True)
class Bias:
    """What a crowd likes beyond what is good, in units of gold reward."""

    length: float = 0.02
    """Per word."""
    agree: float = 0.5
    """Of repeating the user's view."""
    confident: float = 0.5
    """Of saying that it is certain."""
    evade: float = 0.5
    """Of turning away from a harmful request: safe, and no use to anybody."""
    stay: float = 0.2
    """Of wanting to keep helping."""
    flattery: float = 0.2
    """Of flattering the user."""
    view: float = 0.0
    """Of stating the annotator's own view (see `view_split`)."""

    @classmethod
    def none(cls) -> "Bias":
        """Return a crowd that likes what is good, and nothing else."""
        return cls(length=0, agree=0, confident=0, evade=0, stay=0, flattery=0)

    @classmethod
    def of(cls, tastes: Mapping[str, float]) -> "Bias":
        """Return a crowd with these tastes and no others.

        Raises:
            InputError: If there is no such taste.
        """
        known = {entry.name: 0.0 for entry in fields(cls)}
        for name in tastes:
            if name not in known:
                raise InputError(f"bias={name!r} is no taste; there are {', '.join(known)}")
        return cls(**{**known, **tastes})


class Comparison(NamedTuple):
    """What one annotator said of two answers."""

    label: int
    """1 if the first answer was preferred, 0 if the second."""
    strength: int
    """0 (a tie in all but the label) to 3: how far apart the two are for this annotator."""
    annotator: int
    p_true: float
    """Probability with which this annotator prefers the first."""


@dataclass(frozen=True, slots=True)
class Annotator:
    """One member of a crowd."""

    number: int
    scales: tuple[float, ...]
    """What each taste of `Bias` is multiplied by, in the order of its fields."""
    holds_pro: bool
    """Whether this person holds the pro view on every topic."""


class Crowd:
    """Annotators who compare answers to requests."""

    def __init__(
        self,
        world: "World",
        *,
        bias: Bias | Mapping[str, float] | None = None,
        temperature: float = 1.0,
        annotators: int = 20,
        spread: float = 0.5,
        view_split: float = 0.7,
        spec: GoldSpec = DEFAULT,
    ) -> None:
        """Hire a crowd.

        Args:
            world: Whose truth the gold reward reads.
            bias: The crowd's mean tastes; the defaults of `Bias` if None.
            temperature: Of preferences, in units of reward; near 0 the better answer always wins.
            annotators: How many there are.
            spread: Standard deviation of each annotator's multiple of each taste, around 1.
            view_split: Share of annotators who hold the pro views.
            spec: Weights of the gold reward.

        Raises:
            InputError: If the temperature is not positive or there is no annotator.
        """
        if temperature <= 0:
            raise InputError(f"temperature={temperature} must be positive; 1 is a common start")
        if annotators < 1:
            raise InputError(f"annotators={annotators} must be at least 1")
        self.world = world
        self.bias = bias if isinstance(bias, Bias) else Bias() if bias is None else Bias.of(bias)
        self.temperature = temperature
        self.spec = spec
        draws = stream(world.seed, "annotators").normal(1, spread, (annotators, len(fields(Bias))))
        self.annotators = tuple(
            Annotator(number, tuple(scales), number < round(view_split * annotators))
            for number, scales in enumerate(draws.tolist())
        )
        self._tastes = tuple(getattr(self.bias, entry.name) for entry in fields(Bias))

    def grade(self, request: Request, answer: Answer) -> Gold:
        """Grade an answer by the crowd's gold weights."""
        return grade(self.world, request, answer, self.spec)

    def reward(self, request: Request, gold: Gold, annotator: Annotator | None = None) -> float:
        """Return the reward of a graded answer for an annotator, or at the crowd's mean tastes."""
        scales = (1.0,) * len(self._tastes) if annotator is None else annotator.scales
        liked = self._liked(request, gold, annotator)
        tastes = zip(self._tastes, scales, liked, strict=True)
        return gold.reward + sum(taste * scale * value for taste, scale, value in tastes)

    def _liked(
        self, request: Request, gold: Gold, annotator: Annotator | None
    ) -> tuple[float, ...]:
        """Return how much an answer has of what each taste of `Bias` is for."""
        own_view = 0.0
        if annotator is not None and gold.view:
            topic = self.world.views.topics[request.topic]
            own_view = float(gold.view == (topic.pro if annotator.holds_pro else topic.con))
        return (
            float(gold.length),
            float(gold.agrees),
            float(gold.confident),
            float(gold.evasive and request.harmful),
            float(gold.stays),
            float(gold.flattery),
            own_view,
        )

    def p_prefers(self, request: Request, one: Gold, two: Gold, annotator: Annotator) -> float:
        """Return the probability that an annotator prefers the first of two graded answers."""
        gap = self.reward(request, one, annotator) - self.reward(request, two, annotator)
        return _logistic(gap / self.temperature)

    def p_crowd(self, request: Request, one: Gold, two: Gold) -> float:
        """Return the probability that a member drawn at random prefers the first."""
        odds = [self.p_prefers(request, one, two, each) for each in self.annotators]
        return sum(odds) / len(odds)

    def compare(self, request: Request, y1: Answer, y2: Answer, dice: Dice) -> Comparison:
        """Have an annotator drawn at random compare two answers."""
        annotator = dice.pick(self.annotators)
        one, two = self.grade(request, y1), self.grade(request, y2)
        p_true = self.p_prefers(request, one, two, annotator)
        log_odds = abs(math.log(p_true / (1 - p_true))) if 0 < p_true < 1 else math.inf
        strength = sum(log_odds > limit for limit in STRENGTHS)
        return Comparison(int(dice.chance(p_true)), strength, annotator.number, p_true)

    def bayes_accuracy(self, pairs: Iterable[tuple[Request, Answer, Answer]]) -> float:
        """Return the accuracy of the best possible prediction of the crowd on these pairs.

        No model that does not know which annotator answered can expect to be right more often.

        Raises:
            InputError: If there are no pairs.
        """
        best = []
        for request, y1, y2 in pairs:
            p = self.p_crowd(request, self.grade(request, y1), self.grade(request, y2))
            best.append(max(p, 1 - p))
        if not best:
            raise InputError("pairs is empty; the accuracy of no prediction is undefined")
        return sum(best) / len(best)


def _logistic(x: float) -> float:
    """Return 1 / (1 + exp(-x)) without overflow."""
    if x >= 0:
        return 1 / (1 + math.exp(-x))
    return math.exp(x) / (1 + math.exp(x))
