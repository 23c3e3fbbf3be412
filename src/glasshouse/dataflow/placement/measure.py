"""Speeds that are measured rather than assumed: of a device, of its links, of a program's nodes."""

import statistics
import time
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, fx

from glasshouse.dataflow.placement.devices import Device, Link
from glasshouse.dataflow.placement.workers import Workers
from glasshouse.dataflow.tracing import trace_program

_SIDE = 512
_LARGE = 2**22
"""Numbers in a message or copy that is long enough to hide how it starts."""
_TAG = 2**20 - 1


def measured_device(name: str, *, kind: str = "cpu", repeats: int = 5) -> Device:
    """Time a product, a copy and the smallest of operations in this process.

    Args:
        name: What to call the device.
        kind: Where torch puts its tensors.
        repeats: The fastest of so many counts, since others only disturb.
    """
    square = torch.ones(_SIDE, _SIDE, device=kind)
    large, small = torch.ones(_LARGE, device=kind), torch.ones(1, device=kind)
    target = torch.empty_like(large)
    call = _fastest(lambda: small.add(small), small, repeats)
    product = _fastest(lambda: square @ square, small, repeats)
    copy = _fastest(lambda: target.copy_(large), small, repeats)
    return Device(
        name=name,
        kind=kind,
        flops_per_second=2 * _SIDE**3 / max(product - call, 1e-9),
        bytes_per_second=2 * 4 * _LARGE / max(copy - call, 1e-9),
        call_seconds=call,
    )


def measured_link(workers: Workers, *, repeats: int = 5) -> Link:
    """Time a short and a long message from the first process to the second and back.

    Every process calls this; the others get what the first two found.
    """
    short, long = (
        min(_round_trip(workers, torch.zeros(count)) for _ in range(repeats)) / 2
        for count in (1, _LARGE)
    )
    short, long = workers.exchange((short, long))[0]
    return Link(latency_seconds=short, bytes_per_second=4 * _LARGE / max(long - short, 1e-9))


def measured_seconds(
    program: fx.GraphModule, arguments: Sequence[object], *, repeats: int = 5
) -> dict[str, float]:
    """The median time of every node over several traced runs, after one that warms up.

    Goes into `Options.measured` under the name of the device that this process is.
    """
    times: dict[str, list[float]] = {}
    for _ in range(repeats + 1):
        _, trace = trace_program(program, arguments, costs={})
        for event in trace.events:
            times.setdefault(event.node, []).append(event.seconds)
    return {node: statistics.median(taken[1:]) for node, taken in times.items()}


def _fastest(work: Callable[[], Tensor], probe: Tensor, repeats: int) -> float:
    """Seconds of one call, from the fastest of some runs of ten."""
    taken = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        for _ in range(10):
            work()
        probe.sum().item()  # waits until a GPU has done all this
        taken.append((time.perf_counter() - start) / 10)
    return min(taken[1:])


def _round_trip(workers: Workers, message: Tensor) -> float:
    """Seconds there and back; 0 in processes that do not take part."""
    start = time.perf_counter()
    for sender in (0, 1):
        if workers.rank == sender:
            work = workers.send(message, to=1 - sender, tag=_TAG)
        elif workers.rank == 1 - sender:
            work = workers.receive(message, source=sender, tag=_TAG)
        else:
            return 0.0
        workers.finish(work, peer=1 - workers.rank)
    return time.perf_counter() - start
