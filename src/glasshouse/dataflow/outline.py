"""A graph's values in groups: module by module, alike blocks once. What tree and drawing show."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, takewhile
from typing import Literal

import torch
from torch import fx

from glasshouse.dataflow.capture import Captured
from glasshouse.dataflow.explain import block_path
from glasshouse.dataflow.naming import MODULE_OUTPUT
from glasshouse.dataflow.nodes import operand
from glasshouse.dataflow.values import Value

State = Literal["idle", "computed", "fetched", "fed"]
"""What a plan does with a value: nothing, computes it on the way, gives it, or is given it."""


@dataclass(frozen=True, slots=True)
class Item:
    """One value in an outline."""

    name: str
    """Its name behind the path of its group."""
    value: Value
    """What is known of it."""
    reads: tuple[str, ...]
    """Names of the values that it is computed from, behind the group's path where they share it."""
    state: State
    """What the plan does with it."""


@dataclass(frozen=True, slots=True)
class Group:
    """Values of one block, or of one of several blocks that are alike; or one value by itself."""

    paths: tuple[str, ...]
    """Paths of the blocks."""
    items: tuple[Item, ...]
    """Values of each, in the order of computation."""

    @property
    def title(self) -> str:
        """`blocks.0-11`, or the path itself."""
        first, last = self.paths[0], self.paths[-1]
        return first if first == last else f"{first}-{last.rpartition('.')[2]}"

    @property
    def count(self) -> int:
        """How many blocks it stands for."""
        return len(self.paths)

    @property
    def state(self) -> State:
        """The liveliest of its values' states."""
        order: tuple[State, ...] = ("fed", "fetched", "computed", "idle")
        return next(state for state in order if any(i.state == state for i in self.items))


def outline(
    captured: Captured,
    opened: Mapping[fx.Node, fx.Node],
    values: Mapping[str, Value],
    states: Mapping[str, State],
) -> list[Group]:
    """Put a graph's values in groups, in the order of computation.

    A module's output that another name stands for already is left out unless it is fetched or fed.

    Args:
        captured: The graph.
        opened: For fused attention, the node that computes the same in the open.
        values: What is known of each value, in the order of computation.
        states: What a plan does with each; idle where it is not told.
    """
    shown = _shown(captured, values, states)
    sources = _sources(captured, opened, shown)
    blocks = {block_path_of(name) for name in shown}
    groups: list[Group] = []
    for path, names in groupby(shown, key=lambda n: n if n in blocks else block_path_of(n)):
        items = tuple(
            Item(
                _behind(path, name),
                values[name],
                tuple(_behind(path, source) for source in sources[name]),
                states.get(name, "idle"),
            )
            for name in names
        )
        groups.append(Group((path,), items))
    return _merged(groups)


def block_path_of(name: str) -> str:
    """The path of the block that a value lies in; empty for values outside of blocks."""
    path = block_path(name)
    return path if path.rpartition(".")[2].isdigit() and path != name else ""


def _behind(path: str, name: str) -> str:
    """A name inside of its block; what the block itself returns is its output."""
    if path and name == path:
        return "output"
    return name.removeprefix(f"{path}.") if path else name


def _shown(
    captured: Captured, values: Mapping[str, Value], states: Mapping[str, State]
) -> list[str]:
    """Names without module paths that only repeat what another name stands for."""
    marks = captured.names
    named = set(marks.values())
    renamed = {
        (operand(node), name.rpartition(".")[0])
        for name, node in marks.items()
        if node.args[2] != MODULE_OUTPUT
    }
    return [
        name
        for name in values
        if states.get(name) in ("fetched", "fed")
        or marks[name].args[2] != MODULE_OUTPUT
        or not (operand(marks[name]) in named or (marks[name], name.rpartition(".")[0]) in renamed)
    ]


def _sources(
    captured: Captured, opened: Mapping[fx.Node, fx.Node], shown: Collection[str]
) -> dict[str, list[str]]:
    """For each value, the named values that it is computed from without another between."""
    name_of = {captured.names[name]: name for name in shown}
    found: dict[str, list[str]] = {}
    for node, name in name_of.items():
        seen: set[fx.Node] = set()
        stack, sources = [operand(node)], []
        while stack:
            source = opened.get(here := stack.pop(), here)
            if source in seen:
                continue
            seen.add(source)
            if source in name_of:
                sources.append(name_of[source])
            else:
                stack.extend(n for n in source.all_input_nodes if _is_tensor(n))
        order = {name: i for i, name in enumerate(shown)}
        found[name] = sorted(sources, key=order.__getitem__)
    return found


def _is_tensor(node: fx.Node) -> bool:
    """Whether a node is a tensor, or several; lengths are not drawn."""
    return not isinstance(node.meta.get("val"), torch.SymInt | torch.SymBool | int | float)


def _merged(groups: list[Group]) -> list[Group]:
    """Neighbours that differ in their number alone become one group."""
    merged: list[Group] = []
    for group in groups:
        before = merged[-1] if merged else None
        if before is not None and group.paths[0] and _form(before) == _form(group):
            merged[-1] = replace(before, paths=before.paths + group.paths)
        else:
            merged.append(group)
    return merged


def _form(group: Group) -> object:
    """What alike blocks have in common; what they read from outside does not count."""
    inside = {item.name for item in group.items}
    return [
        (
            item.name,
            item.value.axes,
            item.value.shape,
            item.value.dtype,
            item.state,
            sorted(inside.intersection(item.reads)),
        )
        for item in group.items
    ]


def tree(groups: Sequence[Group]) -> str:
    """The outline as text: one line a value, shapes behind names, alike blocks once.

    Where a plan is shown, → is fetched, ← is fed and · is not computed.
    """
    is_asked = any(item.state != "idle" for group in groups for item in group.items)
    lines: list[tuple[str, str, str]] = []
    for group in groups:
        if group.paths[0]:
            lines.append(("", group.title, f"× {len(group.paths)}" if group.count > 1 else ""))
        lines += _lines(group, is_asked)
    width = max((len(name) for _, name, _ in lines), default=0)
    return "\n".join(
        f"{sign + ' ' if is_asked else ''}{name:<{width}}  {shape}".rstrip()
        for sign, name, shape in ((sign or " ", name, shape) for sign, name, shape in lines)
    )


def _lines(group: Group, is_asked: bool) -> Iterator[tuple[str, str, str]]:
    """Sign, name and shape of every value of a group, modules between."""
    above: list[str] = []
    base = 1 if group.paths[0] else 0
    for item in group.items:
        *parents, last = item.name.split(".") if group.paths[0] else [item.name]
        shared = sum(
            1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(above, parents, strict=False))
        )
        for depth in range(shared, len(parents)):
            yield "", "  " * (base + depth) + parents[depth], ""
        above = parents
        sign = SIGNS[item.state] if is_asked else ""
        yield sign, "  " * (base + len(parents)) + last, shape_text(item.value)


SIGNS: dict[State, str] = {"idle": "·", "computed": "", "fetched": "→", "fed": "←"}
"""What stands before a value in a tree."""


def shape_text(value: Value) -> str:
    """`batch pos d_model=768`, or lengths where axes have no names; float32 goes unsaid."""
    axes = value.axes or ("",) * len(value.shape)
    sizes = [
        str(size) if not axis else axis if isinstance(size, str) else f"{axis}={size}"
        for axis, size in zip(axes, value.shape, strict=True)
    ]
    dtype = str(value.dtype).removeprefix("torch.")
    return " ".join(sizes) + ("" if dtype == "float32" else f" {dtype}")
