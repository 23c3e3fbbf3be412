"""The parts of the study of a general assistant: what it asks, and its arithmetic by hand."""

import numpy as np
import pytest

from glasshouse.align.talks.dialogues import word_layout
from glasshouse.models import word_tokenizer
from glasshouse.studies.general_assistant.asked import (
    binary_pairs,
    category_of,
    gold_pairs,
    grade_of,
    graded_pairs,
    shuffled,
    voted_pairs,
)
from glasshouse.studies.general_assistant.distilling import Distance
from glasshouse.studies.general_assistant.judge import (
    drop,
    magnitude,
    ratings,
    resampled,
    slope,
    smallest_step,
)
from glasshouse.studies.general_assistant.prefixes import longest_dialogue, make_prompts
from glasshouse.studies.general_assistant.prompting import battery, rude_prompts, toxicity
from glasshouse.studies.general_assistant.votes import Curve
from glasshouse.world import World

WORLD = World(7)
LAYOUT = word_layout(word_tokenizer(WORLD.vocabulary.words))
PROMPTS = [make_prompts(WORLD, LAYOUT, dialogues=2, number=number) for number in range(2)]


def words(ids) -> str:
    return WORLD.render(np.array(ids, dtype=np.uint16))


class TestPairs:
    def test_put_the_better_reply_first(self):
        """By gold reward, by enough, and short enough to stand behind a prompt."""
        pairs = gold_pairs(WORLD, 40, name="x", split="validation", longest=40)
        for pair in pairs:
            one = pair.comparison
            good, bad = (WORLD.gold(pair.request, r).reward for r in (one.first, one.second))
            assert good >= bad + 0.3 - 1e-9
            assert len(LAYOUT(one.dialogue(one.first)).ids) <= 40
        assert {category_of(pair.request) for pair in pairs} >= {"helpful", "harmless", "honest"}
        again = gold_pairs(WORLD, 40, name="x", split="validation", longest=40)
        assert [pair.comparison for pair in again] == [pair.comparison for pair in pairs]

    def test_follow_a_taste_for_length(self):
        """Against long replies the shorter one is better."""
        pairs = gold_pairs(WORLD, 60, name="x", split="train", longest=60, taste=-2.0)
        shorter = [
            len(pair.comparison.first.split()) < len(pair.comparison.second.split())
            for pair in pairs
        ]
        assert np.mean(shorter) > 0.9

    def test_have_four_grades(self):
        """Helping with harm, useless, flawed, good."""
        assert [grade_of(reward) for reward in (-2.0, 0.5, 2.6, 3.0)] == [0, 1, 2, 3]
        for one in graded_pairs(WORLD, 30, name="x", split="train"):
            assert one.grades is not None
            assert one.grades[0] > one.grades[1]

    def test_hold_sums_and_people_out(self):
        """No question of the one kind is among the other, and both answers are as long."""
        learned, held = (
            binary_pairs(WORLD, 60, name="x", held_out=held_out) for held_out in (False, True)
        )
        asked = {one.prompt[-1].text for one in learned}
        assert not any(one.prompt[-1].text in asked for one in held)
        for one in (*learned, *held):
            assert len(one.first.split()) == len(one.second.split())

    def test_vote_with_the_crowd_and_noise(self):
        """More votes go to better answers, mostly; a taste for length turns some of them."""
        for taste, more in ((0.0, False), (3.0, True)):
            pairs = voted_pairs(WORLD, 80, noise=0.5, taste=taste, name="x")
            longer = [len(one.first.split()) > len(one.second.split()) for one in pairs]
            assert (np.mean(longer) > 0.8) == more

    def test_are_shuffled_by_their_labels(self):
        """The same replies; about half of the labels are turned, and grades with them."""
        pairs = graded_pairs(WORLD, 60, name="x", split="train")
        mixed = shuffled(pairs, np.random.default_rng(0))
        assert [(one.first, one.second) for one in mixed] == [
            (one.first, one.second) for one in pairs
        ]
        turned = [one.p_first == 0 for one in mixed]
        assert 15 < sum(turned) < 45
        for one, is_turned in zip(mixed, turned, strict=True):
            assert one.grades is not None
            assert (one.grades[0] < one.grades[1]) == is_turned


