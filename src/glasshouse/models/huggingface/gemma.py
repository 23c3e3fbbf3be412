"""Gemma 1, 2 and 3: gains about 1, scaled embeddings, norms after each half, windows, caps."""

from dataclasses import replace
from typing import Any

from glasshouse.models.config import (
    AttentionConfig,
    EndsConfig,
    MlpConfig,
    TransformerConfig,
)
from glasshouse.models.huggingface.activations import GATED, read_activation, write_activation
from glasshouse.models.huggingface.family import Family, same
from glasshouse.models.huggingface.llama import (
    BLOCK,
    IGNORED,
    LAYERS,
    RENAMES,
    without,
    write_llama,
)
from glasshouse.models.huggingface.rope import (
    read_rotary,
    read_scaling,
    write_scaling,
)
from glasshouse.models.huggingface.settings import Settings
from glasshouse.models.huggingface.windows import layer_types, local_layers, sliding_layers


def read_gemma(settings: Settings) -> TransformerConfig:
    """Gemma 1's config in our words; 2 and 3 add to it."""
    settings.refuse("use_bidirectional_attention")
    bias, d_model = settings.flag("attention_bias", False), settings.whole("hidden_size")
    heads = settings.whole("num_attention_heads")
    return TransformerConfig(
        vocab_size=settings.whole("vocab_size"),
        context=settings.whole("max_position_embeddings", 8192),
        num_layers=settings.whole("num_hidden_layers"),
        d_model=d_model,
        attention=AttentionConfig(
            num_heads=heads,
            num_kv_heads=settings.whole("num_key_value_heads", heads),
            d_head=settings.whole("head_dim", 256),
            qkv_bias=bias,
            out_bias=bias,
        ),
        # The first release wrote "gelu" and meant its approximation.
        mlp=MlpConfig(
            d_mlp=settings.whole("intermediate_size"),
            activation=read_activation(
                settings, "hidden_act", "gelu_pytorch_tanh", {**GATED, "gelu": "geglu"}
            ),
        ),
        positions=read_rotary(settings),
        norm="rms_plus_one",
        norm_epsilon=settings.number("rms_norm_eps", 1e-6),
        bias=False,
        tied=settings.flag("tie_word_embeddings", True),
        ends=EndsConfig(embed_scale=d_model**0.5),
        init_std=settings.number("initializer_range", 0.02),
    )


def read_gemma2(settings: Settings) -> TransformerConfig:
    """Gemma 1 with norms after each half, windows in every other layer, and caps."""
    config = read_gemma(settings)
    sliding = sliding_layers(settings, config.num_layers, lambda layer: layer % 2 == 0)
    return replace(
        config,
        attention=replace(
            config.attention,
            scale=settings.number("query_pre_attn_scalar", 256) ** -0.5,
            score_cap=read_cap(settings, "attn_logit_softcapping", 50.0),
            local=local_layers(settings.whole("sliding_window", 4096), sliding),
        ),
        mlp=gemma_mlp(settings),
        post_norms=True,
        ends=replace(config.ends, logit_cap=read_cap(settings, "final_logit_softcapping", 30.0)),
    )


def gemma_mlp(settings: Settings) -> MlpConfig:
    """Gemma 2 and 3 name their activation anew."""
    return MlpConfig(
        d_mlp=settings.whole("intermediate_size"),
        activation=read_activation(settings, "hidden_activation", "gelu_pytorch_tanh", GATED),
    )


def read_cap(settings: Settings, name: str, default: float | None) -> float | None:
    """A soft cap; null means none, and a missing field the family's own."""
    if name not in settings.fields:
        return default
    return settings.number(name) if settings.has(name) else None


def read_gemma3(settings: Settings) -> TransformerConfig:
    """Gemma 2 with norms of queries and keys for caps, and a rotary base for either kind of layer.

    Scores are never capped, whatever the config says: transformers does not either.
    """
    older = {"attn_logit_softcapping": None, "final_logit_softcapping": None}
    known = without(dict(settings.fields), "rope_parameters", "rope_scaling", "layer_types")
    config = read_gemma2(Settings(settings.path, older | known | {"attn_logit_softcapping": None}))
    period = settings.whole("sliding_window_pattern", 6)
    sliding = sliding_layers(settings, config.num_layers, lambda layer: (layer + 1) % period != 0)
    everywhere, nearby = rotary_parts(settings)
    if read_scaling(nearby, context=config.context) is not None:
        raise nearby.unknown("rope_type")
    return replace(
        config,
        attention=replace(
            config.attention,
            qk_norm=True,
            local=local_layers(
                settings.whole("sliding_window", 4096),
                sliding,
                rotary_base=nearby.number("rope_theta"),
            ),
        ),
        positions=read_rotary(everywhere),
    )


