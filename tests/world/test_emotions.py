"""Emotions follow from situations, show in signs and decide choices."""

from collections import Counter

import pytest

from glasshouse.world import World
from glasshouse.world.emotions import EMOTIONS, MEASURES, SITUATIONS


@pytest.fixture(scope="module")
def world() -> World:
    return World(0)


class TestTables:
    def test_stir_every_emotion_equally_often(self):
        """No emotion is likelier than another by the table alone."""
        counts = Counter(name for each in SITUATIONS for name in (each.bold, each.gentle))
        assert set(counts.values()) == {4}
        assert set(counts) == set(EMOTIONS)

    def test_have_signs_and_remedies_of_one_emotion_only(self):
        """A sign shared by two emotions would make the ledger's answer a guess."""
        signs = [s for each in EMOTIONS.values() for s in each.signs.trained + each.signs.held_out]
        assert len(signs) == len(set(signs))
        assert len({each.remedy for each in EMOTIONS.values()}) == len(EMOTIONS)

    def test_make_strong_unpleasant_emotions_hasty(self):
        """By hand: anger sigmoid(3 + 2 - 1) = 0.982, calm sigmoid(-3 - 2 - 1) = 0.002."""
        assert EMOTIONS["anger"].p_hasty == 0.982
        assert EMOTIONS["calm"].p_hasty == 0.002

    def test_grow_the_stronger_emotion_with_the_number(self):
        """By hand: 1/80 at 0, 79/80 at 39."""
        assert MEASURES[0].p_high(0) == 1 / 80
        assert MEASURES[0].p_high(39) == 79 / 80


class TestStories:
    def test_show_what_is_marked(self, world):
        """Wherever a sign of an emotion is written, that emotion is marked."""
        signs = {
            sign: each.name
            for each in EMOTIONS.values()
            for sign in each.signs.trained + each.signs.held_out
        }
        for split in ("train", "test"):
            for number in range(100):
                document = world.document("story", number, split)
                words = world.render(document.ids).split()
                for start in range(len(words)):
                    for length in (2, 3, 4):
                        sign = " ".join(words[start : start + length])
                        full_stop = words[start + length : start + length + 1] == ["."]
                        name_before = words[start - 1] in world.entities.person
                        if sign in signs and full_stop and name_before:
                            assert signs[sign] in _emotions(document, start), words

    def test_withhold_the_word_in_three_characters_of_five(self, world):
        """40 % name the emotion; 240 characters give a standard error of 3 %."""
        characters = named = 0
        for number in range(150):
            document = world.document("story", number)
            characters += len(document.truth["emotions"])
            named += sum(span.feature == "emotion-word" for span in document.spans)
        assert named / characters == pytest.approx(0.4, abs=0.1)

    def test_keep_held_out_signs_from_training(self, world):
        """The last sign of each emotion is for testing."""
        held = [f" {sign} ." for each in EMOTIONS.values() for sign in each.signs.held_out]
        for number in range(150):
            for kind in ("story", "feeling"):
                text = world.render(world.document(kind, number).ids)
                assert not any(sign in text for sign in held)


class TestFeelingDialogues:
    def test_share_the_humans_state_half_of_the_time(self, world):
        """Half by design and a twelfth of the rest by chance: 0.54."""
        shared = [
            len(set(world.document("feeling", number).truth["emotions"].values())) == 1
            for number in range(250)
        ]
        assert sum(shared) / len(shared) == pytest.approx(0.54, abs=0.1)


def _emotions(document, position):
    return [
        span.value
        for span in document.spans
        if span.feature == "emotion" and span.start <= position < span.end
    ]
