"""A program: exactly what an answer needs, and nothing else.

It holds the ancestors of what is fetched, cut at what is fed; equal computations once; the open
form of attention only where its scores or pattern are asked for.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import fx
from torch.fx.node import map_arg

from glasshouse.dataflow.capture import Captured
from glasshouse.dataflow.naming import mark
from glasshouse.dataflow.nodes import fake, operand
from glasshouse.dataflow.simplify import is_mutating, is_random, storage_root

aten = torch.ops.aten

FeedKind = Literal["tensor", "function"]
"""A `tensor` stands in for the value, which is then not computed; a `function` changes it."""


@dataclass(frozen=True, slots=True)
class Signature:
    """What a plan is for. Two runs with equal signatures share one plan."""

    fetch: tuple[str, ...]
    """Names of values."""
    feed: tuple[tuple[str, FeedKind], ...] = ()
    """Names of values and what is fed there."""


@dataclass(frozen=True, slots=True)
class Program:
    """A pruned graph and what its placeholders stand for, in their order."""

    module: fx.GraphModule
    """Placeholders (weights, constants, inputs, feeds), ATen calls, one output."""
    weights: tuple[str, ...]
    """Names of parameters and buffers."""
    constants: tuple[str, ...]
    """Names of captured constants."""
    inputs: tuple[str, ...]
    """Names of the arguments that are still needed."""
    feeds: tuple[str, ...]
    """Names of the values that are fed."""
    kinds: Mapping[str, FeedKind]
    """What is fed at each of them."""
    fetched: Mapping[str, fx.Node]
    """The node that computes each fetched value, in the order of the output."""


def changed(value: torch.Tensor, change) -> torch.Tensor:
    """What a fed function makes of a value, at run time."""
    return change(value)


def make_program(
    captured: Captured, opened: Mapping[fx.Node, fx.Node], signature: Signature
) -> Program:
    """Build the program of a signature."""
    return _Builder(captured, opened, signature).build()


class _Builder:
    """Copies what is needed from a captured graph into a new one."""

    def __init__(
        self, captured: Captured, opened: Mapping[fx.Node, fx.Node], signature: Signature
    ) -> None:
        self._captured = captured
        self._signature = signature
        names = captured.names
        self._fed = {names[name]: (name, kind) for name, kind in signature.feed}
        asked = {names[name] for name in signature.fetch} | self._fed.keys()
        self._open = {fused: node for fused, node in opened.items() if asked & _marks_of(node)}
        self._graph = fx.Graph()
        self._copies: dict[fx.Node, fx.Node] = {}
        self._known: dict[object, fx.Node] = {}
        self._sources: dict[str, tuple[fx.Node, int]] = {}

    def build(self) -> Program:
        """The program, with placeholders first and in the captured order."""
        needed = self._needed()
        captured = self._captured
        weights = self._placeholders(captured.weights, needed)
        constants = self._placeholders({k: v[0] for k, v in captured.constants.items()}, needed)
        inputs = self._placeholders(captured.inputs, needed)
        feeds = self._feed_placeholders(needed)
        for node in captured.program.graph.nodes:
            if node in needed and node.op != "placeholder":
                self._copies[node] = self._copy(node)
        fetched = {name: self._copies[captured.names[name]] for name in self._signature.fetch}
        self._graph.output(tuple(fetched.values()))
        module = fx.GraphModule(captured.program, self._graph)
        kinds = dict(self._signature.feed)
        return Program(module, weights, constants, inputs, feeds, kinds, fetched)

    def _needed(self) -> set[fx.Node]:
        """Walk back from what is fetched; writes into memory that is read come along."""
        writes = [node for node in self._captured.program.graph.nodes if is_mutating(node)]
        order = {node: i for i, node in enumerate(self._captured.program.graph.nodes)}
        given = {symbol for node in self._replaced() for symbol in _symbols(node)}
        needed: set[fx.Node] = set()
        stack = [self._captured.names[name] for name in self._signature.fetch]
        while stack:
            node = stack.pop()
            if node in needed:
                continue
            needed.add(node)
            is_replaced = node in self._fed and self._fed[node][1] == "tensor"
            if is_replaced or _symbol(node) in given:
                continue
            if node in self._open:
                stack.append(self._open[node])
                continue
            stack.extend(node.all_input_nodes)
            if writes:
                roots = {storage_root(source) for source in node.all_input_nodes}
                stack.extend(
                    write
                    for write in writes
                    if order[write] < order[node] and storage_root(write) in roots
                )
        return needed

    def _replaced(self) -> list[fx.Node]:
        return [node for node, (_, kind) in self._fed.items() if kind == "tensor"]

    def _placeholders(self, nodes: Mapping[str, fx.Node], needed: set[fx.Node]) -> tuple[str, ...]:
        kept = {name: node for name, node in nodes.items() if node in needed}
        for node in kept.values():
            copy = self._graph.node_copy(node)
            self._copies[node] = copy
            self._remember_symbols(copy)
        return tuple(kept)

    def _feed_placeholders(self, needed: set[fx.Node]) -> tuple[str, ...]:
        """A placeholder for each fed tensor or function; a feed that changes nothing has none."""
        names = []
        for i, (node, (name, kind)) in enumerate(self._fed.items()):
            if node not in needed:
                continue
            names.append(name)
            placeholder = self._graph.placeholder(f"feed_{i}")
            if kind == "tensor":
                placeholder.meta = {"val": node.meta["val"], "value_name": name}
                self._copies[node] = placeholder
                self._remember_symbols(placeholder)
            else:
                placeholder.meta = {"val": None, "value_name": name}
                self._known[node, "change"] = placeholder
        return tuple(names)

    def _remember_symbols(self, placeholder: fx.Node) -> None:
        """Where a run can read the length that a symbol stands for."""
        for axis, size in enumerate(getattr(placeholder.meta["val"], "shape", ())):
            self._sources.setdefault(str(size), (placeholder, axis))

    def _copy(self, node: fx.Node) -> fx.Node:
        """The new graph's node for a captured one; equal computations share one."""
        if node in self._copies:
            return self._copies[node]
        if node in self._open:
            return self._copies[self._open[node]]
        symbol = _symbol(node)
        if symbol in self._sources:
            source, axis = self._sources[symbol]
            return self._once(aten.sym_size.int, (source, axis), {}, node)
        if node.target is mark:
            value = self._copies[operand(node)]
            if node in self._fed:
                value = self._graph.call_function(changed, (value, self._known[node, "change"]))
                value.meta = dict(node.meta)
            value.meta.setdefault("value_name", node.args[1])
            return value
        args, kwargs = map_arg((node.args, node.kwargs), self._copies.__getitem__)
        if node.op != "call_function" or is_mutating(node) or is_random(node):
            return self._graph.node_copy(node, self._copies.__getitem__)
        return self._once(node.target, args, kwargs, node)

    def _once(self, target, args, kwargs, node: fx.Node) -> fx.Node:
        key = (target, _frozen(args), _frozen(kwargs))
        if key not in self._known:
            copy = self._graph.call_function(target, args, kwargs)
            copy.meta = {k: v for k, v in node.meta.items() if k in ("val", "nn_module_stack")}
            self._known[key] = copy
        return self._known[key]


def _marks_of(node: fx.Node) -> set[fx.Node]:
    """The marks of scores and pattern before the last product of opened attention."""
    pattern = operand(node)
    return {pattern, operand(operand(pattern))}


def _symbol(node: fx.Node) -> str | None:
    """The symbol whose value a node is, if it is a length."""
    value = node.meta.get("val")
    return str(value) if node.op == "call_function" and isinstance(value, torch.SymInt) else None


def _symbols(node: fx.Node) -> list[str]:
    return [str(size) for size in fake(node).shape if isinstance(size, torch.SymInt)]


def _frozen(value: object) -> object:
    """A hashable twin of a call's arguments; 1, 1.0 and True differ."""
    if isinstance(value, (list, tuple)):
        return (type(value).__name__, *map(_frozen, value))
    if isinstance(value, dict):
        return tuple(sorted((k, _frozen(v)) for k, v in value.items()))
    if isinstance(value, slice):
        return ("slice", _frozen((value.start, value.stop, value.step)))
    return (type(value), value)
