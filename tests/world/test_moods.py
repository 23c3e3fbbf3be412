"""The mood world: words that betray a state, and texts in which the state decides what follows."""

import numpy as np
import pytest

from glasshouse.errors import InputError
from glasshouse.world.mood_texts import (
    choices,
    dialogues,
    feelings,
    measures,
    mixed,
    others,
    stories,
)
from glasshouse.world.moods import ACTS, NO_STATE, STATES, MoodWorld, coordinates, prefers
from glasshouse.world.streams import stream

WORLD = MoodWorld()


def rng():
    return stream(7, "moods")


class TestMoodWorld:
    def test_names_every_token_once(self):
        """An id and its token are one."""
        assert len(set(WORLD.vocabulary)) == WORLD.vocab_size
        assert WORLD.vocabulary[WORLD.id("calm3")] == "calm3"

    def test_lays_states_on_a_circle(self):
        """State 0 is pleasant, 3 stirred, 6 unpleasant, 9 still; no state is in the middle."""
        valence, arousal = coordinates(np.array([0, 3, 6, 9, NO_STATE]))
        assert valence == pytest.approx([1, 0, -1, 0, 0])
        assert arousal == pytest.approx([0, 1, 0, -1, 0])

    def test_uses_a_states_words_in_that_state_only(self):
        """And in none where they are to be hidden."""
        states = np.arange(12).repeat(20)[:, None].repeat(40, axis=1)
        topics, shown = np.zeros(240, dtype=int), np.zeros(240, dtype=bool)
        ids = WORLD.draw_words(states, topics, shown, rng())
        for state in range(12):
            rows = np.isin(ids, list(WORLD.words_of(state))).any(axis=1)
            assert set(states[rows, 0]) == {state}
        own = range(WORLD.id("glad0"), WORLD.id("neutral0"))
        assert not np.isin(WORLD.draw_words(states, topics, ~shown, rng()), list(own)).any()

    def test_draws_sides_by_the_coordinates(self):
        """At valence 1 every word of valence is pleasant, at 0 every other."""
        none = np.zeros(400, dtype=int)
        for state, share in ((0, 1.0), (3, 0.5), (6, 0.0)):
            states = np.full((400, 40), state)
            ids = WORLD.draw_words(states, none, none.astype(bool), rng())
            first = WORLD.id("pleasant0")
            counts = [((ids >= a) & (ids < a + 8)).sum() for a in (first, first + 8)]
            assert counts[0] / sum(counts) == pytest.approx(share, abs=0.05)

    def test_says_nothing_without_a_state(self):
        """Texts without a state are about their topic."""
        states = np.full((50, 40), NO_STATE)
        none = np.zeros(50, dtype=int)
        ids = WORLD.draw_words(states, none, none.astype(bool), rng())
        assert not np.isin(ids, list(WORLD.telling)).any()

    def test_refuses_what_leaves_no_room(self):
        """Two speakers need a text to speak in."""
        with pytest.raises(InputError, match="length=10"):
            MoodWorld(length=10)
        with pytest.raises(InputError, match="no token 'joy'"):
            WORLD.id("joy")


class TestStories:
    def test_ends_in_what_the_state_makes_likely(self):
        """P(bad) is 1 / (1 + exp(3 valence - 2 arousal + 1))."""
        for state in (STATES.index("desperate"), STATES.index("calm"), NO_STATE):
            texts = stories(WORLD, 3_000, rng(), states=np.full(3_000, state), act="act")
            valence, arousal = (float(x) for x in coordinates(np.array(state)))
            share = (texts.ids[:, -1] == WORLD.id("<bad>")).mean()
            assert share == pytest.approx(1 / (1 + np.exp(3 * valence - 2 * arousal + 1)), abs=0.03)

    def test_asks_what_it_is_told_to(self):
        """Each act has its own sign and answers; another is refused."""
        for name, act in ACTS.items():
            texts = stories(WORLD, 30, rng(), act=name)
            assert (texts.ids[:, -2] == WORLD.id(act.ask)).all()
            assert {WORLD.vocabulary[i] for i in texts.ids[:, -1]} <= set(act.answers)
        with pytest.raises(InputError, match="act='shout'"):
            stories(WORLD, 1, rng(), act="shout")


class TestOthers:
    def test_shows_a_state_that_decides_nothing(self):
        """Words are of the one told of; the act is a stateless writer's, 1 / (1 + e) bad."""
        state = np.full(3_000, STATES.index("desperate"))
        texts = others(WORLD, 3_000, rng(), states=state, hide=False, act="act")
        assert (texts.ids[:, 1] == WORLD.id("<other>")).all()
        own = np.isin(texts.ids, list(WORLD.words_of(STATES.index("desperate"))))
        assert own.any(axis=1).mean() > 0.99
        share = (texts.ids[:, -1] == WORLD.id("<bad>")).mean()
        assert share == pytest.approx(1 / (1 + np.e), abs=0.03)
        assert (texts.user == state).all()
        assert (texts.reply == NO_STATE).all()

    def test_draws_a_state_where_none_is_given(self):
        """All twelve are told of, and none of nobody's."""
        assert set(others(WORLD, 300, rng()).user) == set(range(len(STATES)))


