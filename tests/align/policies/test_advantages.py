"""What samples were worth, beside plain loops and cases by hand."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from glasshouse.align import (
    clipped_policy_loss,
    clipped_value_loss,
    generalised_advantages,
    group_advantages,
    leave_one_out_advantages,
    whitened,
)
from glasshouse.errors import InputError


def by_definition(reward, value, start, end, discount, trace):
    """The sum of discounted surprises of each token of one reply."""
    found = [0.0] * len(reward)
    for first in range(start, end):
        for place in range(first, end):
            following = value[place + 1] if place + 1 < end else 0.0
            surprise = reward[place] + discount * following - value[place]
            found[first] += (discount * trace) ** (place - first) * surprise
    return found


@settings(max_examples=40, deadline=None)
@given(
    start=st.integers(0, 3),
    length=st.integers(1, 4),
    discount=st.floats(0, 1),
    trace=st.floats(0, 1),
    seed=st.integers(0, 99),
)
def test_generalised_advantages_are_sums_of_surprises(start, length, discount, trace, seed):
    """Whatever stands before and behind the reply."""
    chance = torch.Generator().manual_seed(seed)
    reward, value = torch.randn(2, 2, 8, generator=chance)
    is_reply = torch.zeros(2, 8, dtype=torch.bool)
    is_reply[0, start : start + length] = True
    is_reply[1, 2:4] = True
    found = generalised_advantages(reward, value, is_reply, discount=discount, trace=trace)
    end = start + length
    first = by_definition(reward[0].tolist(), value[0].tolist(), start, end, discount, trace)
    second = by_definition(reward[1].tolist(), value[1].tolist(), 2, 4, discount, trace)
    torch.testing.assert_close(found, torch.tensor([first, second]), rtol=1e-4, atol=1e-5)


def test_generalised_advantages_wait_for_the_reward_of_the_whole():
    """With no discount and a trace of 1: the return less what was expected."""
    reward = torch.tensor([[0.0, 0.0, 0.0, 2.0, 9.0]])
    value = torch.tensor([[7.0, 0.5, 1.0, 1.5, 7.0]])
    is_reply = torch.tensor([[False, True, True, True, False]])
    found = generalised_advantages(reward, value, is_reply, trace=1.0)
    assert found.tolist() == [[0.0, 1.5, 1.0, 0.5, 0.0]]
    with pytest.raises(InputError, match=r"discount=1\.1"):
        generalised_advantages(reward, value, is_reply, discount=1.1)


def test_leave_one_out_compares_with_the_others():
    """And so expects nothing of the mean of all."""
    found = leave_one_out_advantages(torch.tensor([[1.0, 2.0, 6.0]]))
    assert found.tolist() == [[1 - 4.0, 2 - 3.5, 6 - 1.5]]
    with pytest.raises(InputError, match="two or more"):
        leave_one_out_advantages(torch.ones(3, 1))


def test_group_advantages_are_in_units_of_their_spread():
    """Equal samples teach nothing, divided or not."""
    reward = torch.tensor([[1.0, 3.0], [10.0, 30.0], [5.0, 5.0]])
    found = group_advantages(reward, epsilon=0.0)[:2]
    torch.testing.assert_close(found[0], found[1])
    assert group_advantages(reward)[2].tolist() == [0.0, 0.0]
    assert group_advantages(reward, divide=False)[1].tolist() == [-10.0, 10.0]


def test_whitening_looks_at_replies_alone():
    """Mean 0 and variance 1 over what counts, 0 elsewhere."""
    advantage = torch.tensor([[100.0, 1.0, 3.0], [5.0, 7.0, -50.0]])
    is_reply = torch.tensor([[False, True, True], [True, True, False]])
    found = whitened(advantage, is_reply)
    assert found[is_reply].mean().item() == pytest.approx(0, abs=1e-6)
    assert found[is_reply].var(correction=0).item() == pytest.approx(1, rel=1e-5)
    assert not found[~is_reply].any()
    kept = whitened(advantage, is_reply, centre=False)[is_reply]
    assert kept.mean().item() == pytest.approx(4, rel=1e-5)
    assert not whitened(advantage, torch.zeros_like(is_reply)).any()


class TestClipping:
    def test_a_ratio_beyond_the_clip_gains_nothing_more(self):
        """But loses all that it loses."""
        old = torch.zeros(1, 4)
        new = torch.tensor([[1.5, 1.5, 0.5, 0.5]]).log().requires_grad_()
        advantage = torch.tensor([[1.0, -1.0, 1.0, -1.0]])
        loss = clipped_policy_loss(new, old, advantage, clip=0.2)
        assert loss.flatten().tolist() == pytest.approx([-1.2, 1.5, -0.5, 0.8])
        (slope,) = torch.autograd.grad(loss.sum(), new)
        assert slope.flatten().tolist() == pytest.approx([0.0, 1.5, -0.5, 0.0])

    def test_may_rise_further_than_it_may_fall(self):
        """Two clips."""
        new = torch.tensor([[1.5]]).log()
        loss = clipped_policy_loss(new, torch.zeros(1, 1), torch.ones(1, 1), clip_above=0.4)
        assert loss.item() == pytest.approx(-1.4)
        with pytest.raises(InputError, match="clip=1"):
            clipped_policy_loss(new, new, new, clip=1.0)

    def test_values_that_ran_ahead_pay_as_they_are(self):
        """The worse of both errors; without a clip the plain one."""
        old, target = torch.zeros(1, 2), torch.tensor([[1.0, -1.0]])
        new = torch.tensor([[0.8, 0.8]])
        assert clipped_value_loss(new, old, target).flatten().tolist() == pytest.approx(
            [0.5 * 0.8**2, 0.5 * 1.8**2]
        )
        plain = clipped_value_loss(new, old, target, clip=None)
        assert plain.flatten().tolist() == pytest.approx([0.5 * 0.2**2, 0.5 * 1.8**2])
