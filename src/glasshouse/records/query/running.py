"""Running plans: batches of rows, each row with the position from which to go on behind it.

A position is the key of the last row of a scan, or a list of the positions of a plan's parts; None
is the beginning and False the end.
"""

import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from glasshouse.errors import CorruptionError, QueryError
from glasshouse.records.engines.engine import Row
from glasshouse.records.expressions.conditions import compile_test
from glasshouse.records.indexes.text_conditions import TextCondition
from glasshouse.records.indexes.text_search import scan_record_ids
from glasshouse.records.indexes.value import covered_of, holder_of
from glasshouse.records.query.covering import row_maker
from glasshouse.records.query.plans import (
    Branch,
    Concatenation,
    Filter,
    IndexScan,
    Intersection,
    Merge,
    Nothing,
    Plan,
    RecordScan,
    Sort,
    TextScan,
)
from glasshouse.records.query.ranges import CLOSE
from glasshouse.records.schema.keys import Key
from glasshouse.records.schema.packing import compile_key
from glasshouse.records.store.layout import RECORDS
from glasshouse.records.store.reading import read_page, read_rows
from glasshouse.records.store.store import RecordStore
from glasshouse.records.tuples import read_columns

Position = Any
"""bytes, a list of positions, an int, None for the beginning, False for the end."""

END = False

_FIRST_ROWS, _MOST_ROWS = 32, 1024


@dataclass(slots=True)
class Batch:
    """Some rows, in order."""

    rows: list[Any]
    positions: Sequence[Position]
    """Where to go on behind each row."""
    end: Position
    """Where to go on behind the whole batch."""


@dataclass(slots=True)
class Scope:
    """What running plans share: the store, and what it has cost so far."""

    store: RecordStore
    snapshot: bool
    num_rows: int = 0
    """Rows of the engine that were read."""
    num_bytes: int = 0
    """Their keys and values."""
    most_rows: int = _MOST_ROWS
    """Rows to read at once at most."""
    _size: int = field(default=_FIRST_ROWS)

    def next_size(self) -> int:
        """How many rows to read at once: more each time, since most queries end early."""
        size = min(self._size, self.most_rows)
        self._size = min(self._size * 2, _MOST_ROWS)
        return size

    def count(self, rows: Sequence[Row]) -> None:
        """Add rows to the bill."""
        self.num_rows += len(rows)
        self.num_bytes += sum([len(key) + len(value) for key, value in rows])


def run_plan(plan: Plan, scope: Scope, position: Position = None) -> Iterator[Batch]:
    """The rows of a plan behind a position, in batches."""
    if position is END:
        return iter(())
    match plan:
        case Nothing():
            return iter(())
        case RecordScan():
            return _record_scan(plan, scope, position)
        case IndexScan():
            return _index_scan(plan, scope, position)
        case TextScan():
            ids = _text_ids(plan, scope, _id_at(scope, position))
            return _by_ids(plan.record_type, ids, scope, plan.index)
        case Intersection():
            ids = _common_ids(plan, scope, _id_at(scope, position))
            return _by_ids(plan.record_type, ids, scope, plan.sources[0].index)
        case Filter():
            return _filter(plan, scope, position)
        case Concatenation():
            return _concatenation(plan, scope, position)
        case Merge():
            return _merge(plan, scope, position)
        case Sort():
            return _sort(plan, scope, position)


def _left_of(
    begin: bytes, end: bytes, position: bytes | None, reverse: bool
) -> tuple[bytes, bytes]:
    """What of a range lies behind a position."""
    if position is None:
        return begin, end
    return (begin, position) if reverse else (position + b"\x00", end)


