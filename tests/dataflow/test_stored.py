"""Graphs kept on disk: the same graph again, and another file for whatever could change it."""

import dataclasses
import json
import warnings

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from tests.dataflow.modules import Model, make_ids
from torch import nn

from glasshouse.dataflow import Graph, grad, stored
from glasshouse.dataflow.fingerprint import fingerprint
from glasshouse.errors import InputError

IDS = make_ids()


@pytest.fixture
def no_tracing(monkeypatch):
    """Fail if a module is traced."""

    def forbidden(*args, **options):
        raise AssertionError("traced")

    def forbid():
        monkeypatch.setattr(stored, "capture", forbidden)

    return forbid


@dataclasses.dataclass
class Settings:
    scale: float = 2.0


class Scaled(nn.Module):
    """Uses whatever could change its graph."""

    def __init__(self, width: int = 4) -> None:
        super().__init__()
        self.map = nn.Linear(width, 3)
        self.settings = Settings()
        self.drop = nn.Dropout(0.5)
        self.table = torch.tensor([1.0, 2.0, 4.0])

    def forward(self, x):
        return self.drop(self.map(x)) * self.settings.scale + self.table.cumsum(0)


def key(module: nn.Module, x: torch.Tensor | None = None, free_axes=None) -> str:
    return fingerprint(module, {"x": torch.zeros(2, 4) if x is None else x}, free_axes)


