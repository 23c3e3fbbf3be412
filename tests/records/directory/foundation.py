"""FoundationDB's own directory layer, over a transaction of ours."""

import importlib
import sys
from typing import Any
from unittest import mock

import pytest

from glasshouse.records.engines.engine import Mutation, Transaction
from glasshouse.records.tuples import strinc

fdb: Any = pytest.importorskip("fdb")
IS_LOADED = "fdb.impl" in sys.modules
with mock.patch("ctypes.CDLL"):  # its C library, which directories do not call
    directory_impl: Any = importlib.import_module("fdb.directory_impl")
    impl: Any = importlib.import_module("fdb.impl")
if not IS_LOADED:  # others must not find it loaded
    del sys.modules["fdb.impl"]
    del fdb.impl


class Value(bytes):
    """What its binding returns for a key."""

    is_present = True

    def present(self) -> bool:
        return self.is_present

    def __eq__(self, other: object) -> bool:
        return not self.is_present if other is None else bytes(self) == other

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = bytes.__hash__


class Options:
    def set_next_write_no_write_conflict_range(self) -> None:
        """Ours always conflict, which costs tries and changes no row."""


class Bound(impl.TransactionRead):
    """As much of its transaction as directories need."""

    def __init__(self, own: Transaction, *, is_snapshot: bool = False) -> None:
        self.own, self.is_snapshot, self.options = own, is_snapshot, Options()
        if not is_snapshot:
            self.snapshot = Bound(own, is_snapshot=True)

    def __del__(self) -> None:
        """There is no C object to free."""

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, slice):
            return self.get_range(key.start, key.stop)
        return self.get(_key(key))

    def get(self, key: Any) -> Any:
        held = self.own.get(_key(key), snapshot=self.is_snapshot)
        found = Value(held or b"")
        found.is_present = held is not None
        return found

    def get_range(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, begin: Any, end: Any, limit: int | None = None, reverse: bool = False
    ) -> list[tuple[bytes, bytes]]:
        return self.own.get_range(
            _key(begin), _key(end), limit=limit, reverse=reverse, snapshot=self.is_snapshot
        )

    def get_range_startswith(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, prefix: bytes, limit: int
    ) -> list[tuple[bytes, bytes]]:
        return self.get_range(prefix, strinc(prefix), limit)

    def __setitem__(self, key: Any, value: bytes) -> None:
        self.own.set(_key(key), bytes(value))

    def __delitem__(self, key: Any) -> None:
        if isinstance(key, slice):
            self.own.clear_range(_key(key.start), _key(key.stop))
        else:
            self.own.clear(_key(key))

    def clear_range_startswith(self, prefix: bytes) -> None:
        self.own.clear_range(prefix, strinc(prefix))

    def add(self, key: Any, parameter: bytes) -> None:
        self.own.mutate(Mutation.ADD, _key(key), parameter)

    def add_write_conflict_key(self, key: Any) -> None:
        self.own.add_write_conflict_range(_key(key), _key(key) + b"\x00")


def _key(key: Any) -> bytes:
    return key if isinstance(key, bytes) else key.key()


def theirs() -> Any:
    """Their layer at the root."""
    return directory_impl.DirectoryLayer()
