"""Records as lines of JSON."""

from pathlib import Path
from typing import Any

import msgspec

from glasshouse.files import write_atomically
from glasshouse.notebook.exporting.selection import Selection
from glasshouse.notebook.notebook import Notebook
from glasshouse.records import Record


def as_json(record: Record) -> dict[str, Any]:
    """A record in plain JSON values; its type stands first, bytes in base64."""
    return {"type": type(record).__name__.lower(), **msgspec.to_builtins(record)}


def export_jsonl(notebook: Notebook, path: Path, selection: Selection) -> int:
    """Write one record a line; how many.

    Raises:
        OSError: If the file cannot be written; it is then as it was before.
    """
    count = 0
    encode = msgspec.json.Encoder().encode

    def write(draft: Path) -> None:
        nonlocal count
        with draft.open("wb") as file:
            for kind in selection.types:
                for record in selection.records(notebook, kind):
                    file.write(encode(as_json(record)) + b"\n")
                    count += 1

    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, write)
    return count
