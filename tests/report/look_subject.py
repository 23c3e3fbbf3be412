"""A tiny model to look into, and prompts in its words."""

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
