"""Who gives what to whom: the answer is the name said once, and twins differ in it alone."""

import numpy as np
import pytest

from glasshouse.errors import InputError
from glasshouse.world.giving import END, START, TEMPLATES, GivingWorld
from glasshouse.world.streams import stream

WORLD = GivingWorld()
TEXTS = WORLD.sample(200, stream(5, "giving"))


class TestGivingWorld:
    def test_answers_with_the_name_said_once(self):
        """The giver is said twice, the other once before the answer."""
        rows = np.arange(len(TEXTS))
        answers = TEXTS.ids[rows, TEXTS.answer]
        first_name = WORLD.vocabulary.index(WORLD.names[0])
        assert np.array_equal(answers, first_name + TEXTS.other)
        for row, answer, giver in zip(TEXTS.ids, TEXTS.answer, TEXTS.giver, strict=True):
            said = row[:answer]
            assert (said == row[answer]).sum() == 1
            assert (said == first_name + giver).sum() == 2

    def test_uses_every_template_in_both_orders(self):
        """So that the place of a name does not tell who gives."""
        kinds = set(zip(TEXTS.template, TEXTS.is_giver_first, strict=True))
        assert len(kinds) == 2 * len(TEMPLATES)
        assert set(WORLD.sample(9, stream(1, "one"), template=2).template) == {2}

    def test_fills_texts_to_one_length(self):
        """A start, a sentence, ends."""
        start, end = (WORLD.vocabulary.index(word) for word in (START, END))
        assert (TEXTS.ids[:, 0] == start).all()
        places = np.arange(TEXTS.ids.shape[1])
        assert np.array_equal(TEXTS.ids == end, places > TEXTS.answer[:, None])

    def test_writes_twins_that_differ_in_one_name(self):
        """Where it is said and where it is the answer; it is neither of the two names."""
        twins = WORLD.twins(TEXTS, stream(5, "twins"))
        differs = twins.ids != TEXTS.ids
        assert (differs.sum(axis=1) == 2).all()
        assert differs[np.arange(len(TEXTS)), TEXTS.answer].all()
        assert (twins.other != TEXTS.other).all()
        assert (twins.other != twins.giver).all()
        assert len(set(twins.other)) == len(WORLD.names)

    def test_prints_a_sentence(self):
        """As a tokenizer of real text should see it, without the answer."""
        one = WORLD.sample(1, stream(2, "print"), template=0)
        text = WORLD.sentence(one, 0)
        assert text.startswith("When ")
        assert text.endswith(" to")
        assert " ," not in text

    def test_knows_what_must_follow(self):
        """Words of templates behind which only one word ever stands."""
        assert WORLD.followers["went"] == "to"
        assert WORLD.followers["brought"] == "back"
        assert "to" not in WORLD.followers  # a name or "the"
        assert "a" not in WORLD.followers  # a thing
        index = {word: number for number, word in enumerate(WORLD.vocabulary)}
        for word, following in WORLD.followers.items():
            behind = TEXTS.ids[:, 1:][TEXTS.ids[:, :-1] == index[word]]
            assert set(behind) == {index[following]}

    def test_refuses_too_few_names_and_words_that_stand_twice(self):
        """A twin needs a third name."""
        with pytest.raises(InputError, match="three or more"):
            GivingWorld(names=("Mary", "John"))
        with pytest.raises(InputError, match="twice"):
            GivingWorld(names=("Mary", "John", "park"))
        with pytest.raises(InputError, match="empty"):
            GivingWorld(places=())
