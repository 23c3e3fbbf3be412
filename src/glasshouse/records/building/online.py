"""Building an index while others write: bounded transactions, each of which can be the last.

The builder goes through the records in the order of their ids. Each transaction indexes some and
moves the mark behind them; writers keep the index for records before the mark and leave those
behind it to the builder. Whoever is killed, or simply stops, is followed by another builder that
goes on from the mark. Several may build at once: they conflict where they meet, and go on.

Source:
    1901.04452, section 5, "online index building"; `OnlineIndexer` of the Record Layer.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from glasshouse.errors import ConflictError, SchemaError, UniquenessError
from glasshouse.records.building.states import set_state, start_over
from glasshouse.records.indexes.index import BulkMaintainer, Index
from glasshouse.records.store.context import Context
from glasshouse.records.store.database import StoreHandle
from glasshouse.records.store.header import IndexState
from glasshouse.records.store.layout import RECORDS, IndexPlan, TypePlan
from glasshouse.records.store.reading import read_page
from glasshouse.records.store.store import RecordStore
from glasshouse.records.store.writable import MARK, move_mark

MOST_ROWS = 2_000
"""Rows that one transaction of a build reads, if its caller does not say."""

_FIRST_ROWS = 100
_MOST_CONFLICTS = 50
_EXCLUSIVE_AFTER = 5

_MOST_BYTES = 4_000_000
"""A transaction that writes more is followed by a smaller one; FoundationDB takes 10 MB."""

_MOST_SECONDS = 1.0
"""One that takes longer likewise; FoundationDB gives 5 s."""

_END_OF_TYPE = b"\xff"
"""Behind a type's number: larger than any record id of the type."""


@dataclass(frozen=True, slots=True)
class BuildProgress:
    """How far a build has come."""

    index: str
    num_records: int
    """Records that this builder has gone through."""
    is_done: bool
    """Whether the index is readable now."""


@dataclass(frozen=True, slots=True)
class _Step:
    """What one transaction of a build did."""

    num_records: int
    num_bytes: int
    is_done: bool


