"""A schema: the record types of a store, their primary keys and their indexes, with a version.

Source:
    1901.04452, section 4, "record metadata"; `RecordMetaData` of the Record Layer.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from typing import Any

import msgspec

from glasshouse.errors import SchemaError
from glasshouse.records.expressions.record import Record
from glasshouse.records.indexes.index import Index
from glasshouse.records.schema.describe import TypeDescription, describe_type
from glasshouse.records.schema.keys import Key, fans_out, key_of


@dataclass(frozen=True, kw_only=True)
class Schema:
    """What a store may hold.

        Schema(
            name="shop",
            version=1,
            records={Order: Order.id, Customer: (Customer.last, Customer.first)},
            indexes=(ValueIndex("order_by_price", Order, Order.price),),
        )

    Raises:
        SchemaError: If it contradicts itself: two indexes of one name, a primary key that fans
            out, an index on a type that is not in the schema, or the like.
    """

    name: str
    """Of the application that it belongs to."""
    version: int
    """Raised by one with every change; older code is then told to upgrade."""
    records: Mapping[type[Record], Any]
    """Record types with their primary keys."""
    indexes: tuple[Index, ...] = ()
    """Indexes kept in every transaction that writes a record."""
    dropped_indexes: tuple[str, ...] = ()
    """Names of indexes of earlier versions: their rows are removed, the names never used again."""
    record_versions: bool = False
    """Whether each record carries the version of its last change."""
    keys: Mapping[type[Record], Key] = field(init=False, repr=False, compare=False)
    """The columns of the primary keys."""
    opened: dict[bytes, Any] = field(init=False, repr=False, compare=False, default_factory=dict)
    """Headers of stores that were opened with this schema, decoded; kept by `store.opening`."""

    def __post_init__(self) -> None:
        if self.version < 1:
            raise SchemaError(f"version={self.version} of schema {self.name!r} must be 1 or more")
        if not self.records:
            raise SchemaError(f"schema {self.name!r} has no record types")
        keys = {kind: _primary_key(kind, key) for kind, key in self.records.items()}
        object.__setattr__(self, "keys", keys)
        _refuse_repeats(self.name, "record types", [kind.__name__ for kind in self.records])
        names = [index.name for index in self.indexes]
        _refuse_repeats(self.name, "indexes", [*names, *self.dropped_indexes])
        for index in self.indexes:
            for kind in index.record_types:
                if kind not in keys:
                    raise SchemaError(
                        f"index {index.name!r} is on {kind.__name__}, which is not among the "
                        f"record types of schema {self.name!r}"
                    )
            index.describe()

    @cached_property
    def description(self) -> "SchemaDescription":
        """What a store remembers of the schema."""
        return SchemaDescription(
            name=self.name,
            version=self.version,
            records={
                kind.__name__: RecordDescription(
                    type=describe_type(kind), key=[column.describe() for column in key]
                )
                for kind, key in self.keys.items()
            },
            indexes={index.name: index.describe() for index in self.indexes},
            dropped_indexes=sorted(self.dropped_indexes),
            record_versions=self.record_versions,
        )

    @cached_property
    def fingerprint(self) -> bytes:
        """Eight bytes that differ between schemas that differ."""
        encoded = msgspec.msgpack.encode(self.description, order="deterministic")
        return blake2b(encoded, digest_size=8).digest()

    def index(self, name: str) -> Index:
        """An index by its name.

        Raises:
            SchemaError: If there is none; the message lists those there are.
        """
        for index in self.indexes:
            if index.name == name:
                return index
        known = ", ".join(index.name for index in self.indexes) or "none"
        raise SchemaError(f"schema {self.name!r} has no index {name!r}; it has {known}")

    def __hash__(self) -> int:
        return hash((self.name, self.version, self.fingerprint))


class RecordDescription(msgspec.Struct, frozen=True):
    """A record type as a store remembers it."""

    type: TypeDescription
    key: list[str]


class SchemaDescription(msgspec.Struct, frozen=True):
    """A schema as a store remembers it: what the next version is checked against."""

    name: str
    version: int
    records: dict[str, RecordDescription]
    indexes: dict[str, dict[str, Any]]
    dropped_indexes: list[str]
    record_versions: bool = False


def _primary_key(kind: type[Record], expression: Any) -> Key:
    if not (isinstance(kind, type) and issubclass(kind, Record)):
        raise SchemaError(f"{kind!r} is no record type; derive it from Record")
    key = key_of(expression, kind)
    if not key:
        raise SchemaError(f"the primary key of {kind.__name__} has no columns")
    if fans_out(key):
        raise SchemaError(f"the primary key of {kind.__name__} fans out; a record has one key")
    if any(column.descending for column in key):
        raise SchemaError(f"the primary key of {kind.__name__} is descending; scan in reverse")
    return key


def _refuse_repeats(schema: str, what: str, names: list[str]) -> None:
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise SchemaError(f"schema {schema!r} has two {what} named {', '.join(repeated)}")
