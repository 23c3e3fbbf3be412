"""How a study does its work: several trainings at a time, each on one thread, with one progress.

A training on one thread with random streams of its own gives the same numbers whoever trains
beside it, so neither the order nor the number of workers touches a result.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from threading import Lock
from typing import TypeVar

import torch

from glasshouse.errors import InputError
from glasshouse.studies.study import Progress

Job = TypeVar("Job", bound=Hashable)
Found = TypeVar("Found")


def check_device(device: str) -> None:
    """Refuse a device that is not there.

    Raises:
        InputError: If it is a GPU, and there is none.
    """
    if device.startswith("cuda") and not torch.cuda.is_available():
        raise InputError(
            f"device={device!r} is not available here; pass --set device=cpu or choose "
            "--preset small"
        )


class Ticker:
    """Adds up the work of all jobs and reports each whole part of a thousand."""

    def __init__(self, total: int, progress: Progress) -> None:
        """Begin; `total` is all work, in whatever unit it is counted in."""
        self._total, self._progress = max(1, total), progress
        self._done, self._shown, self._lock = 0, -1, Lock()
        self._is_stopped = False

    def stop(self) -> None:
        """Make every job that still counts give up."""
        self._is_stopped = True

    def add(self, work: int, what: str) -> None:
        """Count some work of one job.

        Raises:
            RuntimeError: If the study has ended meanwhile.
        """
        if self._is_stopped:
            raise RuntimeError(f"{what} was stopped because the study ended early")
        with self._lock:
            self._done += work
            shown = min(1_000, 1_000 * self._done // self._total)
            if shown != self._shown:
                self._shown = shown
                self._progress(shown, 1_000, what)


def side_by_side(
    jobs: Iterable[Job], work: Callable[[Job], Found], *, workers: int, ticker: Ticker
) -> dict[Job, Found]:
    """Do several jobs, `workers` at a time, each on one thread; results by job, in their order.

    Args:
        jobs: The longest first, so that none is left to end alone.
        work: Does one; it counts at `ticker`, so that it can be told to give up.
        workers: How many at a time.
        ticker: Counts their work.
    """

    def one(job: Job) -> Found:
        torch.set_num_threads(1)
        return work(job)

    with threads_restored(), ThreadPoolExecutor(workers) as pool:
        futures = {job: pool.submit(one, job) for job in jobs}
        try:
            ended, _ = wait(futures.values(), return_when=FIRST_EXCEPTION)
            for future in ended:
                future.result()  # an error is told before the others are waited for
            return {job: future.result() for job, future in futures.items()}
        except BaseException:
            # Ctrl-C, or an error in one job: the others end at the next work they count.
            ticker.stop()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


@contextmanager
def threads_restored() -> Iterator[None]:
    """Leave torch with as many threads as it had."""
    before = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)
