"""Mending one row of a store, if it is still wrong, in a transaction of its caller's."""

from glasshouse.records.indexes.adding import ExtremeKeeper
from glasshouse.records.indexes.version import (
    CHANGES,
    POINTERS,
    ROW_VERSION_BYTES,
    VersionIndex,
    VersionMaintainer,
)
from glasshouse.records.operations.check_records import belongs, check_entries, index_of
from glasshouse.records.operations.check_rows import find_dangling
from glasshouse.records.operations.problems import Problem, ProblemKind
from glasshouse.records.store.header import IndexState
from glasshouse.records.store.layout import RECORDS, VERSIONS
from glasshouse.records.store.store import RecordStore


def mend(store: RecordStore, problem: Problem) -> None:
    """Make one row what it should be; nothing is done if somebody else did meanwhile."""
    transaction, key = store.transaction, problem.key
    if problem.kind is ProblemKind.LOST_PART:
        if not belongs(store, key):
            transaction.clear(key)
    elif problem.kind is ProblemKind.LOST_VERSION:
        record_id = key[len(store.prefix + VERSIONS) :]
        is_gone = transaction.get(store.prefix + RECORDS + record_id) is None
        if is_gone or len(transaction.get(key) or b"") != ROW_VERSION_BYTES:
            transaction.clear(key)
    elif store.header.state(problem.where) is not IndexState.READABLE:
        return
    elif problem.kind is ProblemKind.DANGLING_ENTRY:
        _remove_dangling(store, problem)
    else:
        _bring_entries(store, problem)


def _remove_dangling(store: RecordStore, problem: Problem) -> None:
    """Remove a row that no record gives."""
    transaction, key = store.transaction, problem.key
    index, value = store.schema.index(problem.where), transaction.get(key)
    if value is None or not find_dangling(store, index, [(key, value)]):
        return
    transaction.clear(key)
    if isinstance(index, VersionIndex) and problem.record_id:
        space = store.index_space(index.name)
        change = key[len(space + CHANGES) : -len(problem.record_id)]
        group, version = change[:-ROW_VERSION_BYTES], change[-ROW_VERSION_BYTES:]
        pointer = space + POINTERS + group + problem.record_id
        if transaction.get(pointer) == version:
            transaction.clear(pointer)


def _bring_entries(store: RecordStore, problem: Problem) -> None:
    """Write what a record gives to an index and is not there."""
    record = store.load_by_id(problem.record_id)
    plan = store.layout.type_of_id(problem.record_id)
    index = index_of(plan, problem.where)
    if record is None or index.member(record) is None:
        return
    wrong = check_entries(store, index, [problem.record_id], [record])
    space, maintainer = store.prefix + index.space, index.maintainer
    if isinstance(maintainer, ExtremeKeeper | VersionMaintainer):
        if wrong:
            store.context.next_version()
            maintainer.update(store.context, space, problem.record_id, None, record)
        return
    rows = dict(maintainer.entries(record, problem.record_id))
    for one in wrong:
        if one.kind is ProblemKind.MISSING_ENTRY:
            store.transaction.set(one.key, rows[one.key[len(space) :]])
