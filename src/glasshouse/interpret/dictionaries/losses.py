"""What each kind of dictionary is trained to make small."""

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from glasshouse.interpret.dictionaries.dictionary import Dictionary
from glasshouse.interpret.dictionaries.fused import (
    latents_at,
    select,
    sparse_decode,
    topk_autoencode,
)
from glasshouse.interpret.dictionaries.kinds import BatchTopK, Gated, JumpReLU, ReLU, TopK


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Loss:
    """A batch's loss and what it is made of; values are scaled."""

    total: Float[Tensor, ""]
    """What is minimised."""
    error: Float[Tensor, ""]
    """Squared error of a row, summed over dimensions."""
    l0: Float[Tensor, ""]
    """Active latents of a row."""
    active: Bool[Tensor, " latent"]
    """Latents that were active in any row."""
    row_error: Float[Tensor, " batch"]
    """Squared error of each row."""


def dictionary_loss(
    dictionary: Dictionary,
    inputs: Float[Tensor, "batch d_in"],
    targets: Float[Tensor, "batch d_out"],
    *,
    sparsity: float | Tensor = 1.0,
    dead: Int[Tensor, " dead"] | None = None,
) -> Loss:
    """The loss of a batch.

    Args:
        dictionary: In training.
        inputs: Scaled values, not centred.
        targets: Scaled targets.
        sparsity: Multiplies the penalty; rises from 0 to 1 at the start of training.
        dead: Latents that count as dead, for the auxiliary error; None: there are none.
    """
    kind = dictionary.config.kind
    if isinstance(kind, TopK | BatchTopK):
        return _topk_loss(dictionary, kind, inputs, targets, dead)
    if isinstance(kind, JumpReLU):
        return _jump_loss(dictionary, kind, inputs, targets, sparsity)
    if isinstance(kind, Gated):
        return _gated_loss(dictionary, kind, inputs, targets, sparsity)
    return _relu_loss(dictionary, kind, inputs, targets, sparsity)


def _relu_loss(
    dictionary: Dictionary, kind: ReLU, inputs: Tensor, targets: Tensor, sparsity: float | Tensor
) -> Loss:
    codes = dictionary.latents(dictionary.centred(inputs)).relu()
    rebuilt = codes @ dictionary.write_weights() + dictionary.decoder_bias
    row_error = (rebuilt - targets).square().sum(dim=1)
    weighs = kind.decoder == "decoder-norm"
    lengths = dictionary.part_lengths().sum(dim=1) if weighs else None
    size = codes.sum(dim=1) if lengths is None else codes @ lengths
    scale = 1.0 if kind.reduction == "sum" else targets.shape[1]
    total = row_error.mean() / scale + sparsity * kind.penalty * size.mean()
    return _loss(total, row_error, codes > 0)


def _topk_loss(
    dictionary: Dictionary,
    kind: TopK | BatchTopK,
    inputs: Tensor,
    targets: Tensor,
    dead: Tensor | None,
) -> Loss:
    if isinstance(kind, TopK):
        rebuilt, codes, indices = topk_autoencode(
            inputs,
            dictionary.encoder,
            dictionary.encoder_bias,
            dictionary.decoder,
            dictionary.decoder_bias,
            kind.k,
            centre=dictionary.config.is_autoencoder,
        )
    else:
        centred = dictionary.centred(inputs)
        indices, chosen = batch_topk(dictionary, centred, kind.k)
        latents = latents_at(centred, dictionary.encoder, dictionary.encoder_bias, indices)
        codes = latents.relu() * chosen
        rebuilt = sparse_decode(codes, indices, dictionary.decoder) + dictionary.decoder_bias
        _follow_threshold(dictionary, kind, codes)
    row_error = (rebuilt - targets).square().sum(dim=1)
    total = row_error.mean()
    for share in kind.prefixes:
        inside = indices < max(int(share * dictionary.num_latents), 1)
        part = sparse_decode(codes * inside, indices, dictionary.decoder) + dictionary.decoder_bias
        total = total + (part - targets).square().sum(dim=1).mean()
    total = total / (1 + len(kind.prefixes))
    if dead is not None and len(dead) and kind.auxiliary:
        missed = (targets - rebuilt).detach()
        total = total + kind.auxiliary * _auxiliary(dictionary, kind, inputs, missed, dead)
    is_active = codes > 0
    counts = torch.zeros(dictionary.num_latents, dtype=codes.dtype, device=codes.device)
    active = counts.index_add_(0, indices.flatten(), is_active.flatten().to(codes.dtype)) > 0
    return Loss(
        total=total,
        error=row_error.detach().mean(),
        l0=is_active.sum() / len(codes),
        active=active,
        row_error=row_error.detach(),
    )


