"""Reading records by ids that come in ascending order, from one source or from several at once.

Source:
    1901.04452, section 8.2, "intersection"; one source leaps over what another does not have.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Protocol, runtime_checkable

from glasshouse.records.indexes.text_conditions import TextCondition
from glasshouse.records.indexes.text_search import ids_in_group
from glasshouse.records.query.batches import END, Batch, Pace, Position, Scope
from glasshouse.records.query.plans import IndexScan, Source, TextScan
from glasshouse.records.query.scans import load_ids
from glasshouse.records.store.layout import RECORDS

_PATIENCE = 1024
"""Rows read in vain after which a batch ends, so that limits are looked at."""


@runtime_checkable
class RecordIds(Protocol):
    """Record ids in ascending order; whatever gives them can join others."""

    @property
    def head(self) -> bytes | None:
        """The id that it stands at; None behind the last."""
        ...

    def advance(self) -> None:
        """Go on to the next id."""
        ...

    def seek(self, record_id: bytes) -> None:
        """Go on towards the first id that is no smaller, and never past it."""
        ...


class IndexIds:
    """The record ids in a range of an index whose columns are all bound."""

    def __init__(self, plan: IndexScan, scope: Scope, after: bytes | None) -> None:
        self._scope = scope
        space = scope.store.readable_space(plan.index) + plan.space
        self._prefix = space + plan.within.begin[: plan.within.ends[len(plan.key) - 1]]
        self._begin, self._end = space + plan.within.begin, space + plan.within.end
        self._pace = Pace(scope)
        self._ids: list[bytes] = []
        self._place = 0
        self._is_last = False
        begin = self._begin
        self._read(begin if after is None else max(begin, self._prefix + after + b"\x00"))

    @property
    def head(self) -> bytes | None:
        """The id that it stands at."""
        return self._ids[self._place] if self._place < len(self._ids) else None

    def advance(self) -> None:
        """Go on to the next id."""
        self._place += 1
        if self._place == len(self._ids) and not self._is_last:
            self._read(self._prefix + self._ids[-1] + b"\x00")

    def seek(self, record_id: bytes) -> None:
        """Go on to the first id that is no smaller; ids between are not read."""
        self._place = bisect_left(self._ids, record_id, self._place)
        if self._place == len(self._ids) and not self._is_last:
            self._pace.slow_down()
            self._read(max(self._begin, self._prefix + record_id))

    def _read(self, begin: bytes) -> None:
        size = self._pace.next()
        rows = self._scope.store.transaction.get_range(
            begin, self._end, limit=size, snapshot=self._scope.snapshot
        )
        self._scope.count(rows)
        self._ids = [key[len(self._prefix) :] for key, _ in rows]
        self._place, self._is_last = 0, len(rows) < size


class TextIds:
    """The ids of records whose text meets a condition."""

    def __init__(self, plan: TextScan, scope: Scope, after: bytes | None) -> None:
        assert isinstance(plan.condition, TextCondition)
        self._scope = scope
        self._type = scope.store.extent(plan.record_type).plan.packed_number
        self._ids = ids_in_group(
            scope.store,
            plan.index,
            plan.condition,
            plan.group,
            after=self._type if after is None else after,
            snapshot=scope.snapshot,
        )
        self.head: bytes | None = None
        self.advance()

    def advance(self) -> None:
        """Go on to the next id."""
        head = next(self._ids, None)
        self._scope.num_rows += 1
        self._scope.num_bytes += len(head or b"")
        self.head = head if head is not None and head.startswith(self._type) else None

    def seek(self, record_id: bytes) -> None:
        """Go on towards the first id that is no smaller, so far as a batch should last."""
        patience = self._scope.num_rows + _PATIENCE
        while self.head is not None and self.head < record_id:
            if self._scope.num_rows == patience:
                return
            self.advance()


def join_by_id(
    record_type: type, sources: Sequence[Source], scope: Scope, position: Position
) -> Iterator[Batch]:
    """The records whose ids all sources give; their keys are their positions."""
    prefix = scope.store.prefix + RECORDS
    after = None if position is None else position[len(prefix) :]
    several = [_open(source, scope, after) for source in sources]
    pace, is_over = Pace(scope), False
    while not is_over:
        ids, behind = _common(several, scope, pace.next())
        is_over = behind is None
        keys = [prefix + one for one in ids]
        records = load_ids(scope, record_type, ids, sources[0].index)
        yield Batch(records, keys, END if behind is None else prefix + behind)


def _open(source: Source, scope: Scope, after: bytes | None) -> RecordIds:
    if isinstance(source, IndexScan):
        return IndexIds(source, scope, after)
    return TextIds(source, scope, after)


def _common(
    several: Sequence[RecordIds], scope: Scope, most: int
) -> tuple[list[bytes], bytes | None]:
    """Ids that all have, as many as wanted or as are soon found, and up to where it was looked.

    The latter is None behind the last.
    """
    found: list[bytes] = []
    behind = b""
    patience = scope.num_rows + _PATIENCE
    while len(found) < most and scope.num_rows < patience:
        heads = [one.head for one in several]
        if None in heads:
            return found, None
        furthest = max(head for head in heads if head is not None)
        if heads.count(furthest) == len(heads):
            found.append(furthest)
            behind = furthest
            for one in several:
                one.advance()
        else:
            behind = min(head for head in heads if head is not None)
            for one, head in zip(several, heads, strict=True):
                if head != furthest:
                    one.seek(furthest)
    return found, behind
