"""`lmdb:FOLDER`: the embedded engine, for several processes of one machine.

Reads go through an LMDB snapshot. Writes wait in a buffer; the commit takes LMDB's write lock, and
if somebody committed in between it reads again what the transaction had read: what is still the
same does not conflict, so transactions are serialisable without a log. The lock is held for the
commit only.
"""

import os
import threading
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import lmdb

from glasshouse.errors import EngineError
from glasshouse.records.engines import environment as environments
from glasshouse.records.engines.buffer import BufferedTransaction
from glasshouse.records.engines.changes import Changes, Snapshot
from glasshouse.records.engines.engine import VERSION_BYTES, Row, Transaction, Watch
from glasshouse.records.engines.environment import Environment, storage_errors
from glasshouse.records.engines.lmdb_reading import LmdbTransaction, backwards, forwards
from glasshouse.records.engines.lmdb_writing import (
    LONG_KEY,
    VERSION_KEY,
    claimed_since,
    write,
)
from glasshouse.records.engines.long_keys import HEAD_BYTES, bucket_of, find_in_bucket
from glasshouse.records.engines.polling import PollingWatch
from glasshouse.records.engines.validation import check_claims, check_reads


class LmdbEngine:
    """Keys and values in a folder."""

    def __init__(self, url: str, environment: Environment) -> None:
        """Use `open_lmdb`."""
        self._url = url
        self._environment = environment
        self._closed = False

    @property
    def url(self) -> str:
        """How it was opened."""
        return self._url

    @property
    def path(self) -> Path:
        """The folder."""
        return self._environment.path

    def begin(self, *, exclusive: bool = False, read_only: bool = False) -> Transaction:
        """Begin a transaction; an exclusive one holds LMDB's write lock until it ends."""
        environment = self._usable()
        if exclusive:
            _refuse_held(environment)
            with storage_errors(environment.path):
                transaction = environment.env.begin(db=environment.data, write=True)
            environment.holder = threading.get_ident()
        else:
            transaction = self._reading(environment)
        snapshot = _LmdbSnapshot(environment, transaction, is_exclusive=exclusive)
        return BufferedTransaction(snapshot, _commit, watch=self._watch, read_only=read_only)

    def advance_version(self, version: bytes) -> None:
        """Make later versions larger."""
        environment = self._usable()
        with storage_errors(environment.path), _Writing(environment) as transaction:
            held = transaction.get(VERSION_KEY, db=environment.meta) or bytes(8)
            transaction.put(VERSION_KEY, max(held, version[:8]), db=environment.meta)

    def newest_version(self) -> bytes:
        """The version of the last commit."""
        environment = self._usable()
        with storage_errors(environment.path), environment.env.begin(db=environment.meta) as one:
            return (one.get(VERSION_KEY) or bytes(8)) + bytes(VERSION_BYTES - 8)

    def close(self) -> None:
        """Let go of the folder."""
        if not self._closed:
            self._closed = True
            environments.release(self._environment)

    def _usable(self) -> Environment:
        if self._closed:
            raise EngineError(f"{self._url} is closed; open it again")
        if self._environment.process != os.getpid():
            raise EngineError(f"{self._url} was opened before a fork; open it again in the child")
        return self._environment

    def _reading(self, environment: Environment) -> LmdbTransaction:
        with storage_errors(environment.path):
            try:
                return environment.env.begin(db=environment.data)
            except lmdb.ReadersFullError:
                environment.env.reader_check()  # processes that were killed hold on to places
                return environment.env.begin(db=environment.data)

    def _watch(self, key: bytes, value: bytes | None) -> Watch:
        return PollingWatch(self, key, value, lambda: self._usable().env.info()["last_txnid"])


class _Writing:
    """LMDB's write transaction, committed at the end of the block."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment

    def __enter__(self) -> LmdbTransaction:
        _refuse_held(self._environment)
        self._transaction = self._environment.env.begin(db=self._environment.data, write=True)
        self._environment.holder = threading.get_ident()
        return self._transaction

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        self._environment.holder = None
        if kind is None:
            self._transaction.commit()
        else:
            self._transaction.abort()


def _refuse_held(environment: Environment) -> None:
    """LMDB's lock is no recursive one: a thread that holds it would wait for itself."""
    if environment.holder == threading.get_ident():
        raise EngineError(
            "this thread has an exclusive transaction open; end it before it commits another"
        )


