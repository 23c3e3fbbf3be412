"""The rows of a text index, and that they stay true of the records."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glasshouse.errors import SchemaError
from glasshouse.records.expressions import Record, fan_out
from glasshouse.records.indexes.text import (
    POSTINGS,
    TOTALS,
    TextIndex,
    length_in,
    num_positions,
    pack_positions,
    positions_in,
    totals_in,
)
from glasshouse.records.indexes.text_conditions import contains_all
from glasshouse.records.indexes.tokenizers import Tokenizer, split_words
from glasshouse.records.schema.keys import computed
from glasshouse.records.schema.schema import Schema
from glasshouse.records.store.database import Database
from glasshouse.records.subspace import Subspace
from glasshouse.records.tuples import pack, strinc, unpack


class Note(Record):
    id: int
    text: str | None = None
    lines: list[str] = []
    study: str = "a"
    size: int = 0


def schema_of(*indexes):
    return Schema(name="notes", version=1, records={Note: Note.id}, indexes=indexes)


def open_notes(*indexes):
    return Database.open("memory:").store(schema_of(*indexes), Subspace(("notes",)))


def rows(handle, part=POSTINGS, name="words"):
    def read(store):
        prefix = store.index_space(name) + part
        found = store.transaction.get_range(prefix, strinc(prefix))
        return [(key[len(prefix) :], value) for key, value in found]

    return handle.read(read)


def positions(handle, name="words"):
    """Where each token stands: {(…group, token, primary key): positions}."""
    found = {}
    for key, value in rows(handle, name=name):
        *before, _, number = unpack(key)
        found[(*before, number)] = positions_in(value)
    return found


def totals(handle, *group):
    return totals_in(dict(rows(handle, TOTALS)).get(pack(group)))


def entries(handle, record, name="words"):
    """What the maintainer says that a record gives."""

    def read(store):
        plan = store.layout.types[Note]
        (index,) = [one for one in plan.indexes if one.index.name == name]
        record_id = plan.packed_number + plan.primary_key(record)
        return index.maintainer.entries(record, record_id), record_id

    return handle.read(read)


class TestTextIndex:
    def test_keeps_where_each_token_stands(self):
        """By hand: two notes, four tokens."""
        notes = open_notes(TextIndex("words", Note, Note.text))
        notes.save(Note(1, "to be or to do"), Note(2, "Be!"), Note(3), Note(4, "..."))
        assert positions(notes) == {
            ("be", 1): [1],
            ("be", 2): [0],
            ("do", 1): [4],
            ("or", 1): [2],
            ("to", 1): [0, 3],
        }
        assert totals(notes) == (3, 6)

    def test_follows_a_text_that_changes(self):
        """Only rows that differ are written, and none is left of what went."""
        notes = open_notes(TextIndex("words", Note, Note.text))
        notes.save(Note(1, "one two"), Note(2, "two"))
        notes.save(Note(1, "two three"))
        assert positions(notes) == {("three", 1): [1], ("two", 1): [0], ("two", 2): [0]}
        notes.save(Note(1, "two three", size=9))
        assert totals(notes) == (2, 3)
        notes.save(Note(1, None))
        notes.delete(Note, 2)
        assert positions(notes) == {}
        assert totals(notes) == (0, 0)

    def test_leaves_a_gap_between_lines(self):
        """A list of texts is one text in which no phrase goes across."""
        notes = open_notes(TextIndex("words", Note, Note.lines))
        notes.save(Note(1, lines=["a b", "b"]))
        assert positions(notes) == {("a", 1): [0], ("b", 1): [1, 102]}

    def test_keeps_each_group_apart(self):
        """A note in several groups has rows in each, and leaves those it no longer belongs to."""
        notes = open_notes(TextIndex("words", Note, Note.text, group_by=fan_out(Note.lines)))
        notes.save(Note(1, "hi", lines=["x", "y", "x"]))
        assert positions(notes) == {("x", "hi", 1): [0], ("y", "hi", 1): [0]}
        assert totals(notes, "x") == totals(notes, "y") == (1, 1)
        notes.save(Note(1, "hi", lines=["y"]))
        assert positions(notes) == {("y", "hi", 1): [0]}
        assert totals(notes, "x") == (0, 0)

    def test_indexes_what_is_computed(self):
        """Several fields joined are one text."""
        both = computed("both", lambda note: [note.text or "", *note.lines])
        notes = open_notes(TextIndex("words", Note, both))
        notes.save(Note(1, "head", ["line"]))
        assert positions(notes) == {("head", 1): [0], ("line", 1): [101]}

    def test_takes_only_records_that_meet_its_condition(self):
        """Conditions on words work there too."""
        notes = open_notes(
            TextIndex("words", Note, Note.text, where=contains_all(Note.text, "keep"))
        )
        notes.save(Note(1, "keep this"), Note(2, "not this"), Note(3))
        assert set(positions(notes)) == {("keep", 1), ("this", 1)}
        notes.save(Note(1, "leave this"))
        assert positions(notes) == {}

    def test_tells_which_rows_are_whose(self):
        """The rows that a record gives are those that stand there, and each leads back to it."""
        notes = open_notes(TextIndex("words", Note, Note.text, group_by=Note.study))
        index = notes.schema.index("words")
        note = Note(1, "to be or to do")
        notes.save(note)
        given_rows, record_id = entries(notes, note)
        assert sorted(given_rows) == [(POSTINGS + key, value) for key, value in rows(notes)]
        assert {index.record_id_of(*row) for row in given_rows} == {record_id}
        assert index.record_id_of(TOTALS + pack(("a",)), b"") is None

    def test_answers_conditions_on_its_own_field_and_tokenizer(self):
        """Any other answer would be a wrong one."""
        letters = Tokenizer("letters", list)
        index = TextIndex("words", Note, Note.text)
        assert index.answers(contains_all(Note.text, "a"))
        assert not index.answers(contains_all(Note.lines, "a"))
        assert not index.answers(contains_all(Note.text, "a", tokenizer=letters))
        assert TextIndex("lines", Note, fan_out(Note.lines)).answers(contains_all(Note.lines, "a"))

    def test_is_another_index_with_another_tokenizer(self):
        """A stored schema remembers the tokenizer by its name."""
        plain = schema_of(TextIndex("words", Note, Note.text))
        named = schema_of(TextIndex("words", Note, Note.text, tokenizer="words"))
        other = schema_of(TextIndex("words", Note, Note.text, tokenizer=Tokenizer("letters", list)))
        assert plain.fingerprint == named.fingerprint != other.fingerprint

    @pytest.mark.parametrize(
        ("text", "tokenizer", "message"),
        [
            (Note.size, "words", "is over size, which is <class 'int'>"),
            ((Note.text, Note.lines), "words", "is over 2 fields"),
            (Note.text, "stems", "tokenizer='stems' is none of words"),
        ],
    )
    def test_refuses_what_has_no_words(self, text, tokenizer, message):
        """When it is declared, not when the first record comes."""
        with pytest.raises(SchemaError, match=message):
            TextIndex("words", Note, text, tokenizer=tokenizer)

    def test_is_kept_by_interleaved_transactions_without_conflict(self):
        """Two notes of the same words share no row that both read, the totals included."""
        notes = open_notes(TextIndex("words", Note, Note.text))
        notes.save(Note(0, "same words"))
        with notes.database.transaction() as first, notes.database.transaction() as second:
            notes.open(first).save(Note(1, "same words"))
            notes.open(second).save(Note(2, "same words"))
        assert len(positions(notes)) == 6
        assert totals(notes) == (3, 6)

    @settings(max_examples=40, deadline=None)
    @given(
        steps=st.lists(
            st.tuples(
                st.integers(0, 3),
                st.none() | st.text(alphabet="ab ", max_size=12),
                st.sampled_from("xy"),
                st.booleans(),
            ),
            max_size=10,
        )
    )
    def test_agrees_with_an_index_made_anew(self, steps):
        """After any changes it holds what the records that are there give, and the sums of it."""
        notes = Database.open("memory:").store(GROUPED, Subspace(("notes",)))
        model = {}
        for number, text, study, is_deletion in steps:
            if is_deletion:
                notes.delete(Note, number)
                model.pop(number, None)
            else:
                notes.save(Note(number, text, study=study))
                model[number] = (text, study)
        expected = {}
        for number, (text, study) in model.items():
            tokens = split_words(text or "")
            for token in tokens:
                places = [place for place, one in enumerate(tokens) if one == token]
                expected[(study, token, number)] = places
        assert positions(notes) == expected
        for study in "xy":
            texts = [text for text, of in model.values() if of == study and text is not None]
            assert totals(notes, study) == (
                len(texts),
                sum(len(split_words(text)) for text in texts),
            )


GROUPED = schema_of(TextIndex("words", Note, Note.text, group_by=Note.study))


class TestPositions:
    @given(st.sets(st.integers(0, 1 << 20), min_size=1, max_size=20).map(sorted))
    def test_come_back_as_they_were_packed(self, places):
        """Differences of any size, behind the byte of the length."""
        value = b"\x07" + pack_positions(places)
        assert positions_in(value) == places
        assert num_positions(value) == len(places)

    def test_take_a_byte_where_they_lie_close(self):
        """Which is nearly always."""
        assert pack_positions([5]) == b"\x05"
        assert pack_positions([5, 132]) == b"\x05\x7f"
        assert pack_positions([300]) == b"\xac\x02"

    @pytest.mark.parametrize("length", [1, 2, 10, 100, 5_000, 1_000_000])
    def test_know_the_length_of_the_text_to_a_twentieth(self, length):
        """Eight steps an octave are off by half a step at most, which is 4.4 %."""
        notes = open_notes(TextIndex("words", Note, Note.text))
        ((_, value),), _ = entries(notes, Note(1, "a " * length))
        assert length_in(value) == pytest.approx(length, rel=0.05, abs=0.1)
