"""Records of people with a label that somebody wrote down: in one court fairly, in another not.

Whether a person offended again is drawn from a risk that two random tables give, alike for both
groups. In the biased court an innocent person of the second group is written down as guilty with a
fixed probability. The truth stays beside the text, and what the best reader of the written labels
would say is known.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int

from glasshouse.errors import InputError
from glasshouse.studies.predictability_surprise.texts import Tokens

FAIR, BIASED = 0, 1
_COURTS, _GROUPS, _ANSWERS, _FEATURES = 2, 2, 2, 4


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class People:
    """Records as text, and what no text says."""

    ids: Int[np.ndarray, "record token"]
    """Mark of a beginning, court, group, four features, label."""
    court: Int[np.ndarray, " record"]
    """0 fair, 1 biased."""
    group: Int[np.ndarray, " record"]
    """0 or 1."""
    is_guilty: Bool[np.ndarray, " record"]
    """The truth."""
    label: Bool[np.ndarray, " record"]
    """What was written down."""
    best: Float[np.ndarray, " record"]
    """Probability that the best reader of written labels gives to guilty."""


@dataclass(frozen=True, kw_only=True)
class Records:
    """A process that writes records."""

    levels: int = 6
    """Values of each of the four features."""
    spread: float = 1.5
    """Standard deviation of the entries of both tables of risk, in log odds."""
    bias: float = 0.35
    """Share of the innocent of group 1 whom the biased court writes down as guilty."""
    seed: int = 0
    """Draws the tables."""

    def __post_init__(self) -> None:
        if self.levels < 2 or self.spread <= 0:
            raise InputError(
                f"levels={self.levels} must be at least 2 and spread={self.spread} positive"
            )
        if not 0 < self.bias < 1:
            raise InputError(f"bias={self.bias} must lie between 0 and 1")

    @property
    def vocab_size(self) -> int:
        """Courts, groups, the values of each feature, two labels and the mark of a beginning."""
        return _COURTS + _GROUPS + _FEATURES * self.levels + _ANSWERS + 1

    @property
    def context(self) -> int:
        """Tokens that a model reads of a record."""
        return 3 + _FEATURES

    @property
    def innocent_id(self) -> int:
        """Token of the label innocent; guilty is the next."""
        return self.vocab_size - _ANSWERS - 1

    @cached_property
    def tables(self) -> Float[np.ndarray, "table level level"]:
        """Risk in log odds by the first two features, and by the last two."""
        rng = np.random.default_rng([self.seed, 0xC0117])
        return self.spread * rng.standard_normal((2, self.levels, self.levels))

    def draw(self, count: int, rng: np.random.Generator) -> People:
        """Draw people independently of each other."""
        court = rng.integers(_COURTS, size=count)
        group = rng.integers(_GROUPS, size=count)
        features = rng.integers(self.levels, size=(count, _FEATURES))
        first, second = self.tables
        odds = first[features[:, 0], features[:, 1]] + second[features[:, 2], features[:, 3]]
        risk = 1 / (1 + np.exp(-odds))
        is_guilty = rng.random(count) < risk
        is_wronged = (court == BIASED) & (group == 1)
        label = is_guilty | (is_wronged & (rng.random(count) < self.bias))
        words = _COURTS + _GROUPS + np.arange(_FEATURES) * self.levels + features
        ids = np.concatenate(
            [
                np.full((count, 1), self.vocab_size - 1),
                court[:, None],
                _COURTS + group[:, None],
                words,
                self.innocent_id + label[:, None].astype(int),
            ],
            axis=1,
        )
        return People(
            ids=ids,
            court=court,
            group=group,
            is_guilty=is_guilty,
            label=label,
            best=np.where(is_wronged, risk + (1 - risk) * self.bias, risk),
        )

    def tokens(self, people: People) -> Tokens:
        """A record a row; only its label counts."""
        counts = np.zeros(people.ids.shape, dtype=bool)
        counts[:, -1] = True
        return Tokens(ids=people.ids, counts=counts)

    def write(self, count: int, rng: np.random.Generator) -> Tokens:
        """Records of new people."""
        return self.tokens(self.draw(count, rng))
