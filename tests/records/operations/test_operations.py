"""Counting, comparing, mending and copying stores."""

import random
import subprocess
import sys
from pathlib import Path

import pytest

from glasshouse.errors import BackupError, SchemaError
from glasshouse.records.expressions import Record, fan_out
from glasshouse.records.indexes.aggregate import CountIndex, MaxEverIndex, aggregate
from glasshouse.records.indexes.rank import RankIndex
from glasshouse.records.indexes.text import TextIndex
from glasshouse.records.indexes.value import ValueIndex
from glasshouse.records.indexes.version import VersionIndex
from glasshouse.records.operations.backup import backup, restore
from glasshouse.records.operations.copy_file import verify_backup
from glasshouse.records.operations.repair import repair
from glasshouse.records.operations.scrub import ProblemKind, scrub
from glasshouse.records.operations.stats import stats
from glasshouse.records.schema.schema import Schema
from glasshouse.records.store.database import Database
from glasshouse.records.subspace import Subspace

PLACE = Subspace(("notes",))


class Note(Record):
    id: int
    author: str
    mail: str | None = None
    score: int = 0
    tags: list[str] = []
    text: str = ""
    blob: str = ""


NOTES = Schema(
    name="notes",
    version=1,
    records={Note: Note.id},
    indexes=(
        ValueIndex("author", Note, Note.author, covering=Note.score),
        ValueIndex("mail", Note, Note.mail, unique=True),
        ValueIndex("tags", Note, fan_out(Note.tags)),
        CountIndex("by_author", Note, group_by=Note.author),
        MaxEverIndex("best", Note, Note.score),
        RankIndex("rank", Note, Note.score),
        TextIndex("words", Note, Note.text),
        VersionIndex("feed", Note),
    ),
    record_versions=True,
)


def note(number):
    tags = ["x", "y", "z"][: number % 4]
    return Note(number, "abc"[number % 3], f"m{number}", number % 7, tags, f"word{number % 5} all")


@pytest.fixture(params=["memory", "lmdb"])
def notes(request, tmp_path):
    url = "memory:" if request.param == "memory" else f"lmdb:{tmp_path / 'store'}?sync=off"
    with Database.open(url) as database:
        handle = database.store(NOTES, PLACE)
        handle.save(*(note(number) for number in range(50)))
        handle.save(Note(99, "large", blob="y" * 250_000))
        yield handle


def everything(handle):
    return handle.read(lambda store: store.transaction.get_range(PLACE.key, PLACE.key + b"\xff"))


def found(handle):
    return [(problem.kind, problem.where) for problem in scrub(handle)]


class TestStats:
    def test_count_rows_and_bytes(self, notes):
        """By record type and by index, without the program's classes."""
        counted = stats(notes.database.engine, PLACE.key)
        (notes_extent,) = counted.record_types
        assert (notes_extent.name, notes_extent.records) == ("Note", 51)
        assert notes_extent.rows > 51
        by_name = {one.name: one for one in counted.indexes}
        assert by_name["tags"].rows == sum(number % 4 for number in range(50))
        assert by_name["mail"].state == "readable"
        assert by_name["by_author"].kind == "count"
        assert counted.bytes == sum(len(key) + len(value) for key, value in everything(notes))

    def test_want_a_store(self, notes):
        """A place without one is a mistake."""
        with pytest.raises(SchemaError, match="there is no store"):
            stats(notes.database.engine, b"elsewhere")


DAMAGE = {
    "a missing entry": (
        lambda store: store.transaction.clear(
            next(iter(store.transaction.get_range(*space(store, "author"))))[0]
        ),
        (ProblemKind.MISSING_ENTRY, "author"),
    ),
    "a wrong covered value": (
        lambda store: store.transaction.set(
            next(iter(store.transaction.get_range(*space(store, "author"))))[0], b"\x15\x63"
        ),
        (ProblemKind.MISSING_ENTRY, "author"),
    ),
    "a dangling entry": (
        lambda store: store.transaction.set(
            store.index_space("tags") + b"\x02q\x00\x15\x01\x15\x07", b""
        ),
        (ProblemKind.DANGLING_ENTRY, "tags"),
    ),
    "an entry of a record that is gone": (
        lambda store: store.transaction.set(
            store.index_space("tags") + b"\x02q\x00\x15\x01\x15\xfa", b""
        ),
        (ProblemKind.DANGLING_ENTRY, "tags"),
    ),
    "a miscount": (
        lambda store: store.transaction.set(
            store.index_space("by_author") + b"\x02a\x00", (3).to_bytes(8, "little")
        ),
        (ProblemKind.WRONG_AGGREGATE, "by_author"),
    ),
    "an extreme forgotten": (
        lambda store: store.transaction.set(store.index_space("best"), b"\x15\x01"),
        (ProblemKind.WRONG_AGGREGATE, "best"),
    ),
    "a posting lost": (
        lambda store: store.transaction.clear(
            store.transaction.get_range(*space(store, "words"), limit=3)[2][0]
        ),
        (ProblemKind.MISSING_ENTRY, "words"),
    ),
}


