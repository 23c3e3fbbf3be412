"""What a Transformer is made of: sizes, positions, attention, feed-forward, and three recipes."""

from dataclasses import dataclass
from typing import Literal

from glasshouse.errors import InputError

Activation = Literal["gelu_tanh", "gelu", "relu", "silu", "swiglu", "geglu"]
"""`gelu_tanh` is GPT-2's approximation, `gelu` the exact one; the last two are gated, by `silu`
and by `gelu_tanh`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RotaryScaling:
    """How rotary positions are slowed for texts longer than those of pretraining."""

    kind: Literal["linear", "llama3"]
    """`linear` slows every frequency alike; `llama3` the low ones only."""
    factor: float
    """A frequency that is slowed is divided by this."""
    low: float = 1.0
    """llama3: frequencies of fewer turns than this in `original_context` are divided by factor."""
    high: float = 4.0
    """llama3: those of more turns than this stay; between the two the change is gradual."""
    original_context: int = 8192
    """llama3: the context of pretraining."""

    def __post_init__(self) -> None:
        if self.factor < 1:
            raise InputError(f"rotary_scaling.factor={self.factor} must be at least 1")
        if not 0 < self.low < self.high or self.original_context < 1:
            raise InputError(
                f"rotary_scaling needs 0 < low < high and a context, not low={self.low}, "
                f"high={self.high}, original_context={self.original_context}"
            )
        if self.kind == "linear" and (self.low, self.high, self.original_context) != (1, 4, 8192):
            raise InputError("rotary_scaling.kind='linear' has a factor only; leave the rest out")


@dataclass(frozen=True, kw_only=True, slots=True)
class PositionConfig:
    """How a token knows where it stands."""

    kind: Literal["learned", "rotary", "none"] = "learned"
    """A table of vectors, a rotation of queries and keys, or nothing but the causal mask."""
    inject: Literal["residual", "queries_and_keys"] = "residual"
    """Where learned vectors are added: once to the residual stream, or in every layer to the input
    of queries and keys only, so that values and residual stream stay free of position."""
    rotary_base: float = 10_000.0
    """Rotary only: wavelengths run from 2π to 2π·base."""
    rotary_fraction: float = 1.0
    """Rotary only: share of each head's dimensions that is rotated (Pythia: 0.25)."""
    rotary_scaling: RotaryScaling | None = None
    """Rotary only: slower turns for longer texts (Llama 3); local layers whose rotary base is
    their own are left alone."""

    def __post_init__(self) -> None:
        if self.inject == "queries_and_keys" and self.kind != "learned":
            raise InputError(
                f"positions.inject='queries_and_keys' needs learned positions, not {self.kind!r}; "
                "rotary positions enter queries and keys by nature"
            )
        rotary = (self.rotary_base, self.rotary_fraction, self.rotary_scaling)
        if self.kind != "rotary" and rotary != (10_000.0, 1.0, None):
            raise InputError(
                f"positions.kind={self.kind!r} has no use for rotary_base, rotary_fraction or "
                "rotary_scaling; leave them out or set kind='rotary'"
            )
        if self.rotary_base <= 1:
            raise InputError(f"positions.rotary_base={self.rotary_base} must exceed 1")
        if not 0 < self.rotary_fraction <= 1:
            raise InputError(f"positions.rotary_fraction={self.rotary_fraction} must lie in (0, 1]")


@dataclass(frozen=True, kw_only=True, slots=True)
class LocalConfig:
    """Layers that look back a short way only."""

    window: int
    """Tokens a token sees, itself included (Mistral: 4096)."""
    global_layers: tuple[int, ...] = ()
    """Layers that see everything all the same (Gemma 3: every sixth)."""
    rotary_base: float | None = None
    """Base of the local layers; None: that of the others (Gemma 3 differs)."""

    def __post_init__(self) -> None:
        if self.window < 1:
            raise InputError(f"attention.local.window={self.window} must be at least 1")
        if sorted(set(self.global_layers)) != list(self.global_layers):
            raise InputError(
                f"attention.local.global_layers={self.global_layers} must rise, each layer once"
            )
        if self.rotary_base is not None and self.rotary_base <= 1:
            raise InputError(f"attention.local.rotary_base={self.rotary_base} must exceed 1")


