"""From indexes to records: each row of an index is there because of a record."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
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
from glasshouse.records.operations.moments import Moments
from glasshouse.records.operations.numbers import group_in_words, number_in_words
from glasshouse.records.operations.problems import Problem, ProblemKind, ScrubStep
from glasshouse.records.store import codec
from glasshouse.records.store.header import IndexState
from glasshouse.records.store.layout import RECORDS
from glasshouse.records.store.reading import Extent, read_page, read_record, read_rows
from glasshouse.records.store.store import RecordStore
from glasshouse.records.tuples import end_of

_PAGE = 1_000


def check_rows(moments: Moments, index: Index) -> Iterator[ScrubStep]:
    """All rows of an index that a record has to itself."""
    space = moments.store().layout.index_space(index.name)
    for store, rows in moments.pages(space, end_of(space)):
        if store.header.state(index.name) is not IndexState.READABLE:
            return
        yield ScrubStep(index.name, len(rows), find_dangling(store, index, rows))


def find_dangling(store: RecordStore, index: Index, rows: list[Row]) -> list[Problem]:
    """What is wrong with rows of an index that should stand there for records."""
    claims, problems = list[_Claim](), list[Problem]()
    claim_of = _change_reader(index) if isinstance(index, VersionIndex) else _entry_reader(index)
    cut = len(store.index_space(index.name))
    for key, value in rows:
        try:
            claim = claim_of(key[cut:], value)
            if claim is not None:
                store.layout.type_of_id(claim[0])
                claims.append((*claim, key))
        except CorruptionError as error:
            sentence = f"a row cannot be read: {error}"
            problems.append(Problem(ProblemKind.DANGLING_ENTRY, index.name, sentence, key))
    given = _given(store, index, {record_id for record_id, _, _ in claims})
    for record_id, own, key in claims:
        if record_id in given and own not in given[record_id]:
            name = store.extent_of_id(record_id).name(store.prefix + RECORDS + record_id)
            sentence = f"an entry stands for {name}, which gives none"
            kind = ProblemKind.DANGLING_ENTRY
            problems.append(Problem(kind, index.name, sentence, key, record_id))
    return problems


_Claim = tuple[bytes, bytes, bytes]
"""A record id, what the record must give to the index, and the row's key."""

_ClaimReader = Callable[[bytes, bytes], tuple[bytes, bytes] | None]
"""From a row, its key without the space: the first two parts of its claim, if it has one."""


def _entry_reader(index: Index) -> _ClaimReader:
    """A row must be given by its record; its value is compared from the record's side."""

    def read(own: bytes, value: bytes) -> tuple[bytes, bytes] | None:
        record_id = index.record_id_of(own, value)
        return None if record_id is None else (record_id, own)

    return read


def _change_reader(index: VersionIndex) -> _ClaimReader:
    """A change that left its record must be in a group of the record's."""
    end_of_changes = end_of_group(index.columns()["group_by"])

    def read(own: bytes, value: bytes) -> tuple[bytes, bytes] | None:
        if not own.startswith(CHANGES) or value != LIVE:
            return None
        end = end_of_changes(own, len(CHANGES))
        record_id = own[end + ROW_VERSION_BYTES :]
        return record_id, POINTERS + own[len(CHANGES) : end] + record_id

    return read


def _given(store: RecordStore, index: Index, ids: set[bytes]) -> dict[bytes, set[bytes]]:
    """What records give to an index, keys without its space; damaged records are left out."""
    given: dict[bytes, set[bytes]] = {}
    by_type: dict[type, list[bytes]] = {}
    for one in sorted(ids):
        by_type.setdefault(store.layout.type_of_id(one).record_type, []).append(one)
    for record_type, own in by_type.items():
        indexes = store.layout.types[record_type].indexes
        here = next((one for one in indexes if one.index.name == index.name), None)
        for record_id, record in _records(store, record_type, own):
            keys = given[record_id] = set()
            if here is None or here.member(record) is None:
                continue
            maintainer = here.maintainer
            if isinstance(maintainer, VersionMaintainer):
                keys.update(maintainer.pointers(record, record_id))
            else:
                keys.update([key for key, _ in maintainer.entries(record, record_id)])
    return given


def _records(
    store: RecordStore, record_type: type, ids: list[bytes]
) -> Iterator[tuple[bytes, Any | None]]:
    """The records of some ids, or None, but for damaged ones."""
    extent, keys = store.extent(record_type), [store.prefix + RECORDS + one for one in ids]
    try:
        yield from zip(ids, read_rows(store.transaction, extent, keys), strict=True)
    except CorruptionError:
        for one in ids:
            with suppress(CorruptionError):
                yield one, store.load_by_id(one)


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
                says, make = (number_in_words(index, one) for one in (stored, found))
                sentence = f"{group_in_words(index, key)} has {says}; its records make {make}"
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
