"""All families that our Transformer computes."""

from glasshouse.models.huggingface.family import Family
from glasshouse.models.huggingface.gemma import GEMMA, GEMMA2, GEMMA3
from glasshouse.models.huggingface.gpt2 import GPT2
from glasshouse.models.huggingface.gpt_neox import GPT_NEOX
from glasshouse.models.huggingface.llama import LLAMA, MISTRAL, QWEN2, QWEN3

FAMILIES: dict[str, Family] = {
    family.model_type: family
    for family in (GPT2, GPT_NEOX, LLAMA, MISTRAL, QWEN2, QWEN3, GEMMA, GEMMA2, GEMMA3)
}
"""By the model_type of their config.json."""
