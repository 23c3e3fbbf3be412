"""The sparse path gives what the dense formula gives, gradients included."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from glasshouse.interpret.dictionaries.fused import (
    encode_topk,
    select,
    sparse_decode,
    topk_autoencode,
)

Weights = tuple[Tensor, Tensor, Tensor, Tensor]
"""Encoder, encoder bias, decoder, decoder bias."""


def dense_topk(values: Tensor, weights: Weights, k: int, *, centre: bool) -> tuple[Tensor, Tensor]:
    """The formula as the paper writes it; reconstruction and codes of all latents."""
    encoder, encoder_bias, decoder, decoder_bias = weights
    latents = (values - decoder_bias if centre else values) @ encoder.T + encoder_bias
    found, places = latents.topk(k, dim=1)
    codes = torch.zeros_like(latents).scatter(1, places, found.relu())
    return codes @ decoder + decoder_bias, codes


def normal(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def weights_of(latents: int, width: int, out: int, *, seed: int = 0) -> Weights:
    shapes = ((latents, width), (latents,), (latents, out), (out,))
    one, two, three, four = (
        normal(*shape, seed=seed + i).requires_grad_() for i, shape in enumerate(shapes)
    )
    return one, two, three, four


class TestSelect:
    """The k largest of each row."""

    @given(st.integers(1, 300), st.integers(1, 9), st.integers(0, 100))
    def test_finds_what_sorting_finds(self, count, k, seed):
        """Whatever the numbers, grouped or not."""
        k = min(k, count)
        latents = normal(5, count, seed=seed)
        found, places = select(latents, k)
        assert torch.equal(found.sort(dim=1).values, latents.sort(dim=1).values[:, -k:])
        assert torch.equal(latents.gather(1, places), found)

    def test_finds_several_of_one_group(self):
        """The largest latents may all be neighbours in one group."""
        latents = torch.zeros(1, 128)
        latents[0, 3::16] = torch.arange(1.0, 9.0)
        assert sorted(select(latents, 8)[1].flatten().tolist()) == list(range(3, 128, 16))


class TestTopkAutoencode:
    """One program for encoder, selection and decoder."""

    @pytest.mark.parametrize("centre", [True, False])
    @pytest.mark.parametrize("latents", [24, 600])
    def test_has_the_dense_formula_s_values_and_gradients(self, centre, latents):
        """All of them: both weights, both biases and the values themselves, to rounding."""
        values = [normal(40, 6, seed=9).requires_grad_() for _ in range(2)]
        weights = [weights_of(latents, 6, 6) for _ in range(2)]
        rebuilt, codes, indices = topk_autoencode(values[0], *weights[0], 5, centre=centre)
        wanted, wanted_codes = dense_topk(values[1], weights[1], 5, centre=centre)
        torch.testing.assert_close(rebuilt, wanted)
        torch.testing.assert_close(wanted_codes.gather(1, indices), codes)
        scale = normal(6, seed=3)
        for value, result, active in (
            (values[0], rebuilt, codes),
            (values[1], wanted, wanted_codes),
        ):
            ((result - value).pow(2) @ scale + active.pow(3).sum(1)).sum().backward()
        for ours, theirs in zip([values[0], *weights[0]], [values[1], *weights[1]], strict=True):
            torch.testing.assert_close(ours.grad, theirs.grad)

    def test_takes_other_values_out_than_in(self):
        """As a transcoder does."""
        rebuilt, _, _ = topk_autoencode(
            normal(4, 6, seed=1), *weights_of(24, 6, 9), 3, centre=False
        )
        assert rebuilt.shape == (4, 9)

    def test_has_codes_of_zero_where_too_few_latents_are_positive(self):
        """Negative latents that were chosen for want of others add nothing and learn nothing."""
        encoder, encoder_bias, decoder, decoder_bias = weights_of(8, 4, 4)
        low = (encoder_bias.detach() - 100).requires_grad_()
        rebuilt, codes, _ = topk_autoencode(
            normal(3, 4, seed=5), encoder, low, decoder, decoder_bias, 2, centre=True
        )
        rebuilt.sum().backward()
        assert not codes.any()
        assert low.grad is not None
        assert not low.grad.any()
        torch.testing.assert_close(rebuilt, decoder_bias.expand(3, 4))

    def test_is_the_same_for_any_number_of_rows_at_once(self):
        """Rows are encoded some hundreds at a time."""
        values, weights = normal(700, 6, seed=2), weights_of(24, 6, 6)
        codes, indices = encode_topk(values, weights[0], weights[1], 3)
        late, late_indices = encode_topk(values[600:], weights[0], weights[1], 3)
        torch.testing.assert_close(codes[600:], late)
        assert torch.equal(indices[600:], late_indices)


class TestSparseDecode:
    """Directions of active latents, added up."""

    def test_has_the_gradients_of_a_product(self):
        """Checked by small differences; a latent may occur twice in a row."""
        indices = torch.tensor([[0, 3], [2, 2], [1, 0]])
        codes, decoder = (normal(*shape, seed=4).requires_grad_() for shape in ((3, 2), (5, 4)))
        assert torch.autograd.gradcheck(lambda c, d: sparse_decode(c, indices, d), (codes, decoder))
