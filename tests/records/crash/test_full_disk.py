"""A disk without room: one clear error, and nothing that was there is lost."""

import os
import subprocess
import sys
from contextlib import contextmanager

import pytest
from tests.records.crash.victim import PLACE, SCHEMA, Thing
from tests.records.engines.contenders import clear
from tests.records.engines.postgres_server import limit_files, postgres_url

from glasshouse.errors import DiskFullError
from glasshouse.records import Database, scrub

SETUP = """
import resource, sys
from pathlib import Path
from glasshouse.errors import BackupError, DiskFullError, SchemaError
from glasshouse.records import Database, Subspace
from glasshouse.records.operations import backup, restore, scrub, verify_backup
from tests.records.crash.victim import PLACE, RESTORED, SCHEMA, Thing

folder = Path(sys.argv[1])
database = Database.open(f"lmdb:{folder / 'store'}")
things = database.store(SCHEMA, PLACE)
data, file = folder / "store" / "data.mdb", folder / "backup"

def save(first, count):
    numbers = range(first, first + count)
    things.save(*(Thing(one, one % 100, ["a", "b"], "body" * 50) for one in numbers))

def limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

def raises(kind, work):
    try:
        work()
    except kind as error:
        print(error)
        return True
    return False

save(0, 100)
"""

COMMIT = """
limit(data.stat().st_size + 40_000)
assert raises(DiskFullError, lambda: save(1_000, 700))
assert things.load(Thing, 99) is not None and things.load(Thing, 1_000) is None
assert list(scrub(things)) == []
limit(resource.RLIM_INFINITY)
save(1_000, 700)
assert things.load(Thing, 1_699) is not None
assert list(scrub(things)) == []
"""

BACKUP = """
whole = backup(database.engine, PLACE.key, file)
save(1_000, 300)
limit(1_000)
assert raises(BackupError, lambda: backup(database.engine, PLACE.key, file))
limit(resource.RLIM_INFINITY)
assert verify_backup(file) == whole
assert sorted(one.name for one in folder.iterdir()) == ["backup", "store"]
"""

RESTORE = """
save(1_000, 700)
whole = backup(database.engine, PLACE.key, file)
again = lambda: list(restore(file, database.engine, RESTORED.key, bytes_per_transaction=100_000))
limit(data.stat().st_size + 200_000)
assert raises(DiskFullError, again)
restored = database.store(SCHEMA, RESTORED)
assert raises(SchemaError, lambda: restored.save(Thing(1)))
limit(resource.RLIM_INFINITY)
assert 0 < again()[-1].rows < whole.rows
assert list(scrub(restored)) == []
"""


@pytest.mark.skipif(sys.platform != "linux", reason="limits the size of files as Linux does")
@pytest.mark.parametrize(
    ("work", "message"),
    [(COMMIT, "no room is left"), (BACKUP, "cannot be written"), (RESTORE, "no room is left")],
    ids=["commit", "backup", "restore"],
)
def test_says_that_there_is_no_room(tmp_path, work, message):
    """Files may grow no further in a process of its own; then they may."""
    command = [sys.executable, "-c", SETUP + work, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert message in done.stdout


LARGEST = """
SELECT greatest(16 << 20, max(pg_relation_size(oid))) + (1 << 20) FROM pg_class
WHERE relkind IN ('r', 't', 'i')
"""
"""A little more than any table has, or a segment of the log; the log's files keep their size."""


@contextmanager
def full_server():
    """A server on which what is connected now can enlarge no file."""
    psycopg = pytest.importorskip("psycopg", reason="the psycopg package is not installed")
    with psycopg.connect(postgres_url(), autocommit=True) as connection:
        (size,) = connection.execute(LARGEST).fetchone()
        clients = connection.execute(
            "SELECT pid FROM pg_stat_activity "
            "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
        pids = [pid for (pid,) in clients]
    try:
        for pid in pids:
            limit_files(pid, size)
        yield
    finally:
        for pid in pids:
            limit_files(pid, "unlimited")


@pytest.mark.skipif(sys.platform != "linux", reason="limits the size of files as Linux does")
def test_says_that_a_server_has_no_room():
    """What was acknowledged is there, of the transaction that failed nothing; then all goes on."""
    with Database.open(postgres_url()) as database:
        things = database.store(SCHEMA, PLACE)

        clear(database.engine)

        def save(first):
            bodies = [os.urandom(45_000).hex() for _ in range(20)]
            things.save(*(Thing(first + at, at, ["a"], body) for at, body in enumerate(bodies)))

        def fill(saved):
            while len(saved) < 1_000:
                save(len(saved))
                saved += range(len(saved), len(saved) + 20)

        save(0)  # connects what writes
        saved = list(range(20))
        with full_server():
            with pytest.raises(DiskFullError, match="the server has no room left"):
                fill(saved)
            assert things.read(lambda store: [one.id for one in store.scan(Thing)]) == saved
            assert list(scrub(things)) == []
        save(len(saved))
        assert things.load(Thing, len(saved)) is not None
        clear(database.engine)
