"""From a graph to machine code by torch's Inductor, for every batch size and length at once.

A graph's fake values carry symbols for free lengths, so Inductor is called directly on them:
`torch.compile` would trace the code a second time, and guess anew from the first inputs which
lengths are free. (Same kernels, 172 µs against 303 µs a call for two tiny blocks, and one
compilation instead of three over the lengths 1, 2, many: one thread of an AMD EPYC, torch 2.13.)
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx
from torch._guards import TracingContext, tracing
from torch._subclasses import FakeTensor, FakeTensorMode

from glasshouse.dataflow.nodes import fake


@dataclass(frozen=True, slots=True)
class Compiled:
    """A compiled graph."""

    function: Callable[..., Any]
    """From the placeholders, in their order, to the results."""
    conditions: tuple[Any, ...]
    """What must hold of the symbols (sympy) for it to be right; empty almost always."""
    num_programs: int = 1
    """How many graphs Inductor compiled for it."""

    def holds(self, lengths: Mapping[Any, int]) -> bool:
        """Whether it is right for these lengths.

        Args:
            lengths: What each symbol stands for.
        """
        return all(bool(condition.xreplace(lengths)) for condition in self.conditions)


def placeholders(graph: fx.Graph) -> list[fx.Node]:
    """The nodes that stand for arguments, in order."""
    return [node for node in graph.nodes if node.op == "placeholder"]


def fake_mode(values: Sequence[object]) -> FakeTensorMode:
    """The mode in which fake values were made; it knows the symbols."""
    return next(value.fake_mode for value in values if isinstance(value, FakeTensor))


def compile_graph(module: fx.GraphModule) -> Compiled:
    """Compile ATen calls for inference.

    Args:
        module: Every placeholder's `meta["val"]` is a fake tensor or a symbolic integer. It is left
            as it is.
    """
    from torch._inductor.compile_fx import compile_fx  # takes a second to import

    values = [fake(node) for node in placeholders(module.graph)]
    mode = fake_mode(values)
    known = len(mode.shape_env.guards) if mode.shape_env else 0
    with tracing(TracingContext(mode)), torch.no_grad():
        function: Any = compile_fx(copied(module), values)
    guards = mode.shape_env.guards[known:] if mode.shape_env else []
    return Compiled(function, tuple(guard.expr for guard in guards))


def copied(module: fx.GraphModule) -> fx.GraphModule:
    """The same graph, to be changed freely; Inductor takes the one it is given apart."""
    graph = fx.Graph()
    graph.output(graph.graph_copy(module.graph, {}))
    return fx.GraphModule(module, graph)


def contiguous_twin(value: Tensor) -> Tensor:
    """A fake tensor of the same shape that lies in memory in order of its axes."""
    with fake_mode([value]):
        return torch.empty(value.shape, dtype=value.dtype, device=value.device)
