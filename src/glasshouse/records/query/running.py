"""Running plans: batches of rows, each row with the position from which to go on behind it.

What looks through many rows gives batches without any, so that whoever asked may stop.
"""

import heapq
from collections.abc import Callable, Iterator
from itertools import compress
from typing import Any

from glasshouse.errors import QueryError
from glasshouse.records.expressions.conditions import Condition, compile_test
from glasshouse.records.query.batches import END, FIRST_ROWS, MOST_ROWS, Batch, Position, Scope
from glasshouse.records.query.joining import join_by_id
from glasshouse.records.query.ordering import sort_key_of
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
from glasshouse.records.query.scans import scan_index, scan_records
from glasshouse.records.schema.keys import Key
from glasshouse.records.schema.packing import compile_key

_FEWEST_ROWS = 4

Flags = Callable[[list[Any]], list[Any]]
"""From rows to whether each is to be kept."""


def run_plan(plan: Plan, scope: Scope, position: Position = None) -> Iterator[Batch]:
    """The rows of a plan behind a position, in batches."""
    if position is END:
        return iter(())
    match plan:
        case Nothing():
            return iter(())
        case RecordScan():
            return scan_records(plan, scope, position)
        case IndexScan():
            return scan_index(plan, scope, position)
        case TextScan(record_type):
            return join_by_id(record_type, (plan,), scope, position)
        case Intersection(record_type, sources):
            return join_by_id(record_type, sources, scope, position)
        case Filter(child, condition):
            keep = _flags(condition)
            return (_kept(batch, keep(batch.rows)) for batch in run_plan(child, scope, position))
        case Concatenation():
            return _concatenation(plan, scope, position)
        case Merge():
            return _merge(plan, scope, position)
        case Sort():
            return _sort(plan, scope, position)


def _flags(condition: Condition) -> Flags:
    """A function of rows that says for which a condition is true."""
    test = compile_test(condition)

    def flags(rows: list[Any]) -> list[Any]:
        try:
            return list(map(test, rows))
        except (TypeError, AttributeError) as error:
            raise QueryError(f"{condition} cannot be told of every record: {error}") from None

    return flags


def _kept(batch: Batch, flags: list[Any]) -> Batch:
    """What of a batch is kept."""
    if all(flags):
        return batch
    positions = list(compress(batch.positions, flags))
    return Batch(list(compress(batch.rows, flags)), positions, batch.end)


def _fresh(branch: Branch, scope: Scope, position: Position) -> Iterator[Batch]:
    """The rows of a branch that no earlier one has given."""
    batches = run_plan(branch.child, scope, position)
    if branch.given_before is None:
        return batches
    given = _flags(branch.given_before)
    return (_kept(batch, [not one for one in given(batch.rows)]) for batch in batches)


def _concatenation(plan: Concatenation, scope: Scope, position: Position) -> Iterator[Batch]:
    first, inside = position or (0, None)
    for number in range(first, len(plan.branches)):
        is_last = number + 1 == len(plan.branches)
        for batch in _fresh(plan.branches[number], scope, inside):
            end: Position = [number, batch.end]
            if batch.end is END:
                end = END if is_last else [number + 1, None]
            yield Batch(batch.rows, [[number, one] for one in batch.positions], end)
        inside = None


def _merge(plan: Merge, scope: Scope, position: Position) -> Iterator[Batch]:
    """The smallest of the branches' next rows, again and again."""
    scope.first_rows = max(_FEWEST_ROWS, scope.first_rows // len(plan.branches))
    places: list[Position] = list(position or [None] * len(plan.branches))
    streams = [
        _sorted_rows(branch, order, scope, place)
        for branch, order, place in zip(plan.branches, plan.orders, places, strict=True)
    ]
    heads: list[tuple[bytes, int, Any, Position]] = []
    rows: list[Any] = []
    positions: list[Position] = []
    waiting = list(range(len(streams)))
    while waiting or heads:
        if not waiting:
            _, number, row, places[number] = heapq.heappop(heads)
            rows.append(row)
            positions.append(list(places))
            waiting.append(number)
        number = waiting[-1]
        head = next(streams[number], None)
        key, row, place = (b"", None, END) if head is None else head
        if head is None or key is None:
            places[number] = place
        else:
            heapq.heappush(heads, (key, number, row, place))
        if key is not None:
            waiting.pop()
        if key is None or len(rows) == FIRST_ROWS:
            yield Batch(rows, positions, list(places))
            rows, positions = [], []
    yield Batch(rows, positions, END)


def _sorted_rows(
    branch: Branch, order: Key, scope: Scope, position: Position
) -> Iterator[tuple[bytes | None, Any, Position]]:
    """The rows of a branch with the bytes that they are sorted by; None for a batch without any."""
    sort_key = compile_key(order, 0)
    for batch in _fresh(branch, scope, position):
        if batch.rows:
            yield from zip(map(sort_key, batch.rows), batch.rows, batch.positions, strict=True)
        elif batch.end is not END:
            yield None, None, batch.end


def _sort(plan: Sort, scope: Scope, position: Position) -> Iterator[Batch]:
    """All rows, sorted; a position is how many were given."""
    found: list[tuple[bytes, Any]] = []
    for branch, order in zip(plan.branches, plan.orders, strict=True):
        sort_key = sort_key_of(order)
        for batch in _fresh(branch, scope, None):
            found += zip(map(sort_key, batch.rows), batch.rows, strict=True)
            if plan.first is not None and len(found) > min(plan.first + MOST_ROWS, plan.at_most):
                found.sort(key=_sorted_by)
                del found[plan.first :]
            if len(found) > plan.at_most:
                raise QueryError(
                    f"more than {plan.at_most} rows would have to be sorted in memory; add an "
                    "index for this order, narrow the query, or allow more"
                )
    found.sort(key=_sorted_by)
    rows = [row for _, row in found]
    start = position or 0
    while True:
        chunk = rows[start : start + MOST_ROWS]
        behind = start + len(chunk)
        end = END if behind >= len(rows) else behind
        yield Batch(chunk, range(start + 1, behind + 1), end)
        if end is END:
            return
        start = behind


def _sorted_by(found: tuple[bytes, Any]) -> bytes:
    return found[0]
