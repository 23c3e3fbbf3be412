"""Continuations: where a query stopped, in bytes that another process can go on from.

    version (1 byte) + fingerprint (8) + msgpack of (rows given, position) + CRC-32 (4)

The fingerprint is of the query, its plan and the schema: positions mean something to these only.
Keys in positions go without the store's prefix.
"""

from hashlib import blake2b
from typing import Any
from zlib import crc32

import msgspec

from glasshouse.errors import ContinuationError
from glasshouse.records.query.explaining import explain_plan
from glasshouse.records.query.plans import Plan
from glasshouse.records.query.query import Query
from glasshouse.records.store.store import RecordStore

_VERSION = b"\x01"
_FINGERPRINT_BYTES = 8
_CRC_BYTES = 4


def fingerprint_of(store: RecordStore, query: Query, plan: Plan) -> bytes:
    """What a continuation must agree in with whoever goes on from it."""
    words = f"{query}\n{explain_plan(plan)}".encode(errors="surrogatepass")
    numbers = msgspec.msgpack.encode(store.header.numbers, order="deterministic")
    hashed = blake2b(words, digest_size=_FINGERPRINT_BYTES)
    hashed.update(store.schema.fingerprint + numbers)
    return hashed.digest()


def write_continuation(fingerprint: bytes, prefix: bytes, num_rows: int, position: Any) -> bytes:
    """The bytes of a place behind `num_rows` rows."""
    body = msgspec.msgpack.encode((num_rows, _relative(position, len(prefix))))
    whole = _VERSION + fingerprint + body
    return whole + crc32(whole).to_bytes(_CRC_BYTES, "big")


def read_continuation(continuation: bytes, fingerprint: bytes, prefix: bytes) -> tuple[int, Any]:
    """How many rows were given, and the position.

    Raises:
        ContinuationError: If the bytes are damaged, of another version, or of another query.
    """
    whole, checksum = continuation[:-_CRC_BYTES], continuation[-_CRC_BYTES:]
    head = len(_VERSION) + _FINGERPRINT_BYTES
    if len(whole) <= head or crc32(whole).to_bytes(_CRC_BYTES, "big") != checksum:
        raise ContinuationError("this continuation is damaged; start the query again")
    if whole[:1] != _VERSION:
        raise ContinuationError(
            "this continuation was made by another version of the library; start the query again"
        )
    if whole[1:head] != fingerprint:
        raise ContinuationError(
            "this continuation belongs to another query, or its schema or indexes have changed "
            "since; start the query again"
        )
    num_rows, position = msgspec.msgpack.decode(whole[head:], type=tuple[int, Any])
    return num_rows, _absolute(position, prefix)


def _relative(position: Any, length: int) -> Any:
    if isinstance(position, bytes):
        return position[length:]
    if isinstance(position, list | tuple):
        return [_relative(one, length) for one in position]
    return position


def _absolute(position: Any, prefix: bytes) -> Any:
    if isinstance(position, bytes):
        return prefix + position
    if isinstance(position, list):
        return [_absolute(one, prefix) for one in position]
    return position
