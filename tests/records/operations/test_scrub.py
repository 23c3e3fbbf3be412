"""Comparing records with indexes, and mending what does not fit."""

import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.records.operations.notes import (
    NOTES,
    PLACE,
    Note,
    empty,
    fill,
    note,
    own_rows,
    rows_at,
)

from glasshouse.errors import ConflictError, InputError
from glasshouse.records import Database, aggregate, build_index, changes, rank_of
from glasshouse.records.building import start_over
from glasshouse.records.operations.mend import mend
from glasshouse.records.operations.problems import Problem, ProblemKind
from glasshouse.records.operations.repair import read_aside, repair
from glasshouse.records.operations.scrub import scrub, scrub_steps
from glasshouse.records.store.layout import VERSIONS


def found(handle):
    return {(problem.kind, problem.where) for problem in scrub(handle)}


def module(name):
    """A module, where the room shows the function of the same name."""
    return sys.modules[f"glasshouse.records.operations.{name}"]


def clear(index, number):
    return lambda store: store.transaction.clear(own_rows(store, index)[number][0])


def write(index, number, value):
    return lambda store: store.transaction.set(own_rows(store, index)[number][0], value)


def add(index, key, value=b""):
    return lambda store: store.transaction.set(store.index_space(index) + key, value)


def clear_record(*key):
    def damage(store):
        extent = store.extent(Note)
        store.transaction.clear(extent.prefix + extent.pack_whole(key))

    return damage


def flip(store):
    key = store.extent(Note).prefix + b"\x15\x07"
    value = store.transaction.get(key)
    store.transaction.set(key, value[:5] + bytes([value[5] ^ 1]) + value[6:])


def lost_version(store):
    store.transaction.set(store.prefix + VERSIONS + b"\x15\x01\x16\x03\xe8", bytes(12))


Kind = ProblemKind
DAMAGE = {
    "a missing entry": (clear("author", 3), Kind.MISSING_ENTRY, "author"),
    "a missing unique entry": (clear("mail", 3), Kind.MISSING_ENTRY, "mail"),
    "a wrong covered value": (write("author", 0, b"\x15\x63"), Kind.MISSING_ENTRY, "author"),
    "an entry of another record": (
        add("tags", b"\x02q\x00\x15\x01\x15\x07"),
        Kind.DANGLING_ENTRY,
        "tags",
    ),
    "an entry of a record that is gone": (
        add("tags", b"\x02q\x00\x15\x01\x15\xfa"),
        Kind.DANGLING_ENTRY,
        "tags",
    ),
    "an entry of a record that is not meant": (
        add("good", b"\x15\x01\x15\x01\x15\x01"),
        Kind.DANGLING_ENTRY,
        "good",
    ),
    "an entry of nothing": (add("tags", b"what"), Kind.DANGLING_ENTRY, "tags"),
    "a miscount": (write("by_author", 0, b"\x03" + bytes(7)), Kind.WRONG_AGGREGATE, "by_author"),
    "a count of nothing": (
        add("by_author", b"\x02q\x00", b"\x03" + bytes(7)),
        Kind.WRONG_AGGREGATE,
        "by_author",
    ),
    "a wrong sum": (clear("sum", 0), Kind.WRONG_AGGREGATE, "sum"),
    "an extreme forgotten": (write("best", 0, b"\x15\x01"), Kind.WRONG_AGGREGATE, "best"),
    "a posting lost": (clear("words", 2), Kind.MISSING_ENTRY, "words"),
    "wrong totals of words": (clear("words", -1), Kind.WRONG_AGGREGATE, "words"),
    "a rank lost": (clear("rank", 2), Kind.MISSING_ENTRY, "rank"),
    "a wrong rank": (write("rank", -1, bytes(8)), Kind.WRONG_STRUCTURE, "rank"),
    "a change lost": (clear("feed", 1), Kind.WRONG_STRUCTURE, "feed"),
    "a pointer lost": (clear("feed", -1), Kind.MISSING_ENTRY, "feed"),
    "a version of nothing": (lost_version, Kind.LOST_VERSION, "versions"),
    "parts of nothing": (clear_record(12), Kind.LOST_PART, "Note"),
    "a record that is gone": (clear_record(3), Kind.DANGLING_ENTRY, "feed"),
}


