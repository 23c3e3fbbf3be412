"""From records to the bytes of keys, compiled once for each key expression.

Columns are packed by their annotation, not by what the value happens to be, so that a record gives
the same key before it is stored and after it is read.
"""

import operator
import struct
from collections.abc import Callable, Sequence
from datetime import datetime
from enum import Enum
from typing import Any
from uuid import UUID

from glasshouse.errors import RecordError
from glasshouse.records.expressions.types import element_type, is_optional, without_none
from glasshouse.records.schema.keys import Column, Key, evaluate
from glasshouse.records.tuples import (
    invert,
    pack_bool,
    pack_bytes,
    pack_element,
    pack_float,
    pack_int,
    pack_text,
    pack_uuid,
)

Packer = Callable[[Any], bytes]
"""From a value to the bytes of its column."""

_BY_TYPE: dict[Any, Packer] = {
    str: pack_text,
    int: pack_int,
    float: pack_float,
    bool: pack_bool,
    bytes: pack_bytes,
    UUID: pack_uuid,
    datetime: pack_element,
}

NONE = b"\x00"
"""A missing value as a column."""


def column_packer(column: Column) -> Packer:
    """A function that packs the values of one column."""
    pack = _BY_TYPE.get(without_none(column.type), _pack_any)
    if is_optional(column.type) or len(column.path) > 1:
        pack = _or_none(pack)
    if column.descending:
        ascending = pack
        return lambda value: invert(ascending(value))
    return pack


def _or_none(pack: Packer) -> Packer:
    return lambda value: NONE if value is None else pack(value)


def _pack_any(value: Any) -> bytes:
    return pack_element(value.value if isinstance(value, Enum) else value)


def compile_keys(key: Key, type_number: int) -> Callable[[Any], list[bytes]]:
    """A function of a record that gives its packed keys."""
    packers = [column_packer(column) for column in key]
    if all(is_own_field(column) for column in key):
        return _plain_columns([column.path[0] for column in key], packers)
    if len(key) == 1 and is_own_list(key[0]):
        get, pack = operator.attrgetter(key[0].path[0].removesuffix("[]")), packers[0]
        return lambda record: [pack(one) for one in get(record) or ()]
    values = evaluate(key, type_number)
    return lambda record: [
        b"".join([pack(value) for pack, value in zip(packers, row, strict=True)])
        for row in values(record)
    ]


def compile_key(key: Key, type_number: int) -> Callable[[Any], bytes]:
    """A function of a record that gives the one packed key of an expression without fan-out."""
    if len(key) == 1 and is_own_field(key[0]):
        get, pack = operator.attrgetter(key[0].path[0]), column_packer(key[0])
        return lambda record: pack(get(record))
    keys = compile_keys(key, type_number)
    return lambda record: keys(record)[0]


def compile_values(key: Key, what: str) -> Callable[[Sequence[Any]], bytes]:
    """A function that packs given values as the columns of a key, or as the first of them.

    Args:
        key: The columns.
        what: What the key is of, for the error.
    """
    packers = [column_packer(column) for column in key]

    def pack(values: Sequence[Any]) -> bytes:
        if len(values) > len(packers):
            names = ", ".join(column.describe() for column in key)
            raise RecordError(f"{what} has {len(packers)} columns ({names}), not {len(values)}")
        try:
            return b"".join([pack(value) for pack, value in zip(packers, values, strict=False)])
        except (TypeError, ValueError, AttributeError, struct.error) as error:
            raise RecordError(f"{tuple(values)!r} does not fit {what}: {error}") from None

    return pack


def compile_whole(key: Key, what: str) -> Callable[[tuple[Any, ...]], bytes]:
    """The same, where all columns must be given: the quickest way from a primary key to bytes."""
    pack_some = compile_values(key, what)
    names = ", ".join(column.describe() for column in key)
    if len(key) == 1:
        pack = column_packer(key[0])

        def pack_one(values: tuple[Any, ...]) -> bytes:
            if len(values) != 1:
                raise RecordError(f"{what} has 1 column ({names}), not {len(values)}")
            try:
                return pack(values[0])
            except (TypeError, ValueError, AttributeError, struct.error):
                return pack_some(values)  # which says what is wrong

        return pack_one

    def pack_all(values: tuple[Any, ...]) -> bytes:
        if len(values) != len(key):
            raise RecordError(f"{what} has {len(key)} columns ({names}), not {len(values)}")
        return pack_some(values)

    return pack_all


def compile_row(key: Key, what: str, prefix: bytes) -> Callable[[Any], bytes]:
    """A function from the value of a primary key of one column to the key of its row.

    It is the quickest way there. Of a key of several columns, it takes the tuple of their values.

    Args:
        key: The columns.
        what: What the key is of, for the error.
        prefix: What stands before the packed key.
    """
    pack_whole = compile_whole(key, what)
    if len(key) == 1:

        def row(value: Any) -> bytes:
            return prefix + pack_whole((value,))

        return _int_row(prefix, row) if column_packer(key[0]) is pack_int else row
    return lambda values: prefix + pack_whole(values if isinstance(values, tuple) else (values,))


def compile_short_row(
    key: Key, prefix: bytes
) -> tuple[Callable[[bytes, int], bytes], bytes] | tuple[None, None]:
    """What packs keys of one whole number of two bytes, 256 to 65,535, and what it takes first.

    It is for those to whom even the call of a function in Python is dear. Nothing for other keys.
    """
    if len(key) != 1 or column_packer(key[0]) is not pack_int:
        return None, None
    head = prefix + pack_int(1 << 8)[:1]
    return struct.Struct(f">{len(head)}sH").pack, head


def _int_row(prefix: bytes, pack: Callable[[Any], bytes]) -> Callable[[Any], bytes]:
    """Whole numbers of 2 to 4 bytes are put behind the prefix in one step."""
    heads = [prefix + pack_int(1 << 8 * length)[:1] for length in range(1, 4)]
    head_two, head_three, head_four = heads
    two = struct.Struct(f">{len(head_two)}sH").pack
    three = struct.Struct(f">{len(head_three)}sBH").pack
    four = struct.Struct(f">{len(head_four)}sI").pack

    def row(value: Any) -> bytes:
        try:
            if 255 < value < 1 << 16:
                return two(head_two, value)
            if 0xFFFF < value < 1 << 24:
                return three(head_three, value >> 16, value & 0xFFFF)
            if 0xFFFFFF < value < 1 << 32:
                return four(head_four, value)
        except (TypeError, struct.error):
            pass  # said in full below
        return pack(value)

    return row


def _plain_columns(names: list[str], packers: list[Packer]) -> Callable[[Any], list[bytes]]:
    if len(names) == 1:
        get, pack = operator.attrgetter(names[0]), packers[0]
        return lambda record: [pack(get(record))]
    get = operator.attrgetter(*names)
    if len(names) == 2:
        first, second = packers

        def two(record: Any) -> list[bytes]:
            one, other = get(record)
            return [first(one) + second(other)]

        return two
    return lambda record: [
        b"".join([pack(value) for pack, value in zip(packers, get(record), strict=True)])
    ]


def is_own_field(column: Column) -> bool:
    """Whether the column is a field of the record itself, taken as it is."""
    return len(column.path) == 1 and not column.path[0].endswith("]")


def is_own_list(column: Column) -> bool:
    """Whether the column is each element of a list of the record itself."""
    one_step = len(column.path) == 1 and column.path[0].endswith("[]")
    return one_step and element_type(column.type) is None
