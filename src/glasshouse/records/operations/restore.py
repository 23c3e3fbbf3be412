"""Stores made of a backup, in bounded transactions, the headers last.

Until a store's header is there, a mark in its place says that it is half restored, and nobody can
open it. Another mark says how far the restore has come: whoever starts the same one again goes on
from there.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from glasshouse.errors import BackupError
from glasshouse.records.engines import transact
from glasshouse.records.engines.engine import Engine, Row, Transaction
from glasshouse.records.operations.copy_file import (
    StoreCopy,
    Totals,
    read_about,
    read_rows,
    verify_backup,
)
from glasshouse.records.store.layout import HEADER, RESTORING
from glasshouse.records.tuples import end_of

_STORES_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class RestoreProgress:
    """How far a restore has come."""

    rows: int
    """Written by this try."""
    num_bytes: int
    """Of their keys and values."""
    is_done: bool


class _Mark(msgspec.Struct, frozen=True):
    """How far the restore of one backup has come."""

    digest: bytes
    """Of the backup."""
    num_claimed: int = 0
    """Stores whose places are marked as half restored."""
    last_key: bytes = b""
    """Of the last row that is written, behind the prefix."""
    num_whole: int = 0
    """Stores whose headers are written."""


def restore(
    path: Path,
    engine: Engine,
    prefix: bytes,
    *,
    overwrite: bool = False,
    bytes_per_transaction: int = 1_000_000,
) -> Iterator[RestoreProgress]:
    """Make stores of a backup; stop at any time and call again with the same file.

    Args:
        path: A backup.
        engine: Where the stores are to be.
        prefix: What their keys are to begin with; it need not be that of the backup.
        overwrite: Whether what is there already may go.
        bytes_per_transaction: About how much one transaction writes.

    Yields:
        Progress after each transaction that writes rows.

    Raises:
        BackupError: If the file is damaged; if there is something at the prefix and it may not go;
            or if somebody else restores there meanwhile.
        EngineError: If the engine's versions are behind the backup's and cannot be advanced.
    """
    totals, about = verify_backup(path), read_about(path)
    engine.advance_version(about.commit_version)  # so that what is written next is newer
    place = _Place(engine, prefix)
    mark = place.take(totals.digest, overwrite=overwrite)
    mark = place.claim(totals, mark)
    rows = num_bytes = 0
    for batch in _batches(path, mark.last_key, bytes_per_transaction):
        mark = place.move(mark, msgspec.structs.replace(mark, last_key=batch[-1][0]), batch)
        rows += len(batch)
        num_bytes += sum(len(key) + len(value) for key, value in batch)
        yield RestoreProgress(rows, num_bytes, False)
    place.finish(totals.stores, mark)
    yield RestoreProgress(rows + len(totals.stores), num_bytes, True)


def _batches(path: Path, after: bytes, most_bytes: int) -> Iterator[list[Row]]:
    """The rows behind a key, some at a time."""
    batch: list[Row] = []
    size = 0
    for rows in read_rows(path):
        for key, value in rows:
            if key <= after:
                continue
            batch.append((key, value))
            size += len(key) + len(value)
            if size >= most_bytes:
                yield batch
                batch, size = [], 0
    if batch:
        yield batch


class _Place:
    """Where a restore writes, and its mark there."""

    def __init__(self, engine: Engine, prefix: bytes) -> None:
        self._engine = engine
        self._prefix = prefix
        self._key = prefix + RESTORING

    def take(self, digest: bytes, *, overwrite: bool) -> _Mark:
        """Take the place, or find out how far an earlier try has come."""
        begin, end = self._prefix, end_of(self._prefix)

        def work(transaction: Transaction) -> _Mark:
            held = transaction.get(self._key)
            mark = None if held is None else _decoded(held)
            if mark is not None and mark.digest == digest:
                return mark
            if mark is not None and not overwrite:
                raise BackupError(
                    f"another backup is half restored at {begin!r}; restore that one again, or "
                    "overwrite it"
                )
            if transaction.get_range(begin, end, limit=1) and not overwrite:
                raise BackupError(
                    f"there is something at {begin!r} already; overwrite it if it may go"
                )
            transaction.clear_range(begin, end)
            mark = _Mark(digest)
            transaction.set(self._key, msgspec.msgpack.encode(mark))
            return mark

        return transact(self._engine, work, idempotent=True)

    def claim(self, totals: Totals, mark: _Mark) -> _Mark:
        """Mark the places of all stores, and bring what their schemas say."""
        while mark.num_claimed < len(totals.stores):
            claimed = totals.stores[mark.num_claimed : mark.num_claimed + _STORES_AT_ONCE]
            later = msgspec.structs.replace(mark, num_claimed=mark.num_claimed + len(claimed))
            rows = [(one.prefix + RESTORING, b"") for one in claimed if one.prefix]
            mark = self.move(mark, later, rows, catalogue=totals.catalogue)
        return mark

    def move(
        self, mark: _Mark, later: _Mark, rows: list[Row], *, catalogue: Sequence[Row] = ()
    ) -> _Mark:
        """Write rows, keys without the prefix, and move the mark."""
        written = {self._prefix + key: value for key, value in rows}
        written.update(catalogue)
        written[self._key] = msgspec.msgpack.encode(later)

        def work(transaction: Transaction) -> None:
            self._check(transaction, mark, later)
            transaction.set_all(written)

        transact(self._engine, work, idempotent=True)
        return later

    def finish(self, stores: list[StoreCopy], mark: _Mark) -> None:
        """Everything is there: now these are stores."""
        while mark.num_whole < len(stores):
            mark = self._make_whole(stores, mark)

    def _make_whole(self, stores: list[StoreCopy], mark: _Mark) -> _Mark:
        """Write the headers of some stores; with the last of them, the mark goes."""
        whole = stores[mark.num_whole : mark.num_whole + _STORES_AT_ONCE]
        later = msgspec.structs.replace(mark, num_whole=mark.num_whole + len(whole))
        is_last = later.num_whole == len(stores)

        def work(transaction: Transaction) -> None:
            if is_last and transaction.get(self._key) is None:
                return  # an earlier attempt was committed, and could not say so
            self._check(transaction, mark, later)
            for one in whole:
                key = self._prefix + one.prefix + HEADER
                transaction.set(key, one.header)
                # Whoever has seen an equal header before has seen another store.
                transaction.add_write_conflict_range(key, key + b"\x00")
                transaction.clear(self._prefix + one.prefix + RESTORING)
            if is_last:
                transaction.clear(self._key)
            else:
                transaction.set(self._key, msgspec.msgpack.encode(later))

        transact(self._engine, work, idempotent=True)
        return later

    def _check(self, transaction: Transaction, mark: _Mark, later: _Mark) -> None:
        """Refuse to go on where another restore has gone on or begun."""
        held = transaction.get(self._key)
        if held is None or _decoded(held) not in (mark, later):
            raise BackupError(
                f"somebody else restores at {self._prefix!r} as well; let one of the two end"
            )


def _decoded(held: bytes) -> _Mark:
    try:
        return msgspec.msgpack.decode(held, type=_Mark)
    except msgspec.MsgspecError:
        return _Mark(b"")  # that of no backup
