"""The topic world: what is said of every token is what wrote it."""

import numpy as np
import pytest

from glasshouse.errors import InputError
from glasshouse.world.streams import stream
from glasshouse.world.topics import FRAMES, NO_TOPIC, NOUN, VERB, TopicWorld

WORLD = TopicWorld()
TEXTS = WORLD.sample(300, stream(5, "topics"))


class TestTopicWorld:
    def test_names_every_token_once(self):
        """An id and its token are one."""
        assert len(set(WORLD.vocabulary)) == WORLD.vocab_size

    def test_fills_every_text(self):
        """A start token and words to the end."""
        assert TEXTS.ids.shape == (300, WORLD.length + 1)
        assert (TEXTS.ids[:, 0] == 0).all()
        assert (TEXTS.ids[:, 1:] > 0).all()

    def test_is_a_function_of_its_stream(self):
        """The same texts again."""
        again = WORLD.sample(300, stream(5, "topics"))
        assert np.array_equal(again.ids, TEXTS.ids)

    def test_writes_what_the_slot_says(self):
        """Function words stand where the frame has them, nouns and verbs in their places."""
        words = [word for frame in FRAMES for word in frame]
        for token, slot in zip(TEXTS.ids[:, 1:].flat, TEXTS.slot[:, 1:].flat, strict=True):
            word = WORLD.vocabulary[token]
            stem = {NOUN: "noun", VERB: "verb"}.get(words[slot])
            assert word == words[slot] if stem is None else word.startswith(stem)

    def test_goes_through_a_frame_in_order(self):
        """Behind a full stop comes the first place of some frame, else the next place."""
        starts = np.cumsum([0, *map(len, FRAMES)])
        slots = TEXTS.slot[:, 1:]
        is_first = np.isin(slots[:, 1:], starts[:-1])
        assert (slots[:, 1:] == slots[:, :-1] + 1)[~is_first].all()
        assert np.isin(slots[:, :-1], starts[1:] - 1)[is_first].all()

    def test_uses_words_of_the_topic_alone(self):
        """Every content word is one that its sentence's topic has."""
        for token, topic in zip(TEXTS.ids.flat, TEXTS.topic.flat, strict=True):
            topics = WORLD.topics_of(int(token))
            assert not topics or topic in topics

    def test_shares_some_nouns_between_two_topics(self):
        """Which of the two is meant must be told from other words."""
        owners = [WORLD.topics_of(token) for token in range(WORLD.vocab_size)]
        assert sum(len(topics) == 2 for topics in owners) == WORLD.topics * WORLD.shared
        for topic in range(WORLD.topics):
            used = WORLD.noun(np.array(topic), np.arange(WORLD.nouns))
            assert all(topic in WORLD.topics_of(int(token)) for token in used)

    def test_draws_two_or_three_topics_by_popularity(self):
        """The first topic is in most texts, the last in few; no others are used."""
        counts = TEXTS.drawn.sum(axis=1)
        assert set(counts) == {2, 3}
        share = TEXTS.drawn.mean(axis=0)
        assert share[0] > 0.5 > 3 * share[-1]
        for topics, drawn in zip(TEXTS.topic[:, 1:], TEXTS.drawn, strict=True):
            assert drawn[topics].all()

    def test_says_what_is_true_of_every_token(self):
        """One topic and one slot a token, none at the start; parts by the words."""
        features = WORLD.features(TEXTS)
        names = WORLD.feature_names
        assert features.shape == (*TEXTS.ids.shape, len(names))
        topic = [n for n, name in enumerate(names) if name.startswith("topic=")]
        slot = [n for n, name in enumerate(names) if name.startswith("slot=")]
        assert (features[:, 1:, topic].sum(axis=2) == 1).all()
        assert (features[:, 1:, slot].sum(axis=2) == 1).all()
        assert not features[:, 0][:, topic + slot].any()
        assert (TEXTS.topic[:, 0] == NO_TOPIC).all()
        is_noun = features[..., names.index("is-noun")]
        told = np.vectorize(lambda token: WORLD.vocabulary[token].startswith("noun"))(TEXTS.ids)
        assert np.array_equal(is_noun, told)

    def test_refuses_what_cannot_be_drawn(self):
        """Texts need topics and words, and a noun has two topics at most."""
        with pytest.raises(InputError, match="topics=2"):
            TopicWorld(topics=2)
        with pytest.raises(InputError, match="shared=6"):
            TopicWorld(shared=6)
        with pytest.raises(InputError, match="verbs=0"):
            TopicWorld(verbs=0)
        with pytest.raises(InputError, match="length=0"):
            TopicWorld(length=0)
