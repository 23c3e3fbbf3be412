"""Packed keys of many records at once, column by column, compiled once for each key expression.

What a batch has in common is done once for it: a text that many records share is packed once, and
the rows of such an index come out in runs that are in order already, which sorting is quick at.
"""

from collections.abc import Callable, Sequence
from itertools import chain, repeat
from operator import attrgetter
from typing import Any

from glasshouse.records.expressions.types import without_none
from glasshouse.records.schema.keys import Column, Key
from glasshouse.records.schema.packing import (
    Packer,
    column_packer,
    compile_key,
    compile_keys,
    is_own_field,
    is_own_list,
)

PackRows = Callable[[bytes, Sequence[bytes], Sequence[Any]], list[bytes]]
"""From what rows begin with, the ends of each record's rows, and the records, to all rows."""

_SAME_BYTES_IF_EQUAL = (str, bytes, int)
"""Annotations of values that pack alike if they are equal; floats do not, as 0.0 and -0.0 show."""


def compile_key_list(key: Key, type_number: int) -> Callable[[Sequence[Any]], list[bytes]]:
    """A function of records that gives each one's key, by an expression without fan-out."""
    if len(key) == 1 and is_own_field(key[0]):
        get, pack = attrgetter(key[0].path[0]), column_packer(key[0])
        return lambda records: list(map(pack, map(get, records)))
    one = compile_key(key, type_number)
    return lambda records: list(map(one, records))


def compile_rows(key: Key, type_number: int) -> PackRows:
    """A function that gives `begin + key + end` for each key of each record.

    In what order is up to it, and a row may come twice if a record has a key twice.
    """
    if len(key) == 1 and (is_own_field(key[0]) or is_own_list(key[0])):
        return _one_column(key[0])
    if key and all(is_own_field(column) for column in key):
        return _columns(key)
    keys = compile_keys(key, type_number)
    return lambda begin, ends, records: [
        begin + one + end for end, record in zip(ends, records, strict=True) for one in keys(record)
    ]


def _one_column(column: Column) -> PackRows:
    name, pack = column.path[0], column_packer(column)
    get = attrgetter(name.removesuffix("[]"))
    may_repeat, is_list = _may_repeat(column), is_own_list(column)

    def rows(begin: bytes, ends: Sequence[bytes], records: Sequence[Any]) -> list[bytes]:
        values = list(map(get, records))
        if is_list:
            ends = [end for end, some in zip(ends, values, strict=True) for _ in some or ()]
            values = list(chain.from_iterable([some or () for some in values]))
        distinct = set(values) if may_repeat else ()
        if not may_repeat or 2 * len(distinct) > len(values):
            return [begin + pack(one) + end for one, end in zip(values, ends, strict=True)]
        behind: dict[Any, list[bytes]] = {one: [] for one in distinct}
        for one, end in zip(values, ends, strict=True):
            behind[one].append(end)
        packed = sorted([(begin + pack(one), some) for one, some in behind.items()])
        return [front + end for front, some in packed for end in some]

    return rows


def _columns(key: Key) -> PackRows:
    get = attrgetter(*[column.path[0] for column in key])
    packers = [(column_packer(column), _may_repeat(column)) for column in key]

    def rows(begin: bytes, ends: Sequence[bytes], records: Sequence[Any]) -> list[bytes]:
        columns = zip(*map(get, records), strict=True)
        packed = [
            _packed(pack, column, may_repeat)
            for (pack, may_repeat), column in zip(packers, columns, strict=False)
        ]
        return list(map(b"".join, zip(repeat(begin), *packed, ends, strict=False)))

    return rows


def _packed(pack: Packer, values: Sequence[Any], may_repeat: bool) -> list[bytes]:
    """One column of all records."""
    distinct = set(values) if may_repeat else ()
    if not may_repeat or 2 * len(distinct) > len(values):
        return list(map(pack, values))
    known = {one: pack(one) for one in distinct}
    return list(map(known.__getitem__, values))


def _may_repeat(column: Column) -> bool:
    """Whether it is worth a look, and safe, to pack equal values of a column once."""
    return without_none(column.type) in _SAME_BYTES_IF_EQUAL
