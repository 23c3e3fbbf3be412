"""Gates: where a compiled program lets something be fed, or nothing, without compiling again.

A gate is `where(mask, new, value)`. Mask and new value are inputs of the program, made from the
address at every run, so another head, position, row or vector is only other numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, fx

from glasshouse.dataflow.address import check_selection, part_mask, read_part, write_part
from glasshouse.dataflow.feeds import FedPart, check_fed
from glasshouse.dataflow.inductor import contiguous_twin, placeholders
from glasshouse.dataflow.nodes import add_call, fake, operand

aten = torch.ops.aten


@dataclass(frozen=True, slots=True)
class Gate:
    """One value of a program at which parts may be fed."""

    name: str
    """The value."""
    twin: Tensor
    """A fake tensor of its shape and type."""


def add_gate(graph: fx.Graph, node: fx.Node, name: str) -> Gate:
    """Put a gate in the place of a call of `changed`; its two placeholders come last.

    Args:
        graph: Changed in place.
        node: `changed(value, function)`.
        name: The value's name.
    """
    value, last = operand(node), placeholders(graph)[-1]
    twin = contiguous_twin(fake(value))
    with graph.inserting_after(last):
        mask = graph.placeholder(f"{node.name}_mask")
    with graph.inserting_after(mask):
        new = graph.placeholder(f"{node.name}_new")
    with twin.fake_mode:  # type: ignore[attr-defined]
        mask.meta["val"] = torch.empty(twin.shape, dtype=torch.bool, device=twin.device)
    new.meta["val"] = twin
    with graph.inserting_before(node):
        gated = add_call(graph, aten.where.self, mask, new, value)
    gated.meta |= {k: v for k, v in node.meta.items() if k != "val"}
    node.replace_all_uses_with(gated)
    graph.erase_node(node)
    return Gate(name, twin)


class ClosedGates:
    """Masks that are false everywhere, one for each shape; most gates of most runs are closed."""

    def __init__(self) -> None:
        self._known: dict[object, tuple[Tensor, Tensor]] = {}

    def __call__(self, shape: tuple[int, ...], twin: Tensor) -> tuple[Tensor, Tensor]:
        """A mask and a value that nothing takes anything from. Do not write into them."""
        key = (shape, twin.dtype, twin.device)
        if key not in self._known:
            if len(self._known) > 8:  # lengths come and go; do not keep them all
                self._known.clear()
            mask = torch.zeros(shape, dtype=torch.bool, device=twin.device)
            self._known[key] = (mask, torch.zeros(shape, dtype=twin.dtype, device=twin.device))
        return self._known[key]


def opened_gate(
    gate: Gate, parts: Sequence[FedPart], shape: tuple[int, ...]
) -> tuple[Tensor, Tensor]:
    """The mask and the new value that feed tensors to parts of a value; later parts win.

    Args:
        gate: The gate.
        parts: What is fed, tensors only.
        shape: Shape of the value in this run.

    Raises:
        InputError: If a part lies outside of the value, or what is fed does not fit it.
    """
    device = gate.twin.device
    mask = torch.zeros(shape, dtype=torch.bool, device=device)
    new = torch.zeros(shape, dtype=gate.twin.dtype, device=device)
    for part in parts:
        given = part.given
        assert isinstance(given, Tensor)
        chosen = (slice(None),) * len(shape) if part.chosen is None else part.chosen
        check_selection(chosen, new, str(part.address))
        check_fed(gate.name, part, given, read_part(new, chosen))
        if any(isinstance(index, tuple) for index in chosen):
            mask |= part_mask(mask, chosen)
            new = write_part(new, chosen, given)
        else:
            mask[tuple(chosen)] = True
            new[tuple(chosen)] = given
    return mask, new
