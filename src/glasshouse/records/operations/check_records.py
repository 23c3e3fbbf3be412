"""From records to indexes: what each record gives is there, and each record itself is sound."""

from collections.abc import Iterator
from typing import Any

from glasshouse.errors import CorruptionError
from glasshouse.records.engines.engine import VERSION_BYTES, Mutation, Row
from glasshouse.records.indexes.adding import ExtremeKeeper
from glasshouse.records.indexes.value import UniqueMaintainer, holder_of
from glasshouse.records.indexes.version import VersionMaintainer
from glasshouse.records.operations.moments import Moments
from glasshouse.records.operations.problems import Problem, ProblemKind, ScrubStep
from glasshouse.records.store import codec
from glasshouse.records.store.header import IndexState
from glasshouse.records.store.layout import RECORDS, VERSIONS, IndexPlan, TypePlan
from glasshouse.records.store.reading import Extent, read_record
from glasshouse.records.store.store import RecordStore
from glasshouse.records.tuples import end_of, pack_int

_PART_NUMBER_BYTES = (len(pack_int(1)), len(pack_int(1 << 8)))


def check_records(moments: Moments, record_type: type) -> Iterator[ScrubStep]:
    """All records of a type."""
    packed = moments.store().layout.types[record_type].packed_number
    for store, rows in moments.pages(RECORDS + packed, end_of(RECORDS + packed)):
        extent = store.extent(record_type)
        keys, records, problems = _sound(store, extent, rows)
        ids = [key[len(store.prefix + RECORDS) :] for key in keys]
        for index in extent.plan.indexes:
            if store.header.state(index.index.name) is IndexState.READABLE:
                problems += check_entries(store, index, ids, records)
        yield ScrubStep(record_type.__name__, len(rows), problems)


def check_versions(moments: Moments) -> Iterator[ScrubStep]:
    """Each version that is kept is one, and of a record that is there."""
    for store, rows in moments.pages(VERSIONS, end_of(VERSIONS)):
        ids = [key[len(store.prefix + VERSIONS) :] for key, _ in rows]
        found = store.transaction.get_all([store.prefix + RECORDS + one for one in ids])
        problems = [
            Problem(
                ProblemKind.LOST_VERSION, "versions", f"the version at {one!r} is of no record", key
            )
            for (key, version), one, record in zip(rows, ids, found, strict=True)
            if record is None or len(version) != VERSION_BYTES + 2
        ]
        yield ScrubStep("versions", len(rows), problems)


def _sound(
    store: RecordStore, extent: Extent, rows: list[Row]
) -> tuple[list[bytes], list[Any], list[Problem]]:
    """The records of a page that can be read, with their keys, and what is wrong with others."""
    keys, problems = [key for key, _ in rows], list[Problem]()
    records = extent.plan.codec.decode_values([value for _, value in rows])
    if records is None:
        keys, records = [], []
        for key, value in rows:
            try:
                if value.startswith(codec.PART):
                    problems += _check_part(store, extent, key)
                    continue
                records.append(read_record(store.transaction, extent, key, value))
                keys.append(key)
            except CorruptionError as error:
                name = extent.plan.record_type.__name__
                problems.append(Problem(ProblemKind.DAMAGED_RECORD, name, str(error), key))
    own = [extent.prefix + extent.plan.primary_key(record) for record in records]
    if own == keys:
        return keys, records, problems
    for key, other in zip(keys, own, strict=True):
        if key != other:
            sentence = f"{extent.name(key)} says of itself that it has another primary key"
            name = extent.plan.record_type.__name__
            problems.append(Problem(ProblemKind.DAMAGED_RECORD, name, sentence, key))
    kept = [place for place, key in enumerate(keys) if key == own[place]]
    return [keys[place] for place in kept], [records[place] for place in kept], problems


def _check_part(store: RecordStore, extent: Extent, key: bytes) -> list[Problem]:
    if belongs(store, key):
        return []
    name = extent.plan.record_type.__name__
    sentence = f"a part of a large {name} belongs to no record"
    return [Problem(ProblemKind.LOST_PART, name, sentence, key)]


def belongs(store: RecordStore, key: bytes) -> bool:
    """Whether a part of a large record has a first part that counts it."""
    for length in _PART_NUMBER_BYTES:
        first = store.transaction.get(key[:-length])
        if first is not None and first.startswith(codec.FIRST):
            number = int.from_bytes(key[1 - length :], "big")
            return number <= int.from_bytes(first[len(codec.FIRST) : len(codec.FIRST) + 2], "big")
    return False


