"""Replies to one prompt share what is computed of it: each prompt is read once, not once a reply.

Tokens stand one after another without padding wherever they do not look at each other; attention
alone sees rows. The numbers are the network's own: its weights, joined anew at every reading, so
that gradients reach them. `can_share` says for which networks this is right.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from glasshouse.models import Transformer
from glasshouse.models.decode import (
    PackedLayer,
    PackedMlp,
    is_plain,
    join_by_key_head,
    normed,
    plain_attention,
)
from glasshouse.models.rotary import Turn, rotary_turn, rotate
from glasshouse.models.transformer import Attention, Block, Mlp, bend

Numbers = Literal["fp32", "bf16"]


def can_share(network: nn.Module) -> bool:
    """Whether replies can share their prompts: plain causal attention, nothing hooked or replaced.

    It knows neither smeared keys, windows, caps and norms of heads nor positions that enter queries
    and keys as vectors.
    """
    if not isinstance(network, Transformer):
        return False
    config = network.config
    return (
        config.attention == plain_attention(config)
        and config.positions.inject == "residual"
        and not config.post_norms
        and all(is_plain(module) for module in network.modules())
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Tree:
    """Prompts, and the replies that follow each: prompts' tokens first, then replies'."""

    ids: Int[Tensor, " token"]
    """Of all prompts one after another, then of all replies without their last token."""
    positions: Int[Tensor, " token"]
    """Place of each in its text."""
    prompts: "Places"
    """Where prompts' tokens stand in rows: a row a prompt."""
    replies: "Places"
    """Where replies' tokens stand in rows: as many rows a prompt as the prompt with most has."""
    num_prompts: int
    """Prompts."""
    sources: Int[Tensor, " drawn"]
    """For each token of each reply, reply by reply: the token that foretells it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Places:
    """Which token stands where in rows that are padded on the right."""

    gather: Int[Tensor, "row column"]
    """Number of the token in each place; some token where there is none."""
    is_token: Bool[Tensor, "row column"] | None
    """Where there is one; None: everywhere."""
    scatter: Int[Tensor, " token"]
    """Place of each token among all places, row by row."""


def tree_of(
    prompts: Sequence[Sequence[int]],
    replies: Sequence[Sequence[int]],
    device: torch.device,
) -> Tree:
    """Put prompts and their replies into one line of tokens.

    Args:
        prompts: A prompt for each reply; the same prompt several times running is read once.
        replies: Token ids of each, at least one.
        device: Where tensors go.
    """
    groups: list[list[int]] = []
    for number, prompt in enumerate(prompts):
        if not groups or list(prompts[groups[-1][0]]) != list(prompt):
            groups.append([])
        groups[-1].append(number)
    heads = [list(prompts[group[0]]) for group in groups]
    starts = [0]
    for head in heads:
        starts.append(starts[-1] + len(head))
    ids = [token for head in heads for token in head]
    positions = [place for head in heads for place in range(len(head))]
    widest = max(len(group) for group in groups)
    rows: list[list[int]] = []
    sources: list[int] = []
    for group, head, start in zip(groups, heads, starts, strict=False):
        for number in group:
            reply = replies[number]
            first = len(ids)
            rows.append(list(range(first, first + len(reply) - 1)))
            sources += [start + len(head) - 1, *rows[-1]]
            ids += reply[:-1]
            positions += range(len(head), len(head) + len(reply) - 1)
        rows += [[] for _ in range(widest - len(group))]
    return Tree(
        ids=torch.tensor(ids, device=device),
        positions=torch.tensor(positions, device=device),
        prompts=places_of(
            [list(range(a, a + len(head))) for a, head in zip(starts, heads, strict=False)],
            0,
            device,
        ),
        replies=places_of(rows, starts[-1], device),
        num_prompts=len(heads),
        sources=torch.tensor(sources, device=device),
    )


def places_of(rows: list[list[int]], first: int, device: torch.device) -> Places:
    """Places of tokens that are numbered one after another, from `first` on, row by row."""
    width = max(map(len, rows))
    fill = first if width else 0
    gather = [row + [fill] * (width - len(row)) for row in rows]
    scatter = [
        place * width + column for place, row in enumerate(rows) for column in range(len(row))
    ]
    is_full = all(len(row) == width for row in rows)
    lengths = torch.tensor([len(row) for row in rows])
    return Places(
        gather=torch.tensor(gather, dtype=torch.long, device=device).view(len(rows), width),
        is_token=None if is_full else (torch.arange(width) < lengths[:, None]).to(device),
        scatter=torch.tensor(scatter, dtype=torch.long, device=device),
    )


class Weights(NamedTuple):
    """A network's weights as products take them."""

    layers: list[PackedLayer]
    unembed: Float[Tensor, "d_model vocab"]
    dtype: torch.dtype


def weights_of(network: Transformer, numbers: Numbers) -> Weights:
    """Join and convert a network's weights; gradients pass through."""
    dtype = torch.bfloat16 if numbers == "bf16" else network.embed.weight.dtype
    layers = [_packed(block, dtype) for block in network.blocks if isinstance(block, Block)]
    return Weights(layers, network.unembed.weight.T.to(dtype), dtype)


