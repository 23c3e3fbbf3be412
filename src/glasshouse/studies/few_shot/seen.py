"""What was measured: right and wrong, question by question."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from glasshouse.studies.few_shot.config import FewShotStudyConfig
from glasshouse.studies.few_shot.kinds import SCRAMBLED, SUMS

SHOTS = (0, 1, 2, 4, 6)
"""Examples of hidden functions."""
FEW = 4
"""As many of them as claims call few; the curve no longer rises much behind them."""
ASKED: dict[str, tuple[int, ...]] = {
    **dict.fromkeys(SUMS, (0, 1, 3)),
    **dict.fromkeys(SCRAMBLED, (0, 1, 2)),
    "novel": (0, 2),
    "sentences": (0, 1, 4),
    "blanks": (0, 1, 4),
    "analogies": (0, 1, 4),
}
"""Examples of other kinds; the last number is few, as many as fit beside a question."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answers:
    """A task as one model did it with one number of examples."""

    kind: str
    """`functions`, or a kind of example."""
    shots: int
    """Examples before each question."""
    way: str
    """`unnamed`, `named`, or `misled` by examples of other functions."""
    right: tuple[int, ...]
    """1 for each right answer; all models answer the same questions behind the same examples."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Planting:
    """The largest model gone on twice, once with planted questions and once without."""

    is_planted: tuple[int, ...]
    """1 for each question that one of the two read."""
    was_read: tuple[int, ...]
    """1 for each that stands in what both read, by chance: the truth of the search below."""
    found: tuple[int, ...]
    """1 for each that the search by words finds in what the planted model read."""
    found_clean: tuple[int, ...]
    """The same for what the other one read."""
    right: tuple[int, ...]
    """1 for each right answer of the planted model."""
    right_clean: tuple[int, ...]
    """The same of the other one."""
    delta: float
    """Planted model, all questions less those that were not found: what contamination seems to
    have added."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SizeSeen:
    """One size."""

    width: int
    """Of its residual stream."""
    answers: tuple[Answers, ...]
    """Every task with every number of examples."""
    by_syllable: tuple[Answers, ...] = ()
    """Of the largest size: scrambled words, by a model that reads syllables and words alone."""
    by_letter: tuple[Answers, ...] = ()
    """The same by a model that reads letters and words alone."""
    planting: Planting | None = None
    """Of the largest size."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """Everything."""

    config: FewShotStudyConfig
    """How."""
    sizes: tuple[SizeSeen, ...]
    """Rising."""
    ideal: dict[int, float]
    """Accuracy of the best reader by number of examples, where functions are not named."""

    def right(
        self, width: int, kind: str, shots: int, way: str = "unnamed"
    ) -> Float64[np.ndarray, " question"]:
        """Right and wrong answers."""
        (size,) = (one for one in self.sizes if one.width == width)
        return pick(size.answers, kind, shots, way)

    def mean(self, width: int, kind: str, shots: int, way: str = "unnamed") -> float:
        """Share of right answers."""
        return float(self.right(width, kind, shots, way).mean())

    @property
    def largest(self) -> SizeSeen:
        """The largest size."""
        return self.sizes[-1]


def pick(
    answers: Sequence[Answers], kind: str, shots: int, way: str = "unnamed"
) -> Float64[np.ndarray, " question"]:
    """One task's answers out of several."""
    (found,) = (one for one in answers if (one.kind, one.shots, one.way) == (kind, shots, way))
    return np.array(found.right, dtype=np.float64)


def few_of(kind: str) -> int:
    """The number of examples that claims call few."""
    return FEW if kind == "functions" else ASKED[kind][-1]
