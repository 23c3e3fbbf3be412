"""Records as bytes: encoded by msgspec, framed with a checksum, split when they are large.

    frame = flags (1 byte) + CRC-32 of the payload (4) + [number of parts (2)] + payload

A frame of more than 100,000 bytes is cut: the first part stands under the record's key and says
how many follow, under the key with 1, 2, … behind it, each with its own first byte.

Source:
    1901.04452, section 4, "split records"; here the first part has no suffix, so that one read
    finds every record that is not split.
"""

import zlib
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from glasshouse.errors import CorruptionError, RecordError
from glasshouse.records.engines.engine import MAX_VALUE_BYTES, Row, Transaction
from glasshouse.records.tuples import pack_int

WHOLE = b"\x01"
"""First byte of a record in one part."""

SPLIT = b"\x02"
"""First byte of a record in several parts."""

PART = b"\x03"
"""First byte of each further part."""

HEAD_BYTES = 5
"""Flags and checksum of a record in one part."""

_SPLIT_HEAD_BYTES = HEAD_BYTES + 2

_MOST_PARTS = (1 << 16) - 1

_crc = zlib.crc32


def checksum(payload: bytes) -> bytes:
    """CRC-32 of a payload, as a frame holds it."""
    return _crc(payload).to_bytes(4, "big")


class Codec:
    """Encodes and decodes the records of one type."""

    def __init__(self, record_type: type) -> None:
        self._type = record_type
        self._encode = msgspec.msgpack.Encoder(uuid_format="bytes", decimal_format="string").encode
        self._decode = msgspec.msgpack.Decoder(record_type).decode
        self._decode_many: Callable[[bytes], list[Any]] = msgspec.msgpack.Decoder(
            list[record_type]
        ).decode

    def normal(self, record: Any) -> tuple[bytes, Any]:
        """The payload of a record, and the record as it will be read.

        Keys are made from what will be read, so that they are the same when it is removed.

        Raises:
            RecordError: If a field holds what its annotation does not allow.
        """
        try:
            payload = self._encode(record)
            return payload, self._decode(payload)
        except (msgspec.MsgspecError, TypeError, OverflowError) as error:
            name = self._type.__name__
            raise RecordError(f"this {name} cannot be stored: {error}") from None

    def decode(self, payload: bytes, where: Callable[[], str]) -> Any:
        """The record of a payload; `where` names it for the error.

        Raises:
            CorruptionError: If it is none.
        """
        try:
            return self._decode(payload)
        except msgspec.MsgspecError as error:
            raise CorruptionError(f"{where()} cannot be decoded: {error}") from None

    def decode_rows(self, rows: Sequence[Row]) -> list[Any] | None:
        """The records of rows in one part each, decoded together, which is what scans live on.

        Returns:
            None if any of the rows needs a closer look: a part of a large record, or damage.
        """
        payloads = [value[HEAD_BYTES:] for _, value in rows]
        heads = [value[:HEAD_BYTES] for _, value in rows]
        if heads != [WHOLE + _crc(payload).to_bytes(4, "big") for payload in payloads]:
            return None
        # In msgpack, an array of so many: one call decodes a whole page.
        joined = b"\xdd" + len(payloads).to_bytes(4, "big") + b"".join(payloads)
        try:
            return self._decode_many(joined)
        except msgspec.MsgspecError:
            return None


def write(transaction: Transaction, key: bytes, payload: bytes) -> None:
    """Write a payload in as many parts as it needs; no part of an older record must be there.

    Raises:
        RecordError: If it is larger than 6.5 GB.
    """
    if len(payload) + HEAD_BYTES <= MAX_VALUE_BYTES:
        transaction.set(key, WHOLE + checksum(payload) + payload)
        return
    first = MAX_VALUE_BYTES - _SPLIT_HEAD_BYTES
    step = MAX_VALUE_BYTES - len(PART)
    rest = [payload[start : start + step] for start in range(first, len(payload), step)]
    if len(rest) > _MOST_PARTS:
        raise RecordError(f"a record of {len(payload)} bytes is too large; keep it in a file")
    head = SPLIT + checksum(payload) + len(rest).to_bytes(2, "big")
    transaction.set(key, head + payload[:first])
    for number, part in enumerate(rest, start=1):
        transaction.set(key + pack_int(number), PART + part)


def clear(transaction: Transaction, key: bytes, first: bytes) -> None:
    """Remove a record whose first part is known."""
    transaction.clear(key)
    if first[:1] == SPLIT:
        transaction.clear_range(key + pack_int(1), key + pack_int(_MOST_PARTS + 1))


def read(
    transaction: Transaction,
    key: bytes,
    first: bytes,
    where: Callable[[], str],
    *,
    snapshot: bool = False,
) -> bytes:
    """The payload of a record whose first part is known.

    Raises:
        CorruptionError: If a part is missing or the checksum does not fit.
    """
    if first[:1] == WHOLE:
        payload = first[HEAD_BYTES:]
    elif first[:1] == SPLIT:
        begin, end = key + pack_int(1), key + pack_int(_MOST_PARTS + 1)
        rest = transaction.get_range(begin, end, snapshot=snapshot)
        payload = join(first, [part for _, part in rest], where)
    else:
        raise CorruptionError(f"{where()} begins with {first[:1]!r}, which no record does")
    check(payload, first[1:HEAD_BYTES], where)
    return payload


def num_parts(first: bytes) -> int:
    """How many parts follow a first one."""
    return 0 if first[:1] != SPLIT else int.from_bytes(first[HEAD_BYTES:_SPLIT_HEAD_BYTES], "big")


def join(first: bytes, rest: Sequence[bytes], where: Callable[[], str]) -> bytes:
    """The payload of a record in several parts.

    Raises:
        CorruptionError: If one is missing.
    """
    if len(rest) != num_parts(first):
        raise CorruptionError(
            f"{where()} should have {num_parts(first)} more parts and has {len(rest)}"
        )
    return first[_SPLIT_HEAD_BYTES:] + b"".join([part[len(PART) :] for part in rest])


def check(payload: bytes, expected: bytes, where: Callable[[], str]) -> None:
    """Refuse a payload whose checksum does not fit.

    Raises:
        CorruptionError: If so.
    """
    if checksum(payload) != expected:
        raise CorruptionError(f"{where()} is damaged: its checksum does not fit its bytes")
