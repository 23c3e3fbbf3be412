"""The server's errors in the house's words, by SQLSTATE.

Source:
    PostgreSQL's documentation, appendix A, "PostgreSQL Error Codes".
"""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from glasshouse.errors import (
    ConflictError,
    CorruptionError,
    DiskFullError,
    EngineError,
    StorageError,
)

_CONFLICTS = {"40001", "40P01", "55P03"}
"""Serialisation failure, deadlock, lock not available."""

_FULL = "53100"
_UNSAID = "XX000"
_GROWS = {"mdextend", "mdzeroextend"}
"""Functions of the server in which a file that may grow no further, by a limit or a quota, fails
without a code of its own."""

_DAMAGE = {"XX001", "XX002"}
_BROKEN = {"25P03", "25P04", "57P01", "57P02", "57P03", "57P04", "57P05"}
"""The server ended the connection: idle for too long, shut down, crashed, database dropped."""

_TROUBLE = {"53", "54", "57", "58", "XX"}
"""Classes of what befalls the server, whatever it is asked: no memory, cancelled, failing disk."""


def meaning_of(error: psycopg.Error) -> Exception:
    """The house's error for one of the server's."""
    code, words = error.sqlstate or "", first_line(error)
    if code in _CONFLICTS:
        return ConflictError("another transaction changed what this one read; try again")
    if code == _FULL or (code == _UNSAID and error.diag.source_function in _GROWS):
        return DiskFullError(f"the server has no room left: {words}")
    if code in _DAMAGE:
        return CorruptionError(f"the server found damage: {words}")
    is_unsaid = not code and isinstance(error, psycopg.OperationalError)
    if is_unsaid or code in _BROKEN or code.startswith("08"):
        return StorageError(f"the connection to the server broke, and nothing was written: {words}")
    if code[:2] in _TROUBLE:
        return StorageError(f"the server could not do it, and nothing was written: {words}")
    return EngineError(f"the server refused: {words}")


@contextmanager
def translated() -> Iterator[None]:
    """Turn what the server says into the house's errors.

    Raises:
        ConflictError, DiskFullError, CorruptionError, StorageError, EngineError: As it says.
    """
    try:
        yield
    except psycopg.Error as error:
        raise meaning_of(error) from None


def first_line(error: Exception) -> str:
    """What an error says, without context and hints."""
    return (str(error).strip().splitlines() or ["no reason given"])[0]
