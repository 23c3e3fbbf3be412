"""A query over many transactions: pages one after another, in threads or in asyncio.

Each page is a transaction of its own and goes on where the one before stopped, so that no
transaction grows old and no row is read before it is asked for.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

from glasshouse.records.query.cursor import Limits, execute
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
) -> AsyncIterator[QueryPage]:
    """The pages of a query, read in a thread while the event loop goes on."""
    while True:
        page = await asyncio.to_thread(
            page_of, handle, query, continuation=continuation, limits=limits
        )
        yield page
        if page.continuation is None:
            return
        continuation = page.continuation


async def stream_async(
    handle: StoreHandle, query: Query, *, continuation: bytes | None = None, limits: Limits = _PAGE
) -> AsyncIterator[Any]:
    """The rows of a query under asyncio; the next page is read when the last row was taken."""
    async for page in pages_async(handle, query, continuation=continuation, limits=limits):
        for row in page.rows:
            yield row


def delete_where(handle: StoreHandle, query: Query, *, per_transaction: int = 500) -> int:
    """Delete what a query finds, in bounded transactions; how many records went.

    Raises:
        QueryError: If the query cannot be answered as asked.
    """

    def work(store: RecordStore) -> int:
        plan_rows = execute(store, query, limits=Limits(rows=per_transaction))
        found = list(plan_rows)
        for record in found:
            extent = store.extent(type(record))
            store.delete_by_id(extent.plan.packed_number + extent.plan.primary_key(record))
        return len(found)

    total = 0
    while True:
        gone = handle.run(work)
        total += gone
        if gone < per_transaction:
            return total
