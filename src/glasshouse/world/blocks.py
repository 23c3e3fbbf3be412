"""Random words whose only order is that a block of them repeats, with exact targets.

A text is a start token, a few stray words, then one block over and over until the text is full.
Words are uniform and drawn with replacement, so nothing but copying can predict any of them. The
block's length and where it begins are drawn anew for each text: at a fixed distance a head could
copy by position alone.

Words may have several written forms (`forms`). In a literal text a copy keeps the form of its
original; in a loose text every place draws its form anew, so what repeats is the word and not the
token.

Source:
    The synthetic data of papers on induction heads (Olsson et al. 2022, 2209.11895), made so that
    length and phase cannot be learned.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from glasshouse.errors import InputError


@dataclass(frozen=True, kw_only=True, slots=True)
class BlockTexts:
    """Texts with the truth about each of their places; places count from the start token."""

    ids: np.ndarray
    """Token ids, `text place`; place 0 is the start token."""
    phase: np.ndarray
    """Stray words before the block, by text."""
    period: np.ndarray
    """Words of the block, by text."""
    is_loose: np.ndarray
    """Whether each place draws its own form, by text."""

    @property
    def is_copy(self) -> np.ndarray:
        """Places that hold a word of a later pass, `text place`."""
        places = np.arange(self.ids.shape[1])
        return places > (self.phase + self.period)[:, None]


@dataclass(frozen=True, kw_only=True)
class BlockWorld:
    """The process that writes such texts; it holds no randomness of its own."""

    words: int = 64
    """Different words."""
    forms: int = 1
    """Ways to write each word; word w is written w, w + words, w + 2·words, ..."""
    loose_share: float = 0.0
    """Share of the texts in which every place draws its own form."""
    shortest: int = 8
    """Fewest words of a block."""
    longest: int = 24
    """Most words of a block."""
    max_phase: int = 7
    """Most stray words before the block."""

    def __post_init__(self) -> None:
        if not 1 <= self.shortest <= self.longest:
            raise InputError(
                f"shortest={self.shortest} must lie in [1, longest={self.longest}]; "
                "a block has at least one word"
            )
        for name, least in (("words", 2), ("forms", 1), ("max_phase", 0)):
            if getattr(self, name) < least:
                raise InputError(f"{name}={getattr(self, name)} must be at least {least}")
        if not 0 <= self.loose_share <= 1:
            raise InputError(f"loose_share={self.loose_share} must lie in [0, 1]")

    @property
    def start(self) -> int:
        """The token that every text begins with."""
        return self.words * self.forms

    @property
    def vocab_size(self) -> int:
        """Written forms of all words, and the start token."""
        return self.words * self.forms + 1

    def sample(self, count: int, length: int, rng: np.random.Generator) -> BlockTexts:
        """Draw texts of `length` words each, after the start token."""
        phase = rng.integers(0, self.max_phase + 1, size=count)
        period = rng.integers(self.shortest, self.longest + 1, size=count)
        is_loose = rng.random(count) < self.loose_share
        words = rng.integers(0, self.words, size=(count, length))
        forms = rng.integers(0, self.forms, size=(count, length))
        places = np.arange(length)
        original = first_pass(places, phase[:, None], period[:, None])
        rows = np.arange(count)[:, None]
        form = np.where(is_loose[:, None], forms, forms[rows, original])
        ids = words[rows, original] + self.words * form
        starts = np.full((count, 1), self.start)
        return BlockTexts(
            ids=np.concatenate([starts, ids], axis=1),
            phase=phase,
            period=period,
            is_loose=is_loose,
        )

    def word_of(self, ids: np.ndarray) -> np.ndarray:
        """The word behind each written form; the start token is a word of its own."""
        return np.where(ids == self.start, self.words, ids % self.words)

    def exact_losses(self, ids: np.ndarray) -> np.ndarray:
        """Loss of the best possible reader on each place but the first, in nats.

        The reader knows the process, but not phase, period and kind of the text, and weighs all
        their combinations by Bayes' rule. The expectation of these losses is the entropy of the
        process: no model does better on average.

        Args:
            ids: Texts, `text place`, start token first.

        Returns:
            `text place`, one place fewer than `ids`.
        """
        tokens = ids[:, 1:]
        so_far = np.concatenate(
            [self._log_likelihoods(tokens, is_loose) for is_loose in self._kinds], axis=-1
        )
        evidence = _log_sum_exp(so_far)
        before = np.concatenate([np.zeros((len(ids), 1)), evidence[:, :-1]], axis=1)
        return before - evidence

    @cached_property
    def _kinds(self) -> dict[bool, float]:
        """Kinds of text that occur, loose or not, with their shares."""
        shares = {False: 1 - self.loose_share, True: self.loose_share}
        return {is_loose: share for is_loose, share in shares.items() if share}

    def _log_likelihoods(self, tokens: np.ndarray, is_loose: bool) -> np.ndarray:
        """log of prior times likelihood of every beginning, `text place hypothesis`."""
        phases, periods = np.arange(self.max_phase + 1), np.arange(self.shortest, self.longest + 1)
        count, length = tokens.shape
        what = tokens % self.words if is_loose else tokens
        places = np.arange(length)
        found = np.empty((count, length, len(phases), len(periods)))
        for column, period in enumerate(periods):
            repeats = np.zeros((count, length), dtype=bool)
            repeats[:, period:] = what[:, period:] == what[:, :-period]
            as_copy = np.log(np.where(repeats, 1.0, 1e-300)) - is_loose * np.log(self.forms)
            for row, phase in enumerate(phases):
                is_new = places < phase + period
                step = np.where(is_new, -np.log(self.words * self.forms), as_copy)
                found[:, :, row, column] = step.cumsum(axis=1)
        prior = np.log(self._kinds[is_loose] / (len(phases) * len(periods)))
        return (found + prior).reshape(count, length, -1)


def first_pass(places: np.ndarray, phase: np.ndarray, period: np.ndarray) -> np.ndarray:
    """The place of the first pass, or the stray word, that each place holds a copy of."""
    is_stray = places < phase
    return np.where(is_stray, places, phase + (places - phase) % period)


def follows_same(words: np.ndarray) -> np.ndarray:
    """Where a head that continues what it sees should look.

    Args:
        words: `text place`.

    Returns:
        `text place place`: whether the second place comes just after an earlier occurrence of the
        word that stands at the first.
    """
    length = words.shape[1]
    same = words[:, :, None] == words[:, None, :]
    same &= np.tri(length, k=-1, dtype=bool)
    after = np.zeros_like(same)
    after[:, :, 1:] = same[:, :, :-1]
    # The word just before a place is followed by the place itself: looking there copies nothing.
    return after & np.tri(length, k=-1, dtype=bool)


def _log_sum_exp(values: np.ndarray) -> np.ndarray:
    """log of the sum of exponentials along the last axis."""
    highest = values.max(axis=-1)
    return highest + np.log(np.exp(values - highest[..., None]).sum(axis=-1))
