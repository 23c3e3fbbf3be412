"""Beginning transactions and committing them.

A transaction reads through a repeatable-read transaction of the server: one moment. Its writes wait
in a buffer. The commit begins a second transaction of the server, whose first act is to take a lock
that all committers share; then it reads again what the first had read, if anybody committed since,
and writes.

Why this is serialisable: a committer holds the lock until its writes can be seen, for the server
lets go of the locks of a transaction only after it has made its writes visible. So committers take
effect one after the other, and each finds, under the lock, exactly what it had read; it could have
run then and there. A moment is a state between two of them.

Why not the server's own SERIALIZABLE: it watches pages of the index, not keys, so that transactions
which have nothing in common conflict where their keys lie near each other. Here what conflicts is
exactly what was read and changed, atomic operations never do, and versions, which are counted under
the lock, grow in the order of commits. The price is that one commits at a time.

Keys longer than a B-tree of the server takes lie in buckets, as they do in LMDB.
"""

import threading

from glasshouse.errors import EngineError
from glasshouse.records.engines.buffer import BufferedTransaction
from glasshouse.records.engines.changes import Changes, Snapshot
from glasshouse.records.engines.engine import Transaction, Watch
from glasshouse.records.engines.polling import PollingWatch
from glasshouse.records.engines.postgres.committing import (
    check,
    commit,
    packed_version,
    write_and_commit,
)
from glasshouse.records.engines.postgres.connections import Connections
from glasshouse.records.engines.postgres.refusals import translated
from glasshouse.records.engines.postgres.snapshot import PostgresSnapshot

_LOCK = f"SELECT pg_advisory_xact_lock({0x676C6173})"
"""One number for all committers of a database; the lock goes when the transaction ends."""

_NEWEST = "SELECT version FROM glasshouse.newest"
_READ = f"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; {_NEWEST}"

# Each statement sees all that was committed before it, so those behind the lock see the present,
# which nobody else can change. A stricter level would fix its moment before the lock is there.
_BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
_KEEP_OTHERS_OUT = f"{_BEGIN}; {_LOCK}; {_NEWEST}"

# A committer that has fallen silent, its machine perhaps gone, loses the lock.
_LIMIT = "SET LOCAL idle_in_transaction_session_timeout = '60s'"
_COMMIT = f"{_BEGIN}; {_LIMIT}; {_LOCK}; {_NEWEST}"

_IS_THERE = "SELECT to_regclass('glasshouse.newest') IS NOT NULL"
_CREATE = f"""
BEGIN; {_LOCK};
CREATE SCHEMA IF NOT EXISTS glasshouse;
CREATE TABLE IF NOT EXISTS glasshouse.rows (key bytea PRIMARY KEY, value bytea NOT NULL);
CREATE TABLE IF NOT EXISTS glasshouse.marks
    (version bigint NOT NULL, first bytea NOT NULL, last bytea NOT NULL);
CREATE INDEX IF NOT EXISTS marks_by_version ON glasshouse.marks (version);
CREATE TABLE IF NOT EXISTS glasshouse.newest (version bigint NOT NULL);
INSERT INTO glasshouse.newest SELECT 0 WHERE NOT EXISTS (SELECT FROM glasshouse.newest);
COMMIT; {_NEWEST}
"""


class PostgresEngine:
    """Keys and values in a database of a PostgreSQL server."""

    def __init__(self, connections: Connections) -> None:
        """Use `open_postgres`."""
        self._connections = connections
        self._holder: int | None = None  # the thread of an exclusive transaction

    @property
    def url(self) -> str:
        """How it was opened, without the password."""
        return self._connections.shown_url

    def begin(self, *, exclusive: bool = False, read_only: bool = False) -> Transaction:
        """Begin a transaction; an exclusive one keeps the commits of others waiting.

        An exclusive one cannot conflict: what it reads is the present, and stays so.
        """
        if exclusive:
            self._refuse_held()
        connection, seen = self._connections.started(_KEEP_OTHERS_OUT if exclusive else _READ)
        if exclusive:
            self._holder = threading.get_ident()
        snapshot = PostgresSnapshot(
            self._connections, connection, seen, let_others=self._let_others if exclusive else None
        )
        return BufferedTransaction(snapshot, self._commit, watch=self._watch, read_only=read_only)

    def advance_version(self, version: bytes) -> None:
        """Make later versions larger."""
        connection, newest = self._connections.started(_COMMIT)
        try:
            with translated():
                connection.execute(
                    "UPDATE glasshouse.newest SET version = %s",
                    (max(newest, int.from_bytes(version[:8], "big")),),
                )
            commit(connection)
        finally:
            self._connections.give(connection)

    def newest_version(self) -> bytes:
        """The version of the last commit."""
        connection, newest = self._connections.started(_NEWEST)
        self._connections.give(connection)
        return packed_version(newest)

    def close(self) -> None:
        """Let go of the connections, and with them of open transactions."""
        self._connections.close()

    def _refuse_held(self) -> None:
        """A thread that waited for the lock that it holds would wait for ever."""
        if self._holder == threading.get_ident():
            raise EngineError(
                "this thread has an exclusive transaction open; end it before it commits another"
            )

    def _let_others(self) -> None:
        self._holder = None

    def _watch(self, key: bytes, value: bytes | None) -> Watch:
        return PollingWatch(self, key, value, self.newest_version)

    def _commit(self, snapshot: Snapshot, changes: Changes) -> bytes:
        assert isinstance(snapshot, PostgresSnapshot)
        self._connections.refuse_if_unusable()
        if snapshot.is_exclusive:
            return write_and_commit(snapshot, changes)
        self._refuse_held()
        # Who has read nothing has nothing to compare, and so needs no second connection.
        is_blind = not (changes.read_keys or changes.read_ranges)
        given = snapshot.surrender() if is_blind else None
        connection, newest = self._connections.started(_COMMIT, given)
        now = PostgresSnapshot(self._connections, connection, newest)
        try:
            check(snapshot, now, changes)
            return write_and_commit(now, changes)
        finally:
            now.close()


def open_postgres(url: str) -> PostgresEngine:
    """Open `postgresql://user@host/database`, making its tables if need be.

    Raises:
        EngineError: If the server cannot be reached or refuses.
    """
    connections = Connections(url)
    try:
        connection, is_there = connections.started(_IS_THERE)
        connections.give(connection)
        if not is_there:  # who may only use them must not be asked to make them
            connection, _ = connections.started(_CREATE)
            connections.give(connection)
    except BaseException:
        connections.close()
        raise
    return PostgresEngine(connections)
