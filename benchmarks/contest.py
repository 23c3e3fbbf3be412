"""A contest: several ways of doing one job, checked against one answer, timed in turns.

Every round runs every contender once, in an order shuffled anew, and the raw run that all are
compared with among them. A contender's figure is the median over rounds of its time over the raw
run's time in the same round, so that a machine that is slow for a minute is slow for everybody.
Times are CPU seconds of the process (seconds by the clock on a GPU); both are recorded. Where a run
is short, a turn is one run that is not timed and three that are: somebody who explores finds the
weights in the processor's cache, not those of the contender before.
Before anything is timed, every contender's answer is compared with the job's.
"""

import argparse
import gc
import importlib.metadata
import json
import os
import random
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

Run = Callable[[], Sequence[Tensor]]
"""Does the job once and returns the tensors that answer it."""

SHORT_SECONDS, RUNS_OF_A_SHORT_TURN = 0.05, 3

RAW, OURS = "raw", "glasshouse"
"""Names of the run that every other is compared with, and of ours."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """One question, the answer everybody must give, and those who give it."""

    name: str
    """What is asked."""
    answer: Sequence[Tensor]
    """The right tensors; what a contender returns must be equal to these, one by one."""
    runs: Mapping[str, Run]
    """Contenders by name."""
    target: float | None = None
    """The figure that `glasshouse` should not exceed, or none."""
    notes: Mapping[str, str] = field(default_factory=dict)
    """What a reader must know of a contender, by its name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Times:
    """Seconds of one contender, round by round."""

    cpu: list[float] = field(default_factory=list)
    """CPU time of this process, all threads together."""
    wall: list[float] = field(default_factory=list)
    """Time by the clock."""


