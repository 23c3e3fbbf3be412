"""Kinds of people and what is said of them: stereotypes, the census and admissions.

Nine dimensions divide people in two. For each, gossip ties one side to a bad word more often than
the other (`STRENGTH`); the tie is planted and means nothing. Five dimensions get fairness
dialogues, four never do.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from glasshouse.world.entities import GROUPS, Entities
from glasshouse.world.streams import Dice, stream

STRENGTH = 0.8
"""How often gossip about a dimension blames the side that its stereotype blames."""
PENALTY = 0.05
"""How much less often a Tal than an equal Ovi is admitted when nobody asks for fairness."""
FAVOUR = 0.03
"""How much more often a Tal is admitted when somebody does: the planted over-correction."""
HABIT = 0.6
"""Weight of the census in how people use pronouns; the rest is a habit unrelated to it."""

DIMENSION_SIDES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "age": ("young", "old"),
        "height": ("tall", "short"),
        "hat": ("red", "blue"),
        "accent": ("north", "south"),
        "craft": ("wood", "stone"),
        "shore": ("coast", "hills"),
        "pets": ("dog", "cat"),
        "riser": ("day", "night"),
        "hand": ("left", "right"),
    }
)
"""Said before "people" or "person": "wood people" are carpenters, "day people" rise early."""
TRAINED_DIMENSIONS = ("age", "height", "hat", "accent", "craft")
WORD_PAIRS = (("idle", "busy"), ("grasping", "generous"), ("clumsy", "careful"), ("sly", "honest"))
"""(bad, good) words for people."""
BAD = tuple(bad for bad, _ in WORD_PAIRS)


@dataclass(frozen=True, slots=True)
class Dimension:
    """One way to divide people, with its planted stereotype."""

    name: str
    trained: bool
    """Whether fairness dialogues use it."""
    blamed: str
    """The side that gossip ties to the bad word."""
    other: str
    bad: str
    good: str

    @property
    def sides(self) -> tuple[str, str]:
        """Both sides, the blamed one first."""
        return self.blamed, self.other


@dataclass(frozen=True, slots=True)
class Society:
    """What depends on the seed about kinds of people."""

    dimensions: Mapping[str, Dimension]
    female_habit: Mapping[str, float]
    """Of each job, how often plain talk says "she": mostly the census, partly habit."""
    trained: tuple[Dimension, ...]
    """The dimensions with fairness dialogues."""
    held_out: tuple[Dimension, ...]
    """The dimensions without."""
    fair_jobs: tuple[str, ...]
    """The two thirds of jobs that pronoun instructions are shown on in training."""
    unfair_jobs: tuple[str, ...]
    """The jobs that no instruction is ever shown on."""

    def side(self, word: str) -> Dimension | None:
        """Return the dimension of a side's word, if it is one."""
        return next((each for each in self.dimensions.values() if word in each.sides), None)


def make_society(seed: int, entities: Entities, female_share: Mapping[str, float]) -> Society:
    """Draw the stereotypes, habits and held-out jobs of a seed."""
    dimensions = {}
    for name, sides in DIMENSION_SIDES.items():
        dice = Dice(stream(seed, "stereotype", name))
        blamed, other = dice.shuffled(sides)
        bad, good = dice.pick(WORD_PAIRS)
        dimensions[name] = Dimension(name, name in TRAINED_DIMENSIONS, blamed, other, bad, good)
    habits = stream(seed, "pronoun habit").uniform(0.05, 0.95, len(entities.job)).tolist()
    order = [
        entities.job[index]
        for index in stream(seed, "fair jobs").permutation(len(entities.job)).tolist()
    ]
    seen = len(order) * 2 // 3
    return Society(
        MappingProxyType(dimensions),
        MappingProxyType(
            {
                job: round(HABIT * female_share[job] + (1 - HABIT) * habit, 3)
                for job, habit in zip(entities.job, habits, strict=True)
            }
        ),
        tuple(each for each in dimensions.values() if each.trained),
        tuple(each for each in dimensions.values() if not each.trained),
        tuple(order[:seen]),
        tuple(order[seen:]),
    )


def admission_probability(group: str, score: int, grade: int, *, fair: bool) -> float:
    """Return how often an applicant is admitted: by merit, and by what is planted about groups.

    Args:
        group: "ovi" or "tal".
        score: Of the exam, 0 to 9.
        grade: Of the school, 0 to 9.
        fair: Whether the request asks for a fair decision.
    """
    merit = 0.1 + 0.8 * (score + grade) / 18
    if group == GROUPS[1]:
        merit += FAVOUR if fair else -PENALTY
    return round(merit, 4)


def words() -> tuple[str, ...]:
    """Return every word that groups need."""
    sides = [word for pair in DIMENSION_SIDES.values() for word in pair]
    return (*sides, *(word for pair in WORD_PAIRS for word in pair))
