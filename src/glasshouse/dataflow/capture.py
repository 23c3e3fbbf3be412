"""From a module to a graph: torch.export traces it once, with every value named.

What comes out is torch's own graph of ATen operations. Weights are its placeholders, bound by name
to the live module, never copied. Batch and sequence stay symbols.
"""

import io
import re
import sys
import traceback
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass

import torch
from torch import Tensor, fx, nn
from torch.export import Dim, ExportedProgram
from torch.export.graph_signature import InputKind

from glasshouse.dataflow.inputs import Example, named_arguments
from glasshouse.dataflow.naming import MODULE_OUTPUT, mark, recording
from glasshouse.errors import InputError


@dataclass(frozen=True, slots=True)
class Captured:
    """A module's graph before anything is asked of it."""

    program: fx.GraphModule
    """Placeholders, ATen calls and marks; no output is used."""
    names: dict[str, fx.Node]
    """The mark of every value, in the order of computation."""
    inputs: dict[str, fx.Node]
    """Placeholders of the module's arguments."""
    weights: dict[str, fx.Node]
    """Placeholders of parameters and buffers, by their name in the module."""
    constants: dict[str, tuple[fx.Node, Tensor]]
    """Placeholders of tensors that the module's code made, with their values."""
    limits: dict[str, tuple[int, int]]
    """Smallest and largest value of symbols, where the module's code limits them."""


def capture(
    module: nn.Module, example: Example, *, free_axes: Mapping[str, Sequence[int]] | None = None
) -> Captured:
    """Trace a module.

    Args:
        module: Any module whose forward takes tensors.
        example: Arguments to trace with; their values do not matter.
        free_axes: For each argument, the axes whose length may differ from the example's; None:
            every axis whose length the code does not fix.

    Raises:
        InputError: If the code branches on a tensor's values or cannot be traced otherwise; the
            message names the line.
    """
    if not isinstance(module, nn.Module):
        raise InputError(
            f"{type(module).__name__} is no torch.nn.Module; a language model has its graph "
            "already: model.graph()"
        )
    arguments = named_arguments(module, example)
    traced = {name: widened(value, free_axes, name) for name, value in arguments.items()}
    shapes = {name: _free(value, free_axes, name) for name, value in traced.items()}
    with recording(module):
        exported = _export(module, traced, shapes)
    return _adopt(exported, list(arguments))


def widened(value: Tensor, free_axes: Mapping[str, Sequence[int]] | None, name: str) -> Tensor:
    """Double free axes of length 1, which torch would take for axes that never change."""
    free = range(value.ndim) if free_axes is None else free_axes.get(name, ())
    if free_axes is None and value.is_floating_point():
        free = range(min(value.ndim, 1))  # the batch; a width of 1 is more likely meant
    for axis in free:
        if value.shape[axis] == 1:
            value = torch.cat([value, value], dim=axis)
    return value


def _free(value: Tensor, free_axes: Mapping[str, Sequence[int]] | None, name: str) -> dict:
    free = range(value.ndim) if free_axes is None else free_axes.get(name, ())
    return {axis: Dim.AUTO if axis in free else Dim.STATIC for axis in range(value.ndim)}


def _export(module: nn.Module, arguments: dict[str, Tensor], shapes: dict) -> ExportedProgram:
    # When it fails, torch prints the graph that it had so far; the message below says what matters.
    said = io.StringIO()
    try:
        with torch.no_grad(), redirect_stderr(said):
            exported = torch.export.export(
                module, (), kwargs=arguments, dynamic_shapes=shapes, strict=False
            )
    except InputError:
        raise
    except Exception as error:  # torch.export raises many kinds, RuntimeError among them
        raise InputError(_explained(module, error)) from error
    sys.stderr.write(said.getvalue())
    return exported


def _explained(module: nn.Module, error: Exception) -> str:
    """Which line of whose code could not be captured, why, and what to do."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if "/torch/" not in frame.filename and "/glasshouse/dataflow/" not in frame.filename
    ]
    line = (frames[-1].line or "") if frames else ""
    where = f" at {frames[-1].filename}:{frames[-1].lineno} ({line})" if frames else ""
    return f"{type(module).__name__} cannot be captured{where}: {_reason(error, line)}"


def _reason(error: Exception, line: str) -> str:
    """Why torch gave up, in one sentence with a way out."""
    said = str(error).strip()
    first = said.splitlines()[0] if said else type(error).__name__
    if "data-dependent" in first or "Data dependent" in first:
        return f"the line needs a tensor's values, which a graph does not have; {_way_out(line)}"
    if ".numpy()" in line or ".numpy()" in first:
        return "numpy sees no graph; write it with torch operations"
    if "cond(" in line or "while_loop(" in line:
        found = re.search(r"Explanation: *(.+)", said)
        why = found[1] if found else first
        return (
            "branches of torch.cond and bodies of while_loop must change nothing outside, and "
            f"return tensors of the same shapes and types on every way ({why.rstrip('.')})"
        )
    return first


def _way_out(line: str) -> str:
    if line.startswith("assert"):
        return "leave the check out, or write torch._assert_async(condition)"
    if line.startswith(("for ", "while ")):
        return "write the loop with while_loop (torch._higher_order_ops.while_loop)"
    return "write the branch with torch.cond, or as arithmetic with torch.where"


def _adopt(exported: ExportedProgram, arguments: list[str]) -> Captured:
    """Sort an exported program's placeholders and marks."""
    program = exported.graph_module
    nodes = {node.name: node for node in program.graph.nodes if node.op == "placeholder"}
    inputs, weights, constants = {}, {}, {}
    for spec in exported.graph_signature.input_specs:
        node, target = nodes[spec.arg.name], str(spec.target)
        match spec.kind:
            case InputKind.USER_INPUT:
                inputs[arguments[len(inputs)]] = node
            case InputKind.PARAMETER | InputKind.BUFFER:
                weights[target] = node
            case InputKind.CONSTANT_TENSOR:
                constants[target] = (node, exported.constants[target])
            case _:
                raise InputError(f"the module keeps a {spec.kind.name} that no graph can hold")
    limits = {
        str(symbol): (int(bounds.lower), int(bounds.upper))
        for symbol, bounds in exported.range_constraints.items()
        if bounds.upper.is_Integer
    }
    return Captured(program, _names(program.graph), inputs, weights, constants, limits)


def _names(graph: fx.Graph) -> dict[str, fx.Node]:
    """The mark of each name; a module that ran twice gives `name` and `name#2`."""
    marks = [node for node in graph.nodes if node.target is mark]
    explicit = {node.args[1] for node in marks if node.args[2] != MODULE_OUTPUT}
    names: dict[str, fx.Node] = {}
    for node in marks:
        name, axes = node.args[1:]
        if axes == MODULE_OUTPUT and name in explicit:
            continue
        count = 2
        while name in names:
            name, count = f"{node.args[1]}#{count}", count + 1
        names[name] = node
    return names
