"""A look in the notebook: a finding that says what was looked at, with the page that shows it."""

from pathlib import Path
from typing import Any

import msgspec

from glasshouse.notebook.ids import derived_id
from glasshouse.notebook.importing.reading import read_json, read_time
from glasshouse.notebook.importing.subjects import subject_of
from glasshouse.notebook.notebook import Notebook
from glasshouse.notebook.types import Finding

PAGE, RECORD = "look.html", "look.json"


class _LookFile(msgspec.Struct):
    """What look.json says."""

    model: str
    prompts: list[str]
    feeds: list[str] = []
    axes: dict[str, Any] = {}
    numerics: str = ""
    notes: list[str] = []
    command: str = ""
    commit: str = ""
    started: str = ""


def import_look(
    notebook: Notebook, folder: Path, *, subject: str | None = None
) -> tuple[Finding, bool]:
    """Bring a look into the notebook: the finding, and whether it is new.

    Args:
        notebook: Where to.
        folder: Of the look.
        subject: The id of the model; without, what the look's name for it leads to from here.

    Raises:
        RunError: If the folder is not a look's, or is damaged.
    """
    path = folder / RECORD
    file, content = read_json(path, _LookFile), path.read_bytes()
    finding = Finding(
        id=derived_id("look", content),
        created=read_time(file.started, path),
        kind="look",
        title=_title(file),
        subject=subject if subject is not None else subject_of(file.model),
        text="\n\n".join(file.prompts),
        sites=list(file.axes),
        path=str((folder / PAGE).resolve()),
        extra={
            "model": file.model,
            "prompts": file.prompts,
            "feeds": file.feeds,
            "numerics": file.numerics,
            "notes": file.notes,
            "command": file.command,
            "commit": file.commit,
        },
    )
    known = notebook.load(Finding, finding.id)
    if known is not None:
        # Where it came from is told by the first who knew.
        finding.subject = known.subject
        for name in ("severity", "status", "tags", "auditor", "confidence", "truth", "evidence"):
            setattr(finding, name, getattr(known, name))
    if finding != known:
        notebook.add(finding)
    return finding, known is None


def _title(file: _LookFile) -> str:
    words = " ".join(file.prompts[0].split()) if file.prompts else "nothing"
    words = words if len(words) <= 60 else words[:59] + "…"
    return f"“{words}”" + (f", {len(file.feeds)} fed" if file.feeds else "")
