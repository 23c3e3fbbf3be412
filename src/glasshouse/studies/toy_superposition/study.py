"""The study itself: all experiments, side by side, then claims and chapters."""

from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

import torch

from glasshouse.errors import InputError
from glasshouse.studies.catalogue import STUDIES
from glasshouse.studies.claims import ClaimResult, Verdict
from glasshouse.studies.study import Findings, Progress, Section, Study
from glasshouse.studies.toy_superposition import (
    basic,
    basic_figures,
    computing,
    computing_figures,
    dynamics,
    dynamics_figures,
    geometry,
    geometry_claims,
    geometry_figures,
    memorisation,
    memorisation_figures,
    pentagon,
    phases,
    phases_figures,
    sets,
    sets_figures,
    steadiness,
)
from glasshouse.studies.toy_superposition.config import (
    ToySuperpositionConfig,
    paper,
    small,
    tour,
)
from glasshouse.studies.toy_superposition.experiment import Bench

_Experiment = tuple[str, Callable[..., Any], Callable[..., list[ClaimResult]]]

_EXPERIMENTS: tuple[_Experiment, ...] = (
    ("basic", basic.measure, basic.claims),
    ("phases", phases.measure, phases.claims),
    ("geometry", geometry.measure, geometry_claims.claims),
    ("sets", sets.measure, sets.claims),
    ("pentagon", pentagon.measure, pentagon.claims),
    ("dynamics", dynamics.measure, dynamics.claims),
    ("computing", computing.measure, computing.claims),
    ("memorisation", memorisation.measure, memorisation.claims),
)
"""Name in the config, what measures, what judges; in the paper's order."""


def run(
    config: ToySuperpositionConfig,
    *,
    seed: int,
    progress: Progress,
    workspace: Path | None = None,
) -> Findings:
    """Run every experiment and judge every claim; nothing is kept in a workspace.

    Raises:
        InputError: If the config asks for a device that is not there.
    """
    if config.device.startswith("cuda") and not torch.cuda.is_available():
        raise InputError(
            f"device={config.device!r} is not available here; pass --set device=cpu or choose "
            "--preset small"
        )
    found = _measure_all(config, seed, progress)
    bench = Bench(seed=seed)
    claims = [result for name, _, judge in _EXPERIMENTS for result in judge(found[name], bench)]
    return Findings(
        claims=tuple(claims), sections=tuple(_chapters(found)), headline=_headline(claims)
    )


def _measure_all(config: ToySuperpositionConfig, seed: int, progress: Progress) -> dict[str, Any]:
    """Run the experiments, the longest first, `workers` at a time on one thread each.

    Each has its own random streams and runs on one thread, so neither the order nor the number of
    workers touches the results.
    """
    total = sum(getattr(config, name).elements for name, _, _ in _EXPERIMENTS)
    ticker = _Ticker(total, progress)

    def one(experiment: _Experiment) -> Any:
        name, measure, _ = experiment
        torch.set_num_threads(1)
        bench = Bench(seed=seed, device=config.device, tick=lambda n: ticker.add(n, name))
        return measure(getattr(config, name), bench)

    ordered = sorted(_EXPERIMENTS, key=lambda part: -getattr(config, part[0]).elements)
    with _threads_restored(), ThreadPoolExecutor(config.workers) as pool:
        futures = {part[0]: pool.submit(one, part) for part in ordered}
        try:
            wait(futures.values(), return_when=FIRST_EXCEPTION)
            return {name: future.result() for name, future in futures.items()}
        except BaseException:
            # Ctrl-C, or an error in one experiment: the others end at their next step.
            ticker.stop()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


@contextmanager
def _threads_restored() -> Iterator[None]:
    """Leave torch with as many threads as it had."""
    before = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)


class _Ticker:
    """Adds up what all experiments have trained on and reports each whole part of a thousand."""

    def __init__(self, total: int, progress: Progress) -> None:
        self._total, self._progress = total, progress
        self._done, self._shown, self._lock = 0, -1, Lock()
        self._is_stopped = False

    def stop(self) -> None:
        """Make every worker that still counts give up."""
        self._is_stopped = True

    def add(self, elements: int, what: str) -> None:
        """Count elements of one experiment."""
        if self._is_stopped:
            raise RuntimeError(f"{what} was stopped because the study ended early")
        with self._lock:
            self._done += elements
            shown = min(1_000, 1_000 * self._done // self._total)
            if shown != self._shown:
                self._shown = shown
                self._progress(shown, 1_000, what)


def _chapters(found: dict[str, Any]) -> list[Section]:
    """The report's chapters, in the paper's order."""
    return [
        basic_figures.chapter(found["basic"]),
        phases_figures.chapter(found["phases"]),
        geometry_figures.chapter(found["geometry"], found["pentagon"]),
        sets_figures.chapter(found["sets"]),
        dynamics_figures.chapter(found["dynamics"]),
        geometry_figures.attack_chapter(found["geometry"]),
        computing_figures.chapter(found["computing"]),
        memorisation_figures.chapter(found["memorisation"]),
        steadiness.chapter(),
    ]


def _headline(claims: list[ClaimResult]) -> str:
    counts = {verdict: sum(r.verdict is verdict for r in claims) for verdict in Verdict}
    said = ", ".join(f"{count} {verdict.value}" for verdict, count in counts.items() if count)
    return f"Of {len(claims)} claims: {said}."


STUDY = Study(
    card=STUDIES["toy-superposition"],
    presets={"small": small, "tour": tour, "paper": paper},
    run=run,
)
"""Toy Models of Superposition, as one command."""
