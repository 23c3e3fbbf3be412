"""The vector index: which records are near a point.

How its rows are laid out, and how near ones are found, is told in `hnsw`. numpy is imported where
a store with such an index is first opened.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from typing import Any, ClassVar

from glasshouse.errors import SchemaError
from glasshouse.records.engines.engine import Transaction
from glasshouse.records.expressions.types import element_type, without_none
from glasshouse.records.indexes.grouping import compile_group, end_of_group
from glasshouse.records.indexes.index import Index, Maintainer
from glasshouse.records.schema.keys import Key, fans_out

METRIC_NAMES = ("cosine", "euclidean", "dot")
"""By what vectors can be compared."""


@dataclass(frozen=True)
class VectorIndex(Index):
    """Nearest neighbours over a field of numbers, or of the bytes of 32-bit floats.

        VectorIndex("feature_direction", Feature, Feature.direction, dimensions=768)
        VectorIndex("near_transcripts", Transcript, "embedding", dimensions=64, metric="euclidean")

    Records whose field is None are not in it. "dot" orders by the inner product, largest first;
    it is best where lengths differ little, as the graph is made for true distances.
    """

    vector: Any
    """A field, or a computed column."""
    _: KW_ONLY
    dimensions: int
    """Numbers in a vector."""
    metric: str = "cosine"
    """"cosine", "euclidean" or "dot"."""
    group_by: Any = ()
    """A key expression: each of its values is searched alone."""
    num_links: int = 16
    """Neighbours that a new vector is linked with (M)."""
    ef_construction: int = 100
    """Near vectors that are found to choose these from: more cost time and find better ones."""
    ef_search: int = 64
    """Near vectors that a search finds to give the nearest of: more cost time and miss fewer."""

    kind: ClassVar[str] = "vector"

    def __post_init__(self) -> None:
        key = self.columns()["vector"]
        if len(key) != 1 or fans_out(key):
            raise SchemaError(f"index {self.name!r} needs one field with one vector in each record")
        kind = without_none(key[0].type)
        if kind not in (bytes, Any) and element_type(kind) not in (float, int, Any):
            raise SchemaError(
                f"index {self.name!r} is over {key[0].describe()}, which is {key[0].type}; it "
                "needs a list of floats or bytes"
            )
        if self.metric not in METRIC_NAMES:
            raise SchemaError(
                f"metric={self.metric!r} of index {self.name!r} is none of "
                f"{', '.join(METRIC_NAMES)}"
            )
        least = {"dimensions": 1, "num_links": 2, "ef_construction": 1, "ef_search": 1}
        for option, smallest in least.items():
            value = getattr(self, option)
            if value < smallest:
                raise SchemaError(
                    f"{option}={value} of index {self.name!r} must be {smallest} or more"
                )

    def columns(self) -> Mapping[str, Key]:
        """The vector, and what makes the groups."""
        first = self.record_types[0]
        return {
            "vector": self.key_for(self.vector, first),
            "group_by": self.key_for(self.group_by, first),
        }

    def describe(self) -> dict[str, Any]:
        """With all that the rows depend on; how widely to search may change."""
        return {
            **super().describe(),
            "dimensions": self.dimensions,
            "metric": self.metric,
            "num_links": self.num_links,
        }

    def maintainer(self, record_type: type, type_number: int) -> Maintainer:
        """What keeps it true of one record type."""
        from glasshouse.records.indexes.vector_maintainer import VectorMaintainer

        return VectorMaintainer(self, record_type, type_number)

    def record_id_of(self, key: bytes, value: bytes) -> bytes | None:
        """The record that a row stands there for.

        None for a row that depends on other records as well: links, and where walks begin.
        """
        from glasshouse.records.indexes.hnsw import VECTORS

        if not key.startswith(VECTORS):
            return None
        return key[self._end_of_group(key, len(VECTORS)) :]

    @cached_property
    def _end_of_group(self) -> Callable[[bytes, int], int]:
        return end_of_group(self.columns()["group_by"])

    def check(self, transaction: Transaction, space: bytes) -> Iterator[str]:
        """What is wrong with the graph itself, in words; nothing if all is well."""
        from glasshouse.records.indexes.graph_check import check_graphs

        return check_graphs(transaction, space, self.dimensions)

    @cached_property
    def pack_group(self) -> Callable[[Sequence[Any]], bytes]:
        """From a group's values to their bytes."""
        return compile_group(self, self.group_by)
