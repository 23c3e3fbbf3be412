"""Files of JSON lines: what each line holds, or why it holds nothing."""

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from glasshouse.errors import InputError

Found = TypeVar("Found")


def read_lines(path: Path, read: Callable[[Any], Found]) -> Iterator[tuple[int, Found | str]]:
    """Read every line that is not blank.

    Args:
        path: The file.
        read: Makes something, never a text, of a line's JSON, or raises InputError with the reason
            why not.

    Raises:
        InputError: If the file cannot be read.
    """
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                try:
                    yield number, read(json.loads(line))
                except json.JSONDecodeError as error:
                    yield number, f"no JSON: {error.msg}"
                except InputError as error:
                    yield number, str(error)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}") from None


def part_lines(
    path: Path, lines: Iterable[tuple[int, Found | str]], *, what: str
) -> tuple[list[Found], list[tuple[int, str]]]:
    """What a file holds, and number and reason of every line that is left out.

    Args:
        path: The file, for messages.
        lines: From `read_lines`.
        what: What a line should hold, in a word.

    Raises:
        InputError: If no line holds anything.
    """
    good: list[Found] = []
    bad: list[tuple[int, str]] = []
    for number, found in lines:
        if isinstance(found, str):
            bad.append((number, found))
        else:
            good.append(found)
    if not good:
        why = f"; line {bad[0][0]}: {bad[0][1]}" if bad else ""
        raise InputError(f"{path} holds no {what}{why}")
    return good, bad
