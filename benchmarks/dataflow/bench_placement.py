"""What it costs to split a program over two processes, against running it in one.

Two programs, each process with one thread, gloo on loopback:

- `chain`: a Transformer whose first half of blocks runs in one process and the second in the
  other. A chain gains nothing from a second process: the difference is the price of the split, to
  be paid where the weights do not fit in one memory.
- `branches`: two Transformers that read the same tokens, their logits averaged. Here a second
  process can halve the time.

Ways: the plan in one process; the same plan cut in two, a thread each; in two processes; in two
processes with 16 bits a number on the way. They take turns in every round while the idle process
waits. `estimated` is what the cost model says, with speeds of the device and the link measured
just before. At last the second process kills itself, and `seconds_to_notice` is how long the first
goes on before it knows. Prints one JSON line a program.

    python benchmarks/dataflow/bench_placement.py [--rounds 15] [--layers 6] [--width 256]
"""

import argparse
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor, nn

from glasshouse.dataflow import Graph
from glasshouse.dataflow.placement import (
    Cluster,
    Constraint,
    Options,
    PlacedPlan,
    WorkerLost,
    Workers,
    joined_workers,
    on,
    place_plan,
)
from glasshouse.dataflow.placement.devices import Device
from glasshouse.dataflow.placement.measure import measured_device, measured_link
from glasshouse.models import Transformer
from glasshouse.models.config import gpt

VOCAB, BATCH, LENGTH = 4096, 8, 128


class Average(nn.Module):
    """Two models of the same tokens."""

    def __init__(self, first: nn.Module, second: nn.Module) -> None:
        super().__init__()
        self.first, self.second = first, second

    def forward(self, ids: Tensor) -> Tensor:
        """Half of each one's logits."""
        return (self.first(ids) + self.second(ids)) / 2


def program(name: str, layers: int, width: int) -> tuple[nn.Module, list[Constraint]]:
    """A module, and where its parts shall run."""
    config = gpt(VOCAB, context=LENGTH, num_layers=layers, d_model=width, num_heads=4)
    if name == "chain":
        half = layers // 2
        return Transformer(config), [
            *(on(f"blocks.{i}", "one" if i < half else "two") for i in range(layers)),
            on("embed", "one"),
            on("unembed", "one"),
        ]
    models = [Transformer(config, generator=torch.Generator().manual_seed(i)) for i in range(2)]
    return Average(*models), [on("first", "one"), on("second", "two")]


def in_turns(
    ways: dict[str, Callable[[], object]], alone: set[str], workers: Workers, rounds: int
) -> dict[str, list[float]]:
    """Seconds of each way in each round; ways of one process run in the first alone."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds + 1):
        for name, way in ways.items():
            workers.wait()
            start = time.perf_counter()
            if workers.rank == 0 or name not in alone:
                way()
            taken[name].append(time.perf_counter() - start)
    return {name: seconds[1:] for name, seconds in taken.items()}


def measure(name: str, workers: Workers, options: argparse.Namespace) -> dict[str, object]:
    module, wishes = program(name, options.layers, options.width)
    ids = torch.randint(0, VOCAB, (BATCH, LENGTH), generator=torch.Generator().manual_seed(0))
    plan = Graph.capture(module.eval(), ids).plan("unembed" if name == "chain" else "output")
    device: Device = workers.exchange(measured_device("one"))[0]
    cluster = Cluster(devices=(device, replace(device, name="two")), link=measured_link(workers))
    placements = {
        way: place_plan(plan, ids, cluster, wishes, options=Options(compress=way == "16 bits"))
        for way in ("threads", "processes", "16 bits")
    }
    whole = place_plan(plan, ids, Cluster(devices=(device,)))
    placed = {
        way: PlacedPlan(plan, placement, workers=None if way == "threads" else workers)
        for way, placement in placements.items()
    }
    ways: dict[str, Callable[[], object]] = {"one": lambda: plan.run(ids)}
    ways |= {way: lambda run=run: run.run(ids) for way, run in placed.items()}
    taken = in_turns(ways, {"one", "threads"}, workers, options.rounds)
    medians = {way: statistics.median(seconds) for way, seconds in taken.items()}
    (exact,) = plan.run(ids).values()
    found = {way: next(iter(run.run(ids).values()), exact) for way, run in placed.items()}
    error = (found["16 bits"] - exact).abs().max() / exact.abs().max()
    return {
        "benchmark": "placement",
        "program": name,
        "layers": options.layers,
        "width": options.width,
        "batch": [BATCH, LENGTH],
        "torch": torch.__version__,
        "rounds": options.rounds,
        "seconds": {way: round(value, 4) for way, value in medians.items()},
        "spread": {way: [round(min(t), 4), round(max(t), 4)] for way, t in taken.items()},
        "relative_to_one": {way: round(v / medians["one"], 2) for way, v in medians.items()},
        "estimated": {"one": round(whole.estimated_seconds, 4)}
        | {way: round(p.estimated_seconds, 4) for way, p in placements.items()},
        "bytes_sent": {way: p.bytes_sent for way, p in placements.items()},
        "link": [cluster.link.latency_seconds, cluster.link.bytes_per_second],
        "same_bits": all(torch.equal(found[way], exact) for way in ("threads", "processes")),
        "error_of_16_bits": round(error.item(), 5),
    }


def seconds_to_notice(workers: Workers, options: argparse.Namespace) -> float:
    """Let the second process die in the middle of the runs of a chain."""
    module, wishes = program("chain", 2, 64)
    ids = torch.zeros(BATCH, LENGTH, dtype=torch.long)
    plan = Graph.capture(module.eval(), ids).plan("unembed")
    cluster = Cluster(devices=(Device(name="one"), Device(name="two")))
    run = PlacedPlan(plan, place_plan(plan, ids, cluster, wishes), workers=workers)
    death = workers.exchange(time.monotonic() + 1.0)[1]
    try:
        while True:
            run.run(ids)
            if workers.rank == 1 and time.monotonic() > death:
                os.kill(os.getpid(), signal.SIGKILL)
    except WorkerLost:
        return time.monotonic() - death


def work(options: argparse.Namespace) -> None:
    torch.set_num_threads(1)
    try:
        with joined_workers() as workers:
            for name in ("chain", "branches"):
                line = measure(name, workers, options)
                if workers.rank == 0:
                    print(json.dumps(line), flush=True)
            print(json.dumps({"seconds_to_notice": round(seconds_to_notice(workers, options), 3)}))
    except WorkerLost:
        pass


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--width", type=int, default=256)
    options = parser.parse_args()
    if "RANK" in os.environ:
        work(options)
        return
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2"}
    workers = [
        subprocess.Popen([sys.executable, *sys.argv], env=os.environ | shared | {"RANK": str(rank)})
        for rank in range(2)
    ]
    statuses = [worker.wait() for worker in workers]
    sys.exit(statuses[0])  # the second kills itself


if __name__ == "__main__":
    main()
