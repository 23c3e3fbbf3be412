"""Our Transformer against transformers', with copied random weights, in float32."""

import pytest
import torch
from torch import nn

from glasshouse.models import (
    AttentionConfig,
    MlpConfig,
    PositionConfig,
    Transformer,
    TransformerConfig,
    gpt,
)

transformers = pytest.importorskip("transformers")
IDS = torch.randint(50, (3, 17), generator=torch.Generator().manual_seed(0))
TOLERANCE = {"atol": 1e-4, "rtol": 1e-4}


def randomise(model: nn.Module) -> None:
    """Weights large enough that logits differ by much more than rounding, gains and biases too."""
    generator = torch.Generator().manual_seed(1)
    for name, weight in model.named_parameters():
        is_gain = weight.ndim == 1 and "bias" not in name
        weight.data = torch.randn(weight.shape, generator=generator) * 0.2 + float(is_gain)


def load(model: Transformer, weights: dict[str, torch.Tensor]) -> Transformer:
    if model.config.tied:
        weights["unembed.weight"] = weights["embed.weight"]
    model.load_state_dict(weights)
    return model.requires_grad_(False)


def from_gpt2(reference: nn.Module, config: TransformerConfig) -> Transformer:
    theirs, ours = reference.state_dict(), {}
    ours["embed.weight"] = theirs["transformer.wte.weight"]
    ours["pos_embed.weight"] = theirs["transformer.wpe.weight"]
    for kind in ("weight", "bias"):
        ours[f"final_norm.{kind}"] = theirs[f"transformer.ln_f.{kind}"]
        for layer in range(config.num_layers):
            block, mine = f"transformer.h.{layer}", f"blocks.{layer}"
            qkv = theirs[f"{block}.attn.c_attn.{kind}"].t().chunk(3)  # theirs are input by output
            for name, part in zip("qkv", qkv, strict=True):
                ours[f"{mine}.attn.{name}.{kind}"] = part
            for name, part in (
                ("attn.out", "attn.c_proj"),
                ("mlp.up", "mlp.c_fc"),
                ("mlp.down", "mlp.c_proj"),
            ):
                ours[f"{mine}.{name}.{kind}"] = theirs[f"{block}.{part}.{kind}"].t()
            ours[f"{mine}.attn_norm.{kind}"] = theirs[f"{block}.ln_1.{kind}"]
            ours[f"{mine}.mlp_norm.{kind}"] = theirs[f"{block}.ln_2.{kind}"]
    return load(Transformer(config), ours)


def from_llama(reference: nn.Module, config: TransformerConfig) -> Transformer:
    theirs = reference.state_dict()
    names = {
        "attn_norm": "input_layernorm",
        "mlp_norm": "post_attention_layernorm",
        "attn.q": "self_attn.q_proj",
        "attn.k": "self_attn.k_proj",
        "attn.v": "self_attn.v_proj",
        "attn.out": "self_attn.o_proj",
        "mlp.gate": "mlp.gate_proj",
        "mlp.up": "mlp.up_proj",
        "mlp.down": "mlp.down_proj",
    }
    ours = {
        "embed.weight": theirs["model.embed_tokens.weight"],
        "final_norm.weight": theirs["model.norm.weight"],
        "unembed.weight": theirs["lm_head.weight"],
    } | {
        f"blocks.{layer}.{mine}.weight": theirs[f"model.layers.{layer}.{name}.weight"]
        for layer in range(config.num_layers)
        for mine, name in names.items()
    }
    return load(Transformer(config), ours)


