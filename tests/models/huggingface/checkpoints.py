"""Random checkpoints of every family, made by transformers itself, with odd shapes on purpose."""

from functools import cache

import pytest
import torch
from torch import nn

from glasshouse.models import Tokenizer, word_tokenizer

transformers = pytest.importorskip("transformers")
transformers.utils.logging.disable_progress_bar()

VOCAB = 50
WORDS = ["<end>", *(f"w{index}" for index in range(1, VOCAB))]
TOKENS = {"bos_token_id": 0, "eos_token_id": 0, "pad_token_id": None}
SMALL = {
    "vocab_size": VOCAB,
    "max_position_embeddings": 64,
    "hidden_size": 24,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 40,
    **TOKENS,
}
NEOX = {name: value for name, value in SMALL.items() if name != "num_key_value_heads"}
LLAMA3_ROPE = {
    "rope_type": "llama3",
    "rope_theta": 500.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 16,
}
GEMMA3_ROPE = {
    "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1000.0},
    "sliding_attention": {"rope_type": "default", "rope_theta": 20.0},
}
GPT2 = {"vocab_size": VOCAB, "n_positions": 64, "n_embd": 24, "n_layer": 3, "n_head": 4, **TOKENS}
KINDS = ["sliding_attention", "full_attention", "sliding_attention"]

CONFIGS = {
    "gpt2": ("GPT2", GPT2),
    "gpt2, odd": (
        "GPT2",
        GPT2 | {"n_inner": 30, "activation_function": "relu", "scale_attn_weights": False},
    ),
    "gpt2, untied": ("GPT2", GPT2 | {"tie_word_embeddings": False}),
    "neox": (
        "GPTNeoX",
        NEOX
        | {
            "rope_parameters": {
                "rope_theta": 500.0,
                "rope_type": "default",
                "partial_rotary_factor": 0.7,
            }
        },
    ),
    "neox, one half after the other": (
        "GPTNeoX",
        NEOX
        | {"use_parallel_residual": False, "attention_bias": False, "tie_word_embeddings": True},
    ),
    "llama 2": ("Llama", SMALL | {"num_key_value_heads": 4}),
    "llama 3": (
        "Llama",
        SMALL | {"head_dim": 10, "tie_word_embeddings": True, "rope_parameters": LLAMA3_ROPE},
    ),
    "llama, biased": ("Llama", SMALL | {"attention_bias": True, "mlp_bias": True}),
    "mistral": ("Mistral", SMALL | {"sliding_window": 5, "num_key_value_heads": 1}),
    "mistral, no window": ("Mistral", SMALL | {"sliding_window": None, "head_dim": 10}),
    "qwen 2": ("Qwen2", SMALL | {"tie_word_embeddings": True}),
    "qwen 2, windows": (
        "Qwen2",
        SMALL | {"use_sliding_window": True, "sliding_window": 4, "max_window_layers": 1},
    ),
    "qwen 3": ("Qwen3", SMALL | {"head_dim": 8}),
    "qwen 3, windows": (
        "Qwen3",
        SMALL
        | {"head_dim": 10, "attention_bias": True, "layer_types": KINDS}
        | {"use_sliding_window": True, "sliding_window": 4},
    ),
    "gemma 1": ("Gemma", SMALL | {"head_dim": 10, "num_key_value_heads": 1}),
    "gemma 2": (
        "Gemma2",
        SMALL
        | {"head_dim": 8, "query_pre_attn_scalar": 20, "sliding_window": 5}
        | {"attn_logit_softcapping": 2.0, "final_logit_softcapping": 5.0},
    ),
    "gemma 2, no caps": (
        "Gemma2",
        SMALL
        | {"head_dim": 10, "query_pre_attn_scalar": 7, "sliding_window": 5}
        | {"attn_logit_softcapping": None, "final_logit_softcapping": None},
    ),
    "gemma 3": (
        "Gemma3Text",
        SMALL
        | {"head_dim": 8, "query_pre_attn_scalar": 20, "sliding_window": 5}
        | {"layer_types": KINDS, "rope_parameters": GEMMA3_ROPE},
    ),
}


def randomise(model: nn.Module) -> None:
    """Weights large enough that logits differ by much more than rounding, gains and biases too."""
    generator = torch.Generator().manual_seed(1)
    for name, weight in model.named_parameters():
        is_gain = weight.ndim == 1 and "bias" not in name
        weight.data = torch.randn(weight.shape, generator=generator) * 0.25 + float(is_gain)


@cache
def reference(name: str) -> nn.Module:
    """A model of transformers, with eager attention and random weights."""
    kind, fields = CONFIGS[name]
    config = getattr(transformers, f"{kind}Config")(**fields)
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager")
    randomise(model)
    model.tie_weights()
    return model.eval().requires_grad_(False)


def eager(directory) -> nn.Module:
    """What transformers makes of a directory."""
    return transformers.AutoModelForCausalLM.from_pretrained(
        directory, attn_implementation="eager", local_files_only=True
    ).requires_grad_(False)


def tokenizer() -> Tokenizer:
    return word_tokenizer(WORDS, end_token="<end>")


def random_ids(batch: int, seq: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(VOCAB, (batch, seq), generator=torch.Generator().manual_seed(seed))
