"""Small configs that between them use every option of the Transformer."""

from dataclasses import replace

from glasshouse.models import (
    AttentionConfig,
    EndsConfig,
    LocalConfig,
    MlpConfig,
    PositionConfig,
    RotaryScaling,
    TransformerConfig,
)

BASE = TransformerConfig(
    vocab_size=23,
    context=12,
    num_layers=2,
    d_model=16,
    attention=AttentionConfig(num_heads=4),
    mlp=MlpConfig(d_mlp=24),
    init_std=0.3,  # far from uniform logits, so that a mistake is larger than rounding
)
SMEARED = AttentionConfig(num_heads=4, num_kv_heads=2, smeared_keys=True)
ROTARY = PositionConfig(kind="rotary", rotary_base=100.0)
LLAMA = replace(
    BASE,
    attention=AttentionConfig(num_heads=4, num_kv_heads=2),
    mlp=MlpConfig(d_mlp=24, activation="swiglu"),
    positions=ROTARY,
    norm="rms",
    bias=False,
    tied=False,
)
GEMMA = replace(
    LLAMA,
    norm="rms_plus_one",
    post_norms=True,
    mlp=MlpConfig(d_mlp=24, activation="geglu"),
    attention=AttentionConfig(
        num_heads=4,
        num_kv_heads=2,
        d_head=6,
        scale=0.3,
        score_cap=3.0,
        local=LocalConfig(window=3, global_layers=(1,)),
    ),
    ends=EndsConfig(embed_scale=4.0, logit_cap=3.0),
    tied=True,
)

VARIANTS = {
    "gpt": BASE,
    "llama": LLAMA,
    "neox": replace(
        BASE,
        positions=PositionConfig(kind="rotary", rotary_fraction=0.5),
        mlp=MlpConfig(d_mlp=24, activation="gelu"),
        parallel=True,
        tied=False,
    ),
    "qwen": replace(LLAMA, attention=replace(LLAMA.attention, qkv_bias=True), tied=True),
    "gemma": replace(
        LLAMA,
        mlp=MlpConfig(d_mlp=24, activation="geglu"),
        attention=AttentionConfig(num_heads=4, num_kv_heads=1, d_head=6),
    ),
    "llama 3": replace(
        LLAMA,
        positions=replace(
            ROTARY,
            rotary_scaling=RotaryScaling(
                kind="llama3", factor=8.0, low=1.0, high=4.0, original_context=8
            ),
        ),
        attention=AttentionConfig(num_heads=4, num_kv_heads=2, qkv_bias=True, out_bias=True),
        mlp=MlpConfig(d_mlp=24, activation="swiglu", bias=True),
    ),
    "mistral": replace(LLAMA, attention=replace(LLAMA.attention, local=LocalConfig(window=4))),
    "qwen 3": replace(LLAMA, attention=replace(LLAMA.attention, d_head=6, qk_norm=True)),
    "gemma 2": GEMMA,
    "gemma 3": replace(
        GEMMA,
        attention=replace(
            GEMMA.attention,
            qk_norm=True,
            score_cap=None,
            local=LocalConfig(window=3, global_layers=(1,), rotary_base=50.0),
        ),
    ),
    "no positions": replace(BASE, positions=PositionConfig(kind="none")),
    "positions in queries and keys": replace(
        BASE, positions=PositionConfig(inject="queries_and_keys"), mlp=None
    ),
    "attention only, smeared": replace(BASE, attention=SMEARED, mlp=None),
    "rotary, smeared": replace(BASE, attention=SMEARED, positions=ROTARY),
    "relu, no biases": replace(BASE, mlp=MlpConfig(d_mlp=24, activation="relu"), bias=False),
    "bigram": replace(BASE, num_layers=0),
}
