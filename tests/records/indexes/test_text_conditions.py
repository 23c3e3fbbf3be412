"""Conditions on words, tested on records without any index."""

import pytest

from glasshouse.errors import QueryError, SchemaError
from glasshouse.records.expressions import Record, compile_test, matches, one_of
from glasshouse.records.indexes.text_conditions import (
    contains_all,
    contains_any,
    contains_phrase,
    contains_prefix,
    is_phrase,
    positions_of,
    texts_in,
)
from glasshouse.records.indexes.tokenizers import Tokenizer, split_words


class Note(Record):
    id: int
    text: str | None = None
    lines: list[str] = []
    size: int = 0


def holds(condition, **fields):
    return compile_test(condition)(Note(1, **fields))


class TestConditions:
    def test_wants_all_words_anywhere(self):
        """Order and case do not matter."""
        condition = contains_all(Note.text, "Rate learning")
        assert holds(condition, text="The learning, at a rate")
        assert not holds(condition, text="a learned rate")

    def test_wants_any_word(self):
        """One is enough."""
        condition = contains_any(Note.text, "loss accuracy")
        assert holds(condition, text="accuracy fell")
        assert not holds(condition, text="gloss")

    def test_wants_a_phrase_in_its_order(self):
        """Side by side, whatever stands between words; a repeated word counts twice."""
        condition = contains_phrase(Note.text, "to be or not to be")
        assert holds(condition, text="whether to be -- or not to be?")
        assert not holds(condition, text="not to be or to be")
        assert not holds(contains_phrase(Note.text, "bye bye"), text="bye")

    def test_wants_a_beginning_of_a_word(self):
        """Not of the text."""
        assert holds(contains_prefix(Note.text, "Learn"), text="a learning rate")
        assert not holds(contains_prefix(Note.text, "earn"), text="a learning rate")

    def test_takes_several_texts_as_one_with_gaps(self):
        """Words may come from different lines, a phrase may not."""
        lines = ["deep learning", "rate of decay"]
        assert holds(contains_all(Note.lines, "deep decay"), lines=lines)
        assert not holds(contains_phrase(Note.lines, "learning rate"), lines=lines)
        assert holds(contains_phrase(Note.lines, "deep learning"), lines=lines)

    def test_asks_one_element_alone_with_matches(self):
        """The element itself is then the text."""
        condition = matches(Note.lines, lambda line: contains_all(line, "deep decay"))
        assert not holds(condition, lines=["deep learning", "rate of decay"])
        assert holds(condition, lines=["x", "decay, deep"])

    def test_is_undecided_of_a_missing_text(self):
        """As every condition: neither it nor its negation holds. No lines are no words, though."""
        condition = contains_all(Note.text, "word")
        assert holds(condition) is None
        assert holds(~condition) is None
        assert holds(contains_all(Note.lines, "word")) is False
        assert holds(~condition, text="other")

    def test_says_what_it_asks(self):
        """A stored schema and a plan show conditions as words."""
        assert str(contains_phrase(Note.text, "Learning Rate")) == (
            "text contains phrase 'learning rate'"
        )

    def test_splits_with_the_tokenizer_that_it_names(self):
        """The text and the question are split alike."""
        letters = Tokenizer("letters", list)
        assert holds(contains_phrase(Note.text, "bc", tokenizer=letters), text="abcd")
        assert "by letters" in str(contains_any(Note.text, "bc", tokenizer=letters))

    @pytest.mark.parametrize(
        ("ask", "message"),
        [
            (lambda: contains_all(Note.text, "--"), "'--' has no words"),
            (lambda: contains_prefix(Note.text, "two words"), "is 2 words; give the beginning"),
            (lambda: contains_all("text", "a"), "needs a field of a record type"),
            (lambda: contains_all(Note.size, "a"), "needs text; the field is <class 'int'>"),
            (lambda: contains_any(one_of(Note.lines), "a"), "takes the field whole"),
        ],
    )
    def test_refuses_what_cannot_be_meant(self, ask, message):
        """Each in one sentence with the way out."""
        with pytest.raises(QueryError, match=message):
            ask()

    def test_refuses_an_unknown_tokenizer(self):
        """The same names as for an index."""
        with pytest.raises(SchemaError, match="is none of words"):
            contains_all(Note.text, "a", tokenizer="stems")


class TestPositions:
    def test_counts_tokens_across_texts(self):
        """The second text begins a gap behind the first."""
        assert positions_of(["a b a", "b"], split_words) == {"a": [0, 2], "b": [1, 103]}

    def test_finds_texts_of_all_shapes(self):
        """A text, several, none; sets in a fixed order, so that positions are the same for ever."""
        assert texts_in(["a", ["b", None, "c"]]) == ["a", "b", "c"]
        assert texts_in([{"z", "y", "x"}]) == ["x", "y", "z"]
        assert texts_in([None]) is None
        assert texts_in([]) is None
        assert texts_in([[]]) == []

    def test_knows_a_phrase_by_positions(self):
        """Some start has every later word in its place."""
        assert is_phrase([[1, 5], [2, 9], [7]]) is False
        assert is_phrase([[1, 5], [2, 6], [7]])
        assert not is_phrase([[1], []])
