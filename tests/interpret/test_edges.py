"""Edges: estimates against real patching, and sums that must come out."""

import pytest
import torch
from tests.interpret.subjects import graph, network, token_ids

from glasshouse.errors import InputError
from glasshouse.interpret import (
    activation_patching,
    attribution_error,
    attribution_patching,
    edge_attribution,
    edge_patching,
    integrated_edge_attribution,
    logit_difference,
    path_patching,
)

METRIC = logit_difference([1, 2], [4, 5])
CLEAN, CORRUPTED = token_ids(2, 5), token_ids(2, 5, seed=9)


def column(edges, reader):
    return edges.changes[:, edges.readers.index(reader)]


class TestEdgePatching:
    def test_is_path_patching_of_one_path(self):
        """Two implementations: one freezes what lies between, the other adds to what is read."""
        for variant, reader in (("gpt", "logits"), ("gemma", "blocks.1.attn.k[head=0]")):
            edges = edge_patching(graph(variant), CLEAN, CORRUPTED, METRIC, readers=[reader])
            exists = ~edges.changes[:, 0].isnan()
            senders = [w for w, is_edge in zip(edges.writers, exists, strict=True) if is_edge]
            receivers = () if reader == "logits" else reader
            paths = path_patching(
                graph(variant), CLEAN, CORRUPTED, METRIC, senders=senders, receivers=receivers
            )
            assert edges.change.tolist() == pytest.approx(paths.change.tolist(), abs=1e-5)

    def test_knows_who_reads_whom(self):
        """A query reads earlier layers; parallel MLPs do not read their own block's heads."""
        for variant, reads_own_heads in (("gpt", True), ("neox", False)):
            edges = edge_attribution(graph(variant), CLEAN, CORRUPTED, METRIC)
            into = column(edges, "blocks.0.mlp_norm")
            is_edge = dict(zip(edges.writers, (~into.isnan()).tolist(), strict=True))
            assert is_edge["embed"]
            assert is_edge["blocks.0.attn.z[head=1]"] is reads_own_heads
            assert not is_edge["blocks.0.mlp.out"]
            query = column(edges, "blocks.1.attn.q[head=0]")
            assert (~query.isnan()).sum() == 1 + 4 + 1
            assert not column(edges, "logits").isnan().any()

    def test_refuses_readers_that_are_none(self):
        """The message lists those that are."""
        with pytest.raises(InputError, match=r"nothing reads at 'blocks.1.attn.z'; readers are"):
            edge_patching(graph("gpt"), CLEAN, CORRUPTED, METRIC, readers=["blocks.1.attn.z"])
        with pytest.raises(InputError, match="num_layers=0"):
            edge_attribution(network("bigram"), CLEAN, CORRUPTED, METRIC)


class TestEdgeAttribution:
    @pytest.mark.parametrize("variant", ["gpt", "neox"])
    def test_adds_up_to_the_attribution_of_its_writer(self, variant):
        """Everything that a part writes is read by somebody: to first order the edges are the
        whole."""
        edges = edge_attribution(graph(variant), CLEAN, CORRUPTED, METRIC)
        whole = attribution_patching(
            graph(variant), CLEAN, CORRUPTED, METRIC, site="blocks.*.attn.z", over="head"
        )
        sums = dict(zip(edges.writers, edges.changes.nansum(dim=1).tolist(), strict=True))
        for address, change in zip(whole.addresses, whole.change.flatten().tolist(), strict=True):
            assert sums[address] == pytest.approx(change, abs=2e-5)

    def test_is_exact_for_small_changes(self):
        """Prompts that differ by a hundredth of an embedding: the estimate is real patching."""
        model = network("gpt")
        with torch.no_grad():
            kept = model.embed.weight.clone()
            model.embed.weight[1:] = model.embed.weight[:1] + 1e-2 * (kept[1:] - kept[:1])
            exact = edge_patching(graph("gpt"), CLEAN, CORRUPTED, METRIC)
            estimate = edge_attribution(graph("gpt"), CLEAN, CORRUPTED, METRIC)
            model.embed.weight.copy_(kept)
        error = attribution_error(estimate, exact)
        assert error.correlation > 0.999
        assert error.max_abs < 0.02 * exact.change.abs().max()

    def test_says_which_edges_matter(self):
        """By their real change, the estimate beside it."""
        exact = edge_patching(graph("gpt"), CLEAN, CORRUPTED, METRIC)
        name, change = exact.top(1)[0]
        assert abs(change) == pytest.approx(exact.change.abs().max().item())
        assert name == exact.addresses[exact.change.abs().argmax()]
        assert " -> " in name


class TestIntegratedEdgeAttribution:
    @pytest.mark.parametrize("variant", ["gpt", "gemma"])
    def test_of_embeddings_adds_up_to_the_whole_difference(self, variant):
        """Completeness of integrated gradients; one gradient alone misses it."""
        subject = graph(variant)
        whole = activation_patching(
            subject, CLEAN, CORRUPTED, METRIC, site="embed", over=()
        ).change.item()

        def of_embeddings(edges):
            return edges.changes[edges.writers.index("embed")].nansum().item()

        many = integrated_edge_attribution(subject, CLEAN, CORRUPTED, METRIC, steps=40)
        one = edge_attribution(subject, CLEAN, CORRUPTED, METRIC)
        assert of_embeddings(many) == pytest.approx(whole, rel=0.02, abs=0.01)
        assert abs(of_embeddings(one) - whole) > abs(of_embeddings(many) - whole)

    def test_comes_nearer_to_real_patching(self):
        """Where the model is far from linear between the prompts."""
        subject = graph("gpt")
        exact = edge_patching(subject, CLEAN, CORRUPTED, METRIC)
        errors = [
            attribution_error(estimate, exact)
            for estimate in (
                edge_attribution(subject, CLEAN, CORRUPTED, METRIC),
                integrated_edge_attribution(subject, CLEAN, CORRUPTED, METRIC, steps=8),
            )
        ]
        assert errors[0].correlation < errors[1].correlation

    def test_refuses_no_steps(self):
        """There would be no gradient."""
        with pytest.raises(InputError, match="steps=0"):
            integrated_edge_attribution(graph("gpt"), CLEAN, CORRUPTED, METRIC, steps=0)
