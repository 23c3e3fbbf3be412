"""Comparing records with indexes, both ways, at one moment of the store.

Source:
    `OnlineIndexScrubber` of the Record Layer, for dangling and missing entries.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from pathlib import Path
from typing import Any

from glasshouse.errors import CorruptionError
from glasshouse.records.engines.engine import Engine, Mutation, Row, Transaction
from glasshouse.records.indexes.aggregate import (
    Adder,
    AggregateIndex,
    ExtremeKeeper,
    unpack_number,
)
from glasshouse.records.indexes.index import Index
from glasshouse.records.store import codec
from glasshouse.records.store.context import Context
from glasshouse.records.store.database import StoreHandle
from glasshouse.records.store.header import IndexState
from glasshouse.records.store.layout import RECORDS, IndexPlan, TypePlan
from glasshouse.records.store.reading import Extent, read_record
from glasshouse.records.store.store import RecordStore
from glasshouse.records.tuples import strinc

_PAGE = 500
_RECORDS_KEPT = 256


class ProblemKind(Enum):
    """What can be wrong."""

    DAMAGED_RECORD = "damaged record"
    MISSING_ENTRY = "missing entry"
    DANGLING_ENTRY = "dangling entry"
    WRONG_AGGREGATE = "wrong aggregate"
    WRONG_STRUCTURE = "wrong structure"
    LOST_PART = "lost part"
    DAMAGED_PAGE = "damaged page"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong."""

    kind: ProblemKind
    where: str
    """The index, record type or file."""
    sentence: str
    key: bytes = b""
    """Of the row it is about, if it is about one."""


def scrub(handle: StoreHandle) -> Iterator[Problem]:
    """Everything that is wrong with a store; nothing if all is well.

    It reads at one moment while others go on writing. FoundationDB keeps a moment for five seconds:
    there, stores have to be small enough to be gone through in that time.

    Raises:
        SchemaError: If the store's schema is not the handle's.
    """
    yield from damaged_pages(handle.database.engine)
    transaction = handle.database.engine.begin(read_only=True)
    try:
        store = handle.open(Context(transaction), read_only=True)
        recounts: dict[str, Counter[bytes]] = {}
        for plan in store.layout.types.values():
            yield from _check_records(store, plan, recounts)
        for index in store.schema.indexes:
            if store.header.state(index.name) is IndexState.READABLE:
                yield from _check_index(store, index, recounts.get(index.name, Counter()))
    finally:
        transaction.cancel()


def damaged_pages(engine: Engine) -> Iterator[Problem]:
    """What is wrong with the file of an embedded engine."""
    path = getattr(engine, "path", None)
    if isinstance(path, Path):
        from glasshouse.records.engines.pages import check_pages

        for sentence in check_pages(path / "data.mdb"):
            yield Problem(ProblemKind.DAMAGED_PAGE, str(path), sentence)


def _check_records(
    store: RecordStore, plan: TypePlan, recounts: dict[str, Counter[bytes]]
) -> Iterator[Problem]:
    """Each record decodes, and each index has what the record gives."""
    extent = store.extent(plan.record_type)
    kept = [
        index
        for index in plan.indexes
        if store.header.state(index.index.name) is IndexState.READABLE
    ]
    expected_parts, begin = 0, extent.prefix
    while True:
        rows = store.transaction.get_range(begin, extent.end, limit=_PAGE)
        for key, value in rows:
            if value.startswith(codec.PART):
                expected_parts -= 1
                continue
            if value.startswith(codec.FIRST):
                expected_parts += int.from_bytes(value[2:4], "big")
            record, problem = _read(store, extent, key, value)
            if problem is not None:
                yield problem
                continue
            yield from _check_entries(store, kept, key, record, recounts)
        if len(rows) < _PAGE:
            break
        begin = rows[-1][0] + b"\x00"
    if expected_parts < 0:
        yield Problem(
            ProblemKind.LOST_PART,
            plan.record_type.__name__,
            f"{-expected_parts} parts of large {plan.record_type.__name__} records belong to none",
        )


def _read(
    store: RecordStore, extent: Extent, key: bytes, value: bytes
) -> tuple[Any, Problem | None]:
    try:
        return read_record(store.transaction, extent, key, value), None
    except CorruptionError as error:
        name = extent.plan.record_type.__name__
        return None, Problem(ProblemKind.DAMAGED_RECORD, name, str(error), key)


