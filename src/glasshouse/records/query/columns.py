"""Reading the columns of index rows, where every row of a scan passes."""

from collections.abc import Callable, Sequence
from struct import Struct
from typing import Any

from glasshouse.records.expressions.types import without_none
from glasshouse.records.query.values import simple_kind
from glasshouse.records.schema.keys import Column
from glasshouse.records.tuples import codes, read_descending, read_element
from glasshouse.records.tuples.packing import TURNED

Reader = Callable[[bytes, int], tuple[Any, int]]
"""Of a key and the place of a column: the value, and the place behind it."""

_double = Struct(">d").unpack_from

_WIDTHS = [0] * 256
"""Bytes that an element takes, by its code; zero if that depends on the value."""
for _length in range(-8, 9):
    _WIDTHS[codes.INT_ZERO + _length] = 1 + abs(_length)
for _code, _width in (
    (codes.NONE, 1),
    (codes.SINGLE, 5),
    (codes.DOUBLE, 9),
    (codes.FALSE, 1),
    (codes.TRUE, 1),
    (codes.UUID, 17),
    (codes.VERSIONSTAMP, 13),
    (codes.INSTANT, 9),
    (codes.LOCAL_TIME, 9),
    (codes.DATE, 9),
    (codes.DURATION, 9),
):
    _WIDTHS[_code] = _width


def end_of_columns(descending: Sequence[bool]) -> Callable[[bytes, int], int]:
    """A function of a key and the place where so many columns begin, to the place behind them."""
    ends = [_end_descending if one else _end for one in descending]
    if len(ends) == 1:
        return ends[0]

    def end(key: bytes, at: int) -> int:
        for one in ends:
            at = one(key, at)
        return at

    return end


def _end(key: bytes, at: int) -> int:
    code = key[at]
    width = _WIDTHS[code]
    if width:
        return at + width
    if code == codes.TEXT or code == codes.BYTES:
        place = key.find(b"\x00", at + 1)
        while key[place + 1 : place + 2] == b"\xff" and place >= 0:
            place = key.find(b"\x00", place + 2)
        if place >= 0:
            return place + 1
    return read_element(key, at)[1]


def _end_descending(key: bytes, at: int) -> int:
    width = _WIDTHS[TURNED - key[at]] if key[at] <= TURNED else 0
    return at + width + 1 if width else read_descending(key, at)[1]


def reader_of(column: Column, *, is_wanted: bool = True) -> Reader:
    """A function that reads the values of one column, or only goes past them."""
    if not is_wanted:
        end = _end_descending if column.descending else _end
        return lambda key, at: (None, end(key, at))
    if column.descending:
        return read_descending
    return _QUICK.get(simple_kind(column.type) or without_none(column.type), read_element)


def _read_int(key: bytes, at: int) -> tuple[Any, int]:
    end = at + 1 + key[at] - codes.INT_ZERO
    if at < end <= at + 9:
        return int.from_bytes(key[at + 1 : end], "big"), end
    return read_element(key, at)


def _read_float(key: bytes, at: int) -> tuple[Any, int]:
    # The sign bit of what is not negative is set in keys: it reads as its own negative.
    if key[at] == codes.DOUBLE and key[at + 1] & 0x80:
        return -_double(key, at + 1)[0], at + 9
    return read_element(key, at)


def _read_text(key: bytes, at: int) -> tuple[Any, int]:
    end = key.find(b"\x00", at + 1)
    if key[at] == codes.TEXT and end >= 0 and key[end + 1 : end + 2] != b"\xff":
        try:
            return key[at + 1 : end].decode(), end + 1
        except UnicodeDecodeError:
            pass  # said in full below
    return read_element(key, at)


_QUICK: dict[Any, Reader] = {int: _read_int, float: _read_float, str: _read_text}
