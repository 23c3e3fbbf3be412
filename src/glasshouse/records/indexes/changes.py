"""Reading a version index: what changed since a version, now and as it goes on changing.

A follower that keeps `change.version` in the same transaction as what it makes of the change misses
none and does none twice, whatever stops it.

Source:
    1901.04452, section 7, where synchronisation between devices reads the index so.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from threading import Event
from typing import Any

from glasshouse.errors import QueryError
from glasshouse.records.engines.engine import Row
from glasshouse.records.indexes.asking import ask, load_ids
from glasshouse.records.indexes.version import (
    CHANGES,
    DELETED,
    POINTERS,
    ROW_VERSION_BYTES,
    VersionIndex,
)
from glasshouse.records.store.database import StoreHandle
from glasshouse.records.store.store import RecordStore
from glasshouse.records.tuples import Versionstamp, end_of, unpack

_PAGE = 256
"""Most changes that are read at once, and by a follower in one transaction."""


@dataclass(frozen=True, slots=True)
class Change:
    """The last change of one record."""

    version: Versionstamp
    """When it was: the commit, and the place within it."""
    record_type: type
    record_id: bytes
    """What `RecordStore.load_by_id` finds the record by."""
    key: tuple[Any, ...]
    """The values of its primary key."""
    record: Any | None
    """The record as it is now; None if it is gone, or has left the index."""


def changes(
    store: RecordStore,
    name: str,
    *,
    since: Versionstamp | bytes | None = None,
    group: Sequence[Any] = (),
    limit: int | None = None,
    snapshot: bool = False,
) -> Iterator[Change]:
    """All that changed after a version, in the order of commits.

    What the transaction itself changes has no version yet and is not among it.

    Args:
        store: The store.
        name: Of a version index.
        since: A version, of which and up to which nothing is told again: a Versionstamp, its 12
            bytes, or the 10 bytes of a whole commit. None tells everything.
        group: The values of one group, if the index has groups.
        limit: Most changes to tell.
        snapshot: Whether reading may go without conflicts; else any change of a record of the
            group conflicts with a transaction that read to the end.

    Raises:
        QueryError: If the index is of another kind or has other groups, or `since` is no version.
        SchemaError: If there is no such index or it is not built.
    """
    index, space = ask(store, name, VersionIndex)
    prefix = space + CHANGES + index.pack_group(group)
    begin, end = prefix if since is None else prefix + _behind(since), end_of(prefix)
    left = limit
    while left is None or left > 0:
        wanted = _PAGE if left is None else min(left, _PAGE)
        rows = store.transaction.get_range(begin, end, limit=wanted, snapshot=snapshot)
        yield from _changes(store, [(key[len(prefix) :], value) for key, value in rows])
        if len(rows) < wanted:
            return
        begin = rows[-1][0] + b"\x00"
        left = None if left is None else left - len(rows)


def newest_version(
    store: RecordStore, name: str, *, group: Sequence[Any] = (), snapshot: bool = False
) -> Versionstamp | None:
    """The version of the last change; None if there was none.

    Raises:
        QueryError, SchemaError: As for `changes`.
    """
    index, space = ask(store, name, VersionIndex)
    prefix = space + CHANGES + index.pack_group(group)
    rows = store.transaction.get_range(
        prefix, end_of(prefix), limit=1, reverse=True, snapshot=snapshot
    )
    if not rows:
        return None
    return Versionstamp.from_bytes(rows[0][0][len(prefix) :][:ROW_VERSION_BYTES])


def forget_deletions(
    store: RecordStore,
    name: str,
    *,
    until: Versionstamp | bytes,
    group: Sequence[Any] = (),
    limit: int = 1_000,
) -> int:
    """Remove the rows of deletions up to a version, once every follower is past it.

    Args:
        store: The store.
        name: Of a version index.
        until: The last version to forget.
        group: The values of one group, if the index has groups.
        limit: Most to remove in this transaction; call again until it gives less.

    Returns:
        How many were removed.

    Raises:
        QueryError, SchemaError: As for `changes`.
    """
    index, space = ask(store, name, VersionIndex)
    packed = index.pack_group(group)
    prefix = space + CHANGES + packed
    begin, end, removed = prefix, prefix + _behind(until), 0
    while removed < limit:
        rows = store.transaction.get_range(begin, end, limit=_PAGE)
        gone = [key for key, value in rows if value == DELETED][: limit - removed]
        for key in gone:
            record_id = key[len(prefix) + ROW_VERSION_BYTES :]
            store.transaction.clear(key)
            store.transaction.clear(space + POINTERS + packed + record_id)
        removed += len(gone)
        if len(rows) < _PAGE:
            break
        begin = rows[-1][0] + b"\x00"
    return removed


def follow(
    handle: StoreHandle,
    name: str,
    *,
    since: Versionstamp | bytes | None = None,
    group: Sequence[Any] = (),
    poll_seconds: float = 0.2,
    stop: Event | None = None,
) -> Iterator[Change]:
    """Changes after a version as they are committed, each page read in a transaction of its own.

    It looks again every `poll_seconds`: a row to watch would have to be touched by every change,
    and one row that every writer touches is what a version index is there to avoid.

    Args:
        handle: The store.
        name: Of a version index.
        since: Where to begin; None begins with everything there is.
        group: The values of one group, if the index has groups.
        poll_seconds: How long to wait when there is nothing new.
        stop: Ends the generator, also while it waits.

    Raises:
        QueryError, SchemaError: As for `changes`.
    """
    _check_poll(poll_seconds)
    stop = stop or Event()
    while not stop.is_set():
        page = _page(handle, name, since, group)
        for change in page:
            yield change
            if stop.is_set():
                return
        if page:
            since = page[-1].version
        if len(page) < _PAGE:
            stop.wait(poll_seconds)


async def follow_async(
    handle: StoreHandle,
    name: str,
    *,
    since: Versionstamp | bytes | None = None,
    group: Sequence[Any] = (),
    poll_seconds: float = 0.2,
) -> AsyncIterator[Change]:
    """The same in asyncio; it ends when its loop is left or its task is cancelled.

    Raises:
        QueryError, SchemaError: As for `changes`.
    """
    _check_poll(poll_seconds)
    while True:
        page = await asyncio.to_thread(_page, handle, name, since, group)
        for change in page:
            yield change
        if page:
            since = page[-1].version
        if len(page) < _PAGE:
            await asyncio.sleep(poll_seconds)


def _page(
    handle: StoreHandle, name: str, since: Versionstamp | bytes | None, group: Sequence[Any]
) -> list[Change]:
    return handle.read(
        lambda store: list(changes(store, name, since=since, group=group, limit=_PAGE))
    )


def _check_poll(poll_seconds: float) -> None:
    if not poll_seconds > 0:
        raise QueryError(f"poll_seconds={poll_seconds} must be positive; 0.2 is a common choice")


def _behind(version: Versionstamp | bytes) -> bytes:
    """What sorts behind all rows of a version, and before all later ones: no id begins with it."""
    packed = version.to_bytes() if isinstance(version, Versionstamp) else version
    if len(packed) not in (ROW_VERSION_BYTES - 2, ROW_VERSION_BYTES):
        raise QueryError(
            f"{packed!r} is no version: it has {len(packed)} bytes, a commit version has 10 and "
            "the version of a change 12"
        )
    return packed.ljust(ROW_VERSION_BYTES + 1, b"\xff")


def _changes(store: RecordStore, rows: Sequence[Row]) -> list[Change]:
    """The changes in rows whose keys begin with the version."""
    live = [key[ROW_VERSION_BYTES:] for key, value in rows if value != DELETED]
    records = dict(zip(live, load_ids(store, live), strict=True))
    found = []
    for key, _ in rows:
        version, record_id = key[:ROW_VERSION_BYTES], key[ROW_VERSION_BYTES:]
        plan = store.layout.type_of_id(record_id)
        values = unpack(record_id, len(plan.packed_number))
        when = Versionstamp.from_bytes(version)
        record = records.get(record_id)
        found.append(Change(when, plan.record_type, record_id, values, record))
    return found
