"""A dictionary in the notebook: a run with the curves of its learning, and how good it became."""

from pathlib import Path
from typing import Any

import msgspec

from glasshouse.errors import RunError
from glasshouse.notebook.curves import by_curve, delete_curves, summarise, write_curves
from glasshouse.notebook.ids import derived_id
from glasshouse.notebook.importing.reading import read_json, read_time
from glasshouse.notebook.notebook import Notebook
from glasshouse.notebook.types import Run, RunStatus

RECORD, STEPS = "training.json", "steps.jsonl"


class _DictionaryFile(msgspec.Struct):
    """What training.json says."""

    model: str
    config: dict[str, Any]
    started: str
    subject: str = ""
    texts: str = ""
    scores: dict[str, Any] = {}
    seconds: float | None = None
    command: str = ""
    commit: str = ""
    versions: dict[str, str] = {}
    machine: dict[str, Any] = {}


def import_dictionary(notebook: Notebook, folder: Path) -> tuple[Run, bool]:
    """Bring a dictionary that was learned into the notebook: its run, and whether it is new.

    Raises:
        RunError: If the folder is not a dictionary's, or is damaged.
    """
    path = folder / RECORD
    file: _DictionaryFile = read_json(path, _DictionaryFile)
    steps = _steps(folder / STEPS)
    curves = by_curve((int(step.pop("step")), step) for step in steps)
    run = Run(
        id=dictionary_id(folder),
        kind="dictionary",
        started=read_time(file.started, path),
        name=folder.resolve().name,
        status=RunStatus.FINISHED,
        seconds=file.seconds,
        seed=file.config.get("seed"),
        command=file.command,
        config={**file.config, "model": file.model, "subject": file.subject, "texts": file.texts},
        decisions={"scores": file.scores},
        step=len(steps),
        steps=len(steps),
        metrics={name: summarise(one.steps, one.values) for name, one in curves.items()},
        versions=file.versions,
        commit=file.commit,
        machine=file.machine,
        path=str(folder.resolve()),
    )
    known = notebook.load(Run, run.id)
    if known is not None:
        run.tags, run.note = known.tags, known.note
    if run != known:
        notebook.add(run)
        notebook.run(lambda store: delete_curves(store, run.id))
        notebook.run(lambda store: write_curves(store, run.id, curves))
    return run, known is None


def dictionary_id(folder: Path) -> str:
    """What a dictionary is called in the notebook: by what training.json says, else by its path.

    One that somebody else's trainer wrote has no such file.
    """
    path = folder / RECORD
    if path.is_file():
        return derived_id("dictionary", path.read_bytes())
    return derived_id("dictionary", str(folder.resolve()))


def _steps(path: Path) -> list[dict[str, Any]]:
    try:
        return [msgspec.json.decode(line) for line in path.read_bytes().splitlines() if line]
    except FileNotFoundError:
        return []
    except (OSError, msgspec.MsgspecError) as error:
        raise RunError(f"{path} cannot be imported: {error}") from None
