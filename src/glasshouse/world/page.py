"""Documents written together with their truth.

A writer of documents (see `kinds.py`) gets a blank `Page` and writes words on it; whatever it knows
about them it marks on the same page. Nothing is ever inferred from text afterwards.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import UInt16

from glasshouse.world.vocabulary import Vocabulary

Value = str | int | float


class Span(NamedTuple):
    """One true thing about the tokens `start` to `end` - 1."""

    start: int
    end: int
    feature: str
    """A name of the feature ledger, as "speaker", "concept", "relation", "emotion"."""
    value: Value
    """What the feature is here: a word for named features, a number for scalars."""


class FactUse(NamedTuple):
    """A fact of the knowledge base in play at one token."""

    position: int
    """Index of the token that carries the value."""
    fact: int
    """`Fact.id` in the knowledge base."""
    stated: bool
    """True where the text asserts the value (an exposure), false where it only asks or offers."""
    language: str = "common"
    """The language that it is said in."""


class Expectation(NamedTuple):
    """The exact distribution of the token at `position` given all before it, where it is known."""

    position: int
    probabilities: Mapping[int, float]
    """Token id to probability; what is missing has probability zero."""


class Turn(NamedTuple):
    """One side's words: tokens `start` to `end` - 1, without its mark and `<end>`."""

    speaker: str
    """"human", "assistant" or "system"."""
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Document:
    """Tokens and what is true of them."""

    kind: str
    """The name of its kind in `kinds.KINDS`."""
    number: int
    """Its number among the documents of this kind and split; (kind, split, number) names it."""
    split: str
    """"train", "validation" or "test"."""
    ids: UInt16[np.ndarray, " token"]
    spans: tuple[Span, ...]
    facts: tuple[FactUse, ...]
    expectations: tuple[Expectation, ...]
    turns: tuple[Turn, ...]
    truth: Mapping[str, Any]
    """What is true of the document as a whole: its request, persona, answer, category, ..."""


class Page:
    """A document being written."""

    __slots__ = ("_vocabulary", "expectations", "facts", "ids", "number", "spans", "truth", "turns")

    def __init__(self, vocabulary: Vocabulary, number: int = 0) -> None:
        self._vocabulary = vocabulary
        self.number = number
        self.ids: list[int] = []
        self.spans: list[Span] = []
        self.facts: list[FactUse] = []
        self.expectations: list[Expectation] = []
        self.turns: list[Turn] = []
        self.truth: dict[str, Any] = {}

    def __len__(self) -> int:
        return len(self.ids)

    def write(self, text: str) -> int:
        """Add space-separated words; return the position of the first of them."""
        start = len(self.ids)
        self.ids.extend(self._vocabulary.encode(text))
        return start

    def mark(self, start: int, feature: str, value: Value, end: int | None = None) -> None:
        """Say that a feature holds from `start` to `end` (here, if left out)."""
        self.spans.append(Span(start, len(self.ids) if end is None else end, feature, value))

    @contextmanager
    def marked(self, feature: str, value: Value) -> Iterator[None]:
        """Say that a feature holds for everything written in the block."""
        start = len(self.ids)
        yield
        self.spans.append(Span(start, len(self.ids), feature, value))

    def use_fact(
        self, fact: int, *, stated: bool, position: int | None = None, language: str = "common"
    ) -> None:
        """Say that the last word written (or the one at `position`) carries a fact's value."""
        place = len(self.ids) - 1 if position is None else position
        self.facts.append(FactUse(place, fact, stated, language))

    def expect(self, probabilities: Mapping[str, float]) -> None:
        """Say from which distribution over words the next word is drawn."""
        self.expect_at(len(self.ids), probabilities.items())

    def expect_at(self, position: int, probabilities: Iterable[tuple[str, float]]) -> None:
        """Say from which distribution over words the word at `position` is drawn."""
        ids = {self._vocabulary.ids[word]: p for word, p in probabilities if p > 0}
        self.expectations.append(Expectation(position, ids))

    @contextmanager
    def turn(self, speaker: str) -> Iterator[None]:
        """Write one turn: the speaker's mark, the words of the block, and `<end>`."""
        self.write({"human": "Human :", "assistant": "Assistant :", "system": "System :"}[speaker])
        start = len(self.ids)
        yield
        self.turns.append(Turn(speaker, start, len(self.ids)))
        self.spans.append(Span(start, len(self.ids), "speaker", speaker))
        self.write("<end>")

    def finish(self, *, kind: str, number: int, split: str) -> Document:
        """Return the finished document."""
        return Document(
            kind,
            number,
            split,
            np.array(self.ids, dtype=np.uint16),
            tuple(self.spans),
            tuple(self.facts),
            tuple(self.expectations),
            tuple(self.turns),
            self.truth,
        )
