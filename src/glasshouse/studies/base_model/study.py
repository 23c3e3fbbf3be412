"""The study as a whole: grow, measure, judge, tell."""

from dataclasses import replace
from pathlib import Path

from glasshouse.studies.base_model.assistant import assistant
from glasshouse.studies.base_model.config import BaseModelConfig, paper, small, tour
from glasshouse.studies.base_model.gates import judge_gates
from glasshouse.studies.base_model.grow import grow
from glasshouse.studies.base_model.inside import inside, look_inside
from glasshouse.studies.base_model.measure import measure
from glasshouse.studies.base_model.sections import sections
from glasshouse.studies.base_model.shaping import shape
from glasshouse.studies.catalogue import STUDIES
from glasshouse.studies.study import Findings, Progress, Study
from glasshouse.world.streams import stream


def run(config: BaseModelConfig, *, seed: int, progress: Progress, workspace: Path) -> Findings:
    """Grow a model in `workspace` and hold it against the gates.

    The seed names the world, the order of its documents, the first weights and every question.
    """
    train = replace(config.grow.train, seed=seed)
    grown = grow(replace(config.grow, world_seed=seed, train=train), workspace, progress)
    measured = measure(grown, config, seed, progress)
    chapters = sections(grown, measured)
    if config.dictionary_steps:
        found = look_inside(
            grown, workspace, steps=config.dictionary_steps, seed=seed, progress=progress
        )
        chapters += () if found is None else (inside(found),)
    if config.shaping_steps:
        shaped = shape(grown, steps=config.shaping_steps, seed=seed, progress=progress)
        chapters += () if shaped is None else (assistant(shaped),)
    claims = judge_gates(measured, grown.world, stream(seed, "base-model intervals"))
    told = measured.answers["open-qa", "none"]
    known = told.where(told.exposures >= 128)
    right = float(known.is_right.mean()) if len(known) else float("nan")
    return Findings(
        claims=tuple(claims),
        sections=chapters,
        headline=f"A model grown on {grown.steps[-1].tokens / 1e6:.1f} million tokens answers "
        f"{right:.0%} of questions about facts that it was told 128 times or more, and "
        f"{float(measured.answers['open-qa', 'unknown-test'].is_right.mean()):.0%} of those about "
        "facts that it was never told.",
    )


STUDY = Study(
    card=STUDIES["base-model"],
    presets={"tour": tour, "small": small, "paper": paper},
    run=run,
)
