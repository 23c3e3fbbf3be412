"""Estimates of divergence beside the divergence itself."""

import math

import pytest
import torch

from glasshouse.align import best_of_n_kl, k1, k3
from glasshouse.errors import InputError

POLICY = torch.tensor([0.5, 0.3, 0.2])
REFERENCE = torch.tensor([0.2, 0.2, 0.6])


def test_both_estimates_expect_the_divergence():
    """Exactly, by summing over all that could be drawn."""
    exact = float((POLICY * (POLICY / REFERENCE).log()).sum())
    drawn, everywhere = torch.arange(3)[:, None], torch.ones(3, 1, dtype=torch.bool)
    for estimate in (k1, k3):
        each = estimate(POLICY.log()[drawn], REFERENCE.log()[drawn], everywhere)
        assert float((POLICY * each).sum()) == pytest.approx(exact, rel=1e-5)
    spread = [
        float((POLICY * (e - exact) ** 2).sum())
        for e in (k(POLICY.log()[drawn], REFERENCE.log()[drawn], everywhere) for k in (k1, k3))
    ]
    assert spread[1] < spread[0]
    assert (k3(POLICY.log()[drawn], REFERENCE.log()[drawn], everywhere) >= 0).all()


def test_only_what_the_policy_wrote_counts():
    """A prompt or padding of any probability changes nothing."""
    policy = torch.tensor([[-500.0, -1.0, -2.0, 7.0]])
    reference = torch.tensor([[500.0, -1.5, -1.0, -7.0]])
    is_reply = torch.tensor([[False, True, True, False]])
    assert k1(policy, reference, is_reply).tolist() == pytest.approx([0.5 - 1.0])
    found = k3(policy, reference, is_reply).tolist()
    assert found == pytest.approx([math.exp(-0.5) - 1 + 0.5 + math.e - 2])


@pytest.mark.parametrize("n", [1, 2, 5])
def test_best_of_n_costs_what_order_statistics_say(n):
    """The best of n of a uniform score has density n u^(n-1): the integral of its log."""
    grid = (torch.arange(200_000, dtype=torch.float64) + 0.5) / 200_000
    density = n * grid ** (n - 1)
    assert best_of_n_kl(n) == pytest.approx(float((density * density.log()).mean()), abs=1e-4)


def test_refuses_the_best_of_nothing():
    """There is none."""
    with pytest.raises(InputError, match="n=0"):
        best_of_n_kl(0)
