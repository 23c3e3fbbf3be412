"""Fetch and feed against plain forward hooks."""

import json

import pytest
import torch
from jaxtyping import TypeCheckError
from tests.dataflow.modules import Model, make_ids, seen_by_hooks
from torch import nn

from glasshouse.dataflow import Graph
from glasshouse.errors import InputError

IDS = make_ids()


@pytest.fixture(scope="module")
def model() -> nn.Module:
    return Model().eval()


@pytest.fixture(scope="module")
def graph(model) -> Graph:
    return Graph.capture(model, IDS)


def hooked(model: nn.Module, path: str, change, ids=IDS) -> torch.Tensor:
    """Logits when a hook changes one module's output."""
    handle = model.get_submodule(path).register_forward_hook(lambda m, args, out: change(out))
    with torch.no_grad():
        logits = model(ids)
    handle.remove()
    return logits


class TestCapture:
    def test_names_every_module_and_every_named_value(self, graph):
        """Modules by path; what the code names wins; fused attention has its scores and pattern."""
        names = graph.names
        assert names[:4] == ("embed", "blocks.0.resid_pre", "blocks.0.norm", "blocks.0.attn.qkv")
        for name in ("q", "scores", "pattern", "z", "out"):
            assert f"blocks.1.attn.{name}" in names
        assert names[-1] == "output"
        assert "logits" in names

    def test_tells_what_it_knows_of_a_value(self, graph):
        """Axes by name, lengths that vary by the axis they belong to."""
        value = graph.value("blocks.1.attn.pattern")
        assert value.axes == ("batch", "head", "query", "key")
        assert value.shape == ("batch", 2, "pos", "pos")
        assert (
            str(value) == "blocks.1.attn.pattern [batch=batch, head=2, query=pos, key=pos] float32"
        )

    @pytest.mark.parametrize("shape", [(1, 1), (1, 9), (4, 2), (2, 33)])
    def test_leaves_batch_and_length_free(self, model, graph, shape):
        """Also the lengths of one, which torch likes to fix."""
        ids = make_ids(*shape)
        with torch.no_grad():
            assert torch.equal(graph.run(ids, fetch="logits")["logits"], model(ids))

    def test_shares_the_weights(self):
        """An edit in place and a weight that is replaced are both seen."""
        model = Model().eval()
        graph = Graph.capture(model, IDS)
        for edit in (
            lambda: model.unembed.weight.data.mul_(2),
            lambda: setattr(model.unembed, "weight", nn.Parameter(torch.ones(11, 8))),
        ):
            edit()
            with torch.no_grad():
                assert torch.equal(graph.run(IDS, fetch="logits")["logits"], model(IDS))

    def test_takes_any_module(self):
        """Pictures through convolutions; two inputs by name; outputs in a dictionary."""
        net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 5))
        picture = torch.randn(2, 1, 8, 8)
        graph = Graph.capture(net, picture)
        seen = seen_by_hooks(net, picture)
        for name in ("0", "1", "3"):
            assert torch.equal(graph.run(picture, fetch=name)[name], seen[name])

        class Two(nn.Module):
            def forward(self, left, right):
                return {"sum": left + right, "parts": (left, 2 * right)}

        left, right = torch.randn(3, 2), torch.randn(3, 2)
        pair = Graph.capture(Two(), (left, right))
        found = pair.run({"right": right, "left": left}, fetch=["sum", "parts.1"])
        assert torch.equal(found["sum"], left + right)
        assert torch.equal(found["parts.1"], 2 * right)

    def test_leaves_out_what_is_no_tensor(self):
        """A cache among a model's outputs, which no graph can return."""

        class Caches(nn.Module):
            def forward(self, x):
                return {"y": 2 * x, "cache": object(), "note": "text"}

        x = torch.randn(2, 3)
        assert torch.equal(Graph.capture(Caches(), x).run(x, fetch="y")["y"], 2 * x)

    def test_names_the_second_run_of_a_module_apart(self):
        """The same module twice in one forward."""

        class Twice(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.map = nn.Linear(3, 3)

            def forward(self, x):
                return self.map(self.map(x))

        graph = Graph.capture(module := Twice(), x := torch.randn(2, 3))
        first, second = graph.run(x, fetch=["map", "map#2"]).values()
        with torch.no_grad():
            assert torch.equal(first, module.map(x))
            assert torch.equal(second, module(x))

    def test_takes_modules_only(self):
        """What holds a module says where its graph is."""
        with pytest.raises((InputError, TypeCheckError)) as error:
            Graph.capture("gpt2", IDS)
        assert isinstance(error.value, TypeCheckError) or "str is no torch" in str(error.value)

    def test_knows_which_lengths_the_code_fixes(self):
        """A loop over positions is unrolled at the example's length; others are refused."""

        class Loops(nn.Module):
            def forward(self, x):
                return sum(x[:, i] for i in range(x.shape[1]))

        graph = Graph.capture(Loops(), torch.randn(2, 5))
        assert graph.run(torch.ones(3, 5), fetch="output")["output"].tolist() == [5.0] * 3
        with pytest.raises(InputError, match=r"\(3, 4\).*fixes that length"):
            graph.run(torch.ones(3, 4), fetch="output")

    def test_names_the_line_that_cannot_be_captured(self):
        """A branch on a tensor's values."""

        class Branches(nn.Module):
            def forward(self, x):
                return x if x.sum() > 0 else -x

        with pytest.raises(InputError, match=r"test_graph\.py:\d+ \(return x if .*torch\.cond"):
            Graph.capture(Branches(), torch.randn(2, 3))


class TestFetch:
    def test_gives_what_hooks_see(self, model, graph):
        """Every module's output, bit for bit."""
        seen = seen_by_hooks(model, IDS)
        found = graph.run(IDS, fetch=[path for path in seen if path])
        for path in found:
            assert torch.equal(found[path], seen[path]), path

    def test_opens_attention_where_it_is_asked(self, model, graph):
        """Pattern times values is z; scores of the future are -inf; other layers stay fused."""
        names = ["blocks.1.attn.scores", "blocks.1.attn.pattern", "blocks.1.attn.z", "logits"]
        found = graph.run(IDS, fetch=names)
        scores, pattern = found[names[0]], found[names[1]]
        assert torch.equal(scores.softmax(-1), pattern)
        assert scores[0, 0, 0, 1] == -torch.inf
        with torch.no_grad():
            torch.testing.assert_close(found["logits"], model(IDS), rtol=1e-5, atol=1e-6)
        targets = [str(node.target) for node in graph.plan(names).program.graph.nodes]
        assert sum("scaled_dot_product" in target for target in targets) == 2

    def test_computes_only_the_ancestors(self, graph):
        """Nothing of the second block for the first one's output, nothing twice."""
        program = graph.plan("blocks.0.resid_post").program
        assert not any("blocks_1" in node.name for node in program.graph.nodes)
        calls = [n for n in program.graph.nodes if n.op == "call_function"]
        products = [n for n in calls if n.target is torch.ops.aten.linear.default]
        assert len(products) == 4
        assert len(calls) < 30

    def test_finds_names_by_pattern(self, graph):
        """`*` is one component, `**` any number, `0-1` a range."""
        for pattern, count in (("blocks.*.attn.z", 3), ("blocks.0-1.attn.z", 2), ("**.z", 3)):
            assert len(graph.run(IDS, fetch=pattern)) == count
        assert list(graph.run(IDS, fetch="blocks.0.attn.z[pos=-1]")) == ["blocks.0.attn.z[pos=-1]"]

    def test_reads_parts(self, graph):
        """By axis name or by place."""
        whole = graph.run(IDS, fetch="blocks.1.attn.z")["blocks.1.attn.z"]
        for part, expected in (
            ("[head=1, pos=-1]", whole[:, -1, 1]),
            ("[pos=2:5]", whole[:, 2:5]),
            ("[pos={5,1}, head={1,0}]", whole[:, [5, 1]][:, :, [1, 0]]),
            ("[:, -1]", whole[:, -1]),
            ("[batch=1]", whole[1]),
        ):
            address = "blocks.1.attn.z" + part
            assert torch.equal(graph.run(IDS, fetch=address)[address], expected)

    def test_remembers_plans(self, graph):
        """Two runs with the same signature share one, whatever functions are fed."""
        assert graph.plan("logits") is graph.plan("logits")
        before = len(graph._plans)
        for scale in (1.0, 2.0, 3.0):
            graph.run(IDS, fetch="logits", feed={"blocks.0.attn.z": lambda z, s=scale: z * s})
        assert len(graph._plans) == before + 1


class TestFeed:
    def test_replaces_a_value_as_a_hook_does(self, model, graph):
        """And does not compute what only the replaced value needed, not even the ids."""
        new = torch.randn(3, 7, 8, generator=torch.Generator().manual_seed(1))
        expected = hooked(model, "blocks.1", lambda out: new)
        found = graph.run(fetch="logits", feed={"blocks.1.resid_post": new})
        assert torch.equal(found["logits"], expected)
        plan = graph.plan("logits", feed=["blocks.1.resid_post"])
        assert plan.layout.inputs == ()

    def test_applies_a_function_as_a_hook_does(self, model, graph):
        """A change of the whole value."""
        expected = hooked(model, "blocks.0.mlp.1", lambda out: out * 0.5)
        found = graph.run(IDS, fetch="logits", feed={"blocks.0.mlp.1": lambda x: x * 0.5})
        assert torch.equal(found["logits"], expected)

    def test_changes_a_part(self, model, graph):
        """One head at one position: what flows into `out` differs there alone."""
        z = graph.run(IDS, fetch="blocks.1.attn.z")["blocks.1.attn.z"]
        z[:, -1, 1] = 0

        def edited(module, args):
            return (z.flatten(2),)

        handle = model.blocks[1].attn.out.register_forward_pre_hook(edited)
        with torch.no_grad():
            expected = model(IDS)
        handle.remove()
        for given in (torch.zeros(3, 4), torch.zeros(()).expand(4), torch.zeros_like):
            feed = {"blocks.1.attn.z[pos=-1, head=1]": given}
            assert torch.equal(graph.run(IDS, fetch="logits", feed=feed)["logits"], expected)

    def test_changes_several_parts_in_order(self, graph):
        """The later of two feeds for one place wins; lists pick their grid."""
        feed = {
            "blocks.0.resid_pre[pos={0,2}, d_model={7,1}]": torch.tensor([[1.0, 2.0], [3.0, 4.0]]),
            "blocks.0.resid_pre[pos=0, d_model=1]": lambda x: x + 10,
        }
        found = graph.run(IDS, fetch="blocks.0.resid_pre", feed=feed)["blocks.0.resid_pre"]
        assert found[0, [0, 0, 2, 2], [7, 1, 7, 1]].tolist() == [1.0, 12.0, 3.0, 4.0]

    def test_changes_rows_apart(self, graph):
        """Different feeds for different prompts of a batch."""
        feed = {"blocks.1.resid_post[batch=1]": torch.zeros(7, 8)}
        plain = graph.run(IDS, fetch="logits")["logits"]
        found = graph.run(IDS, fetch="logits", feed=feed)["logits"]
        assert torch.equal(found[[0, 2]], plain[[0, 2]])
        assert not torch.equal(found[1], plain[1])

    def test_feeds_the_pattern(self, graph):
        """A uniform pattern averages the values; queries and keys are not computed then."""
        uniform = torch.full((3, 2, 7, 7), 1 / 7)
        feed = {"blocks.1.attn.pattern": uniform}
        found = graph.run(IDS, fetch="blocks.1.attn.z", feed=feed)["blocks.1.attn.z"]
        torch.testing.assert_close(found[:, 0], found[:, -1])

    def test_keeps_one_value_under_two_names_apart(self, model, graph):
        """As for hooks: feeding a block's input leaves the output before it as it was."""
        plain = graph.run(IDS, fetch="blocks.0.resid_post")["blocks.0.resid_post"]
        feed = {"blocks.1.resid_pre": torch.zeros(3, 7, 8)}
        found = graph.run(IDS, fetch=["blocks.0.resid_post", "logits"], feed=feed)
        assert torch.equal(found["blocks.0.resid_post"], plain)

    def test_runs_a_plan_with_new_tensors(self, model, graph):
        """Made once, run with whatever is fed."""
        plan = graph.plan("logits", feed=["blocks.1.resid_post"])
        for seed in range(2):
            new = torch.randn(2, 5, 8, generator=torch.Generator().manual_seed(seed))
            expected = graph.run(fetch="logits", feed={"blocks.1.resid_post": new})["logits"]
            assert torch.equal(plan.run(feed={"blocks.1.resid_post": new})["logits"], expected)


class TestBadInput:
    @pytest.mark.parametrize(
        ("options", "told"),
        [
            ({"fetch": "blocks.1.atn.z"}, "blocks.1.attn.z"),
            ({"fetch": "blocks.9.attn.z"}, "no value"),
            ({"fetch": "blocks.1.attn.z[neck=1]"}, "batch, pos, head, d_head"),
            ({"fetch": "blocks.1.norm[pos=1]"}, "[:, -1]"),
            ({"fetch": "blocks.1.attn.z[head=2]"}, "place 2 of an axis of length 2"),
            ({"fetch": "blocks.1.attn.z[head=x]"}, "'x'"),
            ({"fetch": "a[b"}, "no address"),
            ({"feed": {"blocks.0.resid_post": torch.zeros(3, 7, 9)}}, "(3, 7, 9)"),
            ({"feed": {"blocks.0.resid_post": torch.zeros(3, 6, 8)}}, "(3, 6, 8)"),
            ({"feed": {"blocks.0.resid_post": torch.zeros(3, 7, 8).double()}}, "float64"),
            ({"feed": {"blocks.0.resid_post": lambda x: x[:, :1]}}, "(3, 1, 8)"),
            ({"feed": {"blocks.0.resid_post": lambda x: None}}, "NoneType"),
            ({"feed": {"blocks.0.attn.z[head=1]": torch.zeros(3, 7, 5)}}, "(3, 7, 4)"),
            ({"inputs": None}, "'ids'"),
            ({"inputs": torch.zeros(3, 7)}, "float32"),
            ({"inputs": torch.zeros(3, dtype=torch.long)}, "shape (3,)"),
            ({"inputs": (IDS, IDS)}, "2 inputs"),
            ({"inputs": {"idz": IDS}}, "'idz'"),
        ],
    )
    def test_is_one_clear_sentence(self, graph, options, told):
        """It names what was asked for and what there is."""
        with pytest.raises(InputError) as error:
            graph.run(**{"inputs": IDS, "fetch": "logits", **options})
        assert told in str(error.value)
        assert "\n" not in str(error.value)


class TestNarrowing:
    def test_computes_the_asked_row_of_the_logits_alone(self, model, graph):
        """The unembedding reads one position; the answer is the same."""
        whole = graph.run(IDS, fetch="logits")["logits"]
        for address, expected in (
            ("logits[pos=-1]", whole[:, -1]),
            ("logits[pos=0, vocab=3]", whole[:, 0, 3]),
            ("logits[batch=1, pos=-1]", whole[1, -1]),
        ):
            torch.testing.assert_close(graph.run(IDS, fetch=address)[address], expected)
        plan = graph.plan("logits[pos=-1]")
        assert plan.layout.fetched["logits"].meta["val"].shape[1] == 1

    def test_reaches_the_last_feed_forward_part(self, graph):
        """It adds to the residual stream row by row; attention before it mixes rows."""
        program = graph.plan("logits[pos=-1]").program
        one_row = [
            node
            for node in program.graph.nodes
            if node.target is torch.ops.aten.linear.default and node.meta["val"].shape[1] == 1
        ]
        assert len(one_row) == 4  # attention's output, two maps of the MLP, the unembedding

    def test_leaves_values_whole_that_are_asked_on_the_way(self, graph):
        """What is fetched whole is computed whole; the answer is the same."""
        fetch = ["logits[pos=-1]", "blocks.2.mlp.1"]
        found = graph.run(IDS, fetch=fetch)
        assert found["blocks.2.mlp.1"].shape[1] == 7
        whole = graph.run(IDS, fetch="logits")["logits"]
        torch.testing.assert_close(found["logits[pos=-1]"], whole[:, -1])

    def test_leaves_a_value_whole_that_is_asked_whole_too(self, graph):
        """Two questions about one value."""
        found = graph.run(IDS, fetch=["logits[pos=-1]", "logits"])
        assert torch.equal(found["logits[pos=-1]"], found["logits"][:, -1])

    def test_goes_with_patterns_and_feeds(self, graph):
        """Values in the middle, whose rows do mix later, and fed ones."""
        fetch = ["blocks.*.attn.z[pos=-1]", "logits"]
        feed = {"blocks.1.attn.z[head=0]": torch.zeros_like}
        found = graph.run(IDS, fetch=fetch, feed=feed)
        whole = graph.run(IDS, fetch=["blocks.*.attn.z", "logits"], feed=feed)
        for layer in range(3):
            name = f"blocks.{layer}.attn.z"
            torch.testing.assert_close(found[f"{name}[pos=-1]"], whole[name][:, -1])
        torch.testing.assert_close(found["logits"], whole["logits"])


class TestMasks:
    @pytest.mark.parametrize(
        ("mask", "is_dropped"),
        [
            (lambda n: torch.ones(n, n, dtype=torch.bool).tril(), True),
            (lambda n: torch.ones(n, n, dtype=torch.bool).tril(1), False),
            (lambda n: torch.ones(n, n, dtype=torch.bool).tril().triu(-40), False),
            (lambda n: torch.ones(n, n, dtype=torch.bool).tril().triu(-4000), False),
        ],
    )
    def test_that_are_causal_and_no_more_are_dropped(self, mask, is_dropped):
        """A window that is longer than any tried length must stay."""

        class Masked(nn.Module):
            def forward(self, x):
                q = x.unflatten(-1, (2, 4)).transpose(1, 2)
                return nn.functional.scaled_dot_product_attention(q, q, q, mask(x.shape[1]))

        x = torch.randn(2, 60, 8)
        graph = Graph.capture(Masked(), x)
        targets = [str(n.target) for n in graph.plan("output").program.graph.nodes]
        assert any("tril" in target for target in targets) != is_dropped
        torch.testing.assert_close(graph.run(x, fetch="output")["output"], Masked()(x))


class TestTrace:
    def test_writes_the_names_of_values(self, graph, tmp_path):
        """Of one run, with what was fed."""
        feed = {"blocks.1.attn.z[head=0]": torch.zeros_like}
        trace = graph.trace(tmp_path / "trace.json", IDS, fetch="logits", feed=feed)
        events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
        names = {event["name"] for event in events}
        assert {"blocks.0.attn.z", "blocks.2.attn.out", "logits"} <= names
        assert 0 < trace.node_seconds < trace.wall_seconds
