"""Asking a vector index: the records nearest to a point."""

from collections.abc import Sequence
from typing import Any

from glasshouse.errors import QueryError
from glasshouse.records.indexes.asking import ask, load_ids
from glasshouse.records.indexes.vector import VectorIndex
from glasshouse.records.store.store import RecordStore


def nearest(
    store: RecordStore,
    name: str,
    vector: Any,
    k: int = 10,
    *,
    group: Sequence[Any] = (),
    ef: int | None = None,
    exact: bool = False,
) -> list[tuple[Any, float]]:
    """The k records nearest to a vector with their distances, nearest first.

        for feature, distance in nearest(store, "feature_direction", direction, 20):

    Args:
        store: The store.
        name: Of a vector index.
        vector: Numbers, or the bytes of 32-bit floats.
        k: How many.
        group: The values of one group, if the index has groups.
        ef: How many near vectors to find, of which to give the nearest; the index's ef_search
            if not given. A larger one misses fewer and takes longer.
        exact: Whether to look at every vector of the group. Then none is missed, and the
            transaction conflicts with whoever changes one; else finding goes without conflicts.

    Returns:
        Distances are one less the cosine, the distance in space, or the negative inner product.

    Raises:
        QueryError: If the index is of another kind, has other groups, or the vector does not fit.
        SchemaError: If there is no such index or it is not built.
    """
    found = nearest_ids(store, name, vector, k, group=group, ef=ef, exact=exact)
    records = load_ids(store, [record_id for record_id, _ in found])
    return [(record, distance) for record, (_, distance) in zip(records, found, strict=True)]


def nearest_ids(
    store: RecordStore,
    name: str,
    vector: Any,
    k: int = 10,
    *,
    group: Sequence[Any] = (),
    ef: int | None = None,
    exact: bool = False,
) -> list[tuple[bytes, float]]:
    """The ids of the nearest records with their distances; see `nearest`.

    Raises:
        QueryError, SchemaError: As for `nearest`.
    """
    from glasshouse.records.indexes.vector_search import find

    index, space = ask(store, name, VectorIndex)
    wide = index.ef_search if ef is None else ef
    if k < 1 or wide < 1:
        raise QueryError(f"k={k} and ef={wide} must be 1 or more")
    packed = index.pack_group(group)
    return find(store.context, index, space, packed, vector, k=k, ef=wide, exact=exact)
