"""The study itself: load or grow the bases, measure, judge, tell."""

import hashlib
from pathlib import Path

import torch

from glasshouse.studies.catalogue import STUDIES
from glasshouse.studies.claims import tally
from glasshouse.studies.general_assistant.chapters import chapters
from glasshouse.studies.general_assistant.config import GeneralAssistantConfig, paper, small
from glasshouse.studies.general_assistant.judge import judge_all
from glasshouse.studies.general_assistant.measure import (
    STAGE,
    Seen,
    compare_objectives,
    distil,
    make_tasks,
    pretrain,
    prompt,
    work_of,
)
from glasshouse.studies.lineage import keep, lineage
from glasshouse.studies.study import Findings, Progress, Study
from glasshouse.studies.working import Ticker, check_device, threads_restored
from glasshouse.studies.zoo import Base, base_model


def run(
    config: GeneralAssistantConfig, *, seed: int, progress: Progress, workspace: Path
) -> Findings:
    """Measure everything on the bases of a seed, which are grown first where they are missing.

    What teachers said is kept in the workspace, so that it is not computed again.

    Raises:
        InputError: If the config asks for a device that is not there.
    """
    check_device(config.device)
    bases = {
        size: base_model(
            size, seed=seed, steps=config.base_steps, progress=progress, device=config.device
        )
        for size in config.sizes
    }
    with threads_restored():
        torch.set_num_threads(1)
        seen = _measure(bases, config, seed=seed, progress=progress, workspace=workspace)
    progress(1_000, 1_000, "judging")
    claims = judge_all(seen)
    middle = bases[config.middle]
    keep(middle, "a prompt, distilled", seen.student.student.model, study="general-assistant")
    return Findings(
        claims=tuple(claims),
        sections=(*chapters(seen), lineage(middle)),
        headline="What prompts, distillation and comparisons make of models of up to "
        f"{seen.largest.params / 1e6:.1f} million parameters, where better is known: of "
        f"{len(claims)} claims, {tally(claims)}.",
    )


def _measure(
    bases: dict[str, Base],
    config: GeneralAssistantConfig,
    *,
    seed: int,
    progress: Progress,
    workspace: Path,
) -> Seen:
    ticker = Ticker(work_of(config), progress)
    tasks = make_tasks(bases[config.sizes[0]], config)
    prompted = {}
    for size, base in bases.items():
        prompted[size] = prompt(base, tasks, config, seed=seed)
        ticker.add(STAGE, f"prompting {size}")
    student, taxed = distil(
        bases,
        tasks,
        config,
        {size: _folder(workspace, base, config) for size, base in bases.items()},
        tick=lambda steps: ticker.add(steps, "distilling"),
        seed=seed,
    )
    return Seen(
        config=config,
        seed=seed,
        tasks=tasks,
        prompted=prompted,
        student=student,
        taxed=taxed,
        objectives=compare_objectives(
            bases, config, tick=lambda steps: ticker.add(steps, "comparing objectives")
        ),
        votes=pretrain(bases, config, tick=lambda steps: ticker.add(steps, "learning votes")),
    )


def _folder(workspace: Path, base: Base, config: GeneralAssistantConfig) -> Path:
    """Where teachers' words are kept: one folder for each base and config."""
    made_of = f"{base.model.origin} {config.distilling} {config.prompting}"
    key = hashlib.sha256(made_of.encode()).hexdigest()[:10]
    return workspace / "general-assistant" / f"teacher-{base.size}-seed{base.seed}-{key}"


STUDY = Study(
    card=STUDIES["general-assistant"],
    presets={"small": small, "paper": paper},
    run=run,
)
"""A General Language Assistant as a Laboratory for Alignment, as one command."""
