"""A sweep in the notebook: a run for the sweep, and a run for each of its trials that is done.

The files are read by what they hold. A trial's id is made of the sweep's and its name, so that a
sweep that goes on adds what is new, and writes nothing twice.
"""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from glasshouse.errors import RunError
from glasshouse.notebook.curves import Curve, delete_curves, write_curves
from glasshouse.notebook.ids import derived_id
from glasshouse.notebook.importing.reading import read_json, read_time
from glasshouse.notebook.notebook import Notebook
from glasshouse.notebook.types import Run, RunStatus
from glasshouse.records import RecordStore

RECORD = "sweep.json"
TRIAL = "trial"
"""The kind of runs that are part of a sweep."""
_CURVE = "held_out/all"
_AT_ONCE = 50
"""Trials written by one transaction."""


class _Trial(msgspec.Struct):
    shape: dict[str, Any]
    steps: int
    batch: int
    lr: float
    seed: int


class _Plan(msgspec.Struct):
    trials: list[_Trial]
    budget: float
    base_width: int
    counting: str = ""
    schedule: str = ""


class _SweepFile(msgspec.Struct):
    """What sweep.json says."""

    plan: _Plan
    data: dict[str, Any] = {}
    created: str = ""
    command: list[str] = []
    versions: dict[str, str] = {}
    commit: str = ""
    machine: dict[str, Any] = {}


class _Point(msgspec.Struct):
    tokens: float
    loss: float


class _TrialFile(msgspec.Struct):
    """What a trial's record says."""

    trial: _Trial
    curve: list[_Point] = []
    failure: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class SweepImport:
    """What importing a sweep did."""

    run: Run
    is_new: bool
    new_trials: int
    """Trials that the notebook did not have, or had otherwise."""


def sweep_id(folder: Path) -> str | None:
    """The id of the sweep that a folder holds; None if it holds none.

    It is made of sweep.json, which tells when the sweep was made; one of a version that did not
    write that is named for its folder as well.
    """
    try:
        content = (folder / RECORD).read_bytes()
    except OSError:
        return None
    place = () if b'"created"' in content else (str(folder.resolve()),)
    return derived_id("sweep", content, *place)


def import_sweep(
    notebook: Notebook,
    folder: Path,
    *,
    parent: Run | None = None,
    status: RunStatus | None = None,
) -> SweepImport:
    """Bring a sweep with its trials into the notebook, or what it has there up to date.

    Args:
        notebook: Where to.
        folder: Of the sweep.
        parent: The run that it is part of.
        status: What to say of it; without, whether all its trials are done.

    Raises:
        RunError: If the folder is not a sweep's, or is damaged.
    """
    file: _SweepFile = read_json(folder / RECORD, _SweepFile)
    paths = [one for one in sorted((folder / "trials").glob("*.json")) if one.name[0] != "."]
    sweep = _sweep_run(notebook, folder, file, len(paths), status, parent)
    known = notebook.load(Run, sweep.id)
    keep_noted(sweep, known)
    new = import_trials(notebook, sweep, file_paths=paths)
    if sweep != known:
        notebook.add(sweep)
    return SweepImport(sweep, known is None, new)


def import_trials(notebook: Notebook, sweep: Run, *, file_paths: Sequence[Path]) -> int:
    """Bring some trials of a sweep in; how many are new or have changed.

    Raises:
        RunError: If a record is damaged.
    """
    files = [(path, read_json(path, _TrialFile)) for path in file_paths]
    return add_members(
        notebook, [(_trial_run(sweep, path, file), {_CURVE: _curve(file)}) for path, file in files]
    )


def add_members(notebook: Notebook, members: Sequence[tuple[Run, dict[str, Curve]]]) -> int:
    """Write runs that belong to a sweep, with their curves; how many are new or have changed."""

    def write(store: RecordStore, some: Sequence[tuple[Run, dict[str, Curve]]]) -> int:
        written = 0
        for run, curves in some:
            known = store.load(Run, run.id)
            keep_noted(run, known)
            if run == known:
                continue
            if known is not None:
                delete_curves(store, run.id)
            store.save(run)
            write_curves(store, run.id, curves)
            written += 1
        return written

    return sum(
        notebook.run(partial(write, some=members[first : first + _AT_ONCE]))
        for first in range(0, len(members), _AT_ONCE)
    )


