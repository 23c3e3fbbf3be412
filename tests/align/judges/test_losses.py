"""Losses of judges and of policies that learn from pairs, worked by hand."""

import math

import pytest
import torch

from glasshouse.align import (
    binary_loss,
    dpo_loss,
    ranked_loss,
    score_loss,
    soft_ranked_loss,
)
from glasshouse.errors import InputError


def test_ranked_loss_is_the_surprise_at_a_preference():
    """Equal scores: a coin; one nat apart: odds of e."""
    found = ranked_loss(torch.tensor([0.0, 3.0, 2.0]), torch.tensor([0.0, 2.0, 3.0]))
    assert found.tolist() == pytest.approx(
        [math.log(2), math.log(1 + math.exp(-1)), math.log(1 + math.e)]
    )


def test_soft_labels_at_the_ends_are_ranks():
    """And a label that the scores agree with costs no more than its entropy."""
    first, second = torch.tensor([1.5, 0.2]), torch.tensor([0.5, 0.9])
    sure = soft_ranked_loss(first, second, torch.tensor([1.0, 0.0]))
    assert sure[0] == ranked_loss(first, second)[0]
    assert sure[1] == ranked_loss(second, first)[1]
    label = torch.sigmoid(first - second)
    entropy = -label * label.log() - (1 - label) * (1 - label).log()
    torch.testing.assert_close(soft_ranked_loss(first, second, label), entropy)
    with pytest.raises(InputError, match="between 0 and 1"):
        soft_ranked_loss(first, second, torch.tensor([0.5, 1.2]))


def test_binary_loss_knows_good_from_bad():
    """Each item by itself."""
    found = binary_loss(torch.tensor([2.0, 2.0]), torch.tensor([True, False]))
    assert found.tolist() == pytest.approx([math.log(1 + math.exp(-2)), math.log(1 + math.exp(2))])


def test_score_loss_is_squared():
    """Nothing more."""
    assert score_loss(torch.tensor([1.0, 4.0]), torch.tensor([3.0, 4.0])).tolist() == [4.0, 0.0]


class TestDpo:
    def test_agrees_with_the_paper_on_a_case_by_hand(self):
        """beta times the difference of log-ratios, through a sigmoid."""
        found = dpo_loss(torch.tensor([1.2, -0.5]), torch.tensor([0.2, 0.5]), beta=0.5)
        assert found.tolist() == pytest.approx(
            [math.log(1 + math.exp(-0.5)), math.log(1 + math.exp(0.5))]
        )

    def test_leaves_the_best_policy_where_it_is(self):
        """With preferences of exp(reward), the optimum is reference times exp(reward / beta)."""
        reward, reference, beta = torch.tensor([1.0, -0.3]), torch.tensor([0.4, -0.9]), 0.7
        policy = (reference + reward / beta).requires_grad_()
        margin, before = policy[0] - policy[1], reference[0] - reference[1]
        label = torch.sigmoid(reward[0] - reward[1])
        loss = label * dpo_loss(margin[None], before[None], beta=beta) + (1 - label) * dpo_loss(
            -margin[None], -before[None], beta=beta
        )
        (slope,) = torch.autograd.grad(loss.sum(), policy)
        assert slope.abs().max() < 1e-6

    def test_smoothed_labels_have_a_finite_optimum(self):
        """At the margin whose sigmoid is the share of labels that are right."""
        margin = torch.tensor([math.log(9.0)], requires_grad=True)
        dpo_loss(margin, torch.zeros(1), beta=1.0, label_smoothing=0.1).sum().backward()
        assert margin.grad is not None
        assert margin.grad.abs().item() < 1e-6

    @pytest.mark.parametrize("options", [{"beta": 0.0}, {"beta": 1.0, "label_smoothing": 0.5}])
    def test_refuses_what_teaches_nothing(self, options):
        """No pull, or labels that say nothing."""
        with pytest.raises(InputError, match="beta="):
            dpo_loss(torch.zeros(1), torch.zeros(1), **options)
