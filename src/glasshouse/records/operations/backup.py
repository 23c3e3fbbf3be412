"""A copy of one store, or of all below a prefix, in one file, as they are at one moment."""

from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from glasshouse.errors import BackupError, ConflictError, SchemaError
from glasshouse.files import write_atomically
from glasshouse.records.engines.engine import Engine, Row, Transaction
from glasshouse.records.operations.copy_file import About, StoreCopy, Totals, Writer
from glasshouse.records.operations.stores import header_at
from glasshouse.records.store.header import CATALOGUE
from glasshouse.records.store.layout import HEADER, RESTORING
from glasshouse.records.tuples import end_of

_PAGE = 1_000


def backup(engine: Engine, prefix: bytes, path: Path) -> Totals:
    """Write what is under a prefix into a file; the file is whole, or as it was before.

    Args:
        engine: Where the store is.
        prefix: What the keys begin with: those of one store, those of many, or, if it is empty,
            all that the engine holds.
        path: The file to make or replace.

    Raises:
        SchemaError: If there is no store.
        BackupError: If the file cannot be written, if the store is half restored itself, or if the
            engine does not keep a moment for as long as it takes: FoundationDB does for five
            seconds, and has tools of its own.
    """
    made: list[Totals] = []

    def write(draft: Path) -> None:
        transaction = engine.begin(read_only=True)
        try:
            with draft.open("wb") as file:
                made.append(_write(file, engine, transaction, prefix))
        finally:
            transaction.cancel()

    try:
        write_atomically(path, write)
    except ConflictError as error:
        raise BackupError(
            f"{engine.url} does not keep one moment for long enough to read all under {prefix!r}: "
            f"back up smaller parts, or use its own tools ({error})"
        ) from None
    except OSError as error:
        raise BackupError(f"{path} cannot be written: {error.strerror}") from None
    return made[0]


def _write(file: IO[bytes], engine: Engine, transaction: Transaction, prefix: bytes) -> Totals:
    if transaction.get(prefix + RESTORING) is not None:
        raise BackupError(
            f"what is at {prefix!r} is half restored; run the same restore again to its end"
        )
    created = datetime.now(UTC).isoformat(timespec="seconds")
    writer = Writer(file, About(created, engine.newest_version()))
    finder = _HeaderFinder()
    begin, end = prefix, end_of(prefix)
    while True:
        rows = transaction.get_range(begin, end, limit=_PAGE, snapshot=True)
        writer.add(finder.without_headers([(key[len(prefix) :], value) for key, value in rows]))
        if len(rows) < _PAGE:
            break
        begin = rows[-1][0] + b"\x00"
    if not finder.stores:
        raise SchemaError(f"there is no store at {prefix!r} or below")
    keys = [CATALOGUE + fingerprint for fingerprint in sorted(finder.fingerprints)]
    described = zip(keys, transaction.get_all(keys), strict=True)
    catalogue = [(key, value) for key, value in described if value is not None]
    return writer.close(finder.stores, catalogue)


class _HeaderFinder:
    """Takes the headers of stores out of rows that go by in order."""

    def __init__(self) -> None:
        self.stores: list[StoreCopy] = []
        self.fingerprints: set[bytes] = set()
        self._inside: bytes | None = None

    def without_headers(self, rows: list[Row]) -> list[Row]:
        """The other rows. A header is the first of its store, and there is none within a store."""
        return [row for row in rows if not self._is_header(*row)]

    def _is_header(self, key: bytes, value: bytes) -> bool:
        if self._inside is not None and key.startswith(self._inside):
            return False
        header = header_at(key, value)
        if header is None:
            return False
        self._inside = key.removesuffix(HEADER)
        self.fingerprints.add(header.fingerprint)
        self.stores.append(StoreCopy(self._inside, header.schema, header.version, value))
        return True
