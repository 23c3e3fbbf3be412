"""Records as bytes: encoded by msgspec, closed by a checksum, in parts when they are large.

    payload = the map of a record's fields, and in it, last, a field without a name, whose value
              is the CRC-32 of all that stands before it (ce + 4 bytes, little-endian)
    first part = c1 01 + number of further parts (2) + beginning of a payload
    further part = c1 02 + what follows of it

The CRC-32 of bytes that end in their own CRC-32 is the same number for all of them, so one call
checks a record and tells it from a part: no payload begins with c1, which msgpack never uses. And
since decoders pass over fields that they do not know, nothing has to be cut off before decoding.
A type that cannot have a further field has its checksum behind the payload: one that is encoded by
positions, refuses unknown fields, or has a field without a name of its own.
Further parts stand under the record's key with 1, 2, … behind it.

Source:
    1901.04452, section 4, "split records"; here the first part has no suffix, so that one read
    finds every record.
"""

import struct
from collections.abc import Callable, Sequence
from operator import add
from typing import Any
from zlib import crc32

import msgspec

from glasshouse.errors import CorruptionError, RecordError
from glasshouse.records.engines.engine import MAX_VALUE_BYTES, Transaction
from glasshouse.records.tuples import pack_int

SOUND = 0x2144DF1C
"""The CRC-32 of any bytes that end in their own."""

_ALL_SOUND = frozenset((SOUND,))

FIRST = b"\xc1\x01"
"""How the first part of a large record begins."""

PART = b"\xc1\x02"
"""How each further part begins."""

_CHECKSUM_BYTES = 4

_pack_checksum = struct.Struct("<I").pack

_MARK = b"\xa0\xce"
"""In msgpack: a field without a name, and then a number of 4 bytes."""

_HEAD_BYTES = len(FIRST) + 2

_MOST_PARTS = (1 << 16) - 1

_MOST_SHORT = 0x8E
"""How the payload of the most fields begins whose number has room for one more in its byte."""


class Codec:
    """Encodes and decodes the records of one type."""

    def __init__(self, record_type: type) -> None:
        self._type = record_type
        self._encode = msgspec.msgpack.Encoder(uuid_format="bytes", decimal_format="string").encode
        self._decode_payload: Callable[[bytes], Any] = msgspec.msgpack.Decoder(record_type).decode
        self._decode_many: Callable[[bytes], list[Any]] = msgspec.msgpack.Decoder(
            list[record_type]
        ).decode
        self._takes_field = _takes_field(record_type)
        self.decode_whole: Callable[[bytes], Any] = (
            self._decode_payload if self._takes_field else self._decode_cut
        )
        """The record of a whole and sound value."""

    def normal(self, record: Any) -> tuple[bytes, Any]:
        """What is stored of a record, and the record as it will be read.

        Keys are made from what will be read, so that they are the same when it is removed.

        Raises:
            RecordError: If a field holds what its annotation does not allow.
        """
        try:
            payload = self._encode(record)
            new = self._decode_payload(payload)
        except (msgspec.MsgspecError, TypeError, OverflowError) as error:
            name = self._type.__name__
            raise RecordError(f"this {name} cannot be stored: {error}") from None
        return closed(_one_more(payload) if self._takes_field else payload), new

    def normal_all(self, records: Sequence[Any]) -> tuple[list[bytes], list[Any]]:
        """The same for many records, at less cost for each.

        Raises:
            RecordError: If a field of one holds what its annotation does not allow.
        """
        try:
            payloads = list(map(self._encode, records))
            new = self._decode_many(_array(payloads))
        except (msgspec.MsgspecError, TypeError, OverflowError):
            pairs = [self.normal(record) for record in records]  # which says what is wrong
            return [whole for whole, _ in pairs], [new for _, new in pairs]
        if self._takes_field:
            payloads = _one_more_each(payloads)
        return list(map(add, payloads, map(_pack_checksum, map(crc32, payloads)))), new

    def decode(self, whole: bytes, where: Callable[[], str]) -> Any:
        """The record of a whole and sound value; `where` names it for the error.

        Raises:
            CorruptionError: If it is none.
        """
        try:
            return self.decode_whole(whole)
        except msgspec.MsgspecError as error:
            # The type may have been of the other sort when the record was written.
            other = whole[:-_CHECKSUM_BYTES] if self._takes_field else _one_less(whole)
            try:
                return self._decode_payload(other)
            except msgspec.MsgspecError:
                raise CorruptionError(f"{where()} cannot be decoded: {error}") from None

    def decode_values(self, values: Sequence[bytes]) -> list[Any] | None:
        """The records of whole values, decoded together, which is what scans live on.

        Returns:
            None if any of the values needs a closer look: a part of a large record, or damage.
        """
        found = self.decode_counted(values)
        return None if found is None else found[0]

    def decode_counted(self, values: Sequence[bytes]) -> tuple[list[Any], int] | None:
        """The same, with the bytes of all values, which are known by the way."""
        if not _ALL_SOUND.issuperset(map(crc32, values)):
            return None
        num_cut = 0
        if not self._takes_field:
            values = [value[:-_CHECKSUM_BYTES] for value in values]
            num_cut = _CHECKSUM_BYTES * len(values)
        joined = _array(values)
        try:
            return self._decode_many(joined), len(joined) - _ARRAY_HEAD_BYTES + num_cut
        except msgspec.MsgspecError:
            return None

    def _decode_cut(self, whole: bytes) -> Any:
        return self._decode_payload(whole[:-_CHECKSUM_BYTES])


