"""Language models: what they are made of, how they are kept, and how they speak.

- `config`: TransformerConfig and its parts; recipes `nano`, `tiny`, `mini`, `gpt`
- `transformer`: the one Transformer; seeded `initialise` (`parts`, `layout`, `rotary` below it)
- `cost`: parameters and floating-point operations
- `tokenizer`: words or byte-level BPE to ids and back
- `sampling`, `generate`: how the next token is chosen, and texts grown from a `cache`
- `decode`: one token a row through the network in few large operations
- `steering`, `steered`: what is fed inside while texts grow, and when
- `language_model`: LanguageModel: load, save, generate, logprobs (`find` and `files` below it)
- `adapters`, `adapter_files`: low-rank adapters of peft in a network, and in a folder
- `respondent`: anything that completes prompts
- `huggingface`: checkpoints of transformers in and out; other architectures as they are; numerics
- `superposition`: toy models whose features are known; `feature_decoder`: neurons that read them
"""

from glasshouse.models.cache import KeyValueCache, empty_cache
from glasshouse.models.config import (
    AttentionConfig,
    EndsConfig,
    LocalConfig,
    MlpConfig,
    PositionConfig,
    RotaryScaling,
    TransformerConfig,
    gpt,
    mini,
    nano,
    tiny,
)
from glasshouse.models.cost import count_params, flops_per_token
from glasshouse.models.generate import Continuation, continue_prompts
from glasshouse.models.huggingface.as_is import AsIs
from glasshouse.models.huggingface.numerics import Numerics, compare_with_transformers
from glasshouse.models.language_model import Completion, LanguageModel
from glasshouse.models.respondent import LocalRespondent, Respondent
from glasshouse.models.sampling import SamplingConfig
from glasshouse.models.tokenizer import Tokenizer, train_bpe, word_tokenizer
from glasshouse.models.transformer import Transformer, initialise

__all__ = [
    "AsIs",
    "AttentionConfig",
    "Completion",
    "Continuation",
    "EndsConfig",
    "KeyValueCache",
    "LanguageModel",
    "LocalConfig",
    "LocalRespondent",
    "MlpConfig",
    "Numerics",
    "PositionConfig",
    "Respondent",
    "RotaryScaling",
    "SamplingConfig",
    "Tokenizer",
    "Transformer",
    "TransformerConfig",
    "compare_with_transformers",
    "continue_prompts",
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
