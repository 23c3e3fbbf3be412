"""The file of a backup: a magic line, then frames, the last of which says that it is whole.

    frame = kind (1 byte) + length (4) + CRC-32 of the body (4) + body

The first frame says what the file is of, those that follow hold rows, zlib-compressed, the last
holds the totals and a digest of all rows. A file without it is half a backup.
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
_HEAD = struct.Struct(">cII")
_ABOUT, _ROWS, _END = b"A", b"R", b"E"


class About(msgspec.Struct, frozen=True):
    """What a backup is of."""

    schema: str
    version: int
    """Of the schema."""
    created: str
    """UTC, ISO 8601."""
    commit_version: bytes
    """The newest of the engine when it was made: restored versions are not larger."""
    catalogue: dict[bytes, bytes]
    """Descriptions of the schema, by fingerprint."""


class Totals(msgspec.Struct, frozen=True):
    """What a whole backup holds."""

    rows: int
    digest: bytes
    num_bytes: int
    """Of keys and values."""


class Writer:
    """Writes a backup, frame by frame."""

    def __init__(self, file: IO[bytes], about: About) -> None:
        self._file = file
        self._digest = blake2b(digest_size=16)
        self._rows = self._bytes = 0
        file.write(MAGIC)
        self._frame(_ABOUT, msgspec.msgpack.encode(about))

    def add(self, rows: list[Row]) -> None:
        """Write some rows, keys without the store's prefix."""
        body = msgspec.msgpack.encode(rows)
        self._digest.update(body)
        self._rows += len(rows)
        self._bytes += sum(len(key) + len(value) for key, value in rows)
        self._frame(_ROWS, zlib.compress(body, 1))

    def close(self) -> Totals:
        """Say that it is whole."""
        totals = Totals(self._rows, self._digest.digest(), self._bytes)
        self._frame(_END, msgspec.msgpack.encode(totals))
        return totals

    def _frame(self, kind: bytes, body: bytes) -> None:
        self._file.write(_HEAD.pack(kind, len(body), zlib.crc32(body)) + body)


def read_about(path: Path) -> About:
    """What a backup is of.

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
    digest, num_rows, num_bytes = blake2b(digest_size=16), 0, 0
    totals: Totals | None = None
    for kind, body in _frames(path):
        if totals is not None:
            raise BackupError(f"{path} goes on behind its end; it is damaged")
        if kind == _ROWS:
            plain = _decompressed(path, body)
            digest.update(plain)
            rows = _decoded(path, plain, list[tuple[bytes, bytes]])
            num_rows += len(rows)
            num_bytes += sum(len(key) + len(value) for key, value in rows)
        elif kind == _END:
            totals = _decoded(path, body, Totals)
    if totals is None:
        raise BackupError(f"{path} is half a backup: it was cut off, or is still being written")
    if totals != Totals(num_rows, digest.digest(), num_bytes):
        raise BackupError(f"{path} is damaged: its rows are not those that were written")
    return totals


def read_rows(path: Path) -> Iterator[list[Row]]:
    """The rows of a backup that was verified."""
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
            like = start.startswith(MAGIC[:24])
            what = "is a backup of another version" if like else "is no backup of a store"
            raise BackupError(f"{path} {what}")
        while head := file.read(_HEAD.size):
            if len(head) < _HEAD.size:
                raise BackupError(f"{path} is half a backup: it ends in the middle of a frame")
            kind, length, checksum = _HEAD.unpack(head)
            body = file.read(length)
            if len(body) < length:
                raise BackupError(f"{path} is half a backup: it ends in the middle of a frame")
            if zlib.crc32(body) != checksum:
                raise BackupError(f"{path} is damaged: a checksum does not fit")
            yield kind, body


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
