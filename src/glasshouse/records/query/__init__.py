"""Queries: what is asked as a value, planned over the indexes, answered row by row.

query          Query: where, order_by, select, limit
where          parse_where, parse_field: conditions and fields from text
planner        choosing a plan, of the ways that there are to read records
ways           by primary key or by an index; what each finds, and in which order (ordering)
ranges         conditions as ranges of keys (bounds); sides takes `or` and `in` apart
plans          what can be chosen, as values; explaining puts them in words
running        running a plan in batches (scans, joining, covering, columns)
cursor         execute, explain, count, first; Cursor, Limits, StopReason
continuation   where a query stopped, in bytes
streaming      pages over many transactions, sync and async; delete_where
"""

from glasshouse.records.query.cursor import (
    Bill,
    Cursor,
    Limits,
    StopReason,
    count,
    execute,
    explain,
    first,
)
from glasshouse.records.query.query import Query
from glasshouse.records.query.streaming import (
    QueryPage,
    delete_where,
    page_of,
    pages,
    pages_async,
    stream,
    stream_async,
)
from glasshouse.records.query.where import parse_field, parse_where

__all__ = [
    "Bill",
    "Cursor",
    "Limits",
    "Query",
    "QueryPage",
    "StopReason",
    "count",
    "delete_where",
    "execute",
    "explain",
    "first",
    "page_of",
    "pages",
    "pages_async",
    "parse_field",
    "parse_where",
    "stream",
    "stream_async",
]
