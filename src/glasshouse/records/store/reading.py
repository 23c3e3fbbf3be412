"""Reading runs of records: many rows at a time, decoded together."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from glasshouse.errors import CorruptionError
from glasshouse.records.engines.engine import Row, Transaction
from glasshouse.records.store import codec
from glasshouse.records.store.layout import RECORDS, TypePlan
from glasshouse.records.tuples import strinc, unpack


@dataclass(frozen=True, slots=True)
class Extent:
    """Where the records of one type stand in one store."""

    plan: TypePlan
    prefix: bytes
    """What the keys of its records begin with."""
    end: bytes
    """The first key behind them."""
    pack_whole: Callable[[tuple[Any, ...]], bytes]
    """From the values of a whole primary key to its bytes."""
    row_of: Callable[[Any], bytes]
    """From a primary key to the key of its record: see `compile_row`."""
    decode: Callable[[bytes], Any]
    """From a whole and sound value to the record."""

    def name(self, key: bytes) -> str:
        """What to call a record in an error."""
        kind = self.plan.record_type.__name__
        try:
            return f"{kind} {unpack(key[len(self.prefix) :])!r}"
        except CorruptionError:
            return f"{kind} at key {key!r}"


def extent_of(plan: TypePlan, prefix: bytes) -> Extent:
    """Where the records of a type stand in the store of this prefix."""
    begin = prefix + RECORDS + plan.packed_number
    row_of = plan.compile_row(begin)
    return Extent(plan, begin, strinc(begin), plan.pack_whole, row_of, plan.codec.decode_whole)


class Keys(Sequence[bytes]):
    """The keys of rows, taken out of them when they are asked for, which is seldom."""

    __slots__ = ("_rows",)

    def __init__(self, rows: list[Row]) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return Keys(self._rows[place])
        return self._rows[place][0]

    def __iter__(self) -> Iterator[bytes]:
        return map(_key_of, self._rows)


_key_of = itemgetter(0)


@dataclass(frozen=True, slots=True)
class Page:
    """Records that stand beside each other, and the rows that they came from."""

    keys: Keys
    """Of each record."""
    records: list[Any]
    num_rows: int
    """Rows read, parts of large records among them."""
    num_bytes: int
    """Of their values, and of their keys, as if they all were as long as the last."""
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
    if not rows:
        return Page(Keys(rows), [], 0, 0, None)
    num_rows, last_key = len(rows), rows[-1][0]
    values = [value for _, value in rows]
    decoded = extent.plan.codec.decode_counted(values)
    if decoded is None:
        num_bytes = sum(map(len, values))
        rows = [row for row in rows if not row[1].startswith(codec.PART)]
        records = [read_record(transaction, extent, *row, snapshot=snapshot) for row in rows]
    else:
        records, num_bytes = decoded
    num_bytes += num_rows * len(last_key)
    return Page(Keys(rows), records, num_rows, num_bytes, last_key if num_rows == limit else None)


def read_record(
    transaction: Transaction, extent: Extent, key: bytes, first: bytes, *, snapshot: bool = False
) -> Any:
    """One record by its first row.

    Raises:
        CorruptionError: If it is damaged; the message names it.
    """
    whole = codec.read(transaction, key, first, lambda: extent.name(key), snapshot=snapshot)
    return extent.plan.codec.decode(whole, lambda: extent.name(key))


def read_rows(
    transaction: Transaction, extent: Extent, rows: Sequence[bytes], *, snapshot: bool = False
) -> list[Any | None]:
    """The records at many keys, None where there is none.

    Raises:
        CorruptionError: If one is damaged; the message names it.
    """
    values = transaction.get_all(rows, snapshot=snapshot)
    return decode_rows(transaction, extent, rows, values, snapshot=snapshot)


def decode_rows(
    transaction: Transaction,
    extent: Extent,
    rows: Sequence[bytes],
    values: Sequence[bytes | None],
    *,
    snapshot: bool = False,
) -> list[Any | None]:
    """The records of values that were read at many keys, None where there is none.

    Raises:
        CorruptionError: If one is damaged; the message names it.
    """
    found = [value for value in values if value is not None]
    records = extent.plan.codec.decode_values(found)
    if records is None:
        return [
            None
            if value is None
            else read_record(transaction, extent, row, value, snapshot=snapshot)
            for row, value in zip(rows, values, strict=True)
        ]
    if len(records) == len(values):
        return records
    following = iter(records)
    return [None if value is None else next(following) for value in values]