def check_entries(
    store: RecordStore, index: IndexPlan, ids: list[bytes], records: list[Any]
) -> list[Problem]:
    """What records give to one index is there."""
    members = [
        (record_id, record)
        for record_id, record in zip(ids, records, strict=True)
        if index.member(record) is not None
    ]
    maintainer = index.maintainer
    if isinstance(maintainer, ExtremeKeeper):
        return _check_extremes(store, index, maintainer, members)
    if isinstance(maintainer, VersionMaintainer):
        return _check_pointers(store, index, maintainer, members)
    rows = [
        (record_id, row, value)
        for record_id, record in members
        for row, value in maintainer.entries(record, record_id)
    ]
    space = store.prefix + index.space
    held = store.transaction.get_all([space + row for _, row, _ in rows])
    return [
        _wrong_entry(store, index, one, found)
        for one, found in zip(rows, held, strict=True)
        if found != one[2]
    ]


def _wrong_entry(
    store: RecordStore, index: IndexPlan, row: tuple[bytes, bytes, bytes], found: bytes | None
) -> Problem:
    """What is wrong with a row that should have another value, or be there."""
    record_id, key, _ = row
    kind, what = ProblemKind.MISSING_ENTRY, "is missing"
    if found is not None:
        what = "has another value"
        if isinstance(index.maintainer, UniqueMaintainer):
            holder = holder_of(found)
            if holder != record_id and _gives(store, index, holder, key, found):
                kind = ProblemKind.NOT_UNIQUE
                what = f"is that of {_name(store, holder)}; change one of the two"
    sentence = f"the entry of {_name(store, record_id)} {what}"
    full = store.prefix + index.space + key
    return Problem(kind, index.index.name, sentence, full, record_id)


def _gives(
    store: RecordStore, index: IndexPlan, record_id: bytes, key: bytes, value: bytes
) -> bool:
    """Whether a record gives a row."""
    try:
        plan = store.layout.type_of_id(record_id)
        here = index_of(plan, index.index.name)
        record = here.member(store.load_by_id(record_id))
    except CorruptionError:
        return False
    return record is not None and (key, value) in here.maintainer.entries(record, record_id)


def index_of(plan: TypePlan, name: str) -> IndexPlan:
    """An index as it works on a type.

    Raises:
        CorruptionError: If the type is not in it.
    """
    for index in plan.indexes:
        if index.index.name == name:
            return index
    raise CorruptionError(f"{plan.record_type.__name__} is not in index {name!r}")


def _check_extremes(
    store: RecordStore, index: IndexPlan, keeper: ExtremeKeeper, members: list[tuple[bytes, Any]]
) -> list[Problem]:
    """Each group's extreme is at least what a record offers; it may be of one that is gone."""
    space, is_low = store.prefix + index.space, keeper.mutation is Mutation.BYTE_MIN
    offers = [
        (record_id, space + group, packed)
        for record_id, record in members
        for group, packed in keeper.extremes(record)
    ]
    held = store.transaction.get_all([key for _, key, _ in offers])
    return [
        Problem(
            ProblemKind.WRONG_AGGREGATE,
            index.index.name,
            f"{_name(store, record_id)} is more extreme than what its group has kept",
            key,
            record_id,
        )
        for (record_id, key, packed), kept in zip(offers, held, strict=True)
        if kept is None or (packed < kept if is_low else packed > kept)
    ]


def _check_pointers(
    store: RecordStore,
    index: IndexPlan,
    maintainer: VersionMaintainer,
    members: list[tuple[bytes, Any]],
) -> list[Problem]:
    """Each record has a last change in each of its groups."""
    space = store.prefix + index.space
    pointers = [
        (record_id, space + pointer)
        for record_id, record in members
        for pointer in maintainer.pointers(record, record_id)
    ]
    held = store.transaction.get_all([key for _, key in pointers])
    return [
        Problem(
            ProblemKind.MISSING_ENTRY,
            index.index.name,
            f"the last change of {_name(store, record_id)} is missing",
            key,
            record_id,
        )
        for (record_id, key), version in zip(pointers, held, strict=True)
        if version is None
    ]


def _name(store: RecordStore, record_id: bytes) -> str:
    return store.extent_of_id(record_id).name(store.prefix + RECORDS + record_id)
