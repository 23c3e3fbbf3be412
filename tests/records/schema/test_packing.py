"""From primary keys to the keys of rows."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from glasshouse.errors import RecordError
from glasshouse.records import Record
from glasshouse.records.schema.keys import key_of
from glasshouse.records.schema.packing import compile_row
from glasshouse.records.tuples import pack


class Numbered(Record):
    id: int


class Named(Record):
    name: str
    number: int


EDGES = [edge + step for edge in (0, 1 << 8, 1 << 16, 1 << 24, 1 << 32) for step in (-1, 0, 1)]


def rows_of(key: Any) -> Any:
    """What packs the rows of a key under a prefix."""
    return compile_row(key_of(key), "the key", b"at ")


class TestCompileRow:
    @given(st.integers(-(1 << 70), 1 << 70) | st.sampled_from(EDGES) | st.booleans())
    @example(300)
    def test_packs_a_number_as_a_tuple_of_it(self, value):
        """There is a way of its own for each length up to four bytes."""
        assert rows_of(Numbered.id)(value) == pack((int(value),), b"at ")

    @given(st.text(), st.integers())
    def test_packs_one_column_and_several(self, name, number):
        """Several are given as a tuple."""
        assert rows_of(Named.name)(name) == pack((name,), b"at ")
        assert rows_of((Named.name, Named.number))((name, number)) == pack((name, number), b"at ")

    @pytest.mark.parametrize("value", ["a", 300.5, 300.0, None, (300,)])
    def test_refuses_what_is_no_number(self, value):
        """As everywhere, keys are packed by the annotation of their column."""
        with pytest.raises(RecordError, match="does not fit the key"):
            rows_of(Numbered.id)(value)

    def test_refuses_a_part_of_a_key(self):
        """A row has a whole key."""
        with pytest.raises(RecordError, match="has 2 columns"):
            rows_of((Named.name, Named.number))("a")
