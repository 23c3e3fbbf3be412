"""`glasshouse align pm|compare`: from a file of comparisons to a model that judges."""

import json
from pathlib import Path

import pytest
import torch
from tests.align.judges.test_model import comparisons, judge
from tests.cli.commands import glasshouse, refused

from glasshouse.align import load_preference_model, write_comparisons
from glasshouse.cli.align.pairs import held_out_pairs
from glasshouse.notebook import Finding, Notebook
from glasshouse.records import Query

TRAIN = comparisons(400, seed=0)
TEST = [one for one in comparisons(60, seed=9) if one not in TRAIN][:40]
FEW = ("--set", "batch=8", "--set", "schedule.peak_lr=3e-3")


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> Path:
    """Work in an empty folder with a small model of few words, and comparisons of them."""
    monkeypatch.chdir(tmp_path)
    judge().language.save(tmp_path / "words")
    for name, pairs in (("train", TRAIN), ("test", TEST)):
        (tmp_path / f"{name}.jsonl").write_text("".join(write_comparisons(pairs)))
    return tmp_path


def test_trains_measures_and_keeps(capfd, here, notebook):
    """What it prints is what the folder scores, and the notebook knows."""
    told = glasshouse(capfd, "align", "pm", "words", "--pairs", "train.jsonl", "--test",
                      "test.jsonl", "--out", "pm", *FEW, "--json")  # fmt: skip
    assert told.status == 0, told
    found = json.loads(told.out)
    assert found["accuracy"] > 0.9
    assert (found["layout"], found["pairs"], found["ceiling"]) == ("words", 40, 1.0)
    compared = glasshouse(capfd, "align", "compare", "pm", "--pairs", "test.jsonl", "--json").out
    *each, whole = map(json.loads, compared.splitlines())
    assert whole["accuracy"] == found["accuracy"]
    own = load_preference_model(here / "pm")
    margins = own.margins(TEST)
    torch.testing.assert_close(torch.tensor([one["margin"] for one in each]), margins)
    with Notebook.open(notebook) as book:
        findings = list(book.query(Query(Finding)))
    kept = [one for one in findings if one.kind == "preference-model"]
    assert kept[-1].extra["accuracy"] == found["accuracy"]


def test_leaves_a_tenth_out_where_nothing_else_is_given(capfd):
    """And says so in words."""
    told = glasshouse(capfd, "align", "pm", "words", "--pairs", "train.jsonl", "--out", "pm", *FEW)
    assert "of 40 comparisons" in told.err
    assert told.out.strip() == "pm"


def test_tells_what_it_leaves_out(capfd, here):
    """Bad lines and replies that are too long, each with a count."""
    long = {"prompt": "hi", "chosen": "sun " * 40, "rejected": "rain"}
    with (here / "train.jsonl").open("a") as file:
        file.write("{oops\n" + json.dumps(long) + "\n")
    told = glasshouse(capfd, "align", "pm", "words", "--pairs", "train.jsonl", "--out", "pm", *FEW)
    assert "1 of 402 lines left out (line 401: no JSON" in told.err
    assert "1 of 41 comparisons left out, whose reply fills the context of 32" in told.err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--pairs", "none.jsonl"), "cannot be read"),
        (("--pairs", "train.jsonl", "--test", "train.jsonl"), "stand in --pairs as well"),
        (("--pairs", "train.jsonl", "--layout", "runes"), "must be one of human-assistant"),
        (("--pairs", "train.jsonl", "--set", "epochs=0"), "epochs=0"),
    ],
)
def test_refuses_in_a_sentence(capfd, here, words, sentence):
    """And writes nothing."""
    assert sentence in refused(glasshouse(capfd, "align", "pm", "words", *words, "--out", "pm"))
    assert not (here / "pm").exists()


def test_refuses_to_write_over_anything(capfd, here):
    """Named."""
    (here / "pm").mkdir()
    (here / "pm" / "mine").write_text("x")
    told = glasshouse(capfd, "align", "pm", "words", "--pairs", "train.jsonl", "--out", "pm")
    said = refused(told)
    assert "exists already" in said


def test_compares_with_a_preference_model_only(capfd):
    """A model directory is none."""
    said = refused(glasshouse(capfd, "align", "compare", "words", "--pairs", "test.jsonl"))
    assert "holds no preference model" in said


def test_learns_nothing_that_it_measures_on():
    """A comparison that comes again in the file, its replies turned round or not."""
    twice = [*TRAIN[:20], TRAIN[0], TRAIN[10].swapped]
    learned, held_out = held_out_pairs(twice, None)
    assert held_out == [TRAIN[0], TRAIN[10], TRAIN[0]]
    assert learned == [one for one in TRAIN[:20] if one not in (TRAIN[0], TRAIN[10])]
