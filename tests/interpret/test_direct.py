"""Direct logit attribution: the parts are the logit, on every family."""

import pytest
import torch
from tests.interpret.subjects import graph, network, randomised, token_ids
from tests.models.variants import VARIANTS

from glasshouse.errors import InputError
from glasshouse.interpret import direct_logit_attribution


class TestDirectLogitAttribution:
    @pytest.mark.parametrize("variant", ["gpt", "post-normed"])
    def test_adds_up_to_the_logit(self, variant):
        """With biases and gains of every kind drawn at random, at a place in the middle too."""
        subject, ids = randomised(variant), token_ids(3, 6)
        logits = subject.module(ids).detach()
        for pos in (-1, 2):
            parts = direct_logit_attribution(subject, ids, [1, 2, 3], 4, pos=pos)
            rows = torch.arange(3)
            expected = logits[rows, pos, [1, 2, 3]] - logits[rows, pos, 4]
            assert torch.allclose(parts.total, expected, atol=1e-4)
        assert torch.allclose(
            direct_logit_attribution(subject, ids, 7).total, logits[:, -1, 7], atol=1e-4
        )

    def test_gives_a_head_what_it_writes(self):
        """Taking the head's result out of the stream, the norm's scale held, takes out its part."""
        subject, ids = randomised("gpt"), token_ids(2, 6)
        model = subject.module
        parts = direct_logit_attribution(subject, ids, 5)
        run = subject.run(ids, fetch=["blocks.0.attn.z", "blocks.1.resid_post"])
        with torch.no_grad():
            x = run["blocks.1.resid_post"][:, -1]
            out = model.blocks[0].attn.out
            z = run["blocks.0.attn.z"][:, -1].clone()
            before = out(z.flatten(1))
            z[:, 3] = 0
            without = x + out(z.flatten(1)) - before
            std = (x.var(-1, keepdim=True, unbiased=False) + 1e-5).sqrt()
            normed = (without - without.mean(-1, keepdim=True)) / std
            logit = (normed * model.final_norm.weight + model.final_norm.bias) @ (
                model.unembed.weight[5]
            )
        expected = model(ids)[:, -1, 5].detach() - logit
        assert torch.allclose(parts.of("blocks.0.attn.z[head=3]"), expected, atol=1e-4)
        assert torch.allclose(parts.heads[0, 3], expected.mean(), atol=1e-4)
        assert parts.heads.shape == (2, 4)
        assert parts.names[:3] == ("embed", "pos_embed", "blocks.0.attn.z[head=0]")
        assert parts.names[-1] == "final_norm.bias"

    def test_adds_up_where_blocks_are_parallel(self):
        """Both halves of a block read the same, and both write."""
        parts = direct_logit_attribution(graph("neox"), token_ids(2, 6), 5)
        expected = network("neox")(token_ids(2, 6))[:, -1, 5].detach()
        assert torch.allclose(parts.total, expected, atol=1e-4)

    def test_leaves_out_positions_that_the_stream_never_sees(self):
        """They enter queries and keys only."""
        subject = graph("positions in queries and keys")
        parts = direct_logit_attribution(subject, token_ids(1, 6), 5)
        assert "pos_embed" not in parts.names
        expected = network("positions in queries and keys")(token_ids(1, 6))[:, -1, 5].detach()
        assert torch.allclose(parts.total, expected, atol=1e-4)

    def test_refuses_a_model_without_layers(self):
        """There is nothing between embedding and logit."""
        assert VARIANTS["bigram"].num_layers == 0
        with pytest.raises(InputError, match="num_layers=0"):
            direct_logit_attribution(network("bigram"), [1, 2], 3)
