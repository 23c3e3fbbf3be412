"""Reading records in the order of a key: of their primary keys, or of an index."""

import struct
from collections.abc import Callable, Iterator
from typing import Any

from glasshouse.errors import CorruptionError
from glasshouse.records.engines.engine import Row
from glasshouse.records.indexes.value import holder_of
from glasshouse.records.query.batches import END, Batch, Pace, Position, Scope, left_of
from glasshouse.records.query.columns import end_of_columns
from glasshouse.records.query.covering import row_reader
from glasshouse.records.query.plans import IndexScan, RecordScan
from glasshouse.records.store.layout import RECORDS
from glasshouse.records.store.reading import decode_rows, read_page

Found = tuple[list[Any], list[bytes]]
"""Query rows, and the keys that they came from."""


def scan_records(plan: RecordScan, scope: Scope, position: Position) -> Iterator[Batch]:
    """The records in a range of primary keys."""
    extent, pace = scope.store.extent(plan.record_type), Pace(scope)
    begin = extent.prefix + plan.within.begin
    end = min(extent.prefix + plan.within.end, extent.end)
    while True:
        first, last = left_of(begin, end, position, reverse=plan.reverse)
        page = read_page(
            scope.store.transaction,
            extent,
            first,
            last,
            limit=pace.next(),
            reverse=plan.reverse,
            snapshot=scope.snapshot,
        )
        scope.num_rows += page.num_rows
        scope.num_bytes += page.num_bytes
        position = END if page.last_key is None else page.last_key
        yield Batch(page.records, page.keys, position)
        if position is END:
            return


def scan_index(plan: IndexScan, scope: Scope, position: Position) -> Iterator[Batch]:
    """The records in a range of an index, or rows made of the index alone."""
    store, pace = scope.store, Pace(scope)
    space = store.readable_space(plan.index) + plan.space
    begin, end = space + plan.within.begin, space + plan.within.end
    read = (_from_records if plan.wanted is None else _from_index)(plan, scope, space)
    while True:
        first, last = left_of(begin, end, position, reverse=plan.reverse)
        size = pace.next()
        rows = store.transaction.get_range(
            first, last, limit=size, reverse=plan.reverse, snapshot=scope.snapshot
        )
        scope.count(rows)
        position = rows[-1][0] if len(rows) == size else END
        try:
            found, keys = read(rows)
        except (IndexError, struct.error) as error:
            raise CorruptionError(f"index {plan.index!r} has a row that is none: {error}") from None
        yield Batch(found, keys, position)
        if position is END:
            return


def _from_index(plan: IndexScan, scope: Scope, space: bytes) -> Callable[[list[Row]], Found]:
    """A function of index rows that gives query rows made of them."""
    store = scope.store
    extent = store.extent(plan.record_type)
    primary_key = store.schema.keys[plan.record_type]
    read_row = row_reader(plan, primary_key, space, extent.plan.packed_number)

    def read(rows: list[Row]) -> Found:
        found = [read_row(key, value) for key, value in rows]
        keys = [key for key, _ in rows]
        if None in found:
            keys = [key for key, row in zip(keys, found, strict=True) if row is not None]
            found = [row for row in found if row is not None]
        return found, keys

    return read


def _from_records(plan: IndexScan, scope: Scope, space: bytes) -> Callable[[list[Row]], Found]:
    """A function of index rows that gives the records they point at."""
    ids_of = _ids_of(plan, space)
    packed_type = scope.store.extent(plan.record_type).plan.packed_number
    is_smallest = _only_once(plan, scope, space) if plan.meets_twice else None

    def read(rows: list[Row]) -> Found:
        keys, ids = [key for key, _ in rows], ids_of(rows)
        if plan.is_shared:
            mine = [one.startswith(packed_type) for one in ids]
            keys = [key for key, own in zip(keys, mine, strict=True) if own]
            ids = [one for one, own in zip(ids, mine, strict=True) if own]
        records = load_ids(scope, plan.record_type, ids, plan.index)
        if is_smallest is None:
            return records, keys
        kept = [
            (record, key)
            for record, key, record_id in zip(records, keys, ids, strict=True)
            if is_smallest(record, record_id, key)
        ]
        return [record for record, _ in kept], [key for _, key in kept]

    return read


def _ids_of(plan: IndexScan, space: bytes) -> Callable[[list[Row]], list[bytes]]:
    """A function of index rows that gives the ids of the records they point at."""
    known = min(plan.within.num_equal, len(plan.key))
    start = len(space) + (plan.within.ends[known - 1] if known else 0)
    end = end_of_columns([column.descending for column in plan.key[known:]])
    if plan.is_unique:

        def unique_id(key: bytes, value: bytes) -> bytes:
            place = end(key, start)
            return key[place:] if place < len(key) else holder_of(value)

        return lambda rows: [unique_id(key, value) for key, value in rows]
    if known == len(plan.key):
        return lambda rows: [key[start:] for key, _ in rows]
    return lambda rows: [key[end(key, start) :] for key, _ in rows]


def _only_once(plan: IndexScan, scope: Scope, space: bytes) -> Callable[[Any, bytes, bytes], bool]:
    """Whether a row is the smallest of its record's in the range; the others are left out."""
    store = scope.store
    type_plan = store.extent(plan.record_type).plan
    maintainer = next(one.maintainer for one in type_plan.indexes if one.index.name == plan.index)
    begin, end = space + plan.within.begin, space + plan.within.end
    whole = store.index_space(plan.index)

    def is_smallest(record: Any, record_id: bytes, key: bytes) -> bool:
        rows = [whole + row for row, _ in maintainer.entries(record, record_id)]
        inside = [row for row in rows if begin <= row < end]
        return key == min(inside, default=key)

    return is_smallest


def load_ids(scope: Scope, record_type: type, record_ids: list[bytes], index: str) -> list[Any]:
    """The records that an index points at.

    Raises:
        CorruptionError: If one is not there.
    """
    store = scope.store
    extent, prefix = store.extent(record_type), store.prefix + RECORDS
    keys = [prefix + record_id for record_id in record_ids]
    values = store.transaction.get_all(keys, snapshot=scope.snapshot)
    records = decode_rows(store.transaction, extent, keys, values, snapshot=scope.snapshot)
    scope.num_rows += len(keys)
    if None in values:
        lost = extent.name(keys[values.index(None)])
        raise CorruptionError(f"index {index!r} points at {lost}, which is not there; scrub it")
    scope.num_bytes += sum(map(len, keys)) + sum(map(len, values))  # type: ignore[arg-type]
    return records
