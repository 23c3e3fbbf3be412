"""What logging six metrics every step costs a training loop, beside having no log at all.

Every round trains the same small network for the same steps once with each log, in an order
shuffled anew. A log is open before the loop and closed after it; what is timed is the loop.

    none          no log
    notebook      MetricLog: an append; a thread writes stretches of curves to LMDB, each commit
                  brought to the disk
    jsonl         a JSON line handed to the operating system each step: a run folder's own file
    csv           csv.writer into a buffered file, flushed each step
    tensorboard   SummaryWriter.add_scalar six times; its thread writes to a file

`call` is the time spent inside the logging call, median over all steps: what the loop cannot avoid.
`loop` is the time of a step with the log less that of one without in the same round: it contains
what the log's thread takes from the loop, and the noise of the machine, which `spread` shows.
`cpu` is the processor time that logging takes in all threads together, measured in a loop that
sleeps between steps instead of training: what the loop can lose at most, on a single core.
`closing` is what the end of the run waits for. Figures are medians over rounds, in microseconds a
step, closing in milliseconds. What they do not show: several runs that write to one notebook.

    python -m benchmarks.notebook.bench_metrics [--rounds 9] [--steps 1500] [--width 128]
"""

import argparse
import csv
import json
import os
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from glasshouse.notebook import MetricLog, Notebook
from glasshouse.training.metrics import MetricsFile, StepResult

Log = Callable[[int, float], None]
"""Takes a step and its loss."""


def measured(step: int, loss: float) -> dict[str, float]:
    return {
        "loss": loss,
        "lr": 1e-3,
        "grad_norm": 1.0 + loss,
        "tokens": float(step * 512),
        "tokens_per_second": 1000.0 + step,
        "temperature": 1.0,
    }


@contextmanager
def no_log(folder: Path) -> Iterator[Log]:
    yield lambda step, loss: None


@contextmanager
def notebook_log(folder: Path) -> Iterator[Log]:
    with Notebook.open(f"lmdb:{folder / 'notes'}") as notebook, MetricLog(notebook, "run") as log:
        yield lambda step, loss: log.add(step, measured(step, loss))
        assert log.failure is None


@contextmanager
def jsonl_log(folder: Path) -> Iterator[Log]:
    file = MetricsFile(folder / "metrics.jsonl")

    def log(step: int, loss: float) -> None:
        file.append(
            StepResult(
                step=step,
                loss=loss,
                lr=1e-3,
                grad_norm=1.0 + loss,
                tokens=step * 512,
                tokens_per_second=1000.0 + step,
            )
        )

    yield log
    file.close()


@contextmanager
def csv_log(folder: Path) -> Iterator[Log]:
    with (folder / "metrics.csv").open("w", newline="") as file:
        writer = csv.writer(file)

        def log(step: int, loss: float) -> None:
            writer.writerow([step, *measured(step, loss).values()])
            file.flush()

        yield log


@contextmanager
def tensorboard_log(folder: Path) -> Iterator[Log]:
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(folder / "tb")) as writer:

        def log(step: int, loss: float) -> None:
            for name, value in measured(step, loss).items():
                writer.add_scalar(name, value, step)

        yield log


LOGS = {
    "none": no_log,
    "notebook": notebook_log,
    "jsonl": jsonl_log,
    "csv": csv_log,
    "tensorboard": tensorboard_log,
}


def train(log: Log, *, steps: int, width: int) -> tuple[float, list[float]]:
    """Seconds of the loop, and of each logging call."""
    torch.manual_seed(0)
    network = torch.nn.Sequential(
        torch.nn.Linear(width, 4 * width), torch.nn.GELU(), torch.nn.Linear(4 * width, width)
    )
    optimizer = torch.optim.AdamW(network.parameters())
    inputs = torch.randn(64, width)
    clock, calls = time.perf_counter, []
    began = clock()
    for step in range(1, steps + 1):
        optimizer.zero_grad()
        loss = (network(inputs) - inputs).square().mean()
        loss.backward()
        optimizer.step()
        value = loss.item()
        before = clock()
        log(step, value)
        calls.append(clock() - before)
    return clock() - began, calls


def one_turn(name: str, *, steps: int, width: int) -> tuple[float, float, float]:
    """Seconds a step of the loop, seconds of the median call, seconds of closing."""
    folder = Path(tempfile.mkdtemp(prefix="bench-metrics-"))
    try:
        context = LOGS[name](folder)
        log = context.__enter__()
        loop, calls = train(log, steps=steps, width=width)
        began = time.perf_counter()
        context.__exit__(None, None, None)
        return loop / steps, statistics.median(calls), time.perf_counter() - began
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def processor_time(name: str, *, steps: int) -> float:
    """Seconds of processor time a step of logging alone, the log's thread and the end included."""
    folder = Path(tempfile.mkdtemp(prefix="bench-metrics-"))
    try:
        context = LOGS[name](folder)
        log = context.__enter__()
        opened = time.process_time()
        for step in range(1, steps + 1):
            time.sleep(0.001)
            log(step, 1 / step)
        context.__exit__(None, None, None)
        return (time.process_time() - opened) / steps
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--steps", type=int, default=1500, help="in one turn")
    parser.add_argument("--width", type=int, default=128, help="of the network")
    parser.add_argument("--quick", action="store_true", help="a smoke test, not a measurement")
    options, _ = parser.parse_known_args()
    if options.quick:
        options.rounds, options.steps = 2, 100
    torch.set_num_threads(1)
    turns: dict[str, list[tuple[float, float, float]]] = {name: [] for name in LOGS}
    alone: dict[str, list[float]] = {name: [] for name in LOGS}
    shuffler, order = random.Random(0), list(LOGS)
    for number in range(options.rounds + 1):
        shuffler.shuffle(order)
        for name in order:
            turn = one_turn(name, steps=options.steps, width=options.width)
            spent = processor_time(name, steps=options.steps)
            if number:  # the first round warms up
                turns[name].append(turn)
                alone[name].append(spent)
    bare = [loop for loop, _, _ in turns["none"]]
    figures = {}
    for name, some in turns.items():
        over = sorted((loop - base) * 1e6 for (loop, _, _), base in zip(some, bare, strict=True))
        figures[name] = {
            "call_us": round(statistics.median(call for _, call, _ in some) * 1e6, 2),
            "cpu_us": round(
                statistics.median(
                    (mine - base) * 1e6
                    for mine, base in zip(alone[name], alone["none"], strict=True)
                ),
                1,
            ),
            "loop_us": round(statistics.median(over), 1),
            "spread_us": [round(over[0], 1), round(over[-1], 1)],
            "closing_ms": round(statistics.median(closing for _, _, closing in some) * 1e3, 1),
        }
        print(f"{name:12} {figures[name]}", file=sys.stderr)
    record = {
        "benchmark": "metrics",
        "rounds": options.rounds,
        "steps": options.steps,
        "step_us_without": round(statistics.median(bare) * 1e6, 1),
        "cores": os.cpu_count(),
        "figures": figures,
    }
    print(json.dumps(record))


if __name__ == "__main__":
    main()
