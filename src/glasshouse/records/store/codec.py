"""Records as bytes: encoded by msgspec, closed by a checksum, in parts when they are large.

    whole = payload + CRC-32 of it (4 bytes, little-endian)
    first part = c1 01 + number of further parts (2) + beginning of a whole
    further part = c1 02 + what follows of it

The CRC-32 of bytes that end in their own CRC-32 is the same number for all of them, so one call
checks a record and tells it from a part: no payload begins with c1, which msgpack never uses.
Further parts stand under the record's key with 1, 2, … behind it.

Source:
    1901.04452, section 4, "split records"; here the first part has no suffix, so that one read
    finds every record.
"""

from collections.abc import Callable, Sequence
from typing import Any
from zlib import crc32

import msgspec

from glasshouse.errors import CorruptionError, RecordError
from glasshouse.records.engines.engine import MAX_VALUE_BYTES, Transaction
from glasshouse.records.tuples import pack_int

SOUND = 0x2144DF1C
"""The CRC-32 of any bytes that end in their own."""

FIRST = b"\xc1\x01"
"""How the first part of a large record begins."""

PART = b"\xc1\x02"
"""How each further part begins."""

CHECKSUM_BYTES = 4

_HEAD_BYTES = len(FIRST) + 2

_MOST_PARTS = (1 << 16) - 1


class Codec:
    """Encodes and decodes the records of one type."""

    def __init__(self, record_type: type) -> None:
        self._type = record_type
        self._encode = msgspec.msgpack.Encoder(uuid_format="bytes", decimal_format="string").encode
        self.decode_payload: Callable[[bytes], Any] = msgspec.msgpack.Decoder(record_type).decode
        self._decode_many: Callable[[bytes], list[Any]] = msgspec.msgpack.Decoder(
            list[record_type]
        ).decode

    def normal(self, record: Any) -> tuple[bytes, Any]:
        """The closed payload of a record, and the record as it will be read.

        Keys are made from what will be read, so that they are the same when it is removed.

        Raises:
            RecordError: If a field holds what its annotation does not allow.
        """
        try:
            payload = self._encode(record)
            return closed(payload), self.decode_payload(payload)
        except (msgspec.MsgspecError, TypeError, OverflowError) as error:
            name = self._type.__name__
            raise RecordError(f"this {name} cannot be stored: {error}") from None

    def normal_all(self, records: Sequence[Any]) -> tuple[list[bytes], list[Any]]:
        """The same for many records, at less cost for each.

        Raises:
            RecordError: If a field of one holds what its annotation does not allow.
        """
        try:
            payloads = list(map(self._encode, records))
            joined = b"\xdd" + len(payloads).to_bytes(4, "big") + b"".join(payloads)
            return list(map(closed, payloads)), self._decode_many(joined)
        except (msgspec.MsgspecError, TypeError, OverflowError):
            pairs = [self.normal(record) for record in records]  # which says what is wrong
            return [whole for whole, _ in pairs], [new for _, new in pairs]

    def decode(self, payload: bytes, where: Callable[[], str]) -> Any:
        """The record of a payload; `where` names it for the error.

        Raises:
            CorruptionError: If it is none.
        """
        try:
            return self.decode_payload(payload)
        except msgspec.MsgspecError as error:
            raise CorruptionError(f"{where()} cannot be decoded: {error}") from None

    def decode_values(self, values: Sequence[bytes]) -> list[Any] | None:
        """The records of whole values, decoded together, which is what scans live on.

        Returns:
            None if any of the values needs a closer look: a part of a large record, or damage.
        """
        if set(map(crc32, values)) - {SOUND}:
            return None
        # In msgpack, an array of so many: one call decodes a whole page.
        payloads = [value[:-CHECKSUM_BYTES] for value in values]
        joined = b"\xdd" + len(payloads).to_bytes(4, "big") + b"".join(payloads)
        try:
            return self._decode_many(joined)
        except msgspec.MsgspecError:
            return None


def closed(payload: bytes) -> bytes:
    """A payload with its checksum behind it."""
    return payload + crc32(payload).to_bytes(CHECKSUM_BYTES, "little")


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
    """The payload of a record whose first value is known.

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
    return whole[:-CHECKSUM_BYTES]


def _rest_of(key: bytes) -> tuple[bytes, bytes]:
    """Where the further parts of a record stand."""
    return key + pack_int(1), key + pack_int(_MOST_PARTS + 1)
