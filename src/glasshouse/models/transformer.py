"""One Transformer for every family: token ids in, logits out, each part under its own name.

The modules are `embed`, `pos_embed`, `blocks.{i}.{attn_norm,attn,mlp_norm,mlp}`, `final_norm` and
`unembed`; queries, keys, scores, patterns and `z` have the shapes DESIGN.md gives those values.
"""

import math
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from glasshouse.models.cache import KeyValueCache
from glasshouse.models.config import MlpConfig, TransformerConfig

AttentionKernel = Literal["explicit", "fused"]
"""`fused` is torch's scaled_dot_product_attention. `explicit` forms scores and pattern, for who
wants to see them, and can be differentiated twice.

Of explicit's CPU time, a training step of `mini` in float32 took fused 0.91 at context 64, 0.94 at
128, 0.93 at 256 and 0.66 at 512 (benchmarks/models/bench_attention.py: 4,096 tokens, one thread of
a shared AMD EPYC with AVX2, torch 2.13).
"""


class Layout(NamedTuple):
    """What every layer must know about where the tokens stand; computed once for all layers."""

    kernel: AttentionKernel
    """How attention is computed."""
    positions: Int[Tensor, "row seq"]
    """Position of each token in its text; one row when all are alike."""
    bias: Float[Tensor, "row 1 query slot"] | None
    """0 where a token may look, -inf where not; None hides nothing but what `is_causal` says."""
    is_causal: bool
    """Fused kernel only: hide the future without a bias."""
    turn: tuple[Float[Tensor, "row seq 1 d_rotary"], Float[Tensor, "row seq 1 d_rotary"]] | None
    """Cosines and sines of rotary positions."""
    first: int = 0
    """Cache slot of the first of these tokens."""


class Memory(NamedTuple):
    """One layer's share of a KeyValueCache."""

    keys: Float[Tensor, "batch kv_head slot d_head"]
    values: Float[Tensor, "batch kv_head slot d_head"]
    last_key: Float[Tensor, "batch 1 kv_head d_head"] | None


