"""A transaction, and what record stores keep until just before it commits.

Source:
    `FDBRecordContext` of the Record Layer; versions as in 1901.04452, section 7.
"""

from collections.abc import Callable
from typing import Any

from glasshouse.errors import RecordError
from glasshouse.records.engines.engine import Transaction

MOST_VERSIONS = 1 << 16
"""Records with a version that one transaction can write: the version's own part has two bytes."""


class Context:
    """One transaction of one or more record stores; it ends with `commit` or `cancel`."""

    def __init__(self, transaction: Transaction) -> None:
        self.transaction = transaction
        self.kept: dict[tuple[Any, ...], Any] = {}
        """What an index remembers of its rows while the transaction lasts.

        By what it is and the space of the index, a tuple that may go on.
        """
        self._deferred: dict[tuple[str, bytes], Callable[[Transaction], None]] = {}
        self._versions = 0
        self.local_version = 0
        """The place, in the order of this transaction, of the record change in hand."""

    def before_commit(self, name: tuple[str, bytes], action: Callable[[Transaction], None]) -> None:
        """Do something just before the commit; a later action of the same name takes its place.

        What the transaction writes under its own version cannot be read in it, so it is written
        last, when it is certain.

        Args:
            name: What it is, and the key that it writes.
            action: Gets the transaction.
        """
        self._deferred[name] = action

    def forget(self, name: tuple[str, bytes]) -> bool:
        """Drop a deferred action; whether there was one."""
        return self._deferred.pop(name, None) is not None

    def forget_under(self, prefix: bytes) -> None:
        """Drop the deferred actions on all keys that begin so, which are to be empty."""
        for name in [name for name in self._deferred if name[1].startswith(prefix)]:
            del self._deferred[name]
        for kept in [kept for kept in self.kept if kept[1].startswith(prefix)]:
            del self.kept[kept]

    def deferred(self, name: tuple[str, bytes]) -> bool:
        """Whether an action of this name is kept."""
        return name in self._deferred

    def next_version(self) -> None:
        """Begin the next record change.

        Raises:
            RecordError: If the transaction has used up its 65,536.
        """
        if self._versions == MOST_VERSIONS:
            raise RecordError(
                f"one transaction can give {MOST_VERSIONS} records a version; write in smaller ones"
            )
        self.local_version = self._versions
        self._versions += 1

    def flush(self) -> None:
        """Do what was kept for just before the commit."""
        while self._deferred:
            self._deferred.pop(next(iter(self._deferred)))(self.transaction)

    def commit(self) -> None:
        """Flush and commit."""
        self.flush()
        self.transaction.commit()

    def cancel(self) -> None:
        """End without writing."""
        self.transaction.cancel()
