"""Records as Parquet tables, for pandas, Polars, DuckDB and the like."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from enum import Enum
from itertools import islice
from pathlib import Path
from typing import Any, get_args

import msgspec

from glasshouse.errors import InputError
from glasshouse.files import folder_atomically
from glasshouse.notebook.exporting.packages import needed
from glasshouse.notebook.exporting.selection import Selection
from glasshouse.notebook.notebook import Notebook
from glasshouse.notebook.types import Metric
from glasshouse.records import Record
from glasshouse.records.expressions.types import annotations, element_type, without_none

_ROWS = 4096
"""Records that are turned into columns at once."""


def export_parquet(notebook: Notebook, folder: Path, selection: Selection) -> dict[str, int]:
    """Write a folder with a table for each record type that has records; the rows of each.

    A metric's table has a row for each value. What is no column of numbers, texts, times or lists
    of them (configs, turns) is a column of JSON.

    Raises:
        InputError: If the folder is there and not empty, or pyarrow is missing.
        OSError: If it cannot be written; nothing is then left.
    """
    refuse_taken(folder, "--parquet")
    arrow = needed("pyarrow", package="pyarrow", what="--parquet")
    tables = needed("pyarrow.parquet", package="pyarrow", what="--parquet")
    counts: dict[str, int] = {}
    with folder_atomically(folder) as draft:
        for kind in selection.types:
            name = kind.__name__.lower()
            schema = arrow.schema(list(_columns(arrow, kind)))
            rows = _rows(selection.records(notebook, kind), kind)
            count = 0
            with tables.ParquetWriter(draft / f"{name}.parquet", schema) as writer:
                while some := list(islice(rows, _ROWS)):
                    writer.write_table(arrow.Table.from_pylist(some, schema=schema))
                    count += len(some)
            if count:
                counts[name] = count
            else:
                (draft / f"{name}.parquet").unlink()
    return counts


def refuse_taken(path: Path, option: str) -> None:
    """Refuse a folder that holds something.

    Raises:
        InputError: If it does.
    """
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise InputError(f"{option} {path} is there already; name a folder that does not exist yet")


def _columns(arrow: Any, kind: type[Record]) -> Iterator[tuple[str, Any]]:
    if kind is Metric:
        yield from (("run", arrow.string()), ("name", arrow.string()))
        yield from (("step", arrow.int64()), ("value", arrow.float64()))
        return
    for name, annotation in annotations(kind).items():
        yield name, _arrow_type(arrow, annotation) or arrow.string()


def _arrow_type(arrow: Any, annotation: Any) -> Any | None:
    """The column of an annotation; None of one that is written as JSON."""
    kind = without_none(annotation)
    if isinstance(kind, type) and issubclass(kind, Enum):
        kind = int if issubclass(kind, int) else str
    element = element_type(kind)
    if element is not None and not get_args(without_none(element)):
        inner = _arrow_type(arrow, element)
        return None if inner is None else arrow.list_(inner)
    simple = {
        int: arrow.int64(),
        float: arrow.float64(),
        bool: arrow.bool_(),
        str: arrow.string(),
        bytes: arrow.binary(),
        datetime: arrow.timestamp("us", tz="UTC"),
    }
    return simple.get(kind)


def _rows(records: Iterable[Any], kind: type[Record]) -> Iterator[dict[str, Any]]:
    if kind is Metric:
        for stretch in records:
            for step, value in zip(stretch.steps, stretch.values, strict=True):
                yield {"run": stretch.run, "name": stretch.name, "step": step, "value": value}
        return
    as_text = {name for name, one in annotations(kind).items() if _is_json(one)}
    for record in records:
        yield {
            name: _as_text(getattr(record, name)) if name in as_text else _plain(record, name)
            for name in annotations(kind)
        }


def _is_json(annotation: Any) -> bool:
    kind = without_none(annotation)
    element = element_type(kind)
    if element is not None:
        return element not in (int, float, bool, str, bytes)
    return not isinstance(kind, type) or issubclass(kind, msgspec.Struct | dict)


def _as_text(value: Any) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()


def _plain(record: Any, name: str) -> Any:
    value = getattr(record, name)
    return value.value if isinstance(value, Enum) else value
