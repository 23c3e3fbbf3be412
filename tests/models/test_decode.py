import pytest
import torch
from tests.models.variants import BASE, VARIANTS
from torch import nn

from glasshouse.models import SamplingConfig, Transformer, continue_prompts, empty_cache
from glasshouse.models import generate as generate_module
from glasshouse.models.cache import row_shares
from glasshouse.models.decode import can_pack, decoding_step, modular_step, packed_step
from glasshouse.models.generate import pad_left, read_prompts

# Float32 sums of at most a few hundred terms of order one, in two orders.
ROUNDING = {"atol": 2e-5, "rtol": 1e-4}
UNPACKED = {
    "positions in queries and keys",
    "attention only, smeared",
    "rotary, smeared",
    "mistral",
    "qwen 3",
    "gemma 2",
    "gemma 3",
}
RAGGED = [[1, 2, 3], [4], [5, 6, 7, 8, 9], [2, 2]]
EVEN = [[1, 2, 3], [4, 5, 6]]


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random_model(name: str) -> Transformer:
    """A model whose biases and gains an error would not leave unnoticed."""
    model = Transformer(VARIANTS[name], generator=seeded(0)).eval().requires_grad_(False)
    for parameter in model.parameters():
        if parameter.ndim == 1:
            parameter.add_(torch.randn(parameter.shape, generator=seeded(2)), alpha=0.3)
    return model


def logits_along(model, make_step, prompts) -> torch.Tensor:
    """Logits of five steps after a prefill, whatever tokens they would choose."""
    ids, starts = pad_left(prompts, torch.device("cpu"))
    cache = empty_cache(model.config, batch=len(prompts), num_slots=ids.shape[1] + 5, starts=starts)
    model.features(ids, cache=cache)
    step = make_step(model)
    tokens = torch.randint(BASE.vocab_size, (5, len(prompts), 1), generator=seeded(1))
    return torch.stack([step(token, cache) for token in tokens])


class TestPackedStep:
    @pytest.mark.parametrize("prompts", [EVEN, RAGGED], ids=["even", "ragged"])
    @pytest.mark.parametrize("name", sorted(set(VARIANTS) - UNPACKED))
    def test_gives_the_logits_of_the_modules(self, name, prompts):
        """Every architecture it says it knows, with and without padding."""
        model = random_model(name)
        assert can_pack(model)
        packed, modular = (logits_along(model, s, prompts) for s in (packed_step, modular_step))
        torch.testing.assert_close(packed, modular, **ROUNDING)

    def test_keeps_the_precision_of_the_weights(self):
        """A bfloat16 model stays one; 8 bits of mantissa on logits of order 10."""
        model = random_model("llama").to(torch.bfloat16)
        ids = torch.tensor(EVEN)
        results = []
        for make_step in (packed_step, modular_step):
            cache = empty_cache(model.config, batch=2, num_slots=4, dtype=torch.bfloat16)
            model.features(ids, cache=cache)
            results.append(make_step(model)(ids[:, :1], cache))
        assert results[0].dtype == torch.bfloat16
        torch.testing.assert_close(*results, atol=0.1, rtol=0.05)


class TestCanPack:
    @pytest.mark.parametrize("name", sorted(UNPACKED))
    def test_is_false_of_architectures_it_does_not_know(self, name):
        """They fall back, rather than give other logits."""
        assert not can_pack(random_model(name))

    def test_is_false_of_an_adapted_model(self):
        """Hooks (steering) and replaced parts (adapters) must go on working in generation."""

        class Doubled(nn.Linear):
            def forward(self, input):
                return 2 * super().forward(input)

        model = random_model("gpt")
        handle = model.blocks[1].mlp.register_forward_hook(lambda module, args, out: out * 2)
        assert not can_pack(model)
        handle.remove()
        assert can_pack(model)
        model.blocks[0].attn.v = Doubled(16, 16)
        assert not can_pack(model)

    def test_is_false_of_large_models(self, monkeypatch):
        """A copy of their weights costs more than it brings."""
        monkeypatch.setattr("glasshouse.models.decode.MOST_PACKED_PARAMS", 100)
        assert not can_pack(random_model("gpt"))


class TestDecodingStep:
    def test_lets_hooks_steer_what_is_generated(self):
        """A hook that silences the last norm leaves uniform logits, packed or not."""
        model = random_model("gpt")
        model.final_norm.register_forward_hook(lambda module, args, out: out * 0)
        grown = continue_prompts(model, [[1]], [SamplingConfig(max_new_tokens=4)], seeds=[0])
        assert grown[0].logprobs == pytest.approx([-torch.tensor(23.0).log().item()] * 4)

    def test_chooses_the_same_tokens_as_the_modules(self):
        """Ragged rows with rules of their own, through either step."""
        model = random_model("gpt")
        rules = [
            SamplingConfig(max_new_tokens=6),
            SamplingConfig(max_new_tokens=4, temperature=0),
            SamplingConfig(max_new_tokens=6, top_k=5),
            SamplingConfig(max_new_tokens=6, stop_ids=(3, 7)),
        ]
        ways = [
            continue_prompts(model, RAGGED, rules, seeds=range(4), step=make_step(model))
            for make_step in (decoding_step, modular_step)
        ]
        for packed, modular in zip(*ways, strict=True):
            assert (packed.ids, packed.finish) == (modular.ids, modular.finish)
            assert packed.logprobs == pytest.approx(modular.logprobs, abs=1e-4)


class TestReadPrompts:
    @pytest.mark.parametrize("name", ["gpt", "llama", "rotary, smeared"])
    def test_reads_in_parts_as_at_once(self, name, monkeypatch):
        """How many rows are read together is a matter of speed."""
        model = random_model(name)
        ids, starts = pad_left(RAGGED, torch.device("cpu"))
        results = []
        for most in (10, 1000):
            monkeypatch.setattr(generate_module, "TOKENS_READ_AT_ONCE", most)
            cache = empty_cache(model.config, batch=4, num_slots=7, starts=starts)
            results.append(
                (read_prompts(model, ids, cache), modular_step(model)(ids[:, :1], cache))
            )
            assert cache.used == 6
        for parts, whole in zip(*results, strict=True):
            torch.testing.assert_close(parts, whole, **ROUNDING)


class TestRowShares:
    def test_are_views_that_cover_every_row(self):
        """What is written into a share is in the cache."""
        cache = empty_cache(BASE, batch=5, num_slots=2)
        for index, share in enumerate(row_shares(cache, 2)):
            share.pairs.fill_(index)
        assert cache.keys[0, :, 0, 0, 0].tolist() == [0, 0, 1, 1, 2]
