"""A sweep gives what single runs give."""

import logging

import pytest
import torch
from tests.dataflow.modules import Model, make_ids
from torch import nn

from glasshouse.dataflow import Graph
from glasshouse.errors import InputError

IDS = make_ids(batch=1)


@pytest.fixture(scope="module")
def graph() -> Graph:
    return Graph.capture(Model().eval(), IDS)


def one_by_one(graph: Graph, ids: torch.Tensor, feeds, fetch: str) -> torch.Tensor:
    return torch.stack([graph.run(ids, fetch=fetch, feed=feed)[fetch] for feed in feeds])


def random(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def times(factor: float):
    return lambda value: value * factor


def kinds_of_feeds(batch: int) -> dict[str, list]:
    return {
        "residuals by layer and position": [
            {f"blocks.{layer}.resid_pre[pos={pos}]": random(8)}
            for layer in range(3)
            for pos in (0, 6)
        ],
        "heads": [
            {f"blocks.{layer}.attn.z[head={head}]": torch.zeros_like}
            for layer in range(3)
            for head in range(2)
        ],
        "patterns": [{f"blocks.1.attn.pattern[head={head}]": times(0)} for head in range(2)],
        "one value behind another": [
            {"blocks.0.attn.z[head=0]": times(0), "blocks.2.attn.z[pos=-1]": times(factor)}
            for factor in (1.0, 2.0, 3.0)
        ],
        "whole tensors": [{"blocks.1.resid_post": random(batch, 7, 8) * c} for c in (1.0, 2.0)],
        "module paths": [{"blocks.1.mlp.1[:, -1]": times(0)}],
    }


class TestSweep:
    @pytest.mark.parametrize("kind", kinds_of_feeds(1))
    @pytest.mark.parametrize("batch", [1, 3])
    def test_gives_what_single_runs_give(self, graph, kind, batch, caplog):
        """Whatever is fed, for one prompt and for several, and as a batch."""
        ids, feeds = make_ids(batch=batch), kinds_of_feeds(batch)[kind]
        found = graph.sweep(ids, feeds, fetch="logits")["logits"]
        assert "one by one" not in caplog.text
        torch.testing.assert_close(found, one_by_one(graph, ids, feeds, "logits"))

    def test_reads_parts_and_values_before_the_feed(self, graph):
        """What no feed reaches is the same for all."""
        feeds = kinds_of_feeds(1)["heads"][4:]
        fetch = ["logits[pos=-1]", "blocks.0.resid_post"]
        found = graph.sweep(IDS, feeds, fetch=fetch)
        assert found["logits[pos=-1]"].shape == (2, 1, 11)
        for key in fetch:
            torch.testing.assert_close(found[key], one_by_one(graph, IDS, feeds, key))

    def test_goes_in_batches(self, graph):
        """A limit on what goes through at once changes no answer."""
        feeds = [{f"blocks.0.resid_pre[pos={pos}]": torch.zeros(8)} for pos in range(7)]
        whole = graph.sweep(IDS, feeds, fetch="logits")["logits"]
        parts = graph.sweep(IDS, feeds, fetch="logits", batch_size=3)["logits"]
        torch.testing.assert_close(parts, whole)

    def test_runs_one_by_one_what_has_no_batch(self, caplog):
        """A program that draws random numbers: each run its own, and the log says so."""
        net = nn.Sequential(nn.Linear(3, 3), nn.Dropout(0.5), nn.Linear(3, 3)).train()
        graph = Graph.capture(net, torch.randn(2, 3))
        feeds = [{"0": torch.zeros(2, 3)}, {"0": torch.ones(2, 3)}]
        with caplog.at_level(logging.WARNING, logger="glasshouse"):
            found = graph.sweep(torch.randn(2, 3), feeds, fetch="2")["2"]
        assert found.shape == (2, 2, 3)
        assert "one by one" in caplog.text

    def test_refuses_an_empty_sweep(self, graph):
        """There would be no shape to return."""
        with pytest.raises(InputError, match="at least one"):
            graph.sweep(IDS, [], fetch="logits")
