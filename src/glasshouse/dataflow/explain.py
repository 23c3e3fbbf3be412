"""What a plan will do, before it does it: values, arithmetic, memory traffic, peak memory."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import torch
from torch import Tensor, fx

from glasshouse.dataflow.attention import module_path
from glasshouse.dataflow.cost import NodeCost, peak_bytes, program_costs
from glasshouse.dataflow.inductor import fake_mode, placeholders
from glasshouse.dataflow.nodes import fake
from glasshouse.dataflow.plan import Plan
from glasshouse.errors import InputError


@dataclass(frozen=True, kw_only=True, slots=True)
class PathCost:
    """What one part of the model costs."""

    path: str
    """Path of the module, down to one block: `embed`, `blocks.3`; empty for no module."""
    num_operations: int
    """Calls, views among them."""
    flops: int
    """Floating-point operations in products, convolutions and attention."""
    bytes_moved: int
    """Bytes read and written, each operation by itself."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Explanation:
    """What a plan computes and what that costs, uncompiled. `print` it.

    Compiled, the arithmetic is the same; fusing saves traffic and memory.
    """

    fetched: tuple[str, ...]
    """Values that it gives."""
    fed: tuple[str, ...]
    """Values that it is, or may be, given."""
    computed: tuple[str, ...]
    """Named values that it computes."""
    inputs: Mapping[str, tuple[int, ...]]
    """Shape of each argument of the module that it reads."""
    parts: tuple[PathCost, ...]
    """Costs by module, in the order of computation."""
    weight_bytes: int
    """Bytes of the weights that it reads."""
    peak_bytes: int
    """Most memory held at once beside the weights: inputs, results, what waits to be read.

    An operation's own scratch memory is not in it.
    """
    num_values: int
    """Named values of the whole graph."""
    whole: "Explanation | None" = None
    """The same for the module's whole forward, to compare with."""

    @property
    def num_operations(self) -> int:
        """Calls, views among them."""
        return sum(part.num_operations for part in self.parts)

    @property
    def flops(self) -> int:
        """Floating-point operations in products, convolutions and attention."""
        return sum(part.flops for part in self.parts)

    @property
    def bytes_moved(self) -> int:
        """Bytes read and written, each operation by itself."""
        return sum(part.bytes_moved for part in self.parts)

    def __str__(self) -> str:
        whole = self.whole
        read = ", ".join(f"{name} {shape}" for name, shape in self.inputs.items()) or "feeds alone"
        share = f", {_ratio(self.flops, whole.flops)} of the whole forward" if whole else ""
        calls = f" of {whole.num_operations}" if whole else ""
        lines = [
            f"fetches {_few(self.fetched)} from {read}",
            *([f"feeds {_few(self.fed)}"] if self.fed else []),
            f"computes {len(self.computed)} of {self.num_values} named values "
            f"in {self.num_operations}{calls} operations",
            f"{amount(self.flops, 'FLOP')}{share}; {amount(self.bytes_moved, 'B')} moved; "
            f"weights {amount(self.weight_bytes, 'B')}; "
            f"peak {amount(self.peak_bytes, 'B')} beside them",
        ]
        return "\n".join([*lines, *_table(self.parts)])


def explain_plan(plan: Plan, *, batch: int, seq: int, whole: Plan | None = None) -> Explanation:
    """Say what a plan will compute.

    Args:
        plan: The plan.
        batch: Length of the first axis of the module's arguments, where it is free.
        seq: Length of all other free axes.
        whole: A plan to compare with.

    Raises:
        InputError: If a length lies outside of what the module allows.
    """
    nodes = list(plan.program.graph.nodes)
    arguments = _arguments(plan, batch, seq)
    costs = program_costs(plan.program, arguments)
    num_weights = len(plan.layout.weights) + len(plan.layout.constants)
    weights = {
        costs[node.name].storage: costs[node.name].storage_bytes
        for node in placeholders(plan.program.graph)[:num_weights]
    }
    given = arguments[num_weights:][: len(plan.layout.inputs)]
    shapes = {name: _shape(value) for name, value in zip(plan.layout.inputs, given, strict=True)}
    return Explanation(
        fetched=tuple(plan.layout.fetched),
        fed=tuple(plan.layout.feeds),
        computed=plan.layout.computed,
        inputs=shapes,
        parts=tuple(_parts(nodes, costs)),
        weight_bytes=sum(weights.values()),
        peak_bytes=peak_bytes(nodes, costs) - sum(weights.values()),
        num_values=len(plan.values),
        whole=None if whole is None else explain_plan(whole, batch=batch, seq=seq),
    )


