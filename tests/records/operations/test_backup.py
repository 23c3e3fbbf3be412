"""Copies of stores in files, and stores made of them."""

import random

import pytest
from tests.records.operations.notes import (
    PLACE,
    Author,
    Note,
    empty,
    fill,
    note,
    rows_at,
)

from glasshouse.errors import BackupError, ConflictError, SchemaError
from glasshouse.records import Context, Database, Subspace, build_index
from glasshouse.records.building import start_over
from glasshouse.records.operations.backup import backup
from glasshouse.records.operations.copy_file import verify_backup
from glasshouse.records.operations.restore import restore
from glasshouse.records.operations.scrub import scrub
from glasshouse.records.operations.stats import stats

ELSEWHERE = Subspace(("elsewhere",))


@pytest.fixture
def path(tmp_path):
    """Where a backup goes."""
    return tmp_path / "notes.backup"


@pytest.fixture
def other():
    """Another engine."""
    with Database.open("memory:") as database:
        yield database


class TestBackup:
    def test_round_trips(self, notes, path, other):
        """The same records, indexes and versions, under another prefix of another engine."""
        totals = backup(notes.database.engine, PLACE.key, path)
        assert totals.rows == len(rows_at(notes))
        assert verify_backup(path) == totals
        assert [(one.schema, one.version) for one in totals.stores] == [("notes", 1)]
        done = list(restore(path, other.engine, ELSEWHERE.key))[-1]
        assert (done.rows, done.is_done) == (totals.rows, True)
        copy = empty(other, ELSEWHERE)
        assert rows_at(copy, ELSEWHERE) == rows_at(notes)
        assert list(scrub(copy)) == []
        newest = notes.run(lambda store: store.version_of(Note, 1))
        copy.save(note(1))
        assert copy.run(lambda store: store.version_of(Note, 1)) > newest

    def test_is_of_one_moment(self, notes, path, other, monkeypatch):
        """What is written while it is made is not in it."""
        engine = notes.database.engine
        begin, wrote = engine.begin, []

        def begin_and_write(**options):
            transaction = begin(**options)
            if options.get("read_only") and not wrote:
                wrote.append(True)
                notes.save(Note(1000, "late"))
            return transaction

        monkeypatch.setattr(engine, "begin", begin_and_write)
        backup(engine, PLACE.key, path)
        monkeypatch.undo()
        list(restore(path, other.engine, PLACE.key))
        assert empty(other).load(Note, 1000) is None
        assert notes.load(Note, 1000) is not None

    def test_takes_an_index_as_far_as_it_is_built(self, notes, path, other):
        """A copy is built on from the mark."""
        notes.run(lambda store: start_over(store, "by_author"))
        next(build_index(notes, "by_author", rows_per_transaction=5))
        backup(notes.database.engine, PLACE.key, path)
        list(restore(path, other.engine, PLACE.key))
        copy = empty(other)
        assert list(build_index(copy, "by_author"))[-1].num_records == 10
        assert list(scrub(copy)) == []

    def test_takes_all_stores_below_a_prefix(self, notes, path, other):
        """Or everything that an engine holds, with what stands between the stores."""
        places = [Subspace(("lab", number)) for number in range(5)]
        for number, place in enumerate(places):
            empty(notes.database, place).save(Author(f"author {number}"), note(number))
        notes.database.run(lambda context: context.transaction.set(b"\x02between\x00", b"this"))
        below = backup(notes.database.engine, Subspace(("lab",)).key, path)
        assert len(below.stores) == 5
        list(restore(path, other.engine, Subspace(("new",)).key))
        copy = empty(other, Subspace(("new", 3)))
        assert copy.load(Author, "author 3") == Author("author 3")
        whole = backup(notes.database.engine, b"", path)
        assert len(whole.stores) == 6
        with Database.open("memory:") as third:
            list(restore(path, third.engine, b""))
            everything = Subspace()
            assert rows_at(empty(third), everything) == rows_at(notes, everything)
            assert list(scrub(empty(third, places[2]))) == []

    def test_wants_a_store(self, tmp_path, path, other):
        """A place without one leaves no file."""
        with pytest.raises(SchemaError, match="no store"):
            backup(other.engine, PLACE.key, path)
        assert list(tmp_path.iterdir()) == []

    def test_leaves_the_older_one_when_it_fails(self, notes, path, monkeypatch):
        """Where the engine forgets the moment, or there is no room."""
        engine = notes.database.engine
        whole = backup(engine, PLACE.key, path)
        transaction = engine.begin(read_only=True)

        def forgets(*args, **options):
            raise ConflictError("transaction is too old")

        monkeypatch.setattr(transaction, "get_range", forgets)
        monkeypatch.setattr(engine, "begin", lambda **options: transaction)
        with pytest.raises(BackupError, match="does not keep one moment for long enough"):
            backup(engine, PLACE.key, path)
        monkeypatch.undo()
        assert verify_backup(path) == whole
        with pytest.raises(BackupError, match="cannot be written"):
            backup(engine, PLACE.key, path.parent / "nowhere" / "backup")


