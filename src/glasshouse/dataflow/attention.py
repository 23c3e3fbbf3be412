"""Attention opened: scores and pattern of a fused call, for who asks for them.

`scaled_dot_product_attention` never forms its score matrix. Beside every such call the graph holds
the same computation in the open; a plan uses it in the layers whose scores or pattern are fetched
or fed, and nowhere else.
"""

from typing import Any, NamedTuple

import torch
from torch import fx

from glasshouse.dataflow.naming import join, mark
from glasshouse.dataflow.nodes import add_call, fake

aten = torch.ops.aten
FUSED = aten.scaled_dot_product_attention.default
AXES = "batch head query key"


def open_attention(graph: fx.Graph, names: dict[str, fx.Node]) -> dict[fx.Node, fx.Node]:
    """Put the open computation behind every fused one, and name what appears.

    `scores` (after masking) and `pattern` get the path of the module that calls attention, and so
    does `z` (batch head pos d_head) where the module's code gave that name to nothing.

    Args:
        graph: Changed in place.
        names: Filled in place.

    Returns:
        For every fused call, the node that computes the same in the open.
    """
    opened = {}
    for node in [node for node in graph.nodes if node.target is FUSED]:
        path = module_path(node)
        if join(path, "pattern") in names:
            continue
        before = node.prev
        opened[node] = _open(graph, node, path, names)
        while before.next is not node:  # the new ones belong to the module of the fused one
            before = before.next
            before.meta["nn_module_stack"] = node.meta.get("nn_module_stack") or {}
        if join(path, "z") not in names:
            with graph.inserting_after(node):
                z = add_call(graph, mark, node, join(path, "z"), "batch head pos d_head")
            node.replace_all_uses_with(z, delete_user_cb=lambda user, z=z: user is not z)
            names[join(path, "z")] = z
    return opened


def module_path(node: fx.Node) -> str:
    """Path of the innermost module that made a node."""
    stack = node.meta.get("nn_module_stack") or {}
    return next(reversed([path for path, _ in stack.values()]), "")


class _Call(NamedTuple):
    """Arguments of scaled_dot_product_attention; dropout has been simplified away or is wanted."""

    q: Any
    k: Any
    v: Any
    attn_mask: Any = None
    dropout_p: float = 0.0
    is_causal: bool = False
    scale: float | None = None
    enable_gqa: bool = False


def _open(graph: fx.Graph, node: fx.Node, path: str, names: dict[str, fx.Node]) -> fx.Node:
    arguments: tuple[Any, ...] = node.args
    options: dict[str, Any] = dict(node.kwargs)
    q, k, v, mask, _, is_causal, scale, shares_keys = _Call(*arguments, **options)
    with graph.inserting_before(node):
        if shares_keys:
            group = fake(q).shape[-3] // fake(k).shape[-3]
            k = add_call(graph, aten.repeat_interleave.self_int, k, int(group), -3)
            v = add_call(graph, aten.repeat_interleave.self_int, v, int(group), -3)
        if scale is None:
            scale = int(fake(q).shape[-1]) ** -0.5
        scaled = add_call(graph, aten.mul.Tensor, q, scale)
        turned = add_call(graph, aten.transpose.int, k, -2, -1)
        scores = add_call(graph, aten.matmul.default, scaled, turned)
        softmax = aten.softmax.int
        if is_causal:
            mask = _bias(graph, _future(graph, q, k), like=q)
        elif mask is not None and fake(mask).dtype == torch.bool:
            mask = _bias(graph, add_call(graph, aten.logical_not.default, mask), like=q)
            softmax = aten._safe_softmax.default  # a row that may look at nothing gives 0, not NaN
        if mask is not None:
            scores = add_call(graph, aten.add.Tensor, scores, mask)
        scores = add_call(graph, mark, scores, join(path, "scores"), AXES)
        pattern = add_call(graph, softmax, scores, -1)
        pattern = add_call(graph, mark, pattern, join(path, "pattern"), AXES)
        names[join(path, "scores")], names[join(path, "pattern")] = scores, pattern
        return add_call(graph, aten.matmul.default, pattern, v)


def _future(graph: fx.Graph, q: fx.Node, k: fx.Node) -> fx.Node:
    """True where a query must not look: keys after it."""
    sizes = [add_call(graph, aten.sym_size.int, x, fake(x).ndim - 2) for x in (q, k)]
    device = fake(q).device
    everywhere = add_call(graph, aten.ones.default, sizes, dtype=torch.bool, device=device)
    return add_call(graph, aten.triu.default, everywhere, 1)


def _bias(graph: fx.Graph, hidden: fx.Node, *, like: fx.Node) -> fx.Node:
    """-inf where something is hidden, 0 elsewhere.

    Layers share it, and adding it takes two thirds of the time of filling their scores.
    """
    zeros = add_call(graph, aten.zeros_like.default, hidden, dtype=fake(like).dtype)
    return add_call(graph, aten.masked_fill.Scalar, zeros, hidden, float("-inf"))
