"""Ratings of a few items by many users whose tastes are vectors: a recommender's data as text.

A rating is a mean of its item plus the product of two vectors of rank three plus noise, rounded to
one of five. The vectors are known here, and so is the best linear guess of a rating from others of
the same user. The word of a rating names its item as well, so that one layer can read a history.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int

from glasshouse.errors import InputError
from glasshouse.studies.predictability_surprise.texts import Tokens

STARS = 5


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Histories:
    """What users rated, in the order in which it is told."""

    items: Int[np.ndarray, "user place"]
    """Different items of each user."""
    ratings: Int[np.ndarray, "user place"]
    """From 1 to 5."""


@dataclass(frozen=True, kw_only=True)
class Ratings:
    """Items, and how users of random taste rate them."""

    items: int = 24
    """Items in all."""
    told: int = 16
    """Items that a user rates."""
    rank: int = 3
    """Dimensions of taste."""
    item_spread: float = 0.5
    """Standard deviation of items' means, in stars."""
    taste_spread: float = 1.0
    """Standard deviation of what taste adds, in stars."""
    noise: float = 0.3
    """Standard deviation of what nothing explains, in stars, before rounding."""
    seed: int = 0
    """Draws items."""

    def __post_init__(self) -> None:
        if not 2 <= self.told <= self.items:
            raise InputError(f"told={self.told} must lie between 2 and items={self.items}")
        if self.rank < 1 or min(self.item_spread, self.taste_spread, self.noise) <= 0:
            raise InputError("ratings need a rank of at least 1 and positive spreads and noise")

    @property
    def vocab_size(self) -> int:
        """Items, five words of rating each, and the mark of a beginning."""
        return (1 + STARS) * self.items + 1

    @property
    def context(self) -> int:
        """Tokens that a model reads of a user."""
        return 2 * self.told

    def words(self, items: Int[np.ndarray, "user place"]) -> Int[np.ndarray, "user place star"]:
        """The five words that may follow each item, one star first."""
        return self.items + STARS * items[..., None] + np.arange(STARS)

    @cached_property
    def means(self) -> Float[np.ndarray, " item"]:
        """Mean rating of each item, before rounding."""
        rng = np.random.default_rng([self.seed, 0x17E])
        return 3 + self.item_spread * rng.standard_normal(self.items)

    @cached_property
    def directions(self) -> Float[np.ndarray, "item rank"]:
        """What each item asks of taste; all of one length."""
        rng = np.random.default_rng([self.seed, 0x17F])
        drawn = rng.standard_normal((self.items, self.rank))
        return self.taste_spread * drawn / np.linalg.norm(drawn, axis=1, keepdims=True)

    def draw(self, count: int, rng: np.random.Generator) -> Histories:
        """Draw users, and the items of each."""
        items = rng.random((count, self.items)).argsort(axis=1)[:, : self.told]
        taste = rng.standard_normal((count, self.rank))
        liked = (self.directions[items] * taste[:, None]).sum(axis=2)
        exact = self.means[items] + liked + self.noise * rng.standard_normal(items.shape)
        return Histories(items=items, ratings=exact.round().clip(1, STARS).astype(int))

    def tokens(self, histories: Histories) -> Tokens:
        """Item and rating by turns behind a mark; ratings count."""
        said = np.take_along_axis(
            self.words(histories.items), histories.ratings[..., None] - 1, axis=2
        )
        told = np.concatenate([histories.items[..., None], said], axis=2)
        mark = np.full((len(told), 1), self.vocab_size - 1)
        ids = np.concatenate([mark, told.reshape(len(told), -1)], axis=1)
        counts = np.zeros(ids.shape, dtype=bool)
        counts[:, 2::2] = True
        return Tokens(ids=ids, counts=counts)

    def write(self, count: int, rng: np.random.Generator) -> Tokens:
        """Histories of new users."""
        return self.tokens(self.draw(count, rng))

    def best(self, histories: Histories) -> Float[np.ndarray, "user place"]:
        """The best linear guess of each rating from those before it, items known; in stars.

        Rounding counts as noise of variance 1/12.
        """
        noise = self.noise**2 + 1 / 12
        asked = self.directions[histories.items]  # user place rank
        over = histories.ratings - self.means[histories.items]
        precision = np.tile(np.eye(self.rank), (len(over), 1, 1))
        pull = np.zeros((len(over), self.rank))
        guesses = np.empty(over.shape)
        for place in range(over.shape[1]):
            taste = np.linalg.solve(precision, pull[..., None])[..., 0]
            guess = self.means[histories.items[:, place]] + (asked[:, place] * taste).sum(axis=1)
            guesses[:, place] = guess.clip(1, STARS)
            precision += asked[:, place, :, None] * asked[:, place, None, :] / noise
            pull += asked[:, place] * over[:, place, None] / noise
        return guesses
