"""Packed tuples: byte for byte FoundationDB's, and in the order of their values."""

import math
import struct
import uuid
from datetime import UTC, date, datetime, timedelta, timezone
from enum import IntEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glasshouse.errors import CorruptionError, EngineError
from glasshouse.records.tuples import (
    Single,
    Versionstamp,
    invert,
    pack,
    pack_element,
    pack_float,
    pack_int,
    pack_text,
    pack_with_versionstamp,
    range_of,
    strinc,
    unpack,
    unpack_columns,
)


def fdb_tuple():
    """FoundationDB's own tuple layer, which needs no client library."""
    pytest.importorskip("fdb", reason="the foundationdb package is not installed")
    return pytest.importorskip("fdb.tuple", reason="fdb.tuple needs the client library here")


floats = st.floats(allow_nan=False)
shared = st.recursive(
    st.none()
    | st.binary(max_size=8)
    | st.text(max_size=8)
    | st.integers()
    | st.integers(-(1 << 70), 1 << 70)
    | floats
    | st.booleans()
    | st.uuids(),
    lambda inner: st.lists(inner, max_size=3).map(tuple),
    max_leaves=6,
)
"""What FoundationDB packs too."""

SPANS = st.timedeltas(timedelta(days=-100_000), timedelta(days=100_000))
dates = st.datetimes(timezones=st.just(UTC)) | st.datetimes() | st.dates() | SPANS


class TestPack:
    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            (None, "00"),
            (b"a\x00b", "01 61 00ff 62 00"),
            ("é", "02 c3a9 00"),
            (0, "14"),
            (1, "15 01"),
            (-1, "13 fe"),
            (256, "16 0100"),
            (-256, "12 feff"),
            ((1 << 64) - 1, "1c ffffffffffffffff"),
            (1 << 64, "1d 09 010000000000000000"),
            (-(1 << 64), "0b f6 feffffffffffffffff"),
            (1.0, "21 bff0000000000000"),
            (-1.0, "21 400fffffffffffff"),
            (Single(1.0), "20 bf800000"),
            (False, "26"),
            (True, "27"),
            (uuid.UUID(int=1), "30" + "00" * 15 + "01"),
            ((1, None, "a"), "05 1501 00ff 026100 00"),
            (Versionstamp(bytes(range(10)), 258), "33 00010203040506070809 0102"),
            (datetime(1970, 1, 1, tzinfo=UTC), "40 8000000000000000"),
            (date(1970, 1, 2), "42 8000000000000001"),
        ],
    )
    def test_gives_these_bytes(self, value, expected):
        """Worked by hand from the format's description."""
        assert pack((value,)) == bytes.fromhex(expected.replace(" ", ""))
        assert unpack(pack((value,))) == (value,)

    @given(elements=st.lists(shared, max_size=5).map(tuple))
    def test_agrees_with_foundationdb(self, elements):
        """The same bytes, both ways."""
        theirs = fdb_tuple()
        packed = pack(elements)
        assert packed == theirs.pack(elements)
        assert unpack(packed) == theirs.unpack(packed)

    @given(one=st.lists(shared, max_size=4).map(tuple), other=st.lists(shared, max_size=4))
    def test_sorts_as_foundationdb_compares(self, one, other):
        """The order of bytes is the order of values, whatever their types."""
        compare = fdb_tuple().compare(one, tuple(other))
        left, right = pack(one), pack(other)
        assert (left > right) - (left < right) == compare

    @given(one=dates, other=dates)
    def test_sorts_dates(self, one, other):
        """Dates of one kind sort in time; packing loses nothing."""
        for value in (one, other):
            assert unpack(pack((value,))) == (value,)
        if type(one) is type(other) and getattr(one, "tzinfo", 0) == getattr(other, "tzinfo", 0):
            assert (pack((one,)) < pack((other,))) == (one < other)

    def test_takes_an_instant_from_any_zone(self):
        """The same moment has the same key."""
        there = datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=2)))
        assert pack((there,)) == pack((datetime(2026, 1, 1, 10, tzinfo=UTC),))

    def test_takes_subclasses_and_nan(self):
        """An IntEnum is its number; NaN keeps its bits."""

        class Level(IntEnum):
            HIGH = 7

        assert pack_element(Level.HIGH) == pack_int(7)
        assert math.isnan(unpack(pack_float(math.nan))[0])

    def test_refuses_what_no_key_holds(self):
        """The message says what can be packed."""
        with pytest.raises(EngineError, match="too long for a key"):
            pack((timedelta.max,))
        with pytest.raises(EngineError, match="of type dict cannot be part of a key"):
            pack(({},))
        with pytest.raises(EngineError, match="255 is the most"):
            pack((1 << 3000,))


