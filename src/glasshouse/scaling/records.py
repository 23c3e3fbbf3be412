"""A sweep on disk: its plan, and one whole file a finished trial.

    sweep.json           the plan, and where the sweep comes from
    trials/NAME.json     TrialRecord

A trial's file appears whole or not at all and bears the trial's name, so that a sweep that was
killed goes on with what is missing, and nothing is counted twice.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from glasshouse.errors import InputError
from glasshouse.files import folder_atomically, write_atomically
from glasshouse.provenance import origin
from glasshouse.scaling.plans import SweepPlan, Trial
from glasshouse.scaling.runs import CurvePoint, ScalingRun

SWEEP = "sweep.json"
TRIALS = "trials"
_FORMAT = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class TrialRecord:
    """What a trial came to."""

    trial: Trial
    """The trial."""
    curve: tuple[CurvePoint, ...] = ()
    """Held-out loss over time, the last moment included."""
    failure: str = ""
    """Why it has no loss that counts; empty for a sound one."""
    seconds: float = 0.0
    """Wall-clock time of its training; of a population, its share."""

    def as_run(self, plan: SweepPlan) -> ScalingRun:
        """The trial as a law sees it."""
        trial = self.trial
        return ScalingRun(
            name=trial.name,
            params=trial.shape.params,
            tokens=trial.tokens,
            loss=self.curve[-1].loss if self.curve and not self.failure else math.nan,
            flops=trial.flops(plan.counting),
            steps=trial.steps,
            batch_tokens=trial.batch * trial.shape.context,
            curve=() if self.failure else self.curve,
            failure=self.failure,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Kept:
    """The content of sweep.json."""

    format: int
    plan: SweepPlan
    data: dict[str, Any] = field(default_factory=dict)
    """What is trained on, as far as it is known."""
    created: str = ""
    """When it was made; with it no two sweeps have the same file, so that it names the sweep."""
    command: list[str] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    commit: str = ""
    machine: dict[str, Any] = field(default_factory=dict)


def open_sweep(folder: Path, plan: SweepPlan, *, data: Mapping[str, Any] | None = None) -> None:
    """Make a sweep's folder, or find the same sweep in it.

    Args:
        folder: Where.
        plan: What is to be run.
        data: What it is trained on, as JSON values; None: that is not looked at.

    Raises:
        InputError: If the folder holds something else, or a sweep of another plan or other data;
            or if the plan's budget is no number that a file can hold.
    """
    if not math.isfinite(plan.budget):
        raise InputError(
            f"a sweep that is kept needs a budget, not {plan.budget}; plan.flops is one"
        )
    if (folder / SWEEP).is_file():
        kept = _read(folder)
        if kept.plan != plan:
            raise InputError(f"{folder} holds a sweep of another plan; name another folder")
        if data is not None and kept.data != msgspec.to_builtins(dict(data)):
            raise InputError(f"{folder} holds a sweep on other data; name another folder")
        return
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} exists already and is no sweep; name another folder")
    with folder_atomically(folder) as draft:
        (draft / TRIALS).mkdir()
        kept = _Kept(format=_FORMAT, plan=plan, data=dict(data or {}), **origin())
        encoded = msgspec.json.format(msgspec.json.encode(kept), indent=1)
        (draft / SWEEP).write_bytes(encoded + b"\n")


def read_plan(folder: Path) -> SweepPlan:
    """The plan of a sweep's folder.

    Raises:
        InputError: If there is none, or it is damaged.
    """
    return _read(folder).plan


def _read(folder: Path) -> _Kept:
    path = folder / SWEEP
    try:
        kept = msgspec.json.decode(path.read_bytes(), type=_Kept)
    except FileNotFoundError:
        raise InputError(f"{folder} is no sweep: it has no {SWEEP}") from None
    except (msgspec.MsgspecError, InputError) as error:
        raise InputError(f"{path} is damaged: {error}") from None
    if kept.format != _FORMAT:
        raise InputError(f"{path} has format {kept.format}; this version reads {_FORMAT}")
    return kept


def keep(folder: Path, record: TrialRecord) -> None:
    """Write a trial's record, whole."""
    encoded = msgspec.json.encode(record)
    write_atomically(folder / TRIALS / f"{record.trial.name}.json", encoded + b"\n")


def keep_sweep(
    folder: Path,
    plan: SweepPlan,
    records: Iterable[TrialRecord],
    *,
    data: Mapping[str, Any] | None = None,
) -> None:
    """Keep a sweep that was trained without `run_sweep`; records that are there stay.

    Raises:
        InputError: If the folder cannot be used; see `open_sweep`.
    """
    open_sweep(folder, plan, data=data)
    done = finished(folder)
    for record in records:
        if record.trial.name not in done:
            keep(folder, record)


def finished(folder: Path) -> dict[str, TrialRecord]:
    """Records that are there, by the names of their trials.

    Raises:
        InputError: If one is damaged.
    """
    found = {}
    for path in sorted((folder / TRIALS).glob("*.json")):
        if path.name.startswith("."):
            continue  # a draft of a process that was killed
        try:
            record = msgspec.json.decode(path.read_bytes(), type=TrialRecord)
        except (msgspec.MsgspecError, InputError) as error:
            raise InputError(
                f"{path} is damaged ({error}); remove it and run the sweep again"
            ) from None
        found[record.trial.name] = record
    return found


def sweep_runs(folder: Path) -> list[ScalingRun]:
    """Every trial of a sweep, those that are not done as failures.

    Raises:
        InputError: If the folder is no sweep.
    """
    plan, done = read_plan(folder), finished(folder)
    missing = "missing: the sweep has not run it yet"
    return [
        done.get(trial.name, TrialRecord(trial=trial, failure=missing)).as_run(plan)
        for trial in plan.trials
    ]
