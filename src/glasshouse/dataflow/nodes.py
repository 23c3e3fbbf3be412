"""Nodes of a torch.fx graph: read them, and add calls with the fake values tracing would give."""

from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, fx
from torch._subclasses import FakeTensor, FakeTensorMode
from torch.fx.node import map_arg

from glasshouse.dataflow.naming import mark


def operand(node: fx.Node, place: int = 0) -> fx.Node:
    """The node that a call's argument is."""
    found = node.args[place]
    assert isinstance(found, fx.Node)
    return found


def fake(node: fx.Node) -> Any:
    """The value of a node as tracing saw it: a FakeTensor with symbols for lengths, a number, …"""
    return node.meta["val"]


def add_call(graph: fx.Graph, target: Callable[..., Any], *args: Any, **options: Any) -> fx.Node:
    """Add a call where the graph inserts, with its fake value."""
    node = graph.call_function(target, args, options)
    node.meta["val"] = fake_result(node, fake_mode(graph))
    return node


def fake_result(node: fx.Node, mode: FakeTensorMode) -> object:
    """What tracing would see a call return."""
    args, options = map_arg((node.args, node.kwargs), fake)
    known = _shared.get(mode)
    if known is None:
        with mode:
            return node.target(*args, **options)  # type: ignore[operator]
    key = (node.target, _key(args[:1] if node.target is mark else args), _key(options))
    if key not in known:
        with mode:
            known[key] = (node.target(*args, **options), args, options)  # type: ignore[operator]
    return known[key][0]


def share_results(mode: FakeTensorMode) -> None:
    """Let alike calls of alike fake values return one fake value, from now on.

    Of twelve blocks, only the first then costs time. Not for graphs that write, where fake values
    tell whose memory is whose.
    """
    _shared[mode] = {}


_shared: WeakKeyDictionary[FakeTensorMode, dict[object, tuple[object, ...]]] = WeakKeyDictionary()


def _key(argument: object) -> object:
    """A hashable twin of an argument of a call."""
    if isinstance(argument, list | tuple):
        return (type(argument).__name__, *map(_key, argument))
    if isinstance(argument, dict):
        return tuple((name, _key(value)) for name, value in argument.items())
    if isinstance(argument, slice):
        return ("slice", _key((argument.start, argument.stop, argument.step)))
    if isinstance(argument, Tensor):
        sizes = (*argument.shape, *argument.stride(), argument.storage_offset())
        return ("tensor", *map(str, sizes), argument.dtype, argument.device)
    if isinstance(argument, torch.SymInt | torch.SymFloat | torch.SymBool):
        return ("size", str(argument))
    return (type(argument).__name__, argument)


def fake_mode(graph: fx.Graph) -> FakeTensorMode:
    """The mode that the graph's fake values were made in."""
    values = (node.meta.get("val") for node in graph.nodes)
    return next(value.fake_mode for value in values if isinstance(value, FakeTensor))
