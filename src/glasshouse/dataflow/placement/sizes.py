"""Sizes of a run: what symbols in shapes stand for, once the inputs are known."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import sympy
import torch
from torch import Tensor, fx

Symbols = Mapping[sympy.Symbol, int]
"""What each symbol in the shapes of a program stands for."""


class Source(NamedTuple):
    """Where a run can read what a symbol stands for."""

    symbol: sympy.Symbol
    argument: int
    """Number of the placeholder."""
    axis: int | None
    """Of its shape; None: the placeholder itself is the number."""


def symbol_sources(program: fx.GraphModule) -> list[Source]:
    """Where the symbols stand that appear alone in the shape of an argument; others follow."""
    placeholders = [node for node in program.graph.nodes if node.op == "placeholder"]
    found: dict[sympy.Symbol, Source] = {}
    for number, node in enumerate(placeholders):
        value = node.meta.get("val")
        sizes = enumerate(value.shape) if isinstance(value, Tensor) else [(None, value)]
        for axis, size in sizes:
            if isinstance(size, torch.SymInt) and size.node.expr.is_Symbol:
                found.setdefault(size.node.expr, Source(size.node.expr, number, axis))
    return list(found.values())


def bound_symbols(sources: Sequence[Source], arguments: Sequence[object]) -> Symbols:
    """What the symbols stand for in a run with these arguments."""
    found = {}
    for symbol, number, axis in sources:
        argument = arguments[number]
        if axis is None:
            assert isinstance(argument, int)
            found[symbol] = argument
        else:
            assert isinstance(argument, Tensor)
            found[symbol] = argument.shape[axis]
    return found


def evaluated(size: object, symbols: Symbols) -> int | float | bool:
    """A size as a number."""
    if isinstance(size, torch.SymInt | torch.SymFloat | torch.SymBool):
        value = size.node.expr.xreplace(symbols)
        kind = {torch.SymInt: int, torch.SymFloat: float, torch.SymBool: bool}[type(size)]
        return kind(value)
    assert isinstance(size, int | float | bool)
    return size