class TestRestore:
    @pytest.mark.parametrize("prefix", [PLACE.key, b""])
    def test_goes_on_wherever_it_stopped(self, path, other, prefix):
        """Half restored, no store of it can be opened; the same restore again ends it."""
        with Database.open("memory:") as database:
            original = fill(empty(database))
            empty(database, Subspace(("second",))).save(Author("b"), note(2))
            backup(database.engine, prefix, path)
            expected = rows_at(original, Subspace())

        def begin(database):
            return restore(path, database.engine, prefix, bytes_per_transaction=2_000)

        num_steps = sum(1 for _ in begin(other)) - 1
        assert num_steps > 3
        for stop in range(1, num_steps + 1):
            with Database.open("memory:") as database:
                steps = begin(database)
                written = [next(steps).rows for _ in range(stop)][-1]
                for place in (PLACE, Subspace(("second",))) if not prefix else (PLACE,):
                    with pytest.raises(SchemaError, match="half restored"):
                        empty(database, place).save(note(1))
                with pytest.raises(SchemaError, match="half restored"):
                    stats(database.engine, PLACE.key)
                again = list(begin(database))
                assert again[-1].rows == verify_backup(path).rows - written
                if not prefix:
                    assert rows_at(empty(database), Subspace()) == expected
                assert list(scrub(empty(database))) == []

    def test_does_not_write_over_what_is_there(self, notes, path):
        """Unless told to."""
        engine = notes.database.engine
        backup(engine, PLACE.key, path)
        with pytest.raises(BackupError, match="there is something at"):
            list(restore(path, engine, PLACE.key))
        notes.delete(Note, 1)
        list(restore(path, engine, PLACE.key, overwrite=True))
        assert notes.load(Note, 1) == note(1)
        assert list(scrub(notes)) == []

    def test_is_not_mixed_with_another(self, notes, path, other, tmp_path):
        """Whoever comes second is told, and whoever was overwritten stops."""
        engine = other.engine
        backup(notes.database.engine, PLACE.key, path)
        notes.delete(Note, 1)
        later = tmp_path / "later"
        backup(notes.database.engine, PLACE.key, later)
        first = restore(path, engine, PLACE.key, bytes_per_transaction=2_000)
        next(first)
        with pytest.raises(BackupError, match="another backup is half restored"):
            list(restore(later, engine, PLACE.key))
        with pytest.raises(BackupError, match="is half restored; run the same"):
            backup(engine, PLACE.key, tmp_path / "half")
        second = restore(later, engine, PLACE.key, overwrite=True, bytes_per_transaction=2_000)
        next(second)
        with pytest.raises(BackupError, match="somebody else restores"):
            list(first)
        list(second)
        assert rows_at(empty(other)) == rows_at(notes)

    def test_makes_writers_of_the_store_before_conflict(self, notes, path):
        """One that saw an equal header has seen another store."""
        backup(notes.database.engine, PLACE.key, path)
        context = Context(notes.database.engine.begin())
        notes.open(context).save(note(50))
        list(restore(path, notes.database.engine, PLACE.key, overwrite=True))
        with pytest.raises(ConflictError):
            context.commit()

    def test_refuses_what_is_not_whole(self, notes, path, other, tmp_path):
        """Cut off, changed, of another kind: one sentence, and nothing is written."""
        backup(notes.database.engine, PLACE.key, path)
        whole, broken = path.read_bytes(), tmp_path / "broken"
        draw = random.Random(3)
        cases = [
            (whole[: len(whole) // 2], "half a backup"),
            (whole[:-40], "half a backup"),
            (whole + b"x", "half a backup"),
            (whole + whole[26:], "goes on behind its end"),
            (b"", "no backup of a store"),
            (whole.replace(b"backup 1", b"backup 9"), "another version"),
        ]
        for _ in range(40):
            place = draw.randrange(len(whole))
            changed = bytes([whole[place] ^ 1 << draw.randrange(8)])
            cases.append(
                (whole[:place] + changed + whole[place + 1 :], "damaged|half|no backup|an")
            )
        for content, message in cases:
            broken.write_bytes(content)
            with pytest.raises(BackupError, match=message):
                list(restore(broken, other.engine, PLACE.key))
        with pytest.raises(BackupError, match="cannot be read"):
            list(restore(tmp_path / "nothing", other.engine, PLACE.key))
        assert rows_at(empty(other), Subspace()) == []