class Attention(nn.Module):
    """Causal self-attention with `num_kv_heads` shared keys and values."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.num_heads, self.num_kv_heads = config.attention.num_heads, config.num_kv_heads
        self.d_head = config.d_head
        bias, width = config.qkv_bias, self.d_head
        self.q = nn.Linear(config.d_model, self.num_heads * width, bias=bias)
        self.k = nn.Linear(config.d_model, self.num_kv_heads * width, bias=bias)
        self.v = nn.Linear(config.d_model, self.num_kv_heads * width, bias=bias)
        self.out = nn.Linear(self.num_heads * width, config.d_model, bias=config.bias)
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
        if self.smear is not None:
            k = smear_keys(k, self.smear, layout.positions, memory)
        if layout.turn is not None:
            q, k = rotate(q, *layout.turn), rotate(k, *layout.turn)
        q, k, v = q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)  # batch head seq d_head
        if memory is not None:
            k, v = remember(memory, k, v, layout.first)
        group = self.num_heads // self.num_kv_heads
        k, v = share_heads(k, group), share_heads(v, group)
        attend = attend_explicitly if layout.kernel == "explicit" else attend_fused
        z = attend(q, k, v, layout)
        return self.out(z.flatten(2))


def attend_explicitly(
    q: Float[Tensor, "batch head seq d_head"],
    k: Float[Tensor, "batch head slot d_head"],
    v: Float[Tensor, "batch head slot d_head"],
    layout: Layout,
) -> Float[Tensor, "batch seq head d_head"]:
    """Mix values by softmax(q·k / sqrt(d_head)), with scores and pattern as values of their own."""
    scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
    if layout.bias is not None:
        scores = scores + layout.bias.to(q.dtype)
    pattern = scores.softmax(dim=-1).to(v.dtype)
    return (pattern @ v).transpose(1, 2)


def attend_fused(
    q: Float[Tensor, "batch head seq d_head"],
    k: Float[Tensor, "batch head slot d_head"],
    v: Float[Tensor, "batch head slot d_head"],
    layout: Layout,
) -> Float[Tensor, "batch seq head d_head"]:
    """Compute the same without a score matrix in memory."""
    bias = None if layout.bias is None else layout.bias.to(q.dtype)
    z = F.scaled_dot_product_attention(q, k, v, attn_mask=bias, is_causal=layout.is_causal)
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
    first: int,
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


def rotate(
    x: Float[Tensor, "batch seq head d_head"],
    cosine: Float[Tensor, "row seq 1 d_rotary"],
    sine: Float[Tensor, "row seq 1 d_rotary"],
) -> Float[Tensor, "batch seq head d_head"]:
    """Turn the first d_rotary dimensions; dimension i is paired with i + d_rotary / 2.

    Source:
        Su et al. 2021 (2104.09864), eq. 34, in the pairing of GPT-NeoX and Llama weights.
    """
    turned, kept = x[..., : cosine.shape[-1]], x[..., cosine.shape[-1] :]
    first, second = turned.chunk(2, dim=-1)
    turned = turned * cosine + torch.cat([-second, first], dim=-1) * sine
    return torch.cat([turned, kept], dim=-1).to(x.dtype)


def rotary_turn(
    positions: Int[Tensor, "row seq"], config: TransformerConfig
) -> tuple[Float[Tensor, "row seq 1 d_rotary"], Float[Tensor, "row seq 1 d_rotary"]]:
    """Cosine and sine of position · base^(-2i / d_rotary), each frequency twice."""
    pairs = torch.arange(0, config.d_rotary, 2, device=positions.device, dtype=torch.float32)
    frequencies = config.positions.rotary_base ** (-pairs / config.d_rotary)
    angles = positions[..., None].float() * frequencies
    angles = torch.cat([angles, angles], dim=-1)[:, :, None, :]
    return angles.cos(), angles.sin()


class Mlp(nn.Module):
    """Two maps with an activation between, or three when a gate multiplies it."""

    def __init__(self, config: TransformerConfig, mlp: MlpConfig) -> None:
        super().__init__()
        self.activation = mlp.activation
        self.gate = nn.Linear(config.d_model, mlp.d_mlp, bias=config.bias) if mlp.is_gated else None
        self.up = nn.Linear(config.d_model, mlp.d_mlp, bias=config.bias)
        self.down = nn.Linear(mlp.d_mlp, config.d_model, bias=config.bias)

    def forward(self, x: Float[Tensor, "batch seq d_model"]) -> Float[Tensor, "batch seq d_model"]:
        """Map x up, bend it, map it down."""
        if self.gate is None:
            return self.down(bend(self.up(x), self.activation))
        return self.down(bend(self.gate(x), self.activation) * self.up(x))


def bend(x: Float[Tensor, "... d_mlp"], activation: str) -> Float[Tensor, "... d_mlp"]:
    """Apply the non-linearity of an activation's name; of a gated one, that of its gate."""
    match activation:
        case "relu":
            return x.relu()
        case "swiglu":
            return F.silu(x)
        case "gelu":
            return F.gelu(x)
        case _:
            return F.gelu(x, approximate="tanh")


