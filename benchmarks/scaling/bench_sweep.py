"""How much faster a sweep's trials train as populations than one after another.

24 trials (four shapes, six learning rates each) are trained by `scaling.run_sweep` in this process
on one thread: once with all trials of a shape as one program, once with a population of one. The
two alternate, and which goes first does too; the ratio is that of medians, in CPU seconds and by
the clock. The trials, their batches and their losses are the same, which is checked.

Prints one JSON line. What it does not show: several processes, GPUs, and shapes so large that their
matrices alone fill a core, where there is nothing left to gain.

    python benchmarks/scaling/bench_sweep.py [--steps 20] [--batch 8] [--repeats 3]
        [--widths 8 16] [--layers 1 2] [--replicas 6]
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from glasshouse.scaling import Shape, ShardWork, SweepPlan, Trial, run_sweep
from glasshouse.training import EncodedDocument, write_shards

VOCABULARY, CONTEXT = 97, 32


def plan_of(options: argparse.Namespace) -> SweepPlan:
    """Every shape with as many learning rates as there are replicas."""
    trials = tuple(
        Trial(
            shape=Shape(d_model=width, num_layers=layers, vocab_size=VOCABULARY, context=CONTEXT),
            steps=options.steps,
            batch=options.batch,
            lr=lr,
        )
        for width in options.widths
        for layers in options.layers
        for lr in np.geomspace(3e-3, 3e-2, options.replicas).round(5).tolist()
    )
    return SweepPlan(trials=trials, budget=1e18, base_width=min(options.widths))


def write_text(folder: Path, name: str, length: int) -> Path:
    """A walk over the vocabulary that a model can learn something of."""
    rng = np.random.default_rng(length)
    ids = np.cumsum(1 + rng.integers(0, 3, length)) % VOCABULARY
    write_shards(folder / name, [EncodedDocument(ids=ids, kind="walk")])
    return folder / name


def timed(
    plan: SweepPlan, folder: Path, work: ShardWork, largest: int
) -> tuple[float, float, dict[str, float]]:
    """CPU seconds, seconds by the clock, and the last loss of each trial."""
    cpu, clock = time.process_time(), time.perf_counter()
    records = list(run_sweep(plan, folder, work, largest_population=largest))
    spent = time.process_time() - cpu, time.perf_counter() - clock
    return *spent, {one.trial.name: one.curve[-1].loss for one in records}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--widths", type=int, nargs="+", default=[8, 16])
    parser.add_argument("--layers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--replicas", type=int, default=6)
    options = parser.parse_args()
    torch.set_num_threads(1)
    plan = plan_of(options)
    sizes = {"population": options.replicas, "one_by_one": 1}
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in sizes}
    losses: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        work = ShardWork(
            train=write_text(folder, "train", 100_000),
            held_out=write_text(folder, "held-out", 5_000),
            moments=2,
            held_out_windows=32,
        )
        for turn in range(-1, options.repeats):  # the first warms up and is not counted
            for name in list(sizes) if turn % 2 else list(reversed(sizes)):
                cpu, clock, losses[name] = timed(plan, folder / f"{name}-{turn}", work, sizes[name])
                if turn >= 0:
                    spent[name].append((cpu, clock))
    apart = max(abs(losses["population"][k] / v - 1) for k, v in losses["one_by_one"].items())
    if apart > 1e-2:
        raise SystemExit(
            f"the losses of the two differ by {apart:.1%}, so that nothing is compared"
        )
    record: dict[str, object] = {
        "benchmark": "scaling-sweep",
        "trials": len(plan.trials),
        "params": sorted({trial.shape.params for trial in plan.trials}),
        "steps": options.steps,
        "batch": options.batch,
        "replicas": options.replicas,
        "repeats": options.repeats,
        "largest_difference_of_losses": float(f"{apart:.1e}"),
    }
    for place, unit in enumerate(("cpu", "clock")):
        medians = {
            name: statistics.median(one[place] for one in times) for name, times in spent.items()
        }
        record[f"{unit}_seconds"] = {name: round(value, 2) for name, value in medians.items()}
        record[f"{unit}_spread"] = {
            name: [round(min(t[place] for t in times), 2), round(max(t[place] for t in times), 2)]
            for name, times in spent.items()
        }
        record[f"times_faster_{unit}"] = round(medians["one_by_one"] / medians["population"], 2)
    print(json.dumps(record))


if __name__ == "__main__":
    main()
