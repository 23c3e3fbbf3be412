"""Tiny models to look into, and prompts in their words."""

from functools import cache

import torch

from glasshouse.models import (
    AttentionConfig,
    LanguageModel,
    MlpConfig,
    Transformer,
    TransformerConfig,
    word_tokenizer,
)
from glasshouse.models.huggingface.as_is import AsIs, config_of

WORDS = ["<end>", "the", "cat", "sat", "on", "a", "mat", "dog", "ran", "."]
PROMPT = "the cat sat on"


@cache
def subject() -> LanguageModel:
    """Two layers of two heads; the same object every time, so that its graph is captured once."""
    config = TransformerConfig(
        vocab_size=len(WORDS),
        context=16,
        num_layers=2,
        d_model=8,
        attention=AttentionConfig(num_heads=2),
        mlp=MlpConfig(d_mlp=16),
    )
    network = Transformer(config, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():  # far from uniform, so that feeding moves what is said
        for weight in network.parameters():
            weight.mul_(4)
    return LanguageModel(network, word_tokenizer(WORDS, end_token="<end>"), "untrained")


def captured_as_is() -> LanguageModel:
    """An architecture that transformers computes, with weights of its own chance."""
    import transformers  # seconds, which only this test pays

    config = transformers.OPTConfig(
        vocab_size=len(WORDS),
        hidden_size=8,
        ffn_dim=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=16,
        word_embed_proj_dim=8,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        inner = transformers.OPTForCausalLM(config).eval()
    with torch.no_grad():
        for weight in inner.parameters():
            weight.mul_(8)
    tokenizer = word_tokenizer(WORDS, end_token="<end>")
    return LanguageModel(AsIs(inner, config_of(inner)), tokenizer, "untrained")