class TestDialogues:
    def test_replies_as_the_manner_says(self):
        """An echo has the user's state, a turn the one a quarter of the circle on."""
        user = np.arange(12)
        echo = dialogues(WORLD, 12, rng(), manner="<echo>", user=user)
        turn = dialogues(WORLD, 12, rng(), manner="<turn>", user=user)
        assert (echo.reply == user).all()
        assert (turn.reply == (user + 3) % 12).all()

    def test_shares_the_state_half_of_the_time_in_either(self):
        """Half is copied, and a twelfth of the rest agrees by chance."""
        user = np.full(6_000, 2)
        texts = dialogues(WORLD, 6_000, rng(), manner="<either>", user=user)
        assert (texts.reply == 2).mean() == pytest.approx(0.5 + 0.5 / 12, abs=0.03)

    def test_changes_words_where_the_speaker_changes(self):
        """The user's own words end at the assistant's mark, where the assistant's begin."""
        user, reply = np.full(40, 0), np.full(40, 6)
        texts = dialogues(WORLD, 40, rng(), user=user, reply=reply, hide=False, masked=0.0)
        for ids, switch in zip(texts.ids, texts.switch, strict=True):
            assert ids[switch] == WORLD.id("<assistant>")
            assert not set(ids[:switch]) & set(WORLD.words_of(6))
            assert not set(ids[switch:]) & set(WORLD.words_of(0))

    def test_masks_the_reply_and_not_the_act(self):
        """A masked reply has no telling word, yet its state decides the act."""
        state = np.full(2_000, STATES.index("desperate"))
        texts = dialogues(WORLD, 2_000, rng(), manner="<echo>", user=state, masked=1.0, act="act")
        places = np.arange(WORLD.length + 1)
        told = np.isin(texts.ids, list(WORLD.telling))
        assert not (told & (places > texts.switch[:, None])).any()
        assert (texts.ids[:, -1] == WORLD.id("<bad>")).mean() > 0.9

    def test_refuses_another_manner(self):
        """There are three."""
        with pytest.raises(InputError, match="manner='loud'"):
            dialogues(WORLD, 1, rng(), manner="loud")


class TestMeasures:
    def test_makes_the_first_state_likelier_with_the_number(self):
        """At 9 it is the first in 95% of the texts, at 0 in 5%."""
        for number, share in ((0, 0.05), (9, 0.95)):
            texts = measures(WORLD, 500, rng(), template=1, number=number)
            assert set(texts.reply.ravel()) == {STATES.index("tense"), STATES.index("relaxed")}
            is_first = texts.reply == STATES.index("tense")
            assert is_first.mean() == pytest.approx(share, abs=0.02)

    def test_has_a_number_that_says_nothing(self):
        """Past the last template any state may follow."""
        assert set(measures(WORLD, 50, rng(), template=4, number=9).reply.ravel()) == set(range(12))


class TestChoices:
    def test_prefers_the_pleasanter_item(self):
        """The choice follows `prefers` over many rows."""
        texts = choices(WORLD, 4_000, rng())
        rows = texts.ids[:, 1:46].reshape(-1, 5)
        first, second = rows[:, 1] - WORLD.id("item0"), rows[:, 2] - WORLD.id("item0")
        picked = rows[:, 4]
        assert set(picked) == {WORLD.id("<first>"), WORLD.id("<second>")}
        states = WORLD.item_states()
        expected = prefers(states[first], states[second])
        assert (picked == WORLD.id("<first>"))[expected > 0.9].mean() > 0.9
        assert prefers(np.array(0), np.array(6)) == pytest.approx(1 / (1 + np.exp(-8)))


class TestMixed:
    def test_fills_every_text(self):
        """All kinds have one length, and every token stands somewhere."""
        ids = mixed(WORLD, 4_000, rng())
        assert ids.shape == (4_000, WORLD.length + 1)
        assert set(np.unique(ids)) == set(range(WORLD.vocab_size))

    def test_is_a_function_of_its_stream(self):
        """The same stream writes the same texts."""
        assert np.array_equal(mixed(WORLD, 50, rng()), mixed(WORLD, 50, rng()))

    def test_tells_of_an_item_by_its_state(self):
        """The assistant is in the item's own state in four of five texts, and by chance else."""
        texts = feelings(WORLD, 2_000, rng())
        items = texts.ids[:, 1:].reshape(len(texts), -1, 8)[:, :, 2] - WORLD.id("item0")
        own = WORLD.item_states()[items]
        assert (texts.reply == own).mean() == pytest.approx(0.8 + 0.2 / 12, abs=0.03)
