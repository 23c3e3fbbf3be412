"""Growing a model on somebody's text."""

from dataclasses import replace

import numpy as np
import pytest

from glasshouse.errors import InputError, TextError
from glasshouse.models import train_bpe
from glasshouse.training import (
    CheckpointConfig,
    TextConfig,
    TrainConfig,
    continue_run,
    open_run,
    start_text_run,
)
from glasshouse.training.text import (
    TextDocument,
    default_vocab_size,
    encode_documents,
    read_documents,
    split_documents,
)

TEXT = "".join(
    f"Line {i}: the cat sat on the mat, and the dog sat on the log.\n" for i in range(90)
)


def config(**changes) -> TextConfig:
    run = TrainConfig(
        steps=4, batch_size=4, evaluate_every=2, checkpoints=CheckpointConfig(every=2)
    )
    small = TextConfig(vocab_size=280, context=16, num_layers=1, d_model=16, num_heads=2, train=run)
    return replace(small, **changes)


class TestReadDocuments:
    def test_reads_a_file(self, tmp_path):
        """Without the byte order mark that some editors put first."""
        path = tmp_path / "a.txt"
        path.write_bytes(b"\xef\xbb\xbfna\xc3\xafve\n")
        assert read_documents(path) == [TextDocument("text", "naïve\n")]

    def test_reads_a_folder_by_name_and_leaves_out_what_is_no_text(self, tmp_path):
        """Hidden files, READMEs and empty files say nothing; subfolders are read."""
        (tmp_path / "sub").mkdir()
        for name, text in {
            "b.md": "two",
            "a.txt": "one",
            "sub/c.txt": "three",
            ".hidden": "no",
            "README.md": "no",
            "empty.txt": " \n",
        }.items():
            (tmp_path / name).write_text(text)
        assert read_documents(tmp_path) == [
            TextDocument("a", "one"),
            TextDocument("b", "two"),
            TextDocument("sub/c", "three"),
        ]

    def test_reads_a_readme_when_it_is_all_there_is(self, tmp_path):
        """Then it must be what was meant."""
        (tmp_path / "README.md").write_text("hello")
        assert read_documents(tmp_path) == [TextDocument("text", "hello")]

    def test_names_file_and_byte_of_what_is_not_utf8(self, tmp_path):
        """So that the reader can look; Latin-1 is the usual culprit."""
        (tmp_path / "good.txt").write_text("good")
        (tmp_path / "late.txt").write_bytes("abc caf\xe9".encode("latin-1"))
        with pytest.raises(TextError, match=r"late\.txt is not UTF-8: byte 7 is 0xe9"):
            read_documents(tmp_path)

    @pytest.mark.parametrize("content", [b"", b" \n\n", b"\xef\xbb\xbf"])
    def test_refuses_an_empty_file(self, tmp_path, content):
        """Empty, blank, or a lone byte order mark."""
        path = tmp_path / "a.txt"
        path.write_bytes(content)
        with pytest.raises(TextError, match="empty"):
            read_documents(path)

    def test_refuses_an_empty_folder_and_a_missing_path(self, tmp_path):
        """By name."""
        with pytest.raises(TextError, match="no file with text"):
            read_documents(tmp_path)
        with pytest.raises(TextError, match=r"there is no text file or folder .*nowhere"):
            read_documents(tmp_path / "nowhere")


class TestSplitDocuments:
    def test_holds_out_every_tenth_of_many(self):
        """Twenty files: the tenth and the twentieth."""
        documents = [TextDocument("text", str(i)) for i in range(1, 21)]
        train, held_out = split_documents(documents)
        assert [d.text for d in held_out] == ["10", "20"]
        assert len(train) == 18

    def test_holds_out_the_tail_of_few(self):
        """The last tenth of each, from the start of a line; nothing is lost."""
        train, held_out = split_documents(
            [TextDocument("a", TEXT), TextDocument("b", "0123456789")]
        )
        assert train[0].text + held_out[0].text == TEXT
        assert held_out[0].text.startswith("Line 8")
        assert 0.08 < len(held_out[0].text) / len(TEXT) < 0.12
        assert (train[1].text, held_out[1].text) == ("012345678", "9")


class TestEncodeDocuments:
    def test_ends_every_document(self):
        """The tokens decode to the text, and one more says that it is over."""
        tokenizer = train_bpe([TEXT], vocab_size=300)
        documents = [TextDocument("a", TEXT + "no newline"), TextDocument("b", "x\r\ny\u2028z")]
        for document, encoded in zip(
            documents, encode_documents(documents, tokenizer), strict=True
        ):
            assert tokenizer.decode(encoded.ids[:-1].tolist()) == document.text
            assert encoded.ids[-1] == tokenizer.end_id


class TestDefaultVocabSize:
    def test_grows_with_the_text(self):
        """From 320 to 2048, 1280 for a megabyte."""
        sizes = [default_vocab_size(n) for n in (0, 10**4, 10**5, 10**6, 10**7)]
        assert sizes == [320, 320, 384, 1216, 2048]


class TestStartTextRun:
    def test_makes_a_run_that_trains(self, tmp_path):
        """From a text to a model that can be asked."""
        (tmp_path / "a.txt").write_text(TEXT)
        run = start_text_run(tmp_path / "a.txt", tmp_path / "run", config())
        results = list(continue_run(run))
        assert [result.step for result in results] == [1, 2, 3, 4]
        assert results[-1].held_out is not None
        assert open_run(run.folder).is_finished
        assert run.record.recipe["text"] == str(tmp_path / "a.txt")

    def test_never_trains_on_what_it_holds_out(self, tmp_path):
        """The tokenizer is trained on the training part alone, and the two parts do not meet."""
        (tmp_path / "a.txt").write_text(TEXT)
        run = start_text_run(tmp_path / "a.txt", tmp_path / "run", config())
        assert run.train_shards.num_tokens > 5 * run.held_out_shards.num_tokens
        text = run.tokenizer.decode(np.asarray(run.held_out_shards.shards[0].tokens).tolist())
        assert "Line 89" in text
        train = run.tokenizer.decode(np.asarray(run.train_shards.shards[0].tokens).tolist())
        assert "Line 89" not in train

    def test_refuses_a_text_shorter_than_one_context(self, tmp_path):
        """With both lengths and two ways out; nothing is left behind."""
        (tmp_path / "a.txt").write_text("too short")
        with pytest.raises(TextError, match=r"too short: .* one context of 16 needs 17"):
            start_text_run(tmp_path / "a.txt", tmp_path / "run", config())
        assert not (tmp_path / "run").exists()

    def test_trains_on_a_text_of_one_context(self, tmp_path):
        """Small is allowed."""
        (tmp_path / "a.txt").write_text("abcdefghij" * 3)
        run = start_text_run(tmp_path / "a.txt", tmp_path / "run", config(vocab_size=257))
        assert len(list(continue_run(run))) == 4

    def test_refuses_a_taken_folder_before_it_reads_anything(self, tmp_path):
        """Minutes of reading should not end in a refusal."""
        with pytest.raises(InputError, match="exists already"):
            start_text_run(tmp_path / "missing.txt", tmp_path.parent, config())


class TestTextConfig:
    @pytest.mark.parametrize("wrong", [{"context": 0}, {"vocab_size": 100}])
    def test_refuses_contradictions(self, wrong):
        """The message names the field."""
        with pytest.raises(InputError, match=next(iter(wrong))):
            TextConfig(**wrong)
