"""Comparisons as others publish them: small files in their shapes, and the files themselves."""

import json
from pathlib import Path

import pytest

from glasshouse.align.pairs.comparisons import comparison_of, split_comparisons
from glasshouse.align.pairs.files import own_records
from glasshouse.align.talks.dialogues import Turn
from glasshouse.errors import InputError

DATA = Path(__file__).parents[3] / "shared" / "data"
LLMBAR = {"subset": "Natural", "input": "Add.", "output_1": "Four", "output_2": "4", "label": 2}
PANDALM = {
    "idx": 0,
    "instruction": "Shorten.",
    "input": "It is so.",
    "response1": "So.",
    "response2": "It is.",
    "annotator1": 1,
    "annotator2": 2,
    "annotator3": 0,
}


def message(text: str, *replies: dict, role: str = "assistant", **more) -> dict:
    return {"text": text, "role": role, "replies": list(replies), **more}


TREE = {
    "message_tree_id": "x",
    "prompt": message(
        "Hi",
        message("Good day", rank=1),
        message(
            "Hello",
            message("Thanks", message("Welcome", rank=0), message("Ok", rank=0), role="prompter"),
            rank=0,
        ),
        message("Go", rank=2),
        message("What", rank=None),
        role="prompter",
    ),
}


class TestOwnRecords:
    def test_reads_a_label(self):
        """The second is better."""
        (one,) = map(comparison_of, own_records(LLMBAR))
        assert (one.prompt, one.first, one.second, one.p_first) == (
            (Turn("human", "Add."),),
            "Four",
            "4",
            0.0,
        )

    def test_reads_votes_as_a_probability(self):
        """One for each and a tie: a coin."""
        (one,) = map(comparison_of, own_records(PANDALM))
        assert one.prompt == (Turn("human", "Shorten.\n\nIt is so."),)
        assert one.p_first == 0.5
        (agreed,) = own_records(PANDALM | {"annotator2": 1, "input": ""})
        assert agreed["p_first"] == pytest.approx(2.5 / 3)
        assert agreed["prompt"] == "Shorten."

    def test_reads_every_two_ranked_siblings_of_a_tree(self):
        """Three ranked replies make three; two of one rank make none, one without rank none."""
        found = [comparison_of(record) for record in own_records(TREE)]
        assert [(one.first, one.second) for one in found] == [
            ("Hello", "Good day"),
            ("Hello", "Go"),
            ("Good day", "Go"),
        ]
        deep = json.loads(json.dumps(TREE))
        deep["prompt"]["replies"][1]["replies"][0]["replies"][1]["rank"] = 1
        last = comparison_of(own_records(deep)[-1])
        assert [turn.role for turn in last.prompt] == ["human", "assistant", "human"]
        assert (last.prompt[1].text, last.first, last.second) == ("Hello", "Welcome", "Ok")

    def test_reads_lists_of_messages(self):
        """With the prompt inside of them, or beside."""
        user, yes, no = (
            {"role": role, "content": text}
            for role, text in (("user", "Hi"), ("assistant", "Yes"), ("assistant", "No"))
        )
        inside = {"chosen": [user, yes], "rejected": [user, no]}
        beside = {"prompt": [user], "chosen": [yes], "rejected": [no]}
        repeated = {"prompt": "Hi", **inside}
        for record in (inside, beside, repeated):
            (one,) = map(comparison_of, own_records(record))
            assert one.prompt == (Turn("human", "Hi"),)
            assert (one.first, one.second) == ("Yes", "No")

    @pytest.mark.parametrize(
        ("record", "sentence"),
        [
            (LLMBAR | {"label": 3}, "label=3 must be 1 or 2"),
            (PANDALM | {"annotator1": 4}, "annotators say"),
            ({"prompt": {"text": "a"}}, "no role"),
            ({"chosen": [{"role": "user", "content": "a"}], "rejected": []}, "chosen messages"),
        ],
    )
    def test_refuses_what_is_half_of_a_shape(self, record, sentence):
        """In a sentence."""
        with pytest.raises(InputError, match=sentence):
            own_records(record)


class TestSplitComparisons:
    def test_counts_what_is_none_within_a_line(self, tmp_path):
        """A tree of which one pair says the same twice loses that pair, with its line."""
        tree = json.loads(json.dumps(TREE))
        tree["prompt"]["replies"][2]["text"] = "Hello"
        path = tmp_path / "trees.jsonl"
        path.write_text(json.dumps(LLMBAR) + "\n" + json.dumps(tree) + "\n")
        good, bad = split_comparisons(path)
        assert len(good) == 3
        assert bad == [(2, "both replies are the same, so that neither can be preferred")]

    @pytest.mark.parametrize(
        ("name", "pairs", "left_out"),
        [
            ("hh-rlhf-harmless-base/test.jsonl", 300, 5),
            ("oasst-ranked-trees/trees.jsonl", 507, 5),
            ("llmbar/pairs.jsonl", 310, 5),
            ("pandalm-testset/pairs.jsonl", 700, 60),
        ],
    )
    def test_reads_the_real_files(self, name, pairs, left_out):
        """Nearly all of each; what is no comparison (equal or empty replies) is told."""
        if not (DATA / name).is_file():
            pytest.skip("the file is not here")
        good, bad = split_comparisons(DATA / name)
        assert len(good) > pairs - left_out
        known = ("same", "empty", "is no text", "are both the assistant's")
        assert all(any(reason in why for reason in known) for _, why in bad), bad
