"""A program in two parts: what comes before the values that are fed, and what comes after.

A sweep computes the first part once. The second runs with a row for every feed, so that a hundred
patches are one batch.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, fx

from glasshouse.dataflow.direct import direct_function
from glasshouse.dataflow.feeds import Change, FedPart, change_of
from glasshouse.dataflow.memory import is_mutating
from glasshouse.dataflow.nodes import fake, operand
from glasshouse.dataflow.program import Program, changed
from glasshouse.dataflow.simplify import is_random
from glasshouse.errors import InputError

aten = torch.ops.aten


@dataclass(frozen=True, slots=True)
class Split:
    """A program cut in two at the values that are fed."""

    first: Callable[..., tuple[Tensor, ...]]
    """From the program's placeholders but the feeds to the values at the cut."""
    second: Callable[..., tuple[Tensor, ...]]
    """From weights, values at the cut and fed values to what is fetched."""
    weights: tuple[int, ...]
    """Which placeholders the second part reads as they are."""
    is_tiled: tuple[bool, ...]
    """Of each value at the cut, whether every patch needs rows of its own."""
    fed_first: tuple[str, ...]
    """Fed values that no other fed value leads to; their plain values end the cut's list."""
    fed_later: tuple[str, ...]
    """Fed values behind others; they are changed row by row inside the second part."""
    kept: tuple[int | None, ...]
    """For each fetched value, its place in the cut if no feed reaches it."""


def run_split(
    split: Split, arguments: Sequence[object], patches: Sequence[Mapping[str, Sequence[FedPart]]]
) -> list[Tensor]:
    """What is fetched, for every patch.

    Args:
        split: The program in two parts.
        arguments: The program's placeholders, without the feeds.
        patches: What each patch feeds.

    Returns:
        For each fetched value, a tensor with the patches as its first axis.
    """
    cut = split.first(*arguments)
    plain, count = cut[len(cut) - len(split.fed_first) :], len(patches)
    shared = cut[: len(cut) - len(split.fed_first)]
    tiled = [
        tile(value, count) if is_tiled else value
        for value, is_tiled in zip(shared, split.is_tiled, strict=True)
    ]
    fed = [
        torch.cat([change_of(name, patch[name])(value) for patch in patches])
        for name, value in zip(split.fed_first, plain, strict=True)
    ]
    later = [_by_rows(name, patches) for name in split.fed_later]
    weights = [arguments[place] for place in split.weights]
    found = iter(split.second(*weights, *tiled, *fed, *later))
    return [
        next(found).unflatten(0, (count, -1)) if place is None else _repeated(cut[place], count)
        for place in split.kept
    ]


def tile(value: Tensor, count: int) -> Tensor:
    """Repeat all rows for each patch; one row is repeated without a copy."""
    if value.shape[0] == 1:
        return value.expand(count, *value.shape[1:])
    return value.repeat(count, *(1 for _ in value.shape[1:]))


def _repeated(value: Tensor, count: int) -> Tensor:
    return value[None].expand(count, *value.shape)


def _by_rows(name: str, patches: Sequence[Mapping[str, Sequence[FedPart]]]) -> Change:
    changes = [change_of(name, patch[name]) for patch in patches]

    def change(value: Tensor) -> Tensor:
        rows = value.unflatten(0, (len(changes), -1)).unbind()
        return torch.cat([change(row) for change, row in zip(changes, rows, strict=True)])

    return change


def split_program(program: Program, batch_symbols: set[str]) -> Split:
    """Cut a program whose feeds are all functions.

    Args:
        program: The program.
        batch_symbols: Symbols of the batch's length.

    Raises:
        InputError: If the program writes in place or draws random numbers, or if a value at the cut
            has its batch elsewhere than first: such feeds must be run one by one.
    """
    return _Splitter(program, batch_symbols).split()


