"""The ways to read the records of a type: by primary key, or by an index that may be trusted."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from glasshouse.records.expressions.conditions import Condition
from glasshouse.records.indexes.rank import LOWEST, RankIndex
from glasshouse.records.indexes.text import TextIndex
from glasshouse.records.indexes.text_conditions import TextCondition
from glasshouse.records.indexes.value import ValueIndex
from glasshouse.records.query.bounds import Lane, lane_of
from glasshouse.records.query.plans import TextScan
from glasshouse.records.query.ranges import Conjuncts, conjuncts_of, narrow
from glasshouse.records.schema.keys import Column, Key, element_of
from glasshouse.records.store.header import IndexState
from glasshouse.records.store.layout import Layout
from glasshouse.records.store.store import RecordStore
from glasshouse.records.tuples import pack_int


@dataclass(frozen=True, slots=True, eq=False)
class Way:
    """A key in whose order records can be read."""

    index: str | None
    """None for the primary key."""
    key: Key
    lanes: tuple[Lane, ...]
    """What can be narrowed: the key and, if the record id follows it in each row, that too."""
    order: tuple[Lane, ...]
    """What rows are sorted by: lanes, and the primary key where a unique key leaves ties."""
    is_unique: bool
    """Whether all columns of the key bound leave one record at most, if none is missing."""
    covered: Key = ()
    space: bytes = b""
    """What stands before the key, after the index's own space."""
    where: tuple[Condition, ...] = ()
    """True of all records that are in the index, and of no others."""
    is_shared: bool = False
    """Whether records of other types have rows there too."""
    fanned: tuple[int, ...] = field(init=False)
    """Places of the columns that fan out: a record may have several keys, or none."""
    elements: frozenset[int] = field(init=False)
    """Places of the columns that each element's columns begin with."""
    lead: Lane = field(init=False)
    """The first column that is not the same in every key."""

    def __post_init__(self) -> None:
        fanned = tuple(place for place, lane in enumerate(self.lanes) if lane.fan is not None)
        object.__setattr__(self, "fanned", fanned)
        elements = frozenset(self.lanes[place].element for place in fanned)
        object.__setattr__(self, "elements", elements)
        lead = next(lane for lane in self.order if lane.constant is None)
        object.__setattr__(self, "lead", lead)


def ways_to_read(
    store: RecordStore, record_type: type, conjuncts: Conjuncts, order: Key
) -> list[Way]:
    """The ways that may be worth taking, the primary key first.

    Each finds every record that meets all of the conditions. An index that neither narrows nor
    sorts by its first column is never better than the primary key.
    """
    sorted_by = {column.path for column in order}
    header = store.header
    return [
        way
        for way in _ways(store.layout, record_type)
        if way.index is None
        or (
            _may_help(way.lead, conjuncts, sorted_by)
            and header.state(way.index) is IndexState.READABLE
            and all(one in conjuncts.all for one in way.where)
        )
    ]


def _may_help(lead: Lane, conjuncts: Conjuncts, sorted_by: set[tuple[str, ...]]) -> bool:
    """Whether a column is asked for at all."""
    return (
        lead.path in conjuncts.on
        or lead.path in sorted_by
        or (lead.fan is not None and lead.fan in conjuncts.matches)
    )


@lru_cache(maxsize=256)
def _ways(layout: Layout, record_type: type) -> tuple[Way, ...]:
    """All that could be read, the primary key first."""
    key, number = layout.schema.keys[record_type], layout.types[record_type].number
    by_key = tuple(_lanes(key, number))
    ways = [Way(None, key, by_key, by_key, is_unique=True)]
    of_id = (lane_of(Column(type=int), 0, pack_int(number)), *by_key)
    for index in layout.schema.indexes:
        if record_type not in index.record_types:
            continue
        covered, space, is_unique = (), b"", False
        if isinstance(index, ValueIndex):
            columns = index.key_for(index.key, record_type)
            covered = index.key_for(index.covering, record_type)
            is_unique = index.unique
        elif isinstance(index, RankIndex):
            columns, space = index.key_for((index.group_by, index.score), record_type), LOWEST
        else:
            continue
        lanes = tuple(_lanes(columns, number))
        ways.append(
            Way(
                index.name,
                columns,
                lanes if is_unique else (*lanes, *of_id),
                (*lanes, *of_id),
                is_unique,
                covered,
                space,
                tuple(conjuncts_of(index.where)),
                len(index.record_types) > 1,
            )
        )
    return tuple(ways)


def _lanes(key: Key, type_number: int) -> Iterator[Lane]:
    """The columns of a key; each knows the first one that comes from the same element."""
    element = 0
    for place, column in enumerate(key):
        before = key[place - 1] if place else None
        if not (
            before is not None
            and column.same_element
            and before.same_element
            and element_of(before) == element_of(column)
        ):
            element = place
        lane = lane_of(column, element)
        if column.is_record_type:
            lane = lane_of(column, element, lane.pack(type_number))
        elif not column.path and column.function is None:
            lane = lane_of(column, element, lane.pack(column.literal))
        yield lane


def text_sources(store: RecordStore, record_type: type, conjuncts: Conjuncts) -> Iterator[TextScan]:
    """Text indexes that answer a condition, each condition once.

    An index in groups does if the conditions say which group.
    """
    for condition in conjuncts.all:
        if not isinstance(condition, TextCondition):
            continue
        scans = [
            scan
            for index in store.schema.indexes
            if isinstance(index, TextIndex)
            and record_type in index.record_types
            and store.header.state(index.name) is IndexState.READABLE
            and all(one in conjuncts.all for one in conjuncts_of(index.where))
            and index.answers(condition)
            and (scan := _text_scan(store, record_type, index, condition, conjuncts)) is not None
        ]
        if scans:
            yield max(scans, key=lambda scan: len(scan.grouped))  # the first of the narrowest


def _text_scan(
    store: RecordStore,
    record_type: type,
    index: TextIndex,
    condition: TextCondition,
    conjuncts: Conjuncts,
) -> TextScan | None:
    """How an index answers a condition; None if it is not said in which group."""
    group_by = index.key_for(index.group_by, record_type)
    lanes = tuple(_lanes(group_by, store.layout.types[record_type].number))
    within = narrow(lanes, conjuncts)
    if len(within.ends) < len(lanes):
        return None
    group = within.begin[: within.ends[-1]] if lanes else b""
    return TextScan(record_type, index.name, condition, group, within.used)