def _record_scan(plan: RecordScan, scope: Scope, position: Position) -> Iterator[Batch]:
    extent = scope.store.extent(plan.record_type)
    begin = extent.prefix + plan.within.begin
    end = min(extent.prefix + plan.within.end, extent.end)
    transaction = scope.store.transaction
    while True:
        first, last = _left_of(begin, end, position, plan.reverse)
        page = read_page(
            transaction,
            extent,
            first,
            last,
            limit=scope.next_size(),
            reverse=plan.reverse,
            snapshot=scope.snapshot,
        )
        scope.num_rows += page.num_rows
        scope.num_bytes += page.num_bytes
        position = END if page.last_key is None else page.last_key
        if page.records or position is not END:
            yield Batch(page.records, page.keys, position)
        if position is END:
            return


def _index_scan(plan: IndexScan, scope: Scope, position: Position) -> Iterator[Batch]:
    store, transaction = scope.store, scope.store.transaction
    space = store.readable_space(plan.index) + plan.space
    begin, end = space + plan.within.begin, space + plan.within.end
    read = _row_reader(plan, scope, space)
    while True:
        first, last = _left_of(begin, end, position, plan.reverse)
        size = scope.next_size()
        rows = transaction.get_range(
            first, last, limit=size, reverse=plan.reverse, snapshot=scope.snapshot
        )
        scope.count(rows)
        position = rows[-1][0] if len(rows) == size else END
        found, keys = read(rows)
        yield Batch(found, keys, position)
        if position is END:
            return


def _row_reader(
    plan: IndexScan, scope: Scope, space: bytes
) -> Callable[[list[Row]], tuple[list[Any], list[bytes]]]:
    """A function of index rows that gives query rows, and the index keys they came from."""
    store = scope.store
    type_plan = store.extent(plan.record_type).plan
    mine = type_plan.packed_number
    split = _splitter(plan, space)
    if plan.covered is not None:
        make = row_maker(plan.key, plan.covered, store.schema.keys[plan.record_type])
        directions = [column.descending for column in plan.key]

        def read_covered(rows: list[Row]) -> tuple[list[Any], list[bytes]]:
            found, keys = [], []
            for key, value in rows:
                record_id, covered = split(key, value)
                if record_id.startswith(mine):
                    values, _ = read_columns(key, directions, len(space))
                    found.append(make(values, covered, record_id))
                    keys.append(key)
            return found, keys

        return read_covered

    once = _only_once(plan, scope, space) if plan.meets_twice else None

    def read(rows: list[Row]) -> tuple[list[Any], list[bytes]]:
        pairs = [(key, split(key, value)[0]) for key, value in rows]
        pairs = [pair for pair in pairs if pair[1].startswith(mine)]
        records = _load(scope, plan.record_type, [record_id for _, record_id in pairs], plan.index)
        keys = [key for key, _ in pairs]
        if once is None:
            return records, keys
        kept = [
            (record, key)
            for record, (key, record_id) in zip(records, pairs, strict=True)
            if once(record, record_id, key)
        ]
        return [record for record, _ in kept], [key for _, key in kept]

    return read


def _splitter(plan: IndexScan, space: bytes) -> Callable[[bytes, bytes], tuple[bytes, bytes]]:
    """A function of an index row that gives the record id and the covered bytes."""
    directions = [column.descending for column in plan.key]
    known = len(space) + len(plan.within.begin)
    is_whole = plan.within.num_equal == len(plan.key) and not plan.within.has_bounds

    def split(key: bytes, value: bytes) -> tuple[bytes, bytes]:
        place = known if is_whole else read_columns(key, directions, len(space))[1]
        if place < len(key):
            return key[place:], value
        return holder_of(value), covered_of(value)

    return split


def _only_once(plan: IndexScan, scope: Scope, space: bytes) -> Callable[[Any, bytes, bytes], bool]:
    """Whether a row is the first of its record's that the scan meets: the others are left out."""
    type_plan = scope.store.extent(plan.record_type).plan
    index = next(one for one in type_plan.indexes if one.index.name == plan.index)
    begin, end = space + plan.within.begin, space + plan.within.end

    def is_first(record: Any, record_id: bytes, key: bytes) -> bool:
        rows = [space + row for row, _ in index.maintainer.entries(record, record_id)]
        inside = [row for row in rows if begin <= row < end]
        return key == (max(inside) if plan.reverse else min(inside))

    return is_first


