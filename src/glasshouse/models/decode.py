"""One decoding step as few large operations: the same logits as the modules give, in less time.

A small model spends much of a step outside its matrix products: in calls of modules, in reshaping,
in three products where one would do. Here queries, keys and values come out of one product whose
weights were joined once, 1/sqrt(d_head) is part of those weights, and grouped queries meet the
keys they share without a copy of them. `benchmarks/models/bench_generate.py` holds what it brings.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from glasshouse.dataflow.kernels import gelu
from glasshouse.models.cache import KeyValueCache
from glasshouse.models.config import AttentionConfig, TransformerConfig
from glasshouse.models.layout import Layout, lay_out
from glasshouse.models.rotary import rotate
from glasshouse.models.transformer import (
    Attention,
    Block,
    Mlp,
    Transformer,
    bend,
)

Step = Callable[[Tensor, KeyValueCache], Tensor]
"""Feeds one token a row, Int[batch 1], and returns the logits of the next, Float[batch vocab]."""

MOST_PACKED_PARAMS = 100_000_000
"""Packing copies a quarter of the weights. Larger models spend their time in matrix products
anyway, and their memory is dearer."""

PLAIN = (nn.Linear, nn.LayerNorm, nn.RMSNorm, nn.Embedding, nn.ModuleList)
"""What the parts of a Transformer are until somebody adapts them."""


class PackedLayer(NamedTuple):
    """One block's weights, as maps applied from the right."""

    attn_norm: nn.Module
    qkv: Float[Tensor, "d_model d_packed"]
    """For each key head: the queries that share it (times 1/sqrt(d_head)), its key, its value."""
    qkv_bias: Float[Tensor, " d_packed"] | None
    out: Float[Tensor, "d_heads d_model"]
    out_bias: Float[Tensor, " d_model"] | None
    mlp_norm: nn.Module | None
    mlp: "PackedMlp | None"


class PackedMlp(NamedTuple):
    """A feed-forward part's weights, as maps applied from the right."""

    activation: str
    gate: Float[Tensor, "d_model d_mlp"] | None
    gate_bias: Float[Tensor, " d_mlp"] | None
    up: Float[Tensor, "d_model d_mlp"]
    up_bias: Float[Tensor, " d_mlp"] | None
    down: Float[Tensor, "d_mlp d_model"]
    down_bias: Float[Tensor, " d_model"] | None


def decoding_step(network: Transformer) -> Step:
    """The fastest step that gives this network's logits. It holds the weights of this moment."""
    return packed_step(network) if can_pack(network) else modular_step(network)


def can_pack(network: Transformer) -> bool:
    """Whether `packed_step` gives the logits that the network's own modules would give.

    It knows neither smeared keys, windows, caps and norms of heads nor positions in queries and
    keys, and it would pass by hooks and by parts that somebody put in place of the plain ones.
    """
    config = network.config
    return (
        config.attention == plain_attention(config)
        and config.positions.inject == "residual"
        and not config.post_norms
        and sum(parameter.numel() for parameter in network.parameters()) <= MOST_PACKED_PARAMS
        and all(is_plain(module) for module in network.modules())
    )


def plain_attention(config: TransformerConfig) -> AttentionConfig:
    """The same heads without any oddity, those included that are thought of in later years."""
    attention = config.attention
    return AttentionConfig(
        num_heads=attention.num_heads,
        num_kv_heads=attention.num_kv_heads,
        d_head=attention.d_head,
        qkv_bias=attention.qkv_bias,
        out_bias=attention.out_bias,
    )


def is_plain(module: nn.Module) -> bool:
    """Whether nobody hooked or replaced a module."""
    is_hooked = module._forward_hooks or module._forward_pre_hooks
    return not is_hooked and type(module) in (Transformer, Block, Attention, Mlp, *PLAIN)


def modular_step(network: Transformer) -> Step:
    """A step through the network's own modules."""

    def step(token: Int[Tensor, "batch 1"], cache: KeyValueCache) -> Float[Tensor, "batch vocab"]:
        return network.unembed(network.features(token, cache=cache)[:, -1])

    return step


def packed_step(network: Transformer) -> Step:
    """A step over packed weights; `can_pack` says for which networks it is right."""
    config = network.config
    layers = [pack(block) for block in network.blocks if isinstance(block, Block)]
    embed, unembed = network.embed.weight, network.unembed.weight.T
    places = None if network.pos_embed is None else network.pos_embed.weight

    def step(token: Int[Tensor, "batch 1"], cache: KeyValueCache) -> Float[Tensor, "batch vocab"]:
        slot = cache.used
        cache.take_slots(1)
        layout = lay_out(token, config, "explicit", starts=cache.starts, first=slot)
        x = F.embedding(token[:, 0], embed)
        if places is not None:
            x = x + F.embedding(layout.positions[:, 0], places)
        pairs = cache.pairs[..., : slot + 1, :].flatten(1, 2).unbind()
        for layer, layer_pairs in zip(layers, pairs, strict=True):
            x = advance(layer, x, layer_pairs, layout, config)
        return mapped(normed(network.final_norm, x), unembed, None)

    return step


