"""Nodes of a torch.fx graph: read them, and add calls with the fake values tracing would give."""

from collections.abc import Callable
from typing import Any

from torch import fx
from torch._subclasses import FakeTensor, FakeTensorMode
from torch.fx.node import map_arg


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
    args, options = map_arg((args, options), lambda argument: argument.meta["val"])
    with _fake_mode(graph):
        node.meta["val"] = target(*args, **options)
    return node


def _fake_mode(graph: fx.Graph) -> FakeTensorMode:
    """The mode that the graph's fake values were made in."""
    values = (node.meta.get("val") for node in graph.nodes)
    return next(value.fake_mode for value in values if isinstance(value, FakeTensor))
