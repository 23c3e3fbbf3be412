"""Grow all models of the study, some side by side."""

from collections.abc import Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock

import torch

from glasshouse.errors import InputError
from glasshouse.models.config import TransformerConfig
from glasshouse.studies.induction_heads.config import KINDS, InductionConfig
from glasshouse.studies.induction_heads.course import Course, Probe, grow
from glasshouse.studies.study import Progress


@dataclass(frozen=True, kw_only=True, slots=True)
class Nursery:
    """All models of a run."""

    config: InductionConfig
    """What was asked for."""
    seed: int
    """The seed of the run."""
    courses: dict[str, tuple[Course, ...]]
    """By kind, in the order of their numbers; kinds without models are missing."""
    probes: dict[str, Probe]
    """A graph for each kind; kinds of one architecture share it."""

    def of(self, *names: str) -> list[Course]:
        """Courses of some kinds, those without models left out."""
        return [course for name in names for course in self.courses.get(name, ())]

    def has(self, *names: str) -> bool:
        """Whether there are models of all of some kinds."""
        return all(name in self.courses for name in names)


def grow_all(config: InductionConfig, *, seed: int, progress: Progress) -> Nursery:
    """Train every model, the longest first, `workers` at a time on one thread each.

    Every model has its own random streams and runs on one thread, so neither the order nor the
    number of workers touches the results.

    Raises:
        InputError: If the config asks for a device that is not there.
    """
    if config.device.startswith("cuda") and not torch.cuda.is_available():
        raise InputError(
            f"device={config.device!r} is not available here; pass --set device=cpu or choose "
            "--preset small"
        )
    kinds = config.grown
    ticker = _Ticker(sum(kind.models * kind.steps for kind in kinds.values()), progress)
    probes = _probes(config, progress)
    jobs = [(name, number) for name, kind in kinds.items() for number in range(kind.models)]
    jobs.sort(key=lambda job: -kinds[job[0]].steps * kinds[job[0]].layers)

    def one(job: tuple[str, int]) -> Course:
        name, number = job
        torch.set_num_threads(1)
        return grow(
            name,
            number,
            probes[name],
            config,
            seed=seed,
            watched=job == ("two_layers", 0),
            tick=lambda: ticker.add(KINDS[name]),
        )

    with _threads_restored(), ThreadPoolExecutor(config.workers) as pool:
        futures = {job: pool.submit(one, job) for job in jobs}
        try:
            wait(futures.values(), return_when=FIRST_EXCEPTION)
            found = {job: future.result() for job, future in futures.items()}
        except BaseException:
            # Ctrl-C, or an error in one model: the others end at their next step.
            ticker.stop()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    courses = {
        name: tuple(found[name, number] for number in range(kind.models))
        for name, kind in kinds.items()
    }
    return Nursery(config=config, seed=seed, courses=courses, probes=probes)


def _probes(config: InductionConfig, progress: Progress) -> dict[str, Probe]:
    """A graph for each kind; captured before threads start, for torch captures one at a time."""
    by_architecture: dict[TransformerConfig, Probe] = {}
    probes = {}
    for name, kind in config.grown.items():
        progress(0, 1_000, f"capturing {KINDS[name]}")
        architecture = config.architecture(kind)
        if architecture not in by_architecture:
            by_architecture[architecture] = Probe(architecture, device=config.device)
        probes[name] = by_architecture[architecture]
    return probes


@contextmanager
def _threads_restored() -> Iterator[None]:
    """Leave torch with as many threads as it had."""
    before = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)


class _Ticker:
    """Counts the steps of all models and reports each whole part of a thousand."""

    def __init__(self, total: int, progress: Progress) -> None:
        self._total, self._progress = max(1, total), progress
        self._done, self._shown, self._lock = 0, -1, Lock()
        self._is_stopped = False

    def stop(self) -> None:
        """Make every worker that still counts give up."""
        self._is_stopped = True

    def add(self, what: str) -> None:
        """Count one step."""
        if self._is_stopped:
            raise RuntimeError(f"{what} was stopped because the study ended early")
        with self._lock:
            self._done += 1
            shown = min(1_000, 1_000 * self._done // self._total)
            if shown != self._shown:
                self._shown = shown
                self._progress(shown, 1_000, what)
