"""In-context learning, on curves made by hand."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tests.interpret.subjects import graph, network, token_ids

from glasshouse.errors import InputError
from glasshouse.interpret import (
    icl_derivative,
    icl_score,
    loss_by_position,
    per_token_loss,
    phase_window,
)


class TestPerTokenLoss:
    def test_is_cross_entropy(self):
        """In batches that do not divide the texts."""
        ids = token_ids(5, 7)
        logits = network("gpt")(ids[:, :-1]).detach()
        expected = F.cross_entropy(logits.transpose(1, 2), ids[:, 1:], reduction="none")
        assert torch.allclose(per_token_loss(graph("gpt"), ids, batch_size=2), expected, atol=1e-5)
        mean = loss_by_position(graph("gpt"), ids)
        assert torch.allclose(mean, expected.mean(0), atol=1e-5)

    def test_refuses_texts_of_one_token(self):
        """Nothing predicts it."""
        with pytest.raises(InputError, match="one token"):
            per_token_loss(graph("gpt"), [[3]])


class TestIclScore:
    def test_by_hand(self):
        """Mean of places 4 and 5 less that of 1 and 2."""
        losses = torch.tensor([9.0, 5, 3, 8, 2, 1])
        assert icl_score(losses, late=4, early=1, window=2).item() == -2.5

    def test_refuses_windows_outside(self):
        """At the paper's places by default, which short texts have not."""
        with pytest.raises(InputError, match=r"early=50 and late=500 .* 6 places"):
            icl_score(torch.zeros(6))


class TestIclDerivative:
    def test_of_a_logarithm_is_its_factor(self):
        """L = -0.3 ln(n): the derivative is -0.3 everywhere."""
        losses = -0.3 * torch.arange(1, 40).double().log()
        assert torch.allclose(icl_derivative(losses), torch.full((39,), -0.3).double())


class TestPhaseWindow:
    def test_finds_a_step(self):
        """A tanh of ln(step): its slope, a sech², is half its height 0.8814 widths away."""
        steps = np.exp(np.linspace(0, 8, 800))
        scores = -np.tanh((np.log(steps) - 5) / 0.5)
        found = phase_window(steps, scores)
        assert math.log(found.steepest) == pytest.approx(5, abs=0.01)
        assert math.log(found.start) == pytest.approx(5 - 0.5 * math.acosh(2**0.5), abs=0.01)
        assert math.log(found.end) == pytest.approx(5 + 0.5 * math.acosh(2**0.5), abs=0.01)

    def test_ends_where_the_snapshots_end(self):
        """A slope that is still steep at the last snapshot has no end inside."""
        found = phase_window(np.array([1.0, 2, 4, 8]), np.array([0.0, 0, 1, 3]))
        assert found.end == pytest.approx(8)

    @pytest.mark.parametrize(
        ("steps", "scores", "said"),
        [
            ([1, 2], [0, 1], "three or more"),
            ([0, 1, 2], [0, 1, 2], "leave out step 0"),
            ([1, 3, 2], [0, 1, 2], "rise"),
            ([1, 2, 3], [1, 1, 1], "nothing changes"),
        ],
    )
    def test_refuses(self, steps, scores, said):
        """Too few, step 0, falling steps, a flat line."""
        with pytest.raises(InputError, match=said):
            phase_window(np.array(steps, dtype=float), np.array(scores, dtype=float))
