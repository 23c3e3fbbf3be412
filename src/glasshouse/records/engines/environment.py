"""LMDB environments: one a folder and process, opened with care.

LMDB must not have an environment open twice in a process, nor use it after a fork, nor map a file
that is shorter than it says: each ends in damage or in a crash, so each is refused here.
"""

import errno
import os
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lmdb

from glasshouse.errors import CorruptionError, DiskFullError, EngineError
from glasshouse.records.engines.pages import Effort, check_pages

FORMAT = b"glasshouse 1"
"""What the environment says it holds; a later layout says something else."""

_FORMAT_KEY = b"format"
_NAMES = (b"data", b"meta", b"marks")
_READERS = 1024
_EFFORT = Effort(whole_pages=500, headers=50_000)
"""What is looked at when a file is opened, which takes some hundredths of a second: all of 2 MB in
whole, and of some 200 MB whether any page was lost. LMDB notices by itself when it looks for a key
on a page that was lost, but ends the process when it steps on to one."""

CORRUPTION = (
    lmdb.CorruptedError,
    lmdb.PageNotFoundError,
    lmdb.InvalidError,
    lmdb.PanicError,
    lmdb.PageFullError,
    lmdb.CursorFullError,
    lmdb.BadValsizeError,
    lmdb.BadTxnError,
)
"""What LMDB raises when it finds that its pages are not what they should be; and then, of a
transaction that has met such a page, whatever is asked of it."""

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_SPARE_BYTES = 1 << 16


@dataclass(eq=False)
class Environment:
    """An open environment with its databases, shared by all engines on the folder."""

    path: Path
    map_gib: float
    sync: bool
    env: Any
    """LMDB's environment, and its databases; none of them in a process forked since."""
    data: Any
    """Keys and values."""
    meta: Any
    """The format, the newest version, and what else is known of all of it."""
    marks: Any
    """Ranges that count as written though they are not."""
    process: int
    users: int = 1
    holder: int | None = None
    """The thread in whose hands LMDB's write lock is."""


_open: dict[Path, Environment] = {}
_registry = threading.Lock()


def default_map_gib() -> float:
    """How far a file may grow; on Linux that takes addresses only, not memory or disk."""
    return 256.0 if sys.platform == "linux" and sys.maxsize > 1 << 32 else 4.0


def acquire(folder: Path, *, map_gib: float | None, sync: bool) -> Environment:
    """Open the environment of a folder, or share the one that is open.

    Args:
        folder: Where; made if it is missing.
        map_gib: How far the file may grow; None leaves it to the machine.
        sync: Whether a commit waits for the disk.

    Raises:
        EngineError: If the folder cannot hold one, or holds something else.
        CorruptionError: If its file is damaged.
    """
    path = Path(os.path.realpath(folder))
    with _registry:
        found = _open.get(path)
        if found is not None:
            _refuse_other_options(found, map_gib=map_gib, sync=sync)
            found.users += 1
            return found
        with storage_errors(path):
            _refuse_other_content(path)
            _refuse_damaged(path / "data.mdb")
        found = _open[path] = _opened(path, map_gib=map_gib or default_map_gib(), sync=sync)
        return found


def release(environment: Environment) -> None:
    """Let go of an environment; the last user closes it."""
    with _registry:
        environment.users -= 1
        if environment.users == 0 and environment.process == os.getpid():
            del _open[environment.path]
            environment.env.close()


def forget_inherited() -> None:
    """In a process just forked: drop what the parent has open, without closing it.

    To close it here would take the parent's snapshots from it. Dropped, the folder can be opened
    anew.
    """
    global _registry
    _registry = threading.Lock()
    for environment in _open.values():
        environment.env = environment.data = environment.meta = environment.marks = None
    _open.clear()


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
    except (lmdb.Error, OSError) as error:
        raise translated(path, error) from None


def translated(path: Path, error: Exception) -> Exception:
    """What LMDB or the system raised, as a sentence; another error as it is."""
    if isinstance(error, lmdb.MapFullError):
        return DiskFullError(
            f"{path} has grown to its limit; open it with a larger one, as lmdb:…?map_gib=512"
        )
    if isinstance(error, lmdb.MapResizedError):
        return EngineError(
            f"{path} was let grow further by another process; open it with as large a map_gib"
        )
    if isinstance(error, lmdb.ReadersFullError):
        return EngineError(f"{path} has {_READERS} open transactions, the most; end some of them")
    if isinstance(error, CORRUPTION):
        return CorruptionError(
            f"{path} is damaged ({error}); see what is wrong with `glasshouse records scrub`"
        )
    if isinstance(error, lmdb.Error | OSError):
        number = _errno(error)
        if number in _FULL or (number == errno.EIO and not _has_room(path)):
            return DiskFullError(f"no room is left for {path}; nothing was written")
        if number == errno.EIO:
            return CorruptionError(f"the disk failed under {path}: {error}")
        return EngineError(f"{path}: {error}")
    return error