@dataclass(frozen=True, kw_only=True, slots=True)
class AttentionConfig:
    """Heads and what is odd about them."""

    num_heads: int
    """Query heads of each layer."""
    num_kv_heads: int | None = None
    """Key and value heads, each shared by a group of query heads; None: as many as query heads."""
    d_head: int | None = None
    """Width of one head; None: d_model / num_heads."""
    qkv_bias: bool | None = None
    """Biases of the query, key and value maps; None: as the rest of the model (Qwen 2 differs)."""
    out_bias: bool | None = None
    """Bias of the output map; None: as the rest of the model."""
    qk_norm: bool = False
    """RMSNorm over each head's query and key, with gains of its own (Qwen 3, Gemma 3)."""
    scale: float | None = None
    """Factor on q·k; None: 1 / sqrt(d_head)."""
    score_cap: float | None = None
    """Scores become cap·tanh(score / cap), so no fused kernel can compute them (Gemma 2)."""
    local: LocalConfig | None = None
    """Which layers look back a short way only; None: none."""
    smeared_keys: bool = False
    """k_j <- s·k_j + (1-s)·k_{j-1}, with one trained s in (0, 1) per key head (2209.11895)."""

    def __post_init__(self) -> None:
        kv_heads = self.num_heads if self.num_kv_heads is None else self.num_kv_heads
        if self.num_heads < 1 or kv_heads < 1 or self.num_heads % kv_heads:
            raise InputError(
                f"attention.num_kv_heads={self.num_kv_heads} must divide "
                f"num_heads={self.num_heads}, and both must be at least 1"
            )
        if self.d_head is not None and self.d_head < 1:
            raise InputError(f"attention.d_head={self.d_head} must be at least 1")
        for name in ("scale", "score_cap"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise InputError(f"attention.{name}={value} must be positive; None leaves it out")


@dataclass(frozen=True, kw_only=True, slots=True)
class MlpConfig:
    """The feed-forward half of a block."""

    d_mlp: int
    """Hidden width; of a gated activation, the width of each of its two halves."""
    activation: Activation = "gelu_tanh"
    """What stands between the two maps; `swiglu` and `geglu` multiply by a second map of x."""
    bias: bool | None = None
    """Biases of the maps; None: as the rest of the model."""

    def __post_init__(self) -> None:
        if self.d_mlp < 1:
            raise InputError(f"mlp.d_mlp={self.d_mlp} must be at least 1; leave mlp out for none")

    @property
    def is_gated(self) -> bool:
        """Whether there are three maps rather than two."""
        return self.activation in ("swiglu", "geglu")


@dataclass(frozen=True, kw_only=True, slots=True)
class EndsConfig:
    """What is odd about where tokens enter the network and leave it."""

    embed_scale: float = 1.0
    """Factor on token embeddings (Gemma: sqrt(d_model))."""
    logit_cap: float | None = None
    """Logits become cap·tanh(logit / cap) (Gemma 2: 30)."""

    def __post_init__(self) -> None:
        if self.embed_scale <= 0:
            raise InputError(f"ends.embed_scale={self.embed_scale} must be positive")
        if self.logit_cap is not None and self.logit_cap <= 0:
            raise InputError(f"ends.logit_cap={self.logit_cap} must be positive; None: no cap")


@dataclass(frozen=True, kw_only=True, slots=True)
class TransformerConfig:
    """A decoder-only Transformer with pre-norm blocks."""

    vocab_size: int
    """Rows of the embedding."""
    context: int
    """Most tokens the model is made to see at once."""
    num_layers: int
    """Blocks; 0 leaves a bigram model."""
    d_model: int
    """Width of the residual stream."""
    attention: AttentionConfig
    """The heads."""
    mlp: MlpConfig | None
    """The feed-forward part; None makes the model attention-only."""
    positions: PositionConfig = PositionConfig()
    """How positions enter."""
    norm: Literal["layer", "rms", "rms_plus_one"] = "layer"
    """Normalisation before each half block and before the unembedding. `rms_plus_one` keeps its
    gains as differences from 1 (Gemma)."""
    norm_epsilon: float = 1e-5
    """Added to the variance."""
    post_norms: bool = False
    """Norms also what each half block adds to the residual stream (Gemma 2 and 3)."""
    bias: bool = True
    """Biases in linear maps and LayerNorms (the unembedding never has one)."""
    tied: bool = True
    """Whether the unembedding is the embedding, transposed."""
    ends: EndsConfig = EndsConfig()
    """What is odd about embedding and unembedding."""
    parallel: bool = False
    """Both halves of a block read its input (GPT-NeoX), rather than one after the other."""
    init_std: float = 0.02
    """Standard deviation of new weights; maps that write into the residual stream get
    init_std / sqrt(2·num_layers), as in GPT-2."""

    def __post_init__(self) -> None:
        for name, least in (("vocab_size", 1), ("context", 1), ("num_layers", 0), ("d_model", 1)):
            if getattr(self, name) < least:
                raise InputError(f"{name}={getattr(self, name)} must be at least {least}")
        if self.attention.d_head is None and self.d_model % self.attention.num_heads:
            raise InputError(
                f"d_model={self.d_model} is no multiple of num_heads={self.attention.num_heads}; "
                "change one of them or name attention.d_head"
            )
        turned = self.d_rotary + self.d_rotary % 2  # in pairs
        if self.positions.kind == "rotary" and not 2 <= turned <= self.d_head:
            raise InputError(
                f"rotary positions turn pairs of dimensions, but {self.d_rotary} of "
                f"d_head={self.d_head} would be turned; choose another rotary_fraction or d_head"
            )
        self._check_local()
        if self.parallel and self.mlp is None:
            raise InputError("parallel=True needs an mlp: attention-only blocks have one half")
        if self.norm_epsilon <= 0 or self.init_std <= 0:
            raise InputError(
                f"norm_epsilon={self.norm_epsilon} and init_std={self.init_std} must be positive"
            )

    def _check_local(self) -> None:
        local = self.attention.local
        if local is None:
            return
        if not set(local.global_layers) <= set(range(self.num_layers)):
            raise InputError(
                f"attention.local.global_layers={local.global_layers} names a layer that a model "
                f"of num_layers={self.num_layers} has not"
            )
        if local.rotary_base is not None and self.positions.kind != "rotary":
            raise InputError("attention.local.rotary_base needs rotary positions; leave it out")

    def is_local(self, layer: int) -> bool:
        """Whether a layer sees a window rather than everything."""
        local = self.attention.local
        return local is not None and layer not in local.global_layers

    @property
    def d_head(self) -> int:
        """Width of one head."""
        return self.attention.d_head or self.d_model // self.attention.num_heads

    @property
    def d_rotary(self) -> int:
        """Dimensions of each head that rotary positions turn; of an odd number, one more."""
        return int(self.d_head * self.positions.rotary_fraction)

    @property
    def num_kv_heads(self) -> int:
        """Key and value heads of each layer."""
        return self.attention.num_kv_heads or self.attention.num_heads

    @property
    def qkv_bias(self) -> bool:
        """Whether the query, key and value maps have biases."""
        return self.bias if self.attention.qkv_bias is None else self.attention.qkv_bias

    @property
    def out_bias(self) -> bool:
        """Whether attention's output map has a bias."""
        return self.bias if self.attention.out_bias is None else self.attention.out_bias

    @property
    def mlp_bias(self) -> bool:
        """Whether the maps of the feed-forward part have biases."""
        return self.bias if self.mlp is None or self.mlp.bias is None else self.mlp.bias

    @property
    def score_scale(self) -> float:
        """Factor on q·k."""
        return self.attention.scale or self.d_head**-0.5


def nano(vocab_size: int, *, context: int = 64) -> TransformerConfig:
    """About 0.1 M parameters besides embeddings: 2 layers of width 64."""
    return gpt(vocab_size, context=context, num_layers=2, d_model=64, num_heads=4)


def tiny(vocab_size: int, *, context: int = 64) -> TransformerConfig:
    """About 0.3 M parameters besides embeddings: 3 layers of width 96."""
    return gpt(vocab_size, context=context, num_layers=3, d_model=96, num_heads=4)


def mini(vocab_size: int, *, context: int = 128) -> TransformerConfig:
    """About 0.8 M parameters besides embeddings: 4 layers of width 128."""
    return gpt(vocab_size, context=context, num_layers=4, d_model=128, num_heads=4)


def gpt(
    vocab_size: int, *, context: int, num_layers: int, d_model: int, num_heads: int
) -> TransformerConfig:
    """GPT-2's architecture at any size: learned positions, LayerNorm, GELU, tied, 4x wide MLP."""
    return TransformerConfig(
        vocab_size=vocab_size,
        context=context,
        num_layers=num_layers,
        d_model=d_model,
        attention=AttentionConfig(num_heads=num_heads),
        mlp=MlpConfig(d_mlp=4 * d_model),
    )
