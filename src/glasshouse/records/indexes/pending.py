"""Changes that an index writes once for a whole transaction, just before it commits.

What is added up first costs one atomic operation for each row instead of one for each record; and
until there is one, the transaction's reads need not look for any. Whoever asks the index in the
same transaction settles it first.
"""

from collections.abc import Callable
from typing import Any

from glasshouse.records.engines.engine import Transaction
from glasshouse.records.store.context import Context

Write = Callable[[Transaction, bytes, dict[bytes, Any]], None]
"""Writes the changes of an index's groups under its space."""

_KIND = "pending"


def pending(context: Context, space: bytes, write: Write) -> dict[bytes, Any]:
    """The changes of an index that are not written yet, by group, to add to.

    Args:
        context: The transaction.
        space: What every key of the index begins with.
        write: Writes them when the time has come.
    """
    name = (_KIND, space)
    if not context.deferred(name):
        kept: dict[bytes, Any] = {}
        context.kept[name] = write, kept
        context.before_commit(name, lambda transaction: write(transaction, space, kept))
    return context.kept[name][1]


def settle(context: Context, space: bytes) -> None:
    """Write the changes of an index now, so that they can be read."""
    name = (_KIND, space)
    if context.forget(name):
        write, kept = context.kept.pop(name)
        write(context.transaction, space, kept)
