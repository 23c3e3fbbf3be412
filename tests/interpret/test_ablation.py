"""Ablated heads, against plain forward hooks on the output map."""

import pytest
import torch
import torch.nn.functional as F
from tests.interpret.hooks import clean_z, hooked_logits
from tests.interpret.subjects import FAMILIES, graph, network, token_ids

from glasshouse.errors import InputError
from glasshouse.interpret import ablate_heads, ablation_attribution, logit_difference


class TestAblateHeads:
    @pytest.mark.parametrize("variant", FAMILIES)
    def test_zeroes_like_a_hook(self, variant):
        """One head, or several of several layers at once."""
        ids = token_ids(3, 6)
        for heads in ([(0, 3)], [(1, 0), (0, 1), (1, 2)]):
            found = ablate_heads(graph(variant), ids, heads)
            expected = hooked_logits(network(variant), ids, heads, lambda _, z: torch.zeros_like(z))
            assert torch.allclose(found, expected, atol=1e-5)

    def test_puts_the_mean_or_another_text_in_place(self):
        """Of the reference texts if given, of the texts themselves if not."""
        model, ids, other = network("gpt"), token_ids(3, 6), token_ids(3, 6, seed=5)
        heads = [(0, 1), (1, 3)]
        own, others = clean_z(model, ids), clean_z(model, other)

        def check(expected, **options):
            found = ablate_heads(graph("gpt"), ids, heads, **options)
            assert torch.allclose(found, hooked_logits(model, ids, heads, expected), atol=1e-5)

        check(lambda at, z: own[at].mean((0, 1), True).expand_as(z), mode="mean")
        check(
            lambda at, z: others[at].mean((0, 1), True).expand_as(z), mode="mean", reference=other
        )
        check(lambda at, z: others[at], mode="resample", reference=other)
        check(lambda at, z: own[at].roll(1, 0), mode="resample")

    def test_preserves_patterns(self):
        """Attention as it was with every head there: a model whose values alone are recomputed."""
        model, ids, heads = network("gpt"), token_ids(2, 6), [(0, 0), (0, 2)]
        patterns = graph("gpt").run(ids, fetch="blocks.*.attn.pattern")
        with torch.no_grad():
            x = model.embed(ids) + model.pos_embed(torch.arange(6))
            for layer, block in enumerate(model.blocks):
                v = block.attn.v(block.attn_norm(x)).unflatten(-1, (4, -1)).transpose(1, 2)
                z = (patterns[f"blocks.{layer}.attn.pattern"] @ v).transpose(1, 2)
                for at, head in heads:
                    z[:, :, head] *= at != layer
                x = x + block.attn.out(z.flatten(2))
                x = x + block.mlp(block.mlp_norm(x))
            expected = F.linear(model.final_norm(x), model.unembed.weight)
        found = ablate_heads(graph("gpt"), ids, heads, mode="pattern_preserving")
        assert torch.allclose(found, expected, atol=1e-5)
        assert not torch.allclose(found, ablate_heads(graph("gpt"), ids, heads), atol=1e-3)

    @pytest.mark.parametrize(
        ("heads", "options", "said"),
        [
            ([(2, 0)], {}, r"no head \(2, 0\); the model has 2 layers of 4 heads"),
            ([(0, 0)], {"reference": [1, 2]}, "no use for a reference"),
            ([(0, 0)], {"mode": "resample"}, "one text has no other"),
            ([(0, 0)], {"mode": "resample", "reference": [1]}, "of the same length"),
        ],
    )
    def test_refuses(self, heads, options, said):
        """A head that is not there, texts that do not fit."""
        with pytest.raises(InputError, match=said):
            ablate_heads(graph("gpt"), [1, 2, 3], heads, **options)


class TestAblationAttribution:
    @pytest.mark.parametrize("mode", ["zero", "mean", "resample", "pattern_preserving"])
    def test_is_each_head_alone(self, mode):
        """The sweep gives what one ablation after the other gives."""
        ids, metric = token_ids(3, 6), logit_difference([1, 2, 3], 4)
        found = ablation_attribution(graph("gpt"), ids, metric, mode=mode, batch_size=7)
        whole = metric.of(network("gpt")(ids)[:, -1]).mean()
        for layer, head in [(0, 0), (0, 3), (1, 1)]:
            logits = ablate_heads(graph("gpt"), ids, [(layer, head)], mode=mode)
            expected = whole - metric.of(logits[:, -1]).mean()
            assert found[layer, head].item() == pytest.approx(expected.item(), abs=1e-5)
