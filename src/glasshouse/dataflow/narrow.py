"""Asking for the last position only computes the last position only, where rows do not mix.

Most questions read the last row of the logits. Then the unembedding, a third of a small model's
arithmetic, and the feed-forward part of its last block need one row.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

import torch
from torch import fx

from glasshouse.dataflow.address import Index
from glasshouse.dataflow.nodes import add_call, fake

aten = torch.ops.aten
_LAST = 2**63 - 1

LAST_AXIS = {aten.linear.default, aten.layer_norm.default, aten.rms_norm.default}
"""Operations on the last axis of their first argument alone; the others are weights."""
ELEMENTWISE = {
    aten.add.Tensor,
    aten.sub.Tensor,
    aten.mul.Tensor,
    aten.div.Tensor,
    aten.gelu.default,
    aten.silu.default,
    aten.relu.default,
    aten.tanh.default,
    aten.sigmoid.default,
}
"""Operations on each element apart; arguments of fewer or shorter axes are broadcast."""


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


def narrow(
    graph: fx.Graph, node: fx.Node, ends: Sequence[End], *, kept: Collection[fx.Node]
) -> fx.Node:
    """Compute only the asked places of a value, as far back as nothing else reads the others.

    Args:
        graph: Gets the new nodes at its end, and loses those that they replace. It has no output
            yet.
        node: The value, in that graph.
        ends: The axes to be narrowed to length 1.
        kept: Other nodes that are wanted whole.

    Returns:
        The narrowed value, with all its axes.
    """
    region = _region(graph, node, kept)
    narrowed: dict[fx.Node, fx.Node] = {}
    for old in region:
        sources = {
            source: narrowed[source] if source in narrowed else _slice(graph, source, old, ends)
            for source in _narrowable(old)
        }
        args = [sources.get(a, a) if isinstance(a, fx.Node) else a for a in old.args]
        narrowed[old] = add_call(graph, old.target, *args, **old.kwargs)  # type: ignore[arg-type]
        narrowed[old].meta = {**old.meta, "val": fake(narrowed[old])}
    for old in reversed(region):
        graph.erase_node(old)
    return narrowed[node] if region else _slice(graph, node, node, ends)


def _region(graph: fx.Graph, node: fx.Node, kept: Collection[fx.Node]) -> list[fx.Node]:
    """Row-wise nodes that lead to a value and to nothing else, in the graph's order."""
    region: dict[fx.Node, None] = {}
    for old in reversed(graph.nodes):
        leads_there = bool(old.users) and all(user in region for user in old.users)
        is_free = not old.users if old is node else leads_there and old not in kept
        if is_free and _is_row_wise(old) and fake(old).ndim == fake(node).ndim:
            region[old] = None
    return list(reversed(region))


def _is_row_wise(node: fx.Node) -> bool:
    return node.target in LAST_AXIS or node.target in ELEMENTWISE


def _narrowable(node: fx.Node) -> list[fx.Node]:
    """Arguments that have the axes of the result."""
    places = node.args[:1] if node.target in LAST_AXIS else node.args[:2]
    return [argument for argument in places if isinstance(argument, fx.Node)]


def _slice(graph: fx.Graph, source: fx.Node, reader: fx.Node, ends: Sequence[End]) -> fx.Node:
    """The asked places of what a node reads; axes that it lacks or repeats stay as they are."""
    missing = fake(reader).ndim - fake(source).ndim
    for axis, is_last in ends:
        own = axis - missing
        size = fake(source).shape[own] if own >= 0 else 1
        if isinstance(size, int) and size == 1:
            continue
        first, end = (-1, _LAST) if is_last else (0, 1)
        source = add_call(graph, aten.slice.Tensor, source, own, first, end)
    return source
