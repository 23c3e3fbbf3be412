"""Asking for the last position only computes the last position only, where rows do not mix.

The unembedding of a small model is a third of its arithmetic, and most questions read its last row.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import fx

from glasshouse.dataflow.address import Index
from glasshouse.dataflow.nodes import add_call, operand

aten = torch.ops.aten
_LAST = 2**63 - 1

ROW_WISE = {
    aten.linear.default,
    aten.layer_norm.default,
    aten.rms_norm.default,
    aten.tanh.default,
}
"""Operations on the last axis alone, whose first argument is what they read."""


class End(NamedTuple):
    """The first or last place of an axis, which every value has whatever its length."""

    axis: int
    is_last: bool


def ends_of(chosen: Sequence[Index] | None) -> tuple[End, ...]:
    """Which axes of a selection ask for their first or last place alone.

    The first axis, where sweeps put their rows, and the last, which operations mix, are left out.
    """
    if chosen is None:
        return ()
    inner = list(enumerate(chosen))[1:-1]
    return tuple(End(axis, index == -1) for axis, index in inner if index in (0, -1))


def after_narrowing(chosen: Sequence[Index], ends: Sequence[End]) -> tuple[Index, ...]:
    """The selection that is left when those axes have length 1."""
    narrowed = {end.axis for end in ends}
    return tuple(0 if axis in narrowed else index for axis, index in enumerate(chosen))


def narrow(graph: fx.Graph, node: fx.Node, ends: Sequence[End]) -> fx.Node:
    """Compute only the asked places of a value that nothing else reads.

    Args:
        graph: Gets the new nodes at its end, and loses those that they replace.
        node: The value, in that graph.
        ends: The axes to be narrowed to length 1.

    Returns:
        The narrowed value, with all its axes.
    """
    chain = []
    while node.target in ROW_WISE and not (node.users if not chain else len(node.users) > 1):
        chain.append(node)
        node = operand(node)
    for axis, is_last in ends:
        first, end = (-1, _LAST) if is_last else (0, 1)
        node = add_call(graph, aten.slice.Tensor, node, axis, first, end)
    for step in reversed(chain):
        node = add_call(graph, step.target, node, *step.args[1:], **step.kwargs)
    for step in chain:
        graph.erase_node(step)
    return node
