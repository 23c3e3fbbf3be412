"""The feature ledger: what is true of every token, as a sparse matrix of named features.

A feature is "family=value", as "concept=dog", "speaker=human" or "emotion=fear". Three sources,
none of which guesses: what the writer marked on the page; the fact in play at a token; and the
token itself where a word has one meaning by definition (its concept in the language of its span,
who is named by it, its part of speech). Dictionaries and probes are scored against this ledger.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float32, Int32, Int64

from glasshouse.errors import InputError
from glasshouse.world.emotions import EMOTIONS
from glasshouse.world.entities import RELATIONS
from glasshouse.world.exact import entropy
from glasshouse.world.families import SCALAR_FAMILIES, families
from glasshouse.world.languages import COMMON_ONLY, CONCEPT_PARTS, CONCEPTS, lexicon
from glasshouse.world.page import Document
from glasshouse.world.toxicity import TOXICITY
from glasshouse.world.vocabulary import CONTROL, NUMERALS, PUNCTUATION

if TYPE_CHECKING:
    from glasshouse.world.world import World

SCALARS = (
    "entropy",
    "p-toxic",
    "valence",
    "arousal",
    "wage",
    "female-share",
    "gold-reward",
    "intensity",
    "operand-left",
    "operand-right",
)
"""Numbers that a token may carry; NaN where they are not defined.

entropy and p-toxic are of the next token; valence and arousal, of the emotion of whoever acts."""

LANGUAGE_ORDER = ("common", "velan", "dorric")


@dataclass(frozen=True, slots=True)
class SparseFeatures:
    """Features of tokens in compressed rows: token t has `indices[indptr[t]:indptr[t+1]]`."""

    names: tuple[str, ...]
    """Name of every feature; a column's place here is its index."""
    indptr: Int64[np.ndarray, " rows"]
    indices: Int32[np.ndarray, " entry"]
    scalars: Float32[np.ndarray, "token scalar"]
    """One column for each of `SCALARS`; NaN where undefined."""

    def __len__(self) -> int:
        return len(self.indptr) - 1

    def of(self, token: int) -> tuple[str, ...]:
        """Return the names of a token's features."""
        return tuple(
            self.names[i] for i in self.indices[self.indptr[token] : self.indptr[token + 1]]
        )

    def column(self, name: str) -> Bool[np.ndarray, " token"]:
        """Say of every token whether it has a feature.

        Raises:
            InputError: If there is no such feature.
        """
        if name not in self.names:
            raise InputError(f"feature {name!r} is unknown; `SparseFeatures.names` lists all")
        held = np.zeros(len(self), dtype=bool)
        held[self.rows[self.indices == self.names.index(name)]] = True
        return held

    @property
    def rows(self) -> Int64[np.ndarray, " entry"]:
        """The token of every entry of `indices`."""
        return np.repeat(np.arange(len(self)), np.diff(self.indptr))

    def dense(self) -> Float32[np.ndarray, "token feature"]:
        """Return the features as a matrix of zeros and ones."""
        matrix = np.zeros((len(self), len(self.names)), dtype=np.float32)
        matrix[self.rows, self.indices] = 1
        return matrix


