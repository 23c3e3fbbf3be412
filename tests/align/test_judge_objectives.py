"""The objectives of preference models, pre-training, ensembles, and what judges go by."""

import math
from dataclasses import replace

import pytest
import torch
from tests.align.judges.test_model import TRAINING, comparisons, judge, talk

from glasshouse.align.judges.controls import length_bias, position_bias
from glasshouse.align.judges.ensemble import Judge, Rule, centred
from glasshouse.align.judges.losses import binary_loss, soft_binary_loss
from glasshouse.align.judges.model import agreement
from glasshouse.align.judges.pretraining import binarised, vote_grade, voted_comparisons
from glasshouse.align.judges.training import JudgeTrainingConfig, train_judge
from glasshouse.align.pairs.comparisons import Comparison, comparison_of
from glasshouse.align.talks.dialogues import Turn
from glasshouse.align.talks.scoring import reply_margins
from glasshouse.errors import InputError

HELD_OUT = comparisons(100, seed=9)
ASKED = (Turn("human", "hi"),)


def graded(pairs: list[Comparison]) -> list[Comparison]:
    return [replace(one, grades=(2.0, -1.0)) for one in pairs]


class TestObjectives:
    @pytest.mark.parametrize("objective", ["ranked", "binary", "l2", "imitation"])
    def test_learn_from_the_same_comparisons(self, objective):
        """Each judges held-out pairs well, by its own score; a mixture of both orders is read."""
        own = judge()
        pairs = [one if at % 2 else one.swapped for at, one in enumerate(comparisons(400, seed=0))]
        config = replace(TRAINING, objective=objective)
        steps = list(train_judge(own, graded_either(pairs), config))
        if objective == "imitation":
            margin = reply_margins(own.language, HELD_OUT, own.layout)["mean"]
            assert not own.head.weight.any()
            assert all(step.accuracy == 0.5 for step in steps)
        else:
            margin = own.margins(HELD_OUT)
        assert agreement(margin, HELD_OUT).accuracy > 0.9
        assert steps[-1].loss < steps[0].loss

    def test_give_single_replies_their_grade(self):
        """What l2 learns stands by itself: 2 for a good reply, -1 for a bad one."""
        own = judge()
        config = replace(TRAINING, objective="l2", epochs=8)
        list(train_judge(own, graded(comparisons(400, seed=0)), config))
        scores = own.score([talk("good sun"), talk("bad sun")])
        torch.testing.assert_close(scores, torch.tensor([2.0, -1.0]), atol=0.4, rtol=0)

    def test_keep_the_words_with_a_language_loss(self):
        """Beside the objective, better replies stay likely; the step's loss is the objective's."""
        pairs = comparisons(400, seed=0)
        found = {}
        for weight in (0.0, 1.0):
            own = judge()
            steps = list(train_judge(own, pairs, replace(TRAINING, lm_weight=weight)))
            assert steps[0].loss == pytest.approx(math.log(2), abs=1e-6)
            found[weight] = own.language.logprobs(
                ["<doc> Human : hi <end> Assistant :"], ["good sun <end>"]
            )[0]
        assert sum(found[1.0]) > sum(found[0.0]) + 1

    def test_refuse_what_they_cannot_read(self):
        """In a sentence each."""
        with pytest.raises(InputError, match="needs comparisons with grades"):
            next(train_judge(judge(), comparisons(2, seed=0), replace(TRAINING, objective="l2")))
        with pytest.raises(InputError, match="mean nothing to imitation"):
            JudgeTrainingConfig(objective="imitation", lm_weight=1.0)

    def test_share_one_binary_loss(self):
        """A sure label is a hard one; half a label is a coin."""
        scores = torch.tensor([1.0, -2.0])
        hard = binary_loss(scores, torch.tensor([True, False]))
        torch.testing.assert_close(soft_binary_loss(scores, torch.tensor([1.0, 0.0])), hard)
        assert soft_binary_loss(torch.zeros(1), torch.tensor([0.3])).item() == pytest.approx(
            math.log(2)
        )
        with pytest.raises(InputError, match="between 0 and 1"):
            soft_binary_loss(scores, torch.tensor([1.5, 0.0]))


def graded_either(pairs: list[Comparison]) -> list[Comparison]:
    """Grades that go with the label, whichever reply it is for."""
    return [replace(one, grades=(2.0, -1.0) if one.p_first == 1 else (-1.0, 2.0)) for one in pairs]


class TestGrades:
    def test_go_with_a_comparison_through_a_file_and_a_swap(self):
        """They are read, checked and turned round."""
        record = {"prompt": "hi", "first": "a", "second": "b", "p_first": 1, "grades": [3, 1]}
        one = comparison_of(record)
        assert one.grades == (3.0, 1.0)
        assert one.swapped.grades == (1.0, 3.0)
        assert one.preferred == one.swapped.preferred == "a"
        with pytest.raises(InputError, match="list of two numbers"):
            comparison_of(record | {"grades": [1]})
        with pytest.raises(InputError, match="must be finite"):
            replace(one, grades=(math.nan, 0.0))


