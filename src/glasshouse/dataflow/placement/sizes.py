"""Sizes of a run: what symbols in shapes stand for, once the inputs are known."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, fx


def bound_symbols(program: fx.GraphModule, arguments: Sequence[object]) -> dict[object, int]:
    """What each symbol in the shapes of placeholders stands for.

    A symbol that stands alone is read off; no input has only sums or products of symbols.
    """
    placeholders = [node for node in program.graph.nodes if node.op == "placeholder"]
    found: dict[object, int] = {}
    for node, argument in zip(placeholders, arguments, strict=True):
        value = node.meta.get("val")
        if isinstance(value, Tensor) and isinstance(argument, Tensor):
            for size, number in zip(value.shape, argument.shape, strict=True):
                if isinstance(size, torch.SymInt) and size.node.expr.is_Symbol:
                    found[size.node.expr] = number
        elif isinstance(value, torch.SymInt) and value.node.expr.is_Symbol:
            found[value.node.expr] = int(argument)  # type: ignore[call-overload]
    return found


def evaluated(size: object, symbols: Mapping[object, int]) -> int | float | bool:
    """A size as a number."""
    if isinstance(size, torch.SymInt | torch.SymFloat | torch.SymBool):
        value = size.node.expr.xreplace(symbols)
        kind = {torch.SymInt: int, torch.SymFloat: float, torch.SymBool: bool}[type(size)]
        return kind(value)
    assert isinstance(size, int | float | bool)
    return size
