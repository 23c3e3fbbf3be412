import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glasshouse.errors import InputError
from glasshouse.models import Tokenizer, train_bpe, word_tokenizer

WORDS = ["<s>", "<end>", "the", "cat", "sat", "."]
TEXT = ["the cat sat on the mat.\n", "the dog sat on the log; the cat ran.\n"] * 5
BPE = train_bpe(TEXT, vocab_size=290)


class TestWordTokenizer:
    def test_gives_each_word_its_place_in_the_list(self):
        """The world's vocabulary is a list, and its ids are places in it."""
        tokenizer = word_tokenizer(WORDS, end_token="<end>")
        assert tokenizer.encode("the cat\n  sat . <end>") == [2, 3, 4, 5, 1]
        assert tokenizer.decode([2, 3, 4, 5, 1]) == "the cat sat . <end>"
        assert tokenizer.decode([2, 3, 1], skip_special=True) == "the cat"
        assert (tokenizer.vocab_size, tokenizer.id_of("cat"), tokenizer.end_id) == (6, 3, 1)

    def test_names_the_word_it_does_not_know(self):
        """Dropping it in silence would change the question."""
        with pytest.raises(InputError, match="'dog'"):
            word_tokenizer(WORDS).encode("the dog sat")

    def test_asks_for_words_without_copying_the_vocabulary(self, monkeypatch):
        """A copy at every call costs more than all else, once there are many words."""
        tokenizer = word_tokenizer(WORDS)

        def copied(*_: object) -> None:
            raise AssertionError("the vocabulary was copied")

        monkeypatch.setattr(tokenizer.core, "get_vocab", copied, raising=False)
        assert tokenizer.encode(f"{WORDS[1]} {WORDS[0]}") == [1, 0]
        for word in ("dog", "\udc00"):
            with pytest.raises(InputError, match=re.escape(f"the word {word!r} is none of the 6")):
                tokenizer.encode_batch([WORDS[0], f"{WORDS[1]} {word} cats"])

    def test_uses_unk_where_the_list_has_it(self):
        """Then every text can be encoded."""
        assert word_tokenizer([*WORDS, "<unk>"]).encode("the dog") == [2, 6]

    @pytest.mark.parametrize("words", [["a", "a"], ["a b"], [""]])
    def test_refuses_a_list_that_is_no_vocabulary(self, words):
        """A word that cannot be told apart would never be produced."""
        with pytest.raises(InputError, match=r"words\["):
            word_tokenizer(words)

    def test_refuses_special_tokens_outside_the_list(self):
        """An end token without an id could never end a text."""
        with pytest.raises(InputError, match="<eos>"):
            word_tokenizer(WORDS, end_token="<eos>")


class TestTrainBpe:
    @given(st.text())
    def test_gives_every_text_back(self, text):
        """Bytes are the alphabet, so no text is out of reach."""
        assert BPE.decode(BPE.encode(text)) == text

    def test_learns_the_same_tokens_again(self):
        """A tokenizer is part of a run's recipe, so it must be deterministic."""
        assert train_bpe(TEXT, vocab_size=290).core.to_str() == BPE.core.to_str()

    def test_learns_from_files_as_from_texts(self, tmp_path):
        """A folder is its *.txt files in the order of their names."""
        (tmp_path / "a.txt").write_text("".join(TEXT))
        (tmp_path / "notes.md").write_text("zzzz " * 100)
        assert train_bpe(tmp_path, vocab_size=290).core.to_str() == BPE.core.to_str()
        assert train_bpe(tmp_path / "a.txt", vocab_size=290).core.to_str() == BPE.core.to_str()

    def test_ends_texts_with_a_token_of_its_own(self):
        """The token is one id, also inside a text."""
        assert BPE.end_id == 0
        assert BPE.encode("cat<|endoftext|>cat").count(0) == 1

    def test_refuses_what_it_cannot_read(self, tmp_path):
        """One sentence each."""
        (tmp_path / "latin.txt").write_bytes(b"caf\xe9")
        for path, named in (("latin.txt", "UTF-8"), ("none.txt", "no text file")):
            with pytest.raises(InputError, match=named):
                train_bpe(tmp_path / path, vocab_size=300)
        (tmp_path / "empty").mkdir()
        with pytest.raises(InputError, match="holds no"):
            train_bpe(tmp_path / "empty", vocab_size=300)
        with pytest.raises(InputError, match="257"):
            train_bpe(TEXT, vocab_size=256)


class TestTokenizer:
    @pytest.mark.parametrize("tokenizer", [BPE, word_tokenizer([*WORDS, "<unk>"])])
    def test_refuses_halves_of_characters(self, tokenizer):
        """What a shell makes of bytes that are not UTF-8."""
        with pytest.raises(InputError, match="not UTF-8"):
            tokenizer.encode("the \udcff cat")

    @pytest.mark.parametrize("tokenizer", [BPE, word_tokenizer(WORDS, end_token="<end>")])
    def test_loads_what_it_saved(self, tokenizer, tmp_path):
        """Here and in transformers, with the same ids."""
        tokenizer.save(tmp_path)
        text = "the cat sat ."
        loaded = Tokenizer.load(tmp_path)
        assert loaded.encode(text) == tokenizer.encode(text)
        assert loaded.end_token == tokenizer.end_token
        transformers = pytest.importorskip("transformers")
        theirs = transformers.PreTrainedTokenizerFast.from_pretrained(tmp_path)
        assert theirs.encode(text, add_special_tokens=False) == tokenizer.encode(text)
        assert theirs.eos_token_id == tokenizer.end_id

    def test_refuses_ids_and_tokens_it_does_not_have(self):
        """Both ends of the vocabulary."""
        with pytest.raises(InputError, match="'nope'"):
            BPE.id_of("nope")
        for index in (-1, BPE.vocab_size):
            with pytest.raises(InputError, match="outside"):
                BPE.token_of(index)
