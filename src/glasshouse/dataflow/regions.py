"""Compile one block and call it for every block like it.

A program's calls are put in regions by the block they belong to. Two regions are alike if they make
the same calls with the same constants on arguments of the same shapes, whatever weights they read;
of each kind one is compiled.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, fx
from torch.fx.node import map_arg

from glasshouse.dataflow.attention import module_path
from glasshouse.dataflow.explain import block_path
from glasshouse.dataflow.inductor import Compiled, compile_graph, fake_mode, placeholders
from glasshouse.dataflow.nodes import fake, operand

aten = torch.ops.aten


@dataclass(frozen=True, slots=True)
class Region:
    """Calls that are compiled together."""

    nodes: tuple[fx.Node, ...]
    """The calls, in order."""
    reads: tuple[fx.Node, ...]
    """What they read from outside, by first use."""
    makes: tuple[fx.Node, ...]
    """Those whose results are read outside."""

    def kind(self) -> object:
        """The same for regions that one compiled function serves."""
        place = {node: i for i, node in enumerate((*self.reads, *self.nodes))}
        calls = [
            (node.target, map_arg((node.args, node.kwargs), lambda n: _Place(place[n])))
            for node in self.nodes
        ]
        given = [_described(fake(node)) for node in self.reads]
        return repr((calls, given, [place[node] for node in self.makes]))


class _Place(NamedTuple):
    """Stands for a node in a region's description."""

    place: int


class _Step(NamedTuple):
    """One call of a compiled region; numbers are places in the list of all values."""

    function: Callable[..., Any]
    reads: tuple[int, ...]
    makes: tuple[int, ...]
    frees: tuple[int, ...]


def compile_by_block(module: fx.GraphModule) -> Compiled:
    """Compile a program region by region, alike ones once.

    Args:
        module: As for `compile_graph`.
    """
    regions = find_regions(module.graph)
    known: dict[object, Compiled] = {}
    functions = []
    for region in regions:
        kind = region.kind()
        if kind not in known:
            known[kind] = _compiled(region)
        functions.append(known[kind].function)
    conditions = tuple(c for compiled in known.values() for c in compiled.conditions)
    run = _runner(module.graph, regions, functions)
    return Compiled(run, conditions, num_programs=len(known))


def find_regions(graph: fx.Graph) -> list[Region]:
    """A program's calls in regions, in an order in which they can run.

    What depends on lengths alone, or comes before all blocks, goes first: blocks share it.
    """
    calls = [node for node in graph.nodes if node.op == "call_function"]
    first = _early(calls)
    labels: dict[fx.Node, object] = {}
    run = 0
    for before, node in zip([None, *calls], calls, strict=False):
        label = _label(node)
        if before is not None and _label(before) != label:
            run += 1
        labels[node] = "first" if node in first else label or run
    groups: dict[object, list[fx.Node]] = {"first": [n for n in calls if n in first]}
    for node in calls:
        if node not in first:
            groups.setdefault(labels[node], []).append(node)
    ordered = _ordered([group for group in groups.values() if group])
    return [_region(group) for group in ordered or [calls]]


def _label(node: fx.Node) -> str:
    path = block_path(module_path(node))
    return path if path.rpartition(".")[2].isdigit() else ""


def _early(calls: Sequence[fx.Node]) -> set[fx.Node]:
    """Calls of no block that read no block's results, and calls that read lengths alone."""
    early: set[fx.Node] = set()
    no_data: set[fx.Node] = set()
    for node in calls:
        sources = node.all_input_nodes
        is_length = node.target is aten.sym_size.int and operand(node).op == "placeholder"
        if is_length or (node.target is not aten.sym_size.int and no_data.issuperset(sources)):
            no_data.add(node)
            early.add(node)
        elif not _label(node) and all(s.op == "placeholder" or s in early for s in sources):
            early.add(node)
    return early


def _ordered(groups: list[list[fx.Node]]) -> list[list[fx.Node]] | None:
    """Groups so that each reads only from those before it; None if some read from each other."""
    group_of = {node: i for i, group in enumerate(groups) for node in group}
    waits = [
        {group_of[s] for n in group for s in n.all_input_nodes if s in group_of} - {i}
        for i, group in enumerate(groups)
    ]
    done: list[int] = []
    while len(done) < len(groups):
        ready = [i for i, w in enumerate(waits) if i not in done and w.issubset(done)]
        if not ready:
            return None
        done += ready
    return [groups[i] for i in done]


def _region(nodes: Sequence[fx.Node]) -> Region:
    inside = set(nodes)
    reads = dict.fromkeys(s for node in nodes for s in node.all_input_nodes if s not in inside)
    makes = [node for node in nodes if any(user not in inside for user in node.users)]
    return Region(tuple(nodes), tuple(reads), tuple(makes))


def _described(value: object) -> object:
    if not isinstance(value, Tensor):
        return str(value)
    return tuple(map(str, value.shape)), tuple(map(str, value.stride())), value.dtype, value.device


def _compiled(region: Region) -> Compiled:
    """Compile a region as a graph of its own."""
    graph = fx.Graph()
    copies: dict[fx.Node, fx.Node] = {}
    mode = fake_mode([fake(node) for node in (*region.reads, *region.nodes)])
    for node in region.reads:
        copies[node] = graph.placeholder(node.name)
        copies[node].meta["val"] = _twin(fake(node), mode)
    for node in region.nodes:
        copies[node] = graph.node_copy(node, copies.__getitem__)
    graph.output(tuple(copies[node] for node in region.makes))
    module = fx.GraphModule(torch.nn.Module(), graph)
    if not any(isinstance(fake(node), Tensor) for node in region.makes):
        return Compiled(module.forward, ())
    return compile_graph(module)


def _twin(value: Any, mode: Any) -> Any:
    """A fake value of its own: Inductor takes one that is given twice for one argument."""
    if not isinstance(value, Tensor):
        return value
    with mode:
        return torch.empty_strided(
            value.shape, value.stride(), dtype=value.dtype, device=value.device
        )


def _runner(
    graph: fx.Graph, regions: Sequence[Region], functions: Sequence[Callable[..., Any]]
) -> Callable[..., list[Any]]:
    """A function of the program's placeholders that calls region after region."""
    given = placeholders(graph)
    made = [node for region in regions for node in region.makes]
    place = {node: i for i, node in enumerate((*given, *made))}
    output = next(reversed(graph.nodes))
    results = tuple(place[node] for node in output.args[0])  # type: ignore[union-attr]
    steps = [
        _Step(
            function,
            tuple(place[node] for node in region.reads),
            tuple(place[node] for node in region.makes),
            tuple(place[node] for node in _last_read(regions, i) if place[node] not in results),
        )
        for i, (region, function) in enumerate(zip(regions, functions, strict=True))
    ]

    def run(*arguments: object) -> list[Any]:
        values: list[Any] = [*arguments, *(None for _ in made)]
        for step in steps:
            found = step.function(*[values[i] for i in step.reads])
            for i, value in zip(step.makes, found, strict=True):
                values[i] = value
            for i in step.frees:
                values[i] = None
        return [values[i] for i in results]

    return run


def _last_read(regions: Sequence[Region], place: int) -> Collection[fx.Node]:
    """What a region reads, or makes, and no later one reads."""
    later = {node for region in regions[place + 1 :] for node in region.reads}
    return [n for n in (*regions[place].reads, *regions[place].makes) if n not in later]
