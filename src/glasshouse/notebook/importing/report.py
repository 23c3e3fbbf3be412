"""The report of one or more studies in the notebook: a run and its claims for each study."""

from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from glasshouse.notebook.ids import derived_id
from glasshouse.notebook.importing.reading import read_json, read_time, read_value, unflatten
from glasshouse.notebook.notebook import Notebook
from glasshouse.notebook.types import Claim, Control, Run, RunStatus


class _Study(msgspec.Struct):
    name: str
    preset: str
    seed: int
    seconds: float | None = None
    config: dict[str, Any] = {}


class _ReportFile(msgspec.Struct):
    """What a report's run.json says."""

    studies: list[_Study]
    command: str = ""
    started: str = ""
    versions: dict[str, str] = {}
    commit: str = ""
    machine: dict[str, Any] = {}


class _Threshold(msgspec.Struct):
    direction: str = ""
    value: float | None = None
    no_effect: float | None = None
    text: str = ""
    gate: str | None = None


class _ClaimEntry(msgspec.Struct):
    """One entry of claims.json."""

    id: str
    claim: str
    verdict: str
    source: str = ""
    paper: str = ""
    measured: float | None = None
    interval: tuple[float | None, float | None] = (None, None)
    threshold: _Threshold = msgspec.field(default_factory=_Threshold)
    control: Control | None = None
    note: str = ""


def import_report(notebook: Notebook, folder: Path) -> list[tuple[Run, bool]]:
    """Bring the report of studies into the notebook: their runs, and whether each is new.

    A report that is written anew in the same folder is another run; the earlier one stays.

    Raises:
        RunError: If the folder is not a report's, or is damaged.
    """
    path = folder / "run.json"
    file: _ReportFile = read_json(path, _ReportFile)
    entries: list[_ClaimEntry] = read_json(folder / "claims.json", list[_ClaimEntry])
    started = read_time(file.started, path)
    content = path.read_bytes()
    imported = []
    for study in file.studies:
        run_id = derived_id("study", content, study.name)
        claims = [
            _claim(run_id, study.name, entry, started)
            for entry in entries
            if entry.id.partition("/")[0] == study.name
        ]
        run = _run(run_id, folder, file, study, claims, started)
        known = notebook.load(Run, run_id)
        if known is not None:
            run.tags, run.note = known.tags, known.note
        if run != known:
            notebook.add(run, *claims)
        imported.append((run, known is None))
    return imported


def report_ids(folder: Path) -> list[str]:
    """The ids of the runs that a report tells of.

    Raises:
        RunError: If the folder is not a report's, or is damaged.
    """
    path = folder / "run.json"
    file, content = read_json(path, _ReportFile), path.read_bytes()
    return [derived_id("study", content, study.name) for study in file.studies]


def _run(
    run_id: str,
    folder: Path,
    file: _ReportFile,
    study: _Study,
    claims: list[Claim],
    started: datetime,
) -> Run:
    verdicts: dict[str, int] = {}
    for claim in claims:
        verdicts[claim.verdict] = verdicts.get(claim.verdict, 0) + 1
    config = {name: read_value(value) for name, value in study.config.items()}
    return Run(
        id=run_id,
        kind="study",
        started=started,
        name=folder.resolve().name,
        study=study.name,
        preset=study.preset,
        status=RunStatus.FINISHED,
        seconds=study.seconds,
        seed=study.seed,
        command=file.command,
        config=unflatten(config),
        verdicts=verdicts,
        versions=file.versions,
        commit=file.commit,
        machine=file.machine,
        path=str(folder.resolve()),
    )


def _claim(run_id: str, study: str, entry: _ClaimEntry, created: datetime) -> Claim:
    name = entry.id.partition("/")[2] or entry.id
    return Claim(
        id=derived_id("claim", run_id, name),
        run=run_id,
        study=study,
        name=name,
        claim=entry.claim,
        verdict=entry.verdict,
        created=created,
        source=entry.source,
        paper=entry.paper,
        measured=entry.measured,
        low=entry.interval[0],
        high=entry.interval[1],
        threshold=entry.threshold.value,
        direction=entry.threshold.direction,
        no_effect=entry.threshold.no_effect,
        threshold_text=entry.threshold.text,
        gate=entry.threshold.gate,
        control=entry.control,
        note=entry.note,
    )