def _errno(error: Exception) -> int | None:
    """The operating system's number for an error; LMDB keeps it in its words."""
    if isinstance(error, OSError):
        return error.errno
    words = str(error)
    for number in (*_FULL, errno.EIO):
        if os.strerror(number) in words:
            return number
    return None


def _has_room(path: Path) -> bool:
    """Whether the file can grow: LMDB calls it an error of the disk if half of a write fits."""
    if not hasattr(os, "posix_fallocate"):
        return shutil.disk_usage(path).free > _SPARE_BYTES
    try:
        with (path / "data.mdb").open("r+b") as opened:
            size = os.fstat(opened.fileno()).st_size
            os.posix_fallocate(opened.fileno(), size, _SPARE_BYTES)
    except OSError as error:
        return error.errno not in _FULL
    return True


def _refuse_other_options(found: Environment, *, map_gib: float | None, sync: bool) -> None:
    """A process has one environment, so one set of options: the weaker must not win in silence."""
    if sync and not found.sync:
        raise EngineError(f"{found.path} is open in this process with sync=off; close that first")
    if map_gib is not None and map_gib > found.map_gib:
        raise EngineError(
            f"{found.path} is open in this process with map_gib={found.map_gib:g}; close that first"
        )


def _refuse_other_content(path: Path) -> None:
    if path.exists() and not path.is_dir():
        raise EngineError(f"{path} is a file; an lmdb store is a folder")
    if path.is_dir() and not (path / "data.mdb").exists():
        others = [one.name for one in path.iterdir() if one.name != "lock.mdb"]
        if others:
            raise EngineError(f"{path} holds other things ({sorted(others)[0]}, …); choose another")


def _refuse_damaged(file: Path) -> None:
    """Refuse a file that is cut off or whose first pages are garbled: reading it would crash."""
    problems = check_pages(file, effort=_EFFORT)
    if problems:
        raise CorruptionError(
            f"{file} is damaged: {problems[0]}; restore a backup, or see everything that is wrong "
            "with `glasshouse records scrub`"
        )


def _opened(path: Path, *, map_gib: float, sync: bool) -> Environment:
    with storage_errors(path):
        path.mkdir(parents=True, exist_ok=True)
        env, map_gib = _mapped(path, map_gib=map_gib, sync=sync)
        try:
            env.reader_check()  # of processes that were killed
            data, meta, marks = _databases(path, env)
        except BaseException:
            env.close()
            raise
    return Environment(path, map_gib, sync, env, data, meta, marks, os.getpid())


def _mapped(path: Path, *, map_gib: float, sync: bool) -> tuple[lmdb.Environment, float]:
    """Open with as many addresses as can be had, up to those asked for."""
    while True:
        try:
            env = lmdb.open(
                str(path), map_size=int(map_gib * (1 << 30)), max_dbs=len(_NAMES),
                max_readers=_READERS, sync=sync, metasync=sync, max_spare_txns=16,
            )  # fmt: skip
        except lmdb.Error as error:
            if "already open" in str(error):
                raise EngineError(
                    f"{path} was open with a transaction under way when this process was forked; "
                    "fork before it begins, or start processes by spawning"
                ) from None
            if os.strerror(errno.ENOMEM) not in str(error) or map_gib < 1:
                raise
            map_gib /= 2
        else:
            return env, map_gib


def _databases(path: Path, env: lmdb.Environment) -> list[Any]:
    """Open the databases, or make them, all at once.

    Handles live on only if a writing transaction opened them, so this waits for other writers.
    """
    with env.begin(write=True) as transaction:
        is_new = not transaction.stat()["entries"]
        if not is_new and any(transaction.get(name) is None for name in _NAMES):
            raise EngineError(f"{path} is an lmdb file of something else; choose another folder")
        found = [env.open_db(name, txn=transaction, create=is_new) for name in _NAMES]
        if is_new:
            transaction.put(_FORMAT_KEY, FORMAT, db=found[1])
        written = transaction.get(_FORMAT_KEY, db=found[1])
        if written != FORMAT:
            raise EngineError(
                f"{path} has layout {written!r} and this library reads {FORMAT!r}; "
                "upgrade the library"
            )
    return found
