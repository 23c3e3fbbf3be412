"""Reading JSON files of folders that may be old, half-written or of something else."""

import ast
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from glasshouse.errors import RunError


def read_json(path: Path, kind: Any) -> Any:
    """A JSON file as what it should be: a struct, or another annotation that msgspec knows.

    Raises:
        RunError: If it is missing, damaged or something else.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        raise RunError(f"{path} is missing; the folder is not whole") from None
    except (OSError, msgspec.MsgspecError) as error:
        raise RunError(f"{path} cannot be imported: {error}") from None


def read_time(text: str, path: Path) -> datetime:
    """A time in ISO 8601; without a zone it is UTC.

    Raises:
        RunError: If it is none.
    """
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise RunError(f"{path} says it began at {text!r}, which is no time") from None
    return time if time.tzinfo is not None else time.replace(tzinfo=UTC)


def unflatten(names: dict[str, Any]) -> dict[str, Any]:
    """Values by dotted names as values inside each other: `{"train.steps": 3}`, `train` a dict."""
    found: dict[str, Any] = {}
    for name, value in names.items():
        *outer, last = name.split(".")
        inner = found
        for part in outer:
            held = inner.get(part)
            inner[part] = inner = held if isinstance(held, dict) else {}
        inner[last] = value
    return found


def read_value(text: Any) -> Any:
    """A value that was written as Python shows it: numbers, None, lists; else the text itself."""
    if not isinstance(text, str):
        return text
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text
    if isinstance(value, list | tuple):
        return [text if isinstance(one, bytes) else one for one in value]
    return value if isinstance(value, int | float | str | dict) or value is None else text
