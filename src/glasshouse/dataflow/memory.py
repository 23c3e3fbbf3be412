"""Which values share memory, and which calls write into it.

Most of a graph only reads. Where code works in place (a counter, BatchNorm's running statistics, a
cache of keys, `relu_`), what a value holds depends on when it is read, and a program must keep
every write that comes before.
"""

from collections import defaultdict
from collections.abc import Collection

import torch
from torch import Tensor, fx
from torch.utils import _pytree as pytree

from glasshouse.dataflow.naming import mark

aten = torch.ops.aten
_RUNNING_STATISTICS = {aten.batch_norm.default: 5, aten.instance_norm.default: 5}
"""Calls that write into arguments 3 and 4, which no schema says, if this one is true."""


def written(node: fx.Node) -> list[fx.Node]:
    """Arguments that a call writes into."""
    if node.target in _RUNNING_STATISTICS:
        args = [*node.args, *node.kwargs.values()]
        is_training = bool(args[_RUNNING_STATISTICS[node.target]])  # type: ignore[index]
        return [a for a in args[3:5] if is_training and isinstance(a, fx.Node)]
    schema = getattr(node.target, "_schema", None)
    if schema is None or not schema.is_mutable:
        return []
    found = []
    for place, argument in enumerate(schema.arguments):
        if argument.alias_info is not None and argument.alias_info.is_write:
            given = node.args[place] if place < len(node.args) else node.kwargs.get(argument.name)
            found += [leaf for leaf in pytree.tree_leaves(given) if isinstance(leaf, fx.Node)]
    return found


def is_mutating(node: fx.Node) -> bool:
    """Whether a call writes into one of its arguments."""
    return bool(written(node))


class Memory:
    """The pieces of memory behind the values of a graph, each called after one of its nodes.

    Args:
        graph: As it was traced: fake tensors know whose storage they share.
        cut: Marks whose value is replaced, so that what follows lives in other memory.
    """

    def __init__(self, graph: fx.Graph, cut: Collection[fx.Node] = ()) -> None:
        self.writes = [node for node in graph.nodes if is_mutating(node)]
        self.place: dict[fx.Node, int] = {}
        self._parent: dict[fx.Node, fx.Node] = {}
        self._writes_into: dict[fx.Node, list[fx.Node]] = defaultdict(list)
        if not self.writes:
            return
        first: dict[int, fx.Node] = {}
        for place, node in enumerate(graph.nodes):
            self.place[node] = place
            for leaf in pytree.tree_leaves(node.meta.get("val")):
                if isinstance(leaf, Tensor):
                    storage = leaf.untyped_storage()._cdata
                    self._join(node, first.setdefault(storage, node))
            if node not in cut:
                for source in _may_return(node):
                    self._join(node, source)
        for write in self.writes:
            for root in self.written_by(write):
                self._writes_into[root].append(write)

    def root(self, node: fx.Node) -> fx.Node:
        """The node after which a node's memory is called."""
        while node in self._parent:
            node = self._parent[node]
        return node

    def written_by(self, node: fx.Node) -> set[fx.Node]:
        """Memory that a call writes into."""
        return {self.root(argument) for argument in written(node)}

    def read_by(self, node: fx.Node) -> set[fx.Node]:
        """Memory of a call's arguments."""
        return {self.root(argument) for argument in node.all_input_nodes}

    def writes_before(self, node: fx.Node) -> list[fx.Node]:
        """Writes into memory that a call reads, made before it."""
        if not self.writes:
            return []
        return [
            write
            for root in self.read_by(node)
            for write in self._writes_into.get(root, ())
            if self.place[write] < self.place[node]
        ]

    def _join(self, one: fx.Node, other: fx.Node) -> None:
        one, other = self.root(one), self.root(other)
        if one is not other:
            self._parent[one] = other


def _may_return(node: fx.Node) -> list[fx.Node]:
    """Arguments whose memory a call's result may share, by what its schema says."""
    if node.target is mark:
        return node.all_input_nodes
    schema = getattr(node.target, "_schema", None)
    if schema is None or all(result.alias_info is None for result in schema.returns):
        return []
    places = [i for i, a in enumerate(schema.arguments) if a.alias_info is not None]
    given = [node.args[place] for place in places if place < len(node.args)]
    return [leaf for leaf in pytree.tree_leaves(given) if isinstance(leaf, fx.Node)]
