"""From text to tokens."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glasshouse.errors import SchemaError
from glasshouse.records.indexes.tokenizers import (
    MOST_TOKEN_CHARACTERS,
    WORDS,
    Tokenizer,
    split_words,
    tokenizer_of,
)


class TestSplitWords:
    @pytest.mark.parametrize(
        ("text", "tokens"),
        [
            ("The quick-brown fox, 2nd!", ["the", "quick", "brown", "fox", "2nd"]),
            ("run_1.loss=0.5", ["run_1", "loss", "0", "5"]),
            ("Straße STRASSE", ["strasse", "strasse"]),
            ("Ｆｕｌｌ ﬁt", ["full", "fit"]),
            ("cafe\N{COMBINING ACUTE ACCENT}", ["café"]),
            ("ÉCOLE école", ["école", "école"]),
            ("Москва 東京", ["москва", "東京"]),
            ("  --  ", []),
            ("", []),
        ],
    )
    def test_gives_words_in_one_form(self, text, tokens):
        """Case, compatible letters and composed accents do not tell words apart."""
        assert split_words(text) == tokens

    def test_cuts_a_run_that_no_key_could_hold(self):
        """A base64 blob becomes several tokens side by side, none of it lost."""
        run = "ab" * MOST_TOKEN_CHARACTERS
        assert "".join(split_words(run)) == run
        assert max(map(len, split_words(run))) == MOST_TOKEN_CHARACTERS

    @given(st.text(max_size=60))
    def test_is_blind_to_case_and_to_how_accents_are_written(self, text):
        """What a reader takes for the same word is the same token."""
        tokens = split_words(text)
        assert split_words(unicodedata.normalize("NFD", text)) == tokens
        assert split_words(unicodedata.normalize("NFKC", text)) == tokens

    @given(st.text(alphabet=st.characters(codec="ascii"), max_size=60))
    def test_takes_the_short_way_to_the_same_end(self, text):
        """ASCII needs no folding; beside another letter it is folded, with the same result."""
        assert split_words(text + " é") == [*split_words(text), "é"]


class TestTokenizerOf:
    def test_finds_a_tokenizer_by_its_name(self):
        """A schema may name it or hold it."""
        assert tokenizer_of("words") is WORDS
        own = Tokenizer("letters", list)
        assert tokenizer_of(own) is own

    def test_refuses_an_unknown_name(self):
        """The message lists those there are."""
        with pytest.raises(SchemaError, match="tokenizer='stems' is none of words"):
            tokenizer_of("stems")
