"""What every kind of index is: a declaration in a schema, and what keeps it true of each record.

A new kind is a subclass of `Index` with a maintainer; the store calls the maintainer in every
transaction that writes a record.

Source:
    1901.04452, section 6, "index maintainers".
"""

from collections.abc import Iterator, Mapping
from dataclasses import KW_ONLY, dataclass, replace
from typing import Any, ClassVar, Protocol, runtime_checkable

from glasshouse.errors import SchemaError
from glasshouse.records.engines.engine import Row, Transaction
from glasshouse.records.expressions.conditions import Condition
from glasshouse.records.expressions.types import element_type, field_type
from glasshouse.records.schema.keys import Column, Key, key_of
from glasshouse.records.store.context import Context


@runtime_checkable
class Maintainer(Protocol):
    """Keeps one index true of the records of one type."""

    def update(
        self, context: Context, space: bytes, record_id: bytes, old: Any | None, new: Any | None
    ) -> None:
        """Bring the index from what `old` gave to what `new` gives, in this transaction.

        Args:
            context: The transaction.
            space: What every key of the index begins with.
            record_id: The packed number of the record's type and its packed primary key; what
                stands under the store's records at this key is the record.
            old: The record as it was; None if it was not there, or not in the index.
            new: The record as it is to be; None if it is to go, or to leave the index.

        Raises:
            UniquenessError: If another record has what must be unique.
        """
        ...

    def entries(self, record: Any, record_id: bytes) -> list[Row]:
        """The rows that stand in the index because of this record, keys without the space.

        Empty for kinds whose rows belong to no single record.
        """
        ...


@runtime_checkable
class BulkMaintainer(Protocol):
    """A maintainer that takes many new records at less cost than one by one."""

    def insert_all(
        self, context: Context, space: bytes, record_ids: list[bytes], records: list[Any]
    ) -> None:
        """What `update` does for each record, none of which was in the index."""
        ...


@runtime_checkable
class CountingMaintainer(Protocol):
    """A maintainer of rows that are sums over records, which `scrub` can add up again."""

    def contributions(self, record: Any) -> list[tuple[bytes, int]]:
        """The keys of such rows, without the space, and what the record adds to each."""
        ...


@dataclass(frozen=True)
class Index:
    """An index of a schema: its name and the record types it covers; the base of all kinds."""

    name: str
    """Unique in the schema, and never used again for another index."""
    on: type | tuple[type, ...]
    """The record types it covers."""
    _: KW_ONLY
    where: Condition | None = None
    """Only records for which this is true are in the index."""

    kind: ClassVar[str]
    """What the kind is called."""
    needs_version: ClassVar[bool] = False
    """Whether records in the index carry the version of their last change."""

    @property
    def record_types(self) -> tuple[type, ...]:
        """The record types it covers."""
        return self.on if isinstance(self.on, tuple) else (self.on,)

    def columns(self) -> Mapping[str, Key]:
        """The keys that make up the index, by their role, as the first record type gives them."""
        raise SchemaError(f"an index of kind {self.kind} says nothing of its columns")

    def describe(self) -> dict[str, Any]:
        """What a stored schema remembers of the index: it may not change under the same name."""
        return {
            "kind": self.kind,
            "on": sorted(one.__name__ for one in self.record_types),
            "where": None if self.where is None else str(self.where),
            **{role: [one.describe() for one in key] for role, key in self.columns().items()},
        }

    def maintainer(self, record_type: type, type_number: int) -> Maintainer:
        """What keeps the index true of the records of one type."""
        raise SchemaError(f"an index of kind {self.kind} has no maintainer")

    def record_id_of(self, key: bytes, value: bytes) -> bytes | None:
        """The record that a row stands there for; None for a row that no record has to itself.

        Args:
            key: Of the row, without the index's space.
            value: Of the row.
        """
        return None

    def check(self, transaction: Transaction, space: bytes) -> Iterator[str]:
        """What is wrong with the rows themselves, in words; nothing if all is well."""
        return iter(())

    def key_for(self, expression: Any, record_type: type) -> Key:
        """An expression's columns, with the annotations of one of the record types.

        Raises:
            SchemaError: If the type lacks a field that the expression names.
        """
        return tuple(
            _retyped(column, record_type, self.name) for column in key_of(expression, record_type)
        )


def _retyped(column: Column, record_type: type, index: str) -> Column:
    """A column as another record type has it."""
    if not column.path:
        return column
    kind: Any = record_type
    for step in column.path:
        name = step.removesuffix("[]").removesuffix("[*]")
        kind = field_type(kind, name, of=f"index {index!r}: {record_type.__name__}")
        if step.endswith("[]"):
            kind = element_type(kind)
            if kind is None:
                raise SchemaError(f"index {index!r} fans out {name!r}, which is not repeated")
    return replace(column, type=kind)
