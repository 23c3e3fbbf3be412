"""One Transformer for every family: token ids in, logits out, each part under its own name.

The modules are `embed`, `pos_embed`, `blocks.{i}.{attn_norm,attn,mlp_norm,mlp}`, `final_norm` and
`unembed`. `named` gives values inside of them the names that are the same for every family
(docs/guides/models.md lists them); outside of a capture it does nothing.
"""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from glasshouse.dataflow import named
from glasshouse.errors import InputError
from glasshouse.models.cache import Count, KeyValueCache
from glasshouse.models.config import MlpConfig, TransformerConfig
from glasshouse.models.layout import AttentionKernel, Layout, kernel_for, lay_out, refuse_longer
from glasshouse.models.parts import make_embedding, make_norm, make_rms_norm, make_unembedding
from glasshouse.models.rotary import rotate

STREAM, HEADS, NEURONS = "batch pos d_model", "batch pos head d_head", "batch pos neuron"
"""Names of the axes of values, as addresses such as `z[head=5]` use them."""


class Memory(NamedTuple):
    """One layer's share of a KeyValueCache."""

    keys: Float[Tensor, "batch kv_head slot d_head"]
    values: Float[Tensor, "batch kv_head slot d_head"]
    last_key: Float[Tensor, "batch 1 kv_head d_head"] | None


class Attention(nn.Module):
    """Causal self-attention with `num_kv_heads` shared keys and values."""

    def __init__(self, config: TransformerConfig, *, is_local: bool = False) -> None:
        super().__init__()
        self.num_heads, self.num_kv_heads = config.attention.num_heads, config.num_kv_heads
        self.d_head, self.is_local = config.d_head, is_local
        self.scale, self.score_cap = config.attention.scale, config.attention.score_cap
        bias, width = config.qkv_bias, self.d_head
        self.q = nn.Linear(config.d_model, self.num_heads * width, bias=bias)
        self.k = nn.Linear(config.d_model, self.num_kv_heads * width, bias=bias)
        self.v = nn.Linear(config.d_model, self.num_kv_heads * width, bias=bias)
        self.q_norm = make_rms_norm(config, width) if config.attention.qk_norm else None
        self.k_norm = make_rms_norm(config, width) if config.attention.qk_norm else None
        self.out = nn.Linear(self.num_heads * width, config.d_model, bias=config.out_bias)
        self.post_norm = make_norm(config) if config.post_norms else None
        if config.attention.smeared_keys:
            self.smear = nn.Parameter(torch.empty(self.num_kv_heads))  # the logit of s
        else:
            self.smear = None

    def forward(
        self,
        x: Float[Tensor, "batch seq d_model"],
        x_with_position: Float[Tensor, "batch seq d_model"],
        layout: Layout,
        memory: Memory | None = None,
    ) -> Float[Tensor, "batch seq d_model"]:
        """Queries and keys read `x_with_position`, values read `x`."""
        q = self.q(x_with_position).unflatten(-1, (self.num_heads, self.d_head))
        k = self.k(x_with_position).unflatten(-1, (self.num_kv_heads, self.d_head))
        v = self.v(x).unflatten(-1, (self.num_kv_heads, self.d_head))
        q, k, v = named("q", q, HEADS), named("k", k, HEADS), named("v", v, HEADS)
        q, k = self.placed(q, k, layout, memory)
        q, k, v = q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)  # batch head seq d_head
        if memory is not None:
            k, v = remember(memory, k, v, layout.first)
        group = self.num_heads // self.num_kv_heads
        k, v = share_heads(k, group), share_heads(v, group)
        if layout.kernel == "explicit":
            z = attend_explicitly(q, k, v, layout, scale=self.scale, cap=self.score_cap)
        else:
            z = attend_fused(q, k, v, layout, scale=self.scale)
        out = self.out(named("z", z, HEADS).flatten(2))
        if self.post_norm is not None:
            out = self.post_norm(named("unnormed", out, STREAM))
        return named("out", out, STREAM)

    def placed(
        self,
        q: Float[Tensor, "batch seq head d_head"],
        k: Float[Tensor, "batch seq kv_head d_head"],
        layout: Layout,
        memory: Memory | None,
    ) -> tuple[Float[Tensor, "batch seq head d_head"], Float[Tensor, "batch seq kv_head d_head"]]:
        """Make queries and keys what their product is formed of: normed, smeared, turned."""
        if self.q_norm is not None and self.k_norm is not None:
            q, k = self.q_norm(q), self.k_norm(k)
        if self.smear is not None:
            k = smear_keys(k, self.smear, layout.positions, memory)
        if layout.turn is not None:
            q = named("q_rot", rotate(q, *layout.turn), HEADS)
            k = named("k_rot", rotate(k, *layout.turn), HEADS)
        return q, k


