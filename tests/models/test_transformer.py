import math
from dataclasses import replace

import pytest
import torch
from tests.models.variants import BASE, LLAMA, VARIANTS
from torch import nn

from glasshouse.errors import InputError
from glasshouse.models import RotaryScaling, Transformer, empty_cache
from glasshouse.models.parts import CappedUnembedding, rounded
from glasshouse.models.rotary import rotary_turn, rotate, slowed
from glasshouse.models.transformer import smear_keys

# Float32 sums of at most a few hundred terms of order one, in two orders.
ROUNDING = {"atol": 2e-5, "rtol": 1e-4}


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random_ids(batch: int, seq: int) -> torch.Tensor:
    return torch.randint(BASE.vocab_size, (batch, seq), generator=seeded(1))


@pytest.fixture(params=VARIANTS, ids=str)
def model(request) -> Transformer:
    model = Transformer(VARIANTS[request.param], generator=seeded(0)).eval()
    with torch.no_grad():  # biases and gains that an error would not leave unnoticed
        for parameter in model.parameters():
            if parameter.ndim == 1:
                parameter.add_(torch.randn(parameter.shape, generator=seeded(2)), alpha=0.3)
    return model.requires_grad_(False)


class TestTransformer:
    def test_gives_the_same_logits_with_either_attention(self, model):
        """The kernel is a matter of speed."""
        ids = random_ids(2, 9)
        fused = model(ids)
        model.kernel = "explicit"
        torch.testing.assert_close(model(ids), fused, **ROUNDING)

    def test_never_looks_ahead(self, model):
        """Logits before a changed token stay as they were."""
        ids = random_ids(1, 8)
        changed = ids.clone()
        changed[0, 5] = (changed[0, 5] + 1) % BASE.vocab_size
        before, after = model(ids), model(changed)
        torch.testing.assert_close(before[:, :5], after[:, :5], atol=0, rtol=0)
        assert not torch.allclose(before[:, 5], after[:, 5])

    @pytest.mark.parametrize("kernel", ["explicit", "fused"])
    def test_gives_the_same_logits_with_a_cache(self, model, kernel):
        """In pieces of 4, 1, 3 and 1 tokens as at once."""
        model.kernel = kernel
        ids = random_ids(3, 9)
        cache = empty_cache(model.config, batch=3, num_slots=11)
        pieces = [model(piece, cache=cache) for piece in ids.split([4, 1, 3, 1], dim=1)]
        torch.testing.assert_close(torch.cat(pieces, dim=1), model(ids), **ROUNDING)

    @pytest.mark.parametrize("kernel", ["explicit", "fused"])
    def test_ignores_padding_on_the_left(self, model, kernel):
        """A row gives its own logits, however far it is pushed to the right, cached or not."""
        model.kernel = kernel
        ids, pad = random_ids(1, 6), torch.tensor([[7, 7, 7]])
        padded = torch.cat([torch.cat([pad, ids], 1), random_ids(1, 9)])
        starts = torch.tensor([3, 0])
        alone = model(ids)
        torch.testing.assert_close(model(padded, starts=starts)[:1, 3:], alone, **ROUNDING)
        cache = empty_cache(model.config, batch=2, starts=starts, num_slots=9)
        pieces = [model(piece, cache=cache) for piece in padded.split([5, 1, 3], dim=1)]
        torch.testing.assert_close(torch.cat(pieces, 1)[:1, 3:], alone, **ROUNDING)

    def test_refuses_more_tokens_than_it_has_positions_for(self):
        """In a sentence, where torch would speak of an index; a graph knows the limit too."""
        model = Transformer(BASE).requires_grad_(False)
        with pytest.raises(InputError, match="13 tokens are more than the 12"):
            model(random_ids(1, 13))

    def test_refuses_more_tokens_than_the_cache_holds(self):
        """Writing past the end would be silent nonsense."""
        model = Transformer(BASE).requires_grad_(False)
        cache = empty_cache(BASE, batch=1, num_slots=4)
        with pytest.raises(InputError, match="num_slots=5"):
            model(random_ids(1, 5), cache=cache)

    @pytest.mark.compiled  # the shape checker meets symbolic sizes
    def test_exports_with_dynamic_batch_and_length(self, model):
        """The graph room captures models this way; a Python branch on data would break it."""
        dynamic = {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
        exported = torch.export.export(model, (random_ids(2, 5),), dynamic_shapes=(dynamic,))
        ids = random_ids(3, 8)
        torch.testing.assert_close(exported.module()(ids), model(ids), **ROUNDING)

    def test_names_its_parts_as_every_family_will(self):
        """Values are named after modules, so the names are a contract."""
        names = dict(Transformer(LLAMA).named_modules())
        for name in ("embed", "final_norm", "unembed", "blocks.1.attn_norm", "blocks.1.mlp_norm"):
            assert name in names
        for name in ("attn.q", "attn.k", "attn.v", "attn.out", "mlp.gate", "mlp.up", "mlp.down"):
            assert isinstance(names[f"blocks.0.{name}"], nn.Linear)


def in_one_row(*texts: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Texts of one row each side by side, and the number of each token's."""
    segments = torch.cat(
        [torch.full_like(text, number) for number, text in enumerate(texts)], dim=1
    )
    return torch.cat(texts, dim=1), segments


class TestSegments:
    @pytest.mark.parametrize("kernel", ["explicit", "fused"])
    def test_are_read_as_if_each_stood_alone(self, model, kernel):
        """Every variant: learned and rotary positions, windows, smeared keys. Documents may stand
        in any order, and one of a single token is one too."""
        model.kernel = kernel
        texts = [
            random_ids(6, 12)[row : row + 1, :length] for row, length in ((0, 5), (1, 1), (2, 6))
        ]
        row, segments = in_one_row(*texts)
        both = torch.cat([row, row.flip(1)])
        found = model(both, segments=torch.cat([segments, segments.flip(1)]))
        for text, own in zip(texts, found[:1].split([5, 1, 6], dim=1), strict=True):
            torch.testing.assert_close(own, model(text), atol=1e-5, rtol=1e-4)
        for text, own in zip(texts[::-1], found[1:].split([6, 1, 5], dim=1), strict=True):
            torch.testing.assert_close(own, model(text.flip(1)), atol=1e-5, rtol=1e-4)

    @pytest.mark.parametrize("name", ["gpt", "llama", "gemma 2"])
    def test_give_the_gradient_of_single_documents(self, name):
        """What a packed batch teaches is what its documents teach one by one."""
        model = Transformer(VARIANTS[name], generator=seeded(0))
        texts = [random_ids(2, 11)[:1, :7], random_ids(2, 11)[1:, :4]]
        row, segments = in_one_row(*texts)

        def gradient(*losses: torch.Tensor) -> list[torch.Tensor]:
            return list(torch.autograd.grad(sum(losses, torch.zeros(())), list(model.parameters())))

        weights = torch.randn(row.shape[1], VARIANTS[name].vocab_size, generator=seeded(5))
        packed = gradient((model(row, segments=segments)[0] * weights).sum())
        alone = gradient(
            (model(texts[0])[0] * weights[:7]).sum(), (model(texts[1])[0] * weights[7:]).sum()
        )
        for one, other in zip(packed, alone, strict=True):
            torch.testing.assert_close(one, other, atol=1e-4, rtol=1e-4)

    def test_change_nothing_where_there_is_one(self):
        """One document a row is a row."""
        model = Transformer(LLAMA, generator=seeded(0)).requires_grad_(False)
        ids = random_ids(2, 9)
        found = model(ids, segments=torch.zeros_like(ids))
        torch.testing.assert_close(found, model(ids), **ROUNDING)

    def test_refuse_rows_that_begin_elsewhere(self):
        """A cache and padding on the left are for texts that grow; packed rows are read once."""
        model = Transformer(BASE).requires_grad_(False)
        ids = random_ids(2, 4)
        with pytest.raises(InputError, match="leave out starts"):
            model(ids, segments=ids, starts=torch.tensor([0, 1]))
        with pytest.raises(InputError, match="cache"):
            model(ids, segments=ids, cache=empty_cache(BASE, batch=2, num_slots=8))


class TestLocalAttention:
    def test_does_not_see_beyond_its_window(self):
        """One layer, a window of 4: the token 4 places back changes nothing, that 3 back does."""
        config = replace(VARIANTS["mistral"], num_layers=1)
        model = Transformer(config, generator=seeded(0)).requires_grad_(False)
        ids = random_ids(1, 9)
        for back, is_seen in ((4, False), (3, True)):
            changed = ids.clone()
            changed[0, 8 - back] = (changed[0, 8 - back] + 1) % BASE.vocab_size
            assert torch.equal(model(changed)[0, 8], model(ids)[0, 8]) != is_seen

    def test_is_global_where_the_config_says_so(self):
        """Gemma's second layer sees the whole text, its first does not."""
        model = Transformer(VARIANTS["gemma 2"], generator=seeded(0))
        assert [block.attn.is_local for block in model.blocks] == [True, False]


class TestCappedUnembedding:
    def test_keeps_logits_below_the_cap(self):
        """By hand: 3·tanh(12 / 3)."""
        unembed = CappedUnembedding(1, 1, cap=3.0).requires_grad_(False)
        unembed.weight.fill_(12.0)
        assert unembed(torch.ones(1)).item() == pytest.approx(3 * math.tanh(4))


class TestRounded:
    @pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
    def test_agrees_with_torch(self, dtype):
        """Gemma multiplies by sqrt(d_model) in the precision of its weights."""
        for number in (math.sqrt(3072), 1 / 3, 4.0):
            assert rounded(number, dtype) == torch.tensor(number, dtype=dtype).item()


class TestInitialise:
    def test_gives_the_same_weights_for_the_same_seed(self):
        """A run is a function of its seed."""
        first, again, other = (Transformer(BASE, generator=seeded(s)) for s in (5, 5, 6))
        for name, weight in first.state_dict().items():
            assert torch.equal(weight, again.state_dict()[name])
        assert not torch.equal(first.embed.weight, other.embed.weight)

    def test_leaves_the_global_generator_alone(self):
        """Building a model must not shift anybody's random numbers."""
        before = torch.get_rng_state()
        Transformer(BASE)
        assert torch.equal(before, torch.get_rng_state())

    def test_narrows_what_writes_into_the_stream(self):
        """GPT-2 divides by sqrt(2·layers); a sample of 256 weights has a 5% spread."""
        block = Transformer(BASE).blocks[0]
        ratio = block.attn.q.weight.std() / block.attn.out.weight.std()
        assert ratio.item() == pytest.approx(math.sqrt(2 * BASE.num_layers), rel=0.25)

    def test_ties_the_unembedding(self):
        """One tensor, so training moves both."""
        tied, untied = Transformer(BASE), Transformer(LLAMA)
        assert tied.unembed.weight is tied.embed.weight
        assert untied.unembed.weight is not untied.embed.weight


class TestSmearKeys:
    def test_mixes_each_key_with_the_one_before(self):
        """By hand: s = 1/4 on keys 4, 8, 0 of one dimension; the first stays."""
        keys = torch.tensor([4.0, 8.0, 0.0]).reshape(1, 3, 1, 1)
        smear = torch.tensor([math.log(1 / 3)])
        smeared = smear_keys(keys, smear, torch.arange(3)[None], None)
        assert smeared.flatten().tolist() == pytest.approx([4.0, 5.0, 6.0])


class TestRotate:
    def test_makes_products_depend_on_distance_only(self):
        """The point of rotary positions: (q at 5)·(k at 3) equals (q at 9)·(k at 7)."""
        q, k = torch.randn(2, 1, 1, 1, 4, generator=seeded(0))
        turns = rotary_turn(torch.tensor([[5, 3, 9, 7]]), LLAMA.positions, d_rotary=4)
        at = [
            rotate(x, turns[0][:, i : i + 1], turns[1][:, i : i + 1])
            for x, i in ((q, 0), (k, 1), (q, 2), (k, 3))
        ]
        assert (at[0] * at[1]).sum() == pytest.approx((at[2] * at[3]).sum().item(), abs=1e-5)


class TestSlowed:
    def test_divides_low_frequencies_and_leaves_high_ones(self):
        """By hand, with a context of 2π·100: 1, 10 and 2.5 turns in it, low 1, high 4, factor 8."""
        scaling = RotaryScaling(kind="llama3", factor=8, low=1, high=4, original_context=628)
        turns = torch.tensor([0.5, 10.0, 2.5])
        frequencies = turns * 2 * math.pi / 628
        expected = torch.tensor([0.5 / 8, 10.0, 2.5 * (0.5 / 8 + 0.5)]) * 2 * math.pi / 628
        torch.testing.assert_close(slowed(frequencies, scaling), expected)
