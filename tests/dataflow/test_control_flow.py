"""Branches and loops that depend on data: kept in the graph, or refused with the line."""

import re

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch._higher_order_ops.while_loop import while_loop

from glasshouse.dataflow import Graph, grad, named
from glasshouse.errors import InputError

# torch.cond goes through torch's own compiler while it is captured.
pytestmark = pytest.mark.compiled


class Choice(nn.Module):
    """One of two maps, by the sign of a sum."""

    def __init__(self) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(3, 3), nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = named("twice", x * 2, "batch place")

        def positive(x: Tensor) -> Tensor:
            return named("inside", self.up(x)).sin()

        def negative(x: Tensor) -> Tensor:
            return self.down(x).cos()

        chosen = torch.cond(x.sum() > 0, positive, negative, (x,))
        return named("chosen", chosen, "batch place") + 1


class Until(nn.Module):
    """A map applied until a row is large, at most five times."""

    def __init__(self) -> None:
        super().__init__()
        self.map = nn.Linear(3, 3)

    def forward(self, x: Tensor) -> Tensor:
        def goes_on(count: Tensor, x: Tensor) -> Tensor:
            return (count < 5) & (x.abs().max() < 3)

        def again(count: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
            return count + 1, named("inside", self.map(x) * 3)

        count, x = while_loop(goes_on, again, (torch.zeros((), dtype=torch.long), x + 0))
        return named("out", x * count)


@pytest.fixture(scope="module")
def choice() -> tuple[nn.Module, Graph]:
    torch.manual_seed(0)
    module = Choice().requires_grad_(False)
    return module, Graph.capture(module, torch.ones(2, 3))


@pytest.fixture(scope="module")
def until() -> tuple[nn.Module, Graph]:
    torch.manual_seed(0)
    module = Until().requires_grad_(False)
    return module, Graph.capture(module, torch.ones(2, 3))


class TestCond:
    @pytest.mark.parametrize("sign", [1, -1])
    def test_takes_the_branch_that_the_data_say(self, choice, sign):
        """Captured on one side of the branch, right on both, for every batch size."""
        module, graph = choice
        x = sign * torch.rand(5, 3)
        torch.testing.assert_close(graph.run(x, fetch="output")["output"], module(x))

    def test_takes_another_branch_when_a_feed_says_so(self, choice):
        """The predicate is computed from what is fed."""
        module, graph = choice
        found = graph.run(torch.ones(2, 3), fetch="output", feed={"twice": lambda x: -x})
        torch.testing.assert_close(found["output"], module(-torch.ones(2, 3)))

    def test_cuts_the_branch_off_behind_a_feed(self, choice):
        _, graph = choice
        plan = graph.plan("output", feed=["chosen"])
        assert [n.target for n in plan.program.graph.nodes if n.op == "call_function"] == [
            torch.ops.aten.add.Tensor
        ]
        fed = plan.run(feed={"chosen": torch.zeros(4, 3)})["output"]
        torch.testing.assert_close(fed, torch.ones(4, 3))

    def test_differentiates_through_the_branch_taken(self, choice):
        module, graph = choice
        for x in (torch.rand(2, 3), -torch.rand(2, 3)):
            twice = (2 * x).requires_grad_()
            taken = module.up(twice).sin() if x.sum() > 0 else module.down(twice).cos()
            taken.sum().backward()
            found = graph.run(x, fetch=grad("output", "twice")).grad["twice"]
            torch.testing.assert_close(found, twice.grad)

    def test_sees_a_changed_weight_inside_a_branch(self, choice):
        """Branches read the live module too."""
        module, graph = choice
        x = torch.rand(2, 3)
        before = graph.run(x, fetch="chosen")["chosen"]
        module.up.bias.add_(1)
        after = graph.run(x, fetch="chosen")["chosen"]
        torch.testing.assert_close(after, module(x) - 1)
        assert not torch.equal(after, before)

    def test_says_why_values_inside_a_branch_have_no_names(self, choice):
        _, graph = choice
        assert not {"up", "down", "inside"} & set(graph.names)
        for name in ("up", "down"):
            with pytest.raises(InputError, match=f"{name}.*inside a branch or loop.*returns"):
                graph.run(torch.ones(2, 3), fetch=name)


class TestWhileLoop:
    @pytest.mark.parametrize("size", [0.01, 1.0, 5.0])
    def test_goes_round_as_often_as_the_data_say(self, until, size):
        module, graph = until
        x = size * torch.rand(4, 3)
        torch.testing.assert_close(graph.run(x, fetch="output")["output"], module(x))

    def test_feeds_and_fetches_around_the_loop(self, until):
        module, graph = until
        x = torch.rand(4, 3)
        found = graph.run(x, fetch=["out", "output"], feed={"out": lambda out: out * 2})
        torch.testing.assert_close(found["output"], 2 * module(x))


class Sum(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        if x.sum() > 0:
            return x
        return -x


class Repeat(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        for _ in range(int(x.max())):
            x = x * 2
        return x


class Item(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * (x.sum().item() > 3)


class Numpy(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.from_numpy(np.tanh(x.numpy()))


class Listed(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * len([value for value in x.flatten().tolist() if value > 0])


class Asserted(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        assert (x < 5).all()
        return x


class Unequal(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.cond(x.sum() > 0, lambda x: x + 1, lambda x: x.sum(0), (x,))


class Outer(nn.Module):
    """The line to be named is the innermost one of the user's code."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = Sum()

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x * 2) + 1


class TestWhatCannotBeCaptured:
    @pytest.mark.parametrize(
        ("module", "line", "way_out"),
        [
            (Sum(), "if x.sum() > 0:", "torch.cond"),
            (Outer(), "if x.sum() > 0:", "torch.cond"),
            (Repeat(), "for _ in range(int(x.max())):", "while_loop"),
            (Numpy(), "np.tanh(x.numpy())", "torch operations"),
            (Listed(), "x.flatten().tolist()", "torch.cond"),
            (Asserted(), "assert (x < 5).all()", "torch._assert_async"),
            (Unequal(), "torch.cond(", "same shapes"),
        ],
        ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
    )
    def test_names_the_line_and_the_way_out(self, module, line, way_out):
        """One sentence for what a person wrote, not for what torch made of it."""
        with pytest.raises(InputError) as caught:
            Graph.capture(module, torch.ones(2, 3))
        said = str(caught.value)
        assert line in said
        assert way_out in said
        assert re.search(r"test_control_flow\.py:\d+", said)
        assert "\n" not in said

    def test_keeps_numbers_that_decide_nothing(self):
        """`.item()` in arithmetic is a value like others, read anew in every run."""
        graph = Graph.capture(Item(), torch.ones(2, 3))
        for x in (torch.ones(2, 3), torch.zeros(4, 3) + 0.1):
            torch.testing.assert_close(graph.run(x, fetch="output")["output"], Item()(x))

    def test_prints_once_and_no_more(self, capsys):
        """Talk in a forward is part of the capture and of no run."""

        class Talks(nn.Module):
            def forward(self, x: Tensor) -> Tensor:
                print("shape", tuple(x.shape))
                return x * 2

        graph = Graph.capture(Talks(), torch.ones(2, 3))
        assert "shape" in capsys.readouterr().out
        graph.run(torch.ones(2, 3), fetch="output")
        assert capsys.readouterr().out == ""
