"""Reading runs of records: many rows at a time, decoded together."""

from dataclasses import dataclass
from typing import Any

from glasshouse.errors import CorruptionError
from glasshouse.records.engines.engine import Transaction
from glasshouse.records.store import codec
from glasshouse.records.store.layout import TypePlan
from glasshouse.records.tuples import unpack


@dataclass(frozen=True, slots=True)
class Extent:
    """Where the records of one type stand in one store."""

    plan: TypePlan
    prefix: bytes
    """What the keys of its records begin with."""
    end: bytes
    """The first key behind them."""

    def name(self, key: bytes) -> str:
        """What to call a record in an error."""
        kind = self.plan.record_type.__name__
        try:
            return f"{kind} {unpack(key[len(self.prefix) :])!r}"
        except CorruptionError:
            return f"{kind} at key {key!r}"


@dataclass(frozen=True, slots=True)
class Page:
    """Records that stand beside each other, and the rows that they came from."""

    keys: list[bytes]
    """Of each record."""
    records: list[Any]
    num_rows: int
    """Rows read, parts of large records among them."""
    num_bytes: int
    """Of keys and values read."""
    last_key: bytes | None
    """Of the last row read, where a next page goes on; None if the range was read to its end."""


def read_page(
    transaction: Transaction,
    extent: Extent,
    begin: bytes,
    end: bytes,
    *,
    limit: int,
    reverse: bool = False,
    snapshot: bool = False,
) -> Page:
    """The records of one type in a range of keys.

    Args:
        transaction: Read through this.
        extent: Where the type's records stand.
        begin: First key.
        end: Where to end, itself left out.
        limit: Most rows to read.
        reverse: From the end of the range to its begin.
        snapshot: Whether reading may go without conflicts.

    Raises:
        CorruptionError: If a record is damaged; the message names it.
    """
    rows = transaction.get_range(begin, end, limit=limit, reverse=reverse, snapshot=snapshot)
    num_bytes = sum([len(key) + len(value) for key, value in rows])
    last_key = rows[-1][0] if len(rows) == limit else None
    records = extent.plan.codec.decode_rows(rows)
    if records is not None:
        return Page([key for key, _ in rows], records, len(rows), num_bytes, last_key)
    firsts = [row for row in rows if row[1][:1] != codec.PART]
    records = [read_record(transaction, extent, *row, snapshot=snapshot) for row in firsts]
    return Page([key for key, _ in firsts], records, len(rows), num_bytes, last_key)


def read_record(
    transaction: Transaction, extent: Extent, key: bytes, first: bytes, *, snapshot: bool = False
) -> Any:
    """One record by its first row.

    Raises:
        CorruptionError: If it is damaged; the message names it.
    """
    codec_of = extent.plan.codec
    if first[:1] == codec.WHOLE:
        payload = first[codec.HEAD_BYTES :]
        if codec.checksum(payload) == first[1 : codec.HEAD_BYTES]:
            return codec_of.decode(payload, lambda: extent.name(key))
    payload = codec.read(transaction, key, first, lambda: extent.name(key), snapshot=snapshot)
    return codec_of.decode(payload, lambda: extent.name(key))