def _load(scope: Scope, record_type: type, record_ids: list[bytes], index: str) -> list[Any]:
    """The records that an index points at.

    Raises:
        CorruptionError: If one is not there.
    """
    store = scope.store
    prefix = store.prefix + RECORDS
    rows = [prefix + record_id for record_id in record_ids]
    records = read_rows(store.transaction, store.extent(record_type), rows, snapshot=scope.snapshot)
    scope.num_rows += len(rows)
    if None in records:
        lost = store.extent(record_type).name(rows[records.index(None)])
        raise CorruptionError(f"index {index!r} points at {lost}, which is not there; scrub it")
    return records


def _id_at(scope: Scope, position: Position) -> bytes | None:
    """The record id at a position that is a record's key."""
    return None if position is None else position[len(scope.store.prefix + RECORDS) :]


def _by_ids(record_type: type, ids: Iterator[bytes], scope: Scope, index: str) -> Iterator[Batch]:
    """Records by their ids, which are their positions too."""
    prefix = scope.store.prefix + RECORDS
    while True:
        size = scope.next_size()
        chunk = list(islice(ids, size))
        records = _load(scope, record_type, chunk, index)
        keys = [prefix + record_id for record_id in chunk]
        end = keys[-1] if len(chunk) == size else END
        yield Batch(records, keys, end)
        if end is END:
            return


def _text_ids(plan: TextScan, scope: Scope, after: bytes | None) -> Iterator[bytes]:
    """The ids of records whose text meets a condition, ascending, behind one."""
    assert isinstance(plan.condition, TextCondition)
    mine = scope.store.extent(plan.record_type).plan.packed_number
    ids = scan_record_ids(
        scope.store, plan.index, plan.condition, after=after, snapshot=scope.snapshot
    )
    return (record_id for record_id in ids if record_id.startswith(mine))


def _equal_ids(plan: IndexScan, scope: Scope, after: bytes | None) -> Iterator[bytes]:
    """The record ids in a range whose columns are all bound, ascending, behind one."""
    store = scope.store
    begin = store.readable_space(plan.index) + plan.space + plan.within.begin
    mine = store.extent(plan.record_type).plan.packed_number
    first = begin + (mine if after is None else after + b"\x00")
    size = _FIRST_ROWS
    while True:
        rows = store.transaction.get_range(
            first, begin + mine + CLOSE, limit=size, snapshot=scope.snapshot
        )
        scope.count(rows)
        for key, _ in rows:
            yield key[len(begin) :]
        if len(rows) < size:
            return
        first, size = rows[-1][0] + b"\x00", min(size * 4, _MOST_ROWS)


def _ids_of(source: IndexScan | TextScan, scope: Scope, after: bytes | None) -> Iterator[bytes]:
    if isinstance(source, IndexScan):
        return _equal_ids(source, scope, after)
    return _text_ids(source, scope, after)


def _common_ids(plan: Intersection, scope: Scope, after: bytes | None) -> Iterator[bytes]:
    """The record ids that all sources give: whoever is behind goes on to the furthest."""
    streams = [_ids_of(source, scope, after) for source in plan.sources]
    heads = [next(stream, None) for stream in streams]
    while None not in heads:
        furthest = max(head for head in heads if head is not None)
        if all(head == furthest for head in heads):
            yield furthest
            heads = [next(stream, None) for stream in streams]
            continue
        for place, stream in enumerate(streams):
            head = heads[place]
            while head is not None and head < furthest:
                head = next(stream, None)
            heads[place] = head


