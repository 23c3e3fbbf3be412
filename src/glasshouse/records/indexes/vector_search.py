"""Finding near vectors in a group's graph, or by looking at all of them."""

import heapq
from collections.abc import Iterable
from typing import Any

from glasshouse.errors import QueryError, RecordError
from glasshouse.records.engines.engine import Row, Transaction
from glasshouse.records.indexes.hnsw import VECTORS, Near, Shape
from glasshouse.records.indexes.metrics import Vector, read_vectors, vector_bytes
from glasshouse.records.indexes.paging import pages
from glasshouse.records.indexes.vector import VectorIndex
from glasshouse.records.indexes.vector_maintainer import graph_of, shape_of
from glasshouse.records.store.context import Context
from glasshouse.records.tuples import end_of

SCANNED = 600
"""Up to so many vectors of a group are all looked at: reading them in one go takes no longer."""

_LOW = 1
"""A graph of no more layers above the lowest may well have so few vectors."""


def find(
    context: Context,
    index: VectorIndex,
    space: bytes,
    group: bytes,
    vector: Any,
    *,
    k: int,
    ef: int,
    exact: bool,
) -> list[tuple[bytes, float]]:
    """The record ids nearest to a vector with their distances; see `nearest`.

    Raises:
        QueryError: If the vector does not fit.
    """
    shape = shape_of(index)
    try:
        row = vector_bytes(vector, shape.dimensions, shape.metric, lambda: "the vector asked for")
    except RecordError as error:
        raise QueryError(str(error)) from None
    query = read_vectors([row], shape.dimensions)[0]
    prefix = space + VECTORS + group
    graph = graph_of(context, space, group, shape)
    if exact:
        found = _nearest_of(pages(context.transaction, prefix), query, k, shape)
    elif (entry := graph.entry()) is None:
        found = []
    elif entry[0] <= _LOW and (rows := _if_few(context.transaction, prefix)) is not None:
        found = _nearest_of([rows], query, k, shape)
    else:
        found = graph.search(query, k, ef)
    return [(record_id, shape.metric.told(distance)) for distance, record_id in found]


def _if_few(transaction: Transaction, prefix: bytes) -> list[Row] | None:
    rows = transaction.get_range(prefix, end_of(prefix), limit=SCANNED + 1, snapshot=True)
    return None if len(rows) > SCANNED else [(key[len(prefix) :], value) for key, value in rows]


def _nearest_of(some: Iterable[list[Row]], query: Vector, k: int, shape: Shape) -> list[Near]:
    """The k nearest of all rows; of two equally near the one with the smaller id comes first."""
    best: list[Near] = []
    for rows in some:
        vectors = read_vectors([value for _, value in rows], shape.dimensions)
        distances = shape.metric.to_query(vectors, query).tolist()
        ids = [record_id for record_id, _ in rows]
        best = heapq.nsmallest(k, [*best, *zip(distances, ids, strict=True)])
    return best
