"""Answering from an index alone: rows made of its columns, without reading records."""

from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from functools import lru_cache
from typing import Any

import msgspec

from glasshouse.records.expressions.conditions import (
    And,
    Comparison,
    Condition,
    IsNone,
    Not,
    Or,
)
from glasshouse.records.expressions.types import without_none
from glasshouse.records.indexes.value import covered_of, holder_of
from glasshouse.records.query.columns import Reader, reader_of
from glasshouse.records.query.plans import IndexScan
from glasshouse.records.query.values import simple_kind
from glasshouse.records.query.ways import Way
from glasshouse.records.schema.keys import Column, Key
from glasshouse.records.tuples import read_columns

Path = tuple[str, ...]

_UNNAMED = "_column_"


def covered_fields(
    way: Way, primary_key: Key, paths: Iterable[Path], tested: Sequence[Condition]
) -> frozenset[str] | None:
    """The fields that are asked for, if an index holds them all; else None.

    Args:
        way: By the index.
        primary_key: Of the record type.
        paths: What is selected and sorted by.
        tested: What is tested on each row.
    """
    held = {column.path for column in (*way.key, *way.covered, *primary_key) if _is_plain(column)}
    needed = set(paths)
    for condition in tested:
        found = _paths(condition)
        if found is None:
            return None
        needed |= found
    return frozenset(path[0] for path in needed) if needed <= held else None


def _is_plain(column: Column) -> bool:
    """Whether the column's bytes say all of a field of the record itself."""
    one_step = len(column.path) == 1 and not column.path[0].endswith("]")
    kind = without_none(column.type)
    is_enum = isinstance(kind, type) and issubclass(kind, Enum)  # keys hold the value of a member
    return one_step and simple_kind(kind) is not None and not is_enum


def _paths(condition: Condition) -> set[Path] | None:
    """The fields that a condition looks at; None if that cannot be told."""
    match condition:
        case Comparison(path) | IsNone(path):
            return {path}
        case Not(inner):
            return _paths(inner)
        case And(parts) | Or(parts):
            found: set[Path] = set()
            for part in parts:
                inside = _paths(part)
                if inside is None:
                    return None
                found |= inside
            return found
    return None


def row_reader(
    plan: IndexScan, primary_key: Key, space: bytes, packed_type: bytes
) -> Callable[[bytes, bytes], Any | None]:
    """A function of an index row that gives a query row; None for a record of another type.

    Args:
        plan: A covering scan.
        primary_key: Of the record type.
        space: What stands before the columns of the key.
        packed_type: What the ids of the records begin with.
    """
    known = min(plan.within.num_equal, len(plan.key))
    start = len(space) + (plan.within.ends[known - 1] if known else 0)
    directions = [column.descending for column in plan.key[:known]]
    constants = list(read_columns(plan.within.begin, directions)[0])
    names = _names(plan.key, plan.wanted, ())
    of_key = [
        reader_of(column, is_wanted=not name.startswith(_UNNAMED))
        for column, name in zip(plan.key[known:], names[known:], strict=True)
    ]
    of_id = _readers(primary_key, plan.wanted, names)
    names += _names(primary_key, plan.wanted, names) if of_id else []
    of_covered = _readers(plan.covered, plan.wanted, names)
    names += _names(plan.covered, plan.wanted, names) if of_covered else []
    row, is_unique, length = _row_type(tuple(names)), plan.is_unique, len(packed_type)

    def read(key: bytes, value: bytes) -> Any | None:
        values, at = constants.copy(), start
        for reader in of_key:
            one, at = reader(key, at)
            values.append(one)
        if is_unique and at == len(key):
            record_id, covered = holder_of(value), covered_of(value)
        else:
            record_id, covered = key[at:], value
        if not record_id.startswith(packed_type):
            return None
        at = length
        for reader in of_id:
            one, at = reader(record_id, at)
            values.append(one)
        at = 0
        for reader in of_covered:
            one, at = reader(covered, at)
            values.append(one)
        return row(*values)

    return read


def _names(key: Key, wanted: frozenset[str] | None, before: Sequence[str]) -> list[str]:
    """The field of a row for each column; a name that nobody asks for where it is none."""
    names = []
    for place, column in enumerate(key, len(before)):
        name = column.path[0] if column.path else ""
        is_new = _is_plain(column) and name not in before and name not in names
        names.append(name if is_new and name in (wanted or ()) else f"{_UNNAMED}{place}")
    return names


def _readers(key: Key, wanted: frozenset[str] | None, before: Sequence[str]) -> list[Reader]:
    """Readers of the columns, if any of them is asked for and not known yet."""
    own = {column.path[0] for column in key if _is_plain(column)}
    return (
        [reader_of(column) for column in key] if own & (wanted or frozenset()) - {*before} else []
    )


@lru_cache(maxsize=256)
def _row_type(names: tuple[str, ...]) -> type:
    """A type of rows with these fields."""
    return msgspec.defstruct("Row", list(names))
