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
from typing import Any

from glasshouse.errors import QueryError
from glasshouse.records.expressions.conditions import values_at
from glasshouse.records.expressions.reference import path_of
from glasshouse.records.query.continuation import (
    fingerprint_of,
    read_continuation,
    write_continuation,
)
from glasshouse.records.query.planner import plan_query
from glasshouse.records.query.plans import Plan, explain_plan
from glasshouse.records.query.query import Query
from glasshouse.records.query.running import END, Batch, Position, Scope, run_plan
from glasshouse.records.store.store import RecordStore


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """Where a cursor ends early; it then has a continuation. One step is always made."""

    rows: int | None = None
    """Rows handed out."""
    bytes: int | None = None
    """Bytes of keys and values read."""
    seconds: float | None = None
    """Time since the first row was asked for."""

    def __post_init__(self) -> None:
        for name in ("rows", "bytes", "seconds"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise QueryError(f"Limits({name}={value}) must be positive")


class StopReason(Enum):
    """Why a cursor ended."""

    EXHAUSTED = "exhausted"
    """There is nothing more, or as many rows as the query asks for were given."""
    ROW_LIMIT = "row limit"
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
    """Their keys and values."""
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
        self._query = query
        self._limits = limits
        self._clock = clock
        self._prefix = store.prefix
        self._fingerprint = fingerprint_of(store, query, plan)
        given, position = 0, None
        if continuation is not None:
            given, position = read_continuation(continuation, self._fingerprint, store.prefix)
        self._given_before = given
        self._num_rows = 0
        self._scope = Scope(store, snapshot)
        self._batch = Batch([], [], position)
        self._place = 0
        self._began: float | None = None
        self._row = _row_of(query)
        self._rows = self._run(position)

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
        position = batch.end if place == len(batch.rows) else self._position_before(place)
        given = self._given_before + self._num_rows
        return write_continuation(self._fingerprint, self._prefix, given, position)

    @property
    def bill(self) -> Bill:
        """What it has cost so far."""
        seconds = 0.0 if self._began is None else self._clock() - self._began
        return Bill(self._num_rows, self._scope.num_rows, self._scope.num_bytes, seconds)

    def _position_before(self, place: int) -> Position:
        """Where to go on before the row at a place of the batch."""
        return self._batch.positions[place - 1] if place else self._start

    def _run(self, position: Position) -> Iterator[Any]:
        self._began = self._clock()
        self._start: Position = position
        left = self._rows_left()
        if left == 0:
            self._stop_at_rows()
            return
        self._bound_reads(left)
        row_of = self._row
        for batch in run_plan(self.plan, self._scope, position):
            self._batch, self._place = batch, 0
            for row in batch.rows:
                self._place += 1
                self._num_rows += 1
                yield row if row_of is None else row_of(row)
                if left is not None and self._num_rows == left:
                    self._stop_at_rows()
                    return
            self._start = batch.end
            if batch.end is END:
                break
            reason = self._spent()
            if reason is not None:
                self.stopped = reason
                return
        self.stopped = StopReason.EXHAUSTED

    def _rows_left(self) -> int | None:
        """Rows that may still be handed out, by the limits and by the query."""
        bounds = [self._limits.rows]
        if self._query.most is not None:
            bounds.append(max(0, self._query.most - self._given_before))
        return min((bound for bound in bounds if bound is not None), default=None)

    def _stop_at_rows(self) -> None:
        given = self._given_before + self._num_rows
        is_all = self._query.most is not None and given >= self._query.most
        is_all = is_all or (self._place == len(self._batch.rows) and self._batch.end is END)
        self.stopped = StopReason.EXHAUSTED if is_all else StopReason.ROW_LIMIT

    def _bound_reads(self, rows: int | None) -> None:
        """Read no more at once than can be used, or than the byte limit makes likely."""
        if rows is not None and self._query.condition is None:
            self._scope.most_rows = max(1, min(self._scope.most_rows, rows))
        if self._limits.bytes is not None or self._limits.seconds is not None:
            self._scope.most_rows = min(self._scope.most_rows, 128)

    def _spent(self) -> StopReason | None:
        limits = self._limits
        if limits.bytes is not None and self._scope.num_bytes >= limits.bytes:
            return StopReason.BYTE_LIMIT
        if limits.seconds is not None and self.bill.seconds >= limits.seconds:
            return StopReason.TIME_LIMIT
        return None


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
    """How many rows there are, by going through them; an aggregate index answers at once."""
    return sum(1 for _ in execute(store, query))


def _row_of(query: Query) -> Callable[[Any], Any] | None:
    """What is handed out for a record: itself, or the fields selected."""
    if not query.selected:
        return None
    getters = [(values_at(path_of(field)), _is_single(field)) for field in query.selected]

    def row(record: Any) -> tuple[Any, ...]:
        return tuple(get(record)[0] if single else get(record) for get, single in getters)

    return row


def _is_single(field: Any) -> bool:
    return not any(step.endswith("[]") for step in path_of(field))
