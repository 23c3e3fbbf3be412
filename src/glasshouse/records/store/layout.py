"""Where things stand inside a store, and what is compiled once for all stores of a schema.

    prefix + 0                              the header
    prefix + 1, type number, primary key    records (behind them, the further parts of large ones)
    prefix + 2, index number, …             indexes, each laid out by its kind
    prefix + 3, type number, primary key    versions of records, where an index needs them
    prefix + 4, index number, …             how far an index is built
    prefix + 5                              how far a restore has come, while it goes on

Numbers are given when a type or an index first comes to a store, and never again.

Source:
    1901.04452, section 4 and figure 3.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec

from glasshouse.errors import CorruptionError
from glasshouse.records.expressions.conditions import Test, compile_test
from glasshouse.records.indexes.index import BulkMaintainer, Index, Maintainer
from glasshouse.records.schema.packing import (
    compile_key,
    compile_row,
    compile_short_row,
    compile_values,
    compile_whole,
)
from glasshouse.records.schema.packing_many import compile_key_list
from glasshouse.records.schema.schema import Schema
from glasshouse.records.store.codec import Codec
from glasshouse.records.store.context import Context
from glasshouse.records.tuples import pack_int

NUMBERS = pack_int(0)
"""The code of the number zero; that of a number of n bytes is n more."""

HEADER = pack_int(0)
RECORDS = pack_int(1)
INDEXES = pack_int(2)
VERSIONS = pack_int(3)
BUILDS = pack_int(4)
RESTORING = pack_int(5)


class Numbers(msgspec.Struct, frozen=True):
    """The short numbers that stand for names in keys."""

    records: dict[str, int]
    indexes: dict[str, int]

    def extended(self, schema: Schema) -> "Numbers":
        """With numbers for what is new in a schema; those of dropped indexes stay taken."""
        records, indexes = dict(self.records), dict(self.indexes)
        for kind in schema.records:
            records.setdefault(kind.__name__, len(records) + 1)
        for index in schema.indexes:
            indexes.setdefault(index.name, len(indexes) + 1)
        return Numbers(records, indexes)


@dataclass(frozen=True, eq=False)
class IndexPlan:
    """An index as it works on the records of one type."""

    index: Index
    number: int
    maintainer: Maintainer
    space: bytes
    """What the keys of the index begin with, after the store's prefix."""
    build: bytes
    """What the marks of its build begin with, after the store's prefix."""
    test: Test | None
    """Whether a record belongs in the index; None if every record does."""

    def insert_all(self, context: Context, space: bytes, ids: list[bytes], new: list[Any]) -> None:
        """Bring records into the index that were not there."""
        if self.test is not None:
            chosen = [pair for pair in zip(ids, new, strict=True) if self.test(pair[1])]
            ids, new = [one for one, _ in chosen], [record for _, record in chosen]
        if isinstance(self.maintainer, BulkMaintainer):
            self.maintainer.insert_all(context, space, ids, new)
            return
        for record_id, record in zip(ids, new, strict=True):
            self.maintainer.update(context, space, record_id, None, record)

    def member(self, record: Any | None) -> Any | None:
        """The record, if it belongs in the index."""
        if self.test is None or record is None or self.test(record):
            return record
        return None


@dataclass(frozen=True, eq=False)
class TypePlan:
    """A record type as it is stored."""

    record_type: type
    number: int
    packed_number: bytes
    codec: Codec
    primary_key: Callable[[Any], bytes]
    """From a record to its packed primary key."""
    primary_keys: Callable[[Sequence[Any]], list[bytes]]
    """The same of many records."""
    pack_key: Callable[[Sequence[Any]], bytes]
    """From the values of a primary key, or the first of them, to their bytes."""
    pack_whole: Callable[[tuple[Any, ...]], bytes]
    """The same for all values of a primary key, no fewer."""
    compile_row: Callable[[bytes], Callable[[Any], bytes]]
    """From what stands before packed keys to a function from primary keys to keys of rows."""
    compile_short_row: Callable[
        [bytes], tuple[Callable[[bytes, int], bytes], bytes] | tuple[None, None]
    ]
    """The same for keys of small numbers alone."""
    num_key_columns: int
    indexes: tuple[IndexPlan, ...]
    """The indexes that the type is in."""
    is_versioned: bool
    """Whether the version of each change is kept, with the record or by an index."""


class Layout:
    """A schema with the numbers of one store, compiled."""

    def __init__(self, schema: Schema, numbers: Numbers) -> None:
        self.schema = schema
        self.numbers = numbers
        self.types = {kind: self._type_plan(kind) for kind in schema.records}
        self._by_packed_number = {plan.packed_number: plan for plan in self.types.values()}

    def type_of_id(self, record_id: bytes) -> TypePlan:
        """The type of the record that an index row points at.

        Raises:
            CorruptionError: If there is no type of its number.
        """
        length = record_id[0] - NUMBERS[0] + 1 if record_id else 0
        plan = self._by_packed_number.get(record_id[:length])
        if plan is None:
            raise CorruptionError(f"{record_id!r} points at no record type of this store")
        return plan

    def index_space(self, name: str) -> bytes:
        """What the keys of an index begin with, after the store's prefix."""
        return INDEXES + pack_int(self.numbers.indexes[name])

    def build_space(self, name: str) -> bytes:
        """What the marks of an index's build begin with, after the store's prefix."""
        return BUILDS + pack_int(self.numbers.indexes[name])

    def types_of(self, index: Index) -> tuple[TypePlan, ...]:
        """The types that an index covers, in the order of their numbers."""
        plans = [self.types[kind] for kind in index.record_types]
        return tuple(sorted(plans, key=lambda plan: plan.number))

    def _type_plan(self, kind: type) -> TypePlan:
        number = self.numbers.records[kind.__name__]
        key = self.schema.keys[kind]
        what = f"the primary key of {kind.__name__}"
        indexes = tuple(
            self._index_plan(index, kind, number)
            for index in self.schema.indexes
            if kind in index.record_types
        )
        return TypePlan(
            record_type=kind,
            number=number,
            packed_number=pack_int(number),
            codec=Codec(kind),
            primary_key=compile_key(key, number),
            primary_keys=compile_key_list(key, number),
            pack_key=compile_values(key, what),
            pack_whole=compile_whole(key, what),
            compile_row=partial(compile_row, key, what),
            compile_short_row=partial(compile_short_row, key),
            num_key_columns=len(key),
            indexes=indexes,
            is_versioned=self.schema.record_versions
            or any(plan.index.needs_version for plan in indexes),
        )

    def _index_plan(self, index: Index, kind: type, type_number: int) -> IndexPlan:
        number = self.numbers.indexes[index.name]
        return IndexPlan(
            index=index,
            number=number,
            maintainer=index.maintainer(kind, type_number),
            space=self.index_space(index.name),
            build=self.build_space(index.name),
            test=None if index.where is None else compile_test(index.where),
        )
