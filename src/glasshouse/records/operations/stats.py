"""What is in a store: rows and bytes by record type and by index, without the program's classes."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from glasshouse.errors import SchemaError
from glasshouse.records.engines.engine import Engine, Row
from glasshouse.records.store import codec
from glasshouse.records.store.header import Header, decode_header, recall_schema
from glasshouse.records.store.layout import (
    BUILDS,
    HEADER,
    INDEXES,
    RECORDS,
    RESTORING,
    VERSIONS,
)
from glasshouse.records.tuples import end_of, pack_int

_PAGE = 2_000


@dataclass(frozen=True, slots=True)
class Extent:
    """How much stands under one prefix."""

    name: str
    rows: int
    bytes: int
    """Of keys and values."""
    records: int | None = None
    """Of a record type; a large record has several rows."""
    state: str | None = None
    """Of an index."""
    kind: str | None = None
    """Of an index."""


@dataclass(frozen=True, slots=True)
class StoreStats:
    """What is in a store."""

    schema: str
    version: int
    format: int
    record_types: list[Extent]
    indexes: list[Extent]
    bytes: int
    """Of everything under the store's prefix."""


def stats(engine: Engine, prefix: bytes) -> StoreStats:
    """Count what is in a store, a page at a time, each page as it is when it is read.

    Raises:
        SchemaError: If there is no store at the prefix, or it is half restored.
    """
    header, kinds = read_header(engine, prefix)
    numbers = header.numbers
    types = [
        _extent(engine, prefix + RECORDS + pack_int(number), name, has_records=True)
        for name, number in numbers.records.items()
    ]
    indexes = []
    for name, number in numbers.indexes.items():
        found = _extent(engine, prefix + INDEXES + pack_int(number), name)
        state = header.state(name).value if name in kinds else "dropped"
        indexes.append(replace(found, state=state, kind=kinds.get(name, "")))
    others = [_extent(engine, prefix + part, "") for part in (HEADER, VERSIONS, BUILDS)]
    total = sum(extent.bytes for extent in (*types, *indexes, *others))
    return StoreStats(header.schema, header.version, header.format, types, indexes, total)


def read_header(engine: Engine, prefix: bytes) -> tuple[Header, dict[str, str]]:
    """The header of a store, and the kinds of its indexes.

    Raises:
        SchemaError: If there is no store at the prefix, or it is half restored.
    """
    transaction = engine.begin(read_only=True)
    try:
        value = transaction.get(prefix + HEADER)
        if value is None:
            is_half = transaction.get(prefix + RESTORING) is not None
            raise SchemaError(
                f"the store at {prefix!r} is half restored; run the same restore again to its end"
                if is_half
                else f"there is no store at {prefix!r}"
            )
        header = decode_header(value)
        description = recall_schema(transaction, header.fingerprint)
        return header, {name: index["kind"] for name, index in description.indexes.items()}
    finally:
        transaction.cancel()


def _rows_of(engine: Engine, begin: bytes, end: bytes) -> Iterator[Row]:
    """The rows of a range, each page in a transaction of its own."""
    while True:
        transaction = engine.begin(read_only=True)
        try:
            rows = transaction.get_range(begin, end, limit=_PAGE, snapshot=True)
        finally:
            transaction.cancel()
        yield from rows
        if len(rows) < _PAGE:
            return
        begin = rows[-1][0] + b"\x00"


def _extent(engine: Engine, prefix: bytes, name: str, *, has_records: bool = False) -> Extent:
    """How much stands at a prefix and behind it."""
    num_rows = num_bytes = num_records = 0
    for key, value in _rows_of(engine, prefix, end_of(prefix)):
        num_rows += 1
        num_bytes += len(key) + len(value)
        num_records += not value.startswith(codec.PART)
    return Extent(name, num_rows, num_bytes, num_records if has_records else None)