def build_index(
    handle: StoreHandle,
    name: str,
    *,
    rows_per_transaction: int = MOST_ROWS,
    rows_per_second: float | None = None,
) -> Iterator[BuildProgress]:
    """Build an index that is new, or go on building it; stop at any time and call again.

    Args:
        handle: The store.
        name: Of the index.
        rows_per_transaction: Most rows that one transaction reads. It reads fewer where it
            conflicts, writes much or takes long, and more again when that is over.
        rows_per_second: Rest in between so as not to be faster than this.

    Yields:
        Progress after each transaction.

    Raises:
        SchemaError: If there is no such index, or it is disabled, be it meanwhile.
        UniquenessError: If two records have the same value of a unique index; it stays unbuilt, and
            the build goes on when that is mended.
        ConflictError: If writers were faster every time, which takes many of them.
        ValueError: If a transaction is to read no rows.
    """
    if rows_per_transaction < 1:
        raise ValueError(f"rows_per_transaction={rows_per_transaction} must be 1 or more")
    done, conflicts, rows = 0, 0, min(_FIRST_ROWS, rows_per_transaction)
    while True:
        began = time.monotonic()
        try:
            step = _transact(handle, name, rows, exclusive=conflicts > _EXCLUSIVE_AFTER)
            if step is None:
                rows = max(1, rows // 2)
                continue
        except ConflictError:
            # Writers were faster. Fewer rows meet fewer writers.
            conflicts, rows = conflicts + 1, max(1, rows // 2)
            if conflicts > _MOST_CONFLICTS:
                raise
            continue
        conflicts, done = 0, done + step.num_records
        yield BuildProgress(name, done, step.is_done)
        if step.is_done:
            return
        seconds = time.monotonic() - began
        if rows_per_second is not None:
            time.sleep(max(0.0, rows / rows_per_second - seconds))
        if step.num_bytes > _MOST_BYTES or seconds > _MOST_SECONDS:
            rows = max(1, rows // 2)
        elif 2 * step.num_bytes < _MOST_BYTES and 2 * seconds < _MOST_SECONDS:
            rows = min(2 * rows, rows_per_transaction)


def rebuild_index(
    handle: StoreHandle,
    name: str,
    *,
    rows_per_transaction: int = MOST_ROWS,
    rows_per_second: float | None = None,
) -> Iterator[BuildProgress]:
    """Empty an index and build it anew; if stopped, `build_index` goes on.

    Raises:
        SchemaError, UniquenessError, ConflictError: As for `build_index`.
    """
    handle.run(lambda store: start_over(store, name), idempotent=True)
    yield from build_index(
        handle, name, rows_per_transaction=rows_per_transaction, rows_per_second=rows_per_second
    )


def _transact(handle: StoreHandle, name: str, rows: int, *, exclusive: bool) -> _Step | None:
    """One transaction of a build; nothing is done if it would be larger than engines take."""
    context = Context(handle.database.engine.begin(exclusive=exclusive))
    try:
        num_records, is_done = _build_some(handle.open(context), name, rows)
        context.flush()
        num_bytes = context.transaction.approximate_size
        if num_bytes > 2 * _MOST_BYTES and rows > 1:
            return None
        context.commit()
        return _Step(num_records, num_bytes, is_done)
    finally:
        context.cancel()


def _build_some(store: RecordStore, name: str, rows: int) -> tuple[int, bool]:
    """Index the records behind the mark; how many, and whether the index is done."""
    index, state = store.schema.index(name), store.header.state(name)
    if state is IndexState.READABLE:
        return 0, True
    if state is IndexState.DISABLED:
        raise SchemaError(f"index {name!r} is disabled; start it over before building it")
    if state is IndexState.WRITE_ONLY:
        set_state(store, name, IndexState.BUILDING)
    build = store.prefix + store.layout.build_space(name)
    mark = store.transaction.get(build + MARK)
    plan = _type_behind(store, index, mark)
    if plan is None:
        store.transaction.clear_range(build, build + b"\xff")
        set_state(store, name, IndexState.READABLE)
        return 0, True
    extent = store.extent(plan.record_type)
    records = store.prefix + RECORDS
    begin = extent.prefix
    if mark is not None and mark.startswith(plan.packed_number):
        begin = records + mark + b"\x00"
    # Read so as to conflict: who changes one of these records now is before the mark or is not.
    page = read_page(store.transaction, extent, begin, extent.end, limit=rows)
    ids = [key[len(records) :] for key in page.keys]
    here = next(one for one in plan.indexes if one.index.name == name)
    _insert(store, here, ids, page.records)
    last = plan.packed_number + _END_OF_TYPE
    if page.last_key is not None:
        last = page.last_key[len(records) :]
    move_mark(store.transaction, build, mark, last)
    return len(ids), False


def _insert(store: RecordStore, index: IndexPlan, ids: list[bytes], records: list[object]) -> None:
    """Bring records into an index that does not have them."""
    context, space = store.context, store.prefix + index.space
    needs_version = index.index.needs_version
    if isinstance(index.maintainer, BulkMaintainer) and not needs_version:
        index.insert_all(context, space, ids, records)
        return
    for record_id, record in zip(ids, records, strict=True):
        if index.member(record) is None:
            continue
        if needs_version:
            context.next_version()
        try:
            index.maintainer.update(context, space, record_id, None, record)
        except UniquenessError as error:
            name = store.extent_of_id(record_id).name(store.prefix + RECORDS + record_id)
            raise UniquenessError(
                f"{name} cannot be brought in: {error}; change or delete one of the two, and build "
                "again"
            ) from None


def _type_behind(store: RecordStore, index: Index, mark: bytes | None) -> TypePlan | None:
    """The first type of an index that has records behind the mark."""
    for plan in store.layout.types_of(index):
        if mark is None or mark < plan.packed_number + _END_OF_TYPE:
            return plan
    return None
