"""What a user may ask of a placement, and what the program itself asks.

Nodes that must share a device are united (union-find); every set keeps the devices that all wishes
about its members allow.

Source:
    Abadi et al. 2016 (1603.04467), section 4.3.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, fx
from torch.fx.experimental.symbolic_shapes import free_unbacked_symbols

from glasshouse.dataflow.address import matching_names
from glasshouse.dataflow.cost import NodeCost
from glasshouse.dataflow.memory import written
from glasshouse.errors import InputError


@dataclass(frozen=True, slots=True)
class On:
    """What matches a pattern runs on one of some devices."""

    pattern: str
    """Names of values or paths of modules: `blocks.0-5`, `blocks.*.mlp`, `final_norm`."""
    devices: tuple[str, ...]
    """Names of devices."""

    def __str__(self) -> str:
        return f"on({', '.join(map(repr, (self.pattern, *self.devices)))})"


@dataclass(frozen=True, slots=True)
class Together:
    """What matches any of some patterns shares a device."""

    patterns: tuple[str, ...]
    """Names of values or paths of modules."""


Constraint = On | Together


def on(pattern: str, *devices: str) -> On:
    """Ask that what matches a pattern runs on a device, or on one of several."""
    return On(pattern, devices)


def together(*patterns: str) -> Together:
    """Ask that whatever matches any of the patterns shares a device."""
    return Together(patterns)


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """Nodes that share a device."""

    nodes: tuple[str, ...]
    """Their names, in program order."""
    devices: tuple[str, ...]
    """Where they may run, in the cluster's order."""


def groups(
    program: fx.GraphModule,
    costs: Mapping[str, NodeCost],
    constraints: Sequence[Constraint],
    *,
    devices: Sequence[str],
    together_nodes: Iterable[Sequence[str]] = (),
) -> dict[str, Group]:
    """The group of every node.

    Args:
        program: What is to be placed.
        costs: Of its nodes; they tell which results share memory.
        constraints: What the user asks.
        devices: Names of all devices.
        together_nodes: Sets of nodes that share a device for other reasons.

    Raises:
        InputError: If a pattern matches nothing, a device is unknown, or wishes contradict.
    """
    found = labels(program)
    union = _Union(node.name for node in program.graph.nodes)
    for inseparable in (*_inseparable(program, costs), *together_nodes):
        union.unite(inseparable)
    for constraint in constraints:
        if isinstance(constraint, Together):
            union.unite([n for p in constraint.patterns for n in _matching(p, found)])
    allowed = dict.fromkeys(union.roots(), tuple(devices))
    reasons: dict[str, list[str]] = {}
    for constraint in constraints:
        if isinstance(constraint, On):
            _check_devices(constraint, devices)
            for node in _matching(constraint.pattern, found):
                _narrow(union.root(node), node, constraint, allowed, reasons)
    return {
        member: group
        for root, members in union.roots().items()
        for group in [Group(nodes=tuple(members), devices=allowed[root])]
        for member in members
    }


def labels(program: fx.GraphModule) -> dict[str, list[str]]:
    """Nodes by every name that a constraint may use.

    The paths of the modules whose code made them, the names of their values, and their own.
    """
    found: dict[str, list[str]] = {}
    for node in program.graph.nodes:
        if node.op != "call_function":
            continue
        paths = [path for path, _ in (node.meta.get("nn_module_stack") or {}).values()]
        for name in dict.fromkeys([*paths, node.meta.get("value_name"), node.name]):
            if name:
                found.setdefault(name, []).append(node.name)
    return found


def _matching(pattern: str, found: Mapping[str, list[str]]) -> list[str]:
    return [node for name in matching_names(pattern, list(found)) for node in found[name]]


def _check_devices(constraint: On, devices: Sequence[str]) -> None:
    unknown = [name for name in constraint.devices if name not in devices]
    if unknown or not constraint.devices:
        raise InputError(
            f"{constraint} names no device of this cluster; it has {', '.join(devices)}"
        )


def _narrow(
    root: str,
    node: str,
    wish: On,
    allowed: dict[str, tuple[str, ...]],
    reasons: dict[str, list[str]],
) -> None:
    """Keep the devices that one more wish allows."""
    left = tuple(device for device in allowed[root] if device in wish.devices)
    if not left:
        raise InputError(
            f"no device may run {node} and what must share its device: {wish} contradicts "
            f"{' and '.join(reasons[root])}; drop one, or let them name a device in common"
        )
    allowed[root] = left
    reasons.setdefault(root, [])
    if str(wish) not in reasons[root]:
        reasons[root].append(str(wish))


def _inseparable(program: fx.GraphModule, costs: Mapping[str, NodeCost]) -> Iterable[Sequence[str]]:
    """Sets of nodes between which nothing can be sent."""
    for node in program.graph.nodes:
        users = [user.name for user in node.users if user.op != "output"]
        if not sendable(node):
            yield (node.name, *users)
        into = {costs[n.name].storage for n in written(node) if n.name in costs}
        for other in program.graph.nodes if into else ():
            touched = [n.name for n in (other, *other.all_input_nodes) if n.name in costs]
            if other.op != "output" and any(costs[n].storage in into for n in touched):
                yield (node.name, other.name)


def sendable(node: fx.Node) -> bool:
    """Whether another device can be sent what a node makes.

    A tuple cannot, its members can; nor what has a size that only the data tell, because the
    receiver must know how much to expect.
    """
    value = node.meta.get("val")
    if isinstance(value, tuple | list):
        return False
    has_sizes = isinstance(value, Tensor | torch.SymInt | torch.SymFloat | torch.SymBool)
    return not (has_sizes and free_unbacked_symbols(value))


def written_placeholders(program: fx.GraphModule, costs: Mapping[str, NodeCost]) -> set[str]:
    """Placeholders whose memory the program writes into."""
    into = {costs[n.name].storage for node in program.graph.nodes for n in written(node)}
    placeholders = [node.name for node in program.graph.nodes if node.op == "placeholder"]
    return {name for name in placeholders if costs[name].storage in into - {None}}


class _Union:
    """Disjoint sets of names, by union-find."""

    def __init__(self, names: Iterable[str]) -> None:
        self.parent = {name: name for name in names}

    def root(self, name: str) -> str:
        """The name that stands for a set."""
        while self.parent[name] != name:
            self.parent[name] = self.parent[self.parent[name]]
            name = self.parent[name]
        return name

    def unite(self, names: Sequence[str]) -> None:
        """Make one set of all sets that hold any of the names."""
        for name in names[1:]:
            self.parent[self.root(name)] = self.root(names[0])

    def roots(self) -> dict[str, list[str]]:
        """The members of each set, by the name that stands for it."""
        found: dict[str, list[str]] = {}
        for name in self.parent:
            found.setdefault(self.root(name), []).append(name)
        return found
