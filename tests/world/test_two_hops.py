"""The two-hop world: facts of two kinds, and questions that need one of each."""

import numpy as np
import pytest

from glasshouse.errors import InputError
from glasshouse.world.streams import stream
from glasshouse.world.two_hops import UNKNOWN, TwoHopWorld

WORLD = TwoHopWorld()
TEXTS = WORLD.sample(200, stream(3, "two hops"))
WORDS = np.array(WORLD.vocabulary)[TEXTS.ids]


def asked_about(words: np.ndarray) -> list[tuple[int, int]]:
    """(person, land) of every question in a text."""
    found = []
    for place in np.flatnonzero(words == "the"):
        if place + 8 < len(words) and words[place + 3] == "the":
            person, land = words[place + 6], words[place + 8]
            found.append((int(person.split("-")[1]), int(land.split("-")[1])))
    return found


class TestTwoHopWorld:
    def test_says_what_is_true(self):
        """Facts and answers are those of the tables."""
        asked = 0
        for words in WORDS:
            for place in np.flatnonzero((words == "home") & (np.roll(words, -1) == "is")):
                person, town = (int(words[place + d].split("-")[1]) for d in (-1, 2))
                assert WORLD.home[person] == town
            for person, land in asked_about(words):
                assert WORLD.region[WORLD.home[person]] == land
                asked += 1
        assert asked > 200

    def test_never_asks_about_the_held_out(self):
        """Their homes are told, so that the question could be answered."""
        asked = {person for words in WORDS for person, _ in asked_about(words)}
        held_out = set(np.flatnonzero(WORLD.is_held_out))
        assert len(held_out) == 12
        assert not asked & held_out
        assert len(asked) == 48
        assert np.isin(WORLD.person_id(np.array(sorted(held_out))), TEXTS.ids).all()

    def test_marks_where_answers_follow(self):
        """The next token is a land, and no town stands in the sentence."""
        text, place = np.nonzero(TEXTS.is_asked)
        after = TEXTS.ids[text, place + 1]
        assert (after >= WORLD.land_id(np.array(0))).all()
        town = TEXTS.town[text, place]
        assert np.array_equal(after, WORLD.land_id(WORLD.region[town]))
        assert (TEXTS.town[text, place - 2] == UNKNOWN).all()

    def test_asks_behind_other_facts(self):
        """All prompts are of one length, and tell nothing of the town that is meant."""
        people = np.arange(20)
        asked = WORLD.questions(people, stream(1, "ask"), facts=4)
        assert asked.ids.shape == (20, 1 + 4 * 5 + 8)
        assert asked.is_asked[:, -1].all()
        towns = WORLD.town_id(WORLD.home[people])
        assert not (asked.ids == towns[:, None]).any()
        assert (asked.ids[:, -2] == WORLD.person_id(people)).all()
        assert (WORLD.answers(people) >= WORLD.land_id(np.array(0))).all()

    def test_draws_facts_by_its_seed(self):
        """Another seed has other homes, the same seed the same."""
        other = TwoHopWorld(seed=1)
        assert not np.array_equal(other.home, WORLD.home)
        assert np.array_equal(TwoHopWorld().home, WORLD.home)

    def test_refuses_what_cannot_be_drawn(self):
        """Sizes that do not fit are told."""
        with pytest.raises(InputError, match="lands=1"):
            TwoHopWorld(lands=1)
        with pytest.raises(InputError, match="length=12"):
            TwoHopWorld(length=12)
        with pytest.raises(InputError, match=r"held_out=1\.0"):
            TwoHopWorld(held_out=1.0)
        with pytest.raises(InputError, match="facts=7"):
            WORLD.questions(np.arange(2), stream(1, "ask"), facts=7)