class TestVersionstamps:
    def test_says_where_the_commit_version_goes(self):
        """Also inside a nested tuple behind other things."""
        packed, offset = pack_with_versionstamp((1, (None, Versionstamp(user=5))), b"p")
        assert packed[offset : offset + 10] == b"\xff" * 10
        assert packed[offset + 10 : offset + 12] == b"\x00\x05"

    def test_wants_exactly_one_incomplete(self):
        """None and two are mistakes."""
        with pytest.raises(EngineError, match="0 versionstamps"):
            pack_with_versionstamp((1,))
        with pytest.raises(EngineError, match="2 versionstamps"):
            pack_with_versionstamp((Versionstamp(), Versionstamp()))
        with pytest.raises(EngineError, match="has 10 bytes"):
            Versionstamp(b"short")


columns = st.none() | st.text(alphabet="a\x00\xff", max_size=3) | st.integers(-300, 300) | floats


class TestDescending:
    @given(
        rows=st.lists(st.tuples(columns, columns, st.integers(0, 3)), min_size=2, max_size=2),
        descending=st.tuples(st.booleans(), st.booleans()),
    )
    def test_turns_the_order_of_a_column(self, rows, descending):
        """Mixed directions sort column by column; reading gives the values back."""

        def key(row):
            first = [
                invert(pack((value,))) if down else pack((value,))
                for value, down in zip(row, descending, strict=False)
            ]
            return b"".join(first) + pack((row[2],))

        def order(row, other):
            for place, (one, two) in enumerate(zip(row, other, strict=True)):
                left, right = pack((one,)), pack((two,))
                if left != right:
                    down = place < 2 and descending[place]
                    return (left < right) != down
            return False

        one, other = rows
        assert (key(one) < key(other)) == order(one, other)
        assert pack(unpack_columns(key(one), descending)) == pack(one)

    def test_keeps_a_prefix_behind_what_it_begins(self):
        """Descending, "a\\0" comes before "a" whatever follows."""
        long, short = invert(pack_text("a\0")), invert(pack_text("a"))
        assert long + b"\xff" < short + b"\x00"


class TestUnpack:
    @given(packed=st.binary(max_size=12))
    def test_reads_or_refuses(self, packed):
        """Any bytes are a tuple or a clear error, never another exception."""
        try:
            values = unpack(packed)
        except CorruptionError:
            return
        assert isinstance(values, tuple)

    @pytest.mark.parametrize(
        "packed", [b"\x02ab", b"\x16\x01", b"\x21\x00", b"\x05\x15\x01", b"\xee"]
    )
    def test_refuses_what_is_cut_off(self, packed):
        """Each kind of element knows its length."""
        with pytest.raises(CorruptionError):
            unpack(packed)


class TestRanges:
    def test_enclose_what_extends_a_tuple(self):
        """Neither the tuple itself nor its neighbours."""
        begin, end = range_of(("a",))
        assert begin <= pack(("a", None)) < end
        assert begin <= pack(("a", (1 << 2000))) < end
        assert not begin <= pack(("a",)) < end
        assert not begin <= pack(("b",)) < end

    @given(prefix=st.binary(min_size=1, max_size=4), key=st.binary(max_size=6))
    def test_strinc_ends_a_prefix(self, prefix, key):
        """A key lies below it and not below the prefix exactly if it begins with the prefix."""
        if not prefix.rstrip(b"\xff"):
            with pytest.raises(EngineError):
                strinc(prefix)
            return
        assert (prefix <= key < strinc(prefix)) == key.startswith(prefix)

    def test_single_floats_round(self):
        """A 32-bit float holds what 32 bits hold."""
        assert Single(0.1).value == struct.unpack(">f", struct.pack(">f", 0.1))[0]
