"""Opening a store: one row read, the schema checked, and what is new in it made ready."""

from dataclasses import dataclass

from glasshouse.errors import SchemaError
from glasshouse.records.engines.engine import Transaction
from glasshouse.records.indexes.index import Index
from glasshouse.records.indexes.version import VersionIndex
from glasshouse.records.schema.evolution import check_evolution, keys_changed
from glasshouse.records.schema.schema import Schema, SchemaDescription
from glasshouse.records.store.context import Context
from glasshouse.records.store.header import (
    FORMAT,
    Header,
    IndexState,
    check_version,
    decode_header,
    encode_header,
    recall_schema,
    remember_schema,
)
from glasshouse.records.store.layout import (
    BUILDS,
    HEADER,
    INDEXES,
    RECORDS,
    RESTORING,
    Layout,
    Numbers,
)
from glasshouse.records.store.reading import extent_of, read_page
from glasshouse.records.tuples import end_of, pack_int, strinc

BUILT_AT_ONCE = 200
"""An index over at most so many records is built by the transaction that opens the store."""

_MOST_OPENED = 64
"""Headers of one schema that are kept decoded; stores in the same state share one."""


@dataclass(frozen=True, eq=False, slots=True)
class Opened:
    """A header that was read and found good, with what is compiled from it."""

    header: Header
    layout: Layout


def open_header(
    context: Context, schema: Schema, prefix: bytes, *, create: bool, read_only: bool
) -> Opened:
    """Read the header of a store; write it where the store is new or of an earlier version.

    Raises:
        SchemaError: If the schema is not the store's and does not follow from it.
    """
    value = context.transaction.get(prefix + HEADER)
    if value is not None:
        opened = schema.opened.get(value)
        if opened is not None:
            return opened
        header = decode_header(value)
        check_version(header, schema)
        if header.version == schema.version:
            return _keep(schema, value, header)
        if read_only:
            raise SchemaError(
                f"this store is of version {header.version} of schema {schema.name!r}; open it for "
                f"writing once, which brings it to version {schema.version}"
            )
        return _upgrade(context, schema, prefix, header)
    if context.transaction.get(prefix + RESTORING) is not None:
        raise SchemaError(
            "this store is half restored from a backup; run the same restore again to its end"
        )
    if not create:
        raise SchemaError(f"there is no store of schema {schema.name!r} at {prefix!r}")
    numbers = Numbers({}, {}).extended(schema)
    header = Header(FORMAT, schema.name, schema.version, schema.fingerprint, numbers)
    if read_only:
        return _keep(schema, encode_header(header), header)  # it is empty, and stays so
    remember_schema(context.transaction, schema)
    return write_header(context.transaction, schema, prefix, header)


def write_header(transaction: Transaction, schema: Schema, prefix: bytes, header: Header) -> Opened:
    """Put a header in its place."""
    value = encode_header(header)
    transaction.set(prefix + HEADER, value)
    return _keep(schema, value, header)


def _keep(schema: Schema, value: bytes, header: Header) -> Opened:
    opened = schema.opened.get(value)
    if opened is None:
        if len(schema.opened) >= _MOST_OPENED:
            schema.opened.clear()
        opened = schema.opened[value] = Opened(header, Layout(schema, header.numbers))
    return opened


def _upgrade(context: Context, schema: Schema, prefix: bytes, header: Header) -> Opened:
    """Bring a store to a later version of its schema."""
    transaction = context.transaction
    old = recall_schema(transaction, header.fingerprint)
    changed = keys_changed(old, schema.description)
    empty = [name for name in changed if _has_no_keys(transaction, prefix, header, old, name)]
    check_evolution(old, schema.description, empty=empty)
    remember_schema(transaction, schema)
    numbers = header.numbers.extended(schema)
    states = dict(header.states)
    for name in schema.dropped_indexes:
        states.pop(name, None)
        if name in numbers.indexes:
            number = pack_int(numbers.indexes[name])
            for space in (prefix + INDEXES + number, prefix + BUILDS + number):
                transaction.clear_range(space, strinc(space))
    layout = Layout(schema, numbers)
    for index in schema.indexes:
        if index.name not in old.indexes and not _built_at_once(context, prefix, layout, index):
            states[index.name] = IndexState.WRITE_ONLY
    later = Header(
        FORMAT, schema.name, schema.version, schema.fingerprint, numbers, states, header.user
    )
    return write_header(transaction, schema, prefix, later)


def _has_no_keys(
    transaction: Transaction, prefix: bytes, header: Header, old: SchemaDescription, name: str
) -> bool:
    """Whether no row has a primary key of a record type: of records there are, or were."""
    remembers = VersionIndex.kind
    if any(one["kind"] == remembers and name in one["on"] for one in old.indexes.values()):
        return False
    begin = prefix + RECORDS + pack_int(header.numbers.records[name])
    return not transaction.get_range(begin, end_of(begin), limit=1)


def _built_at_once(context: Context, prefix: bytes, layout: Layout, index: Index) -> bool:
    """Build an index if there are few records; whether that is done."""
    found = []
    for plan in layout.types_of(index):
        extent = extent_of(plan, prefix)
        page = read_page(
            context.transaction,
            extent,
            extent.prefix,
            extent.end,
            limit=BUILT_AT_ONCE + 1 - len(found),
        )
        found += [
            (plan, key[len(prefix) + len(RECORDS) :], record)
            for key, record in zip(page.keys, page.records, strict=True)
        ]
        if page.last_key is not None:
            return False
    for plan, record_id, record in found:
        here = next(one for one in plan.indexes if one.index.name == index.name)
        if here.member(record) is not None:
            if plan.is_versioned:
                context.next_version()
            here.maintainer.update(context, prefix + here.space, record_id, None, record)
    return True
