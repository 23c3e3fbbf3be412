"""GPT-2: learned positions, LayerNorm, one map for queries, keys and values."""

from typing import Any

from glasshouse.models.config import AttentionConfig, MlpConfig, TransformerConfig
from glasshouse.models.huggingface.activations import PLAIN, read_activation, write_activation
from glasshouse.models.huggingface.family import Family, Layer, same, transposed
from glasshouse.models.huggingface.settings import Settings


def read_config(settings: Settings) -> TransformerConfig:
    """GPT-2's config in our words."""
    for oddity in ("scale_attn_by_inverse_layer_idx", "add_cross_attention"):
        settings.refuse(oddity)
    d_model = settings.whole("n_embd")
    return TransformerConfig(
        vocab_size=settings.whole("vocab_size"),
        context=settings.whole("n_positions"),
        num_layers=settings.whole("n_layer"),
        d_model=d_model,
        attention=AttentionConfig(
            num_heads=settings.whole("n_head"),
            scale=None if settings.flag("scale_attn_weights", True) else 1.0,
        ),
        mlp=MlpConfig(
            d_mlp=settings.whole("n_inner", 4 * d_model),
            activation=read_activation(settings, "activation_function", "gelu_new", PLAIN),
        ),
        norm_epsilon=settings.number("layer_norm_epsilon", 1e-5),
        tied=settings.flag("tie_word_embeddings", True),
        init_std=settings.number("initializer_range", 0.02),
    )


def write_config(config: TransformerConfig) -> dict[str, Any]:
    """Our config in GPT-2's words."""
    mlp = config.mlp or MlpConfig(d_mlp=1)
    return {
        "vocab_size": config.vocab_size,
        "n_positions": config.context,
        "n_layer": config.num_layers,
        "n_embd": config.d_model,
        "n_head": config.attention.num_heads,
        "n_inner": mlp.d_mlp,
        "activation_function": write_activation(mlp.activation, PLAIN),
        "scale_attn_weights": config.attention.scale != 1.0,
        "layer_norm_epsilon": config.norm_epsilon,
        "tie_word_embeddings": config.tied,
        "initializer_range": config.init_std,
    }


BLOCK = "transformer.h.{}."
GPT2 = Family(
    model_type="gpt2",
    architecture="GPT2LMHeadModel",
    read=read_config,
    write=write_config,
    layers=(
        Layer(theirs="transformer.wte", ours=("embed",)),
        Layer(theirs="transformer.wpe", ours=("pos_embed",)),
        *same(attn_norm=BLOCK + "ln_1", mlp_norm=BLOCK + "ln_2"),
        transposed(
            BLOCK + "attn.c_attn", *(f"blocks.{{}}.attn.{name}" for name in ("q", "k", "v"))
        ),
        transposed(BLOCK + "attn.c_proj", "blocks.{}.attn.out"),
        transposed(BLOCK + "mlp.c_fc", "blocks.{}.mlp.up"),
        transposed(BLOCK + "mlp.c_proj", "blocks.{}.mlp.down"),
        Layer(theirs="transformer.ln_f", ours=("final_norm",)),
        Layer(theirs="lm_head", ours=("unembed",)),
    ),
    renames=((r"^(?!transformer\.|lm_head\.)", "transformer."),),
    ignored=r"\.attn\.(bias|masked_bias)$",
)
