"""A placement played through: when each node would run, what would be sent, what would be held.

Every device runs its nodes in program order, one at a time. A link carries one message at a time,
beside the work of the devices. A value is sent once to each device that reads it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import fx

from glasshouse.dataflow.cost import NodeCost
from glasshouse.dataflow.placement.devices import Cluster, Device

Seconds = Callable[[fx.Node, Device], float]
"""Estimated time of a node on a device."""


@dataclass(frozen=True, slots=True)
class Message:
    """One value on its way to one device."""

    value: str
    """Name of the node that made it."""
    sender: str
    """Device that made it."""
    receiver: str
    """Device that reads it."""
    num_bytes: int
    """Size on the way, after compression."""
    leaves: float
    """Seconds after the start of the run when it can be sent."""
    arrives: float
    """Seconds after the start of the run when it has been received."""


@dataclass(slots=True)
class Simulation:
    """A run that is being played; nodes are put on devices in program order."""

    cluster: Cluster
    """Where nodes can be put."""
    costs: Mapping[str, NodeCost]
    """Of every node of the program."""
    seconds: Seconds
    """Estimated time of a node on a device."""
    everywhere: frozenset[str]
    """Nodes that every device has by itself: weights, inputs, sizes."""
    releases: Mapping[str, tuple[int, ...]]
    """Memory that nobody reads after a node."""
    compress: bool = False
    """Whether float32 values travel in 16 bits."""
    device_of: dict[str, str] = field(default_factory=dict)
    """Where each node was put."""
    starts: dict[str, float] = field(default_factory=dict)
    """When each node starts, in seconds."""
    ends: dict[str, float] = field(default_factory=dict)
    """When each node ends, in seconds."""
    messages: dict[tuple[str, str], Message] = field(default_factory=dict)
    """By value and receiver."""
    free: dict[str, float] = field(default_factory=dict)
    """When each device has done what was put on it."""
    busy: dict[str, float] = field(default_factory=dict)
    """Seconds of work on each device."""
    held: dict[str, dict[int, int]] = field(default_factory=dict)
    """Bytes that each device holds, by memory."""
    peak: dict[str, int] = field(default_factory=dict)
    """Most bytes that each device has held."""
    _links: dict[tuple[str, str], float] = field(default_factory=dict)

    @property
    def makespan(self) -> float:
        """Seconds from the start to the last node or message."""
        return max([*self.free.values(), *(m.arrives for m in self.messages.values())], default=0.0)

    def end_if(self, node: fx.Node, device: str) -> float:
        """When a node would end on a device."""
        start = self._start(device, self._messages(node, device))
        return start + self.seconds(node, self.cluster.device(device))

    def fits(self, node: fx.Node, device: str) -> bool:
        """Whether a device has memory for a node's result and for what it reads."""
        held = self.held.get(device, {})
        needed = self._memory(node, device)
        more = sum(size for storage, size in needed.items() if storage not in held)
        return sum(held.values()) + more <= self.cluster.device(device).memory_bytes

    def put(self, node: fx.Node, device: str) -> None:
        """Run a node on a device, after everything that was put there before."""
        messages = self._messages(node, device)
        start = self._start(device, messages)
        took = self.seconds(node, self.cluster.device(device))
        self._record(messages)
        self.device_of[node.name] = device
        self.starts[node.name], self.ends[node.name] = start, start + took
        self.free[device] = start + took
        self.busy[device] = self.busy.get(device, 0.0) + took
        self._hold(self._memory(node, device), device)
        for storage in self.releases.get(node.name, ()):
            for holder in self.held.values():
                holder.pop(storage, None)

    def fetch(self, node: fx.Node, device: str) -> None:
        """Bring a node's result to the device that wants it at the end."""
        if self.device_of[node.name] != device and (node.name, device) not in self.messages:
            self._record([self._message(node, device, self._links)])
            cost = self.costs[node.name]
            if cost.storage is not None:
                self._hold({cost.storage: cost.bytes_made}, device)

    def arguments(self, node: fx.Node) -> list[fx.Node]:
        """What a node reads that some device must have made."""
        return [n for n in node.all_input_nodes if n.name not in self.everywhere]

    def _start(self, device: str, messages: list[Message]) -> float:
        return max([self.free.get(device, 0.0), *(message.arrives for message in messages)])

    def _messages(self, node: fx.Node, device: str) -> list[Message]:
        """What a node needs from other devices: sent already, or to be sent."""
        links, found = dict(self._links), []
        for argument in self.arguments(node):
            if self.device_of[argument.name] == device:
                continue
            sent = self.messages.get((argument.name, device))
            found.append(sent or self._message(argument, device, links))
        return found

    def _message(self, node: fx.Node, device: str, links: dict[tuple[str, str], float]) -> Message:
        """Send a value over a link as soon as both are ready."""
        way = (self.device_of[node.name], device)
        link = self.cluster.between(*way)
        size = message_bytes(self.costs[node.name], compress=self.compress)
        leaves = max(self.ends[node.name], links.get(way, 0.0))
        arrives = leaves + link.seconds(size)
        links[way] = arrives - link.latency_seconds
        return Message(node.name, *way, size, leaves, arrives)

    def _record(self, messages: list[Message]) -> None:
        for message in messages:
            way = (message.sender, message.receiver)
            through = message.arrives - self.cluster.between(*way).latency_seconds
            self.messages[message.value, message.receiver] = message
            self._links[way] = max(self._links.get(way, 0.0), through)

    def _memory(self, node: fx.Node, device: str) -> dict[int, int]:
        """Memory that a node reads and writes on a device; of what is received, the value alone."""
        sizes = {}
        for touched in (node, *node.all_input_nodes):
            cost = self.costs[touched.name]
            if cost.storage is not None:
                is_received = self.device_of.get(touched.name, device) != device
                sizes[cost.storage] = cost.bytes_made if is_received else cost.storage_bytes
        return sizes

    def _hold(self, memory: Mapping[int, int], device: str) -> None:
        """Take memory."""
        held = self.held.setdefault(device, {})
        for storage, size in memory.items():
            held[storage] = max(size, held.get(storage, 0))
        self.peak[device] = max(self.peak.get(device, 0), sum(held.values()))


def message_bytes(cost: NodeCost, *, compress: bool) -> int:
    """Size of a value on its way."""
    return cost.bytes_made // 2 if compress and cost.dtype == torch.float32 else cost.bytes_made