def space(store, name):
    begin = store.index_space(name)
    return begin, begin + b"\xff"


class TestScrub:
    def test_finds_nothing_in_a_sound_store(self, notes):
        """After saves, changes and deletes."""
        notes.save(note(3), Note(4, "z"))
        notes.delete(Note, 5)
        assert found(notes) == []

    @pytest.mark.parametrize("case", DAMAGE)
    def test_finds_and_repair_mends(self, notes, case):
        """Both ways, counts and structures; afterwards all is well."""
        damage, expected = DAMAGE[case]
        notes.run(damage)
        assert expected in found(notes)
        done = list(repair(notes))
        assert all(one.is_done for one in done)
        assert found(notes) == []

    def test_names_damaged_records_and_sets_them_aside_when_asked(self, notes, tmp_path):
        """Nothing is deleted silently: the bytes go to a file first."""

        def damage(store):
            key = store.extent(Note).prefix + b"\x15\x07"
            value = store.transaction.get(key)
            store.transaction.set(key, value[:5] + bytes([value[5] ^ 1]) + value[6:])

        notes.run(damage)
        assert (ProblemKind.DAMAGED_RECORD, "Note") in found(notes)
        assert [one.is_done for one in repair(notes) if one.where == "Note"] == [False]
        aside = tmp_path / "aside"
        assert all(one.is_done for one in repair(notes, set_aside=aside))
        assert aside.stat().st_size > 10
        assert found(notes) == []
        assert notes.load(Note, 7) is None
        assert notes.read(lambda store: aggregate(store, "by_author", "b")) == 16

    def test_finds_parts_without_a_record(self, notes):
        """What a torn large record would leave."""
        notes.run(lambda store: store.transaction.clear(store.extent(Note).prefix + b"\x15\x63"))
        assert (ProblemKind.LOST_PART, "Note") in found(notes)
        list(repair(notes))
        assert found(notes) == []


