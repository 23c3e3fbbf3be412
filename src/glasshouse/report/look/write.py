"""A look on disk: `values.safetensors`, `look.html` and `look.json`, whole or absent."""

import json
import os
from pathlib import Path
from typing import Any

import safetensors.torch

from glasshouse.errors import InputError
from glasshouse.files import folder_atomically
from glasshouse.models import Tokenizer
from glasshouse.report.look.look import Look
from glasshouse.report.look.page import render_look
from glasshouse.report.provenance import Provenance

VALUES, PAGE, RECORD = "values.safetensors", "look.html", "look.json"
_FORMAT = 1


def write_look(look: Look, out: Path, *, tokenizer: Tokenizer, provenance: Provenance) -> None:
    """Write what a look found.

    Everything is made under a draft name first, so a full disk leaves no part of it behind, and an
    earlier look stays as it was.

    Args:
        look: What was found.
        out: The folder to make, or one that holds an earlier look.
        tokenizer: The model's.
        provenance: How it was run.

    Raises:
        InputError: If `out` holds something else.
        OSError: If the disk is full or the folder cannot be written.
    """
    check_out(out)
    record = look_record(look, provenance)
    page = render_look(look, tokenizer, provenance=provenance)
    out.parent.mkdir(parents=True, exist_ok=True)
    fresh = out if not out.exists() else out.with_name(f".{out.name}.new")
    with folder_atomically(fresh) as draft:
        safetensors.torch.save_file(
            {name: value.cpu().contiguous().clone() for name, value in look.values.items()},
            draft / VALUES,
            metadata={key: _as_text(value) for key, value in record.items()},
        )
        (draft / PAGE).write_text(page, encoding="utf-8")
        (draft / RECORD).write_text(
            json.dumps(record, ensure_ascii=False, indent=2) + "\n", encoding="utf-8"
        )
    if fresh != out:
        for name in (VALUES, PAGE, RECORD):
            os.replace(fresh / name, out / name)
        fresh.rmdir()


def check_out(out: Path) -> None:
    """Refuse a folder whose content a look would overwrite, before the work begins.

    Raises:
        InputError: If `out` is a file, cannot be written, or holds anything but an earlier look.
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"--out {out} is a file; name a folder that does not exist yet")
    nearest = next(path for path in (out, *out.resolve().parents) if path.exists())
    if not nearest.is_dir():
        raise InputError(f"--out {out} cannot be made: {nearest} is a file; name another folder")
    if not os.access(nearest, os.W_OK):
        raise InputError(f"--out {out} cannot be written: no permission in {nearest}")
    if out.exists() and {inside.name for inside in out.iterdir()} not in (
        set(),
        {VALUES, PAGE, RECORD},
    ):
        raise InputError(f"--out {out} holds files that are no look; name a new or empty folder")


def look_record(look: Look, provenance: Provenance) -> dict[str, Any]:
    """What another person needs to look again, and to read the values."""
    return {
        "format": _FORMAT,
        "kind": "look",
        "model": look.model,
        "numerics": look.numerics,
        "prompts": [text.prompt for text in look.texts],
        "ids": [list(text.ids) for text in look.texts],
        "tokens": [list(text.tokens) for text in look.texts],
        "feeds": [feeding.text for feeding in look.feedings],
        "axes": {address: list(look.axes(address)) for address in look.values},
        "notes": list(look.notes),
        **provenance.as_json(),
    }


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
