"""LMDB environments: one a folder and process, opened with care.

LMDB must not have an environment open twice in a process, nor use it after a fork, nor map a file
that is shorter than it says: each ends in damage or in a crash, so each is refused here.
"""

import errno
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import lmdb

from glasshouse.errors import CorruptionError, DiskFullError, EngineError
from glasshouse.records.engines.pages import check_pages

FORMAT = b"glasshouse 1"
"""What the environment says it holds; a later layout says something else."""

_FORMAT_KEY = b"format"
_DATABASES = 4
_READERS = 1024
_PAGES_CHECKED = 5_000
"""Pages looked at when a file is opened, some hundredths of a second; a larger file in part."""

CORRUPTION = (
    lmdb.CorruptedError,
    lmdb.PageNotFoundError,
    lmdb.InvalidError,
    lmdb.PanicError,
    lmdb.PageFullError,
    lmdb.CursorFullError,
    lmdb.BadValsizeError,
)
"""What LMDB raises when it finds that its pages are not what they should be."""


@dataclass(eq=False)
class Environment:
    """An open environment with its databases, shared by all engines on the folder."""

    path: Path
    env: lmdb.Environment
    data: Any
    """Keys and values."""
    meta: Any
    """The format and the newest version."""
    marks: Any
    """Ranges that count as written though they are not."""
    process: int
    users: int = 1
    holder: int | None = None
    """The thread in whose hands LMDB's write lock is."""
    lock: threading.Lock = field(default_factory=threading.Lock)


_open: dict[Path, Environment] = {}
_registry = threading.Lock()


def default_map_gib() -> float:
    """How far a file may grow; on Linux that takes addresses only, not memory or disk."""
    return 256.0 if sys.platform == "linux" and sys.maxsize > 1 << 32 else 4.0


def acquire(folder: Path, *, map_gib: float, sync: bool) -> Environment:
    """Open the environment of a folder, or share the one that is open.

    Raises:
        EngineError: If the folder cannot hold one, or holds something else.
        CorruptionError: If its file is damaged.
    """
    path = Path(os.path.realpath(folder))
    with _registry:
        found = _open.get(path)
        if found is not None and found.process == os.getpid():
            found.users += 1
            return found
        _refuse_other_content(path)
        _refuse_damaged(path / "data.mdb")
        found = _open[path] = _opened(path, map_gib=map_gib, sync=sync)
        return found


def release(environment: Environment) -> None:
    """Let go of an environment; the last user closes it."""
    with _registry:
        environment.users -= 1
        if environment.users == 0 and environment.process == os.getpid():
            _open.pop(environment.path, None)
            environment.env.close()


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn what LMDB raises into sentences.

    Raises:
        DiskFullError: If no room is left.
        CorruptionError: If pages are damaged.
        EngineError: If LMDB refuses for another reason.
    """
    try:
        yield
    except lmdb.MapFullError:
        raise DiskFullError(
            f"{path} has grown to its limit; open it with a larger one, as lmdb:…?map_gib=512"
        ) from None
    except CORRUPTION as error:
        raise CorruptionError(
            f"{path} is damaged ({error}); see what is wrong with `glasshouse records scrub`"
        ) from None
    except (lmdb.Error, OSError) as error:
        if _errno(error) in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise DiskFullError(f"no room is left for {path}; nothing was written") from None
        if _errno(error) == errno.EIO:
            raise CorruptionError(f"the disk failed under {path}: {error}") from None
        raise EngineError(f"{path}: {error}") from None


def _errno(error: Exception) -> int | None:
    """The operating system's number for an error; LMDB keeps it in its words."""
    if isinstance(error, OSError):
        return error.errno
    words = str(error)
    for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EACCES):
        if os.strerror(number) in words:
            return number
    return None


def _refuse_other_content(path: Path) -> None:
    if path.exists() and not path.is_dir():
        raise EngineError(f"{path} is a file; an lmdb store is a folder")
    if path.is_dir() and not (path / "data.mdb").exists():
        others = [one.name for one in path.iterdir() if one.name != "lock.mdb"]
        if others:
            raise EngineError(f"{path} holds other things ({sorted(others)[0]}, …); choose another")


def _refuse_damaged(file: Path) -> None:
    """Refuse a file that is cut off or whose first pages are garbled: reading it would crash."""
    problems = check_pages(file, most_pages=_PAGES_CHECKED)
    if problems:
        raise CorruptionError(
            f"{file} is damaged: {problems[0]}; restore a backup, or see everything that is wrong "
            "with `glasshouse records scrub`"
        )


def _opened(path: Path, *, map_gib: float, sync: bool) -> Environment:
    size = int(map_gib * (1 << 30))
    while True:
        try:
            with storage_errors(path):
                path.mkdir(parents=True, exist_ok=True)
                env = lmdb.open(
                    str(path), map_size=size, max_dbs=_DATABASES, max_readers=_READERS, sync=sync,
                    metasync=sync, max_spare_txns=16,
                )  # fmt: skip
            break
        except EngineError as error:
            if "Cannot allocate memory" not in str(error) or size < 1 << 30:
                raise
            size //= 2
    with storage_errors(path):
        env.reader_check()
        data, meta, marks = (env.open_db(name) for name in (b"data", b"meta", b"marks"))
        _check_format(path, env, meta)
    return Environment(path, env, data, meta, marks, os.getpid())


def _check_format(path: Path, env: lmdb.Environment, meta: Any) -> None:
    with env.begin(db=meta) as transaction:
        found = transaction.get(_FORMAT_KEY)
    if found is None:
        with env.begin(db=meta, write=True) as transaction:
            transaction.put(_FORMAT_KEY, FORMAT, overwrite=False)
        return
    if found != FORMAT:
        env.close()
        raise EngineError(
            f"{path} has layout {found!r} and this library reads {FORMAT!r}; upgrade the library"
        )
