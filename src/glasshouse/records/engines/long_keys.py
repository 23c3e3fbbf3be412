"""Keys longer than LMDB takes: kept in buckets, in the same order.

LMDB's keys have at most 511 bytes. All longer keys that share their first 500 bytes lie in one
bucket: an entry under those bytes and a NUL, whose value lists the rest of each key with its value.
No other stored key sorts between, so a bucket unfolds in place.
"""

import struct
from bisect import bisect_left
from collections.abc import Iterable

from glasshouse.errors import CorruptionError
from glasshouse.records.engines.engine import Row

HEAD_BYTES = 500
"""Longest key that stands for itself."""

BUCKET_KEY_BYTES = HEAD_BYTES + 1

_lengths = struct.Struct(">HI")


def bucket_of(key: bytes) -> bytes:
    """Where the bucket of a long key stands."""
    return key[:HEAD_BYTES] + b"\x00"


def pack_bucket(rows: Iterable[Row]) -> bytes:
    """Rests of keys with their values, as the value of a bucket."""
    return b"".join(
        [_lengths.pack(len(rest), len(value)) + rest + value for rest, value in sorted(rows)]
    )


def unpack_bucket(packed: bytes) -> list[Row]:
    """The rests of keys in a bucket, in order, with their values.

    Raises:
        CorruptionError: If it is cut off.
    """
    rows, at = [], 0
    while at < len(packed):
        if at + _lengths.size > len(packed):
            raise CorruptionError("a bucket of long keys is cut off")
        rest, value = _lengths.unpack_from(packed, at)
        at += _lengths.size
        rows.append((packed[at : at + rest], packed[at + rest : at + rest + value]))
        at += rest + value
    if at != len(packed):
        raise CorruptionError("a bucket of long keys is cut off")
    return rows


def find_in_bucket(packed: bytes | None, key: bytes) -> bytes | None:
    """The value of a long key in its bucket."""
    if packed is None:
        return None
    rows, rest = unpack_bucket(packed), key[HEAD_BYTES:]
    place = bisect_left(rows, (rest,))
    found = rows[place] if place < len(rows) else None
    return found[1] if found is not None and found[0] == rest else None


def unfold(rows: list[Row], begin: bytes, end: bytes, *, reverse: bool) -> list[Row]:
    """Rows as they are stored, with buckets in place unfolded and cut to a range."""
    found: list[Row] = []
    for key, value in rows:
        if len(key) != BUCKET_KEY_BYTES:
            found.append((key, value))
            continue
        head = key[:HEAD_BYTES]
        inside = [(head + rest, one) for rest, one in unpack_bucket(value)]
        inside = [row for row in inside if begin <= row[0] < end]
        found += reversed(inside) if reverse else inside
    return found
