"""Which device computes what: greedy placement by playing the run through.

Source:
    Abadi et al. 2016 (1603.04467), section 3.2.1: nodes are visited as a run would reach them, and
    each goes where it would end soonest, what it must wait for included.
    Differs: the greedy answer competes with answers that prefer one device, and the placement that
    would end first wins, so that splitting is never estimated to be slower than not splitting.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import fx

from glasshouse.dataflow.cost import NodeCost, program_costs, releases
from glasshouse.dataflow.placement.constraints import (
    Constraint,
    Group,
    groups,
    sendable,
    written_placeholders,
)
from glasshouse.dataflow.placement.devices import Cluster, Device
from glasshouse.dataflow.placement.simulate import Seconds, Simulation
from glasshouse.errors import InputError

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
    run: Simulation
    """The run as it was played through."""

    @property
    def results_at(self) -> str:
        """Device that gets the program's outputs."""
        return self.options.results_at or self.cluster.names[0]

    @property
    def device_of(self) -> Mapping[str, str]:
        """Name of the device of every node that one device makes."""
        return self.run.device_of

    @property
    def estimated_seconds(self) -> float:
        """How long a run should take."""
        return self.run.makespan

    @property
    def bytes_sent(self) -> int:
        """Bytes between devices in one run."""
        return sum(message.num_bytes for message in self.run.messages.values())

    def explain(self) -> str:
        """Say in words which device does what, and what it costs."""
        from glasshouse.dataflow.placement.explain import explain

        return explain(self)


def place(
    program: fx.GraphModule,
    arguments: Sequence[object],
    cluster: Cluster,
    constraints: Sequence[Constraint] = (),
    *,
    options: Options | None = None,
) -> Placement:
    """Find a device for every node.

    Args:
        program: Placeholders, ATen calls and one output.
        arguments: What it will be called with, or tensors of the same shapes.
        cluster: Devices and links.
        constraints: What the user asks; see `on` and `together`.
        options: What may be assumed.

    Raises:
        InputError: If the constraints contradict, or the program does not fit in memory.
    """
    options = options or Options()
    if options.results_at is not None and options.results_at not in cluster.names:
        raise InputError(
            f"results_at={options.results_at!r} is no device; there are {', '.join(cluster.names)}"
        )
    costs = program_costs(program, arguments)
    found = groups(
        program,
        costs,
        constraints,
        devices=cluster.names,
        together_nodes=_variable_pairs(program, options),
    )
    everywhere = _everywhere(program, costs, options)
    play = partial(_play, program, found, cluster, costs, everywhere, options)
    runs = [play(prefer) for prefer in (None, *cluster.names)]
    possible = [run for run in runs if isinstance(run, Simulation)]
    if not possible:
        raise next(run for run in runs if isinstance(run, InputError))
    return Placement(
        program=program,
        cluster=cluster,
        options=options,
        costs=costs,
        everywhere=everywhere,
        run=min(possible, key=lambda run: run.makespan),
    )


def is_size(node: fx.Node) -> bool:
    """Whether a node is a number that follows from the shapes of the inputs."""
    return isinstance(
        node.meta.get("val"), torch.SymInt | torch.SymFloat | torch.SymBool | int | float
    ) and sendable(node)


def output_nodes(program: fx.GraphModule) -> list[fx.Node]:
    """What a program returns, in order."""
    found = program.graph.output_node().args[0]
    return [found] if isinstance(found, fx.Node) else list(found)  # type: ignore[arg-type]


def _everywhere(
    program: fx.GraphModule, costs: Mapping[str, NodeCost], options: Options
) -> frozenset[str]:
    """Weights, inputs and sizes; but what a run changes lives on one device."""
    changed = set(options.variables) | written_placeholders(program, costs)
    return frozenset(
        node.name
        for node in program.graph.nodes
        if (node.op in ("placeholder", "get_attr") and node.name not in changed) or is_size(node)
    )


def _variable_pairs(program: fx.GraphModule, options: Options) -> list[tuple[str, str]]:
    """A variable lives where its next value is made, so that it need not travel."""
    outputs = output_nodes(program)
    placeholders = {n.name for n in program.graph.nodes if n.op == "placeholder"}
    for name, number in options.variables.items():
        if name not in placeholders or not 0 <= number < len(outputs):
            raise InputError(
                f"variables={{{name!r}: {number}}} names no placeholder and output of the program"
            )
    return [(name, outputs[number].name) for name, number in options.variables.items()]


def _play(
    program: fx.GraphModule,
    found: Mapping[str, Group],
    cluster: Cluster,
    costs: Mapping[str, NodeCost],
    everywhere: frozenset[str],
    options: Options,
    prefer: str | None,
) -> Simulation | InputError:
    """Put every node on a device: the preferred one where it may run, else where it ends first."""
    run = Simulation(
        cluster=cluster,
        costs=costs,
        seconds=_seconds(costs, options.measured),
        everywhere=everywhere,
        releases=releases(program.graph.nodes, costs),
        compress=options.compress,
    )
    chosen: dict[int, str] = {}
    for node in program.graph.nodes:
        if node.op == "output" or node.name in everywhere:
            continue
        group = found[node.name]
        allowed = (chosen[id(group)],) if id(group) in chosen else group.devices
        fitting = [device for device in allowed if run.fits(node, device)]
        if not fitting:
            return _too_large(node, allowed, cluster)
        if prefer in fitting:
            fitting = [prefer]
        device = min(fitting, key=lambda name: run.end_if(node, name))
        chosen[id(group)] = device
        run.put(node, device)
    kept, home = set(options.variables.values()), options.results_at or cluster.names[0]
    for number, node in enumerate(output_nodes(program)):
        if node.name not in everywhere and number not in kept:
            run.fetch(node, home)
    if run.peak.get(home, 0) > cluster.device(home).memory_bytes:
        return InputError(
            f"the results ({run.peak[home]} bytes with what else is held) do not fit in the "
            f"memory of {home}; name another device as results_at, or fetch less"
        )
    return run


def _seconds(costs: Mapping[str, NodeCost], measured: Measured) -> Seconds:
    def seconds(node: fx.Node, device: Device) -> float:
        taken = measured.get(device.name, {}).get(node.name)
        return device.seconds(costs[node.name]) if taken is None else taken

    return seconds


def _too_large(node: fx.Node, allowed: Sequence[str], cluster: Cluster) -> InputError:
    sizes = ", ".join(f"{name} {cluster.device(name).memory_bytes:.3g}" for name in allowed)
    return InputError(
        f"{node.name} fits on no device that may run it (memory in bytes: {sizes}); "
        "add a device, give one more memory, or make the batch smaller"
    )
