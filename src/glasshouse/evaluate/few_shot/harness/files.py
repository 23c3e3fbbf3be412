"""Rows of local files, as a task file names them: JSON, JSON lines and CSV."""

import csv
import glob
import io
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from glasshouse.errors import InputError

Row = Mapping[str, Any]


def read_splits(kind: str, data_files: Any, beside: Path) -> dict[str, list[Row]]:
    """Read every split that a task file names.

    Args:
        kind: "json" or "csv".
        data_files: A path, a list of them (then all is the split "train"), or either by split.
        beside: Folder of the task file, where a path is looked for that the current folder lacks.

    Raises:
        InputError: If it is none of these, or a file is missing, damaged or empty.
    """
    by_split = data_files if isinstance(data_files, Mapping) else {"train": data_files}
    splits: dict[str, list[Row]] = {}
    for split, paths in by_split.items():
        named = [paths] if isinstance(paths, str) else paths
        if not isinstance(named, list) or not all(isinstance(path, str) for path in named):
            raise InputError(f"dataset_kwargs.data_files must name local files, not {paths!r}")
        rows: list[Row] = []
        for path in named:
            for file in find_files(path, beside):
                rows += _READERS[kind](file)
        if not rows:
            raise InputError(f"the split {split!r} has no rows: {', '.join(named)}")
        splits[str(split)] = rows
    return splits


def find_files(name: str, beside: Path) -> list[Path]:
    """The local files of a name, which may hold `*`.

    Raises:
        InputError: If it is an address, there are none, or there are others in both places.
    """
    if "://" in name:
        raise InputError(
            f"{name} is no local file; nothing is downloaded, so name one on this disk"
        )
    here, there = _matching(name, Path()), _matching(name, beside)
    if here and there and [p.resolve() for p in here] != [p.resolve() for p in there]:
        raise InputError(
            f"{name} is here and beside the task file, and these are two files; move one away, or "
            "name the one that is meant by its whole path"
        )
    if not here and not there:
        raise InputError(f"there is no file {name}, neither here nor beside the task file")
    return here or there


def _matching(name: str, folder: Path) -> list[Path]:
    return sorted(folder / found for found in glob.glob(name, root_dir=folder))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 (byte {error.start})") from error
    except IsADirectoryError:
        raise InputError(f"{path} is a folder; name its files") from None


def _read_json(path: Path) -> Sequence[Row]:
    text = _text(path)
    rows: Any
    try:
        if text.lstrip().startswith("["):
            rows = json.loads(text)
        else:
            lines = enumerate(text.split("\n"), 1)
            rows = [_loads(line, number) for number, line in lines if line.strip()]
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is neither JSON nor JSON lines: {error}") from None
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            raise InputError(f"row {number} of {path} is {row!r}, and should be an object")
    return rows


def _loads(line: str, number: int) -> Any:
    try:
        return json.loads(line)
    except ValueError as error:
        raise ValueError(f"line {number}: {error}") from None


def _read_csv(path: Path) -> Sequence[Row]:
    """Read rows under a header; a column of numbers holds numbers, as data frames have it."""
    reader = csv.reader(io.StringIO(_text(path).removeprefix("\ufeff"), newline=""))
    try:
        lines = [line for line in reader if line]
    except csv.Error as error:
        raise InputError(f"{path} is no readable CSV: {error}") from None
    if not lines:
        return []
    names, *cells = lines
    for number, line in enumerate(cells, 1):
        if len(line) != len(names):
            raise InputError(
                f"row {number} of {path} has {len(line)} cells, and the header names {len(names)}"
            )
    columns = [_typed([line[place] for line in cells]) for place in range(len(names))]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _typed(cells: list[str]) -> list[Any]:
    """Cells as whole numbers or numbers if all are, empty ones as None."""
    kinds: list[Callable[[str], Any]] = [int, float]
    for kind in kinds:
        try:
            return [kind(cell) if cell else None for cell in cells]
        except ValueError:
            continue
    return [cell if cell else None for cell in cells]


_READERS: dict[str, Callable[[Path], Sequence[Row]]] = {"json": _read_json, "csv": _read_csv}
