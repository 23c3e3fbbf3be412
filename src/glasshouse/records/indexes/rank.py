"""The rank index: what is the k-th record, and what rank has a score, in logarithmic time.

    space + 0, group, score, record id    -> nothing
    space + 1, …                          -> counts; see `ranked_set`

Behind its one byte, the first part is laid out as a value index on (group_by, score) would be, and
queries read it as one. It is written at once; the counts are brought in line once for all that the
transaction did, before it commits or asks for a rank itself.

Source:
    1901.04452, section 6.1, "RANK indexes"; `RankIndexMaintainer` of the Record Layer.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from typing import Any, ClassVar

from glasshouse.errors import CorruptionError, QueryError, RecordError, SchemaError
from glasshouse.records.engines.engine import Row, Transaction
from glasshouse.records.indexes.asking import ask, load_each
from glasshouse.records.indexes.grouping import compile_group, compile_grouped_keys, end_of_group
from glasshouse.records.indexes.index import Index, Maintainer
from glasshouse.records.indexes.pending import pending, settle
from glasshouse.records.indexes.ranked_set import RankedSet, check
from glasshouse.records.schema.keys import Key
from glasshouse.records.schema.packing import compile_values
from glasshouse.records.store.context import Context
from glasshouse.records.store.store import RecordStore
from glasshouse.records.tuples import end_of, read_columns

LOWEST = bytes([0])
"""What stands before the rows of level 0, after the index's space."""

_PAGE = 256

Member = tuple[bytes, bytes]
"""A packed group; a packed score and a record id."""


@dataclass(frozen=True)
class RankIndex(Index):
    """Records ranked by a score, each group by itself; ties rank by primary key.

        RankIndex("by_loss", Run, Run.loss)
        RankIndex("best_first", Run, desc(Run.score), group_by=Run.study)
        RankIndex("tries", Run, nest(fan_out(Run.tries), "time"),
                  group_by=nest(fan_out(Run.tries), "task"))

    A score that fans out ranks each element. Where group and score are fields of the same element,
    say `nest` for both.
    """

    score: Any
    """A key expression; the smallest has rank 0."""
    _: KW_ONLY
    group_by: Any = ()
    """A key expression; without, there is one group."""

    kind: ClassVar[str] = "rank"

    def __post_init__(self) -> None:
        if not self.columns()["score"]:
            raise SchemaError(f"index {self.name!r} ranks by no columns; give it a score")

    def columns(self) -> Mapping[str, Key]:
        """The groups and the score."""
        first = self.record_types[0]
        return {
            "group_by": self.key_for(self.group_by, first),
            "score": self.key_for(self.score, first),
        }

    def maintainer(self, record_type: type, type_number: int) -> Maintainer:
        """What keeps it true of one record type."""
        group_by = self.key_for(self.group_by, record_type)
        score = self.key_for(self.score, record_type)
        return RankMaintainer(compile_grouped_keys(group_by, score, type_number))

    def check(self, transaction: Transaction, space: bytes) -> Iterator[str]:
        """What is wrong with the counts, in words: each must be that of the rows it stands for."""
        yield from check(transaction, space, end_of_group(self.columns()["group_by"]))

    def record_id_of(self, key: bytes, value: bytes) -> bytes | None:
        """The record that a row stands there for; None for a count."""
        if not key.startswith(LOWEST):
            return None
        return key[self._end_of_score(key, len(LOWEST)) :]

    @cached_property
    def _end_of_score(self) -> Callable[[bytes, int], int]:
        columns = self.columns()
        return end_of_group((*columns["group_by"], *columns["score"]))

    @cached_property
    def pack_group(self) -> Callable[[Sequence[Any]], bytes]:
        """From a group's values to their bytes."""
        return compile_group(self, self.group_by)

    def pack_score(self, score: Sequence[Any]) -> bytes:
        """The bytes of a score, or of its first columns.

        Raises:
            QueryError: If it does not fit.
        """
        try:
            return self._pack_score(score)
        except RecordError as error:
            raise QueryError(str(error)) from None

    @cached_property
    def _pack_score(self) -> Callable[[Sequence[Any]], bytes]:
        return compile_values(self.columns()["score"], f"a score of index {self.name!r}")


