"""One grammar with two alphabets: what a text means does not depend on how it is spelled.

Meanings are those of the topic world. Each has a token in either alphabet, and no token is in both.
Some texts are written in one alphabet; others, the bridge, change it from word to word or from
sentence to sentence, and only these tell that the alphabets say the same things. In a bridge of
shuffled meanings the alphabet changes as often, but what the second one says is about topics that
are permuted anew in every text: the control, in which nothing ties the alphabets together.

Source:
    Made for features that answer to one thing in several languages ("Scaling monosemanticity",
    2024, multilingual features).
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
from jaxtyping import Bool, Int

from glasshouse.errors import InputError
from glasshouse.world.topics import FRAMES, TopicTexts, TopicWorld

Spelling = Literal["first", "second", "mixed"]
"""How texts are written; mixed ones change their alphabet on the way."""

Bridge = Literal["true", "shuffled", "none"]
"""What mixed texts say in the second alphabet: what they mean; anything; there are none."""

_STARTS = np.cumsum([0, *map(len, FRAMES[:-1])])
"""Slots at which sentences begin."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BilingualTexts:
    """Texts with the truth of every token; places count from the start token."""

    ids: Int[np.ndarray, "text place"]
    """Token ids."""
    topic: Int[np.ndarray, "text place"]
    """Topic of what the token says; NO_TOPIC at the start."""
    is_second: Bool[np.ndarray, "text place"]
    """Whether the token is of the second alphabet; the start token is of neither."""

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, kw_only=True)
class BilingualWorld:
    """Meanings and their tokens; holds no randomness of its own."""

    meanings: TopicWorld = field(
        default_factory=lambda: TopicWorld(
            topics=8, nouns=6, verbs=4, shared=0, zipf=0.0, length=31
        )
    )
    """What can be said. No noun may belong to two topics."""
    changes: Literal["word", "sentence"] = "word"
    """Where mixed texts may change their alphabet, with even chances."""

    def __post_init__(self) -> None:
        if self.meanings.shared:
            raise InputError(
                f"meanings.shared={self.meanings.shared} must be 0: a noun of two topics has no "
                "topic that could be permuted"
            )

    @cached_property
    def vocabulary(self) -> tuple[str, ...]:
        """Every token, by id: the start, the first alphabet, the second in the same order."""
        words = self.meanings.vocabulary
        # Stops and commas have no capitals and are doubled instead.
        return (*words, *(w.upper() if w[0].isalpha() else 2 * w for w in words[1:]))

    @property
    def vocab_size(self) -> int:
        """How many tokens there are."""
        return len(self.vocabulary)

    def sample(
        self,
        count: int,
        rng: np.random.Generator,
        spelling: Spelling,
        *,
        shuffled: bool = False,
    ) -> BilingualTexts:
        """Draw texts of one kind.

        Args:
            count: How many.
            rng: Where draws come from.
            spelling: One alphabet, or both.
            shuffled: Whether what stands in the second alphabet is about topics that are permuted
                anew in every text.
        """
        said = self.meanings.sample(count, rng)
        second = np.full(said.ids.shape, spelling == "second")
        if spelling == "mixed":
            second = rng.random(said.ids.shape) < 0.5
            if self.changes == "sentence":
                sentence = np.isin(said.slot, _STARTS).cumsum(axis=1)
                second = np.take_along_axis(second, sentence, axis=1)
        second = second & (said.ids > 0)
        ids, topic = said.ids, said.topic
        if shuffled:
            order = rng.random((count, self.meanings.topics)).argsort(axis=1)
            other, its_topic = self._moved(said, order)
            ids, topic = np.where(second, other, ids), np.where(second, its_topic, topic)
        spelled = np.where(second, ids + self.meanings.vocab_size - 1, ids)
        return BilingualTexts(ids=spelled, topic=topic, is_second=second)

    def corpus(
        self, count: int, rng: np.random.Generator, bridge: Bridge, *, share: float = 0.5
    ) -> Int[np.ndarray, "text place"]:
        """Token ids of texts to learn from, in random order.

        Args:
            count: How many.
            rng: Where draws come from.
            bridge: What mixed texts say in the second alphabet; `none` writes no mixed texts.
            share: Of texts that are mixed; the others are in either alphabet alike.

        Raises:
            InputError: If the share is not one.
        """
        if not 0 <= share <= 1:
            raise InputError(f"share={share} of mixed texts must lie in [0, 1]")
        mixed = 0 if bridge == "none" else round(share * count)
        first = (count - mixed) // 2
        kinds: tuple[tuple[int, Spelling], ...] = (
            (mixed, "mixed"),
            (first, "first"),
            (count - mixed - first, "second"),
        )
        parts = [
            self.sample(many, rng, kind, shuffled=kind == "mixed" and bridge == "shuffled")
            for many, kind in kinds
            if many
        ]
        return rng.permutation(np.concatenate([part.ids for part in parts]), axis=0)

    def _moved(
        self, said: TopicTexts, order: Int[np.ndarray, "text topic"]
    ) -> tuple[np.ndarray, np.ndarray]:
        """The same sentences about other topics, permuted text by text: ids and topics."""
        world = self.meanings
        moved = np.take_along_axis(order, np.maximum(said.topic, 0), axis=1)
        shift = moved - said.topic
        words = world.vocabulary
        noun, verb = words.index("noun0-0"), words.index("verb0-0")
        step = np.where(said.ids >= verb, world.verbs, world.nouns) * (said.ids >= noun)
        return said.ids + shift * step, np.where(said.topic < 0, said.topic, moved)
