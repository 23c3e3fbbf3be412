"""What is written in place, and what outlives a run."""

import copy
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from glasshouse.dataflow import Graph, Variables, grad, named
from glasshouse.errors import InputError, RunError

Op = tuple[str, int, int]


class InPlace(nn.Module):
    """A short program that writes all over its memory; its places are Identity modules."""

    def __init__(self, ops: list[Op]) -> None:
        super().__init__()
        self.ops = ops
        self.register_buffer("count", torch.ones(()))
        self.register_buffer("kept", torch.arange(6.0).view(2, 3))
        self.place = nn.ModuleList(nn.Identity() for op in ops if op[0] == "name")

    def forward(self, x: Tensor) -> Tensor:
        values, places = [x, x * 2], iter(self.place)
        for name, which, row in self.ops:
            which %= len(values)
            value = values[which]
            match name:
                case "mul":
                    values.append(value * 2)
                case "view":
                    values.append(value.view(2, 3))
                case "relu_":
                    value.sub_(1).relu_()
                case "row":
                    value[row] += self.count
                case "count":
                    self.count.add_(1)
                case "keep":
                    self.kept.copy_(value)
                case "kept":
                    values.append(self.kept.view(2, 3))
                case "name":
                    values[which] = next(places)(value)
        return sum(values, torch.zeros(2, 3))


def by_hooks(
    module: nn.Module, x: Tensor, change: dict[str, Callable] | None = None
) -> dict[str, Tensor]:
    """Every module's output when it was returned, by plain forward hooks."""
    found, handles = {}, []
    for path, part in module.named_modules():

        def hook(part, args, output, path=path):
            output = (change or {}).get(path, lambda value: value)(output)
            found[path or "output"] = output.clone()
            return output

        handles.append(part.register_forward_hook(hook))
    with torch.no_grad():
        module(x)
    for handle in handles:
        handle.remove()
    return found


def state(module: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in module.state_dict().items()}


def assert_same(one: dict[str, Tensor], other: dict[str, Tensor]) -> None:
    torch.testing.assert_close(dict(one), dict(other), rtol=0, atol=0)


OPS = st.tuples(
    st.sampled_from(["mul", "view", "relu_", "row", "count", "keep", "kept", "name", "name"]),
    st.integers(0, 5),
    st.integers(0, 1),
)


class TestWritesInPlace:
    @settings(max_examples=8, deadline=None, derandomize=True)
    @given(ops=st.lists(OPS, min_size=4, max_size=10))
    def test_gives_what_hooks_see_and_leaves_everything_as_it_was(self, ops):
        """Views, in-place calls and buffers in any order: the value at its name, no later one."""
        module = InPlace([*ops, ("name", 1, 0), ("row", 1, 0)])
        x = torch.tensor([[-3.0, 0.5, 2.0], [1.0, -1.0, 4.0]])
        expected = by_hooks(copy.deepcopy(module), x.clone())
        graph = Graph.capture(module, x, free_axes={})
        before, given_x = state(module), x.clone()
        assert_same(graph.run(given_x, fetch=sorted(expected)), expected)
        for name, value in expected.items():  # alone: other writes are needed for each
            assert_same(graph.run(given_x, fetch=name), {name: value})
        assert_same(state(module), before)
        assert torch.equal(given_x, x)

    @settings(max_examples=8, deadline=None, derandomize=True)
    @given(ops=st.lists(OPS, min_size=4, max_size=10), which=st.integers(0, 9))
    def test_changes_a_value_as_a_hook_that_returns_it_would(self, ops, which):
        """What is written after a feed goes into what was fed, not into what stood there."""
        module = InPlace([*ops, ("name", 1, 0), ("row", 1, 0)])
        x = torch.tensor([[-3.0, 0.5, 2.0], [1.0, -1.0, 4.0]])
        fed = f"place.{which % len(module.place)}"
        twin, fed_tensor = copy.deepcopy(module), torch.full((2, 3), 7.0)
        graph = Graph.capture(module, x, free_axes={})
        for feed, change in (
            (lambda value: value * 3, lambda value: value * 3),
            (fed_tensor, lambda value: torch.full((2, 3), 7.0)),
        ):
            expected = by_hooks(copy.deepcopy(twin), x.clone(), {fed: change})
            names = [name for name in expected if name != fed]
            found = graph.run(x.clone(), fetch=names, feed={fed: feed})
            assert_same(found, {name: expected[name] for name in names})
        assert torch.equal(fed_tensor, torch.full((2, 3), 7.0))

    @settings(max_examples=8, deadline=None, derandomize=True)
    @given(ops=st.lists(OPS, min_size=4, max_size=10))
    def test_leaves_the_state_of_a_plain_forward_when_all_is_assigned(self, ops):
        """`assign` makes every write, also those that nothing fetched reads."""
        module = InPlace([("count", 0, 0), ("keep", 1, 0), *ops, ("name", 0, 0), ("row", 0, 1)])
        x = torch.tensor([[-3.0, 0.5, 2.0], [1.0, -1.0, 4.0]])
        twin, twin_x = copy.deepcopy(module), x.clone()
        expected = [by_hooks(twin, twin_x) for _ in range(2)]
        graph = Graph.capture(module, x.clone(), free_axes={})
        given_x = x.clone()
        for values in expected:
            assert_same(graph.run(given_x, fetch=sorted(values), assign="**"), values)
        assert_same(state(module), state(twin))
        assert torch.equal(given_x, twin_x)