def from_neox(reference: nn.Module, config: TransformerConfig) -> Transformer:
    theirs, ours = reference.state_dict(), {}
    ours["embed.weight"] = theirs["gpt_neox.embed_in.weight"]
    ours["unembed.weight"] = reference.get_output_embeddings().weight.detach()
    names = {
        "attn_norm": "input_layernorm",
        "mlp_norm": "post_attention_layernorm",
        "attn.out": "attention.dense",
        "mlp.up": "mlp.dense_h_to_4h",
        "mlp.down": "mlp.dense_4h_to_h",
    }
    for kind in ("weight", "bias"):
        ours[f"final_norm.{kind}"] = theirs[f"gpt_neox.final_layer_norm.{kind}"]
        for layer in range(config.num_layers):
            block = f"gpt_neox.layers.{layer}"
            qkv = theirs[
                f"{block}.attention.query_key_value.{kind}"
            ]  # head, then q k v, then width
            qkv = qkv.unflatten(0, (config.attention.num_heads, 3, config.d_head))
            for index, name in enumerate("qkv"):  # theirs are ordered by head first
                ours[f"blocks.{layer}.attn.{name}.{kind}"] = qkv[:, index].flatten(0, 1)
            for mine, name in names.items():
                ours[f"blocks.{layer}.{mine}.{kind}"] = theirs[f"{block}.{name}.{kind}"]
    return load(Transformer(config), ours)


def gpt2():
    reference = transformers.GPT2LMHeadModel(
        transformers.GPT2Config(
            vocab_size=50,
            n_positions=32,
            n_embd=24,
            n_layer=3,
            n_head=4,
            bos_token_id=0,
            eos_token_id=0,
        )
    )
    return reference, from_gpt2, gpt(50, context=32, num_layers=3, d_model=24, num_heads=4)


def llama():
    reference = transformers.LlamaForCausalLM(
        transformers.LlamaConfig(
            vocab_size=50,
            max_position_embeddings=32,
            hidden_size=24,
            num_hidden_layers=3,
            num_attention_heads=4,
            num_key_value_heads=2,
            intermediate_size=40,
        )
    )
    config = TransformerConfig(
        vocab_size=50,
        context=32,
        num_layers=3,
        d_model=24,
        attention=AttentionConfig(num_heads=4, num_kv_heads=2),
        mlp=MlpConfig(d_mlp=40, activation="swiglu"),
        positions=PositionConfig(kind="rotary"),
        norm="rms",
        norm_epsilon=1e-6,
        bias=False,
        tied=False,
    )
    return reference, from_llama, config


def neox():
    reference = transformers.GPTNeoXForCausalLM(
        transformers.GPTNeoXConfig(
            vocab_size=50,
            max_position_embeddings=32,
            hidden_size=32,
            num_hidden_layers=3,
            num_attention_heads=4,
            intermediate_size=40,
            rope_parameters={
                "rope_type": "default",
                "rope_theta": 10000.0,
                "partial_rotary_factor": 0.5,
            },
        )
    )
    config = TransformerConfig(
        vocab_size=50,
        context=32,
        num_layers=3,
        d_model=32,
        attention=AttentionConfig(num_heads=4),
        mlp=MlpConfig(d_mlp=40, activation="gelu"),
        positions=PositionConfig(kind="rotary", rotary_fraction=0.5),
        parallel=True,
        tied=False,
    )
    return reference, from_neox, config


@pytest.mark.parametrize("family", [gpt2, llama, neox])
class TestTransformer:
    def test_agrees_with_hugging_face(self, family):
        """The same logits to 1e-4 on a model of several layers."""
        reference, convert, config = family()
        randomise(reference)
        reference.eval().requires_grad_(False)
        model = convert(reference, config)
        torch.testing.assert_close(model(IDS), reference(IDS).logits, **TOLERANCE)

    def test_agrees_with_hugging_face_under_padding(self, family):
        """Left padding, which batches of ragged prompts have."""
        reference, convert, config = family()
        randomise(reference)
        reference.eval().requires_grad_(False)
        model = convert(reference, config)
        starts = torch.tensor([0, 5, 9])
        real = torch.arange(IDS.shape[1]) >= starts[:, None]
        places = (real.long().cumsum(1) - 1).clamp(min=0)
        theirs = reference(IDS, attention_mask=real.long(), position_ids=places).logits
        ours = model(IDS, starts=starts)
        torch.testing.assert_close(ours[real], theirs[real], **TOLERANCE)
