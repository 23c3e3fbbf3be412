"""Cursors: the rows of a query, as many as limits allow, and a continuation for the rest.

    cursor = execute(store, Query(Run).where(Run.loss < 2), limits=Limits(rows=100))
    for run in cursor: ...
    cursor.continuation      # bytes, or None when there is nothing more

Source:
    1901.04452, section 8.1, "continuations"; `ExecuteProperties` of the Record Layer.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from itertools import chain
from operator import attrgetter, length_hint
from typing import Any

from glasshouse.errors import QueryError
from glasshouse.records.expressions.conditions import values_at
from glasshouse.records.query.batches import END, Batch, Position, Scope
from glasshouse.records.query.continuation import (
    fingerprint_of,
    read_continuation,
    write_continuation,
)
from glasshouse.records.query.explaining import explain_plan
from glasshouse.records.query.planner import plan_query
from glasshouse.records.query.plans import (
    Concatenation,
    IndexScan,
    Merge,
    Plan,
    RecordScan,
    TextScan,
)
from glasshouse.records.query.query import Query
from glasshouse.records.query.running import run_plan
from glasshouse.records.store.store import RecordStore

_MOST_ROWS_LIMITED = 128
"""Rows that are read at once at most where bytes or time are limited."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """Where a cursor ends early; it then has a continuation. One step is always made."""

    rows: int | None = None
    """Rows handed out."""
    read: int | None = None
    """Rows of the engine read: of records, and of indexes."""
    bytes: int | None = None
    """Bytes of keys and values read."""
    seconds: float | None = None
    """Time since the first row was asked for."""

    def __post_init__(self) -> None:
        for name in ("rows", "read", "bytes", "seconds"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise QueryError(f"Limits({name}={value}) must be positive")


class StopReason(Enum):
    """Why a cursor ended."""

    EXHAUSTED = "exhausted"
    """There is nothing more, or as many rows as the query asks for were given."""
    ROW_LIMIT = "row limit"
    READ_LIMIT = "read limit"
    BYTE_LIMIT = "byte limit"
    TIME_LIMIT = "time limit"


@dataclass(frozen=True, slots=True)
class Bill:
    """What a cursor has cost."""

    rows: int
    """Rows handed out."""
    read: int
    """Rows of the engine read for them."""
    bytes: int
    """Their keys and values, nearly."""
    seconds: float
    """Since the first row was asked for."""


class Cursor:
    """The rows of one query on one store, once through."""

    def __init__(
        self,
        store: RecordStore,
        query: Query,
        plan: Plan,
        *,
        continuation: bytes | None,
        limits: Limits,
        snapshot: bool,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Use `execute`."""
        self.plan = plan
        """How the query is answered."""
        self.stopped: StopReason | None = None
        """Why it ended; None while it goes on."""
        self._store = store
        self._query = query
        self._limits = limits
        self._clock = clock
        self._given, position = 0, None
        if continuation is not None:
            self._given, position = read_continuation(
                continuation, fingerprint_of(store, query, plan), store.prefix
            )
        self._given_before = self._given
        self._scope = Scope(store, snapshot)
        self._batch = Batch([], (), position)
        self._batch_rows = iter(())
        self._began: float | None = None
        # One chain hands out the rows of all batches, so that no Python runs between two rows.
        self._rows = chain.from_iterable(self._run(position))

    def __iter__(self) -> Iterator[Any]:
        return self._rows

    def __next__(self) -> Any:
        return next(self._rows)

    @property
    def continuation(self) -> bytes | None:
        """Where to go on behind the last row handed out; None if nothing is left."""
        if self.stopped is StopReason.EXHAUSTED:
            return None
        batch, place = self._batch, self._place
        position = batch.end if place == len(batch.rows) else batch.positions[place - 1]
        fingerprint = fingerprint_of(self._store, self._query, self.plan)
        return write_continuation(fingerprint, self._store.prefix, self._given + place, position)

    @property
    def bill(self) -> Bill:
        """What it has cost so far."""
        seconds = 0.0 if self._began is None else self._clock() - self._began
        num_rows = self._given + self._place - self._given_before
        return Bill(num_rows, self._scope.num_rows, self._scope.num_bytes, seconds)

    @property
    def _place(self) -> int:
        """How many rows of the batch were handed out: one at least, if it has any."""
        return len(self._batch.rows) - length_hint(self._batch_rows)

    def _run(self, position: Position) -> Iterator[Iterator[Any]]:
        """The rows of one batch after another; each is asked for when the last one is used up."""
        self._began = self._clock()
        left = self._rows_left()
        if left == 0:
            self.stopped = StopReason.EXHAUSTED
            return
        self._bound_reads(left)
        row_of = _row_of(self._query)
        for batch in run_plan(self.plan, self._scope, position):
            if left is not None and len(batch.rows) > left:
                batch = Batch(batch.rows[:left], batch.positions, batch.positions[left - 1])
            rows = batch.rows if row_of is None else list(map(row_of, batch.rows))
            self._batch, self._batch_rows = batch, iter(rows)
            yield self._batch_rows
            self._given += len(rows)
            self._batch = Batch([], (), batch.end)
            if left is not None:
                left -= len(rows)
            if batch.end is END:
                break
            self.stopped = self._reason_to_stop(left)
            if self.stopped is not None:
                return
        self.stopped = StopReason.EXHAUSTED

    def _rows_left(self) -> int | None:
        """Rows that may still be handed out, by the limits and by the query."""
        bounds = [self._limits.rows]
        if self._query.most is not None:
            bounds.append(max(0, self._query.most - self._given))
        return min((bound for bound in bounds if bound is not None), default=None)

    def _bound_reads(self, left: int | None) -> None:
        """Read no more at once than can be used, or than lets limits be looked at in time."""
        scope = self._scope
        if left is not None and _gives_each(self.plan):
            scope.most_rows = min(scope.most_rows, left)
        limits = self._limits
        if limits.read is not None:
            scope.most_rows = min(scope.most_rows, limits.read)
        if limits.read is not None or limits.bytes is not None or limits.seconds is not None:
            scope.most_rows = min(scope.most_rows, _MOST_ROWS_LIMITED)

    def _reason_to_stop(self, left: int | None) -> StopReason | None:
        limits = self._limits
        if left == 0:
            is_all = self._query.most is not None and self._given >= self._query.most
            return StopReason.EXHAUSTED if is_all else StopReason.ROW_LIMIT
        if limits.read is not None and self._scope.num_rows >= limits.read:
            return StopReason.READ_LIMIT
        if limits.bytes is not None and self._scope.num_bytes >= limits.bytes:
            return StopReason.BYTE_LIMIT
        if limits.seconds is not None and self.bill.seconds >= limits.seconds:
            return StopReason.TIME_LIMIT
        return None


