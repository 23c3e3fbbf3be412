"""A program as a Python function that calls torch the shortest way.

Calling `torch.ops.aten.add.Tensor(x, y)` costs about a microsecond more than `x + y`, which is the
same operation; for a reshape it is two (one thread of an AMD EPYC, torch 2.13). A model of six
layers on a short prompt makes a hundred such calls in four milliseconds.
"""

import operator
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import fx

from glasshouse.dataflow.kernels import gelu

aten = torch.ops.aten

FUNCTIONS: dict[object, Callable] = {
    aten.add.Tensor: operator.add,
    aten.sub.Tensor: operator.sub,
    aten.mul.Tensor: operator.mul,
    aten.div.Tensor: operator.truediv,
    aten.neg.default: operator.neg,
    aten.matmul.default: operator.matmul,
    aten.pow.Tensor_Scalar: operator.pow,
    aten.linear.default: F.linear,
    aten.layer_norm.default: torch.layer_norm,
    aten.rms_norm.default: torch.rms_norm,
    aten.addmm.default: torch.addmm,
    aten.bmm.default: torch.bmm,
    aten.softmax.int: torch.softmax,
    aten.cat.default: torch.cat,
    aten.gelu.default: gelu,
    aten.silu.default: F.silu,
    aten.relu.default: torch.relu,
    aten.tanh.default: torch.tanh,
    aten.rsqrt.default: torch.rsqrt,
    aten.scaled_dot_product_attention.default: F.scaled_dot_product_attention,
    aten.sym_size.int: torch.Tensor.size,
}
"""Functions that take the very arguments of an ATen operation."""

METHODS: dict[object, str] = {
    aten.view.default: "view",
    aten.reshape.default: "reshape",
    aten.expand.default: "expand",
    aten.transpose.int: "transpose",
    aten.unsqueeze.default: "unsqueeze",
    aten.contiguous.default: "contiguous",
    aten.flatten.using_ints: "flatten",
    aten.unflatten.int: "unflatten",
    aten.chunk.default: "chunk",
    aten.split.Tensor: "split",
    aten.select.int: "select",
    aten.copy_.default: "copy_",
}
"""Methods that take the very arguments of an ATen operation."""

INFIX = (operator.add, operator.sub, operator.mul, operator.truediv)


def direct_function(module: fx.GraphModule) -> Callable[..., tuple]:
    """A function of a program's placeholders, in their order, that frees values when it can."""
    graph = fx.Graph()
    graph.output(graph.graph_copy(module.graph, {}))
    for node in graph.nodes:
        if node.target in METHODS and not node.kwargs:
            node.op, node.target = "call_method", METHODS[node.target]
        elif node.target in FUNCTIONS and _fits(node):
            node.target = FUNCTIONS[node.target]
    return fx.GraphModule(module, graph).forward


def _fits(node: fx.Node) -> bool:
    """Whether the short form takes these arguments: `x + y` has no room for alpha."""
    return not (FUNCTIONS[node.target] in INFIX and node.kwargs)
