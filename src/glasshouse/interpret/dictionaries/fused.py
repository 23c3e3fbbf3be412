"""Top-k codes without the latents that are not active.

A dense autoencoder computes, keeps and differentiates a matrix of all latents of all rows, of which
it uses one in a hundred. Here the matrix exists for a few rows at a time, and forward and backward
touch active latents only; gradients are exactly those of the dense formula, through the decoder
bias's way into the encoder too.

Source:
    Gao et al. 2024, "Scaling and evaluating sparse autoencoders" (2406.04093), section 2.3 and
    appendix D, "Kernels". Differs: the selection by groups, and gradients as products with one
    sparse matrix in compressed rows.
"""

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

_ROWS_AT_ONCE = 256
"""Rows whose latents exist at one time on a CPU: a megabyte for every thousand latents."""
_SMALLEST_TO_GROUP = 16
"""Latents for each one chosen, from which on looking for groups first is worth it."""


def select(
    latents: Float[Tensor, "batch latent"], k: int
) -> tuple[Float[Tensor, "batch k"], Int[Tensor, "batch k"]]:
    """The k largest latents of each row, in no particular order.

    The k largest lie in the k groups with the largest maxima, whatever the groups: so k groups of
    eight are looked for among the maxima, and k latents among theirs.

    Args:
        latents: Before or after the nonlinearity.
        k: How many; at most as many as there are.

    Returns:
        Values and places.
    """
    batch, count = latents.shape
    size = 8
    if count % size or count < _SMALLEST_TO_GROUP * k:
        return latents.topk(k, dim=1, sorted=False)
    # A group is every (count / 8)-th latent, so that maxima are taken of whole rows side by side.
    groups = latents.view(batch, size, count // size)
    chosen = groups.amax(dim=1).topk(k, dim=1, sorted=False).indices
    members = groups.gather(2, chosen[:, None].expand(batch, size, k)).flatten(1)
    values, places = members.topk(k, dim=1, sorted=False)
    member = torch.div(places, k, rounding_mode="floor")
    return values, member * (count // size) + chosen.gather(1, places - member * k)


def encode_topk(
    values: Float[Tensor, "batch d_in"],
    encoder: Float[Tensor, "latent d_in"],
    encoder_bias: Float[Tensor, " latent"],
    k: int,
) -> tuple[Float[Tensor, "batch k"], Int[Tensor, "batch k"]]:
    """The k most active latents of each row, negative ones as zero; without gradients."""
    with torch.no_grad():
        if values.device.type != "cpu":
            found, places = select(torch.addmm(encoder_bias, values, encoder.T), k)
            return found.relu_(), places
        codes = values.new_empty(len(values), k)
        indices = torch.empty(len(values), k, dtype=torch.long)
        buffer = values.new_empty(min(_ROWS_AT_ONCE, len(values)), len(encoder))
        for start in range(0, len(values), _ROWS_AT_ONCE):
            rows = values[start : start + _ROWS_AT_ONCE]
            latents = torch.addmm(encoder_bias, rows, encoder.T, out=buffer[: len(rows)])
            end = start + len(rows)
            codes[start:end], indices[start:end] = select(latents, k)
        return codes.relu_(), indices


def topk_autoencode(
    values: Float[Tensor, "batch d_in"],
    encoder: Float[Tensor, "latent d_in"],
    encoder_bias: Float[Tensor, " latent"],
    decoder: Float[Tensor, "latent d_out"],
    decoder_bias: Float[Tensor, " d_out"],
    k: int,
    *,
    centre: bool,
) -> tuple[Float[Tensor, "batch d_out"], Float[Tensor, "batch k"], Int[Tensor, "batch k"]]:
    """Encode, keep the k most active latents, decode; differentiable.

    Args:
        values: What to write as codes.
        encoder: A row a latent.
        encoder_bias: Added before the selection.
        decoder: A row a latent.
        decoder_bias: Added to every reconstruction.
        k: Latents that stay, of each row.
        centre: Subtract the decoder bias from the values first; needs d_in = d_out.

    Returns:
        The reconstruction; activations of the chosen latents, never negative; their numbers.
    """
    return _TopK.apply(values, encoder, encoder_bias, decoder, decoder_bias, k, centre)  # type: ignore[return-value]


def sparse_decode(
    codes: Float[Tensor, "batch k"],
    indices: Int[Tensor, "batch k"],
    decoder: Float[Tensor, "latent d_out"],
) -> Float[Tensor, "batch d_out"]:
    """Add up the directions of active latents; differentiable in the codes and the decoder."""
    return _SparseDecode.apply(codes, indices, decoder)  # type: ignore[return-value]


class _TopK(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        values: Tensor,
        encoder: Tensor,
        encoder_bias: Tensor,
        decoder: Tensor,
        decoder_bias: Tensor,
        k: int,
        centre: bool,
    ) -> tuple[Tensor, Tensor, Tensor]:
        inputs = values - decoder_bias if centre else values
        codes, indices = encode_topk(inputs, encoder, encoder_bias, k)
        ctx.save_for_backward(inputs, encoder, decoder, codes, indices)
        ctx.centre = centre
        ctx.mark_non_differentiable(indices)
        return _weighted_sum(indices, codes, decoder).add_(decoder_bias), codes, indices

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        inputs, encoder, decoder, codes, indices = ctx.saved_tensors
        of_output, of_codes = gradients[0].contiguous(), gradients[1]
        of_latents = _dots(of_output, decoder, indices).add_(of_codes).mul_(codes > 0)
        turned = _Turned(indices, len(encoder))
        of_bias = encoder.new_zeros(len(encoder))
        of_bias.index_add_(0, indices.flatten(), of_latents.flatten())
        of_offset = of_output.sum(dim=0)
        if ctx.centre:
            of_offset -= of_bias @ encoder
        return (
            _weighted_sum(indices, of_latents, encoder) if ctx.needs_input_grad[0] else None,
            turned.weighted_sum(of_latents, inputs),
            of_bias,
            turned.weighted_sum(codes, of_output),
            of_offset,
            None,
            None,
        )


class _SparseDecode(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, codes: Tensor, indices: Tensor, decoder: Tensor) -> Tensor:
        ctx.save_for_backward(codes, indices, decoder)
        return _weighted_sum(indices, codes, decoder)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        codes, indices, decoder = ctx.saved_tensors
        of_output = gradients[0].contiguous()
        return (
            _dots(of_output, decoder, indices) if ctx.needs_input_grad[0] else None,
            None,
            _Turned(indices, len(decoder)).weighted_sum(codes, of_output)
            if ctx.needs_input_grad[2]
            else None,
        )


class _Turned:
    """Which rows each latent is active on: the indices by latent instead of by row."""

    def __init__(self, indices: Int[Tensor, "batch k"], num_latents: int) -> None:
        flat = indices.flatten()
        # Short keys sort faster; the order among equal ones decides in which order sums are made.
        short = flat.short() if num_latents <= 1 << 15 else flat.int()
        found, self._order = short.sort(stable=True)
        self._rows = torch.div(self._order, indices.shape[1], rounding_mode="floor")
        every = torch.arange(num_latents, device=flat.device, dtype=found.dtype)
        self._offsets = torch.searchsorted(found, every)

    def weighted_sum(
        self, weights: Float[Tensor, "batch k"], table: Float[Tensor, "batch d"]
    ) -> Float[Tensor, "latent d"]:
        """For each latent, the sum of the table's rows that it is active on, by its weights."""
        return torch.nn.functional.embedding_bag(
            self._rows,
            table,
            offsets=self._offsets,
            per_sample_weights=weights.flatten()[self._order],
            mode="sum",
        )


def _weighted_sum(indices: Tensor, weights: Tensor, table: Tensor) -> Tensor:
    """For each row, the sum of the table's rows at its indices, by its weights."""
    return torch.nn.functional.embedding_bag(indices, table, per_sample_weights=weights, mode="sum")


def _dots(rows: Tensor, table: Tensor, indices: Tensor) -> Tensor:
    """The product of each row with each of the table's rows at its indices."""
    batch, k = indices.shape
    offsets = torch.arange(0, batch * k, k, device=indices.device)
    owner = torch.arange(batch, device=indices.device).repeat_interleave(k)
    flat = torch.ops.aten._embedding_bag_per_sample_weights_backward(
        rows, table, indices.flatten(), offsets, owner, 0
    )
    return flat.view(batch, k)


def latents_at(
    values: Float[Tensor, "batch d_in"],
    encoder: Float[Tensor, "latent d_in"],
    encoder_bias: Float[Tensor, " latent"],
    indices: Int[Tensor, "batch k"],
) -> Float[Tensor, "batch k"]:
    """Latents before the nonlinearity, only those that are named; differentiable in all."""
    return _LatentsAt.apply(values, encoder, encoder_bias, indices)  # type: ignore[return-value]


class _LatentsAt(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, values: Tensor, encoder: Tensor, encoder_bias: Tensor, indices: Tensor
    ) -> Tensor:
        ctx.save_for_backward(values, encoder, indices)
        return _dots(values, encoder, indices).add_(encoder_bias[indices])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        values, encoder, indices = ctx.saved_tensors
        of_latents = gradients[0].contiguous()
        of_bias = encoder.new_zeros(len(encoder))
        of_bias.index_add_(0, indices.flatten(), of_latents.flatten())
        return (
            _weighted_sum(indices, of_latents, encoder) if ctx.needs_input_grad[0] else None,
            _Turned(indices, len(encoder)).weighted_sum(of_latents, values),
            of_bias,
            None,
        )
