"""What only files can suffer: several processes, kills, full disks, forks and damage."""

import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path

import lmdb
import pytest

from glasshouse.errors import ConflictError, CorruptionError, DiskFullError, EngineError
from glasshouse.records.engines import environment, lmdb_writing, open_engine, transact
from glasshouse.records.engines.pages import check_pages, newest_meta

PAGE = 4096


def started(code, *arguments):
    """Another process that runs some code; what it prints can be read from it."""
    return subprocess.Popen(
        [sys.executable, "-u", "-c", code, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def output(code, *arguments):
    """What a process prints; it must end well."""
    process = started(code, *arguments)
    text, _ = process.communicate(timeout=60)
    assert process.returncode == 0, text
    return text


def filled(folder, rows):
    """A store with rows, one commit each thousand, and closed."""
    engine = open_engine(f"lmdb:{folder}?sync=off")
    rows = list(rows.items())
    for start in range(0, len(rows), 1000):
        part = dict(rows[start : start + 1000])
        transact(engine, lambda transaction, part=part: transaction.set_all(part))
    engine.close()


def everything(engine):
    transaction = engine.begin(read_only=True)
    try:
        return dict(transaction.get_range(b"", b"\xff"))
    finally:
        transaction.cancel()


COUNT = """
import sys
from glasshouse.records.engines import open_engine, transact
engine = open_engine(f"lmdb:{sys.argv[1]}?sync=off")

def add(transaction):
    held = transaction.get(b"n") or bytes(8)
    transaction.set(b"n", (int.from_bytes(held, "big") + 1).to_bytes(8, "big"))

for _ in range(200):
    transact(engine, add)
"""

WRITE_FOREVER = """
import sys
from glasshouse.records.engines import open_engine, transact
engine = open_engine(f"lmdb:{sys.argv[1]}")
first = len(transact(engine, lambda transaction: transaction.get_range(b"a", b"b")))

for number in range(first, 1 << 30):
    def work(transaction):
        transaction.set(b"a%08d" % number, b"v" * 300)
        transaction.set(b"b%08d" % (number * 7919 % 100_003), b"%d" % number)
        transaction.clear(b"c%08d" % (number - 1))
        transaction.set(b"c%08d" % number, b"")
    transact(engine, work)
    print(number)
"""


class TestProcesses:
    def test_lose_no_update_of_each_other(self, tmp_path):
        """Two programs that read, add one and write, as often as they can."""
        processes = [started(COUNT, tmp_path) for _ in range(2)]
        for process in processes:
            process.communicate(timeout=60)
        assert [process.returncode for process in processes] == [0, 0]
        engine = open_engine(f"lmdb:{tmp_path}")
        assert everything(engine) == {b"n": (400).to_bytes(8, "big")}
        engine.close()

    def test_lose_nothing_acknowledged_when_killed(self, tmp_path):
        """Killed while it commits, again and again; each commit is there whole or not at all."""
        for acknowledged_before_the_kill in (1, 7, 30):
            process = started(WRITE_FOREVER, tmp_path)
            lines = [process.stdout.readline() for _ in range(acknowledged_before_the_kill)]
            process.send_signal(signal.SIGKILL)
            lines += process.communicate()[0].splitlines(keepends=True)
            newest = int([line for line in lines if line.endswith("\n")][-1])
            engine = open_engine(f"lmdb:{tmp_path}")
            rows = everything(engine)
            engine.close()
            num_commits = sum(key.startswith(b"a") for key in rows)
            assert newest < num_commits <= newest + 2
            assert [key for key in rows if key.startswith(b"c")] == [b"c%08d" % (num_commits - 1)]
            assert sum(key.startswith(b"b") for key in rows) == num_commits
            assert check_pages(tmp_path / "data.mdb") == []

    def test_that_were_killed_leave_no_reader_behind(self, tmp_path, monkeypatch):
        """Their places in LMDB's table are given to others, and their old pages used again."""
        monkeypatch.setattr(environment, "_READERS", 3)
        engine = open_engine(f"lmdb:{tmp_path}")
        transact(engine, lambda transaction: transaction.set(b"a", b"1"))
        code = """
import sys
from glasshouse.records.engines import open_engine
engine = open_engine(f"lmdb:{sys.argv[1]}")
transactions = [engine.begin() for _ in range(2)]
print("begun")
sys.stdin.read()
"""
        process = started(code, tmp_path)
        assert process.stdout.readline() == "begun\n"
        process.kill()
        process.communicate()
        transactions = [engine.begin() for _ in range(3)]
        with pytest.raises(EngineError, match="open transactions, the most"):
            engine.begin()
        assert [one.get(b"a") for one in transactions] == [b"1"] * 3
        engine.close()

    def test_do_not_use_what_they_inherit_by_a_fork(self, tmp_path):
        """The child is told to open again, can, and takes nothing from the parent."""
        code = """
import os, sys
from glasshouse.errors import EngineError
from glasshouse.records.engines import open_engine, transact

def refusal(work):
    try:
        work()
    except EngineError as error:
        print(error)

url = f"lmdb:{sys.argv[1]}"
engine = open_engine(url)
transact(engine, lambda transaction: transaction.set(b"a", b"1"))
inherited = engine.begin()
get = inherited.get
if os.fork() == 0:
    refusal(engine.begin)
    refusal(lambda: inherited.get(b"a"))
    refusal(lambda: get(b"a"))
    inherited.cancel()
    del inherited, get
    engine.close()
    engine = open_engine(url)
    for number in range(50):
        transact(engine, lambda transaction: transaction.set(b"a", b"x" * 5000))
    print(len(transact(engine, lambda transaction: transaction.get(b"a"))))
    engine.close()
    os._exit(0)
os.wait()
print(inherited.get(b"a"), len(engine.begin().get(b"a")))
inherited.cancel()
transact(engine, lambda transaction: transaction.set(b"a", b"2"))
engine.close()
"""
        lines = output(code, tmp_path).splitlines()
        assert "was opened before a fork; open it again in the child" in lines[0]
        assert lines[1:3] == ["this transaction has ended; begin another"] * 2
        assert lines[3:] == ["5000", "b'1' 5000"]


class TestThreads:
    def test_share_one_environment(self, tmp_path):
        """Each with its own transactions; who closes first takes nothing from the other."""
        one = open_engine(f"lmdb:{tmp_path}?sync=off")
        other = open_engine(f"lmdb:{tmp_path}/../{tmp_path.name}?sync=off")
        threads = [
            threading.Thread(target=lambda: [transact(one, add_one) for _ in range(20)])
            for _ in range(3)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        one.close()
        with pytest.raises(EngineError, match="is closed"):
            one.begin()
        assert everything(other) == {b"n": b"\x3c"}
        other.close()

    def test_refuse_other_options_for_it(self, tmp_path):
        """Nobody is to believe that commits wait for the disk when they do not."""
        engine = open_engine(f"lmdb:{tmp_path}?sync=off&map_gib=1")
        with pytest.raises(EngineError, match="open in this process with sync=off"):
            open_engine(f"lmdb:{tmp_path}")
        with pytest.raises(EngineError, match="open in this process with map_gib=1"):
            open_engine(f"lmdb:{tmp_path}?sync=off&map_gib=2")
        engine.close()
        open_engine(f"lmdb:{tmp_path}").close()


def add_one(transaction):
    held = transaction.get(b"n") or b"\x00"
    transaction.set(b"n", bytes([held[0] + 1]))


class TestFullDisks:
    def test_keep_nothing_of_the_transaction(self, tmp_path):
        """The file may not grow; what was committed before stays, and more fits afterwards."""
        code = """
import resource, sys
from glasshouse.errors import DiskFullError
from glasshouse.records.engines import open_engine, transact
engine = open_engine(f"lmdb:{sys.argv[1]}")
_, most = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, most))
for number in range(100):
    try:
        exclusive = number % 2 == 1
        transaction = engine.begin(exclusive=exclusive)
        transaction.set_all({b"%03d/%03d" % (number, part): b"v" * 3000 for part in range(20)})
        transaction.commit()
    except DiskFullError as error:
        print(error)
        break
rows = transact(engine, lambda transaction: transaction.get_range(b"", b"z"))
assert len(rows) == 20 * number, (len(rows), number)
for exclusive in (False, True):
    transaction = engine.begin(exclusive=exclusive)
    transaction.set_all({b"big/%03d" % part: b"v" * 3000 for part in range(300)})
    try:
        transaction.commit()
        print("committed")
    except DiskFullError:
        pass
resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
transact(engine, lambda transaction: transaction.set(b"more", b"v" * 99_999))
rows = transact(engine, lambda transaction: transaction.get_range(b"", b"z"))
assert len(rows) == 20 * number + 1
engine.close()
"""
        assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
        text = output(code, tmp_path)
        assert text == f"no room is left for {tmp_path}; nothing was written\n"
        assert check_pages(tmp_path / "data.mdb") == []

    def test_are_not_the_same_as_a_map_that_is(self, tmp_path):
        """Opened with few addresses, a store says how to get more."""
        engine = open_engine(f"lmdb:{tmp_path}?map_gib=0.001")
        transact(engine, lambda transaction: transaction.set(b"a", b"1"))
        for exclusive in (False, True):
            transaction = engine.begin(exclusive=exclusive)
            transaction.set_all({b"%d" % number: b"v" * 99_999 for number in range(20)})
            with pytest.raises(DiskFullError, match="map_gib="):
                transaction.commit()
        transact(engine, lambda transaction: transaction.set(b"b", b"2"))
        assert everything(engine) == {b"a": b"1", b"b": b"2"}
        engine.close()
        engine = open_engine(f"lmdb:{tmp_path}?map_gib=0.1")
        transact(engine, lambda transaction: transaction.set(b"c", b"v" * 99_999))
        engine.close()


ROWS = {b"k%05d" % number: b"%05d" % number * 5 for number in range(2_000)} | {
    b"large%d" % number: bytes([number]) * 20_000 for number in range(3)
}


class TestDamage:
    def test_is_found_where_the_end_is_cut_off(self, tmp_path):
        """Reading behind the end of a mapped file would end the process."""
        filled(tmp_path, ROWS)
        file = tmp_path / "data.mdb"
        with file.open("r+b") as opened:
            opened.truncate((newest_meta(file).last_page + 1) * PAGE - 1)
        assert "cut off" in check_pages(file)[0]
        with pytest.raises(CorruptionError, match="its end was cut off"):
            open_engine(f"lmdb:{tmp_path}")
        file.write_bytes(b"glass" * 5000)
        with pytest.raises(CorruptionError, match="does not begin as an lmdb file does"):
            open_engine(f"lmdb:{tmp_path}")

    def test_is_found_on_every_page(self, tmp_path):
        """Each page in turn is zeroed or garbled: it is told, or it is one that nobody reads."""
        filled(tmp_path / "sound", ROWS)
        code = """
import random, shutil, sys
from pathlib import Path
from glasshouse.errors import CorruptionError
from glasshouse.records.engines import open_engine
from glasshouse.records.engines.pages import Effort, check_pages, newest_meta
sound, damaged = Path(sys.argv[1]), Path(sys.argv[2])
damaged.mkdir()

def rows():
    engine = open_engine(f"lmdb:{damaged}")
    try:
        transaction = engine.begin(read_only=True)
        return transaction.get_range(b"", b"z"), transaction.get_range(b"", b"z", reverse=True)
    finally:
        engine.close()

shutil.copy(sound / "data.mdb", damaged)
expected = rows()
generator = random.Random(3)
for number in range(2, newest_meta(sound / "data.mdb").last_page + 1):
    for garbage in (bytes(4096), generator.randbytes(4096)):
        shutil.copy(sound / "data.mdb", damaged)
        with (damaged / "data.mdb").open("r+b") as opened:
            opened.seek(number * 4096)
            opened.write(garbage)
        problems = check_pages(damaged / "data.mdb")
        quick = check_pages(damaged / "data.mdb", effort=Effort(whole_pages=4, headers=1000))
        assert set(quick) <= set(problems)
        print("quick" if quick else "")
        try:
            found = rows()
        except CorruptionError as error:
            assert problems and problems[0] in str(error)
            print(number)
        else:
            assert not problems
            # The further pages of a large value are nothing but its bytes.
            if found != expected:
                print("inside", number)
"""
        lines = output(code, tmp_path / "sound", tmp_path / "damaged").splitlines()
        num_damaged = len([line for line in lines if line.isdigit()])
        assert num_damaged > 50
        # A quick look sees all but what is wrong with the beginning of a large value.
        assert lines.count("quick") == num_damaged - 3 * 2
        inside = {line for line in lines if line.startswith("inside")}
        assert len(inside) == 3 * 4

    def test_is_told_when_a_page_is_lost_while_it_is_open(self, tmp_path):
        """LMDB notices a page of zeros by itself; the process lives on, and so do other rows."""
        filled(tmp_path, ROWS)
        code = """
import sys
from pathlib import Path
from glasshouse.errors import CorruptionError
from glasshouse.records.engines import open_engine
from glasshouse.records.engines.pages import newest_meta
folder = Path(sys.argv[1])
engine = open_engine(f"lmdb:{folder}")
file = folder / "data.mdb"
held = file.read_bytes()
page = next(
    number for number in range(2, newest_meta(file).last_page)
    if b"k01000" in held[number * 4096 + 16 : (number + 1) * 4096]
    and held[number * 4096 + 10] == 2
)
with file.open("r+b") as opened:
    opened.seek(page * 4096)
    opened.write(bytes(4096))
for read in (
    lambda transaction: transaction.get(b"k01000"),
    lambda transaction: transaction.get_all([b"k00000", b"k01000"]),
    lambda transaction: transaction.get_range(b"k01000", b"z", limit=1),
    lambda transaction: transaction.get_range(b"", b"k010000", limit=1, reverse=True),
):
    transaction = engine.begin(read_only=True)
    assert transaction.get(b"k00000") == b"00000" * 5
    for _ in range(2):
        try:
            read(transaction)
        except CorruptionError as error:
            print(error)
    transaction.cancel()
transaction = engine.begin()
transaction.set(b"k01000", b"")
try:
    transaction.commit()
except CorruptionError as error:
    print(error)
"""
        lines = output(code, tmp_path).splitlines()
        assert len(lines) == 9
        assert all("is damaged" in line for line in lines)

    def test_is_not_what_others_write_meanwhile(self, tmp_path):
        """Pages that are used again while they are looked at are no damage."""
        filled(tmp_path, ROWS)
        engine = open_engine(f"lmdb:{tmp_path}?sync=off")
        stop = threading.Event()

        def write():
            while not stop.is_set():
                transact(engine, lambda transaction: transaction.set_all(ROWS))

        thread = threading.Thread(target=write)
        thread.start()
        try:
            assert [check_pages(tmp_path / "data.mdb") for _ in range(10)] == [[]] * 10
        finally:
            stop.set()
            thread.join()
            engine.close()


class TestFolders:
    def test_that_cannot_hold_a_store_are_refused(self, tmp_path):
        """A file, a folder of something else, a path through a file: a sentence each."""
        file = tmp_path / "file"
        file.write_text("notes")
        with pytest.raises(EngineError, match="is a file; an lmdb store is a folder"):
            open_engine(f"lmdb:{file}")
        with pytest.raises(EngineError, match="Not a directory"):
            open_engine(f"lmdb:{file}/below")
        with pytest.raises(EngineError, match=r"holds other things \(file, …\)"):
            open_engine(f"lmdb:{tmp_path}")
        assert [path.name for path in tmp_path.iterdir()] == ["file"]

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
    def test_that_cannot_be_written_are_refused(self, tmp_path):
        """With what the system says."""
        tmp_path.chmod(0o500)
        with pytest.raises(EngineError, match="Permission denied"):
            open_engine(f"lmdb:{tmp_path}/store")

    def test_of_another_program_are_refused(self, tmp_path):
        """Its LMDB file stays as it is."""
        with lmdb.open(str(tmp_path)) as env, env.begin(write=True) as transaction:
            transaction.put(b"a", b"1")
        with pytest.raises(EngineError, match="lmdb file of something else"):
            open_engine(f"lmdb:{tmp_path}")
        with lmdb.open(str(tmp_path)) as env, env.begin() as transaction:
            assert list(transaction.cursor()) == [(b"a", b"1")]

    def test_of_a_later_layout_are_refused(self, tmp_path, monkeypatch):
        """A library that does not know it must not touch it."""
        with monkeypatch.context() as patched:
            patched.setattr(environment, "FORMAT", b"glasshouse 2")
            open_engine(f"lmdb:{tmp_path}").close()
        with pytest.raises(EngineError, match="has layout b'glasshouse 2'"):
            open_engine(f"lmdb:{tmp_path}")

    def test_are_made_and_moved(self, tmp_path):
        """A store is its folder: it may be copied where nobody has it open."""
        filled(tmp_path / "a" / "b", {b"a": b"1"})
        shutil.move(tmp_path / "a" / "b", tmp_path / "c")
        engine = open_engine(f"lmdb:{tmp_path / 'c'}")
        assert everything(engine) == {b"a": b"1"}
        assert engine.path == Path(os.path.realpath(tmp_path / "c"))
        engine.close()

    @pytest.mark.parametrize("size", ["0", "-1", "nan", "many", "1e9"])
    def test_are_opened_with_a_size_that_makes_sense(self, tmp_path, size):
        """Refused with the value that was given."""
        with pytest.raises(EngineError, match=f"map_gib={size} must be a number"):
            open_engine(f"lmdb:{tmp_path}?map_gib={size}")


class TestMarks:
    def test_that_were_forgotten_conflict(self, tmp_path, monkeypatch):
        """A transaction so old that nobody knows what was claimed since must begin again."""
        monkeypatch.setattr(lmdb_writing, "_MARKS_KEPT_VERSIONS", 3)
        engine = open_engine(f"lmdb:{tmp_path}?sync=off")
        reading, blind = engine.begin(), engine.begin()
        reading.get(b"a")
        for transaction in (reading, blind):
            transaction.set(b"b", b"1")
        for _ in range(6):
            transact(engine, lambda one: one.add_write_conflict_range(b"x", b"y"))
        blind.commit()
        with pytest.raises(ConflictError, match="too long ago"):
            reading.commit()
        engine.close()