class TestPretraining:
    def test_grades_votes_as_the_paper_does(self):
        """On a log scale, one more for the accepted answer, one less than none if voted down."""
        assert [vote_grade(votes) for votes in (-3, 0, 1, 3, 10, 1000)] == [-1, 0, 1, 2, 3, 10]
        assert vote_grade(3, accepted=True) == 3
        assert vote_grade(-1, accepted=True) == -1

    def test_compares_answers_whose_grades_differ(self):
        """Every such pair, the better first."""
        found = voted_comparisons(ASKED, ["sun", "rain", "good"], [1, 0, 1])
        assert {(one.first, one.second) for one in found} == {("sun", "rain"), ("good", "rain")}
        assert all(one.grades == (1, 0) for one in found)
        with pytest.raises(InputError, match="not as many"):
            voted_comparisons(ASKED, ["sun"], [])

    def test_binarises_without_a_direction(self):
        """Both replies win once and lose once: as what they are, against what they are not."""
        one = Comparison(prompt=ASKED, first="rain", second="sun", p_first=0.2)
        better, worse = binarised([one], good="hi", bad=".")
        assert (better.first, better.second) == ("hi sun", ". sun")
        assert (worse.first, worse.second) == (". rain", "hi rain")
        assert better.p_first == worse.p_first == 0.8
        with pytest.raises(InputError, match="says nothing"):
            binarised([one], good="x", bad="x ")


def trained(seed: int):
    own = judge(seed=seed)
    list(train_judge(own, comparisons(400, seed=seed), TRAINING))
    return own


MEMBERS = [trained(seed) for seed in range(3)]
TALKS = [talk("good sun"), talk("bad sun"), talk("rain good . sun"), talk("bad")]


class TestEnsembles:
    def test_score_from_a_common_zero(self):
        """By hand: each member's mean over the dialogues is taken off, then the rule applies."""
        own = torch.stack([member.score(TALKS) for member in MEMBERS])
        own = own - own.mean(dim=1, keepdim=True)
        rules: dict[Rule, torch.Tensor] = {
            "mean": own.mean(dim=0),
            "min": own.min(dim=0).values,
            "penalised": own.mean(dim=0) - 0.5 * own.var(dim=0, correction=0),
        }
        for rule, expected in rules.items():
            found = centred(MEMBERS, TALKS, rule=rule, penalty=0.5)
            torch.testing.assert_close(found.score(TALKS), expected, atol=1e-5, rtol=1e-5)
            assert isinstance(found, Judge)
            assert agreement(found.margins(HELD_OUT), HELD_OUT).accuracy > 0.9

    def test_refuse_what_cannot_score(self):
        """In a sentence each."""
        with pytest.raises(InputError, match="no dialogues"):
            centred(MEMBERS, [])
        with pytest.raises(InputError, match="0 members"):
            centred([], TALKS)


class LongIsGood:
    """A judge that counts words."""

    def score(self, dialogues):
        return torch.tensor([float(len(one[-1].text.split())) for one in dialogues])

    def margins(self, comparisons):
        first, second = (
            self.score([one.dialogue(r) for one in comparisons for r in (one.first, one.second)])
            .view(-1, 2)
            .T
        )
        return first - second


class TestControls:
    def test_unmask_a_judge_that_counts_words(self):
        """Right where the better reply is longer, and lost where both are as long."""
        pairs = [
            Comparison(prompt=ASKED, first="good sun", second="bad"),
            Comparison(prompt=ASKED, first="good", second="bad rain"),
            Comparison(prompt=ASKED, first="good sun .", second="bad rain"),
            Comparison(prompt=ASKED, first="good sun", second="bad rain"),
        ]
        found = length_bias(LongIsGood(), pairs)
        assert found.accuracy == pytest.approx(2.5 / 4)
        assert (found.matched_accuracy, found.matched_pairs) == (0.5, 1)
        assert (found.longer_preferred, found.correlation) == (1.0, pytest.approx(1.0))
        assert found.longer_better == pytest.approx(2 / 3)
        near = length_bias(LongIsGood(), pairs, tolerance=1)
        assert near.matched_pairs == 4
        assert math.isnan(near.longer_preferred)
        with pytest.raises(InputError, match="0 comparisons"):
            length_bias(LongIsGood(), [])

    def test_leave_a_good_judge_its_accuracy(self):
        """It is as right among replies of one length."""
        found = length_bias(MEMBERS[0], HELD_OUT)
        assert found.matched_accuracy > 0.9
        assert found.matched_pairs > 5

    def test_see_what_stands_first(self):
        """A judge that always says "first", and one that does not care."""
        always = position_bias(torch.tensor([0.9, 0.9]), torch.tensor([0.9, 0.9]))
        assert (always.first_preferred, always.flipped) == (pytest.approx(0.9), 1.0)
        assert always.inconsistency == pytest.approx(0.8)
        fair = position_bias(torch.tensor([0.9, 0.2]), torch.tensor([0.1, 0.8]))
        assert fair.first_preferred == pytest.approx(0.5)
        assert fair.inconsistency == pytest.approx(0, abs=1e-6)
        assert fair.flipped == 0
        with pytest.raises(InputError, match="0 pairs"):
            position_bias(torch.zeros(0), torch.zeros(0))