def attend_explicitly(
    q: Float[Tensor, "batch head seq d_head"],
    k: Float[Tensor, "batch head slot d_head"],
    v: Float[Tensor, "batch head slot d_head"],
    layout: Layout,
    *,
    scale: float | None,
    cap: float | None,
) -> Float[Tensor, "batch seq head d_head"]:
    """Mix values by softmax(scale · q·k), with scores and pattern as values of their own."""
    scores = (q * (scale or q.shape[-1] ** -0.5)) @ k.transpose(-1, -2)
    if cap is not None:
        scores = cap * torch.tanh(scores / cap)
    if layout.bias is not None:
        scores = scores + layout.bias.to(q.dtype)
    scores = named("scores", scores, "batch head query key")
    pattern = named("pattern", scores.softmax(dim=-1), "batch head query key")
    return (pattern.to(v.dtype) @ v).transpose(1, 2)


def attend_fused(
    q: Float[Tensor, "batch head seq d_head"],
    k: Float[Tensor, "batch head slot d_head"],
    v: Float[Tensor, "batch head slot d_head"],
    layout: Layout,
    *,
    scale: float | None,
) -> Float[Tensor, "batch seq head d_head"]:
    """Compute the same without a score matrix in memory."""
    bias = None if layout.bias is None else layout.bias.to(q.dtype)
    z = F.scaled_dot_product_attention(
        q, k, v, attn_mask=bias, is_causal=layout.is_causal, scale=scale
    )
    return z.transpose(1, 2)


def smear_keys(
    k: Float[Tensor, "batch seq kv_head d_head"],
    smear: Float[Tensor, " kv_head"],
    positions: Int[Tensor, "row seq"],
    memory: Memory | None,
) -> Float[Tensor, "batch seq kv_head d_head"]:
    """k_j <- s·k_j + (1-s)·k_{j-1}; the first token of a text keeps its key.

    Keys are smeared before rotary positions turn them, so a smeared key stands at its own place.

    Source:
        Olsson et al. 2022 (2209.11895), argument 2.
    """
    if memory is None or memory.last_key is None:
        before = torch.cat([k[:, :1], k[:, :-1]], dim=1)
    else:
        before = torch.cat([memory.last_key, k[:, :-1]], dim=1)
        memory.last_key.copy_(k[:, -1:])
    share = smear.sigmoid()[:, None]
    smeared = share * k + (1 - share) * before
    return torch.where((positions == 0)[:, :, None, None], k, smeared)


def remember(
    memory: Memory,
    k: Float[Tensor, "batch kv_head seq d_head"],
    v: Float[Tensor, "batch kv_head seq d_head"],
    first: Count,
) -> tuple[
    Float[Tensor, "batch kv_head slot d_head"],
    Float[Tensor, "batch kv_head slot d_head"],
]:
    """Write new keys and values from slot `first` on, and return all up to there."""
    end = first + k.shape[2]
    memory.keys[:, :, first:end] = k
    memory.values[:, :, first:end] = v
    return memory.keys[:, :, :end], memory.values[:, :, :end]


def share_heads(
    x: Float[Tensor, "batch kv_head slot d_head"], group: int
) -> Float[Tensor, "batch head slot d_head"]:
    """Repeat every key or value head for the `group` query heads that share it."""
    return x if group == 1 else x.repeat_interleave(group, dim=1)