def rotary_parts(settings: Settings) -> tuple[Settings, Settings]:
    """Rotary settings of the global and of the local layers, in the older words or the newer."""
    both = settings.part("rope_parameters") or Settings(settings.path, {})
    scaling = settings.part("rope_scaling")
    parts = []
    for kind, older, default in (
        ("full_attention", "rope_theta", 1_000_000.0),
        ("sliding_attention", "rope_local_base_freq", 10_000.0),
    ):
        part = both.part(kind) or Settings(settings.path, {})
        fields = {"rope_theta": settings.number(older, default)} | dict(part.fields)
        if kind == "full_attention" and scaling is not None:
            fields |= scaling.fields
        parts.append(fields)
    everywhere = {"rope_parameters": parts[0]}
    return Settings(settings.path, everywhere), Settings(settings.path, parts[1])


def write_gemma(config: TransformerConfig) -> dict[str, Any]:
    """Our config in Gemma 1's words."""
    mlp = config.mlp or MlpConfig(d_mlp=1)
    fields = without(write_llama(config), "mlp_bias", "attention_bias")
    return fields | {
        "attention_bias": config.qkv_bias,
        "hidden_act": write_activation(mlp.activation, GATED),
        "hidden_activation": write_activation(mlp.activation, GATED),
    }


def write_gemma2(config: TransformerConfig) -> dict[str, Any]:
    """Our config in Gemma 2's words."""
    local, scalar = config.attention.local, config.score_scale**-2
    return without(write_gemma(config), "hidden_act") | {
        "query_pre_attn_scalar": round(scalar) if abs(scalar - round(scalar)) < 1e-9 else scalar,
        "sliding_window": 4096 if local is None else local.window,
        "layer_types": layer_types(config),
        "attn_logit_softcapping": config.attention.score_cap,
        "final_logit_softcapping": config.ends.logit_cap,
    }


def write_gemma3(config: TransformerConfig) -> dict[str, Any]:
    """Our config in Gemma 3's words."""
    local = config.attention.local
    return write_gemma2(config) | {
        "rope_theta": config.positions.rotary_base,
        "rope_scaling": write_scaling(config.positions.rotary_scaling),
        "rope_local_base_freq": 10_000.0 if local is None else local.rotary_base,
    }


POST_NORMS = (
    *(layer for layer in LAYERS if layer.ours != ("blocks.{}.mlp_norm",)),
    *same(
        attn__post_norm=BLOCK + "post_attention_layernorm",
        mlp_norm=BLOCK + "pre_feedforward_layernorm",
        mlp__post_norm=BLOCK + "post_feedforward_layernorm",
    ),
)
GEMMA = Family(
    model_type="gemma",
    architecture="GemmaForCausalLM",
    read=read_gemma,
    write=write_gemma,
    layers=LAYERS,
    renames=RENAMES,
    ignored=IGNORED,
)
GEMMA2 = replace(
    GEMMA,
    whole_heads=True,
    model_type="gemma2",
    architecture="Gemma2ForCausalLM",
    read=read_gemma2,
    write=write_gemma2,
    layers=POST_NORMS,
)
GEMMA3_WITH_EYES = "gemma3"
"""The model_type of those that see; they keep the language model's config in `text_config`."""
GEMMA3_DEFAULTS = {
    "vocab_size": 262_208,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "max_position_embeddings": 131_072,
}
"""What released `text_config`s leave out, as in transformers."""
GEMMA3 = replace(
    GEMMA2,
    model_type="gemma3_text",
    architecture="Gemma3ForCausalLM",
    read=read_gemma3,
    write=write_gemma3,
    renames=(
        (r"^(model\.)?language_model\.(model\.)?(?!lm_head\.)", "model."),
        (r"^language_model\.lm_head\.", "lm_head."),
        *RENAMES,
    ),
    ignored=rf"{IGNORED}|(^|\.)(vision_tower|multi_modal_projector)\.",
)
