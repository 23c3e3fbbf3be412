"""Answering from an index alone: rows made of its columns, without reading records."""

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

from glasshouse.records.expressions.conditions import (
    And,
    Comparison,
    Condition,
    IsNone,
    Not,
    Or,
)
from glasshouse.records.expressions.reference import path_of
from glasshouse.records.query.query import Query
from glasshouse.records.query.values import is_simple
from glasshouse.records.query.ways import Way
from glasshouse.records.schema.keys import Column, Key
from glasshouse.records.store.store import RecordStore
from glasshouse.records.tuples import read_columns, unpack


def covers(
    way: Way, store: RecordStore, record_type: type, query: Query, left: Sequence[Condition]
) -> bool:
    """Whether an index holds all that is selected, tested and sorted by."""
    if not query.selected or way.fans_out:
        return False
    held = {
        column.path
        for column in (*way.key, *way.covered, *store.schema.keys[record_type])
        if _is_plain(column)
    }
    paths = {path_of(one) for one in query.selected} | {column.path for column in query.order}
    for condition in left:
        found = _paths(condition)
        if found is None:
            return False
        paths |= found
    return paths <= held


def _is_plain(column: Column) -> bool:
    """Whether the column's bytes say all of a field of the record itself."""
    one_step = len(column.path) == 1 and not column.path[0].endswith("]")
    return one_step and is_simple(column.type)


def _paths(condition: Condition) -> set[tuple[str, ...]] | None:
    """The fields that a condition looks at; None if that cannot be told."""
    match condition:
        case Comparison(path) | IsNone(path):
            return {path}
        case Not(inner):
            return _paths(inner)
        case And(parts) | Or(parts):
            found: set[tuple[str, ...]] = set()
            for part in parts:
                inside = _paths(part)
                if inside is None:
                    return None
                found |= inside
            return found
    return None


def row_maker(
    key: Key, covered: Key, primary_key: Key
) -> Callable[[tuple[Any, ...], bytes, bytes], SimpleNamespace]:
    """A function of the key's values, the covered bytes and the record id that gives a row."""
    names = [(place, column.path[0]) for place, column in enumerate(key) if _is_plain(column)]
    beside = [(place, column.path[0]) for place, column in enumerate(covered) if _is_plain(column)]
    directions = [column.descending for column in covered]
    own = [(place, column.path[0]) for place, column in enumerate(primary_key) if _is_plain(column)]

    def make(values: tuple[Any, ...], kept: bytes, record_id: bytes) -> SimpleNamespace:
        row = {name: values[place] for place, name in names}
        if beside:
            more, _ = read_columns(kept, directions)
            row |= {name: more[place] for place, name in beside}
        if own:
            key_values = unpack(record_id)[1:]
            row |= {name: key_values[place] for place, name in own}
        return SimpleNamespace(**row)

    return make
