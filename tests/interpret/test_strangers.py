"""A transformers model captured as it is, under its own names."""

from copy import deepcopy
from functools import cache

import pytest
import torch
from tests.interpret.hooks import hooked
from tests.interpret.subjects import token_ids
from transformers import GPT2Config, GPT2LMHeadModel

from glasshouse.dataflow import Graph
from glasshouse.errors import InputError
from glasshouse.interpret import (
    ablate_heads,
    activation_patching,
    attention_patterns,
    attribution_patching,
    edge_attribution,
    logit_difference,
    logit_lens,
    prefix_matching,
)

METRIC = logit_difference(1, 2)


@cache
def stranger() -> GPT2LMHeadModel:
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=23,
        n_positions=16,
        n_embd=16,
        n_layer=2,
        n_head=4,
        bos_token_id=0,
        eos_token_id=0,
    )
    return GPT2LMHeadModel(config).eval()


@cache
def graph() -> Graph:
    return Graph.capture(stranger(), {"input_ids": torch.zeros(2, 4, dtype=torch.long)})


class TestStranger:
    def test_shows_its_attention(self):
        """As transformers' eager attention computes it."""
        eager = GPT2LMHeadModel(deepcopy(stranger().config))
        eager.load_state_dict(stranger().state_dict())
        eager.set_attn_implementation("eager")
        ids = token_ids(2, 6)
        with torch.no_grad():
            expected = torch.stack(eager.eval()(ids, output_attentions=True).attentions)
        assert torch.allclose(attention_patterns(graph(), ids), expected, atol=1e-5)
        assert prefix_matching(graph(), length=5, repeats=2).shape == (2, 4)

    def test_is_patched_by_its_own_names(self):
        """Axes are counted; the estimate takes them too."""
        clean, corrupted = token_ids(1, 6), token_ids(1, 6, seed=4)
        site = "transformer.h.*.mlp"
        found = activation_patching(graph(), clean, corrupted, METRIC, site=site, over=1)
        given = hooked(stranger(), "transformer.h.1.mlp", clean)

        def put(module, args, output):
            output = output.clone()
            output[:, 5] = given[:, 5]
            return output

        handle = stranger().transformer.h[1].mlp.register_forward_hook(put)
        with torch.no_grad():
            logits = stranger()(corrupted).logits[0, -1]
        handle.remove()
        assert found.values[1, 5].item() == pytest.approx((logits[1] - logits[2]).item(), abs=1e-5)
        estimate = attribution_patching(graph(), clean, corrupted, METRIC, site=site, over=1)
        assert estimate.addresses == found.addresses

    @pytest.mark.parametrize(
        ("ask", "said"),
        [
            (lambda: ablate_heads(graph(), [1, 2], [(0, 0)]), "under the names that language"),
            (lambda: logit_lens(graph(), [1, 2]), "under the names that language"),
            (lambda: edge_attribution(graph(), [1], [2], METRIC), "not of GPT2LMHeadModel"),
        ],
    )
    def test_says_what_it_lacks(self, ask, said):
        """Canonical names, or weights that somebody knows how to read."""
        with pytest.raises(InputError, match=said):
            ask()
