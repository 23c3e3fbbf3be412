"""What a graph need not compute: an own rule of purity, and operations that change nothing.

torch.fx takes many calls for impure (asserts, dropout that is switched off, attention), so that its
own dead-code removal leaves almost everything.
"""

from typing import Any

import torch
from torch import Tensor, fx

from glasshouse.dataflow.nodes import fake, operand

aten = torch.ops.aten
_CHECKS = {
    aten._assert_tensor_metadata.default,
    aten._assert_async.msg,
    aten._assert_scalar.default,
    aten.sym_constrain_range_for_size.default,
    aten.sym_constrain_range.default,
}
_LAST = 2**63 - 1


def simplify(graph: fx.Graph) -> None:
    """Remove, in place, checks of what was traced and operations that return their argument."""
    for node in list(graph.nodes):
        if node.target in _CHECKS or _is_guard(node):
            graph.erase_node(node)
        elif is_idle(node):
            node.replace_all_uses_with(operand(node))
            graph.erase_node(node)


def _is_guard(node: fx.Node) -> bool:
    return node.op == "call_module" and "_guards" in str(node.target) and not node.users


def is_idle(node: fx.Node) -> bool:
    """Whether a call returns its first argument, by value and by identity."""
    args: tuple[Any, ...] = node.args
    match node.target:
        case aten.dropout.default:
            return not args[2]
        case aten.to.dtype_layout | aten.to.dtype | aten.to.device | aten._to_copy.default:
            return _is_same(fake(node), fake(operand(node)))
        case aten.slice.Tensor:
            first, last = (args[2] if len(args) > 2 else 0), (args[3] if len(args) > 3 else _LAST)
            return first in (0, None) and (last is None or last == _LAST) and len(args) < 5
        case aten.alias.default:
            return True
    return False


def _is_same(new: Tensor, old: Tensor) -> bool:
    return (new.dtype, new.device, new.layout) == (old.dtype, old.device, old.layout)


def is_random(node: fx.Node) -> bool:
    """Whether a call draws random numbers, so that two alike calls differ."""
    if node.target is aten.scaled_dot_product_attention.default:  # tagged so even without dropout
        return bool(node.args[4] if len(node.args) > 4 else node.kwargs.get("dropout_p"))
    return torch.Tag.nondeterministic_seeded in getattr(node.target, "tags", ())
