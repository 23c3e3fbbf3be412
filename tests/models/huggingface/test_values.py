"""Canonical values against plain forward hooks on transformers' own model."""

import pytest
import torch
from tests.models.huggingface.checkpoints import random_ids, reference

from glasshouse.models import LanguageModel

IDS = random_ids(2, 9)
ROUNDING = {"atol": 1e-5, "rtol": 1e-4}
"""Float32 sums of at most 64 terms of order one, in two orders."""

LLAMA = {
    "layers": "model.layers",
    "attn_norm": "input_layernorm",
    "attn": "self_attn",
    "attn.v": "self_attn.v_proj",
    "attn.z": "self_attn.o_proj",
    "mlp_norm": "post_attention_layernorm",
    "mlp": "mlp",
    "mlp.pre": "mlp.gate_proj",
    "mlp.post": "mlp.down_proj",
    "embed": "model.embed_tokens",
    "final_norm": "model.norm",
    "attn.q": "self_attn.q_proj",
    "attn.k": "self_attn.k_proj",
}
GEMMA = LLAMA | {
    "mlp_norm": "pre_feedforward_layernorm",
    "attn.out": "post_attention_layernorm",
    "mlp.out": "post_feedforward_layernorm",
    "attn.unnormed": "self_attn.o_proj",
    "mlp.unnormed": "mlp.down_proj",
}
THEIRS = {
    "gpt2": {
        "layers": "transformer.h",
        "attn_norm": "ln_1",
        "attn": "attn",
        "attn.z": "attn.c_proj",
        "mlp_norm": "ln_2",
        "mlp": "mlp",
        "mlp.pre": "mlp.c_fc",
        "mlp.post": "mlp.c_proj",
        "embed": "transformer.wte",
        "final_norm": "transformer.ln_f",
    },
    "neox": {
        "layers": "gpt_neox.layers",
        "attn_norm": "input_layernorm",
        "attn": "attention",
        "attn.z": "attention.dense",
        "mlp_norm": "post_attention_layernorm",
        "mlp": "mlp",
        "mlp.pre": "mlp.dense_h_to_4h",
        "mlp.post": "mlp.dense_4h_to_h",
        "embed": "gpt_neox.embed_in",
        "final_norm": "gpt_neox.final_layer_norm",
    },
    "llama 3": LLAMA,
    "qwen 3, windows": LLAMA
    | {"attn.q_norm": "self_attn.q_norm", "attn.k_norm": "self_attn.k_norm"},
    "gemma 2": GEMMA,
    "gemma 3": GEMMA,
}
"""For each of our values, the module of theirs that reads (z, post) or gives it."""


def hooked(name: str) -> dict[str, torch.Tensor]:
    """What hooks see in transformers' model, under our names."""
    model, paths, found = reference(name), dict(THEIRS[name]), {}
    handles = []

    def keep(path: str, key: str, *, reads: bool) -> None:
        def hook(module, args, kwargs, output):
            value = args[0] if reads and args else kwargs["hidden_states"] if reads else output
            if isinstance(value, tuple):
                found[key.replace("attn.out", "attn.pattern")] = value[1]
                value = value[0]
            found[key] = value

        module = model.get_submodule(path)
        handles.append(module.register_forward_hook(hook, with_kwargs=True))

    layers = paths.pop("layers")
    for key in ("embed", "final_norm"):
        keep(paths.pop(key), key, reads=False)
    paths.setdefault("attn.out", paths["attn"])
    paths.setdefault("mlp.out", paths.pop("mlp"))
    for layer in range(len(model.get_submodule(layers))):
        block = f"blocks.{layer}"
        keep(f"{layers}.{layer}", f"{block}.resid_pre", reads=True)
        keep(f"{layers}.{layer}", f"{block}.resid_post", reads=False)
        for key, path in paths.items():
            reads = key in ("attn.z", "mlp.post")
            keep(f"{layers}.{layer}.{path}", f"{block}.{key}", reads=reads)
    try:
        found["logits"] = model(IDS).logits
    finally:
        for handle in handles:
            handle.remove()
    return found


@pytest.mark.parametrize("name", THEIRS)
def test_values_are_what_hooks_see(name, directory_of):
    """Every canonical value that a hook can see, in every layer, and the pattern."""
    model = LanguageModel.load(directory_of(name))
    graph = model.graph()
    theirs = hooked(name)
    values = graph.run(IDS, fetch=[key for key in theirs if not key.endswith(".attn")])
    for key, value in theirs.items():
        if key.endswith(".attn"):
            continue
        ours = values[key]
        torch.testing.assert_close(ours, value.reshape(ours.shape), **ROUNDING, msg=key)
    for i in range(3):
        mid = values[f"blocks.{i}.resid_pre"] + values[f"blocks.{i}.attn.out"]
        post = mid + values[f"blocks.{i}.mlp.out"]
        torch.testing.assert_close(values[f"blocks.{i}.resid_post"], post, **ROUNDING)
