"""A plan compiled: its program as one fused function for every batch size and length.

What may change from run to run are inputs of the compiled program: weights (looked up in the live
module each time), the module's arguments, fed tensors, and gates, by which any part of a value that
the plan lets be fed is fed or is not.
"""

import warnings
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Literal

import torch
from torch import Tensor, fx

from glasshouse.dataflow.feeds import FedPart, Feed, change_of
from glasshouse.dataflow.gates import ClosedGates, Gate, add_gate, opened_gate
from glasshouse.dataflow.gradients import as_leaf
from glasshouse.dataflow.inductor import (
    Compiled,
    compile_graph,
    contiguous_twin,
    placeholders,
)
from glasshouse.dataflow.inlined import inline_change, traced
from glasshouse.dataflow.nodes import fake
from glasshouse.dataflow.plan import Plan
from glasshouse.dataflow.regions import compile_by_block
from glasshouse.dataflow.values import Values
from glasshouse.errors import InputError

By = Literal["whole", "block"]
"""What is compiled at once: the whole program, or a block, once for all blocks like it."""

_MANY = 8


class CompiledPlan:
    """A plan whose program runs through Inductor; `Plan.compile` makes one.

    It compiles in its first run, and again only for another fed function.

    Args:
        plan: The plan.
        by: What is compiled at once.
    """

    def __init__(self, plan: Plan, *, by: By = "whole") -> None:
        if by == "block" and plan.grads:
            raise InputError("a plan with gradients compiles whole; leave out by='block'")
        self.plan = plan
        self.by: By = by
        self._variants: dict[object, _Variant] = {}
        self._closed = ClosedGates()

    @property
    def num_compilations(self) -> int:
        """How many times the program has been compiled so far."""
        return len(self._variants)

    @property
    def num_programs(self) -> int:
        """How many graphs Inductor compiled in those: one each, or one for each kind of block."""
        return sum(variant.compiled.num_programs for variant in self._variants.values())

    def run(self, inputs: object = None, *, feed: Feed | None = None) -> Values:
        """Run with new inputs, and feeds at what the plan lets be fed.

        Args:
            inputs: The module's arguments.
            feed: A tensor for every value that the plan was told would be fed whole; tensors for
                any parts of the values that it was told may be fed. A function is traced and
                compiled when it is first seen: keep it, and let what changes be tensors.

        Raises:
            InputError: If an input or feed is missing or does not fit, or a function cannot be
                traced.
        """
        return self.run_parts(inputs, self.plan.fed_parts(feed or {}))

    def run_parts(self, inputs: object, fed: Mapping[str, Sequence[FedPart]]) -> Values:
        """Run with feeds that are resolved already."""
        arguments = self.plan.arguments(inputs, fed)
        values = self._variant(fed).run(arguments, fed, self._closed)
        if values is None:
            warnings.warn(
                "the compiled program is not right for these lengths; this run is uncompiled",
                stacklevel=3,
            )
            return self.plan.run_parts(inputs, fed)
        return values

    def _variant(self, fed: Mapping[str, Sequence[FedPart]]) -> "_Variant":
        """The compiled program for the functions that are fed, if any are."""
        functions = {
            name: parts
            for name, parts in fed.items()
            if self.plan.layout.kinds.get(name) == "function"
            and any(not isinstance(part.given, Tensor) for part in parts)
        }
        key = tuple(
            (name, str(part.address), part.given if callable(part.given) else None)
            for name, parts in functions.items()
            for part in parts
        )
        if key not in self._variants:
            if len(self._variants) == _MANY:
                warnings.warn(
                    f"a plan has been compiled for {_MANY} different fed functions; "
                    "make the function once and let what changes be tensors",
                    stacklevel=4,
                )
            self._variants[key] = _Variant(self.plan, functions, self.by)
        return self._variants[key]


