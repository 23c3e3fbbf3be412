"""Indexes in groups: each group of an index is laid out, and asked, as if it were alone."""

from collections.abc import Callable, Sequence
from typing import Any

from glasshouse.errors import QueryError, RecordError
from glasshouse.records.indexes.index import Index
from glasshouse.records.schema.keys import Key, evaluate, fans_out
from glasshouse.records.schema.packing import (
    column_packer,
    compile_key,
    compile_keys,
    compile_values,
)
from glasshouse.records.tuples import read_columns


def compile_groups(group_by: Key, type_number: int) -> Callable[[Any], list[bytes]]:
    """A function of a record that gives the packed groups it is in; an index has one at least."""
    return compile_keys(group_by, type_number) if group_by else no_group


def no_group(record: Any) -> list[bytes]:
    """The one group of an index that has none."""
    return [b""]


def compile_grouped_values(
    group_by: Key, key: Key, type_number: int
) -> Callable[[Any], list[tuple[bytes, tuple[Any, ...]]]]:
    """A function of a record that gives its packed groups, each with the values of a key in it.

    Groups and key are one key expression, so that fields of the same element stay together.
    """
    if not group_by or not fans_out((*group_by, *key)):
        groups, alone = compile_groups(group_by, type_number), evaluate(key, type_number)
        return lambda record: [(groups(record)[0], row) for row in alone(record)]
    values, cut = evaluate((*group_by, *key), type_number), len(group_by)
    packers = [column_packer(column) for column in group_by]
    return lambda record: [
        (b"".join([pack(one) for pack, one in zip(packers, row, strict=False)]), row[cut:])
        for row in values(record)
    ]


def compile_grouped_keys(
    group_by: Key, key: Key, type_number: int
) -> Callable[[Any], list[tuple[bytes, bytes]]]:
    """The same, with the key packed."""
    if not group_by:
        keys = compile_keys(key, type_number)
        return lambda record: [(b"", one) for one in keys(record)]
    if not fans_out((*group_by, *key)):
        group, whole = compile_key(group_by, type_number), compile_key(key, type_number)
        return lambda record: [(group(record), whole(record))]
    grouped = compile_grouped_values(group_by, key, type_number)
    packers = [column_packer(column) for column in key]
    return lambda record: [
        (group, b"".join([pack(one) for pack, one in zip(packers, values, strict=True)]))
        for group, values in grouped(record)
    ]


def compile_group(index: Index, group_by: Any) -> Callable[[Sequence[Any]], bytes]:
    """A function that packs the values of a group, as a question names them.

    Args:
        index: The index.
        group_by: The key expression that makes its groups.
    """
    key = index.key_for(group_by, index.record_types[0])
    names = ", ".join(column.describe() for column in key)
    pack = compile_values(key, f"a group of index {index.name!r}")

    def pack_group(group: Sequence[Any]) -> bytes:
        if len(group) != len(key):
            grouped = f"is grouped by {len(key)} columns ({names})" if key else "has no groups"
            raise QueryError(f"index {index.name!r} {grouped}; group={tuple(group)!r} does not fit")
        try:
            return pack(group)
        except RecordError as error:
            raise QueryError(str(error)) from None

    return pack_group


def end_of_group(group_by: Key) -> Callable[[bytes, int], int]:
    """A function of a key and the place where a group begins, to the place where it ends."""
    directions = [column.descending for column in group_by]
    return lambda key, at: read_columns(key, directions, at)[1]