class Mlp(nn.Module):
    """Two maps with an activation between, or three when a gate multiplies it."""

    def __init__(self, config: TransformerConfig, mlp: MlpConfig) -> None:
        super().__init__()
        self.activation, bias = mlp.activation, config.mlp_bias
        self.gate = nn.Linear(config.d_model, mlp.d_mlp, bias=bias) if mlp.is_gated else None
        self.up = nn.Linear(config.d_model, mlp.d_mlp, bias=bias)
        self.down = nn.Linear(mlp.d_mlp, config.d_model, bias=bias)
        self.post_norm = make_norm(config) if config.post_norms else None

    def forward(self, x: Float[Tensor, "batch seq d_model"]) -> Float[Tensor, "batch seq d_model"]:
        """Map x up, bend it, map it down."""
        pre = named("pre", (self.up if self.gate is None else self.gate)(x), NEURONS)
        post = bend(pre, self.activation)
        if self.gate is not None:
            post = post * self.up(x)
        out = self.down(named("post", post, NEURONS))
        if self.post_norm is not None:
            out = self.post_norm(named("unnormed", out, STREAM))
        return named("out", out, STREAM)


def bend(x: Float[Tensor, "... d_mlp"], activation: str) -> Float[Tensor, "... d_mlp"]:
    """Apply the non-linearity of an activation's name; of a gated one, that of its gate."""
    match activation:
        case "relu":
            return x.relu()
        case "silu" | "swiglu":
            return F.silu(x)
        case "gelu":
            return F.gelu(x)
        case _:
            return F.gelu(x, approximate="tanh")


class Block(nn.Module):
    """Attention and feed-forward, each adding to the residual stream what it read from it."""

    def __init__(self, config: TransformerConfig, *, is_local: bool = False) -> None:
        super().__init__()
        self.parallel = config.parallel
        self.attn_norm = make_norm(config)
        self.attn = Attention(config, is_local=is_local)
        self.mlp_norm = None if config.mlp is None else make_norm(config)
        self.mlp = None if config.mlp is None else Mlp(config, config.mlp)

    def forward(
        self,
        resid_pre: Float[Tensor, "batch seq d_model"],
        place: Float[Tensor, "row seq d_model"] | None,
        layout: Layout,
        memory: Memory | None = None,
    ) -> Float[Tensor, "batch seq d_model"]:
        """`place` is added to what queries and keys read, and to nothing else."""
        resid_pre = named("resid_pre", resid_pre, STREAM)
        x = named("attn_norm", self.attn_norm(resid_pre), STREAM)
        attn_out = self.attn(x, x if place is None else x + place, layout, memory)
        resid_mid = named("resid_mid", resid_pre + attn_out, STREAM)
        if self.mlp is None or self.mlp_norm is None:
            return named("resid_post", resid_mid, STREAM)
        x = self.mlp_norm(resid_pre if self.parallel else resid_mid)
        mlp_out = self.mlp(named("mlp_norm", x, STREAM))
        return named("resid_post", resid_mid + mlp_out, STREAM)


