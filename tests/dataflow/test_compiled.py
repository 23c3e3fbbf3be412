"""Compiled plans against the same plans uncompiled."""

import pytest
import torch
from tests.dataflow.modules import Model, make_ids
from torch import nn

from glasshouse.dataflow import Graph, grad
from glasshouse.dataflow.plan import Plan
from glasshouse.dataflow.regions import find_regions
from glasshouse.errors import InputError

IDS = make_ids()
GATES = ["blocks.*.attn.z[...]", "blocks.*.resid_pre[...]"]

pytestmark = pytest.mark.compiled


@pytest.fixture(scope="module")
def model() -> nn.Module:
    return Model(2).eval()


@pytest.fixture(scope="module")
def plan(model) -> Plan:
    return Graph.capture(model, IDS).plan(["logits", "blocks.*.resid_post"], feed=GATES)


@pytest.fixture(scope="module")
def compiled(plan):
    return plan.compile()


def assert_agree(compiled, plan, ids, feed=None) -> None:
    """Fused sums round otherwise: a few units in the last place of float32."""
    found, expected = compiled.run(ids, feed=feed), plan.run(ids, feed=feed)
    assert list(found) == list(expected)
    for name in expected:
        torch.testing.assert_close(found[name], expected[name], rtol=1e-5, atol=1e-6)


class TestCompiledPlan:
    @pytest.mark.parametrize("shape", [(3, 7), (1, 1), (1, 9), (4, 2), (2, 33)])
    def test_serves_every_shape(self, plan, compiled, shape):
        """Also lengths of one, which torch.compile compiles apart."""
        assert_agree(compiled, plan, make_ids(*shape))
        assert compiled.num_compilations == 1

    def test_compiles_once_for_every_patch(self, plan, compiled):
        """Another value, head, position, row or vector is only other numbers."""
        for shape, feed in (
            ((3, 7), {"blocks.1.attn.z[head=1, pos=-1]": torch.randn(3, 4)}),
            ((2, 5), {"blocks.0.attn.z[head=0]": torch.randn(2, 5, 4)}),
            ((2, 5), {"blocks.0.attn.z": torch.randn(2, 5, 2, 4)}),
            ((3, 7), {"blocks.0.resid_pre[batch=1, pos={0,2}]": torch.randn(2, 8)}),
            ((3, 7), {"blocks.*.resid_pre[pos=2:4]": torch.zeros(8)}),
            (
                (3, 7),
                {
                    "blocks.1.resid_pre[pos=0:3]": torch.ones(8),
                    "blocks.1.resid_pre[pos=2:5]": torch.zeros(8),
                },
            ),
        ):
            assert_agree(compiled, plan, make_ids(*shape), feed)
        assert compiled.num_compilations == 1

    def test_sees_edits_of_weights(self, model, plan, compiled):
        """In place, and a weight that is replaced."""
        for edit in (
            lambda: model.unembed.weight.data.mul_(2),
            lambda: setattr(model.unembed, "weight", nn.Parameter(torch.randn(11, 8))),
        ):
            edit()
            assert_agree(compiled, plan, IDS)
        assert compiled.num_compilations == 1
        model.double()
        with pytest.raises(InputError, match="another dtype"):
            compiled.run(IDS)
        model.float()

    def test_traces_a_function_once(self, model):
        """With the tensors that it closes over as inputs, so that their edits are seen."""
        plan = Graph.capture(model, IDS).plan("logits", feed=["blocks.1.resid_pre[...]"])
        compiled = plan.compile()
        vector = torch.randn(8)

        def steer(x):
            return x + vector

        for _ in range(2):
            assert_agree(compiled, plan, IDS, {"blocks.1.resid_pre": steer})
            vector.mul_(3)
        assert compiled.num_compilations == 1
        for bad, told in (
            (lambda x: x if x.sum() > 0 else -x, "data-dependent"),
            (lambda x: x if x.shape[1] > 5 else -x, "> 5"),
        ):
            with pytest.raises(InputError, match=f"blocks.1.resid_pre cannot be compiled.*{told}"):
                compiled.run(IDS, feed={"blocks.1.resid_pre": bad})

    def test_takes_gradients(self, model):
        """Forward and backward are one program, gates included."""
        ask = grad("logits[pos=-1, vocab=4]", "blocks.*.attn.z")
        plan = Graph.capture(model, IDS).plan(["logits", ask], feed=["blocks.0.resid_pre[...]"])
        compiled = plan.compile()
        feed = {"blocks.0.resid_pre[pos=1]": torch.ones(8)}
        for ids in (IDS, make_ids(2, 9)):
            found, expected = compiled.run(ids, feed=feed), plan.run(ids, feed=feed)
            torch.testing.assert_close(found["logits"], expected["logits"], rtol=1e-5, atol=1e-6)
            assert list(found.grad) == list(expected.grad)
            for name in expected.grad:
                torch.testing.assert_close(found.grad[name], expected.grad[name])
        assert compiled.num_compilations == 1


class TestByBlock:
    def test_compiles_one_of_several_alike(self):
        """Before the blocks, a block for all four, after them; one that differs apart."""
        graph = Graph.capture(Model(4).eval(), IDS)
        plan = graph.plan(["logits", "blocks.*.resid_post"], feed=["blocks.*.resid_pre[...]"])
        compiled = plan.compile(by="block")
        assert_agree(compiled, plan, IDS)
        assert_agree(compiled, plan, make_ids(1, 9), {"blocks.2.resid_pre[pos=1]": torch.ones(8)})
        assert compiled.num_programs == 3
        kinds = [
            region.kind() for region in find_regions(graph.plan("blocks.2.attn.z").program.graph)
        ]
        assert len(kinds) == 4
        assert len(set(kinds)) == 3

    def test_leaves_gradients_whole(self, model):
        """Their program has no blocks."""
        plan = Graph.capture(model, IDS).plan(grad("logits[pos=-1, vocab=4]", "blocks.*.attn.z"))
        with pytest.raises(InputError, match="compiles whole"):
            plan.compile(by="block")


class TestPlanFeeds:
    @pytest.mark.parametrize(
        ("feed", "told"),
        [
            ({"embed": torch.zeros(3, 7, 8)}, 'feed=["embed[...]"]'),
            ({"blocks.0.attn.z[head=2]": torch.zeros(3, 7, 4)}, "place 2"),
            ({"blocks.0.attn.z[head=1]": torch.zeros(3, 6, 4)}, "(3, 6, 4)"),
        ],
    )
    def test_refuses_what_does_not_fit(self, compiled, feed, told):
        """The sentences of uncompiled runs."""
        with pytest.raises(InputError) as error:
            compiled.run(IDS, feed=feed)
        assert told in str(error.value)
