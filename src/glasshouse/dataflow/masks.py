"""Masks that are nothing but causal, recognised: such attention needs no mask in memory.

Libraries that build a mask for every case build one for the plain case too when they are traced.
Attention that is told "causal" skips half of the scores, and the mask's own computation is dropped.
"""

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor, fx
from torch.fx.node import map_arg

from glasshouse.dataflow.attention import FUSED
from glasshouse.dataflow.naming import mark
from glasshouse.dataflow.nodes import fake

aten = torch.ops.aten
LENGTHS = ((2, 5), (1, 1), (3, 17))
"""Batches and lengths at which a mask must be causal to pass for it."""
LONGEST = 2048
"""Masks whose computation holds larger numbers (such as a window's width) are left alone."""


def drop_causal_masks(graph: fx.Graph) -> None:
    """Replace, in place, masks that hide the future and nothing else by `is_causal`."""
    known: dict[fx.Node, bool] = {}
    for node in [node for node in graph.nodes if node.target is FUSED]:
        mask = node.args[3] if len(node.args) > 3 else node.kwargs.get("attn_mask")
        if not isinstance(mask, fx.Node) or fake(mask).dtype != torch.bool:
            continue
        if mask not in known:
            known[mask] = _is_causal(mask)
        if known[mask] and not (len(node.args) > 5 and node.args[5]):
            node.args = node.args[:3]
            node.kwargs = {**node.kwargs, "attn_mask": None, "is_causal": True}
    graph.eliminate_dead_code(_is_kept)


def _is_kept(node: fx.Node) -> bool:
    """What stays although nothing uses it: names, writes, whatever is no plain computation."""
    schema = getattr(node.target, "_schema", None)
    is_plain = node.op == "call_function" and schema is not None and not schema.is_mutable
    return not is_plain or node.target is mark


def _is_causal(mask: fx.Node) -> bool:
    """Whether a mask depends on lengths alone, and hides exactly the future at several of them."""
    steps = _ancestors(mask)
    if steps is None:
        return False
    numbers = [abs(a) for node in steps for a in _numbers(node.args) if 2 <= abs(a) < 2**62]
    longest = max(numbers, default=0)
    if longest > LONGEST:
        return False
    for batch, length in (*LENGTHS, (1, longest + 3)):
        value = _evaluate(steps, mask, batch, length)
        causal = torch.ones(length, length, dtype=torch.bool).tril()
        if value is None or value.shape[-2:] != causal.shape:
            return False
        if not torch.equal(value, causal.expand(value.shape)):
            return False
    return True


def _ancestors(mask: fx.Node) -> list[fx.Node] | None:
    """What a mask is computed from, in order; None if it reads more than lengths."""
    found: dict[fx.Node, None] = {}
    stack = [mask]
    while stack:
        node = stack.pop()
        if node in found:
            continue
        if node.op != "call_function":
            return None
        found[node] = None
        if node.target is not aten.sym_size.int:
            stack.extend(node.all_input_nodes)
    return [node for node in mask.graph.nodes if node in found]


def _numbers(args: object) -> list[int]:
    if isinstance(args, tuple | list):
        return [number for arg in args for number in _numbers(arg)]
    return [args] if isinstance(args, int) and not isinstance(args, bool) else []


def _evaluate(steps: list[fx.Node], mask: fx.Node, batch: int, length: int) -> Tensor | None:
    """The mask of a batch of some length; None if it cannot be computed from those alone."""
    values: dict[fx.Node, Any] = {}
    for node in steps:
        if node.target is aten.sym_size.int:
            axis = node.args[1]
            if axis not in (0, 1):
                return None
            values[node] = length if axis == 1 else batch
            continue
        args, kwargs = map_arg((node.args, node.kwargs), values.__getitem__)
        values[node] = cast(Callable[..., Any], node.target)(*args, **kwargs)
    found = values[mask]
    return found if isinstance(found, Tensor) else None
