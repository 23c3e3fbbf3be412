"""One program for each device, with sends and receives where values cross over.

A part is a torch.fx.GraphModule of its own; its first argument is a channel, on which it calls
`send`, `start_receive` and `finish_receive`. A value is sent once to each device that reads it, as
soon as it is made. A receive starts as late as it can without making anybody wait, so that its
memory is not held before; it is finished just before the value is read.

Source:
    Abadi et al. 2016 (1603.04467), sections 3.2.2 (one Recv per tensor and device), 5.2 (receives
    as late as possible) and 5.5 (16 bits on the way).
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, fx

from glasshouse.dataflow.direct import direct_function
from glasshouse.dataflow.placement.place import output_nodes
from glasshouse.dataflow.placement.placement import Placement
from glasshouse.dataflow.placement.simulate import Message

aten = torch.ops.aten


@dataclass(frozen=True, kw_only=True, slots=True)
class Parcel:
    """What a channel must know of a message."""

    key: str
    """What sender and receiver call it."""
    number: int
    """Its place among all messages of a run."""
    sender: str
    """A device."""
    receiver: str
    """A device."""
    value: Tensor
    """Symbolic twin of the value, its axes in the order of the message."""
    dtype: torch.dtype
    """Type of what travels."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """What one device runs."""

    device: str
    """Its name."""
    program: fx.GraphModule
    """Called with a channel and then the inputs; returns the outputs as a tuple."""
    inputs: tuple[str, ...]
    """Placeholders and sizes of the whole program that this part reads."""
    outputs: tuple[int, ...]
    """Which outputs of the whole program it returns."""
    parcels: tuple[Parcel, ...]
    """What it sends and receives."""

    @cached_property
    def function(self) -> Callable[..., tuple[Tensor, ...]]:
        """The program as a Python function, called as the program is."""
        return direct_function(self.program)


def partition(placement: Placement) -> tuple[Part, ...]:
    """Cut a placed program into one program for each device."""
    parcels = {m: _parcel(placement, i, m) for i, m in enumerate(_messages(placement))}
    return tuple(
        _PartBuilder(placement, device, parcels).build() for device in placement.cluster.names
    )


def _messages(placement: Placement) -> list[Message]:
    return sorted(
        placement.simulation.messages.values(), key=lambda m: (m.leaves, m.value, m.receiver)
    )


def _parcel(placement: Placement, number: int, message: Message) -> Parcel:
    node = next(n for n in placement.program.graph.nodes if n.name == message.value)
    dtype = node.meta["val"].dtype
    return Parcel(
        key=f"{message.value} to {message.receiver}",
        number=number,
        sender=message.sender,
        receiver=message.receiver,
        value=node.meta["val"].permute(placement.costs[node.name].layout),
        dtype=torch.bfloat16 if placement.options.compress and dtype == torch.float32 else dtype,
    )


def latest_starts(placement: Placement, device: str) -> dict[str | None, list[Message]]:
    """Before which node of a device each receive starts; None: after the last.

    A receive must be under way one message's time before its value is first read, or, where the
    value is waited for anyway, when it is sent. It starts before the node that the device is then
    at work on, or about to begin.
    """
    run = placement.simulation
    local = [n for n in placement.program.graph.nodes if run.device_of.get(n.name) == device]
    found: dict[str | None, list[Message]] = {}
    for message in _messages(placement):
        if message.receiver != device:
            continue
        readers = [n for n in local if message.value in {a.name for a in n.all_input_nodes}]
        needed = run.starts[readers[0].name] if readers else message.arrives
        start = max(message.leaves, needed - (message.arrives - message.leaves))
        busy = next((n for n in local if n in readers or run.ends[n.name] > start), None)
        found.setdefault(busy and busy.name, []).append(message)
    return found


class _PartBuilder:
    """Copies what one device runs, and ties it to the others."""

    def __init__(self, placement: Placement, device: str, parcels: dict[Message, Parcel]) -> None:
        self.placement = placement
        self.device = device
        self.parcels = parcels
        self.graph = fx.Graph()
        self.copies: dict[str, fx.Node] = {}
        self.tickets: dict[str, fx.Node] = {}

    def build(self) -> Part:
        """The part, its nodes in program order."""
        channel = self.graph.placeholder("channel")
        nodes = list(self.placement.program.graph.nodes)
        inputs = [n for n in nodes if self._is_input(n)]
        for node in inputs:
            self.copies[node.name] = self._placeholder(node)
        starts = latest_starts(self.placement, self.device)
        for node in nodes:
            if node.op == "get_attr" and self._is_read(node):
                self.copies[node.name] = self.graph.node_copy(node)
            if self.placement.device_of.get(node.name) != self.device:
                continue
            self._start(channel, starts.get(node.name, ()))
            for argument in node.all_input_nodes:
                self._finish(channel, argument)
            if node.op != "placeholder":
                self.copies[node.name] = self._copy(node)
            self._send(channel, node)
        self._start(channel, starts.get(None, ()))
        outputs = dict(self._outputs())
        for node in outputs.values():
            self._finish(channel, node)
        self.graph.output(tuple(self.copies[node.name] for node in outputs.values()))
        return Part(
            device=self.device,
            program=fx.GraphModule(self.placement.program, self.graph),
            inputs=tuple(node.name for node in inputs),
            outputs=tuple(outputs),
            parcels=tuple(
                parcel
                for parcel in self.parcels.values()
                if self.device in (parcel.sender, parcel.receiver)
            ),
        )

    def _is_input(self, node: fx.Node) -> bool:
        if node.op == "get_attr":
            return False
        if node.name in self.placement.everywhere:
            return self._is_read(node)
        return node.op == "placeholder" and self.placement.device_of[node.name] == self.device

    def _is_read(self, node: fx.Node) -> bool:
        """Whether this device reads what every device has."""
        here = {self.placement.device_of.get(user.name) for user in node.users}
        return self.device in here or any(n is node for _, n in self._outputs())

    def _outputs(self) -> Iterator[tuple[int, fx.Node]]:
        """Outputs that this device returns: all at the one that gets results, and its variables."""
        variables = set(self.placement.options.variables.values())
        for number, node in enumerate(output_nodes(self.placement.program)):
            owner = self.placement.results_at
            if number in variables:
                owner = self.placement.device_of[node.name]
            if owner == self.device:
                yield number, node

    def _placeholder(self, node: fx.Node) -> fx.Node:
        copy = self.graph.placeholder(node.name)
        copy.meta = dict(node.meta)
        return copy

    def _copy(self, node: fx.Node) -> fx.Node:
        """A call as it is, but that it makes new tensors on this device."""
        copy = self.graph.node_copy(node, lambda argument: self.copies[argument.name])
        if "device" in copy.kwargs:
            kind = self.placement.cluster.device(self.device).kind
            copy.update_kwarg("device", torch.device(kind))
        return copy

    def _send(self, channel: fx.Node, node: fx.Node) -> None:
        """Send a value that has just been made to everyone who reads it."""
        parcels = [p for m, p in self.parcels.items() if m.value == node.name]
        if not parcels:
            return
        value, layout = self.copies[node.name], self.placement.costs[node.name].layout
        if list(layout) != sorted(layout):
            value = self._call(f"{node}_by_memory", aten.permute.default, value, list(layout))
        if parcels[0].dtype != node.meta["val"].dtype:
            value = self._call(f"{node}_short", aten.to.dtype, value, parcels[0].dtype)
        for parcel in parcels:
            self._call(f"send_{node}", "send", channel, parcel.key, value)

    def _start(self, channel: fx.Node, messages: Sequence[Message]) -> None:
        for message in messages:
            key = self.parcels[message].key
            ticket = self._call(f"receive_{message.value}", "start_receive", channel, key)
            self.tickets[message.value] = ticket

    def _finish(self, channel: fx.Node, node: fx.Node) -> None:
        """Have a value of another device at hand."""
        if node.name in self.copies or node.name not in self.tickets:
            return
        name, layout = f"{node}_received", self.placement.costs[node.name].layout
        value = self._call(name, "finish_receive", channel, self.tickets[node.name])
        if self.placement.options.compress and node.meta["val"].dtype == torch.float32:
            value = self._call(f"{node}_long", aten.to.dtype, value, torch.float32)
        if list(layout) != sorted(layout):
            back = sorted(range(len(layout)), key=layout.__getitem__)
            value = self._call(f"{node}_by_axes", aten.permute.default, value, back)
        value.meta = dict(node.meta)
        self.copies[node.name] = value

    def _call(self, name: str, target: Callable | str, *args: object) -> fx.Node:
        """Call a function, or a method of the first argument, under a name that tells what for."""
        op = "call_method" if isinstance(target, str) else "call_function"
        return self.graph.create_node(op, target, args, name=name)  # type: ignore[arg-type]
