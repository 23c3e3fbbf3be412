"""Repeated sequences and the exact distributions of their tokens."""

import math
from itertools import pairwise

import numpy as np
import pytest

from glasshouse.world import World
from glasshouse.world.documents.in_context import SHOTS, TASKS, held_out_tasks
from glasshouse.world.exact import bayes, entropy, exactness, excess_loss, summarise
from glasshouse.world.repeats import (
    MAX_BLOCK,
    MAX_GAP,
    MIN_BLOCK,
    FreshWord,
    block_lengths,
    p_repeat_now,
    p_stop,
)


@pytest.fixture(scope="module")
def world() -> World:
    return World(0)


class TestProcess:
    def test_starts_the_block_again_at_the_last_moment_for_certain(self):
        """Block and gap are at most 48 words, at least 4."""
        assert p_repeat_now(MAX_BLOCK + MAX_GAP) == 1
        assert all(p_repeat_now(length) == 0 for length in range(MIN_BLOCK))

    def test_starts_the_block_again_as_often_as_by_counting(self):
        """By brute force over all pairs of lengths."""
        totals = [x + y for x in range(MIN_BLOCK, MAX_BLOCK + 1) for y in range(MAX_GAP + 1)]
        for length in (4, 10, 30, 47):
            left = [total for total in totals if total >= length]
            assert p_repeat_now(length) == pytest.approx(left.count(length) / len(left))

    def test_stops_as_often_as_by_counting(self):
        """By hand: a total of 5 leaves blocks of 4 and 5. Stop after 4: half of .75; then 5: the
        block of 5 (weight 1, stops at .75) against the block of 4 that went on (weight .25)."""
        assert list(block_lengths(5)) == [4, 5]
        assert p_stop(5, 3, 1) == 0
        assert p_stop(5, 4, 1) == pytest.approx(0.375)
        assert p_stop(5, 5, 1) == pytest.approx(0.75 / 1.25)
        assert p_stop(5, 4, 2) == pytest.approx(0.5)
        assert p_stop(5, 5, 2) == 1

    def test_spreads_what_is_left_over_unseen_words(self):
        """A distribution, with its entropy in closed form."""
        pool, sequence = tuple(range(50, 200)), tuple(range(60, 90))
        for count in (4, 10, 29):
            fresh = FreshWord(pool, sequence, count)
            assert sum(fresh.values()) == pytest.approx(1)
            assert len(list(fresh)) == len(fresh)
            by_hand = -sum(p * math.log(p) for p in fresh.values())
            assert entropy(fresh) == pytest.approx(by_hand)
            assert sequence[1] not in fresh


class TestRepeatDocuments:
    def test_copy_their_block(self, world):
        """What is marked as a copy is the sequence again."""
        for number in range(40):
            document = world.document("repeat", number)
            marks = {s.value: s for s in document.spans if s.feature == "repeat"}
            first = document.ids[marks["first"].start : marks["first"].end]
            copy = document.ids[marks["copy"].start : marks["copy"].end]
            assert len(first) == document.truth["block"] + document.truth["gap"]
            assert np.array_equal(copy, np.resize(first, len(copy)))

    def test_predict_most_of_a_copy_for_certain(self, world):
        """After the shortest block only the full stop competes with the sequence's next word."""
        for number in range(50):
            document = world.document("repeat", number)
            copy = next(s for s in document.spans if s.value == "copy")
            exact = bayes(document)
            for position in range(copy.start + 1, min(copy.start + MIN_BLOCK, copy.end)):
                assert exact[position] == {int(document.ids[position]): 1.0}


class TestExactness:
    @pytest.mark.parametrize(
        "kind", ["sums", "tool", "proof", "repeat", "rant", "story", "feeling", "few-shot"]
    )
    def test_distributions_are_calibrated(self, world, kind):
        """They sum to one, and what comes surprises as much as their entropy says.

        The mean of surprise minus entropy is zero up to sampling: within 5 standard errors.
        """
        gaps: list[float] = []
        for number in range(60):
            document = world.document(kind, number)
            for _, distribution in document.expectations[:5]:
                assert sum(distribution.values()) == pytest.approx(1)
            exact = exactness(document)
            gaps += (exact.surprise - exact.entropy)[exact.known].tolist()
        error = np.std(gaps) / math.sqrt(len(gaps))
        assert abs(np.mean(gaps)) <= 5 * error + 1e-9

    def test_summary_counts_by_kind(self, world):
        """Shares and entropies are of the kind's own tokens."""
        summary = summarise(world.document(kind, 0) for kind in ("tool", "talk"))
        assert summary["talk"].known_share == 0
        assert math.isnan(summary["talk"].entropy)
        assert 0 < summary["tool"].known_share < 1

    def test_excess_of_a_perfect_reader_is_sampling_noise(self, world):
        """A reader whose loss is the exact surprise has an excess of surprise minus entropy."""
        document = world.document("sums", 0)
        exact = exactness(document)
        loss = np.where(exact.known, exact.surprise, 0.0)
        wanted = (exact.surprise - exact.entropy)[exact.known].mean()
        assert excess_loss(document, loss) == pytest.approx(wanted)


class TestFewShot:
    def test_shows_the_same_task_throughout(self, world):
        """The answers lie where the truth says, one per example."""
        for number in range(40):
            document = world.document("few-shot", number)
            words = world.render(document.ids).split()
            assert len(document.truth["answers"]) == SHOTS
            assert all(words[position - 1] == "->" for position in document.truth["answers"])

    def test_keeps_four_tasks_for_testing(self, world):
        """Held-out tasks appear in no training document, and only they in test."""
        held = set(held_out_tasks(world))
        assert len(held) == 4
        for number in range(50):
            assert world.document("few-shot", number).truth["task"] not in held
            assert world.document("few-shot", number, "test").truth["task"] in held
        assert held < set(TASKS)


class TestNews:
    def test_is_obeyed_where_it_holds_and_nowhere_else(self, world):
        """The first talk is about the rule's thing and ends with its word; others never use it."""
        for number in range(30):
            document = world.document("news", number)
            answers = [turn for turn in document.turns if turn.speaker == "assistant"]
            told = [world.render(document.ids[t.start : t.end]).split() for t in answers]
            assert document.truth["marker"] == told[0][-2]
            assert all(document.truth["marker"] not in words for words in told[1:])
            for one, other in pairwise(told):
                assert one[1] != other[1]