def _packed(block: Block, dtype: torch.dtype) -> PackedLayer:
    attn, mlp = block.attn, block.mlp
    qkv_bias = None
    if attn.q.bias is not None:
        qkv_bias = join_by_key_head(attn, attn.q.bias, attn.k.bias, attn.v.bias).to(dtype)
    qkv = join_by_key_head(attn, attn.q.weight, attn.k.weight, attn.v.weight)
    return PackedLayer(
        attn_norm=block.attn_norm,
        qkv=qkv.to(dtype).T,
        qkv_bias=qkv_bias,
        out=attn.out.weight.to(dtype).T,
        out_bias=_as(attn.out.bias, dtype),
        mlp_norm=block.mlp_norm,
        mlp=None if mlp is None else _packed_mlp(mlp, dtype),
    )


def _packed_mlp(mlp: Mlp, dtype: torch.dtype) -> PackedMlp:
    gate = mlp.gate
    return PackedMlp(
        activation=mlp.activation,
        gate=None if gate is None else gate.weight.to(dtype).T,
        gate_bias=None if gate is None else _as(gate.bias, dtype),
        up=mlp.up.weight.to(dtype).T,
        up_bias=_as(mlp.up.bias, dtype),
        down=mlp.down.weight.to(dtype).T,
        down_bias=_as(mlp.down.bias, dtype),
    )


def _as(bias: Tensor | None, dtype: torch.dtype) -> Tensor | None:
    return None if bias is None else bias.to(dtype)


def mapped(
    x: Float[Tensor, "token d_in"], weight: Float[Tensor, "d_in d_out"], bias: Tensor | None
) -> Float[Tensor, "token d_out"]:
    """x W, and the bias if there is one."""
    return x @ weight if bias is None else torch.addmm(bias, x, weight)


def embedded(
    network: Transformer, ids: Int[Tensor, " token"], positions: Int[Tensor, " token"]
) -> Float[Tensor, "token d_model"]:
    """Tokens at their places, before the first block."""
    x = F.embedding(ids, network.embed.weight)
    if network.pos_embed is not None:
        x = x + F.embedding(positions, network.pos_embed.weight)
    return x


def turn_at(network: Transformer, positions: Int[Tensor, " token"]) -> Turn | None:
    """Rotary angles of tokens, if the network turns queries and keys."""
    config = network.config
    if config.positions.kind != "rotary":
        return None
    return rotary_turn(positions[None], config.positions, d_rotary=config.d_rotary)


def tree_features(
    network: Transformer, tree: Tree, weights: Weights
) -> Float[Tensor, "token d_model"]:
    """Normed final residual stream of every token."""
    x = embedded(network, tree.ids, tree.positions)
    turn = turn_at(network, tree.positions)
    for block, layer in zip(network.blocks, weights.layers, strict=True):
        assert isinstance(block, Block)
        qkv = mapped(normed(layer.attn_norm, x).to(weights.dtype), layer.qkv, layer.qkv_bias)
        z = tree_attention(split_heads(qkv, block.attn, turn), tree)
        x = moved(x, z, layer, is_parallel=network.config.parallel)
    return normed(network.final_norm, x)


def moved(
    x: Float[Tensor, "token d_model"],
    z: Float[Tensor, "token d_heads"],
    layer: PackedLayer,
    *,
    is_parallel: bool,
) -> Float[Tensor, "token d_model"]:
    """Add to the residual stream what attention and the feed-forward part have found."""
    resid_mid = x + mapped(z, layer.out, layer.out_bias)
    if layer.mlp is None or layer.mlp_norm is None:
        return resid_mid
    read = normed(layer.mlp_norm, x if is_parallel else resid_mid)
    return resid_mid + feed_forward(layer.mlp, read.to(z.dtype))


