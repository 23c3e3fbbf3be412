"""From bytes of keys back to values."""

import struct
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from glasshouse.errors import CorruptionError
from glasshouse.records.tuples import codes
from glasshouse.records.tuples.packing import (
    EPOCH,
    EPOCH_DAY,
    LOCAL_EPOCH,
    MICROSECOND,
    SIGN,
    TURNED,
)
from glasshouse.records.tuples.values import Single, Versionstamp

_COMPLEMENT = bytes(range(255, -1, -1))
_double = struct.Struct(">d").unpack
_single = struct.Struct(">f").unpack

Reader = Callable[[bytes, int], tuple[Any, int]]
"""Of the packed bytes and the place of a code: the value, and the place behind it."""


def _end_of(packed: bytes, start: int) -> int:
    """The place of the end mark of text or bytes."""
    place = packed.find(b"\x00", start)
    while place >= 0 and packed[place + 1 : place + 2] == b"\xff":
        place = packed.find(b"\x00", place + 2)
    if place < 0:
        raise CorruptionError(f"the element at {start - 1} of {packed!r} has no end")
    return place


def _bytes(packed: bytes, at: int) -> tuple[bytes, int]:
    end = _end_of(packed, at + 1)
    return packed[at + 1 : end].replace(b"\x00\xff", b"\x00"), end + 1


def _text(packed: bytes, at: int) -> tuple[str, int]:
    end = packed.find(b"\x00", at + 1)
    if end < 0 or packed[end + 1 : end + 2] == b"\xff":
        body, end = _bytes(packed, at)
        return body.decode(), end
    return packed[at + 1 : end].decode(), end + 1


def _int(packed: bytes, at: int) -> tuple[int, int]:
    length = packed[at] - codes.INT_ZERO
    if length >= 0:
        end = at + 1 + length
        return int.from_bytes(_exactly(packed, at + 1, end), "big"), end
    end = at + 1 - length
    return int.from_bytes(_exactly(packed, at + 1, end), "big") - (1 << -8 * length) + 1, end


def _large_positive(packed: bytes, at: int) -> tuple[int, int]:
    end = at + 2 + _exactly(packed, at + 1, at + 2)[0]
    return int.from_bytes(_exactly(packed, at + 2, end), "big"), end


def _large_negative(packed: bytes, at: int) -> tuple[int, int]:
    length = 255 - _exactly(packed, at + 1, at + 2)[0]
    end = at + 2 + length
    return int.from_bytes(_exactly(packed, at + 2, end), "big") - (1 << 8 * length) + 1, end


def _float(packed: bytes, at: int) -> tuple[float, int]:
    return _double(_unsigned(_exactly(packed, at + 1, at + 9)))[0], at + 9


def _small_float(packed: bytes, at: int) -> tuple[Single, int]:
    return Single(_single(_unsigned(_exactly(packed, at + 1, at + 5)))[0]), at + 5


def _unsigned(body: bytes) -> bytes:
    """The bytes of a float from those that sort."""
    if body[0] & 0x80:
        return bytes([body[0] & 0x7F]) + body[1:]
    return body.translate(_COMPLEMENT)


def _nested(packed: bytes, at: int) -> tuple[tuple[Any, ...], int]:
    found: list[Any] = []
    place = at + 1
    while True:
        if place >= len(packed):
            raise CorruptionError(f"the tuple at {at} of {packed!r} has no end")
        if packed[place] == 0:
            if packed[place + 1 : place + 2] != b"\xff":
                return tuple(found), place + 1
            found.append(None)
            place += 2
            continue
        value, place = read_element(packed, place)
        found.append(value)


def _micros(packed: bytes, at: int) -> int:
    return int.from_bytes(_exactly(packed, at + 1, at + 9), "big") - SIGN


def _exactly(packed: bytes, start: int, end: int) -> bytes:
    body = packed[start:end]
    if len(body) != end - start:
        raise CorruptionError(f"{packed!r} ends inside the element at {start - 1}")
    return body


