"""The ways to read the records of a type: by primary key, or by an index that may be trusted."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from glasshouse.records.expressions.conditions import And, Condition
from glasshouse.records.indexes.index import Index
from glasshouse.records.indexes.rank import LOWEST, RankIndex
from glasshouse.records.indexes.text import TextIndex
from glasshouse.records.indexes.text_conditions import TextCondition
from glasshouse.records.indexes.value import ValueIndex
from glasshouse.records.schema.keys import Key
from glasshouse.records.store.header import IndexState
from glasshouse.records.store.store import RecordStore


@dataclass(frozen=True, slots=True)
class Way:
    """A key in whose order records can be read."""

    index: str | None
    """None for the primary key."""
    key: Key
    is_unique: bool
    """Whether all columns bound leave one record at most."""
    num_columns: int
    covered: Key = ()
    space: bytes = b""
    """What stands before the key, after the index's own space."""
    fanned_columns: tuple[int, ...] = field(default=())
    """Places of the columns that fan out."""

    @property
    def fans_out(self) -> bool:
        """Whether a record may have several keys."""
        return bool(self.fanned_columns)

    def fans_out_at(self, place: int) -> bool:
        """Whether a column fans out."""
        return place in self.fanned_columns

    def repeats_within(self, num_equal: int) -> bool:
        """Whether a record may have several keys that begin with so many equal columns."""
        return any(place >= num_equal for place in self.fanned_columns)


def ways_to_read(
    store: RecordStore, record_type: type, conjuncts: Sequence[Condition]
) -> Iterator[Way]:
    """The ways that find every record that meets all of the conditions."""
    key = store.schema.keys[record_type]
    yield Way(None, key, True, len(key))
    for index in store.schema.indexes:
        if record_type not in index.record_types or not is_usable(store, index, conjuncts):
            continue
        if isinstance(index, ValueIndex):
            columns = index.key_for(index.key, record_type)
            covered = index.key_for(index.covering, record_type)
            yield Way(
                index.name, columns, index.unique, len(columns), covered, b"", _fanned(columns)
            )
        elif isinstance(index, RankIndex):
            columns = index.key_for((index.group_by, index.score), record_type)
            yield Way(index.name, columns, False, len(columns), (), LOWEST, _fanned(columns))


def _fanned(columns: Key) -> tuple[int, ...]:
    """Places of the columns that fan out."""
    return tuple(
        place
        for place, column in enumerate(columns)
        if any(step.endswith("[]") for step in column.path)
    )


def is_usable(store: RecordStore, index: Index, conjuncts: Sequence[Condition]) -> bool:
    """Whether an index is built and holds every record that meets the conditions."""
    if store.header.state(index.name) is not IndexState.READABLE:
        return False
    needed = index.where.parts if isinstance(index.where, And) else (index.where,)
    return all(one is None or one in conjuncts for one in needed)


def text_sources(
    store: RecordStore, record_type: type, conjuncts: Sequence[Condition]
) -> Iterator[tuple[str, Condition]]:
    """Text indexes that answer a condition, each condition once."""
    for condition in conjuncts:
        if not isinstance(condition, TextCondition):
            continue
        for index in store.schema.indexes:
            if (
                isinstance(index, TextIndex)
                and record_type in index.record_types
                and is_usable(store, index, conjuncts)
                and not index.columns()["group_by"]
                and index.answers(condition)
            ):
                yield index.name, condition
                break
