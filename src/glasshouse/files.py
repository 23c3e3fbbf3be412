"""Files that are whole or absent: what a crash or a full disk cannot leave half-written."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def write_atomically(path: Path, write: bytes | str | Callable[[Path], None]) -> None:
    """Write a file so that a reader sees the old content or the new, never a part.

    Args:
        path: The file to make or replace; its folder must exist.
        write: The content, or a function that writes the content to the path it is given.

    Raises:
        OSError: If the disk is full or the folder cannot be written; `path` is then untouched.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    try:
        if callable(write):
            write(draft)
        else:
            draft.write_bytes(write.encode() if isinstance(write, str) else write)
        flush_to_disk(draft)
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    flush_to_disk(path.parent)


@contextmanager
def folder_atomically(path: Path) -> Iterator[Path]:
    """Fill a folder under a draft name; it takes its own name only when the body has succeeded.

    Raises:
        OSError: If the disk is full; no folder named `path` is then left behind.
        FileExistsError: If `path` exists already and is not empty.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    try:
        yield draft
        for file in sorted(draft.rglob("*")):
            flush_to_disk(file)
        flush_to_disk(draft)
        os.replace(draft, path)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    flush_to_disk(path.parent)


def flush_to_disk(path: Path) -> None:
    """Ask the operating system to put a file or folder on the disk itself."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
