"""Reading index rows quickly gives what reading them plainly gives."""

import math
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glasshouse.errors import CorruptionError
from glasshouse.records.query.columns import end_of_columns, reader_of
from glasshouse.records.schema.keys import Column
from glasshouse.records.schema.packing import column_packer
from glasshouse.records.tuples import read_columns

values = st.one_of(
    st.integers(-(2**64), 2**64),
    st.integers(-300, 300),
    st.floats(allow_nan=False),
    st.text("aé\U0001f600", max_size=3),
    st.text("a\0\xff", max_size=4),
    st.binary(max_size=3),
    st.booleans(),
    st.none(),
    st.uuids(),
    st.sampled_from((UUID(int=0), datetime(2026, 1, 1), datetime(2026, 1, 1, tzinfo=UTC))),
)
columns = st.lists(st.tuples(values, st.booleans()), min_size=1, max_size=4)


class TestColumns:
    @given(columns=columns, before=st.binary(max_size=3), behind=st.binary(max_size=3))
    def test_are_read_as_plainly(self, columns, before, behind):
        """Ends and values, ascending and descending, whatever stands around them."""
        keys = [Column(type=type(value) | None, descending=down) for value, down in columns]
        key = before
        for column, (value, _) in zip(keys, columns, strict=True):
            key += column_packer(column)(value)
        directions = [down for _, down in columns]
        end = len(key)
        # An ff behind text would be an escape; no key has one there.
        key += behind.replace(b"\xff", b"")
        plainly, place = read_columns(key, directions, len(before))
        assert end_of_columns(directions)(key, len(before)) == place == end
        at, found = len(before), []
        for column in keys:
            assert reader_of(column, is_wanted=False)(key, at)[1] == reader_of(column)(key, at)[1]
            value, at = reader_of(column)(key, at)
            found.append(value)
        assert at == end
        assert list(map(repr, found)) == list(map(repr, plainly))

    def test_of_damaged_text_are_refused(self):
        """What is no UTF-8 is no text."""
        with pytest.raises(CorruptionError):
            reader_of(Column(type=str))(b"\x02\xff\xfe\x00", 0)
        assert math.isnan(
            reader_of(Column(type=float))(column_packer(Column(type=float))(math.nan), 0)[0]
        )
