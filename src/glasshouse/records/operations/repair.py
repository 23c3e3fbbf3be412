"""Mending what scrub finds."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from glasshouse.files import write_atomically
from glasshouse.records.building import build_index, start_over
from glasshouse.records.operations.scrub import Problem, ProblemKind, scrub
from glasshouse.records.store import codec
from glasshouse.records.store.database import StoreHandle
from glasshouse.records.store.store import RecordStore
from glasshouse.records.tuples import strinc


@dataclass(frozen=True, slots=True)
class Repaired:
    """One thing that was done, or that is left to do."""

    where: str
    sentence: str
    is_done: bool


def repair(handle: StoreHandle, *, set_aside: Path | None = None) -> Iterator[Repaired]:
    """Mend what scrub finds: indexes are built anew, lost parts of records removed.

    Args:
        handle: The store.
        set_aside: A file for the bytes of damaged records, which then leave the store; without,
            they stay where they are and are only named.

    Raises:
        OSError: If the file cannot be written; the records then stay.
    """
    problems = list(scrub(handle))
    damaged = [one for one in problems if one.kind is ProblemKind.DAMAGED_RECORD]
    if damaged and set_aside is not None:
        _set_aside(handle, damaged, set_aside)
    for one in damaged:
        moved = "; its bytes are in " + str(set_aside) if set_aside is not None else ""
        yield Repaired(one.where, one.sentence + moved, set_aside is not None)
    for one in problems:
        if one.kind is ProblemKind.DAMAGED_PAGE:
            yield Repaired(one.where, f"{one.sentence}; restore a backup", False)
        if one.kind is ProblemKind.LOST_PART:
            handle.run(lambda store, one=one: _drop_lost_parts(store, one.where))
            yield Repaired(one.where, f"{one.sentence}; they are removed", True)
    by_index = {
        ProblemKind.MISSING_ENTRY,
        ProblemKind.DANGLING_ENTRY,
        ProblemKind.WRONG_AGGREGATE,
        ProblemKind.WRONG_STRUCTURE,
    }
    names = sorted({one.where for one in problems if one.kind in by_index})
    if damaged and set_aside is None:
        # A build would meet the damage; nothing is made worse by leaving the indexes as they are.
        for name in names:
            yield Repaired(name, "the index can be built anew when no record is damaged", False)
        return
    if damaged:
        # What the damaged records gave to indexes is not known any more.
        names = handle.read(lambda store: [index.name for index in store.schema.indexes])
    for name in names:
        handle.run(lambda store, name=name: start_over(store, name))
        number = max(step.num_records for step in build_index(handle, name))
        yield Repaired(name, f"the index was built anew from {number} records", True)


def _set_aside(handle: StoreHandle, damaged: list[Problem], path: Path) -> None:
    """Move damaged records out of the store: to the file first, then away."""

    def read(store: RecordStore) -> list[tuple[bytes, bytes]]:
        rows = []
        for one in damaged:
            rows += store.transaction.get_range(one.key, one.key + b"\xff")
        return rows

    write_atomically(path, msgspec.msgpack.encode(handle.read(read)))

    def remove(store: RecordStore) -> None:
        for one in damaged:
            first = store.transaction.get(one.key)
            store.transaction.clear(one.key)
            if first is not None:
                codec.clear_parts(store.transaction, one.key, first)

    handle.run(remove)


def _drop_lost_parts(store: RecordStore, record_type: str) -> None:
    """Remove parts that follow no first part."""
    kind = next(one for one in store.layout.types if one.__name__ == record_type)
    extent = store.extent(kind)
    left = 0
    for key, value in store.transaction.get_range(extent.prefix, strinc(extent.prefix)):
        if value.startswith(codec.FIRST):
            left = int.from_bytes(value[2:4], "big")
        elif not value.startswith(codec.PART):
            left = 0
        elif left:
            left -= 1
        else:
            store.transaction.clear(key)