def _check_entries(
    store: RecordStore,
    indexes: list[IndexPlan],
    key: bytes,
    record: Any,
    recounts: dict[str, Counter[bytes]],
) -> Iterator[Problem]:
    """What a record gives stands in its indexes; what it adds to aggregates is counted."""
    record_id = key[len(store.prefix + RECORDS) :]
    for index in indexes:
        if index.member(record) is None:
            continue
        name, space = index.index.name, store.prefix + index.space
        maintainer = index.maintainer
        if isinstance(maintainer, Adder):
            counter = recounts.setdefault(name, Counter())
            for group, number in maintainer.contributions(record):
                counter[group] += number
        elif isinstance(maintainer, ExtremeKeeper):
            yield from _check_extremes(store, name, space, maintainer, record)
        rows = maintainer.entries(record, record_id)
        held = store.transaction.get_all([space + row for row, _ in rows])
        for (row, expected), found in zip(rows, held, strict=True):
            if found != expected:
                what = "is missing" if found is None else "has another value"
                yield Problem(
                    ProblemKind.MISSING_ENTRY,
                    name,
                    f"the entry of {store.extent_of_id(record_id).name(key)} {what}",
                    space + row,
                )


def _check_extremes(
    store: RecordStore, name: str, space: bytes, keeper: ExtremeKeeper, record: Any
) -> Iterator[Problem]:
    """Each group's extreme is at least what the record offers; it may be of one that is gone."""
    for group, packed in keeper.extremes(record):
        held = store.transaction.get(space + group)
        is_low = keeper.mutation is Mutation.BYTE_MIN
        if held is None or (packed < held if is_low else packed > held):
            yield Problem(
                ProblemKind.WRONG_AGGREGATE,
                name,
                f"a record has a more extreme value than group {group!r} keeps",
                space + group,
            )


def _check_index(store: RecordStore, index: Index, counted: Counter[bytes]) -> Iterator[Problem]:
    """Each row of an index is there because of something."""
    space = store.index_space(index.name)
    for sentence in index.check(store.transaction, space):
        yield Problem(ProblemKind.WRONG_STRUCTURE, index.name, sentence)
    if isinstance(index, AggregateIndex):
        if isinstance(index.maintainer(index.record_types[0], 1), Adder):
            yield from _check_sums(store.transaction, index.name, space, counted)
        return
    begin, end = space, strinc(space)
    # Rows of one record may lie apart: what the last few records give is kept.
    entries_of = lru_cache(maxsize=_RECORDS_KEPT)(
        lambda record_id: _entries(store, index, record_id)
    )
    while True:
        rows = store.transaction.get_range(begin, end, limit=_PAGE)
        for key, value in rows:
            problem = _dangling(store, index, space, (key, value), entries_of)
            if problem is not None:
                yield problem
        if len(rows) < _PAGE:
            return
        begin = rows[-1][0] + b"\x00"


def _check_sums(
    transaction: Transaction, name: str, space: bytes, counted: Counter[bytes]
) -> Iterator[Problem]:
    rows = transaction.get_range(space, strinc(space))
    held = {key[len(space) :]: unpack_number(value) for key, value in rows}
    for group in sorted(held.keys() | counted.keys()):
        stored, found = held.get(group, 0), counted[group]
        if stored != found:
            yield Problem(
                ProblemKind.WRONG_AGGREGATE,
                name,
                f"group {group!r} says {stored}, and its records make {found}",
                space + group,
            )


def _entries(store: RecordStore, index: Index, record_id: bytes) -> frozenset[bytes]:
    """The keys that a record gives to an index, without the index's space."""
    plan = store.layout.type_of_id(record_id)
    here = next(one for one in plan.indexes if one.index.name == index.name)
    record = here.member(store.load_by_id(record_id))
    if record is None:
        return frozenset()
    return frozenset(key for key, _ in here.maintainer.entries(record, record_id))


def _dangling(
    store: RecordStore,
    index: Index,
    space: bytes,
    row: Row,
    entries_of: Callable[[bytes], frozenset[bytes]],
) -> Problem | None:
    """What is wrong with a row that should stand there for a record."""
    key, value = row
    try:
        record_id = index.record_id_of(key[len(space) :], value)
        if record_id is None or key[len(space) :] in entries_of(record_id):
            return None
        name = store.extent_of_id(record_id).name(store.prefix + RECORDS + record_id)
        sentence = f"an entry points at {name}, which gives none"
    except (CorruptionError, StopIteration) as error:
        sentence = f"a row cannot be read: {error}"
    return Problem(ProblemKind.DANGLING_ENTRY, index.name, sentence, key)
