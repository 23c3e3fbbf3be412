"""Llama 2 and 3, Mistral, Qwen 2, 2.5 and 3: the same blocks with other biases, norms, windows."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from glasshouse.models.config import (
    AttentionConfig,
    LocalConfig,
    MlpConfig,
    TransformerConfig,
)
from glasshouse.models.huggingface.activations import GATED, read_activation, write_activation
from glasshouse.models.huggingface.family import Family, Layer, same
from glasshouse.models.huggingface.rope import read_rotary, write_rotary
from glasshouse.models.huggingface.settings import Settings
from glasshouse.models.huggingface.windows import layer_types, local_layers, sliding_layers

BLOCK = "model.layers.{}."
LAYERS = (
    Layer(theirs="model.embed_tokens", ours=("embed",)),
    *same(
        attn_norm=BLOCK + "input_layernorm",
        attn__q=BLOCK + "self_attn.q_proj",
        attn__k=BLOCK + "self_attn.k_proj",
        attn__v=BLOCK + "self_attn.v_proj",
        attn__q_norm=BLOCK + "self_attn.q_norm",
        attn__k_norm=BLOCK + "self_attn.k_norm",
        attn__out=BLOCK + "self_attn.o_proj",
        mlp_norm=BLOCK + "post_attention_layernorm",
        mlp__gate=BLOCK + "mlp.gate_proj",
        mlp__up=BLOCK + "mlp.up_proj",
        mlp__down=BLOCK + "mlp.down_proj",
    ),
    Layer(theirs="model.norm", ours=("final_norm",)),
    Layer(theirs="lm_head", ours=("unembed",)),
)
RENAMES = ((r"^(?!model\.|lm_head\.)", "model."),)
IGNORED = r"rotary_emb\.inv_freq$"


def read_llama(settings: Settings) -> TransformerConfig:
    """Llama's config in our words; its relatives differ from this in a few fields."""
    heads, d_model = settings.whole("num_attention_heads"), settings.whole("hidden_size")
    bias = settings.flag("attention_bias", False)
    return TransformerConfig(
        vocab_size=settings.whole("vocab_size"),
        context=settings.whole("max_position_embeddings"),
        num_layers=settings.whole("num_hidden_layers"),
        d_model=d_model,
        attention=AttentionConfig(
            num_heads=heads,
            num_kv_heads=settings.whole("num_key_value_heads", heads),
            d_head=settings.whole("head_dim", d_model // max(heads, 1)),
            qkv_bias=bias,
            out_bias=bias,
        ),
        mlp=MlpConfig(
            d_mlp=settings.whole("intermediate_size"),
            activation=read_activation(settings, "hidden_act", "silu", GATED),
            bias=settings.flag("mlp_bias", False),
        ),
        positions=read_rotary(settings),
        norm="rms",
        norm_epsilon=settings.number("rms_norm_eps", 1e-6),
        bias=False,
        tied=settings.flag("tie_word_embeddings", False),
        init_std=settings.number("initializer_range", 0.02),
    )


def read_mistral(settings: Settings) -> TransformerConfig:
    """Llama with a window in every layer and no biases."""
    config = with_attention(read_llama(settings), qkv_bias=False, out_bias=False)
    window = settings.whole("sliding_window", 0)
    local = LocalConfig(window=window) if window else None
    return with_attention(config, local=local)


def read_qwen2(settings: Settings) -> TransformerConfig:
    """Llama with biases of queries, keys and values, and windows in the later layers."""
    config = read_llama(settings)
    return with_attention(
        config, qkv_bias=True, out_bias=False, local=qwen_windows(settings, config.num_layers)
    )


def read_qwen3(settings: Settings) -> TransformerConfig:
    """Llama with norms of queries and keys, and windows in the later layers."""
    config = read_llama(settings)
    if not settings.has("head_dim"):
        config = with_attention(config, d_head=128)
    return with_attention(config, qk_norm=True, local=qwen_windows(settings, config.num_layers))


def qwen_windows(settings: Settings, num_layers: int) -> LocalConfig | None:
    """Windows in the layers from `max_window_layers` on, or where `layer_types` says so."""
    if not settings.flag("use_sliding_window", False) or not settings.has("sliding_window"):
        return None
    first = settings.whole("max_window_layers", 28)
    sliding = sliding_layers(settings, num_layers, lambda layer: layer >= first)
    return local_layers(settings.whole("sliding_window"), sliding)


def with_attention(config: TransformerConfig, **changes: Any) -> TransformerConfig:
    """A config with other attention."""
    return replace(config, attention=replace(config.attention, **changes))


def write_llama(config: TransformerConfig) -> dict[str, Any]:
    """Our config in Llama's words."""
    mlp = config.mlp or MlpConfig(d_mlp=1)
    return {
        "vocab_size": config.vocab_size,
        "max_position_embeddings": config.context,
        "num_hidden_layers": config.num_layers,
        "hidden_size": config.d_model,
        "num_attention_heads": config.attention.num_heads,
        "num_key_value_heads": config.num_kv_heads,
        "head_dim": config.d_head,
        "attention_bias": config.qkv_bias,
        "intermediate_size": mlp.d_mlp,
        "hidden_act": write_activation(mlp.activation, GATED),
        "mlp_bias": config.mlp_bias,
        "rms_norm_eps": config.norm_epsilon,
        "tie_word_embeddings": config.tied,
        "initializer_range": config.init_std,
    } | write_rotary(config.positions)


def write_mistral(config: TransformerConfig) -> dict[str, Any]:
    """Our config in Mistral's words."""
    local = config.attention.local
    fields = write_llama(config) | {"sliding_window": None if local is None else local.window}
    return without(fields, "attention_bias", "mlp_bias")


def write_qwen(config: TransformerConfig) -> dict[str, Any]:
    """Our config in Qwen's words."""
    local = config.attention.local
    return without(write_llama(config), "mlp_bias") | {
        "use_sliding_window": local is not None,
        "sliding_window": None if local is None else local.window,
        "layer_types": layer_types(config),
    }


def without(fields: dict[str, Any], *names: str) -> dict[str, Any]:
    """Fields less those that a family has not."""
    return {name: value for name, value in fields.items() if name not in names}


def relative(
    model_type: str,
    architecture: str,
    read: Callable[[Settings], TransformerConfig],
    write: Callable[[TransformerConfig], dict[str, Any]],
) -> Family:
    """A family with Llama's names of weights."""
    return Family(
        model_type=model_type,
        architecture=architecture,
        read=read,
        write=write,
        layers=LAYERS,
        renames=RENAMES,
        ignored=IGNORED,
    )


LLAMA = replace(relative("llama", "LlamaForCausalLM", read_llama, write_llama), whole_heads=True)
MISTRAL = relative("mistral", "MistralForCausalLM", read_mistral, write_mistral)
QWEN2 = relative("qwen2", "Qwen2ForCausalLM", read_qwen2, write_qwen)
QWEN3 = relative("qwen3", "Qwen3ForCausalLM", read_qwen3, write_qwen)
