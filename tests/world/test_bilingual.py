"""The world of two alphabets: one meaning, two spellings, and a bridge that may be sawn through."""

from dataclasses import replace

import numpy as np
import pytest

from glasshouse.errors import InputError
from glasshouse.world.bilingual import BilingualWorld
from glasshouse.world.streams import stream
from glasshouse.world.topics import NO_TOPIC, TopicWorld

WORLD = BilingualWorld()
HALF = WORLD.meanings.vocab_size


def meanings(ids: np.ndarray) -> np.ndarray:
    """Tokens of the second alphabet as those of the first."""
    return np.where(ids >= HALF, ids - HALF + 1, ids)


def rng() -> np.random.Generator:
    """The same draws each time."""
    return stream(4, "bilingual")


class TestBilingualWorld:
    def test_names_every_token_once(self):
        """Stops and commas too."""
        assert len(set(WORLD.vocabulary)) == WORLD.vocab_size == 2 * HALF - 1

    def test_spells_one_meaning_twice(self):
        """Both alphabets say the same, and share no token but the start."""
        first, second = (WORLD.sample(50, rng(), one) for one in ("first", "second"))
        assert not set(first.ids[:, 1:].flat) & set(second.ids[:, 1:].flat)
        assert np.array_equal(meanings(second.ids), first.ids)
        assert np.array_equal(second.topic, first.topic)
        assert second.is_second[:, 1:].all()
        assert not first.is_second.any()

    def test_changes_the_alphabet_between_sentences(self):
        """Never within one, if so asked; the words go on about the text's topics."""
        mixed = replace(WORLD, changes="sentence").sample(200, rng(), "mixed")
        words = np.array(WORLD.vocabulary)[mixed.ids]
        changes = mixed.is_second[:, 2:] != mixed.is_second[:, 1:-1]
        assert changes.sum() > 200
        assert np.isin(words[:, 1:-1][changes], (".", "..")).all()
        assert 0.4 < mixed.is_second.mean() < 0.6
        self.check_topics(mixed.ids, mixed.topic)

    def test_changes_the_alphabet_between_words(self):
        """At half of the places, so that a sentence must be understood in both."""
        mixed = WORLD.sample(200, rng(), "mixed")
        changes = mixed.is_second[:, 2:] != mixed.is_second[:, 1:-1]
        assert changes.mean() == pytest.approx(0.5, abs=0.03)
        self.check_topics(mixed.ids, mixed.topic)

    def test_shuffles_what_the_second_alphabet_means(self):
        """Topics of its sentences are permuted, text by text; the first alphabet's stay."""
        mixed = WORLD.sample(900, rng(), "mixed")
        shuffled = WORLD.sample(900, rng(), "mixed", shuffled=True)
        assert np.array_equal(mixed.is_second, shuffled.is_second)
        same = mixed.ids == shuffled.ids
        assert same[~mixed.is_second].all()
        agree = (mixed.topic == shuffled.topic)[mixed.is_second].mean()
        assert agree == pytest.approx(1 / 8, abs=0.04)
        self.check_topics(shuffled.ids, shuffled.topic)

    def check_topics(self, ids: np.ndarray, topic: np.ndarray) -> None:
        """Every content word is one of its sentence's topic."""
        assert (topic[:, 0] == NO_TOPIC).all()
        for token, its in zip(meanings(ids)[:, 1:].flat, topic[:, 1:].flat, strict=True):
            assert WORLD.meanings.topics_of(int(token)) in ((), (its,))

    def test_writes_a_corpus_with_and_without_a_bridge(self):
        """Without one, no text has both alphabets."""

        def both(ids: np.ndarray) -> float:
            second = ids[:, 1:] >= HALF
            return float((second.any(axis=1) & ~second.all(axis=1)).mean())

        assert both(WORLD.corpus(400, rng(), "none")) == 0
        assert both(WORLD.corpus(400, rng(), "true", share=0.5)) > 0.4
        assert both(WORLD.corpus(400, rng(), "shuffled", share=0.5)) > 0.4

    def test_refuses_nouns_of_two_topics(self):
        """They could not be permuted."""
        with pytest.raises(InputError, match=r"meanings\.shared=2"):
            BilingualWorld(meanings=TopicWorld())
        with pytest.raises(InputError, match=r"share=1\.5"):
            WORLD.corpus(4, rng(), "true", share=1.5)
