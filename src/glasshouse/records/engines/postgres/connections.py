"""Connections to one server: those in use, and those that wait for work."""

import os
import re
import threading
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus

from glasshouse.errors import EngineError
from glasshouse.records.engines.postgres.refusals import translated

Connection = psycopg.Connection[Any]

_KEPT = 16
"""Idle connections that stay open; more are closed when they are given back."""


class Connections:
    """Connections to one server, lent to one transaction at a time."""

    def __init__(self, url: str) -> None:
        """Connect to nothing yet."""
        self.shown_url = without_password(url)
        self._url = url
        self._process = os.getpid()
        self._lock = threading.Lock()
        self._idle: list[Connection] = []
        self._lent: set[Connection] = set()
        self._is_closed = False

    def started(self, statements: str, given: Connection | None = None) -> tuple[Connection, Any]:
        """Run the first statements of a transaction, in one exchange with the server.

        A connection that was idle may have died with a server that is back by now. As nothing has
        happened on it yet, the next one is taken, in the end a new one.

        Args:
            statements: Without parameters; the last one returns one value.
            given: A connection lent before that is used if it still lives; whatever transaction is
                open on it is rolled back.

        Returns:
            A connection to give back, and the value.

        Raises:
            EngineError: If the server cannot be reached.
        """
        self.refuse_if_unusable()
        while True:
            connection, is_new = (given, False) if given is not None else self._take()
            given = None
            try:
                with translated():
                    return connection, _first_value(connection, statements)
            except BaseException:
                is_broken = connection.closed
                self._discard(connection)
                if is_new or not is_broken:
                    raise

    def give(self, connection: Connection) -> None:
        """Give a connection back; whatever transaction is open on it is rolled back."""
        if not self._is_of_this_process:
            return
        try:
            if connection.info.transaction_status != TransactionStatus.IDLE:
                connection.execute("ROLLBACK")
        except psycopg.Error:
            connection.close()
        with self._lock:
            if not connection.closed and not self._is_closed and len(self._idle) < _KEPT:
                self._lent.discard(connection)
                self._idle.append(connection)
                return
        self._discard(connection)

    def close(self) -> None:
        """Close all, also those that are lent: the server rolls their transactions back."""
        with self._lock:
            self._is_closed = True
            connections = [*self._idle, *self._lent]
            self._idle.clear()
            self._lent.clear()
        if self._is_of_this_process:
            for connection in connections:
                connection.close()

    def refuse_if_unusable(self) -> None:
        """Refuse what comes after the end, or in a process that has them from its parent.

        Raises:
            EngineError: If it does.
        """
        if self._is_closed:
            raise EngineError(f"{self.shown_url} is closed; open it again")
        if not self._is_of_this_process:
            raise EngineError(
                f"{self.shown_url} was opened before a fork; open it again in the child"
            )

    @property
    def _is_of_this_process(self) -> bool:
        """Whether they are not a parent's, which goes on using them."""
        return self._process == os.getpid()

    def _take(self) -> tuple[Connection, bool]:
        """A connection that nobody else uses, and whether it is a new one."""
        with self._lock:
            if self._idle:
                connection = self._idle.pop()
                self._lent.add(connection)
                return connection, False
        connection = self._connect()
        with self._lock:
            self._lent.add(connection)
        if self._is_closed:  # meanwhile, so that nobody else closes this one
            self._discard(connection)
        self.refuse_if_unusable()
        return connection, True

    def _connect(self) -> Connection:
        try:
            return psycopg.connect(self._url, autocommit=True)
        except psycopg.OperationalError as error:
            raise EngineError(f"{self.shown_url} cannot be opened: {self._said(error)}") from None
        except psycopg.ProgrammingError as error:
            raise EngineError(
                f"{self.shown_url} is no address of a database: {self._said(error)}"
            ) from None

    def _said(self, error: psycopg.Error) -> str:
        """What the client library says, on one line and without the password."""
        if re.search(r"[@:/?#]", _password(self._url)):
            return "write the characters @ : / ? # of the password as %40 %3A %2F %3F %23"
        return " ".join(str(error).replace(self._url, self.shown_url).split())

    def _discard(self, connection: Connection) -> None:
        with self._lock:
            self._lent.discard(connection)
        connection.close()


def without_password(url: str) -> str:
    """An address that may be shown."""
    if _password(url):
        scheme, _, rest = url.partition("://")
        before, _, behind = rest.rpartition("@")
        url = f"{scheme}://{before.partition(':')[0]}@{behind}"
    return re.sub(r"(password=)[^&]*", r"\1…", url)


def _password(url: str) -> str:
    """What stands between user and host, even if it is not written as it has to be."""
    before, at, _ = url.partition("://")[2].rpartition("@")
    return before.partition(":")[2] if at else ""


def _first_value(connection: Connection, statements: str) -> Any:
    if connection.info.transaction_status == TransactionStatus.INTRANS:
        statements = f"ROLLBACK; {statements}"
    # Several statements at once cannot be prepared, and are quick to parse.
    cursor = connection.execute(statements.encode(), prepare=False)
    while cursor.nextset():
        pass
    row = cursor.fetchone()
    assert row is not None
    return row[0]