def _takes_field(record_type: Any) -> bool:
    """Whether decoders of a type pass over a field without a name."""
    config = record_type.__struct_config__
    is_map = not config.array_like and not config.forbid_unknown_fields
    return is_map and "" not in record_type.__struct_encode_fields__


_ARRAY_HEAD_BYTES = 5


def _array(payloads: Sequence[bytes]) -> bytes:
    """Payloads as one array of msgpack: one call decodes a whole page."""
    return b"\xdd" + len(payloads).to_bytes(4, "big") + b"".join(payloads)


def _one_more(payload: bytes) -> bytes:
    """The map of a payload with one field more, up to the value of that, which is to follow."""
    first = payload[0]
    if first <= _MOST_SHORT:
        return bytes((first + 1,)) + payload[1:] + _MARK
    # From sixteen fields on, their number stands in the two bytes behind the first.
    start = 1 if first == _MOST_SHORT + 1 else 3
    number = first & 15 if start == 1 else int.from_bytes(payload[1:start], "big")
    return b"\xde" + (number + 1).to_bytes(2, "big") + payload[start:] + _MARK


def _one_less(whole: bytes) -> bytes:
    """The payload of a whole that has one field more."""
    first, rest = whole[0], whole[1 : -_CHECKSUM_BYTES - len(_MARK)]
    if first <= _MOST_SHORT + 1:
        return bytes(((first - 1) & 0xFF,)) + rest
    number = int.from_bytes(rest[:2], "big") - 1
    return b"\xde" + number.to_bytes(2, "big") + rest[2:]


def _one_more_each(payloads: list[bytes]) -> list[bytes]:
    """The same for many, which mostly have one number of fields."""
    firsts = {payload[0] for payload in payloads}
    if len(firsts) != 1 or max(firsts) > _MOST_SHORT:
        return list(map(_one_more, payloads))
    (first,) = firsts
    old, new = bytes((first,)), bytes((first + 1,))
    return [payload.replace(old, new, 1) + _MARK for payload in payloads]


def closed(payload: bytes) -> bytes:
    """A payload with its checksum behind it."""
    return payload + crc32(payload).to_bytes(_CHECKSUM_BYTES, "little")


def write(transaction: Transaction, key: bytes, whole: bytes) -> None:
    """Write a closed payload in as many parts as it needs; no part of an older one must be there.

    Raises:
        RecordError: If it is larger than 6.5 GB.
    """
    if len(whole) <= MAX_VALUE_BYTES:
        transaction.set(key, whole)
        return
    first = MAX_VALUE_BYTES - _HEAD_BYTES
    step = MAX_VALUE_BYTES - len(PART)
    rest = [whole[start : start + step] for start in range(first, len(whole), step)]
    if len(rest) > _MOST_PARTS:
        raise RecordError(f"a record of {len(whole)} bytes is too large; keep it in a file")
    transaction.set(key, FIRST + len(rest).to_bytes(2, "big") + whole[:first])
    for number, part in enumerate(rest, start=1):
        transaction.set(key + pack_int(number), PART + part)


def clear_parts(transaction: Transaction, key: bytes, first: bytes) -> None:
    """Remove the further parts of a record, if its first value says that there are any."""
    if first.startswith(FIRST):
        transaction.clear_range(*_rest_of(key))


def read(
    transaction: Transaction,
    key: bytes,
    first: bytes,
    where: Callable[[], str],
    *,
    snapshot: bool = False,
) -> bytes:
    """The whole of a record whose first value is known: all its parts, checksum included.

    Raises:
        CorruptionError: If a part is missing or the checksum does not fit.
    """
    whole = first
    if first.startswith(FIRST):
        rows = transaction.get_range(*_rest_of(key), snapshot=snapshot)
        number = int.from_bytes(first[len(FIRST) : _HEAD_BYTES], "big")
        if len(rows) != number:
            raise CorruptionError(f"{where()} should have {number} more parts and has {len(rows)}")
        whole = first[_HEAD_BYTES:] + b"".join([part[len(PART) :] for _, part in rows])
    if crc32(whole) != SOUND:
        raise CorruptionError(f"{where()} is damaged: its checksum does not fit its bytes")
    return whole


def _rest_of(key: bytes) -> tuple[bytes, bytes]:
    """Where the further parts of a record stand."""
    return key + pack_int(1), key + pack_int(_MOST_PARTS + 1)