def _arguments(plan: Plan, batch: int, seq: int) -> list[object]:
    """Fake tensors of the asked sizes for a program's placeholders; functions change nothing."""
    lengths = _lengths(plan, batch, seq)
    values = [node.meta.get("val") for node in placeholders(plan.program.graph)]
    with fake_mode(values):
        return [
            (lambda value: value)
            if value is None
            else torch.empty(_sized(value, lengths), dtype=value.dtype, device=value.device)
            for value in values
        ]


def _lengths(plan: Plan, batch: int, seq: int) -> dict[str, int]:
    """What each symbol stands for."""
    twins = [*plan.inputs.twins.values(), *map(fake, placeholders(plan.program.graph))]
    symbols = {str(size) for twin in twins if isinstance(twin, Tensor) for size in twin.shape}
    first = {str(twin.shape[0]) for twin in plan.inputs.twins.values() if twin.ndim}
    lengths = {s: batch if s in first else seq for s in symbols if not s.isdigit()}
    for symbol, length in lengths.items():
        low, high = plan.inputs.limits.get(symbol, (0, length))
        if not 1 <= length <= max(high, low):
            asked = "batch" if symbol in first else "seq"
            raise InputError(f"{asked}={length} must lie in [1, {high}]: the module allows no more")
    return lengths


def _sized(value: Tensor, lengths: Mapping[str, int]) -> list[int]:
    by_symbol: dict[Any, int] = {}
    for size in value.shape:
        if isinstance(size, torch.SymInt):
            for symbol in size.node.expr.free_symbols:
                by_symbol[symbol] = lengths.get(str(symbol), lengths.get(str(size), 1))
    return [
        int(size.node.expr.xreplace(by_symbol)) if isinstance(size, torch.SymInt) else size
        for size in value.shape
    ]


def _shape(value: object) -> tuple[int, ...]:
    assert isinstance(value, Tensor)
    return tuple(int(size) for size in value.shape)


def _parts(nodes: Sequence[fx.Node], costs: Mapping[str, NodeCost]) -> list[PathCost]:
    by_path: dict[str, list[NodeCost]] = {}
    for node in nodes:
        if node.op == "call_function" and node.name in costs:
            by_path.setdefault(block_path(module_path(node)), []).append(costs[node.name])
    return [
        PathCost(
            path=path,
            num_operations=len(found),
            flops=sum(cost.flops for cost in found),
            bytes_moved=sum(cost.bytes_moved for cost in found),
        )
        for path, found in by_path.items()
    ]


def block_path(path: str) -> str:
    """A module's path, down to its first number (`blocks.3`) or else its first name."""
    names = path.split(".")
    if names[0].startswith("_"):  # torch's own word for no module
        return ""
    numbers = [place for place, name in enumerate(names) if name.isdigit()]
    return ".".join(names[: numbers[0] + 1] if numbers else names[:1])


def _table(parts: Sequence[PathCost]) -> list[str]:
    """A line for each part; neighbours that cost the same share one."""
    lines = []
    for _, run in groupby(parts, key=lambda p: (_kind(p.path), p.flops, p.bytes_moved)):
        alike = list(run)
        first, last = alike[0].path, alike[-1].path
        name = first or "(no module)"
        if len(alike) > 1:
            name = f"{first}-{last.rpartition('.')[2]}"
        each = f" each of {len(alike)}" if len(alike) > 1 else ""
        flops, moved = amount(alike[0].flops, "FLOP"), amount(alike[0].bytes_moved, "B")
        lines.append((name, flops, f"{moved} moved{each}"))
    widths = [max(len(line[column]) for line in lines) for column in (0, 1)] if lines else [0, 0]
    return [f"  {name:<{widths[0]}}  {flops:>{widths[1]}}  {rest}" for name, flops, rest in lines]


def _kind(path: str) -> str:
    """What paths of neighbours have in common: everything but the number."""
    head, _, last = path.rpartition(".")
    return head if last.isdigit() else path


def amount(number: float, unit: str) -> str:
    """A number in words, three digits: `1.25 GFLOP`, `3.2 MB`, `512 B`."""
    for prefix, size in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= size:
            return f"{number / size:.3g} {prefix}{unit}"
    return f"{number:.3g} {unit}"


def _ratio(part: float, whole: float) -> str:
    return f"{part / whole:.2f}" if whole else "none"


def _few(names: Sequence[str]) -> str:
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
