"""A timeline of one run, node by node, for Perfetto or chrome://tracing.

Source:
    Abadi et al. 2016 (1603.04467), section 9.2: EEG, which was never published.
"""

import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, fx

from glasshouse.dataflow.cost import NodeCost, program_costs
from glasshouse.files import write_atomically


@dataclass(frozen=True, kw_only=True, slots=True)
class Event:
    """One node of a program, as it ran."""

    node: str
    """The node's name."""
    value: str
    """Name of the value it made; empty if the value has none."""
    operation: str
    """What was called."""
    device: str
    """Where it ran."""
    start: float
    """In seconds, by a clock that all processes of a machine share."""
    seconds: float
    """How long the call took; on a GPU, until its work was done."""
    sent: str | None = None
    """The message that this call sent."""
    received: str | None = None
    """The message that this call waited for."""
    cost: NodeCost | None = None
    """Arithmetic, bytes and shape; None for what only moves values."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Trace:
    """One run of one program on one or several devices."""

    events: tuple[Event, ...]
    """By device, in the order they ran."""
    wall_seconds: float
    """From the start of the run to its end, under the tracer."""
    untraced_seconds: float | None = None
    """The same run without the tracer, just before; None: not measured."""

    @property
    def node_seconds(self) -> float:
        """Sum over all nodes; the rest of the wall time was spent between them."""
        return sum(event.seconds for event in self.events)

    @property
    def seconds_between_nodes(self) -> float:
        """Average time from one node to the next: on one device, mostly what tracing costs."""
        devices = {event.device for event in self.events}
        gaps = self.wall_seconds * len(devices) - self.node_seconds
        return gaps / max(len(self.events), 1)


def trace_program(
    program: fx.GraphModule,
    arguments: Sequence[object],
    *,
    device: str = "cpu",
    costs: Mapping[str, NodeCost] | None = None,
    compare: bool = False,
) -> tuple[tuple[Tensor, ...], Trace]:
    """Run a program node by node and note when each ran.

    Args:
        program: Placeholders, calls and one output.
        arguments: One for each placeholder.
        device: What to call the device.
        costs: Of its nodes; None: counted.
        compare: Also run the program without tracing, before. Not for programs that write into
            their arguments.

    Returns:
        The program's outputs, and the trace.
    """
    untraced = None
    with torch.no_grad():
        if compare:
            program(*arguments)  # the first run of any kind is slow
            untraced = _seconds_of(program, arguments)
        timer = _Timer(program, device)
        start = time.perf_counter()
        outputs = timer.run(*arguments)
        wall = time.perf_counter() - start
    if costs is None:
        costs = program_costs(program, arguments)
    events = tuple(timer.events(costs))
    return outputs, Trace(events=events, wall_seconds=wall, untraced_seconds=untraced)


def write_trace(path: Path, trace: Trace) -> None:
    """Write a trace as JSON that https://ui.perfetto.dev and chrome://tracing open.

    Raises:
        OSError: If it cannot be written; what was there before is then untouched.
    """
    write_atomically(path, json.dumps(chrome_trace(trace), indent=1))


def chrome_trace(trace: Trace) -> dict[str, object]:
    """A trace in the Trace Event Format: a track for each device, an arrow for each message."""
    devices = list(dict.fromkeys(event.device for event in trace.events))
    first = min((event.start for event in trace.events), default=0.0)
    names = [
        {"ph": "M", "name": "thread_name", "pid": 0, "tid": i, "args": {"name": device}}
        for i, device in enumerate(devices)
    ]
    slices = [_slice(event, devices.index(event.device), first) for event in trace.events]
    return {
        "traceEvents": [*names, *slices, *_arrows(trace.events, devices, first)],
        "displayTimeUnit": "ms",
        "otherData": {
            "wall_ms": trace.wall_seconds * 1e3,
            "nodes_ms": trace.node_seconds * 1e3,
            "between_nodes_us": trace.seconds_between_nodes * 1e6,
            "untraced_ms": None if trace.untraced_seconds is None else trace.untraced_seconds * 1e3,
        },
    }


def _slice(event: Event, track: int, first: float) -> dict[str, object]:
    """One node as a complete event; times in microseconds."""
    arguments: dict[str, object] = {"node": event.node, "operation": event.operation}
    if event.cost is not None:
        arguments |= {
            "flops": event.cost.flops,
            "bytes": event.cost.bytes_moved,
            "shape": None if event.cost.shape is None else list(event.cost.shape),
            "dtype": str(event.cost.dtype).removeprefix("torch."),
        }
    return {
        "ph": "X",
        "name": event.value or event.node,
        "cat": "message" if event.sent or event.received else "node",
        "pid": 0,
        "tid": track,
        "ts": (event.start - first) * 1e6,
        "dur": event.seconds * 1e6,
        "args": arguments,
    }


def _arrows(
    events: Iterable[Event], devices: Sequence[str], first: float
) -> Iterator[dict[str, object]]:
    """The two ends of each message's arrow: from within its sending to the end of its receiving."""
    events = list(events)
    keys = {event.sent for event in events} & {event.received for event in events} - {None}
    for event in events:
        key = event.sent or event.received
        if key not in keys:
            continue
        yield {
            "ph": "s" if event.sent else "f",
            "bp": "e",
            "name": key,
            "cat": "message",
            "id": key,
            "pid": 0,
            "tid": devices.index(event.device),
            "ts": (event.start + (0.0 if event.sent else event.seconds) - first) * 1e6,
        }


class _Timer(fx.Interpreter):
    """Notes when each call starts and ends, and nothing else while the program runs."""

    def __init__(self, program: fx.GraphModule, device: str) -> None:
        super().__init__(program)
        self.device = device
        self.times: list[tuple[fx.Node, float, float]] = []

    def run_node(self, n: fx.Node) -> object:
        """Run one node."""
        self.node = n
        return super().run_node(n)

    def call_function(self, target, args, kwargs):
        """Time a function."""
        start = time.perf_counter()
        return self._done(start, super().call_function(target, args, kwargs))

    def call_method(self, target, args, kwargs):
        """Time a method."""
        start = time.perf_counter()
        return self._done(start, super().call_method(target, args, kwargs))

    def events(self, costs: Mapping[str, NodeCost]) -> Iterator[Event]:
        """What was noted, with what each node costs."""
        for node, start, end in self.times:
            yield Event(
                node=node.name,
                value=node.meta.get("value_name", ""),
                operation=str(node.target),
                device=self.device,
                start=start,
                seconds=end - start,
                sent=_key(node, "send"),
                received=_key(node, "finish_receive"),
                cost=costs.get(node.name),
            )

    def _done(self, start: float, result: object) -> object:
        if isinstance(result, Tensor) and result.is_cuda:
            torch.cuda.synchronize(result.device)
        self.times.append((self.node, start, time.perf_counter()))
        return result


def _key(node: fx.Node, method: str) -> str | None:
    """The message that a call sends or receives."""
    if node.target != method:
        return None
    key = node.args[1]
    return str(key.args[1]) if isinstance(key, fx.Node) else str(key)


def _seconds_of(program: fx.GraphModule, arguments: Sequence[object]) -> float:
    start = time.perf_counter()
    program(*arguments)
    return time.perf_counter() - start