def _auxiliary(
    dictionary: Dictionary,
    kind: TopK | BatchTopK,
    inputs: Tensor,
    missed: Tensor,
    dead: Tensor,
) -> Tensor:
    """How badly dead latents rebuild what the living missed, as a share of its variance."""
    count = kind.auxiliary_k or max(dictionary.config.d_in // 2, 1)
    centred = dictionary.centred(inputs)
    latents = torch.addmm(dictionary.encoder_bias[dead], centred, dictionary.encoder[dead].T).relu()
    found, places = latents.topk(min(count, len(dead)), dim=1, sorted=False)
    rebuilt = sparse_decode(found, dead[places], dictionary.decoder)
    variance = (missed - missed.mean(dim=0)).square().sum(dim=1).mean().clamp(min=1e-12)
    return (rebuilt - missed).square().sum(dim=1).mean() / variance


@torch.no_grad()
def batch_topk(
    dictionary: Dictionary, centred: Float[Tensor, "batch d_in"], k: int
) -> tuple[Int[Tensor, "batch most"], Bool[Tensor, "batch most"]]:
    """The largest latents of a batch, k a row on average, laid out by row.

    A few times k of each row are looked at first; rows that may hold more make it look at all.

    Returns:
        Latents of each row, as many as the fullest row has, and which of them are chosen.
    """
    latents = dictionary.latents(centred).relu_()
    wanted = k * len(centred)
    look = min(4 * k, dictionary.num_latents)
    while True:
        found, places = select(latents, look)
        least = found.flatten().topk(min(wanted, found.numel()), sorted=False).values.min()
        if look == dictionary.num_latents or not (found.min(dim=1).values > least).any():
            break
        look = min(2 * look, dictionary.num_latents)
    chosen = (found >= least) & (found > 0)
    order = chosen.float().argsort(dim=1, descending=True, stable=True)
    most = max(int(chosen.sum(dim=1).max()), 1)
    order = order[:, :most]
    return places.gather(1, order), chosen.gather(1, order)


@torch.no_grad()
def _follow_threshold(dictionary: Dictionary, kind: BatchTopK, codes: Tensor) -> None:
    positive = codes[codes > 0]
    if len(positive):
        least = positive.min()
        is_first = dictionary.threshold == 0
        share = torch.where(is_first, torch.zeros_like(least), kind.memory)
        dictionary.threshold.mul_(share).add_((1 - share) * least)


class _Jump(torch.autograd.Function):
    """x where it is above its threshold; the threshold learns through a kernel around itself."""

    generate_vmap_rule = True

    @staticmethod
    def forward(latents: Tensor, threshold: Tensor, bandwidth: float) -> Tensor:
        return latents * (latents > threshold)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        latents, threshold, ctx.bandwidth = inputs
        ctx.save_for_backward(latents, threshold)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        latents, threshold = ctx.saved_tensors
        near = (latents - threshold).abs() < ctx.bandwidth / 2
        of_threshold = -(threshold / ctx.bandwidth) * (near * gradients[0]).sum(dim=0)
        return gradients[0] * (latents > threshold), of_threshold, None


class _Above(torch.autograd.Function):
    """Whether x is above its threshold, as a number; the threshold learns as above."""

    generate_vmap_rule = True

    @staticmethod
    def forward(latents: Tensor, threshold: Tensor, bandwidth: float) -> Tensor:
        return (latents > threshold).to(latents.dtype)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        latents, threshold, ctx.bandwidth = inputs
        ctx.save_for_backward(latents, threshold)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        latents, threshold = ctx.saved_tensors
        near = (latents - threshold).abs() < ctx.bandwidth / 2
        return None, -(near * gradients[0]).sum(dim=0) / ctx.bandwidth, None


def _jump_loss(
    dictionary: Dictionary,
    kind: JumpReLU,
    inputs: Tensor,
    targets: Tensor,
    sparsity: float | Tensor,
) -> Loss:
    latents = dictionary.latents(dictionary.centred(inputs))
    threshold = dictionary.log_threshold.exp()
    codes = _Jump.apply(latents, threshold, kind.bandwidth)
    above = _Above.apply(latents, threshold, kind.bandwidth)
    assert isinstance(codes, Tensor)
    assert isinstance(above, Tensor)
    rebuilt = codes @ dictionary.decoder + dictionary.decoder_bias
    row_error = (rebuilt - targets).square().sum(dim=1)
    count = above.sum(dim=1).mean()
    size = count if kind.target is None else (count / kind.target - 1).square()
    total = row_error.mean() + sparsity * kind.penalty * size
    return _loss(total, row_error, codes > 0)


def _gated_loss(
    dictionary: Dictionary, kind: Gated, inputs: Tensor, targets: Tensor, sparsity: float | Tensor
) -> Loss:
    raw = dictionary.centred(inputs) @ dictionary.encoder.T
    gate = raw + dictionary.gate_bias
    magnitude = (raw * dictionary.log_gain.exp() + dictionary.encoder_bias).relu()
    codes = magnitude * (gate > 0)
    rebuilt = codes @ dictionary.decoder + dictionary.decoder_bias
    row_error = (rebuilt - targets).square().sum(dim=1)
    opened = gate.relu()
    size = opened.sum(dim=1).mean()
    frozen = opened @ dictionary.decoder.detach() + dictionary.decoder_bias.detach()
    by_gates = (frozen - targets).square().sum(dim=1).mean()
    total = row_error.mean() + sparsity * kind.penalty * size + by_gates
    return _loss(total, row_error, codes > 0)


def _loss(total: Tensor, row_error: Tensor, is_active: Tensor) -> Loss:
    return Loss(
        total=total,
        error=row_error.detach().mean(),
        l0=is_active.sum() / len(is_active),
        active=is_active.any(dim=0),
        row_error=row_error.detach(),
    )
