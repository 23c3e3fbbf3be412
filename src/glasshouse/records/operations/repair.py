"""Mending what scrub finds, while others write: row by row where that can be, else built anew.

Rows that records have to themselves are compared once more in the transaction that writes them.
Numbers and structures that many records share are built anew, which writers do not wait for. What
cannot be known from the records, as the largest value a group ever had, is never thrown away.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from glasshouse.errors import InputError
from glasshouse.files import write_atomically
from glasshouse.records.building import rebuild_index
from glasshouse.records.engines.engine import Row
from glasshouse.records.indexes.index import Index
from glasshouse.records.operations.mend import mend
from glasshouse.records.operations.problems import Problem, ProblemKind
from glasshouse.records.operations.scrub import scrub
from glasshouse.records.store.database import StoreHandle
from glasshouse.records.store.layout import RECORDS, VERSIONS
from glasshouse.records.store.store import RecordStore
from glasshouse.records.tuples import end_of

_ROWS_AT_ONCE = 100

_MOST_ROWS = 10_000
"""An index with more wrong rows is built anew."""

_LEFT = {
    ProblemKind.DAMAGED_PAGE: "restore a backup",
    ProblemKind.NOT_UNIQUE: "change or delete one of the two records",
    ProblemKind.NOT_CHECKED: "build the index anew if in doubt",
}
"""What nobody can mend from here, and what to do about it."""


@dataclass(frozen=True, slots=True)
class Repaired:
    """One thing that was done, or that is left to do."""

    where: str
    sentence: str
    is_done: bool


def repair(handle: StoreHandle, *, set_aside: Path | None = None) -> Iterator[Repaired]:
    """Mend what scrub finds.

    Args:
        handle: The store.
        set_aside: A file for the bytes of damaged records, which then leave the store; without,
            they stay where they are and are only named.

    Yields:
        What was done, and what is left to do.

    Raises:
        InputError: If the file is there already or cannot be written; the records then stay.
    """
    problems = list(scrub(handle))
    damaged = [one for one in problems if one.kind is ProblemKind.DAMAGED_RECORD]
    if damaged and set_aside is not None:
        _set_aside(handle, damaged, set_aside)
        for one in damaged:
            yield Repaired(one.where, f"{one.sentence}; its bytes are in {set_aside}", True)
        problems, damaged = list(scrub(handle)), []
    for one in damaged:
        yield Repaired(one.where, f"{one.sentence}; it can be set aside", False)
    for one in problems:
        if one.kind in _LEFT:
            yield Repaired(one.where, f"{one.sentence}; {_LEFT[one.kind]}", False)
    yield from _mend_rows(handle, problems)
    for name in _to_rebuild(handle, problems):
        if damaged:
            sentence = "the index can be built anew when no record is damaged"
            yield Repaired(name, sentence, False)
        else:
            yield _rebuilt(handle, name)


def _mend_rows(handle: StoreHandle, problems: list[Problem]) -> Iterator[Repaired]:
    """Mend, some in each transaction, what can be mended by itself."""
    shared = set(_to_rebuild(handle, problems))
    rows = [one for one in problems if one.kind in _BY_ROW and one.where not in shared]
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        some = rows[start : start + _ROWS_AT_ONCE]
        handle.run(lambda store, some=some: [mend(store, one) for one in some])
        for one in some:
            yield Repaired(one.where, one.sentence, True)


_BY_ROW = {
    ProblemKind.LOST_PART,
    ProblemKind.LOST_VERSION,
    ProblemKind.MISSING_ENTRY,
    ProblemKind.DANGLING_ENTRY,
    ProblemKind.WRONG_AGGREGATE,
}


def _to_rebuild(handle: StoreHandle, problems: list[Problem]) -> list[str]:
    """The indexes that cannot be mended row by row, or have too many wrong rows."""
    names = []
    for index in handle.schema.indexes:
        own = [one for one in problems if one.where == index.name and one.kind not in _LEFT]
        if any(_is_shared(index, one) for one in own) or len(own) > _MOST_ROWS:
            names.append(index.name)
    return names


def _is_shared(index: Index, problem: Problem) -> bool:
    """Whether a problem is with what several records share."""
    if problem.kind is ProblemKind.WRONG_AGGREGATE:
        return not problem.record_id  # an extreme is of one record, a sum of many
    if problem.kind is ProblemKind.WRONG_STRUCTURE:
        return True
    # Rows that others count or link to do not come and go by themselves.
    return index.kind in ("rank", "vector")


def _rebuilt(handle: StoreHandle, name: str) -> Repaired:
    try:
        number = max(step.num_records for step in rebuild_index(handle, name))
    except InputError as error:
        return Repaired(name, str(error), False)
    forgotten = "; its deletions are forgotten" if _is_feed(handle, name) else ""
    return Repaired(name, f"the index was built anew from {number} records{forgotten}", True)


def _is_feed(handle: StoreHandle, name: str) -> bool:
    return handle.schema.index(name).kind == "version"


def _set_aside(handle: StoreHandle, damaged: list[Problem], path: Path) -> None:
    """Move damaged records out of the store: to the file first, then away."""
    if path.exists():
        raise InputError(f"{path} is there already; name another file to set records aside in")

    def rows_of(store: RecordStore, one: Problem) -> list[Row]:
        own = one.key[len(store.prefix + RECORDS) :]
        version = store.prefix + VERSIONS + own
        rows = store.transaction.get_range(one.key, end_of(one.key))
        return rows + store.transaction.get_range(version, version + b"\x00")

    def read(store: RecordStore) -> list[Row]:
        return [row for one in damaged for row in rows_of(store, one)]

    rows = handle.read(read)
    try:
        write_atomically(path, msgspec.msgpack.encode(rows))
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from None

    def remove(store: RecordStore, some: list[Row]) -> None:
        for key, value in some:
            if store.transaction.get(key) == value:
                store.transaction.clear(key)

    for start in range(0, len(rows), _ROWS_AT_ONCE):
        some = rows[start : start + _ROWS_AT_ONCE]
        handle.run(lambda store, some=some: remove(store, some))


def read_aside(path: Path) -> list[Row]:
    """The rows that were set aside in a file, with their whole keys.

    Raises:
        InputError: If it is no such file.
    """
    try:
        return msgspec.msgpack.decode(path.read_bytes(), type=list[tuple[bytes, bytes]])
    except (OSError, msgspec.MsgspecError) as error:
        raise InputError(f"{path} cannot be read: {error}") from None
