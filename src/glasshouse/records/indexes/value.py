"""The value index: records in the order of some columns.

A row is (columns, record id) -> covered values. A unique index keeps the record id in the value
instead, so that a second record of the same columns meets the first; rows with a missing column
are exempt and look like those of any index.

Source:
    1901.04452, section 6.1, "VALUE indexes".
"""

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from typing import Any, ClassVar

from glasshouse.errors import SchemaError, UniquenessError
from glasshouse.records.engines.engine import Row
from glasshouse.records.indexes.index import Index, Maintainer
from glasshouse.records.schema.keys import Key, evaluate, fans_out
from glasshouse.records.schema.packing import compile_key, compile_keys
from glasshouse.records.schema.packing_many import compile_rows
from glasshouse.records.store.context import Context
from glasshouse.records.tuples import read_columns, unpack


@dataclass(frozen=True)
class ValueIndex(Index):
    """Records in the order of a key.

    ValueIndex("run_by_study", Run, (Run.study, desc(Run.loss)))
    ValueIndex("run_by_tag", Run, fan_out(Run.tags))
    ValueIndex("user_by_mail", User, User.mail, unique=True)
    """

    key: Any
    """A key expression."""
    _: KW_ONLY
    unique: bool = False
    """Whether no two records may have the same columns; missing values never collide."""
    covering: Any = ()
    """Columns kept beside the key, so that queries for them need not read the record."""

    kind: ClassVar[str] = "value"

    def __post_init__(self) -> None:
        if fans_out(self.key_for(self.covering, self.record_types[0])):
            raise SchemaError(f"index {self.name!r} covers a field that fans out; cover it whole")

    def columns(self) -> Mapping[str, Key]:
        """The key, and what is kept beside it."""
        first = self.record_types[0]
        return {
            "key": self.key_for(self.key, first),
            "covering": self.key_for(self.covering, first),
        }

    def describe(self) -> dict[str, Any]:
        """With whether it is unique."""
        return {**super().describe(), "unique": self.unique}

    def record_id_of(self, key: bytes, value: bytes) -> bytes | None:
        """The record that a row points at."""
        end = read_columns(key, self._directions)[1]
        return key[end:] if end < len(key) else holder_of(value)

    @cached_property
    def _directions(self) -> list[bool]:
        return [column.descending for column in self.columns()["key"]]

    def maintainer(self, record_type: type, type_number: int) -> Maintainer:
        """What keeps it true of one record type."""
        key = self.key_for(self.key, record_type)
        covering = self.key_for(self.covering, record_type)
        if self.unique:
            return UniqueMaintainer(self.name, key, covering, type_number)
        return ValueMaintainer(key, covering, type_number)


class ValueMaintainer:
    """Writes and removes (columns, record id) rows."""

    def __init__(self, key: Key, covering: Key, type_number: int) -> None:
        self._keys = compile_keys(key, type_number)
        self._rows = compile_rows(key, type_number)
        self._covered = compile_key(covering, type_number) if covering else None

    def update(
        self, context: Context, space: bytes, record_id: bytes, old: Any | None, new: Any | None
    ) -> None:
        """Remove what only the old record gives, write what the new one gives."""
        transaction = context.transaction
        if old is None:
            value = b"" if self._covered is None else self._covered(new)
            put = transaction.set
            for key in self._keys(new):
                put(space + key + record_id, value)
            return
        before = dict(self.entries(old, record_id))
        after = {} if new is None else dict(self.entries(new, record_id))
        for key in before.keys() - after.keys():
            transaction.clear(space + key)
        for key, value in after.items():
            if before.get(key) != value:
                transaction.set(space + key, value)

    def insert_all(
        self, context: Context, space: bytes, record_ids: list[bytes], records: list[Any]
    ) -> None:
        """Write the rows of many new records."""
        keys, covered = self._keys, self._covered
        if covered is None:
            rows = dict.fromkeys(self._rows(space, record_ids, records), b"")
        else:
            values = map(covered, records)
            rows = {
                space + key + record_id: value
                for record_id, record, value in zip(record_ids, records, values, strict=True)
                for key in keys(record)
            }
        context.transaction.set_all(rows)

    def entries(self, record: Any, record_id: bytes) -> list[Row]:
        """One row for each key of the record."""
        value = b"" if self._covered is None else self._covered(record)
        return [(key + record_id, value) for key in self._keys(record)]


class UniqueMaintainer:
    """Writes columns -> (record id, covered values) rows, and refuses a second record."""

    def __init__(self, name: str, key: Key, covering: Key, type_number: int) -> None:
        self._name = name
        self._keys = compile_keys(key, type_number)
        self._values = evaluate(key, type_number)
        self._covered = compile_key(covering, type_number) if covering else None

    def update(
        self, context: Context, space: bytes, record_id: bytes, old: Any | None, new: Any | None
    ) -> None:
        """Remove what only the old record gives; write what the new one gives, if it is free."""
        transaction = context.transaction
        before = {} if old is None else dict(self.entries(old, record_id))
        after = {} if new is None else dict(self.entries(new, record_id))
        for key in before.keys() - after.keys():
            transaction.clear(space + key)
        own = _framed(record_id)
        for key, value in after.items():
            if before.get(key) == value:
                continue
            holder = transaction.get(space + key)
            if holder is not None and not key.endswith(record_id) and not holder.startswith(own):
                raise UniquenessError(
                    f"index {self._name!r} is unique, and another record has {unpack(key)!r} "
                    f"already: the one with primary key {unpack(holder_of(holder))[1:]!r}"
                )
            transaction.set(space + key, value)

    def entries(self, record: Any, record_id: bytes) -> list[Row]:
        """One row for each key of the record; those with a missing column are not unique."""
        covered = b"" if self._covered is None else self._covered(record)
        framed = _framed(record_id) + covered
        return [
            (key + record_id, covered) if None in values else (key, framed)
            for key, values in zip(self._keys(record), self._values(record), strict=True)
        ]


def _framed(record_id: bytes) -> bytes:
    return len(record_id).to_bytes(2, "big") + record_id


def holder_of(value: bytes) -> bytes:
    """The record id in the value of a unique row."""
    return value[2 : 2 + int.from_bytes(value[:2], "big")]


def covered_of(value: bytes) -> bytes:
    """The covered values in the value of a unique row."""
    return value[2 + int.from_bytes(value[:2], "big") :]