class RankMaintainer:
    """Adds and removes members of the ranked sets of a record's groups."""

    def __init__(self, scores: Callable[[Any], list[Member]]) -> None:
        self._scores = scores

    def members(self, record: Any, record_id: bytes) -> set[Member]:
        """Each member that the record gives, once though an element may come twice."""
        return {(group, score + record_id) for group, score in self._scores(record)}

    def update(
        self, context: Context, space: bytes, record_id: bytes, old: Any | None, new: Any | None
    ) -> None:
        """Remove what only the old record gives, add what only the new one gives."""
        before = set() if old is None else self.members(old, record_id)
        after = set() if new is None else self.members(new, record_id)
        if before == after:
            return
        kept, transaction = pending(context, space, _count), context.transaction
        for member in before - after:
            transaction.clear(space + LOWEST + b"".join(member))
            _keep(kept, member, is_added=False)
        for member in after - before:
            transaction.set(space + LOWEST + b"".join(member), b"")
            _keep(kept, member, is_added=True)

    def insert_all(
        self, context: Context, space: bytes, record_ids: list[bytes], records: list[Any]
    ) -> None:
        """Add the members of many new records."""
        kept, begin, rows = pending(context, space, _count), space + LOWEST, []
        for record_id, record in zip(record_ids, records, strict=True):
            for member in self.members(record, record_id):
                rows.append(begin + b"".join(member))
                _keep(kept, member, is_added=True)
        context.transaction.set_all(dict.fromkeys(rows, b""))

    def entries(self, record: Any, record_id: bytes) -> list[Row]:
        """The rows of level 0."""
        return [(LOWEST + b"".join(member), b"") for member in self.members(record, record_id)]


def _keep(kept: dict[bytes, dict[bytes, bool]], member: Member, *, is_added: bool) -> None:
    """Note that a member came or went; what came and went changed nothing."""
    group, entry = member
    changes = kept.setdefault(group, {})
    if changes.setdefault(entry, is_added) is not is_added:
        del changes[entry]


def _count(transaction: Transaction, space: bytes, kept: dict[bytes, dict[bytes, bool]]) -> None:
    for group, changes in kept.items():
        RankedSet(transaction, space, group).count(changes)


def rank_of_score(
    store: RecordStore,
    name: str,
    *score: Any,
    group: Sequence[Any] = (),
    snapshot: bool = False,
) -> int:
    """How many records of a group stand before a score: the rank of the first that has it.

    Args:
        store: The store.
        name: Of a rank index.
        score: A score, which need not be there, or its first columns.
        group: The values of one group, if the index has groups.
        snapshot: Whether asking may go without conflicts; else whoever adds a record to the group
            conflicts with a transaction that asks and writes.

    Raises:
        SchemaError: If there is no such index or it is not built.
        QueryError: If it is of another kind, or score or group do not fit.
    """
    index, members, _ = _asked(store, name, group, snapshot=snapshot)
    return members.rank(index.pack_score(score))


def rank_of(
    store: RecordStore,
    name: str,
    record: Any,
    *,
    group: Sequence[Any] | None = None,
    snapshot: bool = False,
) -> int | None:
    """The rank of a record in its group, by its first score there; None if it is not ranked.

    Args:
        store: The store.
        name: Of a rank index.
        record: As it is stored.
        group: The values of the group, for a record that is in several.
        snapshot: Whether asking may go without conflicts.

    Raises:
        SchemaError, QueryError: As for `rank_of_score`; or if the record is in several groups.
    """
    index, space = ask(store, name, RankIndex)
    plan = store.extent(type(record)).plan
    here = next((one for one in plan.indexes if one.index.name == name), None)
    if here is None:
        raise QueryError(f"index {name!r} does not cover {type(record).__name__}")
    assert isinstance(here.maintainer, RankMaintainer)
    found = here.maintainer.members(record, plan.packed_number + plan.primary_key(record))
    if group is not None:
        packed = index.pack_group(group)
        found = {one for one in found if one[0] == packed}
    if len({of for of, _ in found}) > 1:
        raise QueryError(f"the record is in several groups of index {name!r}; name one by group=…")
    if not found:
        return None
    of, member = min(found)
    if store.transaction.get(space + LOWEST + of + member, snapshot=snapshot) is None:
        return None
    return _members(store, space, of, snapshot=snapshot).rank(member)