@torch.no_grad()
def pack(block: Block) -> PackedLayer:
    """Join the maps to queries, keys and values."""
    attn, mlp = block.attn, block.mlp
    qkv_bias = None
    if attn.q.bias is not None:
        qkv_bias = join_by_key_head(attn, attn.q.bias, attn.k.bias, attn.v.bias)
    return PackedLayer(
        attn_norm=block.attn_norm,
        qkv=join_by_key_head(attn, attn.q.weight, attn.k.weight, attn.v.weight).T.contiguous(),
        qkv_bias=qkv_bias,
        out=attn.out.weight.T,
        out_bias=attn.out.bias,
        mlp_norm=block.mlp_norm,
        mlp=None if mlp is None else pack_mlp(mlp),
    )


def pack_mlp(mlp: Mlp) -> PackedMlp:
    """Turn the maps round; nothing is copied."""
    return PackedMlp(
        activation=mlp.activation,
        gate=None if mlp.gate is None else mlp.gate.weight.T,
        gate_bias=None if mlp.gate is None else mlp.gate.bias,
        up=mlp.up.weight.T,
        up_bias=mlp.up.bias,
        down=mlp.down.weight.T,
        down_bias=mlp.down.bias,
    )


def join_by_key_head(
    attn: Attention,
    q: Float[Tensor, "d_q ..."],
    k: Float[Tensor, "d_kv ..."],
    v: Float[Tensor, "d_kv ..."],
) -> Float[Tensor, "d_packed ..."]:
    """Put each key head's queries, scaled, before its key and its value."""
    by_head = [x.unflatten(0, (attn.num_kv_heads, -1)) for x in (q * attn.d_head**-0.5, k, v)]
    return torch.cat(by_head, dim=1).flatten(0, 1)


def advance(
    layer: PackedLayer,
    resid_pre: Float[Tensor, "batch d_model"],
    pairs: Float[Tensor, "batch_kv_head 2 slot d_head"],
    layout: Layout,
    config: TransformerConfig,
) -> Float[Tensor, "batch d_model"]:
    """Move one token of each row through one block; it takes the last of the slots."""
    qkv = mapped(normed(layer.attn_norm, resid_pre), layer.qkv, layer.qkv_bias)
    z = attend(qkv, pairs, layout, config)
    resid_mid = mapped(z, layer.out, layer.out_bias).add_(resid_pre)
    if layer.mlp is None or layer.mlp_norm is None:
        return resid_mid
    x = normed(layer.mlp_norm, resid_pre if config.parallel else resid_mid)
    return feed_forward(layer.mlp, x).add_(resid_mid)


def attend(
    qkv: Float[Tensor, "batch d_packed"],
    pairs: Float[Tensor, "batch_kv_head 2 slot d_head"],
    layout: Layout,
    config: TransformerConfig,
) -> Float[Tensor, "batch d_heads"]:
    """Write one key and value into the last slot, and mix the values for one query of each head."""
    batch, d_head = qkv.shape[0], pairs.shape[3]
    by_head = qkv.view(pairs.shape[0], -1, d_head)  # (batch kv_head) (query... key value) d_head
    if layout.turn is not None:
        by_head = turned(by_head, layout, batch)
    pairs[:, :, -1] = by_head[:, -2:]
    keys, values = pairs.unbind(1)
    scores = torch.bmm(by_head[:, :-2], keys.transpose(1, 2))
    if layout.bias is not None:
        scores = (scores.view(batch, -1, 1, keys.shape[1]) + layout.bias).view_as(scores)
    return torch.bmm(scores.softmax(dim=-1), values).view(batch, -1)


def turned(
    by_head: Float[Tensor, "batch_kv_head packed d_head"], layout: Layout, batch: int
) -> Float[Tensor, "batch_kv_head packed d_head"]:
    """Rotate queries and keys, and leave values as they are."""
    assert layout.turn is not None
    turning = by_head[:, :-1]
    rotated = rotate(turning.reshape(batch, 1, -1, by_head.shape[2]), *layout.turn)
    return torch.cat([rotated.view(turning.shape), by_head[:, -1:]], dim=1)


def mapped(
    x: Float[Tensor, "batch d_in"],
    weight: Float[Tensor, "d_in d_out"],
    bias: Float[Tensor, " d_out"] | None,
) -> Float[Tensor, "batch d_out"]:
    """x W, and the bias if there is one."""
    return x @ weight if bias is None else torch.addmm(bias, x, weight)


def normed(norm: nn.Module, x: Float[Tensor, "batch d_model"]) -> Float[Tensor, "batch d_model"]:
    """Apply a norm without calling its module."""
    if isinstance(norm, nn.RMSNorm):
        return F.rms_norm(x, norm.normalized_shape, norm.weight, norm.eps)
    assert isinstance(norm, nn.LayerNorm)
    return F.layer_norm(x, norm.normalized_shape, norm.weight, norm.bias, norm.eps)


def feed_forward(
    mlp: PackedMlp, x: Float[Tensor, "batch d_model"]
) -> Float[Tensor, "batch d_model"]:
    """Map x up, bend it, map it down."""
    post = mapped(x, mlp.up, mlp.up_bias)
    if mlp.gate is not None:
        post *= bend(mapped(x, mlp.gate, mlp.gate_bias), mlp.activation)
    elif mlp.activation == "gelu_tanh":
        post = gelu(post, approximate="tanh")
    else:
        post = bend(post, mlp.activation)
    return mapped(post, mlp.down, mlp.down_bias)
