"""Trees and drawings of a graph: what stands in them, and what a plan leaves grey."""

from xml.etree import ElementTree

import pytest
from tests.dataflow.modules import Model, make_ids
from torch import nn

from glasshouse.dataflow import Graph

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def graph() -> Graph:
    return Graph.capture(Model().eval(), make_ids())


def boxes(svg: str) -> list[tuple[str, str]]:
    """State and name of every value in a drawing."""
    found = []
    for group in ElementTree.fromstring(svg).iter(f"{SVG}g"):
        name = group.find(f"{SVG}text[@class='name']")
        if name is not None:
            found.append((group.get("class", ""), (name.text or "").strip(" →←")))
    return found


class TestTree:
    def test_shows_alike_blocks_once(self, graph):
        """With the module's own nesting, names of axes, and lengths that are fixed."""
        assert graph.tree().splitlines() == [
            "embed         batch pos 8",
            "blocks.0-2    × 3",
            "  resid_pre   batch pos d_model=8",
            "  norm        batch pos 8",
            "  attn",
            "    qkv       batch pos 24",
            "    q         batch pos head=2 d_head=4",
            "    scores    batch head=2 query key",
            "    pattern   batch head=2 query key",
            "    z         batch pos head=2 d_head=4",
            "    out       batch pos 8",
            "  mlp",
            "    0         batch pos 16",
            "    1         batch pos 16",
            "    2         batch pos 8",
            "  resid_post  batch pos d_model=8",
            "logits        batch pos vocab=11",
        ]

    def test_keeps_what_a_block_returns_in_the_block(self):
        """Where the code gives it no name of its own, as in models captured as they are."""

        class Adds(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.map = nn.Linear(3, 3)

            def forward(self, x):
                return x + self.map(x)

        graph = Graph.capture(nn.Sequential(Adds(), Adds()), make_ids(2, 3).float())
        assert graph.tree().splitlines()[0] == "0-1       × 2"
        assert [line.split()[0] for line in graph.tree().splitlines()[1:]] == ["map", "output"]

    def test_tells_what_a_plan_does(self, graph):
        """A block that differs stands by itself."""
        lines = graph.tree("blocks.1.attn.z", ["blocks.0.resid_post"]).splitlines()
        signs = {line[2:].split()[0]: line[0] for line in lines}
        assert signs["embed"] == "·"
        assert "blocks.0" in signs
        assert "blocks.2" in signs
        assert [line[0] for line in lines if line[2:].split()[0] == "z"] == ["·", "→", "·"]
        assert [line[0] for line in lines if line[2:].split()[0] == "resid_post"] == ["←", "·", "·"]
        assert [line[0] for line in lines if line[2:].split()[0] == "resid_pre"] == ["·", " ", "·"]


class TestDrawing:
    def test_holds_every_value_once(self, graph):
        """As many boxes as lines in the tree that are values; none is grey."""
        found = boxes(graph.show().svg)
        names = [name for _, name in found]
        assert names[:3] == ["embed", "resid_pre", "norm"]
        assert names.count("attn.z") == 1
        assert {state for state, _ in found} == {"computed"}
        assert "× 3" in graph.show().svg

    def test_colours_what_a_plan_does(self, graph):
        """Fed, fetched, on the way, or not computed; idle blocks are closed."""
        drawing = graph.show("blocks.1.attn.z", ["blocks.0.resid_post"])
        found = boxes(drawing.svg)
        assert ("fed", "resid_post") in found
        assert ("fetched", "attn.z") in found
        assert ("computed", "attn.q") in found
        assert ("idle", "attn.out") in found
        assert sum(name == "attn.z" for _, name in found) == 2  # the third block is closed
        assert "blocks.2" in drawing.svg

    def test_opens_and_closes_blocks_on_a_page(self, graph):
        """By the page's own means, without a script."""
        page = graph.show("blocks.1.attn.z", ["blocks.0.resid_post"]).html
        assert page.count("<details") == 3
        assert page.count("<details open>") == 2
        assert "<script" not in page

    def test_draws_every_edge_between_values(self, graph):
        """Of a block: 16 reads within it, counted by hand, and one arrow's head for each."""
        svg = graph.show().html.partition("<details open>")[2].partition("</details>")[0]
        assert svg.count('class="edge"') == svg.count('class="tip"') == 16

    def test_draws_any_module(self, tmp_path):
        """Names that markup could take for its own are told as they are."""
        net = nn.Sequential(nn.Linear(3, 3), nn.ReLU())
        drawing = Graph.capture(net, make_ids(2, 3).float()).show()
        for name in ("graph.svg", "graph.html"):
            drawing.save(tmp_path / name)
            assert "</svg>" in (tmp_path / name).read_text(encoding="utf-8")
        ElementTree.fromstring(drawing.svg)