class Convolutions(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)
        self.norm = nn.BatchNorm2d(2)
        self.bend = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.bend(self.norm(self.conv(x))).mean((2, 3))


class TestBatchNorm:
    """Its running statistics are written by a call whose schema does not say so."""

    def test_fetches_what_stood_before_an_in_place_relu(self):
        module, x = Convolutions().train(), torch.randn(3, 1, 5, 5)
        expected = by_hooks(copy.deepcopy(module), x)
        before = state(module)
        graph = Graph.capture(module, x)
        assert_same(
            graph.run(x, fetch=["norm", "bend"]), {k: expected[k] for k in ("norm", "bend")}
        )
        assert_same(state(module), before)

    def test_moves_its_statistics_only_when_they_are_assigned(self):
        module, x = Convolutions().train(), torch.randn(3, 1, 5, 5)
        twin, graph = copy.deepcopy(module), Graph.capture(module, x)
        assert set(graph.variables) == {
            "norm.running_mean", "norm.running_var", "norm.num_batches_tracked",
        }  # fmt: skip
        graph.run(x, fetch="norm", assign="norm.running_*")
        twin(x)
        assert torch.equal(module.norm.running_mean, twin.norm.running_mean)
        assert module.norm.num_batches_tracked == 0

    def test_differentiates_through_what_is_written_later(self):
        """A gradient with respect to the very tensor that relu_ overwrites."""
        module, x = Convolutions().eval(), torch.randn(3, 1, 5, 5)
        graph = Graph.capture(module, x)
        found = graph.run(x, fetch=[grad("output", "norm"), "norm"])
        norm = module.norm(module.conv(x)).detach().requires_grad_()
        norm.relu().mean((2, 3)).sum().backward()
        torch.testing.assert_close(found.grad["norm"], norm.grad)
        torch.testing.assert_close(found["norm"], norm.detach())


class Counter(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("total", torch.zeros(3))

    def forward(self, x: Tensor) -> Tensor:
        before = named("before", self.total + 0)
        self.total.add_(x)
        return named("after", self.total + 0) + 0 * before


class TestStep:
    def test_carries_a_variable_from_call_to_call(self):
        """The loop of TensorFlow's Assign: state stays in the module between steps."""
        module = Counter()
        step = Graph.capture(module, torch.ones(3)).step(fetch="output", assign="total")
        sums = [step(x=torch.full((3,), float(i)))["output"] for i in range(4)]
        assert [value[0].item() for value in sums] == [0, 1, 3, 6]
        assert module.total.tolist() == [6, 6, 6]

    def test_reads_before_a_write_what_stood_there_before(self):
        """Equal computations on both sides of a write are two."""
        module = Counter()
        graph = Graph.capture(module, torch.ones(3))
        values = graph.run(torch.ones(3), fetch=["before", "after"])
        assert (values["before"][0], values["after"][0]) == (0, 1)

    def test_says_which_variables_there_are(self):
        with pytest.raises(InputError, match=r"no value 'totel'.*total"):
            Graph.capture(Counter(), torch.ones(3)).run(
                torch.ones(3), fetch="output", assign="totel"
            )


class TestVariables:
    def module(self) -> nn.Module:
        return nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))

    def test_reads_and_writes_the_live_tensors(self):
        module = self.module()
        variables = Variables(module, "1.running_*")
        variables["1.running_mean"] = torch.ones(3)
        assert module[1].running_mean.tolist() == [1, 1, 1]
        assert list(variables) == ["1.running_mean", "1.running_var"]

    def test_comes_back_from_a_file(self, tmp_path):
        module, other = self.module(), self.module()
        Variables(module).save(tmp_path / "variables.safetensors")
        Variables(other).restore(tmp_path / "variables.safetensors")
        assert_same(state(other), state(module))
        assert [path.name for path in tmp_path.iterdir()] == ["variables.safetensors"]

    def test_comes_back_from_a_snapshot(self):
        variables = Variables(self.module())
        before = variables.snapshot()
        variables["0.bias"] = torch.zeros(3)
        variables.update(before)
        assert_same(variables, before)

    def test_restores_all_or_nothing(self, tmp_path):
        """A file of another module, a truncated and a missing one change no tensor."""
        path = tmp_path / "variables.safetensors"
        Variables(nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(4))).save(path)
        module = self.module()
        before = state(module)
        with pytest.raises(RunError, match=r"1\.\w+ is \(3,\) torch.float32; .* \(4,\)"):
            Variables(module).restore(path)
        Variables(nn.Linear(2, 3)).save(path)
        with pytest.raises(RunError, match=r"lacks 0\.bias"):
            Variables(module).restore(path)
        path.write_bytes(path.read_bytes()[:20])
        with pytest.raises(RunError, match="no variables that can be read"):
            Variables(module).restore(path)
        with pytest.raises(RunError, match="no variables that can be read"):
            Variables(module).restore(tmp_path / "nowhere")
        assert_same(state(module), before)

    def test_refuses_another_shape(self):
        with pytest.raises(InputError, match=r"0.bias is \(3,\)"):
            Variables(self.module())["0.bias"] = torch.zeros(4)
