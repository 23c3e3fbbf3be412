"""Circuits, against the same products with every matrix written out."""

from dataclasses import replace

import pytest
import torch
from tests.interpret.subjects import FAMILIES, graph, network, token_ids, with_noise
from tests.models.variants import VARIANTS
from torch.nn.functional import cosine_similarity as cosine

from glasshouse.errors import InputError
from glasshouse.interpret import (
    k_composition,
    k_matching,
    ov_circuits,
    ov_copying,
    q_composition,
    q_matching,
    qk_circuits,
    qk_trace,
    v_composition,
)
from glasshouse.interpret.circuits import positive_share
from glasshouse.interpret.weights import head_weights, unembedding_rows
from glasshouse.models import Transformer


def share_of(matrix):
    """By all eigenvalues, in double precision."""
    eigenvalues = torch.linalg.eigvals(matrix.double())
    return (eigenvalues.sum().real / eigenvalues.abs().sum()).item()


class TestHeadWeights:
    @pytest.mark.parametrize("variant", FAMILIES)
    def test_make_the_head_s_result(self, variant):
        """From the residual stream to z and out, with the norm's scale put back: what the model
        computes, biases apart (they are 0 here)."""
        model, ids = network(variant), token_ids(1, 5)
        found = graph(variant).run(
            ids, fetch=["blocks.1.resid_pre", "blocks.1.attn.*", "blocks.1.attn_norm"]
        )
        weights = head_weights(model)
        x = found["blocks.1.resid_pre"]
        centred = x - x.mean(-1, keepdim=True) if variant != "gemma" else x
        scale = (centred.square().mean(-1, keepdim=True) + 1e-5).rsqrt()
        v = torch.einsum("bpd,hed->bphe", x * scale, weights.v[1])
        z = torch.einsum("bhqk,bkhe->bqhe", found["blocks.1.attn.pattern"], v)
        assert torch.allclose(z, found["blocks.1.attn.z"], atol=1e-5)
        out = torch.einsum("bqhe,hde->bqd", z, weights.o[1])
        assert torch.allclose(out, found["blocks.1.attn.out"], atol=1e-5)

    @pytest.mark.parametrize("variant", ["gpt", "gemma"])
    def test_hold_the_gains_of_every_norm(self, variant):
        """Of the one before, those over single queries and keys, and the one behind attention:
        directions are what the model's own modules make of a vector."""
        config = VARIANTS[variant]
        config = replace(config, post_norms=True, attention=replace(config.attention, qk_norm=True))
        block = with_noise(Transformer(config), biases=False).blocks[0]
        weights = head_weights(with_noise(Transformer(config), biases=False))
        x = torch.randn(16, generator=torch.Generator().manual_seed(3))
        with torch.no_grad():
            normed, attention = block.attn_norm(x), block.attn
            for kind, maps in (("q", weights.q), ("k", weights.k)):
                plain = getattr(attention, kind)(normed).unflatten(0, (-1, attention.d_head))
                made = getattr(attention, f"{kind}_norm")(plain)
                made = made.repeat_interleave(4 // len(made), dim=0)
                assert torch.allclose(cosine(maps[0] @ x, made), torch.ones(4), atol=1e-5)
            z = torch.zeros(4, attention.d_head)
            z[2] = torch.arange(1, attention.d_head + 1)
            made = attention.post_norm(attention.out(z.flatten()))
            assert cosine(weights.o[0, 2] @ z[2], made, dim=0).item() == pytest.approx(1, abs=1e-5)

    def test_unembeds(self):
        """The final norm folded in: up to its scale, the logits."""
        found = graph("gpt").run(token_ids(1, 5), fetch=["blocks.1.resid_post", "logits"])
        x = found["blocks.1.resid_post"]
        scale = (x.var(-1, keepdim=True, unbiased=False) + 1e-5).rsqrt()
        rows = unembedding_rows(network("gpt"))
        assert torch.allclose((x * scale) @ rows.T, found["logits"], atol=1e-4)

    def test_refuses_a_model_without_layers(self):
        """In one sentence."""
        with pytest.raises(InputError, match="num_layers=0"):
            head_weights(network("bigram"))


class TestFactored:
    def test_has_the_eigenvalues_and_norm_of_the_matrix(self):
        """But for zeros."""
        circuit = ov_circuits(network("gpt"))
        whole = torch.linalg.eigvals(circuit.matrix.double())
        largest = whole.abs().sort(dim=-1).values[..., -4:]
        assert torch.allclose(
            circuit.eigenvalues.abs().sort(dim=-1).values, largest.float(), atol=1e-4
        )
        assert torch.allclose(circuit.norm, torch.linalg.matrix_norm(circuit.matrix), atol=1e-4)

    def test_scores_queries_against_keys(self):
        """x_q W_QK x_k is the score before scaling; rotary at distance 0, biases 0."""
        found = graph("gpt").run(token_ids(1, 4), fetch=["blocks.0.attn.*", "blocks.0.resid_pre"])
        x = found["blocks.0.resid_pre"]
        scale = (x.var(-1, keepdim=True, unbiased=False) + 1e-5).rsqrt()
        scores = (x * scale) @ qk_circuits(network("gpt")).matrix[0, 2] @ (x * scale).mT / 2
        expected = found["blocks.0.attn.scores"][:, 2]
        assert torch.allclose(scores[0].tril(), expected[0].tril().nan_to_num(), atol=1e-4)


class TestOvCopying:
    def test_by_hand(self):
        """1 keeps, -1 turns round, 3 and -1 half and half; nothing is 0."""
        values = torch.tensor([[1.0, 1], [-2, -2], [3, -1], [0, 0]]).to(torch.complex64)
        assert positive_share(values).tolist() == [1, -1, 0.5, 0]

    @pytest.mark.parametrize("variant", FAMILIES)
    def test_is_the_share_of_the_whole_matrix(self, variant):
        """W_U W_O W_V W_E over the vocabulary, its eigenvalues all computed."""
        model, circuit = network(variant), ov_circuits(network(variant))
        found = ov_copying(graph(variant))
        with torch.no_grad():
            for layer, head in [(0, 1), (1, 3)]:
                through = circuit.matrix[layer, head] @ model.embed.weight.T
                whole = unembedding_rows(model) @ through
                assert found[layer, head].item() == pytest.approx(share_of(whole), abs=1e-3)

    def test_is_one_for_a_head_that_copies(self):
        """W_OV = 1: every token raises itself, as unembedding is embedding transposed."""
        model = Transformer(VARIANTS["no positions"])
        with torch.no_grad():
            attention = model.blocks[0].attn
            attention.v.weight.copy_(torch.eye(16))
            attention.out.weight.copy_(torch.eye(16))
            model.blocks[1].attn.v.weight.copy_(-torch.eye(16))
            model.blocks[1].attn.out.weight.copy_(torch.eye(16))
        assert torch.allclose(ov_copying(model)[0], torch.ones(4), atol=1e-3)
        assert torch.allclose(ov_copying(model)[1], -torch.ones(4), atol=1e-3)


class TestMatching:
    @pytest.mark.parametrize("variant", FAMILIES)
    def test_is_the_share_of_the_whole_matrix(self, variant):
        """Both routes, over the vocabulary."""
        model = network(variant)
        ov, qk = ov_circuits(model).matrix[0, 3], qk_circuits(model).matrix[1, 2]
        embedding = model.embed.weight.detach()
        through_keys = share_of(embedding @ qk @ ov @ embedding.T)
        through_queries = share_of(embedding @ ov.T @ qk @ embedding.T)
        assert k_matching(model)[1, 2, 0, 3].item() == pytest.approx(through_keys, abs=1e-3)
        assert q_matching(model)[1, 2, 0, 3].item() == pytest.approx(through_queries, abs=1e-3)
        assert qk_trace(model, (0, 3))[1, 2].item() == pytest.approx(through_keys, abs=1e-3)

    def test_refuses_heads_that_are_not_there(self):
        """There are two layers."""
        with pytest.raises(InputError, match=r"no head \(2, 0\)"):
            qk_trace(network("gpt"), (2, 0))

    def test_has_nothing_to_say_of_later_heads(self):
        """A head cannot read what comes after it."""
        assert (k_matching(network("gpt"))[0] == 0).all()
        assert (q_matching(network("gpt"))[1, :, 1] == 0).all()


class TestComposition:
    @pytest.mark.parametrize("variant", FAMILIES)
    def test_is_a_ratio_of_norms(self, variant):
        """Of the matrices written out."""
        model, norm = network(variant), torch.linalg.matrix_norm
        ov, qk = ov_circuits(model).matrix, qk_circuits(model).matrix
        earlier, later, own = ov[0, 1], qk[1, 2], ov[1, 2]
        expected = {
            k_composition: norm(later @ earlier) / (norm(later) * norm(earlier)),
            q_composition: norm(later.T @ earlier) / (norm(later) * norm(earlier)),
            v_composition: norm(own @ earlier) / (norm(own) * norm(earlier)),
        }
        for score, ratio in expected.items():
            assert score(model)[1, 2, 0, 1].item() == pytest.approx(ratio.item(), abs=1e-4)
