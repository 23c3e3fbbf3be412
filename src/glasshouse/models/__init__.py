"""Language models: what they are made of, how they are kept, and how they speak.

- `config`: TransformerConfig and its parts; recipes `nano`, `tiny`, `mini`, `gpt`
- `transformer`: the one Transformer; seeded `initialise`
- `cost`: parameters and floating-point operations
- `tokenizer`: words or byte-level BPE to ids and back
"""

from glasshouse.models.cache import KeyValueCache, empty_cache
from glasshouse.models.config import (
    AttentionConfig,
    MlpConfig,
    PositionConfig,
    TransformerConfig,
    gpt,
    mini,
    nano,
    tiny,
)
from glasshouse.models.cost import count_params, flops_per_token
from glasshouse.models.tokenizer import Tokenizer, train_bpe, word_tokenizer
from glasshouse.models.transformer import Transformer, initialise

__all__ = [
    "AttentionConfig",
    "KeyValueCache",
    "MlpConfig",
    "PositionConfig",
    "Tokenizer",
    "Transformer",
    "TransformerConfig",
    "count_params",
    "empty_cache",
    "flops_per_token",
    "gpt",
    "initialise",
    "mini",
    "nano",
    "tiny",
    "train_bpe",
    "word_tokenizer",
]
