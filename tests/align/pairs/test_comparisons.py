"""Comparisons from files of every shape, real ones too."""

import json
from pathlib import Path

import pytest

from glasshouse.align.pairs.comparisons import (
    Comparison,
    comparison_of,
    read_comparisons,
    split_comparisons,
    write_comparisons,
)
from glasshouse.align.talks.dialogues import Turn
from glasshouse.errors import InputError

REAL = Path(__file__).parents[3] / "shared" / "data" / "hh-rlhf-harmless-base"
HH = {
    "chosen": "\n\nHuman: hi\n\nAssistant: Hello!",
    "rejected": "\n\nHuman: hi\n\nAssistant: Go away.",
}


def test_reads_whole_dialogues_with_one_prompt():
    """As they were released."""
    found = comparison_of(HH)
    assert found.prompt == (Turn("human", "hi"),)
    assert (found.first, found.second, found.p_first) == ("Hello!", "Go away.", 1.0)
    assert found.dialogue(found.second)[-1] == Turn("assistant", "Go away.")


def test_reads_prompts_with_replies_and_probabilities():
    """A text, a text in turns, or a list of turns."""
    turns = [{"role": "user", "content": "hi"}]
    for prompt in ("hi", "\n\nHuman: hi\n\nAssistant:", turns):
        found = comparison_of({"prompt": prompt, "chosen": "a", "rejected": "b"})
        assert found.prompt == (Turn("human", "hi"),)
    soft = comparison_of({"prompt": "hi", "first": "a", "second": "b", "p_first": 0.25})
    assert soft.p_first == 0.25
    assert soft.swapped == Comparison(prompt=soft.prompt, first="b", second="a", p_first=0.75)


@pytest.mark.parametrize(
    ("record", "sentence"),
    [
        ([], "an object"),
        ({"chosen": HH["chosen"]}, "'rejected' is missing"),
        (HH | {"rejected": HH["chosen"]}, "the same"),
        (HH | {"rejected": "\n\nHuman: ho\n\nAssistant: no"}, "differ before their last turn"),
        (HH | {"rejected": "\n\nHuman: hi"}, "does not end with a reply"),
        ({"prompt": "hi", "chosen": "a", "rejected": "  "}, "second reply is empty"),
        ({"prompt": "hi", "first": "a", "second": "b"}, "p_first=None"),
        ({"prompt": "hi", "first": "a", "second": "b", "p_first": 1.5}, "between 0 and 1"),
        ({"prompt": [{"role": "judge", "text": "x"}], "chosen": "a", "rejected": "b"}, "'judge'"),
    ],
)
def test_refuses_what_is_no_comparison(record, sentence):
    """In a sentence each."""
    with pytest.raises(InputError, match=sentence):
        comparison_of(record)


def test_names_the_line_or_keeps_it_apart(tmp_path):
    """No bad line is lost in silence."""
    path = tmp_path / "pairs.jsonl"
    same = HH | {"rejected": HH["chosen"]}
    path.write_text("\n".join([json.dumps(HH), "", "{oops", json.dumps(same)]) + "\n")
    with pytest.raises(InputError, match=r"line 3: no JSON"):
        list(read_comparisons(path))
    assert len(list(read_comparisons(path, skip_bad=True))) == 1
    good, bad = split_comparisons(path)
    assert len(good) == 1
    assert [number for number, _ in bad] == [3, 4]
    path.write_text("{}\n")
    with pytest.raises(InputError, match="holds no comparison; line 1: 'chosen' is missing"):
        split_comparisons(path)
    with pytest.raises(InputError, match="cannot be read"):
        split_comparisons(tmp_path / "none")


def test_writes_what_it_reads(tmp_path):
    """Probabilities and systems with it."""
    given = [
        Comparison(prompt=(Turn("system", "be"), Turn("human", "hi")), first="ä", second="b"),
        Comparison(prompt=(Turn("human", "hi"),), first="a", second="b", p_first=0.4),
    ]
    path = tmp_path / "pairs.jsonl"
    path.write_text("".join(write_comparisons(given)), encoding="utf-8")
    assert list(read_comparisons(path)) == given


@pytest.mark.skipif(not REAL.is_dir(), reason="the released comparisons are not here")
def test_reads_the_released_comparisons():
    """All but those in which one speaker speaks twice or the last reply is missing."""
    good, bad = split_comparisons(REAL / "test.jsonl")
    assert len(good) > 0.99 * (len(good) + len(bad))
    assert all("both the" in why or "does not end" in why for _, why in bad)