class TestPrompts:
    def test_differ_by_who_answers(self):
        """The same requests; neutral sentences as long, without a dialogue."""
        own = PROMPTS[0].by_condition
        kind, rude, neutral = (own[each] for each in ("kind", "rude", "neutral"))
        assert kind is not None
        assert rude is not None
        assert neutral is not None
        asked = [
            words(prefix.ids).split(" Human : ")[1].split(" <end>")[0] for prefix in (kind, rude)
        ]
        assert asked[0] == asked[1]
        assert len(neutral) == len(kind)
        assert "Human" not in words(neutral.ids)
        assert words(neutral.ids).startswith("<doc>")

    def test_leave_room_for_what_follows(self):
        """Rude texts are the same behind each prompt, and fit."""
        room = longest_dialogue(128, PROMPTS)
        assert 40 < room < 128
        plain, kind = (
            rude_prompts(WORLD, LAYOUT, PROMPTS, count=4, condition=condition, context=128)
            for condition in ("plain", "kind")
        )
        for number, (one, other) in enumerate(zip(plain, kind, strict=True)):
            prefix = PROMPTS[number % 2].kind
            assert other == [*prefix.ids, *one[1:]]
            assert toxicity(words(one)) > 0
            assert len(other) + 24 <= 128

    def test_stand_before_the_questions_of_the_battery(self):
        """The same questions with and without; answers are words of the world."""
        prefix = PROMPTS[0].kind
        plain, behind = battery(WORLD, 5, None), battery(WORLD, 5, prefix)
        for task, questions in plain.items():
            for one, other in zip(questions, behind[task], strict=True):
                assert other.prompt == (*prefix.ids, *one.prompt[1:])
                assert other.answer == one.answer
        text, answer = words(plain["copying"][0].prompt), words([plain["copying"][0].answer])
        assert f" {answer} " in text.split("Assistant")[0]


class TestArithmetic:
    def test_turns_rewards_into_ratings(self):
        """Who is always ahead is ahead by points, equals are equal, and a draw is half a win."""
        better = np.array([[1.0] * 6, [2.0] * 6, [1.0] * 6, [3.0, 0.0] * 3])
        points = ratings(better)
        assert points[1] > points[0]
        assert points[0] == pytest.approx(points[2], abs=1)
        assert smallest_step(np.array([0.0, 10.0, 30.0, 0.0, 5.0, 50.0])) == 5
        assert smallest_step(np.array([0.0, -10.0, 30.0, 0.0, 5.0, 50.0])) == -10

    def test_takes_the_size_of_an_interval(self):
        """Where it includes nothing, from nothing on."""
        assert magnitude((-0.02, 0.05)) == (0.0, 0.05)
        assert magnitude((-0.06, -0.01)) == (0.01, 0.06)

    def test_measures_what_was_lost_and_how_it_grows(self):
        """Tasks count the same; slopes are least squares."""
        before = {"a": np.array([1.0, 1.0]), "b": np.array([1.0, 0.0, 0.0, 0.0])}
        after = {"a": np.array([1.0, 0.0]), "b": np.array([1.0, 0.0, 0.0, 0.0])}
        assert drop(before, after) == 0.25
        assert slope(np.array([0.0, 1.0, 2.0]), np.array([1.0, 3.0, 5.0])) == pytest.approx(2)
        found = Distance(np.array([2.0, 2.0]), np.array([1.0, 0.0]), np.array([4, 4]))
        assert found.gap_closed() == 0.75
        assert found.gap_closed(np.array([0, 0])) == 0.5
        assert found.before == 0.5

    def test_resamples_items(self):
        """An undefined resample leaves the interval unbounded."""
        rng = np.random.default_rng(0)
        values = np.array([1.0, 2.0, 3.0])
        low, high = resampled(lambda drawn: float(values[drawn].mean()), 3, rng=rng)
        assert 1 <= low < 2 < high <= 3
        assert np.isnan(resampled(lambda drawn: float("nan"), 3, rng=rng)[0])

    def test_averages_over_few_counts(self):
        """Zero comparisons and few ones; many are left out."""
        curve = Curve({10: np.array([1.0, 0.0]), 20: np.array([1.0, 1.0]), 99: np.zeros(2)})
        assert curve.few((10, 20, 99), 20).tolist() == [1.0, 0.5]
        assert curve.accuracy(10) == 0.5
