"""From comparisons with one column of a key to the bytes that the column may have.

All that is said here of a column's bytes is exact: a value lies in the range if and only if the
comparisons hold for it. What cannot be said exactly is not said, and tested on the record.
"""

import math
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from glasshouse.errors import EngineError
from glasshouse.records.expressions.conditions import Comparison, Condition, IsNone, Operator
from glasshouse.records.expressions.types import without_none
from glasshouse.records.query.values import simple_kind
from glasshouse.records.schema.keys import Column
from glasshouse.records.schema.packing import NONE, column_packer
from glasshouse.records.tuples import invert, pack_float, strinc

CLOSE = b"\xff"
"""Behind columns: ends the keys that have exactly them."""

_SIDES: dict[Operator, tuple[bool | None, bool]] = {
    Operator.EQUAL: (None, True),
    Operator.LESS: (False, False),
    Operator.AT_MOST: (False, True),
    Operator.GREATER: (True, False),
    Operator.AT_LEAST: (True, True),
}
"""Whether what is compared so goes up from the value, and whether the value itself is in."""

Bounds = tuple[bytes, bytes]
"""Where the bytes of a column begin and end."""


@dataclass(frozen=True, slots=True, eq=False)
class Lane:
    """A column of a key in whose order records stand, and what planning wants to know of it."""

    column: Column
    kind: type | None
    """What simple kind it holds; None for others, whose bytes may not sort as they do."""
    pack: Callable[[Any], bytes]
    fan: tuple[str, ...] | None
    """The path as far as its last fan-out; None if it does not fan out."""
    element: int
    """The place of the first column that comes from the same element as this one."""
    constant: bytes | None
    """Its bytes, if they are the same in every key."""

    @property
    def path(self) -> tuple[str, ...]:
        """The path of the column."""
        return self.column.path


def lane_of(column: Column, element: int, constant: bytes | None = None) -> Lane:
    """A column, looked at for planning."""
    fan = None
    for place in range(len(column.path), 0, -1):
        if column.path[place - 1].endswith("[]"):
            fan = column.path[:place]
            break
    return Lane(column, simple_kind(column.type), column_packer(column), fan, element, constant)


def exact_bytes(lane: Lane, condition: Condition) -> bytes | None:
    """The one value of a column, as bytes, that a condition on it allows; None if it allows others.

    Args:
        lane: The column.
        condition: A comparison with its field, or with the field of the same element.
    """
    if isinstance(condition, IsNone):
        return invert(NONE) if lane.column.descending else NONE
    if not isinstance(condition, Comparison) or condition.operator is not Operator.EQUAL:
        return None
    value = condition.value
    if isinstance(value, Enum):
        enum = without_none(lane.column.type)
        is_member = isinstance(enum, type) and issubclass(enum, Enum) and isinstance(value, enum)
        return _packed(lane, value.value) if is_member else None
    if value is None or lane.kind is None:
        return None
    return _packed(lane, _as_held(lane.kind, value))


def bounds_of(
    lane: Lane, conditions: Sequence[Condition]
) -> tuple[bytes, bytes, list[Condition]] | None:
    """Begin and end of a column's bytes, and which of the conditions these stand for.

    Args:
        lane: The column.
        conditions: Each holds for the same value of the column.
    """
    if lane.kind is None:
        return None
    least, most = _edges(lane)
    used: list[Condition] = []
    for one in conditions:
        if not isinstance(one, Comparison) or one.value is None:
            continue
        found = _prefixed(lane, one) or _bounded(lane, one)
        if found is not None:
            least, most = max(least, found[0]), min(most, found[1])
            used.append(one)
    return (least, most, used) if used else None


def _as_held(kind: type, value: Any) -> Any | None:
    """A value as the only one of its kind that equals it; None if there is none, or are several."""
    if kind is int and isinstance(value, float):
        return int(value) if value.is_integer() else None
    if kind is float:
        near = _nearest(value)
        return near if near == value and near != 0 else None  # minus zero equals zero
    return value


def _packed(lane: Lane, value: Any) -> bytes | None:
    """The bytes of a value; None if no key can hold it."""
    if value is None:
        return None
    try:
        return lane.pack(value)
    except (EngineError, ValueError, TypeError, AttributeError, struct.error):
        return None


def _edges(lane: Lane) -> Bounds:
    """Where the values that something can be compared with begin and end.

    Missing values are outside, and so are the floats that are no numbers.
    """
    if lane.kind is float:
        low, high = pack_float(-math.inf), pack_float(math.inf)
        if lane.column.descending:
            return invert(high), invert(low) + CLOSE
        return low, high + CLOSE
    return (b"", invert(NONE)[:1]) if lane.column.descending else (b"\x01", CLOSE)


def _prefixed(lane: Lane, condition: Comparison) -> Bounds | None:
    if condition.operator is not Operator.STARTS_WITH or lane.column.descending:
        return None
    packed = _packed(lane, condition.value)
    if packed is None:
        return None
    begin = packed[:-1]  # less its end mark
    return begin, strinc(begin)


def _bounded(lane: Lane, condition: Comparison) -> Bounds | None:
    if condition.operator not in _SIDES:
        return None
    around = _around(lane, condition.value)
    if around is None:
        return None
    low, high = around
    least, most = _edges(lane)
    if lane.kind is datetime:  # times with a zone do not compare with times without one
        least, most = low[:1], bytes([low[0] + 1])
    goes_up, goes_on = _SIDES[condition.operator]
    if goes_up is None:
        return low, high
    if goes_up is not lane.column.descending:
        return (low if goes_on else high), most
    return least, (high if goes_on else low)


def _around(lane: Lane, value: Any) -> Bounds | None:
    """Begin and end of the bytes that equal a value; an empty range where none does."""
    if lane.kind is float:
        return _around_float(lane, value)
    if lane.kind is int and isinstance(value, float):
        if math.isnan(value):
            return None
        if math.isinf(value):
            edge = _edges(lane)[(value > 0) is not lane.column.descending]
            return edge, edge
        if not value.is_integer():
            return _beside(lane, math.ceil(value), is_below=True)
        value = int(value)
    packed = _packed(lane, value)
    return None if packed is None else (packed, packed + CLOSE)


def _around_float(lane: Lane, value: Any) -> Bounds | None:
    if value != value:
        return None  # what is no number equals nothing
    near = _nearest(value)
    if near != value:
        return _beside(lane, near, is_below=near > value)
    if near != 0:
        packed = lane.pack(near)
        return packed, packed + CLOSE
    first, last = sorted((lane.pack(-0.0), lane.pack(0.0)))
    return first, last + CLOSE


def _nearest(value: Any) -> float:
    """The float that is nearest to a number."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _beside(lane: Lane, value: Any, *, is_below: bool) -> Bounds | None:
    """The place just below or above a value, where no key stands."""
    packed = _packed(lane, value)
    if packed is None:
        return None
    place = packed if is_below is not lane.column.descending else packed + CLOSE
    return place, place