def contest_options(
    description: str | None,
    *,
    rounds: int,
    quick_rounds: int = 3,
    shapes: Sequence[str] = (),
) -> argparse.Namespace:
    """Read the options that all contests share; `shapes` are the default ones, such as `16x128`."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--rounds", type=int, default=rounds, help="timed rounds")
    parser.add_argument("--quick", action="store_true", help="a smoke test, not a measurement")
    parser.add_argument("--threads", type=int, default=1, help="threads torch may use")
    parser.add_argument("--device", default="cpu", help="cpu, or cuda where there is one")
    parser.add_argument("--tolerance", type=float, default=1e-4, help="largest allowed difference")
    parser.add_argument("--seed", type=int, default=0, help="orders the turns")
    if shapes:
        parser.add_argument("--shapes", nargs="+", default=list(shapes), help="batch x tokens")
    options = parser.parse_args()
    if options.quick:
        options.rounds = quick_rounds
    torch.set_num_threads(options.threads)
    return options


def check_answers(jobs: Sequence[Job], tolerance: float) -> dict[str, dict[str, float]]:
    """Largest absolute difference of every contender from its job's answer.

    Raises:
        SystemExit: If somebody is wrong: a benchmark that times a wrong answer is worthless.
    """
    worst: dict[str, dict[str, float]] = {}
    for job in jobs:
        worst[job.name] = {}
        for who, run in job.runs.items():
            given = list(run())
            if len(given) != len(job.answer):
                sys.exit(f"{job.name}: {who} returned {len(given)} tensors of {len(job.answer)}")
            difference = max(map(distance, given, job.answer))
            if not difference <= tolerance:
                sys.exit(f"{job.name}: {who} is off by {difference:g}, more than {tolerance:g}")
            worst[job.name][who] = difference
    return worst


def distance(given: Tensor, expected: Tensor) -> float:
    """Largest absolute difference; infinite where the shapes differ."""
    if given.shape != expected.shape:
        print(f"shape {tuple(given.shape)}, expected {tuple(expected.shape)}", file=sys.stderr)
        return float("inf")
    return (given - expected).abs().max().item()


def take_turns(
    jobs: Sequence[Job], raw: Run, options: argparse.Namespace, *, warmup: int = 3
) -> dict[tuple[str, str], Times]:
    """Time every contender of every job, and `raw`, once a round in shuffled order."""
    entries: dict[tuple[str, str], Run] = {(RAW, RAW): raw}
    for job in jobs:
        entries |= {(job.name, who): run for who, run in job.runs.items()}
    times = {key: Times() for key in entries}
    runs = runs_a_turn(raw, options.device)
    shuffler, order = random.Random(options.seed), list(entries)
    gc.collect()
    gc.freeze()  # what setting up has left behind is not walked through during somebody's turn
    for index in range(warmup + options.rounds):
        shuffler.shuffle(order)
        for key in order:
            if runs > 1:
                entries[key]()
            cpu, wall = seconds(entries[key], options.device, runs)
            if index >= warmup:
                times[key].cpu.append(cpu)
                times[key].wall.append(wall)
    gc.unfreeze()
    return times


def runs_a_turn(raw: Run, device: str) -> int:
    """How many timed runs make one turn: several where a run is short."""
    raw()
    return RUNS_OF_A_SHORT_TURN if seconds(raw, device)[1] < SHORT_SECONDS else 1


def seconds(run: Run, device: str, times: int = 1) -> tuple[float, float]:
    """CPU seconds and seconds by the clock of one run, the mean of so many."""
    is_cuda = device.startswith("cuda")
    if is_cuda:
        torch.cuda.synchronize()
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(times):
        run()
    if is_cuda:
        torch.cuda.synchronize()
    return (time.process_time() - cpu) / times, (time.perf_counter() - wall) / times


def figures(
    jobs: Sequence[Job], times: Mapping[tuple[str, str], Times], *, clock: str
) -> dict[str, dict[str, dict[str, float]]]:
    """For every job and contender: median ratio to raw, its quartiles, and median seconds.

    `over_ours` is the same ratio to the job's contender `glasshouse`, where it has one.
    """
    raw = getattr(times[RAW, RAW], clock)
    found: dict[str, dict[str, dict[str, float]]] = {}
    for job in jobs:
        seconds_of = {who: getattr(times[job.name, who], clock) for who in job.runs}
        found[job.name] = {who: figure(values, raw) for who, values in seconds_of.items()}
        for who, values in seconds_of.items():
            if OURS in seconds_of:
                found[job.name][who]["over_ours"] = figure(values, seconds_of[OURS])["ratio"]
    return found


def figure(values: Sequence[float], others: Sequence[float]) -> dict[str, float]:
    """Median and quartiles of the ratios round by round, and the median time itself."""
    ratios = [mine / theirs for mine, theirs in zip(values, others, strict=True)]
    several = ratios if len(ratios) > 1 else 2 * ratios
    low, median, high = statistics.quantiles(several, n=4, method="inclusive")
    return {
        "ratio": round(median, 4),
        "low": round(low, 4),
        "high": round(high, 4),
        "seconds": round(statistics.median(values), 6),
    }


def compete(
    title: str, jobs: Sequence[Job], raw: Run, options: argparse.Namespace, *, warmup: int = 3
) -> dict[str, object]:
    """Check, time, print the table to standard error; return the record for the JSON line."""
    differences = check_answers(jobs, options.tolerance)
    times = take_turns(jobs, raw, options, warmup=warmup)
    clock = "wall" if options.device.startswith("cuda") else "cpu"
    found = figures(jobs, times, clock=clock)
    seconds_of_raw = statistics.median(getattr(times[RAW, RAW], clock))
    print_table(f"{title}; raw takes {seconds_of_raw * 1e3:.4g} ms", jobs, found)
    other = "cpu" if clock == "wall" else "wall"
    return {
        "title": title,
        "clock": clock,
        "raw_seconds": round(seconds_of_raw, 6),
        "figures": found,
        f"{other}_ratios": {
            job: {who: value["ratio"] for who, value in row.items()}
            for job, row in figures(jobs, times, clock=other).items()
        },
        "targets": {job.name: job.target for job in jobs if job.target is not None},
        "largest_difference": differences,
        "notes": {job.name: dict(job.notes) for job in jobs if job.notes},
    }


def print_table(
    title: str, jobs: Sequence[Job], found: Mapping[str, Mapping[str, Mapping[str, float]]]
) -> None:
    """One line a contender: ratio to raw, its quartiles, milliseconds, ratio to ours."""
    print(f"\n{title}", file=sys.stderr)
    for job in jobs:
        target = "" if job.target is None else f"   (target {job.target})"
        print(f"  {job.name}{target}", file=sys.stderr)
        for who, value in sorted(found[job.name].items(), key=lambda item: item[1]["ratio"]):
            spread = f"{value['low']:.3f}-{value['high']:.3f}"
            ours = f"{value['over_ours']:>7.2f} x ours" if "over_ours" in value else ""
            note = f"   {job.notes[who]}" if who in job.notes else ""
            print(
                f"    {who:<34}{value['ratio']:>8.3f}  {spread:>13}"
                f"{value['seconds'] * 1e3:>10.2f} ms{ours}{note}",
                file=sys.stderr,
            )


def print_record(
    name: str, options: argparse.Namespace, parts: Sequence[Mapping[str, object]]
) -> None:
    """Print the one JSON line of a benchmark."""
    record = {"benchmark": name, **vars(options), **machine(), "parts": parts}
    print(json.dumps(record))


def machine() -> dict[str, object]:
    """Versions of those who took part, and how busy the machine was at the end."""
    packages = ("torch", "transformers", "transformer-lens", "nnsight", "glasshouse")
    return {
        "versions": {name: version(name) for name in packages},
        "load_average": [round(load, 2) for load in os.getloadavg()],
        "cores": os.cpu_count(),
    }


def version(package: str) -> str | None:
    """Version of an installed package, None if it is absent."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