class TestCache:
    def test_gives_the_same_graph_without_tracing(self, tmp_path, no_tracing):
        """All names, all values, feeds, gradients and free lengths."""
        model = Model().eval()
        first = Graph.capture(model, IDS, cache=tmp_path)
        no_tracing()
        second = Graph.capture(model, IDS, cache=tmp_path)
        assert second.names == first.names
        assert [second.value(n) for n in first.names] == [first.value(n) for n in first.names]
        ids = make_ids(2, 5)
        ask = [*first.names, grad("logits[pos=-1, vocab=3]", "blocks.*.attn.z")]
        feed = {"blocks.1.attn.z[head=1, pos=-1]": torch.zeros(4)}
        expected, found = (g.run(ids, fetch=ask, feed=feed) for g in (first, second))
        for name in expected:
            assert torch.equal(found[name], expected[name])
        for name in expected.grad:
            assert torch.equal(found.grad[name], expected.grad[name])

    def test_keeps_constants_and_limits(self, tmp_path, no_tracing):
        """Tensors that the code made, and the length that it allows."""

        class Limited(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.places = nn.Embedding(5, 3)
                self.signs = torch.tensor([1.0, -1.0, float("inf")])

            def forward(self, ids):
                assert ids.shape[1] <= 5
                return self.places.weight[: ids.shape[1]] * ids[..., None] + self.signs

        module, free = Limited(), {"ids": [0, 1]}
        Graph.capture(module, torch.ones(2, 4), free_axes=free, cache=tmp_path)
        no_tracing()
        graph = Graph.capture(module, torch.ones(2, 4), free_axes=free, cache=tmp_path)
        with pytest.raises(InputError, match="at most 5"):
            graph.run(torch.rand(3, 6), fetch="output")
        ids = torch.rand(3, 3)
        with torch.no_grad():
            assert torch.equal(graph.run(ids, fetch="output")["output"], module(ids))

    def test_shares_the_weights(self, tmp_path, no_tracing):
        """The file holds none of them."""
        model = Model().eval()
        Graph.capture(model, IDS, cache=tmp_path)
        no_tracing()
        model.unembed.weight.data.mul_(2)
        other = Model().eval()
        other.load_state_dict(model.state_dict())
        graph = Graph.capture(other, IDS, cache=tmp_path)
        with torch.no_grad():
            assert torch.equal(graph.run(IDS, fetch="logits")["logits"], model(IDS))

    @pytest.mark.parametrize("damage", ["cut", "text", "format", "target", "operand"])
    def test_captures_anew_what_is_damaged(self, tmp_path, damage):
        """With a warning, and the file is whole again afterwards."""
        model = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
        x = torch.rand(3, 4)
        Graph.capture(model, x, cache=tmp_path)
        (path,) = tmp_path.iterdir()
        with safe_open(path, framework="pt") as file:
            described = json.loads(file.metadata()["graph"])
        match damage:
            case "cut":
                path.write_bytes(path.read_bytes()[:-40])
            case "text":
                path.write_text("not a graph")
            case "format":
                described["format"] = 0
            case "target":
                described["nodes"][-1]["target"] = "aten::from_file"
            case "operand":
                described["nodes"][-1]["args"] = [{"node": "nobody"}]
        if damage not in ("cut", "text"):
            save_file({}, path, metadata={"graph": json.dumps(described)})
        with pytest.warns(UserWarning, match="captured anew"):
            graph = Graph.capture(model, x, cache=tmp_path)
        with torch.no_grad():
            assert torch.equal(graph.run(x, fetch="output")["output"], model(x))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            Graph.capture(model, x, cache=tmp_path)

    def test_keeps_no_graph_that_it_cannot_write(self, tmp_path):
        """A branch is a graph in the graph: it is traced every time."""

        class Branch(nn.Module):
            def forward(self, x):
                return torch.cond(x.sum() > 0, torch.sin, torch.cos, (x,))

        graph = Graph.capture(Branch(), torch.ones(2, 3), cache=tmp_path)
        assert list(tmp_path.iterdir()) == []
        x = torch.ones(2, 3)
        assert torch.equal(graph.run(x, fetch="output")["output"], x.sin())


class TestFingerprint:
    def test_is_the_same_for_what_traces_alike(self):
        """Values of weights do not count; nor does the object."""
        assert key(Scaled()) == key(Scaled())

    @pytest.mark.parametrize(
        "change",
        [
            lambda m: setattr(m.settings, "scale", 3.0),
            lambda m: setattr(m, "anything", 1),
            lambda m: setattr(m.drop, "p", 0.25),
            lambda m: m.eval(),
            lambda m: m.double(),
            lambda m: setattr(m, "map", nn.Linear(4, 3, bias=False)),
            lambda m: setattr(m, "table", torch.tensor([1.0, 2.0, 5.0])),
            lambda m: m.map.weight.requires_grad_(False),
            lambda m: m.map.register_forward_hook(lambda *_: None),
            lambda m: setattr(m, "forward", lambda x: x),
        ],
    )
    def test_differs_for_another_module(self, change):
        """An attribute deep inside, the mode, a type, a layer, a constant, a hook, a method."""
        module = Scaled()
        change(module)
        assert key(module) != key(Scaled())

    def test_differs_for_other_arguments(self):
        """Shape, type, and which axes are free."""
        module = Scaled()
        for x, free_axes in (
            (torch.zeros(2, 1, 4), None),
            (torch.zeros(2, 4, dtype=torch.float64), None),
            (None, {"x": [0]}),
        ):
            assert key(module, x, free_axes) != key(module)

    def test_differs_for_other_code(self):
        """Of the class, of a function that it calls, of a number that it reads."""
        source = (
            "import torch\nFACTOR = {factor}\ndef half(x):\n    return x / {divisor}\n"
            "class Net(torch.nn.Module):\n"
            "    def forward(self, x):\n        return half(x) {sign} FACTOR\n"
        )

        def made(factor=2, divisor=2, sign="+"):
            space: dict = {"__name__": "written_here"}
            exec(source.format(factor=factor, divisor=divisor, sign=sign), space)
            return space["Net"]()

        assert key(made()) == key(made())
        for other in (made(factor=3), made(divisor=4), made(sign="-")):
            assert key(other) != key(made())

    def test_differs_for_another_torch(self, monkeypatch):
        """Which may trace the same code otherwise."""
        before = key(Scaled())
        monkeypatch.setattr(torch, "__version__", "0.0")
        assert key(Scaled()) != before