class Block(nn.Module):
    """Attention and feed-forward, each adding to the residual stream what it read from it."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.parallel = config.parallel
        self.attn_norm = make_norm(config)
        self.attn = Attention(config)
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
        x = self.attn_norm(resid_pre)
        resid_mid = resid_pre + self.attn(x, x if place is None else x + place, layout, memory)
        if self.mlp is None or self.mlp_norm is None:
            return resid_mid
        return resid_mid + self.mlp(self.mlp_norm(resid_pre if self.parallel else resid_mid))


def make_norm(config: TransformerConfig) -> nn.Module:
    """LayerNorm (with a bias if the model has biases) or RMSNorm."""
    if config.norm == "rms":
        return nn.RMSNorm(config.d_model, eps=config.norm_epsilon)
    return nn.LayerNorm(config.d_model, eps=config.norm_epsilon, bias=config.bias)


class Transformer(nn.Module):
    """A decoder-only language model.

    Args:
        config: Its shape.
        generator: Source of the initial weights (see `initialise`); None: a generator of seed 0.
            The global generator is never used.
    """

    def __init__(
        self, config: TransformerConfig, *, generator: torch.Generator | None = None
    ) -> None:
        super().__init__()
        self.config = config
        with torch.device("meta"):  # no memory and no random numbers until `initialise`
            self.embed = nn.Embedding(config.vocab_size, config.d_model)
            self.pos_embed = (
                nn.Embedding(config.context, config.d_model)
                if config.positions.kind == "learned"
                else None
            )
            self.blocks = nn.ModuleList(Block(config) for _ in range(config.num_layers))
            self.final_norm = make_norm(config)
            self.unembed = nn.Linear(config.d_model, config.vocab_size, bias=False)
        self.to_empty(device="cpu")
        if config.tied:
            self.unembed.weight = self.embed.weight
        self.kernel: AttentionKernel = "fused"
        initialise(self, generator or torch.Generator().manual_seed(0))

    def forward(
        self,
        ids: Int[Tensor, "batch seq"],
        *,
        starts: Int[Tensor, " batch"] | None = None,
        cache: KeyValueCache | None = None,
    ) -> Float[Tensor, "batch seq vocab"]:
        """Logits of the token after each token.

        Args:
            ids: Token ids.
            starts: First real token of each row that is padded on the left; None: no padding.
                Logits of padding mean nothing.
            cache: What earlier calls have seen (its `starts` hold); this call's tokens are added.
        """
        return self.unembed(self.features(ids, starts=starts, cache=cache))

    def features(
        self,
        ids: Int[Tensor, "batch seq"],
        *,
        starts: Int[Tensor, " batch"] | None = None,
        cache: KeyValueCache | None = None,
    ) -> Float[Tensor, "batch seq d_model"]:
        """Normed final residual stream: what the unembedding, or a reward head, reads."""
        first = 0
        if cache is not None:
            starts, first = cache.starts, cache.used
            cache.take_slots(ids.shape[1])
        layout = lay_out(ids, self.config, self.kernel, starts=starts, first=first)
        x, place = self.embed(ids), None
        if self.pos_embed is not None:
            place = self.pos_embed(layout.positions)
            if self.config.positions.inject == "residual":
                x, place = x + place, None
        for layer, block in enumerate(self.blocks):
            memory = None if cache is None else layer_memory(cache, layer)
            x = block(x, place, layout, memory)
        return self.final_norm(x)


def lay_out(
    ids: Int[Tensor, "batch seq"],
    config: TransformerConfig,
    kernel: AttentionKernel,
    *,
    starts: Int[Tensor, " batch"] | None,
    first: int,
) -> Layout:
    """Place tokens in the slots from `first` on, in rows that begin at `starts`."""
    seq = ids.shape[1]
    here = torch.arange(first, first + seq, device=ids.device)
    positions = here[None]
    if starts is not None:
        # Padding and rows that have outgrown the context get some position; nobody reads them.
        positions = (here - starts[:, None]).clamp(0, config.context - 1)
    bias, is_causal = None, False
    if starts is None and first == 0 and kernel == "fused":
        is_causal = True
    elif starts is not None or first == 0 or seq > 1:  # a lone next token may look at everything
        bias = attention_bias(here, starts, first + seq)
    turn = rotary_turn(positions, config) if config.positions.kind == "rotary" else None
    return Layout(kernel, positions, bias, is_causal, turn, first)


def layer_memory(cache: KeyValueCache, layer: int) -> Memory:
    """One layer's views into the cache."""
    last_key = None if cache.last_key is None else cache.last_key[layer]
    return Memory(cache.keys[layer], cache.values[layer], last_key)


def attention_bias(
    here: Int[Tensor, " seq"], starts: Int[Tensor, " batch"] | None, num_slots: int
) -> Float[Tensor, "row 1 seq slot"]:
    """0 from a row's start up to the token itself, -inf elsewhere.

    Padding looks at itself alone: a row of -inf would become NaN.
    """
    slots = torch.arange(num_slots, device=here.device)
    allowed = (slots <= here[:, None])[None]  # row seq slot
    if starts is not None:
        allowed = (allowed & (slots >= starts[:, None, None])) | (slots == here[:, None])
    return torch.zeros((), device=here.device).where(allowed, -math.inf)[:, None]


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
            parameter.fill_(1.0)
        else:
            narrow = name.endswith(("attn.out.weight", "mlp.down.weight"))
            parameter.normal_(0.0, into_stream if narrow else std, generator=generator)
    return model
