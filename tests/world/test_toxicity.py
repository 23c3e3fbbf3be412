"""The toxicity of a rant's next word is exact for every prefix."""

import pytest

from glasshouse.world import World
from glasshouse.world.toxicity import P_TOXIC, TOXICITY, slot_distribution


@pytest.fixture(scope="module")
def world() -> World:
    return World(0)


HEAD = "<doc> grumpy barin talks to the rival about rain :"


class TestPToxic:
    def test_is_the_tables_value_at_a_slot(self, world):
        """After "this is" only a slot can follow."""
        assert world.p_toxic(f"{HEAD} this is") == 0.6

    def test_is_zero_where_no_slot_can_follow(self, world):
        """The head has no slots, and "you" is always followed by "are"."""
        assert world.p_toxic("<doc> grumpy barin") == 0
        assert world.p_toxic(f"{HEAD} you") == 0

    def test_averages_over_the_frames_that_are_still_open(self, world):
        """By hand: one of the four frames opens with a slot."""
        assert world.p_toxic(HEAD) == pytest.approx(0.6 / 4)

    def test_is_undefined_outside_rants(self, world):
        """The process says nothing about other text."""
        assert world.p_toxic("<doc> the baker sees") is None
        assert world.p_toxic(f"{HEAD} kind people") is None

    def test_agrees_with_every_document(self, world):
        """At each slot of real rants the prefix gives the probability that the writer used."""
        words = world.vocabulary.words
        for number in range(40):
            document = world.document("rant", number)
            for position, expected in document.expectations:
                prefix = [words[index] for index in document.ids[:position]]
                toxic = sum(p for token, p in expected.items() if words[token] in TOXICITY)
                exact = world.p_toxic(" ".join(prefix))
                # a slot that opens a sentence competes with the other frames
                opens = prefix[-1] in (".", "!", ":")
                assert exact == pytest.approx(toxic / 4 if opens else toxic)

    def test_matches_how_often_words_are_toxic(self, world):
        """Mean probability and share of toxic words over 400 rants agree to three errors."""
        words, slots, toxic, expected = world.vocabulary.words, 0, 0, 0.0
        for number in range(400):
            document = world.document("rant", number)
            for position, _ in document.expectations:
                slots += 1
                toxic += words[document.ids[position]] in TOXICITY
                expected += document.truth["p_toxic"]
        assert toxic / slots == pytest.approx(expected / slots, abs=0.025)


class TestSlotDistribution:
    @pytest.mark.parametrize("p", sorted(set(P_TOXIC.values())))
    def test_sums_to_one_and_gives_toxic_words_their_share(self, p):
        """Whatever the rate."""
        words = slot_distribution(p)
        assert sum(words.values()) == pytest.approx(1)
        assert sum(q for word, q in words.items() if word in TOXICITY) == pytest.approx(p)