def kth(
    store: RecordStore, name: str, rank: int, *, group: Sequence[Any] = (), snapshot: bool = False
) -> Any | None:
    """The record of a rank; None if there are not as many. Negative ranks count from the end.

    Raises:
        SchemaError, QueryError: As for `rank_of_score`.
        CorruptionError: As for `by_rank`.
    """
    if rank < 0:
        rank += num_ranked(store, name, group=group, snapshot=snapshot)
    if rank < 0:
        return None
    return next(by_rank(store, name, rank, rank + 1, group=group, snapshot=snapshot), None)


def by_rank(
    store: RecordStore,
    name: str,
    first: int,
    last: int,
    *,
    group: Sequence[Any] = (),
    snapshot: bool = False,
) -> Iterator[Any]:
    """The records of ranks first <= rank < last, in order.

    Raises:
        SchemaError, QueryError: As for `rank_of_score`.
        CorruptionError: If a record is not there or the counts are wrong.
    """
    index, members, begin = _asked(store, name, group, snapshot=snapshot)
    first = max(first, 0)
    member = members.member_at(first) if first < last else None
    if member is None:
        return
    end_of_score = end_of_group(index.columns()["score"])
    rows = _rows_from(store.transaction, begin, member, last - first, snapshot=snapshot)
    ids = (row[end_of_score(row, 0) :] for row in rows)
    for rank, record in enumerate(load_each(store, ids), start=first):
        if record is None:
            raise CorruptionError(
                f"index {name!r} ranks a record at {rank} that is not there; scrub the store"
            )
        yield record


def score_at(
    store: RecordStore, name: str, rank: int, *, group: Sequence[Any] = (), snapshot: bool = False
) -> Any | None:
    """The score of a rank, a tuple if it has several columns; None if there are not as many.

    Raises:
        SchemaError, QueryError: As for `rank_of_score`.
        CorruptionError: If the counts are wrong.
    """
    index, members, _ = _asked(store, name, group, snapshot=snapshot)
    rank += members.size() if rank < 0 else 0
    member = members.member_at(rank) if rank >= 0 else None
    if member is None:
        return None
    directions = [column.descending for column in index.columns()["score"]]
    values, _ = read_columns(member, directions)
    return values[0] if len(values) == 1 else values


def count_between(
    store: RecordStore,
    name: str,
    first: Any,
    last: Any,
    *,
    group: Sequence[Any] = (),
    snapshot: bool = False,
) -> int:
    """How many records of a group stand from a score to another, both included.

    Args:
        store: The store.
        name: Of a rank index.
        first: The score that comes first in the index's order; a tuple if it has several columns.
        last: The one that comes last.
        group: The values of one group, if the index has groups.
        snapshot: Whether asking may go without conflicts.

    Raises:
        SchemaError, QueryError: As for `rank_of_score`.
    """
    index, members, _ = _asked(store, name, group, snapshot=snapshot)
    begin, end = (
        index.pack_score(score if isinstance(score, tuple) else (score,)) for score in (first, last)
    )
    return max(0, members.rank(end_of(end)) - members.rank(begin))


def num_ranked(
    store: RecordStore, name: str, *, group: Sequence[Any] = (), snapshot: bool = False
) -> int:
    """How many records a group has.

    Raises:
        SchemaError, QueryError: As for `rank_of_score`.
    """
    return _asked(store, name, group, snapshot=snapshot)[1].size()


def _asked(
    store: RecordStore, name: str, group: Sequence[Any], *, snapshot: bool
) -> tuple[RankIndex, RankedSet, bytes]:
    """An index, the members of one of its groups, and what their rows begin with."""
    index, space = ask(store, name, RankIndex)
    packed = index.pack_group(group)
    return index, _members(store, space, packed, snapshot=snapshot), space + LOWEST + packed


def _members(store: RecordStore, space: bytes, group: bytes, *, snapshot: bool) -> RankedSet:
    """The members of a group, counted."""
    settle(store.context, space)
    return RankedSet(store.transaction, space, group, snapshot=snapshot)


def _rows_from(
    transaction: Transaction, prefix: bytes, member: bytes, most: int, *, snapshot: bool
) -> Iterator[bytes]:
    """So many members from one on."""
    begin, end = prefix + member, end_of(prefix)
    while most > 0:
        limit = min(most, _PAGE)
        rows = transaction.get_range(begin, end, limit=limit, snapshot=snapshot)
        yield from [key[len(prefix) :] for key, _ in rows]
        if len(rows) < limit:
            return
        begin, most = rows[-1][0] + b"\x00", most - limit
