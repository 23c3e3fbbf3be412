"""Run a plan: populations one after another, in local processes, or on Ray; resumable.

Workers only compute. What they return is written here, one whole file a trial, so a killed worker
costs its population, which is given to another, and a killed sweep costs what was under way.
"""

import multiprocessing
import os
import threading
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Literal, Protocol, get_args, runtime_checkable

from glasshouse.errors import InputError
from glasshouse.scaling.plans import SweepPlan, Trial, populations
from glasshouse.scaling.records import TrialRecord, finished, keep, open_sweep

Engine = Literal["serial", "processes", "ray"]
ATTEMPTS = 3
"""Workers that a population may lose before its trials count as failed."""


@runtime_checkable
class Work(Protocol):
    """Trains one population. Other processes are sent it, so it must be picklable."""

    def __call__(self, plan: SweepPlan, trials: Sequence[Trial]) -> list[TrialRecord]:
        """One record a trial, in order."""
        ...


def run_sweep(
    plan: SweepPlan,
    folder: Path,
    work: Work,
    *,
    engine: Engine | str = "serial",
    workers: int = 2,
    largest_population: int = 32,
) -> Generator[TrialRecord, None, None]:
    """Train what is not yet trained of a plan, yielding records as they are kept.

    Closing the generator ends its workers.

    Args:
        plan: What to run.
        folder: Where records go; a sweep of the same plan goes on there.
        work: How a population is trained.
        engine: In this process; in local processes; or on Ray.
        workers: Populations at once, where there are several processes.
        largest_population: Most trials of one program.

    Raises:
        InputError: If the folder or the engine cannot be used.
    """
    check_engine(engine, workers)
    open_sweep(folder, plan)
    done = finished(folder)
    left = [trial for trial in plan.trials if trial.name not in done]
    groups = populations(left, largest=largest_population)
    if engine == "serial":
        outcomes = (work(plan, group) for group in groups)
    elif engine == "processes":
        outcomes = _in_processes(plan, groups, work, workers)
    else:
        from glasshouse.scaling.ray_engine import on_ray

        outcomes = on_ray(plan, groups, work, workers=workers)
    for records in outcomes:
        for record in records:
            keep(folder, record)
            yield record


def check_engine(engine: str, workers: int) -> None:
    """Refuse an engine that there is not, or one without workers.

    Raises:
        InputError: If so.
    """
    if engine not in get_args(Engine):
        raise InputError(f"engine={engine!r} must be one of {', '.join(get_args(Engine))}")
    if workers < 1:
        raise InputError(f"workers={workers} must be at least 1")


def lost(group: Sequence[Trial], reason: str) -> list[TrialRecord]:
    """Records of a population that no worker could train."""
    return [TrialRecord(trial=trial, failure=reason) for trial in group]


def _in_processes(
    plan: SweepPlan, groups: Sequence[tuple[Trial, ...]], work: Work, workers: int
) -> Iterator[list[TrialRecord]]:
    """Outcomes as they come; what was in a pool that broke is tried again in a new one."""
    attempts: Counter[int] = Counter()
    left = list(range(len(groups)))
    while left:
        # once a pool broke, one at a time: so that who breaks it is known, and pays alone
        at_once = 1 if attempts else workers
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(
            at_once, mp_context=context, initializer=_end_with_the_sweep
        ) as pool:
            tasks: dict[Future[list[TrialRecord]], int] = {}
            try:
                waiting = list(left)
                while waiting or tasks:
                    while waiting and len(tasks) < at_once:
                        place = waiting.pop(0)
                        tasks[pool.submit(work, plan, groups[place])] = place
                    for task in wait(tasks, return_when=FIRST_COMPLETED).done:
                        place = tasks[task]
                        records = task.result()
                        del tasks[task]
                        left.remove(place)
                        yield records
            except BrokenProcessPool:
                attempts.update(tasks.values())
        for place in [one for one in left if attempts[one] >= ATTEMPTS]:
            left.remove(place)
            yield lost(groups[place], f"its worker died ({ATTEMPTS} of {ATTEMPTS} attempts)")


def _end_with_the_sweep() -> None:
    """Have a worker end when the sweep's process does: one that was killed cannot tell it to."""
    sweep = multiprocessing.parent_process()
    assert sweep is not None

    def wait_for_the_end() -> None:
        sweep.join()
        os._exit(1)

    threading.Thread(target=wait_for_the_end, name="end-with-the-sweep", daemon=True).start()
