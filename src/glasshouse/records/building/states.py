"""Changing the state of an index, which everybody who has the store open then sees."""

import msgspec

from glasshouse.records.store.header import IndexState
from glasshouse.records.store.layout import HEADER
from glasshouse.records.store.opening import write_header
from glasshouse.records.store.store import RecordStore
from glasshouse.records.tuples import end_of


def set_state(store: RecordStore, name: str, state: IndexState) -> None:
    """Put an index into a state; transactions that have read the header conflict.

    Raises:
        SchemaError: If there is no such index.
    """
    store.schema.index(name)
    states = {**store.header.states, name: state}
    if state is IndexState.READABLE:
        del states[name]
    header = msgspec.structs.replace(store.header, states=states)
    store.reopen(write_header(store.transaction, store.schema, store.prefix, header))
    # An engine that compares values would not see that a state has come back: a writer that saw
    # the mark of an earlier build would take it for one of this build.
    key = store.prefix + HEADER
    store.transaction.add_write_conflict_range(key, key + b"\x00")


def clear_index(store: RecordStore, name: str) -> None:
    """Remove all rows of an index and the marks of its build."""
    for space in (store.index_space(name), store.prefix + store.layout.build_space(name)):
        store.context.forget_under(space)
        store.transaction.clear_range(space, end_of(space))


def start_over(store: RecordStore, name: str) -> None:
    """Empty an index, to be built anew.

    Raises:
        SchemaError: If there is no such index.
    """
    clear_index(store, name)
    set_state(store, name, IndexState.WRITE_ONLY)


def disable(store: RecordStore, name: str) -> None:
    """Empty an index and keep it no longer; `start_over` brings it back.

    Raises:
        SchemaError: If there is no such index.
    """
    clear_index(store, name)
    set_state(store, name, IndexState.DISABLED)
