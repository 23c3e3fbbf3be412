"""Devices and the links between them: what a placement is computed for."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from glasshouse.dataflow.cost import NodeCost
from glasshouse.errors import InputError


@dataclass(frozen=True, kw_only=True, slots=True)
class Device:
    """One place where operations run, one after another."""

    name: str
    """What constraints, explanations and traces call it."""
    kind: str = "cpu"
    """Where torch puts its tensors: `cpu`, `cuda:1`."""
    flops_per_second: float = 5e10
    """Speed of products."""
    bytes_per_second: float = 1e10
    """Speed of its memory."""
    call_seconds: float = 5e-6
    """Time to start one operation."""
    memory_bytes: float = math.inf
    """What weights, received values and intermediate results may take at any moment."""

    def __post_init__(self) -> None:
        if min(self.flops_per_second, self.bytes_per_second) <= 0 or self.call_seconds < 0:
            raise InputError(f"device {self.name!r} needs positive speeds")

    def seconds(self, cost: NodeCost) -> float:
        """Estimated time of one operation: arithmetic or memory, whichever is slower."""
        if not cost.flops and not cost.bytes_moved:
            return 0.0 if cost.storage is None else self.call_seconds
        arithmetic = cost.flops / self.flops_per_second
        return self.call_seconds + max(arithmetic, cost.bytes_moved / self.bytes_per_second)


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """What it takes to send from one device to another."""

    latency_seconds: float = 1e-4
    """Time until the first byte arrives."""
    bytes_per_second: float = 1e9
    """Speed from then on."""

    def seconds(self, num_bytes: int) -> float:
        """Estimated time of one message."""
        return self.latency_seconds + num_bytes / self.bytes_per_second


@dataclass(frozen=True, kw_only=True, slots=True)
class Cluster:
    """Devices, the first of which takes the results, and the links between every two of them."""

    devices: tuple[Device, ...]
    """In the order of ranks, when each belongs to a process of its own."""
    link: Link = Link()
    """Between every two devices that `links` does not name."""
    links: Mapping[tuple[str, str], Link] = field(default_factory=dict)
    """By the names of sender and receiver."""

    def __post_init__(self) -> None:
        names = self.names
        if not names or len(set(names)) != len(names):
            raise InputError(f"a cluster needs devices of different names, not {list(names)}")
        for pair in self.links:
            if not set(pair) <= set(names):
                raise InputError(f"links name {pair}; the devices are {', '.join(names)}")

    @property
    def names(self) -> tuple[str, ...]:
        """The devices' names."""
        return tuple(device.name for device in self.devices)

    def device(self, name: str) -> Device:
        """The device of a name."""
        return self.devices[self.names.index(name)]

    def between(self, sender: str, receiver: str) -> Link:
        """The link that a message takes."""
        return self.links.get((sender, receiver), self.link)


def logical_devices(count: int, *, link: Link | None = None, kind: str = "cpu") -> Cluster:
    """Equal devices named `cpu:0`, `cpu:1`, ...: threads of one process, or one process each."""
    return Cluster(
        devices=tuple(Device(name=f"{kind}:{i}", kind=kind) for i in range(count)),
        link=link or Link(),
    )
