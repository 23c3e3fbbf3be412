"""Has a model trained on what it is asked? Runs of words that questions share with a training text.

A question is dirty if any run of n words of it, small letters without punctuation, stands in the
text; it is clean otherwise. A question of fewer words is dirty if all of it stands there in a row.
Scores are then told of all, of the clean and of the dirty ones.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float64, Int64, UInt64
from scipy.stats import binomtest

from glasshouse.errors import InputError
from glasshouse.evaluate.few_shot.outcomes import Outcome
from glasshouse.evaluate.few_shot.tasks import Sample
from glasshouse.training import TokenShards

DEFAULT_N = 13
"""Words of a run, as in the paper's own files."""
FEWEST, MOST = 8, 13
"""Bounds of a run that is fitted to the questions' lengths."""

_WORD = re.compile(r"\w+(?:['’]\w+)*")
_FACTOR = 0x9E3779B97F4A7C15  # odd, so that multiplication by it loses nothing

Run = tuple[int, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Overlap:
    """Which questions share a run with a training text."""

    n: int
    """Words (or tokens) of a run."""
    dirty: Bool[np.ndarray, " sample"]
    """Whether each question does."""
    short: Bool[np.ndarray, " sample"]
    """Whether each has fewer words than a run, and so was looked for as a whole."""
    examples: tuple[str, ...]
    """Some runs that were found."""
    unit: str = "words"
    """What runs are made of: words, or tokens of shards."""

    @property
    def num_dirty(self) -> int:
        """Questions that share a run."""
        return int(self.dirty.sum())

    @property
    def sentence(self) -> str:
        """What there is to know, in a sentence."""
        count, total = self.num_dirty, len(self.dirty)
        runs = f"a run of {self.n} {self.unit}"
        if not count:
            return f"none of {total} questions shares {runs} with the training text"
        share = f"{count} of {total} questions ({count / total:.0%})"
        verb = "shares" if count == 1 else "share"
        return f"{share} {verb} {runs} with the training text, as {self.examples[0]!r}"


def words_of(text: str) -> list[str]:
    """The words of a text, in small letters and without punctuation."""
    return _WORD.findall(text.lower())


def fitted_n(lengths: Sequence[int]) -> int:
    """The run that suits questions of these lengths: their 5th percentile, from 8 to 13 words.

    Source:
        Brown et al. 2020 (2005.14165), appendix C.
    """
    return int(np.clip(np.percentile(lengths, 5), FEWEST, MOST))


def overlap_with_text(
    samples: Sequence[Sample], texts: Iterable[str], *, n: int | None = DEFAULT_N
) -> Overlap:
    """Look for questions, their answers included, in a training text.

    Args:
        samples: What is asked.
        texts: What was trained on; runs do not reach from one into the next.
        n: Words of a run; None fits it to the questions.

    Raises:
        InputError: If there are no questions, or n is not positive.
    """
    questions = [words_of(_whole(sample)) for sample in samples]
    ids: dict[str, int] = {}
    numbered = [[ids.setdefault(word, len(ids)) for word in words] for words in questions]
    names = list(ids)
    search = _Search(numbered, _checked(n, numbered))
    for text in texts:
        # A word that no question has ends every run.
        search.look(np.array([ids.get(word, -1) for word in words_of(text)], dtype=np.int64))
    return search.found(lambda run: " ".join(names[word] for word in run), "words")


def overlap_with_shards(
    encoded: Sequence[Sequence[int]], shards: TokenShards, *, n: int | None = DEFAULT_N
) -> Overlap:
    """Look for questions in token shards, token by token.

    Args:
        encoded: Each question with its answer, in the shards' own tokens.
        shards: What was trained on; runs do not reach from one document into the next.
        n: Tokens of a run; None fits it to the questions.

    Raises:
        InputError: If there are no questions, or n is not positive.
    """
    numbered = [[int(token) for token in tokens] for tokens in encoded]
    search = _Search(numbered, _checked(n, numbered))
    for shard in shards.shards:
        bounds = shard.offsets.astype(np.int64)
        for first, end in pairwise(bounds.tolist()):
            search.look(shard.tokens[first:end].astype(np.int64))
    return search.found(lambda run: " ".join(map(str, run)), "tokens")


def _whole(sample: Sample) -> str:
    """A question with its right answer: what a contaminated text would say."""
    return f"{sample.input} {sample.target}"


def _checked(n: int | None, questions: Sequence[Sequence[int]]) -> int:
    if not questions:
        raise InputError("there are no questions to look for")
    if n is None:
        return fitted_n([len(words) for words in questions])
    if n < 1:
        raise InputError(f"n={n} must be at least 1 word")
    return n


class _Search:
    """Runs of all questions, by their length and hash, and which of them a text has."""

    def __init__(self, questions: Sequence[Sequence[int]], n: int) -> None:
        self.n = n
        self.lengths = [len(words) for words in questions]
        self._of: dict[Run, list[int]] = {}
        for number, words in enumerate(questions):
            for run in _runs(words, n):
                self._of.setdefault(run, []).append(number)
        self._wanted: dict[int, UInt64[np.ndarray, " run"]] = {}
        for length in {len(run) for run in self._of}:
            rows = np.array([run for run in self._of if len(run) == length], dtype=np.int64)
            self._wanted[length] = np.unique(_hashes(rows.ravel(), length)[::length])
        self._seen: set[Run] = set()

    def look(self, text: Int64[np.ndarray, " word"]) -> None:
        """Note the runs that stand in a text."""
        for length, wanted in self._wanted.items():
            if len(text) < length:
                continue
            hits = np.flatnonzero(np.isin(_hashes(text, length), wanted))
            for place in hits.tolist():  # equal hashes may be chance: compare the words
                run = tuple(text[place : place + length].tolist())
                if run in self._of:
                    self._seen.add(run)

    def found(self, write: Callable[[Run], str], unit: str) -> Overlap:
        """What was noted."""
        dirty = np.zeros(len(self.lengths), dtype=bool)
        for run in self._seen:
            dirty[self._of[run]] = True
        return Overlap(
            n=self.n,
            dirty=dirty,
            short=np.array([length < self.n for length in self.lengths], dtype=bool),
            examples=tuple(write(run) for run in sorted(self._seen)[:5]),
            unit=unit,
        )


def _runs(words: Sequence[int], n: int) -> Iterator[Run]:
    """All runs of n words, or of fewer words the whole."""
    if words and len(words) < n:
        yield tuple(words)
    for first in range(len(words) - n + 1):
        yield tuple(words[first : first + n])


def _hashes(text: Int64[np.ndarray, " word"], length: int) -> UInt64[np.ndarray, " run"]:
    """A hash of every run of a length, modulo 2^64."""
    words = (text + 2).astype(np.uint64)
    count = len(words) - length + 1
    hashes = np.zeros(count, dtype=np.uint64)
    for place in range(length):
        hashes = hashes * np.uint64(_FACTOR) + words[place : place + count]
    return hashes


@dataclass(frozen=True, kw_only=True, slots=True)
class Rate:
    """A share with its Wilson interval."""

    value: float
    """NaN of no questions."""
    low: float
    high: float
    count: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Compared:
    """Scores of all questions, of the clean and of the dirty ones."""

    metric: str
    """What was measured; 0 or 1 of each question."""
    everything: Rate
    """All questions."""
    clean: Rate
    """Those that share nothing with the training text."""
    dirty: Rate
    """Those that do."""

    @property
    def delta(self) -> float:
        """What contamination may have added: all less clean; NaN if nothing is clean."""
        return self.everything.value - self.clean.value


def compare(outcome: Outcome, overlap: Overlap, metric: str, pipeline: str = "none") -> Compared:
    """Score the clean and the dirty questions apart.

    Raises:
        InputError: If the metric was not measured, is not 0 or 1, or the overlap is of other
            questions.

    Source:
        Brown et al. 2020 (2005.14165), section 4, which tells clean and all; intervals are ours.
    """
    values = np.array(outcome.values(metric, pipeline), dtype=np.float64)
    if len(overlap.dirty) < len(values):
        raise InputError(
            f"the overlap is of {len(overlap.dirty)} questions, and {len(values)} were asked"
        )
    if not np.isin(values, (0.0, 1.0)).all():
        raise InputError(f"{metric} is no share of right answers; choose one that is 0 or 1")
    dirty = overlap.dirty[: len(values)]
    return Compared(
        metric=metric,
        everything=_rate(values),
        clean=_rate(values[~dirty]),
        dirty=_rate(values[dirty]),
    )


def _rate(values: Float64[np.ndarray, " sample"]) -> Rate:
    if not len(values):
        return Rate(value=float("nan"), low=float("nan"), high=float("nan"), count=0)
    found = binomtest(int(values.sum()), len(values)).proportion_ci(method="wilson")
    return Rate(
        value=float(values.mean()), low=float(found.low), high=float(found.high), count=len(values)
    )
