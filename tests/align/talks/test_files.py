"""Dialogues from files of every shape."""

import json

import pytest

from glasshouse.align.talks.dialogues import Turn
from glasshouse.align.talks.files import dialogue_of_record, split_dialogues
from glasshouse.errors import InputError

HI = (Turn("human", "Hi"), Turn("assistant", "Hello"))
MESSAGES = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
HH = "\n\nHuman: Hi\n\nAssistant: Hello"


class TestDialogueOfRecord:
    @pytest.mark.parametrize(
        "record",
        [
            {"messages": MESSAGES},
            {"chosen": HH, "rejected": "\n\nHuman: Hi\n\nAssistant: Go"},
            {"text": HH},
            {"prompt": "Hi", "completion": " Hello"},
            {"prompt": MESSAGES[:1], "completion": MESSAGES[1:]},
            {"messages": [MESSAGES[0], {"role": "assistant", "content": [{"text": "Hello"}]}]},
        ],
    )
    def test_reads_four_shapes(self, record):
        """One dialogue, however it is written."""
        assert dialogue_of_record(record) == HI

    def test_keeps_the_system_s_words(self):
        """By either of its names."""
        for role in ("system", "developer"):
            found = dialogue_of_record({"messages": [{"role": role, "content": "Be"}, *MESSAGES]})
            assert found == (Turn("system", "Be"), *HI)

    @pytest.mark.parametrize(
        ("record", "sentence"),
        [
            ([], "an object"),
            ({"words": "x"}, "there is 'words'"),
            ({"messages": [{"role": "tool", "content": "x"}]}, "the role 'tool'"),
            ({"messages": MESSAGES[:1]}, "the assistant says nothing"),
            ({"messages": [*MESSAGES, MESSAGES[1]]}, "both the assistant's"),
            ({"messages": [{"role": "user", "content": [{"image": 1}]}]}, "no text"),
            ({"messages": [{"role": "user"}]}, "neither text nor content"),
            ({"messages": 3}, "a text or a list"),
        ],
    )
    def test_refuses_what_is_no_dialogue(self, record, sentence):
        """In a sentence each."""
        with pytest.raises(InputError, match=sentence):
            dialogue_of_record(record)


class TestSplitDialogues:
    def test_keeps_bad_lines_apart(self, tmp_path):
        """With their numbers."""
        path = tmp_path / "talk.jsonl"
        path.write_text(json.dumps({"messages": MESSAGES}) + "\n\n{oops\n{}\n")
        good, bad = split_dialogues(path)
        assert good == [HI]
        assert [number for number, _ in bad] == [3, 4]
        path.write_text("{}\n")
        with pytest.raises(InputError, match="holds no dialogue; line 1"):
            split_dialogues(path)
        with pytest.raises(InputError, match="cannot be read"):
            split_dialogues(tmp_path / "none")
