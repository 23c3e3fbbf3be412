"""Building an index while others write: bounded transactions, each of which can be the last.

The builder goes through the records in the order of their ids. Each transaction indexes some and
moves the mark behind them; writers keep the index for records before the mark and leave those
behind it to the builder. Whoever is killed, or simply stops, is followed by another builder that
goes on from the mark.

Source:
    1901.04452, section 5, "online index building"; `OnlineIndexer` of the Record Layer.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from glasshouse.errors import ConflictError, SchemaError
from glasshouse.records.building.states import set_state
from glasshouse.records.indexes.index import Index
from glasshouse.records.store.context import Context
from glasshouse.records.store.database import StoreHandle
from glasshouse.records.store.header import IndexState
from glasshouse.records.store.layout import RECORDS, IndexPlan, TypePlan
from glasshouse.records.store.reading import read_page
from glasshouse.records.store.store import RecordStore
from glasshouse.records.store.writable import MARK, move_mark

_FIRST_ROWS, _MOST_ROWS = 100, 2_000
_MOST_CONFLICTS = 50

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


def build_index(
    handle: StoreHandle,
    name: str,
    *,
    rows_per_transaction: int = _MOST_ROWS,
    rows_per_second: float | None = None,
) -> Iterator[BuildProgress]:
    """Build an index that is new, or go on building it; stop at any time and call again.

    Args:
        handle: The store.
        name: Of the index.
        rows_per_transaction: Most rows that one transaction reads; fewer where it conflicts.
        rows_per_second: Rest in between so as not to be faster than this.

    Yields:
        Progress after each transaction.

    Raises:
        SchemaError: If there is no such index, or it is disabled.
        UniquenessError: If two records have the same value of a unique index; it stays unbuilt, and
            the build goes on when that is mended.
    """
    handle.run(lambda store: _begin(store, name))
    done, conflicts, rows = 0, 0, min(_FIRST_ROWS, rows_per_transaction)
    while True:
        began = time.monotonic()
        try:
            with handle.database.transaction() as context:
                num_records, is_done = _build_some(handle.open(context), name, rows)
        except ConflictError:
            # Writers were faster. Fewer rows meet fewer writers.
            conflicts, rows = conflicts + 1, max(1, rows // 2)
            if conflicts > _MOST_CONFLICTS:
                raise
            continue
        conflicts, done = 0, done + num_records
        yield BuildProgress(name, done, is_done)
        if is_done:
            return
        if rows_per_second is not None:
            time.sleep(max(0.0, rows / rows_per_second - (time.monotonic() - began)))
        rows = min(2 * rows, rows_per_transaction)


def _begin(store: RecordStore, name: str) -> None:
    """Say that somebody builds the index."""
    state = store.header.state(name)
    store.schema.index(name)
    if state is IndexState.DISABLED:
        raise SchemaError(f"index {name!r} is disabled; start it over before building it")
    if state is IndexState.WRITE_ONLY:
        set_state(store, name, IndexState.BUILDING)


def _build_some(store: RecordStore, name: str, rows: int) -> tuple[int, bool]:
    """Index the records behind the mark; how many, and whether the index is done."""
    if store.header.state(name) is IndexState.READABLE:
        return 0, True
    index = store.schema.index(name)
    build = store.prefix + store.layout.build_space(name)
    mark = store.transaction.get(build + MARK)
    plan = _type_behind(store, index, mark)
    if plan is None:
        _clear_marks(store, name)
        set_state(store, name, IndexState.READABLE)
        return 0, True
    extent = store.extent(plan.record_type)
    records = store.prefix + RECORDS
    begin = extent.prefix
    if mark is not None and mark.startswith(plan.packed_number):
        begin = records + mark + b"\x00"
    page = read_page(store.transaction, extent, begin, extent.end, limit=rows)
    ids = [key[len(records) :] for key in page.keys]
    here = next(one for one in plan.indexes if one.index.name == name)
    _insert(store.context, store.prefix, plan, here, ids, page.records)
    last = plan.packed_number + _END_OF_TYPE
    if page.last_key is not None:
        last = page.last_key[len(records) :]
    move_mark(store.transaction, build, mark, last)
    return len(ids), False


def _insert(
    context: Context,
    prefix: bytes,
    plan: TypePlan,
    index: IndexPlan,
    ids: list[bytes],
    records: list[object],
) -> None:
    """Bring records into an index that does not have them."""
    if not plan.is_versioned:
        index.insert_all(context, prefix + index.space, ids, records)
        return
    for record_id, record in zip(ids, records, strict=True):
        if index.member(record) is not None:
            context.next_version()
            index.maintainer.update(context, prefix + index.space, record_id, None, record)


def _type_behind(store: RecordStore, index: Index, mark: bytes | None) -> TypePlan | None:
    """The first type of an index that has records behind the mark."""
    for plan in store.layout.types_of(index):
        if mark is None or mark < plan.packed_number + _END_OF_TYPE:
            return plan
    return None


def _clear_marks(store: RecordStore, name: str) -> None:
    """Remove the marks of a build that is over."""
    build = store.prefix + store.layout.build_space(name)
    store.transaction.clear_range(build, build + b"\xff")
