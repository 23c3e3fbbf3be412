"""Finding the stores of an engine, whatever their schemas."""

from collections.abc import Iterator

import msgspec

from glasshouse.records.engines.engine import Engine
from glasshouse.records.store.layout import HEADER
from glasshouse.records.tuples import end_of

_STEP = 20


class AnyHeader(msgspec.Struct, frozen=True):
    """What the headers of all formats say."""

    format: int
    schema: str
    version: int
    fingerprint: bytes


def header_at(key: bytes, value: bytes) -> AnyHeader | None:
    """The header in a row that is not inside a store; None if the row is no header."""
    if not key.endswith(HEADER):
        return None
    try:
        return msgspec.msgpack.decode(value, type=AnyHeader)
    except msgspec.MsgspecError:
        return None


def stores_below(engine: Engine, prefix: bytes = b"") -> Iterator[tuple[bytes, AnyHeader]]:
    """The prefix and the header of every store at or below a prefix.

    One page of rows is read for each store, however much is in it.
    """
    begin, end = prefix, end_of(prefix)
    while True:
        transaction = engine.begin(read_only=True)
        try:
            rows = transaction.get_range(begin, end, limit=_STEP, snapshot=True)
        finally:
            transaction.cancel()
        for key, value in rows:
            header = header_at(key, value)
            if header is not None:
                place = key.removesuffix(HEADER)
                yield place, header
                begin = end_of(place)
                break
        else:
            if len(rows) < _STEP:
                return
            begin = rows[-1][0] + b"\x00"
