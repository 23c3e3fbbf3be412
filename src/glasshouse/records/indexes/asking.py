"""What questions to all kinds of indexes have in common.

The index has to be there, built and of the right kind; the records that its rows point at are read
many at a time.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, islice
from typing import Any, TypeVar

from glasshouse.errors import QueryError
from glasshouse.records.indexes.index import Index
from glasshouse.records.store.reading import read_rows
from glasshouse.records.store.store import RecordStore

_FEWEST_RECORDS = 16
_MOST_RECORDS = 256

Kind = TypeVar("Kind", bound=Index)


def ask(store: RecordStore, name: str, kind: type[Kind]) -> tuple[Kind, bytes]:
    """An index of a store, and what its keys begin with.

    Raises:
        SchemaError: If there is no such index, or it is not built yet.
        QueryError: If it is of another kind.
    """
    space = store.readable_space(name)
    index = store.schema.index(name)
    if not isinstance(index, kind):
        raise QueryError(
            f"index {name!r} is of kind {index.kind}; this question is for one of kind {kind.kind}"
        )
    return index, space


def load_ids(store: RecordStore, record_ids: Sequence[bytes]) -> list[Any | None]:
    """The records that index rows point at, None where there is none, read together."""
    found: list[Any | None] = []
    for plan, alike in groupby(record_ids, store.layout.type_of_id):
        extent, cut = store.extent(plan.record_type), len(plan.packed_number)
        rows = [extent.prefix + record_id[cut:] for record_id in alike]
        found += read_rows(store.transaction, extent, rows)
    return found


def load_each(store: RecordStore, record_ids: Iterable[bytes]) -> Iterator[Any]:
    """The same for any number of them, a little ahead of whoever takes them."""
    remaining, number = iter(record_ids), _FEWEST_RECORDS
    while batch := list(islice(remaining, number)):
        yield from load_ids(store, batch)
        number = min(2 * number, _MOST_RECORDS)
