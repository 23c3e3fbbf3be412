"""From values to bytes that sort as the values do.

Source:
    FoundationDB's tuple layer, design/tuple.md; byte-compatible with it.
"""

import struct
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from glasshouse.errors import EngineError
from glasshouse.records.tuples import codes
from glasshouse.records.tuples.values import Single, Versionstamp

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LOCAL_EPOCH = datetime(1970, 1, 1)
EPOCH_DAY = date(1970, 1, 1).toordinal()
MICROSECOND = timedelta(microseconds=1)
SIGN = 1 << 63
TURNED = 0xFE
"""The code of a descending element is so much less the code of the ascending one."""

_NONE = b"\x00"
_FALSE, _TRUE = bytes([codes.FALSE]), bytes([codes.TRUE])
_CODE = [bytes([code]) for code in range(256)]
_COMPLEMENT = bytes(range(255, -1, -1))
_double = struct.Struct(">d").pack
_single = struct.Struct(">f").pack


def pack_text(value: str) -> bytes:
    """Text, as UTF-8 with an end mark; a NUL inside is escaped."""
    encoded = value.encode()
    if b"\x00" in encoded:
        encoded = encoded.replace(b"\x00", b"\x00\xff")
    return b"\x02" + encoded + b"\x00"


def pack_bytes(value: bytes) -> bytes:
    """Bytes with an end mark; a NUL inside is escaped."""
    return b"\x01" + value.replace(b"\x00", b"\x00\xff") + b"\x00"


def _pack_int(value: int) -> bytes:
    if value >= 0:
        length = (value.bit_length() + 7) >> 3
        if length <= 8:
            return _CODE[codes.INT_ZERO + length] + value.to_bytes(length, "big")
        if length > 255:
            raise EngineError(f"an int of {length} bytes is too large for a key; 255 is the most")
        return b"\x1d" + _CODE[length] + value.to_bytes(length, "big")
    length = ((-value).bit_length() + 7) >> 3
    if length > 255:
        raise EngineError(f"an int of {length} bytes is too large for a key; 255 is the most")
    # One's complement, so that smaller numbers have smaller bytes.
    body = (value + (1 << 8 * length) - 1).to_bytes(length, "big")
    if length <= 8:
        return _CODE[codes.INT_ZERO - length] + body
    return b"\x0b" + _CODE[255 - length] + body


_NUM_SMALL = 4096
_SMALL = [_pack_int(value) for value in range(_NUM_SMALL)]


def pack_int(value: int) -> bytes:
    """A whole number of any size up to 255 bytes."""
    if 0 <= value < _NUM_SMALL:
        return _SMALL[value]
    if 0 < value < 1 << 64:
        length = (value.bit_length() + 7) >> 3
        return _CODE[20 + length] + value.to_bytes(length, "big")
    return _pack_int(value)


def pack_float(value: float) -> bytes:
    """A 64-bit float: negative ones complemented, the sign bit of others set."""
    body = _double(value)
    if body[0] & 0x80:
        return b"\x21" + body.translate(_COMPLEMENT)
    return b"\x21" + _CODE[body[0] | 0x80] + body[1:]


def _pack_single(value: Single) -> bytes:
    body = _single(value.value)
    if body[0] & 0x80:
        return b"\x20" + body.translate(_COMPLEMENT)
    return b"\x20" + _CODE[body[0] | 0x80] + body[1:]


def pack_bool(value: bool) -> bytes:
    """False before true."""
    return _TRUE if value else _FALSE


def pack_uuid(value: UUID) -> bytes:
    """The 16 bytes."""
    return b"\x30" + value.bytes