class _LmdbSnapshot:
    """A read transaction, or the write transaction of an exclusive one."""

    def __init__(
        self, environment: Environment, transaction: LmdbTransaction, *, is_exclusive: bool
    ) -> None:
        self.environment = environment
        self.transaction = transaction
        self.is_exclusive = is_exclusive
        self.direct = transaction.get
        self.direct_bytes = HEAD_BYTES
        self._is_open = True
        self._knows_long = self._long = False

    def get(self, key: bytes) -> bytes | None:
        """The value of a key."""
        with storage_errors(self.environment.path):
            if len(key) > HEAD_BYTES:
                return find_in_bucket(self.direct(bucket_of(key)), key)
            return self.direct(key)

    def translated(self, error: Exception) -> Exception:
        """What LMDB raised, as a sentence."""
        try:
            with storage_errors(self.environment.path):
                raise error
        except Exception as translated:
            return translated

    def get_range(self, begin: bytes, end: bytes, limit: int | None, reverse: bool) -> list[Row]:
        """At most `limit` rows of a range."""
        with storage_errors(self.environment.path):
            if reverse:
                return backwards(self.transaction, begin, end, limit, has_long=self._has_long())
            return forwards(self.transaction, begin, end, limit, has_long=self._has_long())

    def _has_long(self) -> bool:
        """Whether any long key was ever written; without, ranges need no unfolding."""
        if not self._knows_long:
            self._knows_long = self.is_exclusive is False
            self._long = self.transaction.get(LONG_KEY, db=self.environment.meta) is not None
        return self._long

    def close(self) -> None:
        """Let go of the moment, and of the lock."""
        if self._is_open:
            self._is_open = False
            if self.is_exclusive:
                self.environment.holder = None
            self.transaction.abort()


def _commit(snapshot: Snapshot, changes: Changes) -> bytes:
    """Take the write lock, check, and write."""
    assert isinstance(snapshot, _LmdbSnapshot)
    environment = snapshot.environment
    with storage_errors(environment.path):
        if snapshot.is_exclusive:
            version = write(environment, snapshot.transaction, changes, snapshot)
            environment.holder = None
            snapshot.transaction.commit()
            return version
        with _Writing(environment) as transaction:
            now = _LmdbSnapshot(environment, transaction, is_exclusive=True)
            if transaction.id() != snapshot.transaction.id() + 1:
                check_reads(snapshot, now, changes)
                seen = snapshot.transaction.get(VERSION_KEY, db=environment.meta) or bytes(8)
                check_claims(claimed_since(environment, transaction, seen), changes)
            return write(environment, transaction, changes, now)


def open_lmdb(url: str) -> LmdbEngine:
    """Open `lmdb:FOLDER`, making the folder if need be.

    Args:
        url: With options behind a question mark: `map_gib=64`, how far the file may grow, and
            `sync=off`, which leaves it to the operating system when writes reach the disk.

    Raises:
        EngineError: If the folder cannot hold a store, or an option is unknown.
        CorruptionError: If its file is damaged.
    """
    folder, _, query = url.removeprefix("lmdb:").partition("?")
    if not folder:
        raise EngineError("lmdb: needs a folder, as lmdb:notes")
    options = dict(parse_qsl(query, keep_blank_values=True))
    sync = options.pop("sync", "on")
    size = options.pop("map_gib", "")
    if options or sync not in ("on", "off"):
        raise EngineError(f"{url!r}: the options of lmdb are map_gib=NUMBER and sync=on|off")
    try:
        map_gib = float(size) if size else environments.default_map_gib()
    except ValueError:
        raise EngineError(f"{url!r}: map_gib={size} is no number") from None
    environment = environments.acquire(Path(folder), map_gib=map_gib, sync=sync == "on")
    return LmdbEngine(url, environment)
