"""What a hurried reader types: each is understood, or refused in one sentence."""

import pytest
import torch
from jaxtyping import TypeCheckError
from tests.dataflow.modules import Model, make_ids
from torch import nn

from glasshouse.dataflow import Graph, Variables, grad
from glasshouse.errors import InputError

IDS = make_ids()


@pytest.fixture(scope="module")
def graph() -> Graph:
    return Graph.capture(Model(num_blocks=1).eval(), IDS)


class TestAPatternThatFindsOneValue:
    def test_gives_it_under_its_name(self, graph):
        """So that code for many layers serves a model of one; the pattern finds it too."""
        found = graph.run(IDS, fetch=["blocks.*.attn.z", "blocks.*.resid_post[pos=-1]"])
        assert list(found) == ["blocks.0.attn.z", "blocks.0.resid_post[pos=-1]"]
        assert found["blocks.*.attn.z"] is found["blocks.0.attn.z"]
        last = found["blocks.*.resid_post[pos=-1]"]
        assert last is found["blocks.0.resid_post[pos=-1]"]
        assert "blocks.*.resid_post" not in found
        swept = graph.sweep(IDS, [{"blocks.*.attn.z": torch.zeros_like}], fetch="blocks.*.attn.z")
        assert list(swept) == ["blocks.0.attn.z"]

    def test_finds_nothing_where_it_could_mean_several(self, graph):
        """A guess would be a wrong answer."""
        found = graph.run(IDS, fetch="blocks.*.attn.*")
        with pytest.raises(KeyError, match=r"'blocks.*.attn.*' finds [2-9] of what was fetched"):
            found["blocks.*.attn.*"]


class TestOneName:
    def test_of_a_value_is_not_guessed(self, graph):
        """The first of several would be an answer to another question."""
        with pytest.raises(InputError, match=r"finds \d+, from blocks.0.attn"):
            graph.value("blocks.0.attn.*")

    def test_of_a_variable_is_not_guessed(self):
        """To write into the first of several would be worse; to ask what is there is no error."""
        variables = Variables(nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2)))
        with pytest.raises(InputError, match=r"'\*.weight' finds 2, from 0.weight on"):
            variables["*.weight"] = torch.zeros(2, 2)
        assert "0.weight" in variables
        assert "2.weight" not in variables


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("blocks.0.attn.z[head={0-1}]", "no selection"),
        ("blocks.0.attn.z[head={0 1}]", "no selection"),
        ("blocks.0.attn.z[head={ }]", "no selection"),
        ("blocks.0.attn.z[head=0, head=1]", "picks twice along one axis"),
    ],
)
def test_an_address_that_is_none_is_refused(graph, address, told):
    """Not with the traceback of whoever tried to read it."""
    with pytest.raises(InputError, match=told):
        graph.run(IDS, fetch=address)


@pytest.mark.parametrize("given", [0.0, None, [1.0]])
def test_what_is_no_tensor_and_no_function_cannot_be_fed(graph, given):
    """Numbers are what people try first."""
    with pytest.raises((InputError, TypeCheckError)):
        graph.run(IDS, fetch="logits", feed={"blocks.0.attn.z[head=0]": given})


def test_a_shape_that_does_not_fit_is_told_in_axes(graph):
    """Nobody knows which length s77 is."""
    with pytest.raises(InputError, match=r"\(batch, pos, 8\) belongs there \(batch is 3 in ids\)"):
        graph.run(IDS, fetch="logits", feed={"blocks.0.resid_pre": torch.zeros(2, 7, 8)})


def test_a_whole_tensor_takes_the_place_of_earlier_feeds(graph):
    """Then nothing before it is needed, be it fed once or twice."""
    ones, zeros = torch.ones(3, 7, 8), torch.zeros(3, 7, 8)
    feed = {"blocks.0.resid_pre": ones, "blocks.*.resid_pre": zeros}
    twice = graph.run(fetch="logits", feed=feed)["logits"]
    assert torch.equal(
        twice, graph.run(fetch="logits", feed={"blocks.0.resid_pre": zeros})["logits"]
    )


def test_a_plan_takes_the_name_of_one_feed(graph):
    """As it takes the name of one fetch."""
    plan = graph.plan("logits", feed="blocks.0.resid_pre")
    assert plan.layout.feeds == ("blocks.0.resid_pre",)


class TestGradients:
    def test_of_parts_are_refused(self, graph):
        """The gradient of the whole value has the part in it."""
        with pytest.raises(InputError, match="take the part of the gradient"):
            graph.run(IDS, fetch=grad("logits[pos=-1, vocab=1]", "blocks.0.attn.z[head=0]"))

    def test_say_that_a_value_comes_later(self, graph):
        """Nothing is fed here, so a feed is not the only reason."""
        with pytest.raises(InputError, match="comes later"):
            graph.run(IDS, fetch=grad("embed", "blocks.0.resid_post"))

    def test_are_not_swept(self, graph):
        """Refused before the sweep looks for what is not there."""
        with pytest.raises((InputError, TypeCheckError)):
            graph.sweep(IDS, [{}], fetch=grad("logits[pos=-1, vocab=1]", "blocks.0.attn.z"))


def test_a_sweep_needs_a_batch(graph):
    """Of one feed at least."""
    with pytest.raises(InputError, match="batch_size=0"):
        graph.sweep(IDS, [{}], fetch="logits", batch_size=0)


class Tied(nn.Module):
    """One weight, used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.unembed = nn.Embedding(11, 5), nn.Linear(5, 11, bias=False)
        self.unembed.weight = self.embed.weight

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.unembed(self.embed(ids))


def test_weights_that_are_no_longer_tied_are_refused():
    """The graph knows them under one name, and would read the wrong one without a word."""
    module = Tied()
    graph = Graph.capture(module, IDS)
    module.embed.weight = module.unembed.weight = nn.Parameter(torch.ones(11, 5))
    assert torch.equal(graph.run(IDS, fetch="output")["output"], module(IDS))
    module.unembed.weight = nn.Parameter(torch.zeros(11, 5))
    with pytest.raises(InputError, match=r"embed.weight and unembed.weight were one tensor"):
        graph.run(IDS, fetch="output")
