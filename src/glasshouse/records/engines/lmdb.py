"""`lmdb:FOLDER`: the embedded engine, for several processes of one machine.

Reads go through an LMDB snapshot. Writes wait in a buffer; the commit takes LMDB's write lock, and
if somebody committed in between it reads again what the transaction had read: what is still the
same does not conflict, so transactions are serialisable without a log. The lock is held for the
commit only.
"""

import os
from pathlib import Path
from urllib.parse import parse_qsl
from weakref import WeakSet

import lmdb

from glasshouse.errors import EngineError
from glasshouse.records.engines import environment as environments
from glasshouse.records.engines.buffer import BufferedTransaction
from glasshouse.records.engines.engine import VERSION_BYTES, Transaction, Watch
from glasshouse.records.engines.environment import Environment, storage_errors, translated
from glasshouse.records.engines.lmdb_reading import VERSION_KEY, LmdbSnapshot, LmdbTransaction
from glasshouse.records.engines.lmdb_writing import commit, hold, writing
from glasshouse.records.engines.polling import PollingWatch

_MOST_GIB = 1 << 16
_engines = WeakSet["LmdbEngine"]()


class LmdbEngine:
    """Keys and values in a folder."""

    def __init__(self, url: str, environment: Environment) -> None:
        """Use `open_lmdb`."""
        self._url = url
        self._environment = environment
        self._begun = WeakSet[BufferedTransaction]()
        self._closed = False
        _engines.add(self)

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
        held = hold(environment) if exclusive else _reading(environment)
        snapshot = LmdbSnapshot(environment, held, is_exclusive=exclusive)
        transaction = BufferedTransaction(snapshot, commit, watch=self._watch, read_only=read_only)
        self._begun.add(transaction)
        return transaction

    def advance_version(self, version: bytes) -> None:
        """Make later versions larger."""
        environment = self._usable()
        with writing(environment) as transaction:
            held = LmdbSnapshot(environment, transaction).version()
            transaction.put(VERSION_KEY, max(held, version[:8]), db=environment.meta)

    def newest_version(self) -> bytes:
        """The version of the last commit."""
        environment = self._usable()
        with storage_errors(environment.path), environment.env.begin() as transaction:
            version = LmdbSnapshot(environment, transaction).version()
        return version + bytes(VERSION_BYTES - 8)

    def close(self) -> None:
        """Let go of the folder."""
        if not self._closed:
            self._closed = True
            self.cancel_all()
            environments.release(self._environment)

    def cancel_all(self) -> None:
        """End all transactions that are open."""
        for transaction in list(self._begun):
            transaction.cancel()

    def _usable(self) -> Environment:
        if self._closed:
            raise EngineError(f"{self._url} is closed; open it again")
        if self._environment.process != os.getpid():
            raise EngineError(f"{self._url} was opened before a fork; open it again in the child")
        return self._environment

    def _watch(self, key: bytes, value: bytes | None) -> Watch:
        return PollingWatch(self, key, value, lambda: self._usable().env.info()["last_txnid"])


def _reading(environment: Environment) -> LmdbTransaction:
    """A moment to read."""
    try:
        return environment.env.begin(db=environment.data)
    except lmdb.ReadersFullError:
        with storage_errors(environment.path):
            environment.env.reader_check()  # processes that were killed hold on to places
            return environment.env.begin(db=environment.data)
    except lmdb.Error as error:
        raise translated(environment.path, error) from None


def _forget_parent() -> None:
    """In a process just forked: nothing of the parent's may be used or closed."""
    for engine in list(_engines):
        engine.cancel_all()
    environments.forget_inherited()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_parent)


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
    map_gib = _gib(url, size) if size else None
    environment = environments.acquire(Path(folder), map_gib=map_gib, sync=sync == "on")
    return LmdbEngine(url, environment)


def _gib(url: str, size: str) -> float:
    try:
        map_gib = float(size)
    except ValueError:
        map_gib = 0.0
    if not 0 < map_gib < _MOST_GIB:
        raise EngineError(f"{url!r}: map_gib={size} must be a number above 0, below {_MOST_GIB}")
    return map_gib
