"""Gradients with respect to values, against torch's own with hooks."""

import pytest
import torch
from tests.dataflow.modules import Model, make_ids
from torch import nn

from glasshouse.dataflow import Graph, grad
from glasshouse.errors import InputError

IDS = make_ids()


@pytest.fixture(scope="module")
def model() -> nn.Module:
    return Model().eval()


@pytest.fixture(scope="module")
def graph(model) -> Graph:
    return Graph.capture(model, IDS)


def by_hooks(model: nn.Module, paths: list[str], loss) -> dict[str, torch.Tensor]:
    kept: dict[str, torch.Tensor] = {}

    def keep(path):
        return lambda module, args, out: kept.update({path: out})

    handles = [model.get_submodule(p).register_forward_hook(keep(p)) for p in paths]
    total = loss(model(IDS))
    for handle in handles:
        handle.remove()
    return dict(zip(paths, torch.autograd.grad(total, [kept[p] for p in paths]), strict=True))


class TestGrad:
    def test_agrees_with_torch(self, model, graph):
        """All blocks at once, for a function of the logits and for an address."""
        paths = [f"blocks.{i}.attn.out" for i in range(3)]
        expected = by_hooks(model, paths, lambda logits: logits[:, -1, 4].sum())
        for of in ("logits[pos=-1, vocab=4]", lambda logits: logits[:, -1, 4].sum()):
            found = graph.run(IDS, fetch=["logits", grad(of, "blocks.*.attn.out")])
            assert list(found) == ["logits"]
            for path in paths:
                torch.testing.assert_close(found.grad[path], expected[path])

    def test_goes_through_feeds(self, graph):
        """A doubled value passes a doubled gradient; what was fed can itself be asked for."""
        ask = grad("logits[pos=-1, vocab=4]", ["blocks.0.attn.z", "blocks.1.attn.z"])
        plain = graph.run(IDS, fetch=ask).grad
        feed = {"blocks.1.resid_post": lambda x: x + 0 * x.detach()}
        same = graph.run(IDS, fetch=ask, feed=feed).grad
        torch.testing.assert_close(same, plain)
        halved = {"blocks.1.attn.z": lambda z: z * 0.5}
        found = graph.run(IDS, fetch=ask, feed=halved)
        assert found.grad["blocks.1.attn.z"].shape == plain["blocks.1.attn.z"].shape
        fed = {"blocks.2.resid_pre": torch.zeros(3, 7, 8)}
        found = graph.run(
            IDS, fetch=grad("logits[pos=-1, vocab=4]", "blocks.2.resid_pre"), feed=fed
        )
        assert found.grad["blocks.2.resid_pre"].abs().sum() > 0

    def test_reads_several_values(self, graph):
        """A loss of what lies inside."""
        z = "blocks.1.attn.z"
        ask = grad(lambda a, b: (a * b).sum() / 2, z, reads=[z, z])
        found = graph.run(IDS, fetch=[z, ask])
        torch.testing.assert_close(found.grad[z], found[z])

    def test_keeps_plans_of_different_functions_apart(self, graph):
        """They share a program, not the function."""
        asks = [grad(lambda logits, s=s: s * logits[..., 4].sum(), "embed") for s in (1, 2)]
        first, second = (graph.plan(ask) for ask in asks)
        assert first.program is second.program
        found = [plan.run(IDS).grad["embed"] for plan in (first, second)]
        torch.testing.assert_close(2 * found[0], found[1])

    def test_keeps_weights_out_of_it(self, model, graph):
        """No parameter gets a gradient, and none is asked to."""
        graph.run(IDS, fetch=grad("logits[pos=-1, vocab=4]", "embed"))
        assert all(p.grad is None for p in model.parameters())

    def test_is_differentiable_on_request(self, model, graph):
        """For who trains something that is fed, or the model itself."""
        vector = torch.zeros(8, requires_grad=True)
        feed = {"blocks.1.resid_post": lambda x: x + vector}
        graph.run(IDS, fetch="logits", feed=feed, differentiable=True)["logits"].sum().backward()
        assert vector.grad is not None
        assert not graph.run(IDS, fetch="logits")["logits"].requires_grad

    @pytest.mark.parametrize(
        ("ask", "feed", "told"),
        [
            (
                grad("logits[pos=-1]", "blocks.0.resid_pre"),
                {"blocks.1.resid_pre": 0},
                "a feed cuts it off",
            ),
            (grad("blocks.0.attn.z", "blocks.2.attn.z"), {}, "depend on blocks.2.attn.z"),
            (grad(lambda logits: logits, "embed"), {}, "not one number"),
        ],
    )
    def test_refuses_what_has_no_gradient(self, graph, ask, feed, told):
        """It says what does not depend on what."""
        feed = {name: torch.zeros(3, 7, 8) for name in feed}
        with pytest.raises(InputError) as error:
            graph.run(IDS, fetch=ask, feed=feed)
        assert told in str(error.value)
