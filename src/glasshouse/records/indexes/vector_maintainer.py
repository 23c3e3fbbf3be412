"""Keeping a vector index true of records: the part that needs numpy."""

from typing import Any

from glasshouse.records.engines.engine import Row
from glasshouse.records.indexes.grouping import compile_groups
from glasshouse.records.indexes.hnsw import VECTORS, Graph, Shape
from glasshouse.records.indexes.metrics import METRICS, vector_bytes
from glasshouse.records.indexes.vector import VectorIndex
from glasshouse.records.schema.keys import evaluate
from glasshouse.records.store.context import Context
from glasshouse.records.tuples import unpack


class VectorMaintainer:
    """Puts vectors into the graphs of their groups, and takes them out."""

    def __init__(self, index: VectorIndex, record_type: type, type_number: int) -> None:
        self._name = index.name
        self._shape = shape_of(index)
        self._values = evaluate(index.key_for(index.vector, record_type), type_number)
        self._groups = compile_groups(index.key_for(index.group_by, record_type), type_number)

    def update(
        self, context: Context, space: bytes, record_id: bytes, old: Any | None, new: Any | None
    ) -> None:
        """Take out what only the old record gives, put in what the new one gives.

        Raises:
            RecordError: If the new vector has another length, is not finite, or has no direction
                where the metric needs one.
        """
        before = {} if old is None else self._vectors(old, record_id)
        after = {} if new is None else self._vectors(new, record_id)
        for group, vector in before.items():
            if after.get(group) != vector:
                graph_of(context, space, group, self._shape).remove(record_id)
        for group, vector in after.items():
            if before.get(group) != vector:
                graph_of(context, space, group, self._shape).add(record_id, vector)

    def entries(self, record: Any, record_id: bytes) -> list[Row]:
        """The vector in each of the record's groups; how it is linked depends on the others."""
        vectors = self._vectors(record, record_id)
        return [(VECTORS + group + record_id, vector) for group, vector in vectors.items()]

    def _vectors(self, record: Any, record_id: bytes) -> dict[bytes, bytes]:
        """The vector by group."""
        value = self._values(record)[0][0]
        if value is None:
            return {}

        def what() -> str:
            return (
                f"the vector of {type(record).__name__} {unpack(record_id)[1:]!r} "
                f"for index {self._name!r}"
            )

        vector = vector_bytes(value, self._shape.dimensions, self._shape.metric, what)
        return dict.fromkeys(self._groups(record), vector)


def graph_of(context: Context, space: bytes, group: bytes, shape: Shape) -> Graph:
    """The graph of a group, as far as the transaction knows it."""
    name = ("graph", space, group)
    graph = context.kept.get(name)
    if graph is None:
        graph = context.kept[name] = Graph(context.transaction, space, group, shape)
    return graph


def shape_of(index: VectorIndex) -> Shape:
    """What the graphs of an index are built by."""
    metric = METRICS[index.metric]
    return Shape(index.dimensions, metric, index.num_links, index.ef_construction)
