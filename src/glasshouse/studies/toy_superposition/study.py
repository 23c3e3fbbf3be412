"""The study itself: all experiments, side by side, then claims and chapters."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from glasshouse.studies.catalogue import STUDIES
from glasshouse.studies.claims import ClaimResult, tally
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
from glasshouse.studies.working import Ticker, check_device, side_by_side

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
    check_device(config.device)
    found = _measure_all(config, seed, progress)
    bench = Bench(seed=seed)
    claims = [result for name, _, judge in _EXPERIMENTS for result in judge(found[name], bench)]
    headline = f"Of {len(claims)} claims: {tally(claims)}."
    return Findings(claims=tuple(claims), sections=tuple(_chapters(found)), headline=headline)


def _measure_all(config: ToySuperpositionConfig, seed: int, progress: Progress) -> dict[str, Any]:
    """Run the experiments, the longest first, `workers` at a time on one thread each.

    Each has its own random streams and runs on one thread, so neither the order nor the number of
    workers touches the results.
    """
    total = sum(getattr(config, name).elements for name, _, _ in _EXPERIMENTS)
    ticker = Ticker(total, progress)
    measures = {name: measure for name, measure, _ in _EXPERIMENTS}

    def one(name: str) -> Any:
        bench = Bench(seed=seed, device=config.device, tick=lambda n: ticker.add(n, name))
        return measures[name](getattr(config, name), bench)

    ordered = sorted(measures, key=lambda name: -getattr(config, name).elements)
    return side_by_side(ordered, one, workers=config.workers, ticker=ticker)


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


STUDY = Study(
    card=STUDIES["toy-superposition"],
    presets={"small": small, "tour": tour, "paper": paper},
    run=run,
)
"""Toy Models of Superposition, as one command."""