class TestScrub:
    def test_finds_nothing_in_a_sound_store(self, notes):
        """After saves, changes and deletes; an index that is being built is left alone."""
        notes.save(note(3, score=6), note(4, tags=["z"]))
        notes.delete(Note, 5)
        assert found(notes) == set()
        notes.run(lambda store: start_over(store, "tags"))
        assert found(notes) == set()

    def test_says_whose_number_is_wrong(self, notes):
        """The group, what is stored, and what the records make: a person can judge it."""

        def damage(store):
            write("by_author", 0, b"\x03" + bytes(7))(store)
            add("by_author", b"\x02q\x00", b"\x03" + bytes(7))(store)
            clear("sum", 0)(store)
            clear("words", -1)(store)

        scores, notes_of_a, num_words = notes.read(
            lambda store: (
                [one.score for one in store.scan(Note)],
                sum(one.author == "a" for one in store.scan(Note)),
                sum(len(one.text.split()) for one in store.scan(Note)),
            )
        )
        notes.run(damage)
        assert [one.sentence for one in scrub(notes)] == [
            f"group author='a' has the count 3; its records make the count {notes_of_a}",
            "group author='q' has the count 3; its records make the count 0",
            "the whole has the sum 0 of 0 numbers; its records make "
            f"the sum {sum(scores)} of {len(scores)} numbers",
            "the whole has 0 texts of 0 words; its records make "
            f"{len(scores)} texts of {num_words} words",
        ]

    @pytest.mark.parametrize("case", DAMAGE)
    def test_finds_what_repair_mends(self, case):
        """Both ways, numbers and structures; afterwards all is well."""
        damage, kind, where = DAMAGE[case]
        with Database.open("memory:") as database:
            notes = fill(empty(database))
            notes.run(damage)
            assert (kind, where) in found(notes)
            assert all(one.is_done for one in repair(notes))
            assert found(notes) == set()
            notes.save(note(40), note(3, score=6))
            assert found(notes) == set()

    @settings(max_examples=6, deadline=None)
    @given(
        rows=st.lists(
            st.tuples(
                st.sampled_from([one.name for one in NOTES.indexes if one.name != "writes"]),
                st.binary(max_size=12).filter(lambda key: key[:1] != b"\xff"),
                st.binary(max_size=12),
            ),
            min_size=1,
            max_size=3,
        )
    )
    def test_copes_with_any_rows(self, rows):
        """Whatever bytes stand in an index, they are told of and mended, and nothing breaks."""
        with Database.open("memory:") as database:
            notes = fill(empty(database))
            before = rows_at(notes)
            for row in rows:
                notes.run(add(*row))
            if rows_at(notes) != before:
                list(repair(notes))
            assert found(notes) == set()

    @settings(max_examples=6, deadline=None)
    @given(
        writes=st.lists(
            st.tuples(st.integers(0, 18), st.integers(0, 9), st.booleans()), max_size=40
        )
    )
    def test_is_not_misled_by_writers(self, writes):
        """Each page is looked at in one transaction, so that others may write between them."""
        with Database.open("memory:") as database:
            notes = fill(empty(database))
            for step in scrub_steps(notes, seconds_per_transaction=0.0):
                assert step.problems == []
                for number, score, is_deleted in writes[:3]:
                    if is_deleted:
                        notes.delete(Note, number)
                    else:
                        notes.save(note(number, score=score, author="cab"[score % 3]))
                del writes[:3]

    def test_names_two_records_of_one_unique_value(self, notes):
        """Neither is thrown away; the rest of the index is mended."""
        held = notes.load(Note, 3)
        notes.run(lambda store: store.delete(Note, 3))
        notes.save(note(5, mail="m3"))

        def damage(store):
            extent = store.extent(Note)
            store.save(note(3, mail=None))
            record, _ = extent.plan.codec.normal(held)
            store.transaction.set(extent.prefix + b"\x15\x03", record)

        notes.run(damage)
        assert (Kind.NOT_UNIQUE, "mail") in found(notes)
        left = [one for one in repair(notes) if not one.is_done]
        (sentence,) = {one.sentence for one in left}
        assert "the entry of Note (3,) is that of Note (5,)" in sentence
        assert found(notes) == {(Kind.NOT_UNIQUE, "mail")}
        notes.save(note(3, mail="m3 as well"))
        assert all(one.is_done for one in repair(notes))
        assert found(notes) == set()

    def test_says_what_it_cannot_see(self, notes, monkeypatch):
        """An engine that forgets a moment too soon is not taken for one that is well."""

        def forgets(store):
            raise ConflictError("transaction is too old")

        monkeypatch.setattr(module("scrub"), "check_numbers", forgets)
        assert found(notes) == {(Kind.NOT_CHECKED, "numbers")}
        assert [one.is_done for one in repair(notes)] == [False]


