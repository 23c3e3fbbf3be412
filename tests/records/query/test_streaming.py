"""Queries over many transactions."""

import asyncio
from contextlib import aclosing

import pytest
from tests.records.query.shelf import open_shelf
from tests.records.query.things import Thing

from glasshouse.errors import QueryError
from glasshouse.records.query import (
    Limits,
    Query,
    count,
    delete_where,
    page_of,
    pages,
    pages_async,
    stream,
    stream_async,
    streaming,
)


@pytest.fixture
def handle():
    opened = open_shelf()
    yield opened
    opened.database.close()


QUERY = Query(Thing).where(Thing.group == "a")


class TestPages:
    def test_are_transactions_of_their_own(self, handle):
        """A page's continuation begins the next; what is written between them is seen."""
        found = list(pages(handle, QUERY, limits=Limits(rows=7)))
        assert [len(page.rows) for page in found] == [7, 7, 6]
        rows = list(stream(handle, QUERY, continuation=found[0].continuation))
        assert rows == found[1].rows + found[2].rows
        some = pages(handle, QUERY, limits=Limits(rows=7))
        next(some)
        handle.save(Thing(900, "a", 900))
        assert [row.id for page in some for row in page.rows][-1] == 900

    def test_are_read_one_ahead_under_asyncio(self, handle, monkeypatch):
        """The next is read while one is looked at, and no further one; closing waits for it."""
        asked, seen = [], []

        def watched(*arguments, **options):
            asked.append(len(asked))
            return page_of(*arguments, **options)

        async def look():
            async with aclosing(pages_async(handle, QUERY, limits=Limits(rows=2))) as found:
                async for _ in found:
                    await asyncio.sleep(0.05)
                    seen.append(len(asked))
                    if len(seen) == 3:
                        return

        monkeypatch.setattr(streaming, "page_of", watched)
        asyncio.run(look())
        assert seen == [2, 3, 4]
        assert len(asked) == 4

    def test_give_the_same_rows_under_asyncio(self, handle):
        """In the same order; a query that cannot be answered fails where it is awaited."""

        async def rows(query):
            return [row async for row in stream_async(handle, query, limits=Limits(rows=3))]

        assert asyncio.run(rows(QUERY)) == list(stream(handle, QUERY))
        with pytest.raises(QueryError, match="no index gives the order"):
            asyncio.run(rows(QUERY.order_by(Thing.weight)))


class TestDeleteWhere:
    def test_deletes_in_bounded_transactions(self, handle):
        """All that is found goes, and nothing else."""
        assert delete_where(handle, QUERY, per_transaction=6) == 20
        assert handle.read(lambda store: count(store, Query(Thing))) == 40
        assert delete_where(handle, QUERY) == 0

    def test_deletes_no_more_than_the_limit(self, handle):
        """Those that come first in the order, also where that takes several transactions."""
        query = QUERY.order_by(Thing.weight, Thing.number).sorted_in_memory().limit(5)
        assert delete_where(handle, query, per_transaction=2) == 5
        assert [row.number for row in stream(handle, QUERY)] == list(range(5, 20))
        assert delete_where(handle, QUERY.limit(90), per_transaction=4) == 15

    def test_deletes_what_is_selected_from(self, handle):
        """Which fields were asked for does not matter."""
        assert delete_where(handle, QUERY.select(Thing.number)) == 20
