"""A population in the notebook: a run for all of it, and a run for each of its models."""

import math
import shlex
from pathlib import Path
from typing import Any

import msgspec

from glasshouse.notebook.curves import Curve
from glasshouse.notebook.ids import derived_id
from glasshouse.notebook.importing.reading import read_json, read_time
from glasshouse.notebook.importing.run_folder import put_measured
from glasshouse.notebook.importing.sweep import SweepImport, add_members, keep_noted, member_of
from glasshouse.notebook.notebook import Notebook
from glasshouse.notebook.types import Run, RunStatus

RECORD = "population.json"


class _Curve(msgspec.Struct):
    steps: list[int]
    values: list[float | None]


class _Member(msgspec.Struct):
    name: str
    config: dict[str, Any]
    steps: int
    seed: int | None = None
    tokens: int | None = None
    curves: dict[str, _Curve] = {}
    failure: str = ""


class _PopulationFile(msgspec.Struct):
    """What population.json says."""

    members: list[_Member]
    created: str
    command: list[str] = []
    versions: dict[str, str] = {}
    commit: str = ""
    machine: dict[str, Any] = {}


def population_id(folder: Path) -> str | None:
    """The id of the population that a folder holds; None if it holds none."""
    try:
        return derived_id("population", (folder / RECORD).read_bytes())
    except OSError:
        return None


def import_population(
    notebook: Notebook, folder: Path, *, parent: Run | None = None
) -> SweepImport:
    """Bring a population with its models into the notebook.

    Raises:
        RunError: If the folder is not a population's, or is damaged.
    """
    path = folder / RECORD
    file: _PopulationFile = read_json(path, _PopulationFile)
    run_id = population_id(folder)
    assert run_id is not None
    known = notebook.load(Run, run_id)
    like = parent or known
    whole = Run(
        id=run_id,
        kind="sweep",
        started=read_time(file.created, path),
        name=folder.resolve().name,
        study="" if like is None else like.study,
        preset="" if like is None else like.preset,
        parent=parent.id if parent is not None else None if known is None else known.parent,
        status=RunStatus.FINISHED,
        command=shlex.join(file.command),
        step=len(file.members),
        steps=len(file.members),
        versions=file.versions,
        commit=file.commit,
        machine=file.machine,
        path=str(folder.resolve()),
    )
    keep_noted(whole, known)
    new = add_members(notebook, [_member(whole, one) for one in file.members])
    if whole != known:
        notebook.add(whole)
    return SweepImport(whole, known is None, new)


def _member(whole: Run, file: _Member) -> tuple[Run, dict[str, Curve]]:
    curves = {
        name: Curve(one.steps, [math.nan if value is None else value for value in one.values])
        for name, one in file.curves.items()
    }
    run = member_of(whole, file.name)
    run.failure, run.seed, run.tokens = file.failure, file.seed, file.tokens
    run.config, run.step, run.steps = file.config, file.steps, file.steps
    put_measured(run, {name: one.summary for name, one in curves.items() if one.summary})
    if run.failure:
        run.held_out = None
    return run, curves
