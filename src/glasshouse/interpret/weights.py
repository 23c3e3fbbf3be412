"""Weights of heads, with the norm that they read through folded in.

A norm is a centring (LayerNorm only), a scale that depends on the text, gains, and a bias. What
does not depend on the text, centring and gains, is folded into the maps around it here; scales are
left out (frozen to 1), and biases too.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from glasshouse.errors import InputError
from glasshouse.models import Transformer
from glasshouse.models.parts import RMSNormPlusOne
from glasshouse.models.transformer import Attention, Block


@dataclass(frozen=True, slots=True)
class HeadWeights:
    """The maps of every head. Shared keys and values are repeated for the heads that share them."""

    q: Float[Tensor, "layer head d_head d_model"]
    """Residual stream to query."""
    k: Float[Tensor, "layer head d_head d_model"]
    """Residual stream to key."""
    v: Float[Tensor, "layer head d_head d_model"]
    """Residual stream to value."""
    o: Float[Tensor, "layer head d_model d_head"]
    """Head to residual stream."""


@torch.no_grad()
def head_weights(network: Transformer) -> HeadWeights:
    """The maps of every head, norms folded in.

    Queries and keys are meant before positions turn or smear them; gains of norms over single
    queries and keys (Qwen 3) are folded in, those behind attention (Gemma 2) too.

    Raises:
        InputError: If the model has no layers.
    """
    if not len(network.blocks):
        raise InputError("the model has no attention heads: num_layers=0")
    layers = [_of_layer(block.attn_norm, block.attn) for block in blocks_of(network)]
    return HeadWeights(*(torch.stack(maps) for maps in zip(*layers, strict=True)))


def blocks_of(network: Transformer) -> list[Block]:
    """The network's blocks, in order."""
    return [block for block in network.blocks if isinstance(block, Block)]


def _of_layer(norm: nn.Module, attention: Attention) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    heads, group = attention.num_heads, attention.num_heads // attention.num_kv_heads
    q = folded(attention.q.weight, norm).unflatten(0, (heads, -1))
    k = folded(attention.k.weight, norm).unflatten(0, (attention.num_kv_heads, -1))
    v = folded(attention.v.weight, norm).unflatten(0, (attention.num_kv_heads, -1))
    if attention.q_norm is not None and attention.k_norm is not None:
        q = q * gains(attention.q_norm)[:, None]
        k = k * gains(attention.k_norm)[:, None]
    o = attention.out.weight.unflatten(1, (heads, -1)).transpose(0, 1)  # head d_model d_head
    if attention.post_norm is not None:
        post = attention.post_norm
        o = gains(post)[:, None] * (o - o.mean(dim=1, keepdim=True) if centres(post) else o)
    return q, k.repeat_interleave(group, dim=0), v.repeat_interleave(group, dim=0), o


def folded(weight: Float[Tensor, "out d_model"], norm: nn.Module) -> Float[Tensor, "out d_model"]:
    """A map that reads a norm's output, as a map of what the norm reads, scale apart."""
    weight = weight * gains(norm)
    return weight - weight.mean(dim=-1, keepdim=True) if centres(norm) else weight


def gains(norm: nn.Module) -> Float[Tensor, " d_model"]:
    """What a norm multiplies every component by."""
    assert isinstance(norm.weight, Tensor)
    return 1.0 + norm.weight if isinstance(norm, RMSNormPlusOne) else norm.weight


def centres(norm: nn.Module) -> bool:
    """Whether a norm subtracts the mean of the components."""
    return isinstance(norm, nn.LayerNorm)


@torch.no_grad()
def unembedding_rows(network: Transformer) -> Float[Tensor, "vocab d_model"]:
    """What each logit reads from the final residual stream, the final norm folded in."""
    return folded(network.unembed.weight, network.final_norm)
