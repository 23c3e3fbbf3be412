"""What a corpus says how often: the exposures that a model trained on it has had, counted."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int

from glasshouse.errors import InputError
from glasshouse.files import write_atomically
from glasshouse.world.page import Document

LANGUAGES = ("common", "velan", "dorric")
FORMAT = 1


@dataclass(frozen=True)
class Ledger:
    """Counts of a corpus: tokens and documents of each kind, and statements of each fact."""

    kinds: tuple[str, ...]
    counts: Int[np.ndarray, "fact kind language"]
    """How often each fact's value is asserted; languages in the order of `LANGUAGES`."""
    tokens: tuple[int, ...]
    """Tokens of each kind."""
    documents: tuple[int, ...]
    """Documents of each kind."""

    def exposures(
        self, *, kinds: Sequence[str] | None = None, language: str | None = None
    ) -> Int[np.ndarray, " fact"]:
        """Return how often each fact was stated.

        Args:
            kinds: Count only these kinds of document; those that the corpus lacks count nothing.
            language: Count only statements in this language.
        """
        counts = self.counts
        if kinds is not None:
            counts = counts[:, [self.kinds.index(kind) for kind in kinds if kind in self.kinds]]
        if language is None:
            return counts.sum(axis=(1, 2))
        if language not in LANGUAGES:
            raise InputError(f"language={language!r} must be one of {', '.join(LANGUAGES)}")
        return counts[:, :, LANGUAGES.index(language)].sum(axis=1)

    def shares(self) -> dict[str, float]:
        """Return each kind's share of the tokens."""
        total = max(sum(self.tokens), 1)
        return {kind: count / total for kind, count in zip(self.kinds, self.tokens, strict=True)}

    def __add__(self, other: "Ledger") -> "Ledger":
        """Count two corpora together, as for a model trained on one after the other."""
        if self.counts.shape[0] != other.counts.shape[0]:
            raise InputError(
                "ledgers of different worlds cannot be added; use one world and preset"
            )
        kinds = tuple(dict.fromkeys(self.kinds + other.kinds))
        total = LedgerCount(kinds, self.counts.shape[0])
        for ledger in (self, other):
            for place, kind in enumerate(ledger.kinds):
                index = kinds.index(kind)
                total.counts[:, index] += ledger.counts[:, place]
                total.tokens[index] += ledger.tokens[place]
                total.documents[index] += ledger.documents[place]
        return total.finish()

    def save(self, path: Path) -> None:
        """Write the counts as JSON, only what is not zero."""
        write_atomically(path, json.dumps(self.to_json()))

    def to_json(self) -> dict[str, Any]:
        """Return the counts as values that JSON knows."""
        return {
            "format": FORMAT,
            "num_facts": int(self.counts.shape[0]),
            "kinds": list(self.kinds),
            "languages": list(LANGUAGES),
            "tokens": list(self.tokens),
            "documents": list(self.documents),
            "places": [
                list(map(int, place)) for place in zip(*np.nonzero(self.counts), strict=True)
            ],
            "counts": self.counts[np.nonzero(self.counts)].tolist(),
        }

    @classmethod
    def load(cls, path: Path) -> "Ledger":
        """Read what `save` wrote.

        Raises:
            InputError: If the file is missing or no ledger.
        """
        try:
            return cls.from_json(json.loads(path.read_text()))
        except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
            raise InputError(f"{path} is no ledger of a corpus: {error}") from error

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "Ledger":
        """Return the ledger of `to_json`'s values."""
        if data["format"] != FORMAT:
            raise InputError(f"format {data['format']} is not {FORMAT}, which this version reads")
        kinds = tuple(data["kinds"])
        counts = np.zeros((data["num_facts"], len(kinds), len(LANGUAGES)), dtype=np.int64)
        if data["places"]:
            counts[tuple(np.array(data["places"]).T)] = data["counts"]
        return cls(kinds, counts, tuple(data["tokens"]), tuple(data["documents"]))


class LedgerCount:
    """A ledger being counted while documents are written."""

    __slots__ = ("_stated", "counts", "documents", "kinds", "tokens")

    def __init__(self, kinds: tuple[str, ...], num_facts: int) -> None:
        self.kinds = kinds
        self.counts = np.zeros((num_facts, len(kinds), len(LANGUAGES)), dtype=np.int64)
        self.tokens = [0] * len(kinds)
        self.documents = [0] * len(kinds)
        self._stated: list[tuple[int, int, int]] = []

    def add(self, document: Document) -> None:
        """Count a document."""
        place = self.kinds.index(document.kind)
        self.tokens[place] += len(document.ids)
        self.documents[place] += 1
        self._stated.extend(
            (use.fact, place, LANGUAGES.index(use.language)) for use in document.facts if use.stated
        )
        if len(self._stated) > 100_000:
            self._settle()

    def _settle(self) -> None:
        if self._stated:
            np.add.at(self.counts, tuple(np.array(self._stated).T), 1)
            self._stated.clear()

    def finish(self) -> Ledger:
        """Return the counts."""
        self._settle()
        return Ledger(self.kinds, self.counts, tuple(self.tokens), tuple(self.documents))
