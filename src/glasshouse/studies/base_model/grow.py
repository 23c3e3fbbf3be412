"""Growing the base model, or going on where an earlier attempt was stopped."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from glasshouse.errors import RunError
from glasshouse.models import LanguageModel
from glasshouse.studies.study import Progress
from glasshouse.training import (
    Run,
    StepResult,
    WorldConfig,
    continue_run,
    exposure_ledger,
    open_run,
    start_world_run,
    world_recipe,
)
from glasshouse.world import Ledger, World

FOLDER = "base-model"
"""The run's folder in the study's workspace."""


@dataclass(frozen=True, slots=True)
class Grown:
    """A model, the world it grew up in, and how."""

    world: World
    model: LanguageModel
    ledger: Ledger
    """What its training stated how often."""
    steps: Sequence[StepResult]
    """The whole loss curve."""
    run: Run


def grow(config: WorldConfig, workspace: Path, progress: Progress) -> Grown:
    """Train in `workspace/base-model`; a run of the same config found there is continued.

    Raises:
        RunError: If the folder holds a run of another config.
    """
    folder = workspace / FOLDER
    progress(0, config.train.steps, "writing the documents of the world")
    run = _begun(folder, config) if folder.exists() else start_world_run(folder, config)
    with closing(continue_run(run)) as steps:
        for step in steps:
            speed = f"{step.tokens_per_second:,.0f} tokens/s"
            progress(step.step, config.train.steps, f"loss {step.loss:.2f}, {speed}")
    return Grown(
        World(config.world_seed, config.world_preset),
        LanguageModel.load(folder),
        exposure_ledger(folder, config),
        run.metrics(),
        run,
    )


def _begun(folder: Path, config: WorldConfig) -> Run:
    """Open a run that was begun, if it is the same one."""
    run = open_run(folder)
    recipe = {name: run.record.recipe.get(name) for name in world_recipe(config)}
    if run.record.config != config.train or recipe != world_recipe(config):
        raise RunError(
            f"{folder} holds a model grown with other settings; "
            "name another --out, or remove that folder first"
        )
    return run
