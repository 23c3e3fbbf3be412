"""A record store inside one transaction: save, load and delete records, every index kept.

A store is a prefix and a schema; nothing of it lives outside the engine, so that a process may open
any of millions at the cost of reading one row.

Source:
    1901.04452, section 4; `FDBRecordStore` of the Record Layer.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any, TypeVar
from zlib import crc32

from glasshouse.errors import GlasshouseError, RecordError, RecordExistsError, SchemaError
from glasshouse.records.engines.engine import MAX_VALUE_BYTES, QUICK_BYTES, Transaction
from glasshouse.records.expressions.record import Record
from glasshouse.records.schema.schema import Schema
from glasshouse.records.store import codec, versions
from glasshouse.records.store.codec import SOUND
from glasshouse.records.store.context import Context
from glasshouse.records.store.header import Header, IndexState
from glasshouse.records.store.layout import HEADER, RECORDS, VERSIONS, IndexPlan, Layout, TypePlan
from glasshouse.records.store.opening import Opened, open_header
from glasshouse.records.store.reading import Extent, extent_of, read_page, read_record, read_rows
from glasshouse.records.store.writable import is_built
from glasshouse.records.tuples import Versionstamp, end_of

R = TypeVar("R", bound=Record)

_Quick = tuple[Any, bytes | None, Callable[[Any], bytes], Callable, Callable]
"""What the way from the primary key of a type to a record takes; see `RecordStore.load`."""


class RecordStore:
    """The records of one schema under one prefix, seen by one transaction."""

    def __init__(self, context: Context, prefix: bytes, opened: Opened) -> None:
        """Use `RecordStore.open`."""
        self.context = context
        self.transaction: Transaction = context.transaction
        self._get = context.transaction.get
        self.prefix = prefix
        self._opened = opened
        self._extents: dict[type, Extent] = {}
        self._quick: dict[type, _Quick] = {}

    @classmethod
    def open(
        cls,
        context: Context,
        schema: Schema,
        prefix: bytes,
        *,
        create: bool = True,
        read_only: bool = False,
    ) -> "RecordStore":
        """Open a store, and make it or bring it up to the schema's version where needed.

        Args:
            context: The transaction.
            schema: What the store may hold.
            prefix: What all its keys begin with; see `keyspace` for prefixes with names.
            create: Whether a store that is not there is made.
            read_only: Whether nothing may be written, be it to make or to upgrade the store.

        Raises:
            SchemaError: If the store's schema is another one, a later one, or one that this does
                not follow from; or if the store is not there and `create` is false.
        """
        opened = open_header(context, schema, prefix, create=create, read_only=read_only)
        return cls(context, prefix, opened)

    @property
    def schema(self) -> Schema:
        """What the store may hold."""
        return self._opened.layout.schema

    @property
    def header(self) -> Header:
        """What the store's first row says."""
        return self._opened.header

    @property
    def layout(self) -> Layout:
        """The schema with this store's numbers, compiled."""
        return self._opened.layout

    def reopen(self, opened: Opened) -> None:
        """Go on with another header, which this transaction has written."""
        self._opened = opened
        self._extents.clear()
        self._quick.clear()

    def save(self, record: Record) -> None:
        """Write a record, in place of one with the same primary key if there is one.

        Raises:
            RecordError: If a field holds what its annotation does not allow, or the type is not in
                the schema.
            UniquenessError: If another record has its value of a unique index.
        """
        self._write(record, must_be=None)

    def save_all(self, records: Sequence[Record]) -> None:
        """Write many records as `save` does, at less cost for each where they are new.

        Raises:
            RecordError, UniquenessError: As for `save`.
        """
        for kind, alike in groupby(records, type):
            self._write_alike(self.extent(kind), list(alike))

    def insert(self, record: Record) -> None:
        """Write a record that is not there.

        Raises:
            RecordExistsError: If one with its primary key is there.
            RecordError, UniquenessError: As for `save`.
        """
        self._write(record, must_be=False)

    def update(self, record: Record) -> None:
        """Write a record in place of the one with its primary key.

        Raises:
            RecordError: If there is none; or as for `save`.
            UniquenessError: As for `save`.
        """
        self._write(record, must_be=True)

    def load(self, record_type: type[R], key: Any, *more: Any) -> R | None:
        """The record with a primary key; None if there is none.

        Args:
            record_type: The type.
            key: The value of the primary key, or of its first column.
            more: The values of its other columns.

        Raises:
            RecordError: If the key is not one of the type.
            CorruptionError: If the record is damaged.
        """
        # What programs do most. Every step that is spared here shows, even that of looking up a
        # method on an object; whatever is out of the ordinary takes the long way.
        try:
            pack, head, row_of, get, decode = self._quick[record_type]
            if not more:
                if head is not None and 255 < key < 1 << 16:
                    value = get(pack(head, key))
                else:
                    value = get(row_of(key))
                if value is None:
                    return None
                if crc32(value) == SOUND:
                    return decode(value)
        except GlasshouseError:
            raise
        except Exception:
            pass  # said in full by the long way
        return self._load(record_type, (key, *more))

    def _load(self, record_type: type, key: tuple[Any, ...]) -> Any | None:
        extent = self.extent(record_type)
        if record_type not in self._quick:
            get = self.transaction.quick(self._quick.clear)
            pack, head = extent.plan.compile_short_row(extent.prefix)
            if head is not None and len(head) + 2 > QUICK_BYTES:
                head = None
            self._quick[record_type] = pack, head, _short(extent.row_of), get, extent.decode
        row = extent.prefix + extent.pack_whole(key)
        first = self._get(row)
        return None if first is None else read_record(self.transaction, extent, row, first)

    def load_all(self, record_type: type[R], keys: Iterable[Any]) -> list[R | None]:
        """The records of many primary keys, at less cost for each; None for those not there.

        Args:
            record_type: The type.
            keys: Primary keys: values, or tuples where the key has several columns.
        """
        extent = self.extent(record_type)
        prefix, pack_whole, row_of = extent.prefix, extent.pack_whole, extent.row_of
        rows = [prefix + pack_whole(key) if isinstance(key, tuple) else row_of(key) for key in keys]
        return read_rows(self.transaction, extent, rows)

    def load_by_id(self, record_id: bytes) -> Any | None:
        """The record that an index row points at; None if there is none."""
        extent = self.extent_of_id(record_id)
        row = self.prefix + RECORDS + record_id
        first = self.transaction.get(row)
        return None if first is None else read_record(self.transaction, extent, row, first)

    def exists(self, record_type: type[Record], *key: Any) -> bool:
        """Whether there is a record with a primary key."""
        extent = self.extent(record_type)
        return self.transaction.get(extent.prefix + extent.pack_whole(key)) is not None

    def version_of(self, record_type: type[Record], *key: Any) -> Versionstamp | None:
        """The version of a record's last change; incomplete if this transaction changed it.

        None if the record is not there, or was last written before the schema kept versions.
        """
        extent = self.extent(record_type)
        record_id = extent.plan.packed_number + extent.pack_whole(key)
        return versions.read(self.context, self.prefix + VERSIONS + record_id)

    def delete(self, record_type: type[Record], *key: Any) -> bool:
        """Remove a record; whether it was there."""
        extent = self.extent(record_type)
        return self.delete_by_id(extent.plan.packed_number + extent.pack_whole(key))

    def delete_by_id(self, record_id: bytes) -> bool:
        """Remove the record that an index row points at; whether it was there."""
        extent = self.extent_of_id(record_id)
        row = self.prefix + RECORDS + record_id
        first = self.transaction.get(row)
        if first is None:
            return False
        old = read_record(self.transaction, extent, row, first)
        self.transaction.clear(row)
        codec.clear_parts(self.transaction, row, first)
        self._update_indexes(extent.plan, record_id, old, None)
        return True

    def delete_all(self) -> None:
        """Remove every record, by one range clear; the store itself and its header stay."""
        self.context.forget_under(self.prefix)
        if self.header.states:
            # The marks of builds go as well, which writers look at without a conflict.
            key = self.prefix + HEADER
            self.transaction.add_write_conflict_range(key, key + b"\x00")
        self.transaction.clear_range(self.prefix + RECORDS, end_of(self.prefix))

    def scan(self, record_type: type[R], *key: Any, snapshot: bool = False) -> Iterator[R]:
        """All records of a type in the order of their primary keys.

        Args:
            record_type: The type.
            key: The first columns of the primary key, to see only records that have them.
            snapshot: Whether reading may go without conflicts.
        """
        extent = self.extent(record_type)
        begin = extent.prefix + extent.plan.pack_key(key)
        end, limit = end_of(begin), 32
        while True:
            page = read_page(self.transaction, extent, begin, end, limit=limit, snapshot=snapshot)
            yield from page.records
            if page.last_key is None:
                return
            begin, limit = page.last_key + b"\x00", min(limit * 4, 256)

    def extent(self, record_type: type) -> Extent:
        """Where the records of a type stand.

        Raises:
            RecordError: If the type is not in the schema.
        """
        found = self._extents.get(record_type)
        if found is None:
            plan = self.layout.types.get(record_type)
            if plan is None:
                known = ", ".join(kind.__name__ for kind in self.layout.types)
                name = getattr(record_type, "__name__", repr(record_type))
                raise RecordError(
                    f"{name} is no record type of schema {self.schema.name!r}; it has {known}"
                )
            found = self._extents[record_type] = extent_of(plan, self.prefix)
        return found

    def extent_of_id(self, record_id: bytes) -> Extent:
        """Where the record that an index row points at stands."""
        return self.extent(self.layout.type_of_id(record_id).record_type)

    def index_space(self, name: str) -> bytes:
        """What every key of an index begins with.

        Raises:
            SchemaError: If there is no such index.
        """
        self.schema.index(name)
        return self.prefix + self.layout.index_space(name)

    def readable_space(self, name: str) -> bytes:
        """The same, for those who ask the index a question.

        Raises:
            SchemaError: If there is no such index, or it is not built yet.
        """
        space = self.index_space(name)
        state = self.header.state(name)
        if state is not IndexState.READABLE:
            raise SchemaError(f"index {name!r} is {state.value}; build it before asking it")
        return space

    def _write(self, record: Record, *, must_be: bool | None) -> None:
        kind, transaction = type(record), self.transaction
        extent = self._extents.get(kind) or self.extent(kind)
        plan = extent.plan
        whole, new = plan.codec.normal(record)
        key = plan.primary_key(new)
        row = extent.prefix + key
        first = self._get(row)
        old = None
        if first is None:
            if must_be:
                raise RecordError(f"there is no {extent.name(row)} to update; insert it")
        else:
            if must_be is False:
                raise RecordExistsError(f"{extent.name(row)} is there already; update it")
            old = read_record(transaction, extent, row, first)
            codec.clear_parts(transaction, row, first)
        codec.write(transaction, row, whole)
        self._update_indexes(plan, plan.packed_number + key, old, new)

    def _write_alike(self, extent: Extent, records: list[Record]) -> None:
        """Write records of one type: together where all are new, else one by one."""
        plan = extent.plan
        wholes, new = plan.codec.normal_all(records)
        keys = plan.primary_keys(new)
        rows = [extent.prefix + key for key in keys]
        is_simple = (
            not plan.is_versioned
            and not self._opened.header.states
            and len(set(rows)) == len(rows)
            and max(map(len, wholes)) <= MAX_VALUE_BYTES
        )
        if not is_simple or any(self.transaction.get_all(rows)):
            for record in records:
                self.save(record)
            return
        self.transaction.set_all(dict(zip(rows, wholes, strict=True)))
        ids = [plan.packed_number + key for key in keys]
        for index in plan.indexes:
            index.insert_all(self.context, self.prefix + index.space, ids, new)

    def _update_indexes(
        self, plan: TypePlan, record_id: bytes, old: Any | None, new: Any | None
    ) -> None:
        context, prefix, unreadable = self.context, self.prefix, self._opened.header.states
        if plan.is_versioned:
            context.next_version()
            if self.schema.record_versions:
                versions.change(context, prefix + VERSIONS + record_id, is_gone=new is None)
        for index in plan.indexes:
            if unreadable and not self._is_kept(index, record_id):
                continue
            before, after = old, new
            if index.test is not None:
                before, after = index.member(old), index.member(new)
                if before is None and after is None:
                    continue
            index.maintainer.update(context, prefix + index.space, record_id, before, after)

    def _is_kept(self, index: IndexPlan, record_id: bytes) -> bool:
        """Whether an index that may not be readable is to be kept true of a record."""
        state = self._opened.header.state(index.index.name)
        if state is IndexState.READABLE:
            return True
        if state is IndexState.DISABLED:
            return False
        return is_built(self.transaction, self.prefix + index.build, record_id)


def _short(row_of: Callable[[Any], bytes]) -> Callable[[Any], bytes]:
    """The same for keys that are read quickly; others are refused."""

    def short(key: Any) -> bytes:
        row = row_of(key)
        if len(row) > QUICK_BYTES:
            raise ValueError("too long to be read quickly")
        return row

    return short
