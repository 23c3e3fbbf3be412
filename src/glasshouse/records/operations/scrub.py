"""Comparing records with indexes, both ways, while others read and write.

Records are compared with the rows that they give, and rows with the records that give them, a page
in one transaction: whatever is reported was wrong at one moment. Sums over records, and rows that
must fit each other, are looked at in one transaction each.

Source:
    `OnlineIndexScrubber` of the Record Layer, for dangling and missing entries.
"""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from glasshouse.errors import ConflictError
from glasshouse.records.engines.engine import Engine
from glasshouse.records.operations.check_records import check_records, check_versions
from glasshouse.records.operations.check_rows import check_numbers, check_rows, check_structure
from glasshouse.records.operations.moments import Moments
from glasshouse.records.operations.problems import Problem, ProblemKind, ScrubStep
from glasshouse.records.store.database import StoreHandle
from glasshouse.records.store.store import RecordStore

_SECONDS = 1.0


def scrub(handle: StoreHandle) -> Iterator[Problem]:
    """Everything that is wrong with a store; nothing if all is well. Indexes being built are left.

    Raises:
        SchemaError: If the store's schema is not the handle's.
    """
    for step in scrub_steps(handle):
        yield from step.problems


def scrub_steps(
    handle: StoreHandle, *, seconds_per_transaction: float = _SECONDS
) -> Iterator[ScrubStep]:
    """The same, step by step, for those who want to see it advance.

    Args:
        handle: The store.
        seconds_per_transaction: How long a moment of the store is looked at, about; what can only
            be seen at one moment takes its time, and is reported as not checked where the engine
            does not give that.

    Raises:
        SchemaError: If the store's schema is not the handle's.
    """
    yield from damaged_pages(handle.database.engine)
    with Moments(handle, seconds=seconds_per_transaction) as moments:
        for record_type in handle.schema.records:
            yield from check_records(moments, record_type)
        yield from check_versions(moments)
        for index in handle.schema.indexes:
            yield from check_rows(moments, index)
    for index in handle.schema.indexes:
        yield _at_one_moment(handle, index.name, partial(check_structure, index=index))
    yield _at_one_moment(handle, "numbers", check_numbers)


def damaged_pages(engine: Engine) -> Iterator[ScrubStep]:
    """What is wrong with the file of an embedded engine."""
    path = getattr(engine, "path", None)
    if isinstance(path, Path):
        from glasshouse.records.engines.pages import check_pages

        problems = [
            Problem(ProblemKind.DAMAGED_PAGE, str(path), sentence)
            for sentence in check_pages(path / "data.mdb")
        ]
        yield ScrubStep(str(path), 0, problems)


def _at_one_moment(
    handle: StoreHandle, where: str, look: Callable[[RecordStore], Iterator[Problem]]
) -> ScrubStep:
    try:
        return ScrubStep(where, 0, handle.read(lambda store: list(look(store))))
    except ConflictError as error:
        sentence = f"the engine keeps no moment for long enough to check this: {error}"
        return ScrubStep(where, 0, [Problem(ProblemKind.NOT_CHECKED, where, sentence)])
