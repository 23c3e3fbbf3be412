"""A query over many transactions: pages one after another, in threads or in asyncio.

Each page is a transaction of its own and goes on where the one before stopped, so that no
transaction grows old, however slowly the rows are taken.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from typing import Any

from glasshouse.records.query.cursor import Cursor, Limits, execute
from glasshouse.records.query.query import Query
from glasshouse.records.store.database import StoreHandle
from glasshouse.records.store.store import RecordStore

_PAGE = Limits(rows=1000, seconds=2.0)


@dataclass(frozen=True, slots=True)
class QueryPage:
    """Some rows of a query."""

    rows: list[Any]
    continuation: bytes | None
    """Where the next page begins; None behind the last."""


def page_of(
    handle: StoreHandle, query: Query, *, continuation: bytes | None = None, limits: Limits = _PAGE
) -> QueryPage:
    """One page of a query, in a transaction of its own.

    Raises:
        QueryError: If the query cannot be answered as asked.
        ContinuationError: If the continuation is damaged or of another query.
    """

    def work(store: RecordStore) -> QueryPage:
        cursor = execute(store, query, continuation=continuation, limits=limits, snapshot=True)
        rows = list(cursor)
        return QueryPage(rows, cursor.continuation)

    return handle.read(work)


def pages(
    handle: StoreHandle, query: Query, *, continuation: bytes | None = None, limits: Limits = _PAGE
) -> Iterator[QueryPage]:
    """The pages of a query; each is read when it is asked for."""
    while True:
        page = page_of(handle, query, continuation=continuation, limits=limits)
        yield page
        if page.continuation is None:
            return
        continuation = page.continuation


def stream(
    handle: StoreHandle, query: Query, *, continuation: bytes | None = None, limits: Limits = _PAGE
) -> Iterator[Any]:
    """The rows of a query, page by page."""
    for page in pages(handle, query, continuation=continuation, limits=limits):
        yield from page.rows


async def pages_async(
    handle: StoreHandle, query: Query, *, continuation: bytes | None = None, limits: Limits = _PAGE
) -> AsyncGenerator[QueryPage, None]:
    """The pages of a query, read in a thread while the event loop goes on.

    While a page is looked at the next one is read, and no further one.
    """
    following = _page_ahead(handle, query, continuation, limits)
    try:
        while True:
            page = await following
            if page.continuation is None:
                yield page
                return
            following = _page_ahead(handle, query, page.continuation, limits)
            yield page
    finally:
        # A thread cannot be stopped; it must not outlive whoever closes the engine behind us.
        await asyncio.wait([following])
        if not following.cancelled():
            following.exception()  # looked at, so that nobody is warned of it


def _page_ahead(
    handle: StoreHandle, query: Query, continuation: bytes | None, limits: Limits
) -> "asyncio.Task[QueryPage]":
    reading = asyncio.to_thread(page_of, handle, query, continuation=continuation, limits=limits)
    return asyncio.create_task(reading)


async def stream_async(
    handle: StoreHandle, query: Query, *, continuation: bytes | None = None, limits: Limits = _PAGE
) -> AsyncGenerator[Any, None]:
    """The rows of a query under asyncio, read at most one page ahead."""
    async with aclosing(
        pages_async(handle, query, continuation=continuation, limits=limits)
    ) as found:
        async for page in found:
            for row in page.rows:
                yield row


def delete_where(handle: StoreHandle, query: Query, *, per_transaction: int = 500) -> int:
    """Delete the records that a query finds, in bounded transactions; how many went.

    Raises:
        QueryError: If the query cannot be answered as asked.
    """
    if query.most is not None:
        return _delete_first(handle, query.rows_of(()), per_transaction)
    unordered = query.order_by().rows_of(())
    limits = Limits(rows=per_transaction, seconds=_PAGE.seconds)

    def work(store: RecordStore, continuation: bytes | None) -> tuple[int, bytes | None]:
        cursor = execute(store, unordered, continuation=continuation, limits=limits)
        return _delete(store, cursor), cursor.continuation

    total, continuation = 0, None
    while True:
        gone, continuation = handle.run(partial(work, continuation=continuation))
        total += gone
        if continuation is None:
            return total


def _delete_first(handle: StoreHandle, query: Query, per_transaction: int) -> int:
    """Delete the first so many; what is left is asked anew each time, since positions shift."""
    left = query.most or 0
    while left:
        part = min(left, per_transaction)
        gone = handle.run(
            lambda store, most=part: _delete(store, execute(store, query.limit(most)))
        )
        left -= gone
        if gone < part:
            break
    return (query.most or 0) - left


def _delete(store: RecordStore, cursor: Cursor) -> int:
    """Delete what a cursor gives; it is all read first."""
    found = list(cursor)
    for record in found:
        plan = store.extent(type(record)).plan
        store.delete_by_id(plan.packed_number + plan.primary_key(record))
    return len(found)