class _Variant:
    """A plan's program with gates, and with certain fed functions in it."""

    def __init__(self, plan: Plan, functions: Mapping[str, Sequence[FedPart]], by: By) -> None:
        self._plan, self._by = plan, by
        self._gates: list[Gate] = []
        self._held: list[Tensor] = []
        self._shapes: dict[object, list[tuple[int, ...]]] = {}
        layout = plan.layout
        self._num_fixed = len(layout.weights) + len(layout.constants)
        graph, copies = fx.Graph(), {}
        graph.output(graph.graph_copy(plan.program.graph, copies))
        self._graph = graph
        given = placeholders(graph)[self._num_fixed :]
        fed = given[len(layout.inputs) :]
        self._keep_leaves([copies[layout.fetched[name]] for g in plan.grads for name in g.wrt])
        for name, node in zip(layout.feeds, fed, strict=True):
            if layout.kinds[name] == "function":
                self._replace_change(name, node, functions.get(name))
        for node in given:
            if node.op == "placeholder" and isinstance(node.meta.get("val"), Tensor):
                node.meta["val"] = contiguous_twin(fake(node))
        self._num_given = len([n for n in given if n.meta.get("val") is not None])
        self.module = fx.GraphModule(plan.program, graph)
        if plan.grads:
            self.module = self._with_gradients()

    def _keep_leaves(self, nodes: Sequence[fx.Node]) -> None:
        """Let gradients be taken with respect to values."""
        for node in dict.fromkeys(nodes):
            with self._graph.inserting_after(node):
                leaf = self._graph.call_function(as_leaf, (node,))
            leaf.meta = dict(node.meta)
            node.replace_all_uses_with(
                leaf, delete_user_cb=lambda user, leaf=leaf: user is not leaf
            )

    def _replace_change(
        self, name: str, placeholder: fx.Node, parts: Sequence[FedPart] | None
    ) -> None:
        (node,) = placeholder.users
        if parts is None:
            self._gates.append(add_gate(self._graph, node, name))
        else:
            self._held += inline_change(self._graph, node, change_of(name, parts), name)
        self._graph.erase_node(placeholder)

    def _with_gradients(self) -> fx.GraphModule:
        """Forward and backward as one program: values that are fetched, then gradients."""
        plan, module = self._plan, self.module

        def both(*arguments: Any) -> list[Tensor]:
            with torch.enable_grad():
                found = module(*(a.detach() if isinstance(a, Tensor) else a for a in arguments))
            values = dict(zip(plan.layout.fetched, found, strict=True))
            wanted = [values[w.name].detach() for w in plan.wanted]
            return [*wanted, *plan._gradients(values, [g.grad for g in plan.grads]).values()]

        return traced(both, [fake(node) for node in placeholders(module.graph)])

    @cached_property
    def compiled(self) -> Compiled:
        """The compiled program."""
        return compile_by_block(self.module) if self._by == "block" else compile_graph(self.module)

    def run(
        self,
        arguments: list[object],
        fed: Mapping[str, Sequence[FedPart]],
        closed: ClosedGates,
    ) -> Values | None:
        """Run with the arguments of the plan's program; None if it is not right for them."""
        fixed, given = arguments[: self._num_fixed], arguments[self._num_fixed :]
        tensors = [value.contiguous() for value in given if isinstance(value, Tensor)]
        if self.compiled.conditions and not self.compiled.holds(self._lengths(tensors)):
            return None
        if [value.dtype for value in fixed] != self._dtypes:  # type: ignore[attr-defined]
            raise InputError("a weight has another dtype than when the plan was made; make it anew")
        gates = []
        if self._gates:
            for gate, shape in zip(self._gates, self._gate_shapes(tensors), strict=True):
                parts = fed.get(gate.name)
                gates += opened_gate(gate, parts, shape) if parts else closed(shape, gate.twin)
        with torch.no_grad():
            found = self.compiled.function(*fixed, *tensors, *gates, *self._held)
        return self._values(found)

    @cached_property
    def _dtypes(self) -> list[torch.dtype]:
        """Types of weights and constants, which compiled code reads without looking."""
        return [fake(node).dtype for node in placeholders(self._graph)[: self._num_fixed]]

    def _gate_shapes(self, tensors: Sequence[Tensor]) -> list[tuple[int, ...]]:
        """Shape of every gate's value, for these inputs."""
        lengths = self._lengths(tensors)
        key = tuple(lengths.values())
        if key not in self._shapes:
            self._shapes[key] = [
                tuple(_evaluated(size, lengths) for size in gate.twin.shape) for gate in self._gates
            ]
        return self._shapes[key]

    def _lengths(self, tensors: Sequence[Tensor]) -> dict[Any, int]:
        """What each symbol stands for."""
        return {symbol: tensors[place].shape[axis] for symbol, place, axis in self._symbols}

    @cached_property
    def _symbols(self) -> list[tuple[Any, int, int]]:
        """Where each symbol's value is read: which of the given tensors, which axis."""
        first: dict[Any, tuple[int, int]] = {}
        nodes = placeholders(self._graph)[self._num_fixed :][: self._num_given]
        for place, node in enumerate(nodes):
            for axis, size in enumerate(fake(node).shape):
                if isinstance(size, torch.SymInt) and size.node.expr.is_Symbol:
                    first.setdefault(size.node.expr, (place, axis))
        return [(symbol, *where) for symbol, where in first.items()]

    def _values(self, found: Sequence[Tensor]) -> Values:
        plan = self._plan
        if not plan.grads:
            values = dict(zip(plan.layout.fetched, found, strict=True))
            return Values({w.key: w.read(values[w.name]) for w in plan.wanted})
        wanted, rest = found[: len(plan.wanted)], found[len(plan.wanted) :]
        read = {w.key: w.read(value) for w, value in zip(plan.wanted, wanted, strict=True)}
        names = dict.fromkeys(name for grad in plan.grads for name in grad.wrt)
        return Values(read, dict(zip(names, rest, strict=True)))


def _evaluated(size: int | torch.SymInt, lengths: Mapping[Any, int]) -> int:
    return size if isinstance(size, int) else int(size.node.expr.xreplace(lengths))