class _Splitter:
    """Copies a program's nodes into two graphs."""

    def __init__(self, program: Program, batch_symbols: set[str]) -> None:
        self._program = program
        self._batch = batch_symbols
        self._nodes = list(program.module.graph.nodes)
        if any(is_mutating(node) or is_random(node) for node in self._nodes):
            raise InputError("a program that writes in place or draws random numbers has no sweep")
        count = len(program.weights) + len(program.constants)
        placeholders = [node for node in self._nodes if node.op == "placeholder"]
        self._fixed = placeholders[:count]
        self._inputs = placeholders[count : count + len(program.inputs)]
        feeds = placeholders[count + len(program.inputs) :]
        self._feeds = dict(zip(feeds, program.feeds, strict=True))
        self._later = self._behind()

    def _behind(self) -> dict[fx.Node, bool]:
        """For every node that a feed reaches, whether it is a first fed value's place itself."""
        behind: dict[fx.Node, bool] = {}
        for node in self._nodes:
            reached = any(source in behind for source in node.all_input_nodes)
            if reached or node.target is changed:
                behind[node] = node.target is changed and not reached
        return behind

    def split(self) -> Split:
        """The two parts."""
        later = [node for node in self._nodes if node in self._later and node.op != "output"]
        first_fed = [node for node in later if self._later[node]]
        crossing = self._crossing(later, first_fed)
        fetched = list(self._program.fetched.values())
        kept = [node for node in fetched if node not in self._later]
        shared = list(dict.fromkeys([*crossing, *kept]))
        plain = [operand(node) for node in first_fed]
        read = [node for node in self._fixed if any(u in self._later for u in node.users)]
        return Split(
            self._first([*shared, *plain]),
            self._second(read, shared, first_fed, later, fetched),
            tuple(self._fixed.index(node) for node in read),
            tuple(self._is_tiled(node) for node in shared),
            tuple(self._name(node) for node in first_fed),
            tuple(self._name(n) for n in later if n.target is changed and not self._later[n]),
            tuple(None if node in self._later else shared.index(node) for node in fetched),
        )

    def _name(self, node: fx.Node) -> str:
        return self._feeds[operand(node, 1)]

    def _crossing(self, later: Sequence[fx.Node], first_fed: Sequence[fx.Node]) -> list[fx.Node]:
        """Values that the second part reads and no feed reaches; of lengths, what they measure."""
        found: dict[fx.Node, None] = {}
        stack = [s for node in later if node not in first_fed for s in node.all_input_nodes]
        while stack:
            node = stack.pop()
            if node in self._later or node in self._fixed or node in self._feeds:
                continue
            if isinstance(fake(node), Tensor):
                found[node] = None
            else:
                stack.extend(node.all_input_nodes)
        return [node for node in self._nodes if node in found]

    def _is_tiled(self, node: fx.Node) -> bool:
        sizes = [str(size) for size in fake(node).shape]
        has_batch = [any(symbol in size for symbol in self._batch) for size in sizes]
        if any(has_batch[1:]):
            raise InputError(f"the batch of {node.name} is not its first axis")
        return bool(has_batch) and has_batch[0]

    def _is_length(self, node: fx.Node, copies: Mapping[fx.Node, fx.Node]) -> bool:
        """Whether a node is a number that the second part can measure again."""
        is_number = node.op == "call_function" and isinstance(fake(node), torch.SymInt)
        return is_number and all(source in copies for source in node.all_input_nodes)

    def _first(self, outputs: Sequence[fx.Node]) -> Callable[..., tuple[Tensor, ...]]:
        graph, copies = fx.Graph(), {}
        for node in self._nodes:
            if node not in self._later and node not in self._feeds and node.op != "output":
                copies[node] = graph.node_copy(node, copies.__getitem__)
        graph.output(tuple(copies[node] for node in outputs))
        graph.eliminate_dead_code(lambda node: node.op in ("placeholder", "output"))
        return direct_function(fx.GraphModule(self._program.module, graph))

    def _second(
        self,
        read: Sequence[fx.Node],
        shared: Sequence[fx.Node],
        first_fed: Sequence[fx.Node],
        later: Sequence[fx.Node],
        fetched: Sequence[fx.Node],
    ) -> Callable[..., tuple[Tensor, ...]]:
        graph, copies = fx.Graph(), {}
        for node in [*read, *shared]:
            copies[node] = graph.placeholder(node.name)
            copies[node].meta = dict(node.meta)
        for node in first_fed:
            copies[node] = graph.placeholder(f"fed_{node.name}")
            copies[node].meta = dict(node.meta)
        for node in later:
            if node.target is changed and not self._later[node]:
                copies[operand(node, 1)] = graph.placeholder(f"change_{node.name}")
        for node in self._nodes:
            is_measured = node not in self._later and self._is_length(node, copies)
            if node not in copies and (is_measured or node in later):
                copies[node] = graph.node_copy(node, copies.__getitem__)
        graph.output(tuple(copies[node] for node in fetched if node in self._later))
        graph.eliminate_dead_code(lambda node: node.op in ("placeholder", "output"))
        return direct_function(fx.GraphModule(self._program.module, graph))