def _gives_each(plan: Plan) -> bool:
    """Whether a plan gives every row that it reads."""
    match plan:
        case RecordScan() | TextScan():
            return True
        case IndexScan():
            return not (plan.meets_twice or plan.is_shared)
        case Concatenation(branches) | Merge(branches):
            return all(one.given_before is None and _gives_each(one.child) for one in branches)
    return False


def execute(
    store: RecordStore,
    query: Query,
    *,
    continuation: bytes | None = None,
    limits: Limits | None = None,
    snapshot: bool = False,
) -> Cursor:
    """The rows of a query.

    Args:
        store: Where.
        query: What is asked.
        continuation: Where an earlier cursor of the same query stopped.
        limits: Where this one is to stop.
        snapshot: Whether reading may go without conflicts with who writes meanwhile.

    Raises:
        QueryError: If the query cannot be answered as asked.
        ContinuationError: If the continuation is damaged or of another query.
    """
    plan = plan_query(store, query)
    return Cursor(
        store,
        query,
        plan,
        continuation=continuation,
        limits=limits or Limits(),
        snapshot=snapshot,
    )


def explain(store: RecordStore, query: Query) -> str:
    """How a query would be answered, a line a step, the last step first.

    Raises:
        QueryError: If it cannot be answered as asked.
    """
    return explain_plan(plan_query(store, query))


def first(store: RecordStore, query: Query) -> Any | None:
    """The first row, or None."""
    return next(iter(execute(store, query.limit(1))), None)


def count(store: RecordStore, query: Query) -> int:
    """How many rows there are, by going through them; an aggregate index answers at once.

    Where an index has all that the conditions ask for, records are not read.
    """
    unordered = query.order_by()
    if len(query.record_types) == 1:
        key = store.schema.keys.get(query.record_types[0], ())
        unordered = unordered.rows_of(tuple(column for column in key if column.path))
    return sum(1 for _ in execute(store, unordered))


def _row_of(query: Query) -> Callable[[Any], Any] | None:
    """What is handed out for a record: itself, or the fields selected."""
    paths = [column.path for column in query.selected]
    if not paths:
        return None
    if all(len(path) == 1 and not path[0].endswith("]") for path in paths):
        get = attrgetter(*[path[0] for path in paths])
        return get if len(paths) > 1 else lambda record: (get(record),)
    getters = [(values_at(path), any(step.endswith("[]") for step in path)) for path in paths]

    def row(record: Any) -> tuple[Any, ...]:
        return tuple([get(record) if each else get(record)[0] for get, each in getters])

    return row