def pack_datetime(value: datetime) -> bytes:
    """An instant, or a local time if there is no zone; microseconds are kept."""
    if value.tzinfo is None:
        return b"\x41" + _signed((value - LOCAL_EPOCH) // MICROSECOND)
    return b"\x40" + _signed((value - EPOCH) // MICROSECOND)


def _pack_date(value: date) -> bytes:
    return b"\x42" + _signed(value.toordinal() - EPOCH_DAY)


def _pack_duration(value: timedelta) -> bytes:
    return b"\x43" + _signed(value // MICROSECOND)


def _signed(value: int) -> bytes:
    if not -SIGN <= value < SIGN:
        raise EngineError(f"a duration of {value} microseconds is too long for a key")
    return (value + SIGN).to_bytes(8, "big")


def _pack_nested(value: Sequence[Any]) -> bytes:
    parts = [b"\x00\xff" if one is None else pack_element(one) for one in value]
    return b"\x05" + b"".join(parts) + b"\x00"


def _pack_versionstamp(value: Versionstamp) -> bytes:
    return b"\x33" + value.to_bytes()


_BY_TYPE: dict[type, Callable[[Any], bytes]] = {
    type(None): lambda _: _NONE,
    bool: pack_bool,
    int: pack_int,
    str: pack_text,
    bytes: pack_bytes,
    float: pack_float,
    Single: _pack_single,
    UUID: pack_uuid,
    Versionstamp: _pack_versionstamp,
    datetime: pack_datetime,
    date: _pack_date,
    timedelta: _pack_duration,
    tuple: _pack_nested,
    list: _pack_nested,
}


def pack_element(value: Any) -> bytes:
    """One value of any kind that a key can hold.

    Raises:
        EngineError: If it is of another kind.
    """
    found = _BY_TYPE.get(type(value))
    if found is not None:
        return found(value)
    for kind in (bool, int, str, bytes, float, datetime, date, timedelta, tuple, list, UUID):
        if isinstance(value, kind):  # an IntEnum, a named tuple, …
            return _BY_TYPE[kind](value)
    raise EngineError(
        f"{value!r} of type {type(value).__name__} cannot be part of a key; None, bool, int, "
        "float, str, bytes, UUID, dates, durations, versionstamps and tuples can"
    )


def pack(elements: Sequence[Any], prefix: bytes = b"") -> bytes:
    """A tuple as bytes that sort as tuples do.

    Raises:
        EngineError: If an element cannot be part of a key.
    """
    return prefix + b"".join([pack_element(one) for one in elements])


def pack_with_versionstamp(elements: Sequence[Any], prefix: bytes = b"") -> tuple[bytes, int]:
    """A tuple with one incomplete versionstamp, and where in the bytes its commit version goes.

    Raises:
        EngineError: If there is not exactly one.
    """
    offsets: list[int] = []
    packed = prefix
    for one in elements:
        body = pack_element(one)
        offsets += [len(packed) + place for place in _incomplete(one)]
        packed += body
    if len(offsets) != 1:
        raise EngineError(
            f"{len(offsets)} versionstamps of {tuple(elements)!r} are incomplete; one must be"
        )
    return packed, offsets[0]


def _incomplete(value: Any) -> list[int]:
    """Where in a packed element the commit versions to fill in begin."""
    if isinstance(value, Versionstamp):
        return [] if value.is_complete else [1]
    if not isinstance(value, tuple | list):
        return []
    places, start = [], 1
    for one in value:
        places += [start + place for place in _incomplete(one)]
        start += 2 if one is None else len(pack_element(one))
    return places


def invert(packed: bytes) -> bytes:
    """A packed element so that larger values come first.

    The closing byte keeps the order where one encoding begins another, as "a" and "a\\0" do. The
    code is turned so that it is never ff, which behind the end of ascending text means an escape.
    """
    return _CODE[TURNED - packed[0]] + packed[1:].translate(_COMPLEMENT) + b"\xff"


def range_of(elements: Sequence[Any] = (), prefix: bytes = b"") -> tuple[bytes, bytes]:
    """First key and end of all tuples that begin with these elements and have more."""
    begin = pack(elements, prefix)
    return begin + b"\x00", begin + b"\xff"


def end_of(prefix: bytes) -> bytes:
    """The first key behind all tuples that begin with packed elements, and behind those alone.

    `strinc` would not do: what begins with the bytes of "a" may be of "a\\0", where an ff follows.
    """
    return prefix + b"\xff"


def strinc(prefix: bytes) -> bytes:
    """The first key that does not begin with a prefix, behind those that do.

    Raises:
        EngineError: If there is none: the prefix is empty or has only bytes of ones.
    """
    stripped = prefix.rstrip(b"\xff")
    if not stripped:
        raise EngineError(f"no key stands behind all that begin with {prefix!r}")
    return stripped[:-1] + _CODE[stripped[-1] + 1]