class TestRepair:
    def test_keeps_what_records_do_not_tell(self, notes):
        """The largest value ever, how often was written, and what was deleted."""
        notes.run(clear("best", 0))
        notes.run(lambda store: store.save(note(2, score=50)))
        notes.delete(Note, 2)
        for damage in (clear("author", 0), clear("by_author", 0), clear("rank", 1)):
            notes.run(damage)
        feed = notes.read(lambda store: list(changes(store, "feed", group=("a",))))
        assert sum(one.record is None for one in feed) == 1  # 15 was deleted
        assert all(one.is_done for one in repair(notes))
        assert notes.read(lambda store: list(changes(store, "feed", group=("a",)))) == feed
        assert notes.read(lambda store: aggregate(store, "best")) == 50
        assert notes.read(lambda store: aggregate(store, "writes")) == 20

    def test_does_nothing_that_is_no_longer_needed(self, notes):
        """What was found wrong may be right, or gone, when it is mended."""
        before = rows_at(notes)
        notes.run(clear("author", 3))
        (problem,) = scrub(notes)
        notes.run(lambda store: mend(store, problem))
        assert rows_at(notes) == before
        notes.run(lambda store: mend(store, problem))
        dangling = Problem(Kind.DANGLING_ENTRY, "author", "", problem.key, problem.record_id)
        notes.run(lambda store: mend(store, dangling))
        assert rows_at(notes) == before
        notes.run(lambda store: start_over(store, "author"))
        notes.run(lambda store: mend(store, problem))
        assert notes.read(lambda store: own_rows(store, "author")) == []
        list(build_index(notes, "author"))
        assert found(notes) == set()

    def test_builds_anew_where_much_is_wrong(self, notes, monkeypatch):
        """Thousands of rows are not mended one by one."""
        monkeypatch.setattr(module("repair"), "_MOST_ROWS", 3)
        notes.run(
            lambda store: [store.transaction.clear(key) for key, _ in own_rows(store, "tags")]
        )
        (done,) = repair(notes)
        assert (done.where, done.is_done) == ("tags", True)
        assert "built anew from 15 records" in done.sentence
        assert found(notes) == set()

    def test_sets_damaged_records_aside_when_asked(self, notes, tmp_path):
        """Nothing is deleted silently: the bytes go to a file first."""
        key = notes.read(lambda store: store.extent(Note).prefix) + b"\x15\x07"
        notes.run(flip)
        notes.run(clear("by_author", 0))
        damaged = notes.read(lambda store: store.transaction.get(key))
        assert (Kind.DAMAGED_RECORD, "Note") in found(notes)
        before = rows_at(notes)
        left = {one.where for one in repair(notes) if not one.is_done}
        assert left >= {"Note", "by_author"}
        assert rows_at(notes) == before  # what the record gave is not thrown away either
        aside = tmp_path / "aside"
        assert all(one.is_done for one in repair(notes, set_aside=aside))
        assert dict(read_aside(aside))[key] == damaged
        assert found(notes) == set()
        assert notes.load(Note, 7) is None
        assert notes.read(lambda store: aggregate(store, "by_author", "b")) == 4
        assert notes.read(lambda store: rank_of(store, "rank", note(6))) == 12
        notes.run(flip_large)
        with pytest.raises(InputError, match="is there already"):
            list(repair(notes, set_aside=aside))
        with pytest.raises(InputError, match="cannot be written"):
            list(repair(notes, set_aside=tmp_path / "nowhere" / "aside"))
        assert (Kind.DAMAGED_RECORD, "Note") in found(notes)
        with pytest.raises(InputError, match="cannot be read"):
            read_aside(tmp_path / "nothing")


def flip_large(store):
    store.transaction.clear(store.extent(Note).prefix + b"\x15\x0c\x15\x02")


def test_finds_nothing_where_nothing_is():
    """A store that is not there yet is an empty one."""
    with Database.open("memory:") as database:
        assert list(scrub(empty(database))) == []
        assert rows_at(empty(database), PLACE) == []
