"""From indexes to records: each row of an index is there because of a record."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import lru_cache
from typing import Any

from glasshouse.errors import CorruptionError
from glasshouse.records.engines.engine import Row
from glasshouse.records.indexes.adding import unpack_number
from glasshouse.records.indexes.grouping import end_of_group
from glasshouse.records.indexes.index import CountingMaintainer, Index
from glasshouse.records.indexes.paging import rows_under
from glasshouse.records.indexes.version import (
    CHANGES,
    LIVE,
    POINTERS,
    ROW_VERSION_BYTES,
    VersionIndex,
    VersionMaintainer,
)
from glasshouse.records.operations.check_records import entries_of
from glasshouse.records.operations.moments import Moments
from glasshouse.records.operations.problems import Problem, ProblemKind, ScrubStep
from glasshouse.records.store import codec
from glasshouse.records.store.header import IndexState
from glasshouse.records.store.layout import RECORDS
from glasshouse.records.store.reading import Extent, read_page, read_record
from glasshouse.records.store.store import RecordStore
from glasshouse.records.tuples import end_of

_PAGE = 1_000
_RECORDS_KEPT = 256


def check_rows(moments: Moments, index: Index) -> Iterator[ScrubStep]:
    """All rows of an index that a record has to itself."""
    space = moments.store().layout.index_space(index.name)
    for store, rows in moments.pages(space, end_of(space)):
        if store.header.state(index.name) is not IndexState.READABLE:
            return
        yield ScrubStep(index.name, len(rows), find_dangling(store, index, rows))


_Entries = Callable[[bytes], dict[bytes, bytes]]
"""From a record id to the rows of its record."""


def find_dangling(store: RecordStore, index: Index, rows: list[Row]) -> list[Problem]:
    """What is wrong with rows of an index that should stand there for records."""
    # Rows of one record may lie apart: what the last few records give is kept.
    entries = lru_cache(maxsize=_RECORDS_KEPT)(lambda one: entries_of(store, index.name, one))
    find = _dangling_change if isinstance(index, VersionIndex) else _dangling_entry
    found = (find(store, index, row, entries) for row in rows)
    return [one for one in found if one is not None]


def _dangling_entry(
    store: RecordStore, index: Index, row: Row, entries: _Entries
) -> Problem | None:
    """What is wrong with a row that should stand there for a record."""
    key, value = row
    own = key[len(store.index_space(index.name)) :]
    record_id = b""
    try:
        found = index.record_id_of(own, value)
        if found is None:
            return None
        record_id = found
        if own in entries(record_id):
            return None  # its value was compared when the record was looked at
        name = store.extent_of_id(record_id).name(store.prefix + RECORDS + record_id)
        sentence = f"an entry points at {name}, which gives none"
    except CorruptionError as error:
        sentence = f"a row cannot be read: {error}"
    return Problem(ProblemKind.DANGLING_ENTRY, index.name, sentence, key, record_id)


def _dangling_change(
    store: RecordStore, index: Index, row: Row, entries: _Entries
) -> Problem | None:
    """What is wrong with a change that says its record is there."""
    key, value = row
    own = key[len(store.index_space(index.name)) :]
    if not own.startswith(CHANGES) or value != LIVE:
        return None
    try:
        end = end_of_group(index.columns()["group_by"])(own, len(CHANGES))
        group, record_id = own[len(CHANGES) : end], own[end + ROW_VERSION_BYTES :]
        plan = store.layout.type_of_id(record_id)
        here = next((one for one in plan.indexes if one.index.name == index.name), None)
        if here is None:
            raise CorruptionError(f"{plan.record_type.__name__} is not in index {index.name!r}")
        assert isinstance(here.maintainer, VersionMaintainer)
        record = here.member(store.load_by_id(record_id))
        pointer = POINTERS + group + record_id
        if record is not None and pointer in here.maintainer.pointers(record, record_id):
            return None
        name = store.extent_of_id(record_id).name(store.prefix + RECORDS + record_id)
        sentence = f"a change left {name}, which is not there"
    except CorruptionError as error:
        record_id, sentence = b"", f"a row cannot be read: {error}"
    return Problem(ProblemKind.DANGLING_ENTRY, index.name, sentence, key, record_id)


def check_structure(store: RecordStore, index: Index) -> Iterator[Problem]:
    """Whether the rows of an index fit each other, at one moment."""
    if store.header.state(index.name) is not IndexState.READABLE:
        return
    try:
        for sentence in index.check(store.transaction, store.index_space(index.name)):
            yield Problem(ProblemKind.WRONG_STRUCTURE, index.name, sentence)
    except CorruptionError as error:
        sentence = f"a row cannot be read: {error}"
        yield Problem(ProblemKind.WRONG_STRUCTURE, index.name, sentence)


def check_numbers(store: RecordStore) -> Iterator[Problem]:
    """Whether numbers that records add to are their sums, at one moment."""
    for name, counted in _recounted(store).items():
        index, space = store.schema.index(name), store.index_space(name)
        held = {
            key: unpack_number(value)
            for key, value in rows_under(store.transaction, space)
            if _is_shared(index, key, value)
        }
        for key in sorted(held.keys() | counted.keys()):
            stored, found = held.get(key, 0), counted[key]
            if stored != found:
                sentence = f"the group at {key!r} says {stored}, and its records make {found}"
                yield Problem(ProblemKind.WRONG_AGGREGATE, name, sentence, space + key)


def _is_shared(index: Index, key: bytes, value: bytes) -> bool:
    """Whether a row belongs to no single record; one that cannot be read is told of elsewhere."""
    try:
        return index.record_id_of(key, value) is None
    except CorruptionError:
        return False


def _recounted(store: RecordStore) -> dict[str, Counter[bytes]]:
    """What the records of each index add up to."""
    sums: dict[str, Counter[bytes]] = {}
    for plan in store.layout.types.values():
        counting = [
            (index, index.maintainer, sums.setdefault(index.index.name, Counter()))
            for index in plan.indexes
            if isinstance(index.maintainer, CountingMaintainer)
            and store.header.state(index.index.name) is IndexState.READABLE
        ]
        if not counting:
            continue
        for record in _sound_records(store, plan.record_type):
            for index, maintainer, counter in counting:
                if index.member(record) is not None:
                    for key, number in maintainer.contributions(record):
                        counter[key] += number
    return sums


def _sound_records(store: RecordStore, record_type: type) -> Iterator[Any]:
    """All records of a type but for damaged ones."""
    extent = store.extent(record_type)
    begin = extent.prefix
    while True:
        try:
            page = read_page(store.transaction, extent, begin, extent.end, limit=_PAGE)
        except CorruptionError:
            rows = store.transaction.get_range(begin, extent.end, limit=_PAGE)
            yield from _sound_among(store, extent, rows)
            last_key = rows[-1][0] if len(rows) == _PAGE else None
        else:
            yield from page.records
            last_key = page.last_key
        if last_key is None:
            return
        begin = last_key + b"\x00"


def _sound_among(store: RecordStore, extent: Extent, rows: list[Row]) -> Iterator[Any]:
    for key, value in rows:
        if not value.startswith(codec.PART):
            with suppress(CorruptionError):
                yield read_record(store.transaction, extent, key, value)