class _Gelu(torch.autograd.Function):
    """GELU's tanh approximation by (1 + tanh y) / 2 = sigmoid(2y), in bf16 and with a gradient:
    torch's own takes nearly twice the time on a CPU.
    """

    @staticmethod
    def forward(ctx: Any, x: Float[Tensor, "token d_mlp"]) -> Float[Tensor, "token d_mlp"]:
        ctx.save_for_backward(x)
        slope = x.new_tensor(_SLOPE)
        return torch.addcmul(slope, x, x, value=_SLOPE * 0.044715).mul_(x).sigmoid_().mul_(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return torch.ops.aten.gelu_backward(gradients[0], x, approximate="tanh")


_SLOPE = 2 * math.sqrt(2 / math.pi)


def feed_forward(mlp: PackedMlp, x: Float[Tensor, "token d_model"]) -> Float[Tensor, "token d"]:
    """Map x up, bend it, map it down; the same numbers with and without gradients."""
    post = mapped(x, mlp.up, mlp.up_bias)
    if mlp.gate is not None:
        post = post * bend(mapped(x, mlp.gate, mlp.gate_bias), mlp.activation)
    elif mlp.activation == "gelu_tanh" and x.is_cpu:
        post = _Gelu.apply(post)
        assert isinstance(post, Tensor)
    else:
        post = bend(post, mlp.activation)
    return mapped(post, mlp.down, mlp.down_bias)


def split_heads(
    qkv: Float[Tensor, "token d_packed"], attn: Attention, turn: Turn | None
) -> Float[Tensor, "token kv_head packed d_head"]:
    """Each key head's queries, its key and its value; queries and keys are turned."""
    by_head = qkv.unflatten(1, (attn.num_kv_heads, -1, attn.d_head))
    if turn is None:
        return by_head
    turning = by_head[:, :, :-1]
    rotated = rotate(turning.flatten(1, 2)[None], *turn)[0].unflatten(1, turning.shape[1:3])
    return torch.cat([rotated.to(by_head.dtype), by_head[:, :, -1:]], dim=2)


def tree_attention(
    heads: Float[Tensor, "token kv_head packed d_head"], tree: Tree
) -> Float[Tensor, "token d_heads"]:
    """Let prompts look at themselves, and replies at their prompt and at themselves."""
    count = len(tree.prompts.scatter)
    prompts = in_rows(heads[:count], tree.prompts)
    mixed = [in_line(attend(prompts), tree.prompts)]
    if len(tree.replies.scatter):
        replies = in_rows(heads[count:], tree.replies, count)
        each = len(replies) // len(prompts)
        # prompt kv_head reply column packed d_head: queries to one prompt lie side by side
        by_prompt = replies.unflatten(0, (-1, each)).transpose(1, 2)
        keys, values = prompts[:, :, :, -2], prompts[:, :, :, -1]
        z = attend_with_prompt(by_prompt, keys, values, tree.prompts.is_token)
        mixed.append(in_line(z.transpose(1, 2).flatten(0, 1), tree.replies))
    return torch.cat(mixed)


def in_rows(
    heads: Float[Tensor, "token kv_head packed d_head"], places: Places, first: int = 0
) -> Float[Tensor, "row kv_head column packed d_head"]:
    """Tokens, the first of which has this number, where they see each other."""
    rows, width = places.gather.shape
    if places.is_token is not None:
        heads = heads.index_select(0, (places.gather - first).flatten())
    return heads.unflatten(0, (rows, width)).transpose(1, 2)


def in_line(
    z: Float[Tensor, "row kv_head column query d_head"], places: Places
) -> Float[Tensor, "token d_heads"]:
    """The way back: one token after another, all heads of each side by side."""
    line = z.transpose(1, 2).flatten(2).flatten(0, 1)
    return line if places.is_token is None else line.index_select(0, places.scatter)


def attend(
    heads: Float[Tensor, "row kv_head column packed d_head"],
) -> Float[Tensor, "row kv_head column query d_head"]:
    """Mix the values of a row's tokens up to each."""
    keys, values = heads[:, :, :, -2], heads[:, :, :, -1]
    q = heads[:, :, :, :-2].flatten(2, 3)
    scores = (q @ keys.transpose(2, 3)).masked_fill(_later(heads), -torch.inf)
    z = scores.softmax(dim=3, dtype=torch.float32).to(q.dtype) @ values
    return z.unflatten(2, (heads.shape[2], -1))


def attend_with_prompt(
    heads: Float[Tensor, "prompt kv_head each column packed d_head"],
    prompt_keys: Float[Tensor, "prompt kv_head slot d_head"],
    prompt_values: Float[Tensor, "prompt kv_head slot d_head"],
    is_token: Bool[Tensor, "prompt slot"] | None,
) -> Float[Tensor, "prompt kv_head each column query d_head"]:
    """One softmax over prompt and reply; all queries to a prompt are one product."""
    each, width = heads.shape[2:4]
    slots = prompt_keys.shape[2]
    keys, values = heads[..., -2, :], heads[..., -1, :]
    q = heads[..., :-2, :].flatten(3, 4)  # prompt kv_head each (column query) d_head
    to_prompt = q.flatten(2, 3) @ prompt_keys.transpose(2, 3)
    if is_token is not None:
        to_prompt = to_prompt.masked_fill(~is_token[:, None, None], -torch.inf)
    to_own = (q @ keys.transpose(3, 4)).masked_fill(_later(heads), -torch.inf)
    scores = torch.cat([to_prompt.unflatten(2, (each, -1)), to_own], dim=4)
    pattern = scores.softmax(dim=4, dtype=torch.float32).to(q.dtype)
    z = (pattern[..., :slots].flatten(2, 3) @ prompt_values).unflatten(2, (each, -1))
    return (z + pattern[..., slots:] @ values).unflatten(3, (width, -1))


def _later(
    heads: Float[Tensor, "... column packed d_head"],
) -> Bool[Tensor, "column_query column"]:
    """Which tokens come after the one that a query is of."""
    width, packed = heads.shape[-3:-1]
    here = torch.arange(width, device=heads.device)
    return (here[:, None] < here).repeat_interleave(packed - 2, dim=0)
