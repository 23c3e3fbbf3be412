"""Running a placed program: a thread for each device, or a process for each."""

import hashlib
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor

from glasshouse.dataflow.placement.channel import Boxes, Channel, Stopped
from glasshouse.dataflow.placement.partition import Part, partition
from glasshouse.dataflow.placement.place import is_size
from glasshouse.dataflow.placement.placement import Placement
from glasshouse.dataflow.placement.sizes import bound_symbols, evaluated, symbol_sources
from glasshouse.dataflow.placement.wire import Wire
from glasshouse.dataflow.placement.workers import Workers
from glasshouse.dataflow.tracing import Event, Trace, trace_program
from glasshouse.errors import InputError

Outputs = dict[int, Tensor]
"""Outputs of the whole program, by number."""
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
            InputError: If there are not as many processes as devices, or not all of them have the
                same placement.
        """
        devices = placement.cluster.names
        if workers is not None and workers.count != len(devices):
            raise InputError(
                f"{workers.count} processes for {len(devices)} devices ({', '.join(devices)}); "
                f"start {len(devices)} processes"
            )
        self.parts = partition(placement)
        if workers is not None and len(set(workers.exchange(_digest(self.parts)))) > 1:
            raise InputError(
                "the processes have different placements; where costs were measured, take those "
                "of one process everywhere: workers.exchange(costs)[0]"
            )
        self.placement = placement
        self.workers = workers
        self.variables: dict[str, Tensor] = {}
        """What this process keeps from run to run, by placeholder."""
        self._placeholders = [
            node.name for node in placement.program.graph.nodes if node.op == "placeholder"
        ]
        self._sizes = [
            node
            for node in placement.program.graph.nodes
            if node.op == "call_function" and is_size(node)
        ]
        self._moved: dict[tuple[torch.device, str], tuple[Tensor, int, Tensor]] = {}
        self._sources = symbol_sources(placement.program)
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

    def run(self, arguments: Sequence[object]) -> Outputs:
        """Run once; every process calls this with the same arguments.

        Args:
            arguments: One for each placeholder. Variables are read from here in the first run
                only, unless they were restored.

        Returns:
            The program's outputs by number, but for those that variables take, where the results
            are wanted; elsewhere none.

        Raises:
            WorkerLost: If another process has died, failed or fallen silent.
        """
        return self._execute(arguments, _call)

    def trace(self, arguments: Sequence[object]) -> tuple[Outputs, Trace]:
        """Run once and note when each node ran, on every device.

        Returns:
            What `run` returns, and the trace of all devices.
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
            events = [event for theirs in self.workers.exchange(events) for event in theirs]
        return outputs, Trace(events=tuple(events), wall_seconds=wall)

    def _execute(self, arguments: Sequence[object], call: Call) -> Outputs:
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
        self._symbols = bound_symbols(self._sources, arguments)
        for node in self._sizes:
            values[node.name] = evaluated(node.meta["val"], self._symbols)
        return values

    def _run_in_threads(self, values: dict[str, Any], call: Call) -> Outputs:
        """Run the part that returns the results in this thread, the others beside it."""
        assert self._threads is not None
        cluster = self.placement.cluster
        parcels = {p.key: p for part in self.parts for p in part.parcels}
        boxes = Boxes({key: cluster.device(p.receiver).kind for key, p in parcels.items()})

        def run(part: Part) -> Outputs:
            try:
                return self._run_part(part, boxes, values, call)
            except BaseException:
                boxes.stop()
                raise

        home = [part for part in self.parts if part.device == self.placement.results_at]
        away = [self._threads.submit(run, part) for part in self.parts if part not in home]
        return _joined([*(_outcome(run, p) for p in home), *(_outcome(f.result) for f in away)])

    def _run_here(self, workers: Workers, values: dict[str, Any], call: Call) -> Outputs:
        part, cluster = self.parts[workers.rank], self.placement.cluster
        kind = cluster.devices[workers.rank].kind
        channel = Wire(workers, part, cluster.names, self._symbols, kind)
        outputs = self._run_part(part, channel, values, call)
        channel.finish_sends()
        return outputs

    def _run_part(
        self, part: Part, channel: Channel, values: dict[str, Any], call: Call
    ) -> Outputs:
        """Run one device's program; a variable it writes into stays where it was written."""
        device = torch.device(self.placement.cluster.device(part.device).kind)
        inputs = {name: self._at(device, name, values[name]) for name in part.inputs}
        values |= {name: inputs[name] for name in inputs.keys() & self.variable_names}
        with torch.no_grad():
            results = call(part, [channel, *inputs.values()])
        return dict(zip(part.outputs, results, strict=True))

    def _at(self, device: torch.device, name: str, value: object) -> object:
        """An argument on a device; one that has not changed since the last run is there already."""
        if not isinstance(value, Tensor) or value.device == device:
            return value
        known = self._moved.get((device, name))
        if known is None or known[0] is not value or known[1] != value._version:
            known = (value, value._version, value.to(device))
            self._moved[device, name] = known
        return known[2]


def _digest(parts: Sequence[Part]) -> str:
    """What two processes must have in common to run a program together."""
    code = [part.program.code for part in parts]
    numbers = [(parcel.key, parcel.number) for part in parts for parcel in part.parcels]
    return hashlib.sha256(f"{code}{numbers}".encode()).hexdigest()


def _outcome(work: Callable[..., Outputs], *arguments: object) -> Outputs | BaseException:
    """What a part returns, or the error that it ends in."""
    try:
        return work(*arguments)
    except BaseException as error:
        return error


def _joined(outcomes: Sequence[Outputs | BaseException]) -> Outputs:
    """All outputs; or the error that stopped the run, rather than those of who was stopped."""
    errors = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    if errors:
        raise next((error for error in errors if not isinstance(error, Stopped)), errors[0])
    return {k: v for found in outcomes if isinstance(found, dict) for k, v in found.items()}