class Transformer(nn.Module):
    """A decoder-only language model.

    Args:
        config: Its shape.
        generator: Source of the initial weights (see `initialise`); None: a generator of seed 0.
            The global generator is never used.
        device: Where the weights are; `meta` makes none, for who has weights to give it.
    """

    def __init__(
        self,
        config: TransformerConfig,
        *,
        generator: torch.Generator | None = None,
        device: str = "cpu",
    ) -> None:
        super().__init__()
        self.config = config
        with torch.device("meta"):  # no memory and no random numbers until `initialise`
            self.embed = make_embedding(config)
            self.pos_embed = (
                nn.Embedding(config.context, config.d_model)
                if config.positions.kind == "learned"
                else None
            )
            self.blocks = nn.ModuleList(
                Block(config, is_local=config.is_local(layer)) for layer in range(config.num_layers)
            )
            self.final_norm = make_norm(config)
            self.unembed = make_unembedding(config)
        if device != "meta":
            self.to_empty(device=device)
        if config.tied:
            self.unembed.weight = self.embed.weight
        self.kernel: AttentionKernel = "fused"
        self.reaches = sorted({config.is_local(layer) for layer in range(config.num_layers)})
        self.reaches = self.reaches or [False]  # whether some layers are local, and some are not
        if device != "meta":
            initialise(self, generator or torch.Generator().manual_seed(0))

    def forward(
        self,
        ids: Int[Tensor, "batch seq"],
        *,
        starts: Int[Tensor, " batch"] | None = None,
        cache: KeyValueCache | None = None,
        segments: Int[Tensor, "batch seq"] | None = None,
    ) -> Float[Tensor, "batch seq vocab"]:
        """Logits of the token after each token.

        Args:
            ids: Token ids.
            starts: First real token of each row that is padded on the left; None: no padding.
                Logits of padding mean nothing.
            cache: What earlier calls have seen (its `starts` hold); this call's tokens are added.
            segments: Number of the document that each token is of, where several stand side by
                side in a row: each is read as if it stood alone. None: a row is one document.

        Raises:
            InputError: If segments are given with starts or a cache, or a text is too long for
                learned positions.
        """
        features = self.features(ids, starts=starts, cache=cache, segments=segments)
        return named("logits", self.unembed(features), "batch pos vocab")

    def features(
        self,
        ids: Int[Tensor, "batch seq"],
        *,
        starts: Int[Tensor, " batch"] | None = None,
        cache: KeyValueCache | None = None,
        segments: Int[Tensor, "batch seq"] | None = None,
    ) -> Float[Tensor, "batch seq d_model"]:
        """Normed final residual stream: what the unembedding, or a reward head, reads."""
        first = 0
        if segments is not None and (starts is not None or cache is not None):
            raise InputError(
                "segments part rows that are read once; leave out starts and cache, or segments"
            )
        if cache is not None:
            starts, first = cache.starts, cache.used
            cache.take_slots(ids.shape[1])
        kernel = self.kernel if self.config.attention.score_cap is None else "explicit"
        kernel = kernel_for(kernel, ids)
        layouts = {
            is_local: lay_out(
                ids,
                self.config,
                kernel,
                starts=starts,
                first=first,
                is_local=is_local,
                segments=segments,
            )
            for is_local in self.reaches
        }
        x, place = named("embed", self.embed(ids), STREAM), None
        if self.pos_embed is not None:
            if starts is None:
                refuse_longer(ids.shape[1], first, self.config.context)
            place = self.pos_embed(layouts[self.reaches[0]].positions)
            place = named("pos_embed", place, STREAM)
            if self.config.positions.inject == "residual":
                x, place = x + place, None
        for layer, block in enumerate(self.blocks):
            memory = None if cache is None else layer_memory(cache, layer)
            x = block(x, place, layouts[self.config.is_local(layer)], memory)
        return named("final_norm", self.final_norm(x), STREAM)


def layer_memory(cache: KeyValueCache, layer: int) -> Memory:
    """One layer's views into the cache."""
    last_key = None if cache.last_key is None else cache.last_key[layer]
    return Memory(cache.keys[layer], cache.values[layer], last_key)


@torch.no_grad()
def initialise(model: Transformer, generator: torch.Generator) -> Transformer:
    """Give a model new weights, a function of its config and the generator's state only.

    Weights are normal with `init_std`; maps into the residual stream (`attn.out`, `mlp.down`) are
    narrowed by sqrt(2·num_layers), so that the stream's variance at the end does not grow with
    depth. Biases are 0, gains 1, and smeared keys begin at s = 1/2.

    Source:
        Radford et al. 2019, "Language models are unsupervised multitask learners", section 2.3,
        with the standard deviation of their released code.
    """
    std = model.config.init_std
    into_stream = std / math.sqrt(2 * max(model.config.num_layers, 1))
    for name, parameter in model.named_parameters():
        if name.endswith(("bias", "smear")):
            parameter.zero_()
        elif "norm" in name:
            parameter.fill_(0.0 if model.config.norm == "rms_plus_one" else 1.0)
        else:
            narrow = name.endswith(("attn.out.weight", "mlp.down.weight"))
            parameter.normal_(0.0, into_stream if narrow else std, generator=generator)
    return model
