"""A program: exactly what an answer needs, and nothing else.

It holds the ancestors of what is fetched, cut at what is fed; equal computations once; the open
form of attention only where its scores or pattern are asked for.

Code that works in place is kept as it is, with these promises: a fetched value is what it was where
it got its name, whatever is written into its memory afterwards; and a run leaves the module's
buffers and its own inputs as they were, but for the variables that the signature assigns.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from torch import fx
from torch.fx.node import map_arg

from glasshouse.dataflow.capture import Captured
from glasshouse.dataflow.memory import Memory, is_mutating
from glasshouse.dataflow.naming import MODULE_OUTPUT, mark
from glasshouse.dataflow.narrow import End, narrow
from glasshouse.dataflow.nodes import fake, operand
from glasshouse.dataflow.simplify import is_random

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
    assign: tuple[str, ...] = ()
    """Variables into which every write of the module's code is made, for good."""
    ends: tuple[tuple[str, tuple[End, ...]], ...] = ()
    """Values of which only the first or last places of some axes are computed."""


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
    assigned: tuple[str, ...] = ()
    """Weights, constants and inputs that a run writes into; it leaves all others as they are."""
    computed: tuple[str, ...] = ()
    """Names of all values that it computes, fetched or not."""


def changed(value: torch.Tensor, change) -> torch.Tensor:
    """What a fed function makes of a value, at run time."""
    return change(value)


def variables(captured: Captured) -> dict[str, fx.Node]:
    """Weights, inputs and constants that the module's code writes into: placeholders by name."""
    memory = Memory(captured.program.graph)
    roots = {root for write in memory.writes for root in memory.written_by(write)}
    constants = {name: node for name, (node, _) in captured.constants.items()}
    known = captured.weights | captured.inputs | constants
    return {name: node for name, node in known.items() if memory.root(node) in roots}


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
        self._memory = Memory(captured.program.graph, cut=self._fed.keys())
        asked = {names[name] for name in signature.fetch} | self._fed.keys()
        self._open = {fused: node for fused, node in opened.items() if asked & _marks_of(node)}
        self._graph = fx.Graph()
        self._copies: dict[fx.Node, fx.Node] = {}
        self._known: dict[object, fx.Node] = {}
        self._sources: dict[str, tuple[fx.Node, int]] = {}
        self._shown: dict[fx.Node, fx.Node] = {}
        self._last_write: dict[fx.Node, int] = {}
        self._num_writes: dict[fx.Node, int] = {}

    def build(self) -> Program:
        """The program, with placeholders first and in the captured order."""
        needed = self._needed()
        for write in self._memory.writes:
            if write in needed:
                place = self._memory.place[write]
                self._last_write |= dict.fromkeys(self._memory.written_by(write), place)
        captured = self._captured
        weights = self._placeholders(captured.weights, needed)
        constants = self._placeholders({k: v[0] for k, v in captured.constants.items()}, needed)
        inputs = self._placeholders(captured.inputs, needed)
        feeds = self._feed_placeholders(needed)
        assigned = self._protect_variables()
        for node in captured.program.graph.nodes:
            if node in needed and node.op != "placeholder":
                self._copies[node] = self._copy(node)
        marks = {name: captured.names[name] for name in self._signature.fetch}
        fetched = {name: self._shown.get(m, self._copies[m]) for name, m in marks.items()}
        for name, ends in self._signature.ends:
            others = {node for other, node in fetched.items() if other != name}
            fetched[name] = narrow(self._graph, fetched[name], ends, kept=others)
        self._graph.output(tuple(fetched.values()))
        module = fx.GraphModule(captured.program, self._graph)
        kinds = dict(self._signature.feed)
        made = needed - set(self._replaced())
        computed = tuple(name for name, node in captured.names.items() if node in made)
        return Program(
            module, weights, constants, inputs, feeds, kinds, fetched, assigned, computed
        )

    def _needed(self) -> set[fx.Node]:
        """Walk back from what is fetched or assigned, and from writes into memory that is read."""
        given = {symbol for node in self._replaced() for symbol in _symbols(node)}
        needed: set[fx.Node] = set()
        stack = [self._captured.names[name] for name in self._signature.fetch]
        assigned = {self._memory.root(node) for node in self._assigned.values()}
        stack += [w for w in self._memory.writes if self._memory.written_by(w) & assigned]
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
            stack.extend(self._memory.writes_before(node))
        return needed

    @cached_property
    def _assigned(self) -> dict[str, fx.Node]:
        known = variables(self._captured)
        return {name: known[name] for name in self._signature.assign}

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

    def _protect_variables(self) -> tuple[str, ...]:
        """Let code write into copies of what must stay as it is; name what it may write into."""
        assigned = self._assigned
        for node, copy in list(self._copies.items()):
            is_written = self._memory.root(node) in self._last_write
            if is_written and node not in assigned.values():
                self._copies[node] = self._clone(copy, node)
        return tuple(assigned)

    def _clone(self, copy: fx.Node, node: fx.Node) -> fx.Node:
        clone = self._graph.call_function(aten.clone.default, (copy,))
        clone.meta = {"val": node.meta["val"]}
        return clone

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
            return self._named(node)
        args, kwargs = map_arg((node.args, node.kwargs), self._copies.__getitem__)
        for root in self._memory.written_by(node):
            self._num_writes[root] = self._num_writes.get(root, 0) + 1
        if node.op != "call_function" or is_mutating(node) or is_random(node):
            return self._graph.node_copy(node, self._copies.__getitem__)
        return self._once(node.target, args, kwargs, node)

    def _named(self, node: fx.Node) -> fx.Node:
        """The value that a mark names, changed if a function is fed there."""
        value = self._copies[operand(node)]
        root, is_fed = self._memory.root(node), node in self._fed
        if is_fed:
            value = self._graph.call_function(changed, (value, self._known[node, "change"]))
            value.meta = dict(node.meta)
        _call(value, node)
        is_written_later = self._last_write.get(root, -1) > self._memory.place.get(node, 0)
        is_variable = root in map(self._memory.root, self._assigned.values())
        if not (is_written_later or is_variable):
            return value
        if is_fed:  # the code goes on with a copy: what was fed stays as it was
            self._shown[node] = value
            return self._clone(value, node)
        if node.args[1] in self._signature.fetch:
            self._shown[node] = self._clone(value, node)
        return value

    def _stamp(self, node: fx.Node) -> object:
        """What makes calls with equal arguments differ: writes between them, or into the result."""
        root, read = self._memory.root(node), self._memory.read_by(node)
        if (
            root in read or _symbol(node) is not None
        ):  # a view is the same view, before and after a write
            return None
        if root in self._last_write:
            return node
        return tuple((r, self._num_writes[r]) for r in read if r in self._num_writes)

    def _once(self, target, args, kwargs, node: fx.Node) -> fx.Node:
        key = (target, _frozen(args), _frozen(kwargs), self._stamp(node))
        if key not in self._known:
            copy = self._graph.call_function(target, args, kwargs)
            copy.meta = {k: v for k, v in node.meta.items() if k in ("val", "nn_module_stack")}
            self._known[key] = copy
        return self._known[key]


def _call(value: fx.Node, named: fx.Node) -> None:
    """Note the name of a value: the first, but one that the code gave before a module's path."""
    is_given = named.args[2] != MODULE_OUTPUT
    if "value_name" not in value.meta or (is_given and not value.meta.get("is_given")):
        value.meta |= {"value_name": named.args[1], "is_given": is_given}


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
