"""Which device computes what: greedy placement by playing the run through.

Source:
    Abadi et al. 2016 (1603.04467), section 3.2.1: nodes are visited as a run would reach them, and
    each goes where it would end soonest, what it must wait for included.
    Differs: the greedy answer competes with answers that prefer one device, and the placement that
    would end first wins, so that splitting is never estimated to be slower than not splitting.
"""

from collections.abc import Mapping, Sequence

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
from glasshouse.dataflow.placement.placement import Measured, Options, Placement
from glasshouse.dataflow.placement.simulate import Seconds, Simulation
from glasshouse.errors import InputError


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
    seconds, freed = _seconds(costs, options.measured), releases(program.graph.nodes, costs)

    def attempt(prefer: str | None) -> Simulation | InputError:
        simulation = Simulation(
            cluster=cluster,
            costs=costs,
            seconds=seconds,
            everywhere=everywhere,
            releases=freed,
            compress=options.compress,
        )
        return _play(simulation, program, found, options, prefer)

    attempts = [attempt(prefer) for prefer in (None, *cluster.names)]
    possible = [run for run in attempts if isinstance(run, Simulation)]
    if not possible:
        raise next(run for run in attempts if isinstance(run, InputError))
    return Placement(
        program=program,
        cluster=cluster,
        options=options,
        costs=costs,
        everywhere=everywhere,
        simulation=min(possible, key=lambda run: run.makespan),
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
    run: Simulation,
    program: fx.GraphModule,
    found: Mapping[str, Group],
    options: Options,
    prefer: str | None,
) -> Simulation | InputError:
    """Put every node on a device: the preferred one where it may run, else where it ends first."""
    cluster, chosen = run.cluster, dict[int, str]()
    for node in program.graph.nodes:
        if node.op == "output" or node.name in run.everywhere:
            continue
        group = found[node.name]
        allowed = (chosen[id(group)],) if id(group) in chosen else group.devices
        fitting = [device for device in allowed if run.fits(node, device)]
        if not fitting:
            return _too_large(node, allowed, cluster)
        if prefer in fitting:
            fitting = [prefer]
        chosen[id(group)] = min(fitting, key=lambda device: run.end_if(node, device))
        run.put(node, chosen[id(group)])
    kept, home = set(options.variables.values()), options.results_at or cluster.names[0]
    for number, node in enumerate(output_nodes(program)):
        if node.name not in run.everywhere and number not in kept:
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
