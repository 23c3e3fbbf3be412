"""A placement: a device for every node of a program, and what a run would take; also in words."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby

from torch import fx

from glasshouse.dataflow.cost import NodeCost
from glasshouse.dataflow.placement.devices import Cluster
from glasshouse.dataflow.placement.simulate import Simulation

Measured = Mapping[str, Mapping[str, float]]
"""Seconds of each node, by device; what is missing is estimated."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """What a placement may assume, beside the user's wishes."""

    results_at: str | None = None
    """Device that gets the program's outputs; None: the cluster's first."""
    compress: bool = False
    """Whether float32 values travel as bfloat16; see `compressed` for the error."""
    variables: Mapping[str, int] = field(default_factory=dict)
    """Placeholders whose value the next run takes from an output of this one: its number."""
    measured: Measured = field(default_factory=dict)
    """Times of a traced run, to be used in place of estimates."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Placement:
    """A device for every node of a program, and what a run would take."""

    program: fx.GraphModule
    """What was placed."""
    cluster: Cluster
    """Where."""
    options: Options
    """What was assumed."""
    costs: Mapping[str, NodeCost]
    """Of every node."""
    everywhere: frozenset[str]
    """Nodes that every device has by itself: weights, inputs, sizes."""
    simulation: Simulation
    """A run as it was played through."""

    @property
    def results_at(self) -> str:
        """Device that gets the program's outputs."""
        return self.options.results_at or self.cluster.names[0]

    @property
    def device_of(self) -> Mapping[str, str]:
        """Name of the device of every node that one device makes."""
        return self.simulation.device_of

    @property
    def estimated_seconds(self) -> float:
        """How long a run should take."""
        return self.simulation.makespan

    @property
    def bytes_sent(self) -> int:
        """Bytes between devices in one run."""
        return sum(message.num_bytes for message in self.simulation.messages.values())

    def explain(self) -> str:
        """Say in words which device does what, and what it costs."""
        return explained(self)


def explained(placement: Placement) -> str:
    """Which device runs which modules, for how long, with how much memory; and what is sent."""
    lines = [
        f"{placement.estimated_seconds * 1e3:.3g} ms a run, estimated; "
        f"{_bytes(placement.bytes_sent)} sent between devices; "
        f"results at {placement.results_at}"
    ]
    for device in placement.cluster.devices:
        count = sum(name == device.name for name in placement.device_of.values())
        lines.append(
            f"{device.name}: {count} operations, "
            f"busy {placement.simulation.busy.get(device.name, 0.0) * 1e3:.3g} ms, "
            f"peak memory {_bytes(placement.simulation.peak.get(device.name, 0))}"
        )
        lines += [f"  {line}" for line in _stretches(placement, device.name)]
    named = {n.name: n.meta.get("value_name", n.name) for n in placement.program.graph.nodes}
    for message in sorted(placement.simulation.messages.values(), key=lambda m: m.leaves):
        lines.append(
            f"{message.sender} -> {message.receiver}: {named[message.value]}, "
            f"{_bytes(message.num_bytes)}, at {message.leaves * 1e3:.3g} ms"
        )
    return "\n".join(lines)


def _stretches(placement: Placement, device: str) -> Iterator[str]:
    """Modules whose operations a device runs, neighbours put together."""
    nodes = [n for n in placement.program.graph.nodes if placement.device_of.get(n.name) == device]
    for path, stretch in groupby(nodes, key=_block):
        names = [node.name for node in stretch]
        span = names[0] if len(names) == 1 else f"{names[0]} … {names[-1]} ({len(names)})"
        yield f"{path or '(no module)'}: {span}"


def _block(node: fx.Node) -> str:
    """The module of a node, to the depth of one block: `blocks.3`, `final_norm`."""
    paths = [path for path, _ in (node.meta.get("nn_module_stack") or {}).values()]
    if not paths:
        return ""
    first, _, rest = paths[-1].partition(".")
    number = rest.partition(".")[0]
    return f"{first}.{number}" if number.isdigit() else first


def _bytes(count: int) -> str:
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count} B"
