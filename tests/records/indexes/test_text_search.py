"""Asking a text index, beside lists of tokens in Python."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.records.indexes.test_text import Note, open_notes, schema_of

from glasshouse.errors import QueryError
from glasshouse.records.expressions import compile_test
from glasshouse.records.indexes.text import TextIndex
from glasshouse.records.indexes.text_conditions import (
    contains_all,
    contains_any,
    contains_phrase,
    contains_prefix,
)
from glasshouse.records.indexes.text_search import ranked_search, scan_record_ids, search
from glasshouse.records.indexes.value import ValueIndex
from glasshouse.records.store.database import Database
from glasshouse.records.subspace import Subspace

LINES = schema_of(TextIndex("words", Note, Note.lines))


@pytest.fixture
def notes():
    handle = open_notes(TextIndex("words", Note, Note.text), ValueIndex("sizes", Note, Note.size))
    handle.save(
        Note(1, "the learning rate fell"),
        Note(2, "a rate of learning"),
        Note(3, "learned nothing"),
        Note(4, None),
        Note(5, "Learning rate: learning rate"),
    )
    return handle


def found(handle, condition):
    return [note.id for note in handle.read(lambda store: list(search(store, "words", condition)))]


class TestSearch:
    def test_finds_notes_by_their_words(self, notes):
        """By hand, one of each kind."""
        assert found(notes, "learning rate") == [1, 2, 5]
        assert found(notes, contains_all(Note.text, "rate learning the")) == [1]
        assert found(notes, contains_any(Note.text, "fell nothing")) == [1, 3]
        assert found(notes, contains_phrase(Note.text, "learning rate")) == [1, 5]
        assert found(notes, contains_phrase(Note.text, "rate learning rate")) == [5]
        assert found(notes, contains_prefix(Note.text, "LEARN")) == [1, 2, 3, 5]
        assert found(notes, "absent") == []

    def test_stops_at_its_limit(self, notes):
        """And reads no further."""

        def first(store, limit):
            return [note.id for note in search(store, "words", "learning", limit=limit)]

        assert notes.read(lambda store: first(store, 2)) == [1, 2]
        assert notes.read(lambda store: first(store, 0)) == []

    def test_sees_what_its_own_transaction_wrote(self, notes):
        """As every read does."""

        def work(store):
            store.save(Note(6, "learning rate"))
            store.delete(Note, 1)
            return [note.id for note in search(store, "words", "learning rate")]

        assert notes.run(work) == [2, 5, 6]

    def test_asks_one_group(self):
        """Others do not count."""
        notes = open_notes(TextIndex("words", Note, Note.text, group_by=Note.study))
        notes.save(Note(1, "word", study="a"), Note(2, "word", study="b"))

        def ask(store):
            return [note.id for note in search(store, "words", "word", group=("b",))]

        assert notes.read(ask) == [2]
        with pytest.raises(QueryError, match=r"grouped by 1 columns \(study\)"):
            found(notes, "word")

    @pytest.mark.parametrize(
        ("name", "condition", "message"),
        [
            ("sizes", "word", "'sizes' is of kind value; this question is for one of kind text"),
            ("words", "?!", "has no words to look for"),
            ("words", contains_all(Note.lines, "a"), "index 'words' is of text by words and"),
        ],
    )
    def test_refuses_what_the_index_cannot_answer(self, notes, name, condition, message):
        """In one sentence."""
        with pytest.raises(QueryError, match=message):
            notes.read(lambda store: list(search(store, name, condition)))

    @settings(max_examples=60, deadline=None)
    @given(
        texts=st.lists(
            st.lists(st.text(alphabet="ab é", max_size=10), max_size=2), min_size=1, max_size=8
        ),
        words=st.text(alphabet="abé", min_size=1, max_size=3).map(" ".join)
        | st.sampled_from(["a b", "ab a b", "b b"]),
        ask=st.sampled_from([contains_all, contains_any, contains_phrase]),
        prefix=st.sampled_from(["a", "ab", "b", "é", "ba"]),
    )
    def test_agrees_with_testing_every_record(self, texts, words, ask, prefix):
        """The index and the condition itself find the same, from any record on."""
        notes = Database.open("memory:").store(LINES, Subspace(("notes",)))
        records = [Note(number, lines=lines) for number, lines in enumerate(texts)]
        notes.save(*records)
        for condition in (ask(Note.lines, words), contains_prefix(Note.lines, prefix)):
            test = compile_test(condition)
            expected = [note.id for note in records if test(note)]
            assert found(notes, condition) == expected

            def scan(store, condition=condition):
                ids = list(scan_record_ids(store, "words", condition))
                for place, record_id in enumerate(ids):
                    rest = scan_record_ids(store, "words", condition, after=record_id)
                    assert list(rest) == ids[place + 1 :]
                return [store.load_by_id(one).id for one in ids]

            assert notes.read(scan) == expected


class TestRankedSearch:
    def test_orders_by_the_formula(self):
        """Three notes of one length, worked by hand: only counts and rarity differ."""
        notes = open_notes(TextIndex("words", Note, Note.text))
        notes.save(Note(1, "cat dog dog"), Note(2, "cat cat dog"), Note(3, "dog owl elk"))
        answer = notes.read(lambda store: ranked_search(store, "words", "cat owl"))
        # The mean length is exact and that of each note rounded: 2 ** (16 / 8) - 1 is 3 again.
        rare, common = math.log(1 + 2.5 / 1.5), math.log(1 + 1.5 / 2.5)
        assert [note.id for note, _ in answer] == [3, 2, 1]
        assert [score for _, score in answer] == pytest.approx(
            [rare, common * 2 * 2.2 / 3.2, common]
        )

    def test_counts_what_its_own_transaction_wrote(self, notes):
        """Totals are written once a transaction, and before they are asked for."""

        def scores(store):
            return [score for _, score in ranked_search(store, "words", "learned")]

        def work(store):
            store.save(Note(6, "a long note of many other words"))
            return scores(store)

        before = notes.read(scores)
        inside = notes.run(work)
        assert inside == notes.read(scores) != before

    def test_prefers_the_shorter_of_two_texts(self):
        """A word says more where there are few."""
        notes = open_notes(TextIndex("words", Note, Note.text))
        notes.save(Note(1, "cat " + "and so on " * 20), Note(2, "a cat"), Note(3, "dog"))
        answer = notes.read(lambda store: ranked_search(store, "words", "cat", limit=1))
        assert [note.id for note, _ in answer] == [2]

    def test_ranks_within_a_group(self):
        """A word common elsewhere is rare here."""
        notes = open_notes(TextIndex("words", Note, Note.text, group_by=Note.study))
        notes.save(*[Note(number, "cat", study="b") for number in range(5)], Note(9, "cat dog"))
        answer = notes.read(lambda store: ranked_search(store, "words", "cat", group=("a",)))
        assert [note.id for note, _ in answer] == [9]

    def test_knows_nothing_of_words_that_nobody_said(self, notes):
        """No answer, no error; nor for none wanted."""
        assert notes.read(lambda store: ranked_search(store, "words", "zebra")) == []
        assert notes.read(lambda store: ranked_search(store, "words", "rate", limit=0)) == []

    @settings(max_examples=30, deadline=None)
    @given(
        texts=st.lists(st.text(alphabet="abc ", max_size=12), min_size=1, max_size=8),
        words=st.sampled_from(["a", "a b", "c b a", "ab"]),
    )
    def test_gives_every_note_with_a_word_once(self, texts, words):
        """Those and no others, the best first."""
        notes = Database.open("memory:").store(WORDS_ONLY, Subspace(("notes",)))
        records = [Note(number, text) for number, text in enumerate(texts)]
        notes.save(*records)
        answer = notes.read(lambda store: ranked_search(store, "words", words, limit=100))
        test = compile_test(contains_any(Note.text, words))
        assert sorted(note.id for note, _ in answer) == [one.id for one in records if test(one)]
        scores = [score for _, score in answer]
        assert scores == sorted(scores, reverse=True)
        assert all(score > 0 for score in scores)


WORDS_ONLY = schema_of(TextIndex("words", Note, Note.text))
