"""Faster kernels against torch's own."""

import pytest
import torch
import torch.nn.functional as F

from glasshouse.dataflow.kernels import gelu


class TestGelu:
    @pytest.mark.parametrize("approximate", ["tanh", "none"])
    def test_agrees_with_torch(self, approximate):
        """Also far out, where the exponential of a naive form overflows, and for doubles."""
        for dtype in (torch.float32, torch.float64):
            x = torch.cat([torch.linspace(-12, 12, 1001), torch.tensor([-1e4, 0.0, 1e4])]).to(dtype)
            expected = F.gelu(x, approximate=approximate)
            torch.testing.assert_close(
                gelu(x, approximate=approximate), expected, rtol=0, atol=1e-6
            )

    def test_leaves_its_argument_and_can_be_differentiated(self):
        """The fast form works in place on its own tensor only, and steps back for gradients."""
        x = torch.randn(5, generator=torch.Generator().manual_seed(0))
        before = x.clone()
        gelu(x, approximate="tanh")
        assert torch.equal(x, before)
        x.requires_grad_()
        gelu(x, approximate="tanh").sum().backward()
        assert x.grad is not None
