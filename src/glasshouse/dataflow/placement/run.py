"""Running a placed program: a thread for each device, or a process for each."""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from glasshouse.dataflow.placement.channel import Boxes, Stopped
from glasshouse.dataflow.placement.partition import Parcel, Part, partition
from glasshouse.dataflow.placement.place import Placement, is_size
from glasshouse.dataflow.placement.sizes import bound_symbols, evaluated
from glasshouse.dataflow.placement.workers import Workers
from glasshouse.dataflow.tracing import Event, Trace, trace_program
from glasshouse.errors import InputError

Call = Callable[[Part, Sequence[object]], tuple[Tensor, ...]]
"""How a part is run: as it is, or traced."""


def _call(part: Part, inputs: Sequence[object]) -> tuple[Tensor, ...]:
    return part.function(*inputs)


class Placed:
    """A placed program, ready to run, with its variables."""

    def __init__(self, placement: Placement, *, workers: Workers | None = None) -> None:
        """Cut the program.

        Args:
            placement: The same in every process.
            workers: The processes, one for each device; None: this process, a thread for each.

        Raises:
            InputError: If there are not as many processes as devices.
        """
        devices = placement.cluster.names
        if workers is not None and workers.count != len(devices):
            raise InputError(
                f"{workers.count} processes for {len(devices)} devices ({', '.join(devices)}); "
                f"start {len(devices)} processes"
            )
        self.placement = placement
        self.workers = workers
        self.parts = partition(placement)
        self.variables: dict[str, Tensor] = {}
        """What this process keeps from run to run, by placeholder."""
        self._placeholders = [
            node.name for node in placement.program.graph.nodes if node.op == "placeholder"
        ]
        self._threads = ThreadPoolExecutor(len(devices)) if workers is None else None

    @property
    def variable_names(self) -> set[str]:
        """Placeholders whose value the next run takes from this one, in all processes."""
        return {name for name in self.placement.device_of if name in self._placeholders}

    @property
    def own_variables(self) -> set[str]:
        """Those of this process."""
        here = self.parts if self.workers is None else [self.parts[self.workers.rank]]
        return {name for part in here for name in part.inputs} & self.variable_names

    def run(self, arguments: Sequence[object]) -> dict[int, Tensor]:
        """Run once; every process calls this with the same arguments.

        Args:
            arguments: One for each placeholder. Variables are read from here in the first run
                only, unless they were restored.

        Returns:
            The program's outputs by number, where the results are wanted; elsewhere none.

        Raises:
            WorkerLost: If another process has died, failed or fallen silent.
        """
        return self._execute(arguments, _call)

    def trace(self, arguments: Sequence[object]) -> tuple[dict[int, Tensor], Trace]:
        """Run once and note when each node ran, on every device.

        Returns:
            What `run` returns, and the trace: of all devices in the first process, elsewhere of
            this one.
        """
        events: list[Event] = []

        def traced(part: Part, inputs: Sequence[object]) -> tuple[Tensor, ...]:
            outputs, trace = trace_program(
                part.program, inputs, device=part.device, costs=self.placement.costs
            )
            events.extend(trace.events)
            return outputs

        start = time.perf_counter()
        outputs = self._execute(arguments, traced)
        wall = time.perf_counter() - start
        if self.workers is not None:
            events = [event for theirs in self.workers.gather(events) for event in theirs]
        return outputs, Trace(events=tuple(events), wall_seconds=wall)

    def _execute(self, arguments: Sequence[object], call: Call) -> dict[int, Tensor]:
        """Run every part that belongs here, and keep its variables."""
        values = self._values(arguments)
        if self.workers is None:
            outputs = self._run_in_threads(values, call)
        else:
            try:
                outputs = self._run_here(self.workers, values, call)
            except BaseException:
                self.workers.abandon()
                raise
        assigned = self.placement.options.variables
        for name in self.own_variables:
            self.variables[name] = outputs.pop(assigned[name]) if name in assigned else values[name]
        return outputs

    def _values(self, arguments: Sequence[object]) -> dict[str, Any]:
        """What every placeholder and size of the program stands for in this run."""
        program = self.placement.program
        if len(self._placeholders) != len(arguments):
            raise InputError(
                f"{len(arguments)} arguments for a program of {len(self._placeholders)}"
            )
        values: dict[str, Any] = dict(zip(self._placeholders, arguments, strict=True))
        for name, value in self.variables.items():
            if name in self.placement.options.variables:
                values[name] = value
            elif values[name] is not value:  # restored: put it where the program will write
                values[name].copy_(value)
        self._symbols = bound_symbols(program, arguments)
        for node in program.graph.nodes:
            if node.op == "call_function" and is_size(node):
                values[node.name] = evaluated(node.meta["val"], self._symbols)
        return values

    def _run_in_threads(self, values: Mapping[str, object], call: Call) -> dict[int, Tensor]:
        assert self._threads is not None
        cluster = self.placement.cluster
        parcels = {p.key: p for part in self.parts for p in part.parcels}
        boxes = Boxes({key: cluster.device(p.receiver).kind for key, p in parcels.items()})
        started = [
            self._threads.submit(
                _run_part, part, boxes, values, cluster.device(part.device).kind, call
            )
            for part in self.parts
        ]
        wait(started, return_when=FIRST_EXCEPTION)
        if any(f.done() and f.exception() for f in started):
            boxes.stop()
            wait(started)
            raise _first_failure(started)
        return {number: value for f in started for number, value in f.result().items()}

    def _run_here(
        self, workers: Workers, values: Mapping[str, object], call: Call
    ) -> dict[int, Tensor]:
        part = self.parts[workers.rank]
        kind = self.placement.cluster.devices[workers.rank].kind
        channel = _Wire(workers, part, self.placement.cluster.names, self._symbols, kind)
        outputs = _run_part(part, channel, values, kind, call)
        channel.finish_sends()
        return outputs


