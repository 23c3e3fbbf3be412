"""Grow all models of the study, some side by side."""

from dataclasses import dataclass

from glasshouse.models.config import TransformerConfig
from glasshouse.studies.induction_heads.config import KINDS, InductionConfig
from glasshouse.studies.induction_heads.course import Course, Probe, grow
from glasshouse.studies.study import Progress
from glasshouse.studies.working import Ticker, check_device, side_by_side


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
    check_device(config.device)
    kinds = config.grown
    ticker = Ticker(sum(kind.models * kind.steps for kind in kinds.values()), progress)
    probes = _probes(config, progress)
    jobs = [(name, number) for name, kind in kinds.items() for number in range(kind.models)]
    jobs.sort(key=lambda job: -kinds[job[0]].steps * kinds[job[0]].layers)

    def one(job: tuple[str, int]) -> Course:
        name, number = job
        return grow(
            name,
            number,
            probes[name],
            config,
            seed=seed,
            watched=job == ("two_layers", 0),
            tick=lambda: ticker.add(1, KINDS[name]),
        )

    found = side_by_side(jobs, one, workers=config.workers, ticker=ticker)
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
