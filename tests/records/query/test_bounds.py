"""What a range of bytes says of values is what comparing them says."""

import math
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import Any, Literal
from uuid import UUID

import pytest

from glasshouse.records.expressions.conditions import Comparison, Operator, compile_test
from glasshouse.records.query.bounds import bounds_of, exact_bytes, lane_of
from glasshouse.records.schema.keys import Column
from glasshouse.records.tuples import pack_int


class Grade(IntEnum):
    LOW = -1
    HIGH = 300


class Holder:
    """Something with a field."""

    def __init__(self, value: Any) -> None:
        self.value = value


NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
FLOATS = (-math.inf, -1e300, -1.5, -0.0, 0.0, 5e-324, 1.0, float(2**53), 1e300, math.inf, math.nan)
INTS = (-(2**63), -(2**53) - 1, -257, -1, 0, 1, 2, 255, 256, 2**53 + 1, 2**64 - 1)
OTHERS = (0.5, -0.5, 1e300, -1e300, math.inf, -math.inf, math.nan, 10**400, -(10**400), 10**700)
KINDS: dict[str, tuple[Any, tuple[Any, ...], tuple[Any, ...]]] = {
    "int": (int | None, (*INTS, None), OTHERS),
    "float": (float | None, (*FLOATS, None), (*INTS, 10**400, -(10**400))),
    "str": (str | None, ("", "a", "a\0", "a\0\xff", "ab", "b", "\U0001f600", None), ("\ud800",)),
    "bytes": (bytes, (b"", b"\0", b"\0\xff", b"a", b"\xff", b"\xff\xff"), (b"b",)),
    "bool": (bool, (False, True), ()),
    "uuid": (UUID, (UUID(int=0), UUID(int=1), UUID(int=1 << 127)), ()),
    "datetime": (datetime, tuple(NOON + n * timedelta(hours=1) for n in range(3)), ()),
    "enum": (Grade, tuple(Grade), ()),
    "literal": (Literal["a", "b", "c"], ("a", "c", "b"), ("",)),
}
"""Annotations, values that fields hold, and further values to compare them with."""

RECORD_ID = b"\x15\x01\x15\x07"


class TestBoundsOf:
    @pytest.mark.parametrize("is_descending", [False, True])
    @pytest.mark.parametrize("name", KINDS)
    def test_hold_what_compares(self, name, is_descending):
        """Every value of a kind with every other, in every way, in both directions."""
        kind, held, others = KINDS[name]
        lane = lane_of(Column(path=("value",), type=kind, descending=is_descending), 0)
        ways = (Operator.EQUAL, *_ORDERED, Operator.STARTS_WITH)
        for value in (*held, *others):
            for how in ways:
                if how is Operator.STARTS_WITH and name not in ("str", "bytes"):
                    continue
                condition = Comparison(("value",), how, value)
                test, found = compile_test(condition), bounds_of(lane, [condition])
                for one in held:
                    key = lane.pack(one) + RECORD_ID
                    if found is not None:
                        inside = found[0] <= key < found[1]
                        assert inside is (test(Holder(one)) is True), (condition, one)
                exact = exact_bytes(lane, condition)
                if exact is not None:
                    equal = [one for one in held if test(Holder(one)) is True]
                    assert [one for one in held if lane.pack(one) == exact] == equal, condition

    def test_do_not_speak_of_mixed_numbers(self):
        """Whole numbers sort before all others in keys, so only records can be asked."""
        lane = lane_of(Column(path=("value",), type=int | float), 0)
        assert bounds_of(lane, [Comparison(("value",), Operator.LESS, 3)]) is None
        assert exact_bytes(lane, Comparison(("value",), Operator.EQUAL, 3)) is None

    def test_draw_several_together(self):
        """Conditions on one value hold at once."""
        lane = lane_of(Column(path=("value",), type=int), 0)
        several = [
            Comparison(("value",), Operator.GREATER, 3),
            Comparison(("value",), Operator.AT_MOST, 9),
            Comparison(("value",), Operator.NOT_EQUAL, 5),
        ]
        begin, end, used = bounds_of(lane, several)
        assert [n for n in range(12) if begin <= pack_int(n) + RECORD_ID < end] == [
            4,
            5,
            6,
            7,
            8,
            9,
        ]
        assert used == several[:2]


_ORDERED = (Operator.LESS, Operator.AT_MOST, Operator.GREATER, Operator.AT_LEAST)