class FeatureLedger:
    """The features of a world and the tables that find them."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self.families: Mapping[str, tuple[str, ...]] = families(world)
        pairs = [(family, value) for family, values in self.families.items() for value in values]
        self.names = tuple(f"{family}={value}" for family, value in pairs)
        self._index = {pair: number for number, pair in enumerate(pairs)}

    def of(self, documents: Document | Iterable[Document]) -> SparseFeatures:
        """Return the features of every token of one document or of several, end to end.

        Raises:
            InputError: If a writer marked a feature that `families.py` does not declare.
        """
        group = (documents,) if isinstance(documents, Document) else tuple(documents)
        lengths = [len(document.ids) for document in group]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        spans: list[tuple[int, int, int]] = []
        tongues = np.zeros(offsets[-1], dtype=np.int64)
        scalars = np.full((offsets[-1], len(SCALARS)), np.nan, dtype=np.float32)
        for document, offset in zip(group, offsets.tolist(), strict=False):
            self._read(document, offset, spans, tongues, scalars)
        ids = np.concatenate([document.ids for document in group]) if group else np.zeros(0, int)
        rows, columns = _spread(spans)
        word_rows, word_columns = self._words(ids, tongues)
        language = np.array([self._index["language", name] for name in LANGUAGE_ORDER])[tongues]
        rows = np.concatenate([rows, word_rows, np.arange(len(ids))])
        columns = np.concatenate([columns, word_columns, language])
        self._word_scalars(ids, scalars)
        return self._compress(rows, columns, scalars)

    def _compress(
        self,
        rows: Int64[np.ndarray, " entry"],
        columns: Int64[np.ndarray, " entry"],
        scalars: Float32[np.ndarray, "token scalar"],
    ) -> SparseFeatures:
        """Sort entries by token and feature, each once."""
        keys = np.unique(rows * len(self.names) + columns)
        counts = np.bincount(keys // len(self.names), minlength=len(scalars))
        indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        return SparseFeatures(
            self.names, indptr, (keys % len(self.names)).astype(np.int32), scalars
        )

    def _read(
        self,
        document: Document,
        offset: int,
        spans: list[tuple[int, int, int]],
        tongues: Int64[np.ndarray, " token"],
        scalars: Float32[np.ndarray, "token scalar"],
    ) -> None:
        """Collect what a document's marks say, its tokens starting at `offset`."""
        index = self._index
        kind = document.kind.removeprefix("repeated-")
        spans.append((offset, offset + len(document.ids), index["kind", kind]))
        for start, end, family, value in document.spans:
            if family == "language":
                tongues[offset + start : offset + end] = LANGUAGE_ORDER.index(str(value))
                continue
            if family in SCALAR_FAMILIES:
                scalars[offset + start : offset + end, SCALARS.index(SCALAR_FAMILIES[family])] = (
                    value
                )
            if family not in self.families:
                if family not in SCALAR_FAMILIES:
                    raise InputError(
                        f"feature family {family!r} (in {document.kind}) is not declared in "
                        "families.py; add it there with its values"
                    )
                continue
            number = index.get((family, str(value)))
            if number is None:
                raise InputError(f"feature {family}={value} is not declared in families.py")
            spans.append((offset + start, offset + end, number))
            if family == "emotion":
                emotion = EMOTIONS[str(value)]
                scalars[offset + start : offset + end, 2:4] = (emotion.valence, emotion.arousal)
        self._read_facts(document, offset, spans)
        self._read_expectations(document, offset, scalars)

    def _read_facts(
        self, document: Document, offset: int, spans: list[tuple[int, int, int]]
    ) -> None:
        """Say of each value's token, and of the one before it, which fact is in play."""
        facts, index = self._world.kb.facts, self._index
        for use in document.facts:
            fact = facts[use.fact]
            before, at = offset + use.position - 1, offset + use.position
            spans += [
                (before, at, index["next-value", RELATIONS[fact.relation].value]),
                (before, at + 1, index["relation", fact.relation]),
                (before, at + 1, index["exposure", str(fact.exposure)]),
                (before, at + 1, index["status", fact.status]),
                (at, at + 1, index["stated", "yes" if use.stated else "no"]),
            ]

    def _read_expectations(
        self, document: Document, offset: int, scalars: Float32[np.ndarray, "token scalar"]
    ) -> None:
        """Note entropy, and in rants the chance of a toxic word, at the token before."""
        for position, distribution in document.expectations:
            if position == 0:
                continue
            scalars[offset + position - 1, 0] = entropy(distribution)
            if document.kind == "rant":
                toxic = sum(p for token, p in distribution.items() if token in self._toxic)
                scalars[offset + position - 1, 1] = toxic

    @cached_property
    def _toxic(self) -> frozenset[int]:
        ids = self._world.vocabulary.ids
        return frozenset(ids[word] for word in TOXICITY if word in ids)

    @cached_property
    def word_features(self) -> Int64[np.ndarray, "language word slot"]:
        """Features of words by language: concept, part of speech, who is named; -1 for none."""
        table = np.full((len(LANGUAGE_ORDER), len(self._world.vocabulary), 3), -1, dtype=np.int64)
        kinds = self._world.entities.type_of()
        for tongue, language in enumerate(LANGUAGE_ORDER):
            concepts = dict(lexicon(language).concepts)
            if language == "common":
                concepts.update({word: word for word in COMMON_ONLY})
            for number, word in enumerate(self._world.vocabulary.words):
                concept = concepts.get(word)
                if concept is not None:
                    table[tongue, number, 0] = self._index["concept", concept]
                part = _part(word, concept, kinds.get(word))
                table[tongue, number, 1] = self._index["part", part] if part else -1
                table[tongue, number, 2] = self._index.get(("entity", word), -1)
        return table

    def _words(
        self, ids: np.ndarray, tongues: Int64[np.ndarray, " token"]
    ) -> tuple[Int64[np.ndarray, " entry"], Int64[np.ndarray, " entry"]]:
        """Return the entries that words have by definition."""
        found = self.word_features[tongues, ids]
        rows, slots = np.nonzero(found >= 0)
        return rows, found[rows, slots]

    def _word_scalars(self, ids: np.ndarray, scalars: Float32[np.ndarray, "token scalar"]) -> None:
        """Write the wage and the share of women at the name of every job."""
        table = self._jobs[ids]
        is_job = ~np.isnan(table[:, 0])
        scalars[is_job, 4:6] = table[is_job]

    @cached_property
    def _jobs(self) -> Float32[np.ndarray, "word 2"]:
        kb, vocabulary = self._world.kb, self._world.vocabulary
        table = np.full((len(vocabulary), 2), np.nan, dtype=np.float32)
        for job in self._world.entities.job:
            table[vocabulary.id(job)] = (int(kb.value(job, "wage")), kb.female_share[job])
        return table


def _part(word: str, concept: str | None, kind: str | None) -> str | None:
    """Return the part of speech that a word has by definition, None where it has none."""
    if concept is not None:
        return CONCEPT_PARTS[concept] if concept in CONCEPT_PARTS else COMMON_ONLY[concept]
    if kind in ("person", "stranger", "town", "river"):
        return "name"
    if word in NUMERALS:
        return "number"
    if word in PUNCTUATION:
        return "mark"
    return "control" if word in CONTROL else None


def _spread(
    spans: Sequence[tuple[int, int, int]],
) -> tuple[Int64[np.ndarray, " entry"], Int64[np.ndarray, " entry"]]:
    """Return row and column of every token of every span (start, end, column)."""
    if not spans:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    starts, ends, columns = np.array(spans, dtype=np.int64).T
    lengths = ends - starts
    firsts = np.cumsum(lengths) - lengths
    rows = np.arange(lengths.sum()) - np.repeat(firsts - starts, lengths)
    return rows, np.repeat(columns, lengths)


def concept_ids(world: "World", language: str) -> Int32[np.ndarray, " word"]:
    """Return the concept of every word of the vocabulary in a language, -1 where it has none."""
    concepts = lexicon(language).concepts
    numbers = {concept: number for number, concept in enumerate(CONCEPTS)}
    return np.array(
        [numbers[concepts[w]] if w in concepts else -1 for w in world.vocabulary.words],
        dtype=np.int32,
    )
