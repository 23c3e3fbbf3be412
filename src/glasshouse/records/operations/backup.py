"""A copy of a store in one file, made at one moment, and a store made of such a file.

A restore writes in bounded transactions, the header last. Until then a mark says that the store is
half restored, and nobody can open it; the same restore, started again, goes on from the mark.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from glasshouse.errors import BackupError, SchemaError
from glasshouse.files import write_atomically
from glasshouse.records.engines import transact
from glasshouse.records.engines.engine import Engine, Row, Transaction
from glasshouse.records.operations.copy_file import (
    About,
    Totals,
    Writer,
    read_about,
    read_rows,
    verify_backup,
)
from glasshouse.records.store.header import CATALOGUE, decode_header
from glasshouse.records.store.layout import HEADER, RESTORING
from glasshouse.records.tuples import end_of

_PAGE = 1_000
_BYTES_AT_ONCE = 1_000_000


class _Mark(msgspec.Struct, frozen=True):
    """How far a restore has come."""

    digest: bytes
    """Of the backup."""
    last_key: bytes
    """Written last, without the store's prefix."""


def backup(engine: Engine, prefix: bytes, path: Path) -> Totals:
    """Write a store into a file, as it is at one moment; the file is whole or absent.

    Args:
        engine: Where the store is.
        prefix: What its keys begin with.
        path: The file to make or replace.

    Raises:
        SchemaError: If there is no store.
        OSError: If the file cannot be written.
    """
    totals: list[Totals] = []

    def write(draft: Path) -> None:
        transaction = engine.begin(read_only=True)
        try:
            with draft.open("wb") as file:
                writer = Writer(file, _about(engine, transaction, prefix))
                begin, end = prefix, end_of(prefix)
                while True:
                    rows = transaction.get_range(begin, end, limit=_PAGE, snapshot=True)
                    writer.add([(key[len(prefix) :], value) for key, value in rows])
                    if len(rows) < _PAGE:
                        break
                    begin = rows[-1][0] + b"\x00"
                totals.append(writer.close())
        finally:
            transaction.cancel()

    write_atomically(path, write)
    return totals[0]


def _about(engine: Engine, transaction: Transaction, prefix: bytes) -> About:
    value = transaction.get(prefix + HEADER)
    if value is None:
        raise SchemaError(f"there is no store at {prefix!r}")
    header = decode_header(value)
    description = transaction.get(CATALOGUE + header.fingerprint)
    return About(
        schema=header.schema,
        version=header.version,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        commit_version=engine.newest_version(),
        catalogue={} if description is None else {header.fingerprint: description},
    )


def restore(
    path: Path, engine: Engine, prefix: bytes, *, overwrite: bool = False
) -> Iterator[Totals]:
    """Make a store of a file; stop at any time and call again with the same file.

    Args:
        path: A backup.
        engine: Where the store is to be.
        prefix: What its keys are to begin with; it need not be that of the store backed up.
        overwrite: Whether what is there already may go.

    Yields:
        Rows and bytes written so far, after each transaction.

    Raises:
        BackupError: If the file is damaged, or there is something at the prefix and it may not go.
    """
    totals, about = verify_backup(path), read_about(path)
    mark = transact(engine, lambda one: _begin(one, prefix, totals, overwrite=overwrite))
    engine.advance_version(about.commit_version)
    done = Totals(0, totals.digest, 0)
    for rows in _batches(path, mark.last_key):
        transact(engine, lambda one, rows=rows: _write(one, prefix, rows, totals.digest))
        size = sum(len(key) + len(value) for key, value in rows)
        done = Totals(done.rows + len(rows), totals.digest, done.num_bytes + size)
        yield done
    header = next(row for rows in read_rows(path) for row in rows if row[0] == HEADER)
    transact(engine, lambda one: _end(one, prefix, header, about))
    yield totals


def _begin(transaction: Transaction, prefix: bytes, totals: Totals, *, overwrite: bool) -> _Mark:
    """Take the place, or find out how far an earlier try has come."""
    held = transaction.get(prefix + RESTORING)
    if held is not None:
        mark = msgspec.msgpack.decode(held, type=_Mark)
        if mark.digest == totals.digest:
            return mark
        if not overwrite:
            raise BackupError(
                f"another backup is half restored at {prefix!r}; restore that one again, or "
                "overwrite it"
            )
    elif transaction.get_range(prefix, end_of(prefix), limit=1) and not overwrite:
        raise BackupError(f"there is something at {prefix!r} already; overwrite it if it may go")
    transaction.clear_range(prefix, end_of(prefix))
    mark = _Mark(totals.digest, b"")
    transaction.set(prefix + RESTORING, msgspec.msgpack.encode(mark))
    return mark


def _batches(path: Path, after: bytes) -> Iterator[list[Row]]:
    """The rows behind a key but for the header, some at a time."""
    batch: list[Row] = []
    size = 0
    for rows in read_rows(path):
        for key, value in rows:
            if key <= after or key == HEADER:
                continue
            batch.append((key, value))
            size += len(key) + len(value)
            if size >= _BYTES_AT_ONCE:
                yield batch
                batch, size = [], 0
    if batch:
        yield batch


def _write(transaction: Transaction, prefix: bytes, rows: list[Row], digest: bytes) -> None:
    transaction.set_all({prefix + key: value for key, value in rows})
    mark = _Mark(digest, rows[-1][0])
    transaction.set(prefix + RESTORING, msgspec.msgpack.encode(mark))


def _end(transaction: Transaction, prefix: bytes, header: Row, about: About) -> None:
    """Everything is there: now it is a store."""
    for fingerprint, description in about.catalogue.items():
        transaction.set(CATALOGUE + fingerprint, description)
    transaction.set(prefix + header[0], header[1])
    transaction.clear(prefix + RESTORING)
