"""The study itself: grow every population, judge every claim, write chapters."""

from collections.abc import Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

import torch

from glasshouse.errors import InputError
from glasshouse.studies.catalogue import STUDIES
from glasshouse.studies.claims import ClaimResult, Verdict
from glasshouse.studies.engineered_monosemanticity.config import (
    MonosemanticityConfig,
    paper,
    small,
)
from glasshouse.studies.engineered_monosemanticity.grow import Nursery
from glasshouse.studies.engineered_monosemanticity.judge import judge_all
from glasshouse.studies.engineered_monosemanticity.measure import Grown, measure
from glasshouse.studies.engineered_monosemanticity.neuron_figures import neuron_chapter
from glasshouse.studies.engineered_monosemanticity.seen import Seen
from glasshouse.studies.engineered_monosemanticity.settings import Setting, all_settings
from glasshouse.studies.engineered_monosemanticity.settings_figures import settings_chapter
from glasshouse.studies.engineered_monosemanticity.sweep_figures import sweep_chapter
from glasshouse.studies.study import Findings, Progress, Study

_Job = tuple[str, int]
"""Name of a setting, number of a projection."""


def run(
    config: MonosemanticityConfig,
    *,
    seed: int,
    progress: Progress,
    workspace: Path | None = None,
) -> Findings:
    """Grow every population and judge every claim; nothing is kept in a workspace.

    Raises:
        InputError: If the config asks for a device that is not there.
    """
    if config.device.startswith("cuda") and not torch.cuda.is_available():
        raise InputError(
            f"device={config.device!r} is not available here; pass --set device=cpu or choose "
            "--preset small"
        )
    settings = {setting.name: setting for setting in all_settings(config)}
    seen = Seen(
        config=config,
        seed=seed,
        settings=settings,
        grown=_grow_all(settings, config, seed=seed, progress=progress),
    )
    progress(1_000, 1_000, "judging")
    claims = judge_all(seen)
    return Findings(
        claims=tuple(claims),
        sections=(sweep_chapter(seen), neuron_chapter(seen), settings_chapter(seen)),
        headline=_headline(claims),
    )


def _grow_all(
    settings: dict[str, Setting], config: MonosemanticityConfig, *, seed: int, progress: Progress
) -> dict[str, tuple[Grown, ...]]:
    """Train all populations, the longest first, `workers` at a time on one thread each.

    Each has its own random streams and runs on one thread, so neither the order nor the number of
    workers touches the results.
    """
    jobs = [(name, draw) for name, setting in settings.items() for draw in range(setting.draws)]
    jobs.sort(key=lambda job: -_work(settings[job[0]]))
    ticker = _Ticker(
        config.training.steps * sum(_work(settings[name]) for name, _ in jobs), progress
    )

    def one(job: _Job) -> Grown:
        name, draw = job
        torch.set_num_threads(1)
        setting = settings[name]
        nursery = Nursery(setting=setting, draw=draw, config=config, seed=seed)
        return measure(nursery, lambda steps: ticker.add(steps * _work(setting), name))

    with _threads_restored(), ThreadPoolExecutor(config.workers) as pool:
        futures = {job: pool.submit(one, job) for job in jobs}
        try:
            wait(futures.values(), return_when=FIRST_EXCEPTION)
            found = {job: future.result() for job, future in futures.items()}
        except BaseException:
            # Ctrl-C, or an error in one population: the others end at their next step.
            ticker.stop()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return {
        name: tuple(found[name, draw] for draw in range(setting.draws))
        for name, setting in settings.items()
    }


def _work(setting: Setting) -> int:
    """How much one step of a population costs, in neurons."""
    return setting.neurons * len(setting.levers)


@contextmanager
def _threads_restored() -> Iterator[None]:
    """Leave torch with as many threads as it had."""
    before = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)


class _Ticker:
    """Adds up the work of all populations and reports each whole part of a thousand."""

    def __init__(self, total: int, progress: Progress) -> None:
        self._total, self._progress = total, progress
        self._done, self._shown, self._lock = 0, -1, Lock()
        self._is_stopped = False

    def stop(self) -> None:
        """Make every population that still trains give up."""
        self._is_stopped = True

    def add(self, work: int, what: str) -> None:
        """Count work of one population."""
        if self._is_stopped:
            raise RuntimeError(f"{what} was stopped because the study ended early")
        with self._lock:
            self._done += work
            shown = min(999, 1_000 * self._done // self._total)
            if shown != self._shown:
                self._shown = shown
                self._progress(shown, 1_000, what)


def _headline(claims: list[ClaimResult]) -> str:
    counts = {verdict: sum(r.verdict is verdict for r in claims) for verdict in Verdict}
    said = ", ".join(f"{count} {verdict.value}" for verdict, count in counts.items() if count)
    return (
        "Whether the neurons of a small decoder stand for one feature each can be set by its "
        f"training, at equal loss: of {len(claims)} claims, {said}."
    )


STUDY = Study(
    card=STUDIES["engineered-monosemanticity"],
    presets={"small": small, "paper": paper},
    run=run,
)
"""Engineering Monosemanticity in Toy Models, as one command."""
