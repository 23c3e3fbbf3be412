"""Whatever a folder holds, imported: runs, sweeps, reports, looks, dictionaries, at any depth."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from glasshouse.errors import RunError
from glasshouse.notebook.importing.dictionary import RECORD as DICTIONARY
from glasshouse.notebook.importing.dictionary import import_dictionary
from glasshouse.notebook.importing.look import RECORD, import_look
from glasshouse.notebook.importing.population import RECORD as POPULATION
from glasshouse.notebook.importing.population import import_population, population_id
from glasshouse.notebook.importing.report import import_report, report_ids
from glasshouse.notebook.importing.run_folder import import_run, run_id_of
from glasshouse.notebook.importing.sweep import RECORD as SWEEP
from glasshouse.notebook.importing.sweep import import_sweep, sweep_id
from glasshouse.notebook.notebook import Notebook
from glasshouse.notebook.types import Run

_CLOSED = ("checkpoints", "data", "figures")
"""Folders of runs and reports that hold nothing of the kind."""


@dataclass(frozen=True, slots=True)
class Imported:
    """One thing that was found."""

    path: str
    kind: str
    """run, study, sweep or finding."""
    id: str
    is_new: bool
    new_steps: int = 0
    new_trials: int = 0
    """Of a sweep."""
    problem: str | None = None
    """Why it could not be imported."""

    @property
    def changed(self) -> bool:
        """Whether the notebook knows more than before."""
        return self.problem is None and (self.is_new or self.new_steps + self.new_trials > 0)


def import_path(notebook: Notebook, path: Path) -> Iterator[Imported]:
    """Bring into the notebook what a folder is, or what lies in it.

    A damaged folder among others is told and passed by.

    Args:
        notebook: Where to.
        path: A run folder, a report's, a look's, or any folder around some.

    Raises:
        RunError: If there is no such folder, nothing in it can be imported, or it is the only one
            and damaged.
    """
    if not path.is_dir():
        raise RunError(f"there is no folder {path} to import; name a run, a report, or a folder")
    found = list(_folders(path))
    if not found:
        raise RunError(
            f"{path} holds no run, no report, no look, no sweep and no dictionary: there is no "
            "run.json in it"
        )
    reports: dict[Path, list[Run]] = {}
    for folder in found:
        try:
            yield from _import_one(notebook, folder, reports)
        except RunError as error:
            if len(found) == 1:
                raise
            yield Imported(str(folder), "folder", "", False, problem=str(error))


def ids_of_folder(folder: Path) -> list[str]:
    """The ids of what a run's or a report's folder is in the notebook."""
    if _is_report(folder):
        return report_ids(folder)
    found = (run_id_of(folder), sweep_id(folder), population_id(folder))
    return [one for one in found if one is not None]


def _import_one(
    notebook: Notebook, folder: Path, reports: dict[Path, list[Run]]
) -> Iterator[Imported]:
    if (folder / RECORD).is_file():
        finding, is_new = import_look(notebook, folder)
        yield Imported(str(folder), "finding", finding.id, is_new)
        return
    if (folder / DICTIONARY).is_file():
        run, is_new = import_dictionary(notebook, folder)
        yield Imported(str(folder), "run", run.id, is_new)
        return
    for record, import_it in ((SWEEP, import_sweep), (POPULATION, import_population)):
        if not (folder / record).is_file():
            continue
        swept = import_it(notebook, folder, parent=_parent(folder, reports))
        yield Imported(
            str(folder), "sweep", swept.run.id, swept.is_new, new_trials=swept.new_trials
        )
        return
    if _is_report(folder):
        imported = import_report(notebook, folder)
        reports[folder] = [run for run, _ in imported]
        for run, is_new in imported:
            yield Imported(str(folder), "study", run.id, is_new)
        return
    done = import_run(notebook, folder, parent=_parent(folder, reports))
    yield Imported(str(folder), "run", done.run.id, done.is_new, done.new_steps)


def _folders(path: Path) -> Iterator[Path]:
    """Folders with something to import, those around others first."""
    for place, inside, files in os.walk(path):
        if not {"run.json", RECORD, DICTIONARY, SWEEP, POPULATION}.isdisjoint(files):
            yield Path(place)
        inside[:] = sorted(
            name for name in inside if name not in _CLOSED and not name.startswith(".")
        )


def _is_report(folder: Path) -> bool:
    try:
        found: Any = msgspec.json.decode((folder / "run.json").read_bytes())
    except (OSError, msgspec.MsgspecError):
        return False
    return isinstance(found, dict) and found.get("kind") == "report"


def _parent(folder: Path, reports: dict[Path, list[Run]]) -> Run | None:
    """The study whose workspace a run lies in: the only one, or the one it is named for."""
    for outer in folder.parents:
        if outer in reports:
            studies = reports[outer]
            inside = folder.relative_to(outer).parts
            named = [one for one in studies if one.study in inside]
            return named[0] if named else studies[0] if len(studies) == 1 else None
    return None
