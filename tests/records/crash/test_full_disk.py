"""A disk without room: one clear error, and nothing that was there is lost."""

import subprocess
import sys

import pytest

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