def keep_noted(run: Run, known: Run | None) -> None:
    """Keep what people noted of a run that the notebook has."""
    if known is not None:
        run.tags, run.note = known.tags, known.note


def member_of(sweep: Run, name: str) -> Run:
    """A run that belongs to a sweep, with what it has of it."""
    return Run(
        id=derived_id(TRIAL, sweep.id, name),
        kind=TRIAL,
        started=sweep.started,
        name=name,
        study=sweep.study,
        preset=sweep.preset,
        parent=sweep.id,
        status=RunStatus.FINISHED,
        command=sweep.command,
        versions=sweep.versions,
        commit=sweep.commit,
        machine=sweep.machine,
        path=sweep.path,
        tags=[f"sweep:{sweep.name}"],
    )


class SweepKeeper:
    """Keeps a sweep in the notebook while it goes on."""

    def __init__(self, notebook: Notebook, folder: Path) -> None:
        """Bring in what is there already."""
        self._notebook, self._folder = notebook, folder
        self.run: Run = import_sweep(notebook, folder, status=RunStatus.RUNNING).run
        """As the notebook has it."""

    def add(self, name: str) -> None:
        """Take down a trial that is done."""
        path = self._folder / "trials" / f"{name}.json"
        if import_trials(self._notebook, self.run, file_paths=[path]):
            self.run.step += 1
            self._notebook.run(self._tell)

    def close(self) -> None:
        """Say how far it came."""
        self.run = import_sweep(self._notebook, self._folder).run

    def _tell(self, store: RecordStore) -> None:
        """How far the sweep is; what people have noted of it meanwhile stays."""
        keep_noted(self.run, store.load(Run, self.run.id))
        store.save(self.run)


def _sweep_run(
    notebook: Notebook,
    folder: Path,
    file: _SweepFile,
    num_done: int,
    status: RunStatus | None,
    parent: Run | None,
) -> Run:
    run_id = sweep_id(folder)
    assert run_id is not None
    plan, path = file.plan, folder / RECORD
    like = parent or notebook.load(Run, run_id)
    began = file.created or _modified(path)
    is_done = num_done >= len(plan.trials)
    return Run(
        id=run_id,
        kind="sweep",
        started=read_time(began, path),
        name=folder.resolve().name,
        study="" if like is None else like.study,
        preset="" if like is None else like.preset,
        parent=parent.id if parent is not None else None if like is None else like.parent,
        status=status or (RunStatus.FINISHED if is_done else RunStatus.STOPPED),
        command=shlex.join(file.command),
        config={
            "budget": plan.budget,
            "base_width": plan.base_width,
            "counting": plan.counting,
            "schedule": plan.schedule,
            "data": file.data,
        },
        step=num_done,
        steps=len(plan.trials),
        versions=file.versions,
        commit=file.commit,
        machine=file.machine,
        path=str(folder.resolve()),
    )


def _trial_run(sweep: Run, path: Path, file: _TrialFile) -> Run:
    trial, summary = file.trial, _curve(file).summary
    run = member_of(sweep, path.stem)
    run.failure, run.seconds, run.seed = file.failure, round(file.seconds, 3), trial.seed
    run.config = {
        **trial.shape,
        "steps": trial.steps,
        "batch": trial.batch,
        "lr": trial.lr,
        "seed": trial.seed,
        **{name: sweep.config[name] for name in ("base_width", "schedule", "data")},
    }
    run.step = run.steps = trial.steps
    run.tokens = trial.steps * trial.batch * trial.shape.get("context", 0)
    if summary is not None:
        run.metrics = {_CURVE: summary}
        if file.failure:
            run.step = summary.last_step
        else:
            run.held_out = summary.last
    return run


def _curve(file: _TrialFile) -> Curve:
    """Held-out loss by step."""
    a_step = max(1, file.trial.batch * file.trial.shape.get("context", 1))
    by_step = {round(point.tokens / a_step): point.loss for point in file.curve}
    return Curve(sorted(by_step), [by_step[step] for step in sorted(by_step)])


def _modified(path: Path) -> str:
    try:
        return datetime.fromtimestamp(int(path.stat().st_mtime), UTC).isoformat()
    except OSError:
        raise RunError(f"{path} is missing; the folder is not whole") from None
