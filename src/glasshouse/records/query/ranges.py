"""From conditions on the columns of a key to a range of its bytes.

Conditions on the leading columns narrow a key: equalities first, then at most one column with
bounds. No packed element is the beginning of another that an ff follows, so `prefix + ff` ends what
has exactly these columns.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from glasshouse.records.expressions.conditions import Comparison, Condition, IsNone, Operator
from glasshouse.records.expressions.types import without_none
from glasshouse.records.query.values import is_simple
from glasshouse.records.schema.keys import Column, Key
from glasshouse.records.schema.packing import NONE, column_packer
from glasshouse.records.tuples import invert, strinc

CLOSE = b"\xff"
"""Behind columns: ends the keys that have exactly them."""

_BOUNDS = (Operator.LESS, Operator.AT_MOST, Operator.GREATER, Operator.AT_LEAST)


@dataclass(frozen=True, slots=True)
class KeyRange:
    """A part of a key's order, and what it does with the conditions it came from."""

    begin: bytes
    end: bytes
    num_equal: int
    """Leading columns that are bound to one value."""
    has_bounds: bool
    """Whether the next column is bounded."""
    used: tuple[Condition, ...]
    """Conditions that every record in the range meets."""
    words: str
    """The range as a reader would say it."""

    @property
    def num_matched(self) -> int:
        """Leading columns that something is known of."""
        return self.num_equal + self.has_bounds


def narrow(key: Key, conjuncts: Sequence[Condition]) -> KeyRange:
    """The narrowest range of a key that holds every record for which all conjuncts are true."""
    prefix, used, words = b"", [], []
    for place, column in enumerate(key):
        equality = _equality(column, conjuncts, is_first=_is_first(key, place))
        if equality is not None:
            condition, packed = equality
            prefix += packed
            used.append(condition)
            words.append(str(condition))
            continue
        bounds = _bounds(column, conjuncts, is_first=_is_first(key, place))
        if bounds is None:
            return _whole(prefix, len(used), tuple(used), words)
        begin, end, more, exact = bounds
        return KeyRange(
            prefix + begin,
            prefix + end,
            place,
            True,
            (*used, *more) if exact else tuple(used),
            ", ".join([*words, *map(str, more)]),
        )
    return _whole(prefix, len(used), tuple(used), words)


def _whole(
    prefix: bytes, num_equal: int, used: tuple[Condition, ...], words: Sequence[str]
) -> KeyRange:
    """All keys with these leading columns."""
    return KeyRange(prefix, prefix + CLOSE, num_equal, False, used, ", ".join(words) or "all")


def _is_first(key: Key, place: int) -> bool:
    """Whether a column may be narrowed by itself: others of its element must not be bound too.

    Two conditions on elements may hold for two of them, but a key has both columns of one.
    """
    column = key[place]
    if not any(step.endswith("[]") for step in column.path):
        return True
    parent = _fan(column)
    return not any(_fan(other) == parent for other in key[:place] if other.path)


def _fan(column: Column) -> tuple[str, ...] | None:
    """The path as far as its last fan-out."""
    for place in range(len(column.path), 0, -1):
        if column.path[place - 1].endswith("[]"):
            return column.path[:place]
    return None


def _equality(
    column: Column, conjuncts: Sequence[Condition], *, is_first: bool
) -> tuple[Condition, bytes] | None:
    """A condition that binds a column to one value, with the value's bytes."""
    if not column.path or not is_first:
        return None
    for condition in conjuncts:
        match condition:
            case IsNone(path) if path == column.path and not _fan(column):
                return condition, _turned(NONE, column)
            case Comparison(path, Operator.EQUAL, value) if path == column.path:
                packed = pack_exactly(column, value)
                if packed is not None:
                    return condition, packed
    return None


def pack_exactly(column: Column, value: Any) -> bytes | None:
    """The bytes that stand in a column exactly where a field equals a value; None if several do."""
    kind = without_none(column.type)
    if value is None:
        return None
    if isinstance(value, Enum):
        value = value.value
    elif not is_simple(column.type):
        return None
    if kind is float and (value == 0 or math.isnan(value)):
        return None  # minus zero is another key, and equal
    if kind is int and isinstance(value, float):
        if not value.is_integer():
            return None
        value = int(value)
    return column_packer(column)(value)


def _bounds(
    column: Column, conjuncts: Sequence[Condition], *, is_first: bool
) -> tuple[bytes, bytes, list[Condition], bool] | None:
    """Begin, end, the conditions that give them, and whether the range meets them exactly."""
    if not column.path or not is_first or not is_simple(column.type):
        return None
    mine = [
        one
        for one in conjuncts
        if isinstance(one, Comparison) and one.path == column.path and one.value is not None
    ]
    if _fan(column):
        mine = mine[:1]  # another bound may be met by another element
    prefix = next((one for one in mine if one.operator is Operator.STARTS_WITH), None)
    if prefix is not None and not column.descending and prefix.value:
        packed = column_packer(column)(prefix.value)[:-1]
        return packed, strinc(packed), [prefix], True
    mine = [one for one in mine if one.operator in _BOUNDS or _is_zero(column, one)]
    if not mine:
        return None
    least, most = _turned_codes(column)
    for one in mine:
        low, high = _bound(column, one)
        least, most = max(least, low), min(most, high)
    is_exact = without_none(column.type) is not float  # a NaN lies among the keys
    return least, most, list(mine), is_exact


def _is_zero(column: Column, one: Comparison) -> bool:
    """Whether it asks for a float of zero, which two keys have."""
    is_float = without_none(column.type) is float
    return is_float and one.operator is Operator.EQUAL and one.value == 0


def _turned_codes(column: Column) -> tuple[bytes, bytes]:
    """Begin and end of the values that are not missing."""
    return (b"", _turned(NONE, column)[:1]) if column.descending else (b"\x01", CLOSE)


def _turned(packed: bytes, column: Column) -> bytes:
    return invert(packed) if column.descending else packed


def _bound(column: Column, one: Comparison) -> tuple[bytes, bytes]:
    """Begin and end of what lies on one side of a value."""
    low, high = _around(column, one.value)
    least, most = _turned_codes(column)
    match one.operator:
        case Operator.LESS:
            return (high, most) if column.descending else (least, low)
        case Operator.AT_MOST:
            return (low, most) if column.descending else (least, high)
        case Operator.GREATER:
            return (least, low) if column.descending else (high, most)
        case Operator.AT_LEAST:
            return (least, high) if column.descending else (low, most)
    return low, high  # equal to zero


def _around(column: Column, value: Any) -> tuple[bytes, bytes]:
    """Begin and end of the keys whose column equals a value."""
    pack, kind = column_packer(column), without_none(column.type)
    if kind is float and value == 0:
        ends = sorted((pack(-0.0), pack(0.0)))
        return ends[0], ends[1] + CLOSE
    if kind is int and isinstance(value, float):
        if math.isinf(value):
            edge = _turned_codes(column)[0 if (value < 0) != column.descending else 1]
            return edge, edge
        if not value.is_integer():
            # Between two whole numbers no key lies: the place between them.
            behind = max(pack(math.floor(value)), pack(math.ceil(value)))
            return behind, behind
        value = int(value)
    packed = pack(value)
    return packed, packed + CLOSE