def _versionstamp(packed: bytes, at: int) -> tuple[Versionstamp, int]:
    return Versionstamp.from_bytes(_exactly(packed, at + 1, at + 13)), at + 13


_READERS: dict[int, Reader] = {
    codes.NONE: lambda packed, at: (None, at + 1),
    codes.BYTES: _bytes,
    codes.TEXT: _text,
    codes.NESTED: _nested,
    codes.LARGE_NEGATIVE: _large_negative,
    codes.LARGE_POSITIVE: _large_positive,
    codes.SINGLE: _small_float,
    codes.DOUBLE: _float,
    codes.FALSE: lambda packed, at: (False, at + 1),
    codes.TRUE: lambda packed, at: (True, at + 1),
    codes.UUID: lambda packed, at: (UUID(bytes=_exactly(packed, at + 1, at + 17)), at + 17),
    codes.VERSIONSTAMP: _versionstamp,
    codes.INSTANT: lambda packed, at: (EPOCH + _micros(packed, at) * MICROSECOND, at + 9),
    codes.LOCAL_TIME: lambda packed, at: (LOCAL_EPOCH + _micros(packed, at) * MICROSECOND, at + 9),
    codes.DATE: lambda packed, at: (date.fromordinal(_micros(packed, at) + EPOCH_DAY), at + 9),
    codes.DURATION: lambda packed, at: (_micros(packed, at) * MICROSECOND, at + 9),
    **{codes.INT_ZERO + length: _int for length in range(-8, 9)},
}


def read_element(packed: bytes, at: int) -> tuple[Any, int]:
    """The element whose code stands at a place, and the place behind it.

    Raises:
        CorruptionError: If no element begins there, or it is cut off.
    """
    if at >= len(packed):
        raise CorruptionError(f"{packed!r} ends at {at}, where an element should begin")
    reader = _READERS.get(packed[at])
    if reader is None:
        raise CorruptionError(f"byte {packed[at]:#04x} at {at} of {packed!r} begins no element")
    try:
        return reader(packed, at)
    except (UnicodeDecodeError, OverflowError, ValueError) as error:
        raise CorruptionError(f"the element at {at} of {packed!r} is damaged: {error}") from None


def unpack(packed: bytes, offset: int = 0) -> tuple[Any, ...]:
    """The values of a packed tuple.

    Raises:
        CorruptionError: If the bytes are no packed tuple.
    """
    found = []
    end = len(packed)
    while offset < end:
        value, offset = read_element(packed, offset)
        found.append(value)
    return tuple(found)


def read_descending(packed: bytes, at: int) -> tuple[Any, int]:
    """The inverted element at a place, and the place behind it.

    Raises:
        CorruptionError: As for `read_element`, or if its closing byte is not there.
    """
    if at >= len(packed):
        raise CorruptionError(f"{packed!r} ends at {at}, where an element should begin")
    if packed[at] > TURNED:
        raise CorruptionError(f"byte {packed[at]:#04x} at {at} of {packed!r} begins no element")
    code = bytes([TURNED - packed[at]])
    value, length = read_element(code + packed[at + 1 :].translate(_COMPLEMENT), 0)
    end = at + length
    if packed[end : end + 1] != b"\xff":
        raise CorruptionError(f"the descending element at {at} of {packed!r} does not close")
    return value, end + 1


def read_columns(
    packed: bytes, descending: Sequence[bool], offset: int = 0
) -> tuple[tuple[Any, ...], int]:
    """As many elements as there are directions, and the place behind them."""
    found = []
    for is_descending in descending:
        read = read_descending if is_descending else read_element
        value, offset = read(packed, offset)
        found.append(value)
    return tuple(found), offset


def unpack_columns(packed: bytes, descending: Sequence[bool]) -> tuple[Any, ...]:
    """The values of a key whose first elements may descend, the rest ascending."""
    found, offset = read_columns(packed, descending)
    return found + unpack(packed, offset)
