"""GPT-NeoX and Pythia: rotary positions on a part of each head, both halves of a block at once."""

from typing import Any

from glasshouse.models.config import AttentionConfig, MlpConfig, TransformerConfig
from glasshouse.models.huggingface.activations import PLAIN, read_activation, write_activation
from glasshouse.models.huggingface.family import Family, Layer, by_head, same
from glasshouse.models.huggingface.rope import read_rotary, write_scaling
from glasshouse.models.huggingface.settings import Settings


def read_config(settings: Settings) -> TransformerConfig:
    """GPT-NeoX's config in our words."""
    attention_bias = settings.flag("attention_bias", True)
    return TransformerConfig(
        vocab_size=settings.whole("vocab_size"),
        context=settings.whole("max_position_embeddings"),
        num_layers=settings.whole("num_hidden_layers"),
        d_model=settings.whole("hidden_size"),
        attention=AttentionConfig(
            num_heads=settings.whole("num_attention_heads"),
            qkv_bias=attention_bias,
            out_bias=attention_bias,
        ),
        mlp=MlpConfig(
            d_mlp=settings.whole("intermediate_size"),
            activation=read_activation(settings, "hidden_act", "gelu", PLAIN),
        ),
        positions=read_rotary(settings, fraction=0.25, names=("rotary_emb_base", "rotary_pct")),
        norm_epsilon=settings.number("layer_norm_eps", 1e-5),
        tied=settings.flag("tie_word_embeddings", False),
        parallel=settings.flag("use_parallel_residual", True),
        init_std=settings.number("initializer_range", 0.02),
    )


def write_config(config: TransformerConfig) -> dict[str, Any]:
    """Our config in GPT-NeoX's words."""
    mlp = config.mlp or MlpConfig(d_mlp=1)
    return {
        "vocab_size": config.vocab_size,
        "max_position_embeddings": config.context,
        "num_hidden_layers": config.num_layers,
        "hidden_size": config.d_model,
        "num_attention_heads": config.attention.num_heads,
        "attention_bias": config.qkv_bias,
        "intermediate_size": mlp.d_mlp,
        "hidden_act": write_activation(mlp.activation, PLAIN),
        "rotary_emb_base": config.positions.rotary_base,
        "rotary_pct": config.positions.rotary_fraction,
        "rope_scaling": write_scaling(config.positions.rotary_scaling),
        "layer_norm_eps": config.norm_epsilon,
        "tie_word_embeddings": config.tied,
        "use_parallel_residual": config.parallel,
        "initializer_range": config.init_std,
    }


BLOCK = "gpt_neox.layers.{}."
GPT_NEOX = Family(
    model_type="gpt_neox",
    whole_heads=True,
    architecture="GPTNeoXForCausalLM",
    read=read_config,
    write=write_config,
    layers=(
        Layer(theirs="gpt_neox.embed_in", ours=("embed",)),
        *same(
            attn_norm=BLOCK + "input_layernorm",
            mlp_norm=BLOCK + "post_attention_layernorm",
            attn__out=BLOCK + "attention.dense",
            mlp__up=BLOCK + "mlp.dense_h_to_4h",
            mlp__down=BLOCK + "mlp.dense_4h_to_h",
        ),
        by_head(
            BLOCK + "attention.query_key_value",
            *(f"blocks.{{}}.attn.{name}" for name in ("q", "k", "v")),
        ),
        Layer(theirs="gpt_neox.final_layer_norm", ours=("final_norm",)),
        Layer(theirs="embed_out", ours=("unembed",)),
    ),
    # transformers 5 calls it lm_head in memory and embed_out on disk; 4 knows embed_out only.
    renames=((r"^lm_head\.", "embed_out."), (r"^(?!gpt_neox\.|embed_out\.)", "gpt_neox.")),
    ignored=r"\.attention\.(bias|masked_bias|rotary_emb\.inv_freq)$",
)