def _filter(plan: Filter, scope: Scope, position: Position) -> Iterator[Batch]:
    test = compile_test(plan.condition)
    for batch in run_plan(plan.child, scope, position):
        kept = [place for place, row in enumerate(batch.rows) if test(row)]
        if len(kept) == len(batch.rows):
            yield batch
        else:
            rows, positions = batch.rows, batch.positions
            yield Batch([rows[one] for one in kept], [positions[one] for one in kept], batch.end)


def _fresh(branch: Branch) -> Callable[[Any], bool]:
    """Whether no earlier branch has given a row."""
    if branch.given_before is None:
        return lambda row: True
    test = compile_test(branch.given_before)
    return lambda row: not test(row)


def _concatenation(plan: Concatenation, scope: Scope, position: Position) -> Iterator[Batch]:
    first, inside = position or (0, None)
    for number in range(first, len(plan.branches)):
        branch = plan.branches[number]
        is_fresh = _fresh(branch)
        start = inside if number == first else None
        for batch in run_plan(branch.child, scope, start):
            kept = [place for place, row in enumerate(batch.rows) if is_fresh(row)]
            is_over = batch.end is END
            end: Position = [number + 1, None] if is_over else [number, batch.end]
            if is_over and number + 1 == len(plan.branches):
                end = END
            yield Batch(
                [batch.rows[place] for place in kept],
                [[number, batch.positions[place]] for place in kept],
                end,
            )


def _merge(plan: Merge, scope: Scope, position: Position) -> Iterator[Batch]:
    """The smallest of the branches' next rows, again and again."""
    places: list[Position] = list(position or [None] * len(plan.branches))
    streams = [
        _sorted_rows(branch, order, scope, place)
        for branch, order, place in zip(plan.branches, plan.orders, places, strict=True)
    ]
    heads = []
    for number, stream in enumerate(streams):
        head = next(stream, None)
        if head is None:
            places[number] = END
        else:
            heads.append((head[0], number, head))
    heapq.heapify(heads)
    rows: list[Any] = []
    positions: list[Position] = []
    while heads:
        _, number, (_, row, place) = heads[0]
        places[number] = place
        rows.append(row)
        positions.append(list(places))
        head = next(streams[number], None)
        if head is None:
            heapq.heappop(heads)
        else:
            heapq.heapreplace(heads, (head[0], number, head))
        if len(rows) == _FIRST_ROWS:
            yield Batch(rows, positions, positions[-1])
            rows, positions = [], []
    yield Batch(rows, positions, END)


def _sorted_rows(
    branch: Branch, order: Key, scope: Scope, position: Position
) -> Iterator[tuple[bytes, Any, Position]]:
    """The rows of a branch that are fresh, with the bytes that they are sorted by."""
    sort_key, is_fresh = compile_key(order, 0), _fresh(branch)
    for batch in run_plan(branch.child, scope, position):
        for row, place in zip(batch.rows, batch.positions, strict=True):
            if is_fresh(row):
                yield sort_key(row), row, place


def _sort(plan: Sort, scope: Scope, position: Position) -> Iterator[Batch]:
    """All rows, sorted; a position is how many were given."""
    keys = {kind: compile_key(order, 0) for kind, order in plan.orders}
    only = next(iter(keys.values())) if len(keys) == 1 else None
    rows: list[Any] = []
    for batch in run_plan(plan.child, scope):
        rows += batch.rows
        if len(rows) > plan.at_most:
            raise QueryError(
                f"more than {plan.at_most} rows would have to be sorted in memory; add an index "
                "for this order, narrow the query, or allow more"
            )
    rows.sort(key=only or (lambda row: keys[type(row)](row)))
    done = position or 0
    for start in range(done, max(len(rows), done + 1), _MOST_ROWS):
        chunk = rows[start : start + _MOST_ROWS]
        behind = start + len(chunk)
        end = END if behind >= len(rows) else behind
        yield Batch(chunk, range(start + 1, behind + 1), end)
