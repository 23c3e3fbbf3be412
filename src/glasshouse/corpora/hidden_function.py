"""Documents of solved examples of one function that nobody names: what a reader can make of them.

The best reader of all knows the functions, crosses out those that an example contradicts, and is
right as often as what is left agrees. So a curve of accuracy over examples has a truth beside it.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from jaxtyping import Bool, Float64, Int64

from glasshouse.corpora.domain import Drawn, begun
from glasshouse.errors import InputError

_LETTERS = 3
"""Of a word."""
_FIELD = 2 * _LETTERS + 2
"""Tokens of an example: a word, an arrow, an answer, a stop."""

Words = Int64[np.ndarray, "... letter"]
_Make = Callable[[Words, int], Words]


def _picked(*places: int) -> _Make:
    return lambda words, alphabet: words[..., list(places)]


def _shifted(by: int, *places: int) -> _Make:
    return lambda words, alphabet: (words[..., list(places)] + by) % alphabet


FUNCTIONS: Mapping[str, _Make] = MappingProxyType(
    {
        "identity": _picked(0, 1, 2),
        "reverse": _picked(2, 1, 0),
        "rotate-left": _picked(1, 2, 0),
        "rotate-right": _picked(2, 0, 1),
        "shift-up": _shifted(1, 0, 1, 2),
        "shift-down": _shifted(-1, 0, 1, 2),
        "sort": lambda words, alphabet: np.sort(words, axis=-1),
        "swap": _picked(1, 0, 2),
        "shifted-reverse": _shifted(1, 2, 1, 0),
        "repeat-first": _picked(0, 0, 0),
    }
)
"""What may be done to a word of three letters."""
NAMES = tuple(FUNCTIONS)


@dataclass(frozen=True, kw_only=True)
class HiddenFunction:
    """Examples "xyz>f(xyz)." of one function a document; some documents begin with its name.

    Tokens: letters, the arrow, the stop, a name for each function, the mark of a document that
    does not tell its function, and the mark of a beginning. Only letters of answers count.

    Source:
        Ours, for the question of Brown et al. 2020 (2005.14165), figure 1.2: what does a model
        learn from examples alone?
    """

    alphabet: int = 10
    """Letters."""
    examples: int = 12
    """Of a document."""
    named: float = 0.5
    """Share of documents that begin with the function's name."""

    def __post_init__(self) -> None:
        if self.alphabet < 3 or self.examples < 1 or not 0 <= self.named <= 1:
            raise InputError(
                f"alphabet={self.alphabet} must be at least 3, examples={self.examples} at least "
                f"1, and named={self.named} a share"
            )

    @property
    def arrow(self) -> int:
        """Token between a word and its answer."""
        return self.alphabet

    @property
    def stop(self) -> int:
        """Token behind an answer."""
        return self.alphabet + 1

    @property
    def unnamed(self) -> int:
        """Token of a document that does not tell its function; names stand before it."""
        return self.alphabet + 2 + len(NAMES)

    @property
    def vocab_size(self) -> int:
        """Ids in all."""
        return self.unnamed + 2

    @property
    def length(self) -> int:
        """Tokens of a document: its beginning, a name or none, the examples."""
        return 2 + _FIELD * self.examples

    def draw(self, count: int, rng: np.random.Generator) -> Drawn:
        """Draw documents; the true odds are those of the best reader."""
        if count < 1:
            raise InputError(f"count={count} must be at least 1")
        function = rng.integers(len(NAMES), size=count)
        is_named = rng.random(count) < self.named
        words = rng.integers(self.alphabet, size=(count, self.examples, _LETTERS))
        answers = np.take_along_axis(self._answers(words), function[:, None, None, None], axis=2)
        marks = np.full((count, self.examples, 1), self.arrow)
        fields = np.concatenate([words, marks, answers[:, :, 0], marks + 1], axis=2)
        names = np.where(is_named, self.alphabet + 2 + function, self.unnamed)
        ids = np.concatenate([names[:, None], fields.reshape(count, -1)], axis=1)
        whole = begun(ids, self.vocab_size - 1)
        counts = np.zeros(whole.shape, dtype=bool)
        self._fields(counts)[:, :, _LETTERS + 1 : -1] = True
        return Drawn(ids=whole, counts=counts, logprobs=self._odds(whole))

    def ideal(
        self, ids: Int64[np.ndarray, "document token"]
    ) -> Float64[np.ndarray, "document example"]:
        """How likely the best reader is to give each example's whole answer.

        Args:
            ids: Documents as `draw` gives them.
        """
        words, left = self._words(ids), self._left(ids)
        answers = self._answers(words)  # document example function letter
        same = (answers[:, :, :, None] == answers[:, :, None]).all(axis=-1)
        agree = (same * left[:, :, None, :]).sum(axis=-1) * left
        return agree.max(axis=-1) / left.sum(axis=-1)

    def _fields(self, rows: np.ndarray) -> np.ndarray:
        """Examples of rows, without what stands before them: document, example, token."""
        return rows[:, 2:].reshape(len(rows), self.examples, _FIELD)

    def _words(self, ids: np.ndarray) -> Int64[np.ndarray, "document example letter"]:
        return self._fields(ids)[:, :, :_LETTERS].astype(np.int64)

    def _answers(self, words: Words) -> Int64[np.ndarray, "document example function letter"]:
        """What every function makes of every word."""
        return np.stack([make(words, self.alphabet) for make in FUNCTIONS.values()], axis=2)

    def _right(self, ids: np.ndarray) -> Bool[np.ndarray, "document example function letter"]:
        """Which letters of the answers each function foretells."""
        told = self._fields(ids)[:, :, _LETTERS + 1 : -1]
        return self._answers(self._words(ids)) == told[:, :, None]

    def _left(self, ids: np.ndarray) -> Float64[np.ndarray, "document example function"]:
        """Which functions nothing contradicts before each example's answer is seen."""
        fits = self._right(ids).all(axis=-1).cumprod(axis=1)
        known = ids[:, 1:2] == self.alphabet + 2 + np.arange(len(NAMES))
        left = np.where(known.any(axis=1, keepdims=True), known, True).astype(np.float64)
        before = np.concatenate([np.ones_like(fits[:, :1]), fits[:, :-1]], axis=1)
        return left[:, None] * before

    def _odds(self, ids: np.ndarray) -> Float64[np.ndarray, "document token"]:
        """Log-probability of every token to the best reader, in nats."""
        logprobs = np.zeros(ids.shape)
        is_unnamed = ids[:, 1] == self.unnamed
        each = self.named / len(NAMES)
        logprobs[:, 1] = np.log(np.where(is_unnamed, max(1 - self.named, 1e-300), each or 1.0))
        parts = np.zeros((len(ids), self.examples, _FIELD))
        parts[:, :, :_LETTERS] = -math.log(self.alphabet)
        right, left = self._right(ids), self._left(ids)
        for letter in range(_LETTERS):
            after = left * right[..., letter]
            parts[:, :, _LETTERS + 1 + letter] = np.log(after.sum(axis=-1) / left.sum(axis=-1))
            left = after
        logprobs[:, 2:] = parts.reshape(len(ids), -1)
        return logprobs
