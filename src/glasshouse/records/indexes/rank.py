"""The rank index: what is the k-th record, and what rank has a score, in logarithmic time.

Under the index's space, level 0 of the ranked set holds (group, score, record id) rows laid out as
those of a value index on (group_by, score), behind one byte of zero; queries read them as one.

Source:
    1901.04452, section 6.1, "RANK indexes"; `RankIndexMaintainer` of the Record Layer.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar

from glasshouse.errors import QueryError, RecordError
from glasshouse.records.engines.engine import Row
from glasshouse.records.indexes import ranked_set
from glasshouse.records.indexes.asking import ask, load_each
from glasshouse.records.indexes.grouping import compile_group, compile_groups
from glasshouse.records.indexes.index import Index, Maintainer
from glasshouse.records.schema.keys import Key
from glasshouse.records.schema.packing import compile_keys, compile_values
from glasshouse.records.store.context import Context
from glasshouse.records.store.store import RecordStore
from glasshouse.records.tuples import read_columns

LOWEST = bytes([0])
"""What stands before the rows of level 0, after the index's space."""


@dataclass(frozen=True)
class RankIndex(Index):
    """Records ranked by a score, each group by itself; ties rank by primary key.

    RankIndex("by_loss", Run, Run.loss)
    RankIndex("best_first", Run, desc(Run.score), group_by=Run.study)
    """

    score: Any
    """A key expression; the smallest has rank 0."""
    _: KW_ONLY
    group_by: Any = ()
    """A key expression; without, there is one group."""

    kind: ClassVar[str] = "rank"

    def columns(self) -> Mapping[str, Key]:
        """The groups and the score."""
        first = self.record_types[0]
        return {
            "group_by": self.key_for(self.group_by, first),
            "score": self.key_for(self.score, first),
        }

    def maintainer(self, record_type: type, type_number: int) -> Maintainer:
        """What keeps it true of one record type."""
        return RankMaintainer(
            self.key_for(self.group_by, record_type),
            self.key_for(self.score, record_type),
            type_number,
        )

    def pack_score(self, score: Sequence[Any]) -> bytes:
        """The bytes of a score, or of its first columns.

        Raises:
            QueryError: If it does not fit.
        """
        try:
            return compile_values(self.columns()["score"], f"a score of {self.name!r}")(score)
        except RecordError as error:
            raise QueryError(str(error)) from None


class RankMaintainer:
    """Adds and removes members of the ranked sets of a record's groups."""

    def __init__(self, group_by: Key, score: Key, type_number: int) -> None:
        self._groups = compile_groups(group_by, type_number)
        self._scores = compile_keys(score, type_number)

    def members(self, record: Any, record_id: bytes) -> dict[tuple[bytes, bytes], None]:
        """Groups with the member of each, once though an element may come twice."""
        return dict.fromkeys(
            (group, score + record_id)
            for group in self._groups(record)
            for score in self._scores(record)
        )

    def update(
        self, context: Context, space: bytes, record_id: bytes, old: Any | None, new: Any | None
    ) -> None:
        """Remove what only the old record gives, add what only the new one gives."""
        before = {} if old is None else self.members(old, record_id)
        after = {} if new is None else self.members(new, record_id)
        for group, member in before.keys() - after.keys():
            ranked_set.remove(context.transaction, space, group, member)
        for group, member in after.keys() - before.keys():
            ranked_set.add(context.transaction, space, group, member)

    def entries(self, record: Any, record_id: bytes) -> list[Row]:
        """The rows of level 0."""
        return [(LOWEST + group + member, b"") for group, member in self.members(record, record_id)]


def rank_of_score(store: RecordStore, name: str, *score: Any, group: Sequence[Any] = ()) -> int:
    """How many records of a group have a smaller score: the rank of the first that has this one.

    Raises:
        SchemaError: If there is no such index or it is not built.
        QueryError: If it is of another kind, or score or group do not fit.
    """
    index, space, packed = _asked(store, name, group)
    return ranked_set.rank(store.transaction, space, packed, index.pack_score(score))


def rank_of(store: RecordStore, name: str, record: Any, *, group: Sequence[Any] = ()) -> int | None:
    """The rank of a record in a group, by its smallest score there; None if it has none.

    Raises:
        SchemaError, QueryError: As for `rank_of_score`.
    """
    _, space, packed = _asked(store, name, group)
    plan = store.extent(type(record)).plan
    here = next((one for one in plan.indexes if one.index.name == name), None)
    if here is None:
        raise QueryError(f"index {name!r} does not cover {type(record).__name__}")
    record_id = plan.packed_number + plan.primary_key(record)
    rows = [row for row, _ in here.maintainer.entries(record, record_id)]
    mine = sorted(row[len(LOWEST) + len(packed) :] for row in rows if row[1:].startswith(packed))
    if not mine or store.transaction.get(space + LOWEST + packed + mine[0]) is None:
        return None
    return ranked_set.rank(store.transaction, space, packed, mine[0])


def by_rank(
    store: RecordStore, name: str, first: int, last: int, *, group: Sequence[Any] = ()
) -> Iterator[Any]:
    """The records of ranks first <= rank < last, in order.

    Raises:
        SchemaError, QueryError: As for `rank_of_score`.
    """
    index, space, packed = _asked(store, name, group)
    member = ranked_set.member_at(store.transaction, space, packed, max(0, first))
    if member is None or last <= first:
        return
    yield from load_each(
        store, _ids_from(store, index, space + LOWEST + packed, member, last - first)
    )


def kth(store: RecordStore, name: str, rank: int, *, group: Sequence[Any] = ()) -> Any | None:
    """The record of a rank; None if there are not as many. Negative ranks count from the end.

    Raises:
        SchemaError, QueryError: As for `rank_of_score`.
    """
    if rank < 0:
        rank += num_ranked(store, name, group=group)
        if rank < 0:
            return None
    return next(by_rank(store, name, rank, rank + 1, group=group), None)


def num_ranked(store: RecordStore, name: str, *, group: Sequence[Any] = ()) -> int:
    """How many records a group has.

    Raises:
        SchemaError, QueryError: As for `rank_of_score`.
    """
    _, space, packed = _asked(store, name, group)
    return ranked_set.size(store.transaction, space, packed)


def _asked(store: RecordStore, name: str, group: Sequence[Any]) -> tuple[RankIndex, bytes, bytes]:
    index, space = ask(store, name, RankIndex)
    return index, space, compile_group(index, index.group_by)(group)


def _ids_from(
    store: RecordStore, index: RankIndex, prefix: bytes, member: bytes, most: int
) -> Iterator[bytes]:
    """The record ids of so many rows of level 0 from a member on."""
    directions = [column.descending for column in index.columns()["score"]]
    first = prefix + member
    while most > 0:
        limit = min(most, 256)
        rows = store.transaction.get_range(first, prefix + b"\xff", limit=limit)
        for key, _ in rows:
            yield key[read_columns(key, directions, len(prefix))[1] :]
        if len(rows) < limit:
            return
        first, most = rows[-1][0] + b"\x00", most - limit
