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
from glasshouse.records.store.layout import RECORDS, VERSIONS, IndexPlan
from glasshouse.records.store.reading import Extent, read_record
from glasshouse.records.store.store import RecordStore
from glasshouse.records.tuples import end_of, pack_int

_PART_NUMBER_BYTES = (len(pack_int(1)), len(pack_int(1 << 8)))


def check_records(moments: Moments, record_type: type) -> Iterator[ScrubStep]:
    """All records of a type."""
    packed = moments.store().layout.types[record_type].packed_number
    name = record_type.__name__
    for store, rows in moments.pages(RECORDS + packed, end_of(RECORDS + packed)):
        extent = store.extent(record_type)
        problems = [problem for row in rows for problem in _check_row(store, extent, row)]
        yield ScrubStep(name, len(rows), problems)


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


def _check_row(store: RecordStore, extent: Extent, row: Row) -> Iterator[Problem]:
    key, value = row
    plan = extent.plan
    name = plan.record_type.__name__
    if value.startswith(codec.PART):
        if not belongs(store, key):
            sentence = f"a part of a large {name} belongs to no record"
            yield Problem(ProblemKind.LOST_PART, name, sentence, key)
        return
    try:
        record = read_record(store.transaction, extent, key, value)
    except CorruptionError as error:
        yield Problem(ProblemKind.DAMAGED_RECORD, name, str(error), key)
        return
    if extent.prefix + plan.primary_key(record) != key:
        sentence = f"{extent.name(key)} says of itself that it has another primary key"
        yield Problem(ProblemKind.DAMAGED_RECORD, name, sentence, key)
        return
    record_id = key[len(store.prefix + RECORDS) :]
    for index in plan.indexes:
        is_readable = store.header.state(index.index.name) is IndexState.READABLE
        if is_readable and index.member(record) is not None:
            yield from check_entries(store, index, record_id, record)


def belongs(store: RecordStore, key: bytes) -> bool:
    """Whether a part of a large record has a first part that counts it."""
    for length in _PART_NUMBER_BYTES:
        first = store.transaction.get(key[:-length])
        if first is not None and first.startswith(codec.FIRST):
            number = int.from_bytes(key[1 - length :], "big")
            return number <= int.from_bytes(first[len(codec.FIRST) : len(codec.FIRST) + 2], "big")
    return False


def check_entries(
    store: RecordStore, index: IndexPlan, record_id: bytes, record: Any
) -> Iterator[Problem]:
    """What a record gives to one index is there."""
    name, space, maintainer = index.index.name, store.prefix + index.space, index.maintainer
    if isinstance(maintainer, ExtremeKeeper):
        yield from _check_extremes(store, index, maintainer, record_id, record)
    elif isinstance(maintainer, VersionMaintainer):
        for pointer in maintainer.pointers(record, record_id):
            if store.transaction.get(space + pointer) is None:
                sentence = f"the last change of {_name(store, record_id)} is missing"
                key = space + pointer
                yield Problem(ProblemKind.MISSING_ENTRY, name, sentence, key, record_id)
    rows = maintainer.entries(record, record_id)
    held = store.transaction.get_all([space + row for row, _ in rows])
    for (row, expected), found in zip(rows, held, strict=True):
        if found == expected:
            continue
        kind, what = ProblemKind.MISSING_ENTRY, "is missing"
        if found is not None:
            what = "has another value"
            if isinstance(maintainer, UniqueMaintainer) and _has_holder(
                store, index, row, found, record_id
            ):
                kind = ProblemKind.NOT_UNIQUE
                what = f"is that of {_name(store, holder_of(found))}; change one of the two"
        sentence = f"the entry of {_name(store, record_id)} {what}"
        yield Problem(kind, name, sentence, space + row, record_id)


def _has_holder(
    store: RecordStore, index: IndexPlan, row: bytes, value: bytes, record_id: bytes
) -> bool:
    """Whether another record gives the row of a unique index."""
    holder = holder_of(value)
    return holder != record_id and entries_of(store, index.index.name, holder).get(row) == value


def entries_of(store: RecordStore, index: str, record_id: bytes) -> dict[bytes, bytes]:
    """The rows that a record gives to an index, keys without its space.

    Raises:
        CorruptionError: If it is no record's id, or the record is damaged.
    """
    plan = store.layout.type_of_id(record_id)
    here = next((one for one in plan.indexes if one.index.name == index), None)
    if here is None:
        raise CorruptionError(f"{plan.record_type.__name__} is not in index {index!r}")
    record = here.member(store.load_by_id(record_id))
    return {} if record is None else dict(here.maintainer.entries(record, record_id))


def _check_extremes(
    store: RecordStore, index: IndexPlan, keeper: ExtremeKeeper, record_id: bytes, record: Any
) -> Iterator[Problem]:
    """Each group's extreme is at least what the record offers; it may be of one that is gone."""
    space = store.prefix + index.space
    for group, packed in keeper.extremes(record):
        held = store.transaction.get(space + group)
        is_low = keeper.mutation is Mutation.BYTE_MIN
        if held is None or (packed < held if is_low else packed > held):
            sentence = f"{_name(store, record_id)} is more extreme than what its group has kept"
            yield Problem(
                ProblemKind.WRONG_AGGREGATE, index.index.name, sentence, space + group, record_id
            )


def _name(store: RecordStore, record_id: bytes) -> str:
    return store.extent_of_id(record_id).name(store.prefix + RECORDS + record_id)
