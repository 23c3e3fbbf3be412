"""Any config that transformers accepts, within small sizes, not only those we thought of."""

import tempfile
from pathlib import Path

import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.models.huggingface.checkpoints import TOKENS, VOCAB, random_ids, tokenizer, transformers
from torch import nn

from glasshouse.models import LanguageModel

IDS = random_ids(2, 21)
FAMILIES = ("Llama", "Mistral", "Qwen2", "Qwen3", "Gemma", "Gemma2", "Gemma3Text")


@st.composite
def configs(draw) -> object:
    """A config of a random family with random sizes, windows, biases and caps."""

    def one_of(*choices):
        return draw(st.sampled_from(choices))

    family, kv_heads, layers = one_of(*FAMILIES), one_of(1, 2), one_of(1, 2, 4)
    heads = kv_heads * one_of(1, 3)
    fields = {
        "vocab_size": VOCAB,
        "max_position_embeddings": one_of(24, 64),
        "hidden_size": heads * one_of(4, 6),
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "head_dim": one_of(2, 4, 10),
        "intermediate_size": one_of(8, 33),
        "tie_word_embeddings": one_of(True, False),
        "rms_norm_eps": one_of(1e-6, 1e-2),
        "sliding_window": one_of(2, 5, 40),
        **TOKENS,
    }
    if family in ("Llama", "Qwen3", "Gemma", "Gemma2", "Gemma3Text"):
        fields["attention_bias"] = one_of(True, False)
    if family.startswith("Qwen"):
        fields |= {"use_sliding_window": one_of(True, False), "max_window_layers": one_of(0, 1, 9)}
    if family in ("Gemma2", "Gemma3Text"):
        fields["query_pre_attn_scalar"] = one_of(4, 25)
        fields["final_logit_softcapping"] = one_of(None, 3.0)
    if family == "Gemma2":
        fields["attn_logit_softcapping"] = one_of(None, 1.0)
    if family == "Llama":
        fields["mlp_bias"] = one_of(True, False)
    return getattr(transformers, f"{family}Config")(**fields)


def randomise(model: nn.Module) -> None:
    """Gains near 1, so that rounding does not grow from layer to layer."""
    generator = torch.Generator().manual_seed(1)
    for name, weight in model.named_parameters():
        draw = torch.randn(weight.shape, generator=generator)
        is_gain = "norm" in name
        weight.data = draw * (0.1 if is_gain else 0.25) + float(is_gain and bool(weight.mean()))


@settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(config=configs())
def test_agrees_with_transformers_and_goes_back(config):
    """The same logits to 1e-4, and a config in our words that transformers reads as its own."""
    theirs = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager")
    randomise(theirs)
    theirs.tie_weights()
    theirs.eval().requires_grad_(False)
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        theirs.save_pretrained(directory / "theirs")
        model = LanguageModel.load(directory / "theirs", tokenizer=tokenizer())
        torch.testing.assert_close(model.network(IDS), theirs(IDS).logits, atol=1e-4, rtol=1e-4)
        bare = LanguageModel(model.network, tokenizer(), "bare")
        bare.save(directory / "ours", layout="huggingface")
        again = LanguageModel.load(directory / "ours").network
        assert torch.equal(again(IDS), model.network(IDS))