class TestBackup:
    def test_round_trips(self, notes, tmp_path):
        """The same records, indexes and versions, under another prefix of another engine."""
        path = tmp_path / "notes.backup"
        totals = backup(notes.database.engine, PLACE.key, path)
        rows = everything(notes)
        assert totals.rows == len(rows)
        assert verify_backup(path) == totals
        with Database.open("memory:") as database:
            other = Subspace(("other",))
            list(restore(path, database.engine, other.key))
            handle = database.store(NOTES, other)
            copied = handle.read(
                lambda store: store.transaction.get_range(other.key, other.key + b"\xff")
            )
            assert [(key[len(other.key) :], value) for key, value in copied] == [
                (key[len(PLACE.key) :], value) for key, value in rows
            ]
            assert list(scrub(handle)) == []
            newest = notes.run(lambda store: store.version_of(Note, 1))
            handle.save(note(1))
            assert handle.run(lambda store: store.version_of(Note, 1)) > newest

    def test_is_of_one_moment(self, notes, tmp_path, monkeypatch):
        """What is written while it is made is not in it."""
        engine, path = notes.database.engine, tmp_path / "b"
        begin = engine.begin
        wrote = []

        def begin_and_write(**options):
            transaction = begin(**options)
            if options.get("read_only") and not wrote:
                wrote.append(True)
                notes.save(Note(1000, "late"))
            return transaction

        monkeypatch.setattr(engine, "begin", begin_and_write)
        backup(engine, PLACE.key, path)
        monkeypatch.undo()
        with Database.open("memory:") as database:
            list(restore(path, database.engine, PLACE.key))
            assert database.store(NOTES, PLACE).load(Note, 1000) is None
        assert notes.load(Note, 1000) is not None

    def test_goes_on_where_a_restore_stopped(self, notes, tmp_path, monkeypatch):
        """Half restored, it cannot be opened; the same restore again ends it."""
        monkeypatch.setattr("glasshouse.records.operations.backup._BYTES_AT_ONCE", 20_000)
        path = tmp_path / "b"
        totals = backup(notes.database.engine, PLACE.key, path)
        with Database.open("memory:") as database:
            next(restore(path, database.engine, PLACE.key))
            handle = database.store(NOTES, PLACE)
            with pytest.raises(SchemaError, match="half restored"):
                handle.load(Note, 1)
            again = list(restore(path, database.engine, PLACE.key))
            assert sum(one.rows for one in again[:-1][-1:]) < totals.rows - 1
            assert list(scrub(handle)) == []
            assert handle.load(Note, 1) == note(1)

    def test_does_not_write_over_what_is_there(self, notes, tmp_path):
        """Unless told to; another backup half restored is named as well."""
        path = tmp_path / "b"
        backup(notes.database.engine, PLACE.key, path)
        with pytest.raises(BackupError, match="there is something at"):
            list(restore(path, notes.database.engine, PLACE.key))
        notes.delete(Note, 1)
        list(restore(path, notes.database.engine, PLACE.key, overwrite=True))
        assert notes.load(Note, 1) == note(1)

    def test_refuses_what_is_not_whole(self, notes, tmp_path):
        """Cut off, changed, of another kind: one sentence, and nothing is written."""
        path, broken = tmp_path / "b", tmp_path / "broken"
        backup(notes.database.engine, PLACE.key, path)
        whole = path.read_bytes()
        draw = random.Random(3)
        cases = [
            (whole[: len(whole) // 2], "half a backup"),
            (whole[:-40], "half a backup"),
            (b"", "no backup of a store"),
            (whole.replace(b"backup 1", b"backup 9"), "another version"),
        ]
        for _ in range(5):
            place = draw.randrange(30, len(whole))
            changed = whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :]
            cases.append((changed, "damaged|half"))
        with Database.open("memory:") as database:
            for content, message in cases:
                broken.write_bytes(content)
                with pytest.raises(BackupError, match=message):
                    list(restore(broken, database.engine, PLACE.key))
            with pytest.raises(BackupError, match="cannot be read"):
                list(restore(tmp_path / "nothing", database.engine, PLACE.key))
            assert database.engine.begin().get_range(b"", b"\xff") == []

    def test_wants_a_store(self, tmp_path):
        """A place without one leaves no file."""
        with Database.open("memory:") as database, pytest.raises(SchemaError, match="no store"):
            backup(database.engine, PLACE.key, tmp_path / "b")
        assert list(tmp_path.iterdir()) == []


READ_ALL = """
import sys
from glasshouse.errors import GlasshouseError
from glasshouse.records.engines import open_engine
from glasshouse.records.engines.pages import check_pages
from pathlib import Path
print("pages", len(check_pages(Path(sys.argv[1]) / "data.mdb")))
if sys.argv[2] == "read":
    try:
        open_engine("lmdb:" + sys.argv[1]).begin().get_range(b"", b"\\xff")
        print("read")
    except GlasshouseError as error:
        print("refused", error)
"""


class TestDamagedFile:
    @pytest.fixture
    def folder(self, tmp_path):
        place = tmp_path / "store"
        with Database.open(f"lmdb:{place}") as database:
            database.store(NOTES, PLACE).save(*(note(number) for number in range(2_000)))
        return place

    def look(self, folder: Path, how: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", READ_ALL, str(folder), how], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def test_is_told_from_a_sound_one(self, folder):
        """A sound file has no problem, whatever it went through."""
        assert self.look(folder, "read") == "pages 0\nread\n"

    def test_is_refused_when_its_end_is_cut_off(self, folder):
        """Reading it would end the process; a sentence does not."""
        file = folder / "data.mdb"
        file.write_bytes(file.read_bytes()[:-40_960])
        out = self.look(folder, "read")
        assert "pages 1" in out
        assert "its end was cut off" in out

    @pytest.mark.parametrize("filler", [bytes(4096), bytes(range(256)) * 16])
    def test_is_found_when_pages_are_overwritten(self, folder, filler):
        """With zeros or with garbage; only pages in use count."""
        file = folder / "data.mdb"
        content = bytearray(file.read_bytes())
        for number in range(20, 60):
            content[number * 4096 : (number + 1) * 4096] = filler
        file.write_bytes(bytes(content))
        out = self.look(folder, "read" if not any(filler) else "look")
        assert int(out.split()[1]) > 0
        if not any(filler):
            assert "is damaged" in out