def _run_part(
    part: Part, channel: object, values: Mapping[str, object], kind: str, call: Call
) -> dict[int, Tensor]:
    """Run one device's program."""
    device = torch.device(kind)
    inputs = [values[name] for name in part.inputs]
    inputs = [value.to(device) if isinstance(value, Tensor) else value for value in inputs]
    with torch.no_grad():
        results = call(part, [channel, *inputs])
    return dict(zip(part.outputs, results, strict=True))


def _first_failure(futures: Sequence[Future]) -> BaseException:
    """The error that stopped a run, rather than those of devices that were stopped by it."""
    errors = [error for f in futures if (error := f.exception()) is not None]
    return next((error for error in errors if not isinstance(error, Stopped)), errors[0])


class _Wire:
    """The messages of one run of one process, over torch.distributed."""

    def __init__(
        self,
        workers: Workers,
        part: Part,
        devices: Sequence[str],
        symbols: Mapping[object, int],
        kind: str,
    ) -> None:
        self.workers = workers
        self.parcels = {parcel.key: parcel for parcel in part.parcels}
        self.devices = devices
        self.symbols = symbols
        self.device = torch.device(kind)
        self.sent: list[tuple[dist.Work, Tensor, int]] = []

    def send(self, key: str, value: Tensor) -> None:
        """Begin to send; the value is kept until it is through."""
        parcel = self.parcels[key]
        peer = self.devices.index(parcel.receiver)
        value = value.contiguous().cpu()
        work = self.workers.send(value, to=peer, tag=parcel.number)
        self.sent.append((work, value, peer))

    def start_receive(self, key: str) -> tuple[dist.Work, Tensor, int]:
        """Make room and begin to receive."""
        parcel = self.parcels[key]
        peer = self.devices.index(parcel.sender)
        buffer = torch.empty(self._shape(parcel), dtype=parcel.dtype)
        return self.workers.receive(buffer, source=peer, tag=parcel.number), buffer, peer

    def finish_receive(self, ticket: tuple[dist.Work, Tensor, int]) -> Tensor:
        """Wait for a value."""
        work, buffer, peer = ticket
        self.workers.finish(work, peer=peer)
        return buffer.to(self.device)

    def finish_sends(self) -> None:
        """Wait until everything sent is through."""
        for work, _, peer in self.sent:
            self.workers.finish(work, peer=peer)
        self.sent.clear()

    def _shape(self, parcel: Parcel) -> list[int]:
        return [int(evaluated(size, self.symbols)) for size in parcel.value.shape]
