"""The study itself: grow every population, judge every claim, write chapters."""

from pathlib import Path

from glasshouse.studies.catalogue import STUDIES
from glasshouse.studies.claims import ClaimResult, tally
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
from glasshouse.studies.working import Ticker, check_device, side_by_side

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
    check_device(config.device)
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
    ticker = Ticker(
        config.training.steps * sum(_work(settings[name]) for name, _ in jobs), progress
    )

    def one(job: _Job) -> Grown:
        name, draw = job
        setting = settings[name]
        nursery = Nursery(setting=setting, draw=draw, config=config, seed=seed)
        return measure(nursery, lambda steps: ticker.add(steps * _work(setting), name))

    found = side_by_side(jobs, one, workers=config.workers, ticker=ticker)
    return {
        name: tuple(found[name, draw] for draw in range(setting.draws))
        for name, setting in settings.items()
    }


def _work(setting: Setting) -> int:
    """How much one step of a population costs, in neurons."""
    return setting.neurons * len(setting.levers)


def _headline(claims: list[ClaimResult]) -> str:
    return (
        "Whether the neurons of a small decoder stand for one feature each can be set by its "
        f"training, at equal loss: of {len(claims)} claims, {tally(claims)}."
    )


STUDY = Study(
    card=STUDIES["engineered-monosemanticity"],
    presets={"small": small, "paper": paper},
    run=run,
)
"""Engineering Monosemanticity in Toy Models, as one command."""
