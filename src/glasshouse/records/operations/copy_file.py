"""The file of a backup: a magic line, then frames, the last of which says that it is whole.

    frame = kind (1 byte) + length of the body (4) + CRC-32 of kind and body (4) + body

The first frame says when it was made, those that follow hold rows, zlib-compressed. The last holds
the headers of the stores, how many rows there are and a digest of everything: a file without it is
half a backup.
"""

import struct
import zlib
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import IO, Any

import msgspec

from glasshouse.errors import BackupError
from glasshouse.records.engines.engine import Row

MAGIC = b"glasshouse store backup 1\n"
_NAME = MAGIC[:24]
_HEAD = struct.Struct(">cII")
_ABOUT, _ROWS, _END = b"A", b"R", b"E"


class About(msgspec.Struct, frozen=True):
    """When a backup was made."""

    created: str
    """UTC, ISO 8601."""
    commit_version: bytes
    """The newest of the engine then: no version in the copy is larger."""


class StoreCopy(msgspec.Struct, frozen=True):
    """One store in a backup."""

    prefix: bytes
    """Of its keys, behind that of the backup."""
    schema: str
    version: int
    header: bytes
    """Its first row's value, which a restore writes last."""


class Totals(msgspec.Struct, frozen=True):
    """What a whole backup holds."""

    rows: int
    """Headers among them."""
    num_bytes: int
    """Of keys and values."""
    digest: bytes
    """Of everything."""
    stores: list[StoreCopy]
    catalogue: list[Row]
    """The rows that say what their schemas are."""


class Writer:
    """Writes a backup, frame by frame."""

    def __init__(self, file: IO[bytes], about: About) -> None:
        self._file = file
        self._count = _Count()
        file.write(MAGIC)
        self._frame(_ABOUT, msgspec.msgpack.encode(about))

    def add(self, rows: list[Row]) -> None:
        """Write some rows, keys without the prefix of the backup."""
        body = msgspec.msgpack.encode(rows)
        self._count.add(body, rows)
        self._frame(_ROWS, zlib.compress(body, 1))

    def close(self, stores: list[StoreCopy], catalogue: list[Row]) -> Totals:
        """Say that it is whole."""
        totals = self._count.totals(stores, catalogue)
        self._frame(_END, msgspec.msgpack.encode(totals))
        return totals

    def _frame(self, kind: bytes, body: bytes) -> None:
        self._file.write(_HEAD.pack(kind, len(body), _checksum(kind, body)) + body)


class _Count:
    """Adds up what went by."""

    def __init__(self) -> None:
        self._digest = blake2b(digest_size=16)
        self._rows = self._bytes = 0

    def add(self, body: bytes, rows: list[Row]) -> None:
        """Count rows and their encoded form."""
        self._digest.update(body)
        self._rows += len(rows)
        self._bytes += sum([len(key) + len(value) for key, value in rows])

    def totals(self, stores: list[StoreCopy], catalogue: list[Row]) -> Totals:
        """The totals with these stores."""
        self._digest.update(msgspec.msgpack.encode((stores, catalogue)))
        num_bytes = self._bytes + sum(len(one.prefix) + 1 + len(one.header) for one in stores)
        rows = self._rows + len(stores)
        return Totals(rows, num_bytes, self._digest.digest(), stores, catalogue)


def read_about(path: Path) -> About:
    """When a backup was made.

    Raises:
        BackupError: If the file is no backup, of another version, or damaged at its beginning.
    """
    for kind, body in _frames(path):
        if kind == _ABOUT:
            return _decoded(path, body, About)
        break
    raise BackupError(f"{path} does not say what it is a backup of; it is damaged")


def verify_backup(path: Path) -> Totals:
    """Read a backup to its end.

    Raises:
        BackupError: If it is no backup, half-written or damaged.
    """
    count = _Count()
    totals: Totals | None = None
    for kind, body in _frames(path):
        if totals is not None:
            raise BackupError(f"{path} goes on behind its end; it is damaged")
        if kind == _ROWS:
            plain = _decompressed(path, body)
            count.add(plain, _decoded(path, plain, list[tuple[bytes, bytes]]))
        elif kind == _END:
            totals = _decoded(path, body, Totals)
    if totals is None:
        raise BackupError(f"{path} is half a backup: it was cut off, or is still being written")
    if totals != count.totals(totals.stores, totals.catalogue):
        raise BackupError(f"{path} is damaged: its rows are not those that were written")
    return totals


def read_rows(path: Path) -> Iterator[list[Row]]:
    """The rows of a backup that was verified, but for the headers of stores."""
    for kind, body in _frames(path):
        if kind == _ROWS:
            yield _decoded(path, _decompressed(path, body), list[tuple[bytes, bytes]])


def _frames(path: Path) -> Iterator[tuple[bytes, bytes]]:
    try:
        file = path.open("rb")
    except OSError as error:
        raise BackupError(f"{path} cannot be read: {error.strerror}") from None
    with file:
        start = file.read(len(MAGIC))
        if start != MAGIC:
            is_like = start.startswith(_NAME)
            what = "is a backup of another version" if is_like else "is no backup of a store"
            raise BackupError(f"{path} {what}")
        while head := file.read(_HEAD.size):
            if len(head) < _HEAD.size:
                raise BackupError(f"{path} is half a backup: it ends in the middle of a frame")
            kind, length, checksum = _HEAD.unpack(head)
            body = file.read(length)
            if len(body) < length:
                raise BackupError(f"{path} is half a backup: it ends in the middle of a frame")
            if _checksum(kind, body) != checksum:
                raise BackupError(f"{path} is damaged: a checksum does not fit")
            yield kind, body


def _checksum(kind: bytes, body: bytes) -> int:
    return zlib.crc32(body, zlib.crc32(kind))


def _decompressed(path: Path, body: bytes) -> bytes:
    try:
        return zlib.decompress(body)
    except zlib.error as error:
        raise BackupError(f"{path} is damaged: {error}") from None


def _decoded(path: Path, body: bytes, kind: Any) -> Any:
    try:
        return msgspec.msgpack.decode(body, type=kind)
    except msgspec.MsgspecError as error:
        raise BackupError(f"{path} is damaged: {error}") from None
