"""`glasshouse evaluate`: tasks put to a model, listed, checked, written, looked for in a text."""

import json

import pytest
from tests.cli.commands import glasshouse, refused
from tests.evaluate.few_shot.little import CHOICE, little_gpt2, write_task_file


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model") / "gpt2"
    little_gpt2(context=128).save(folder, layout="huggingface")
    return folder


@pytest.fixture(autouse=True)
def task(tmp_path, monkeypatch):
    """Work in a folder with one task file."""
    monkeypatch.chdir(tmp_path)
    return write_task_file(tmp_path, CHOICE)


def test_writes_results_under_lm_evals_keys(capfd, model, tmp_path):
    """Means with their errors, and a line for every question."""
    told = glasshouse(
        capfd, "evaluate", "run", model, "--tasks", "towns.yaml", "--out", "out", "--log-samples"
    )
    assert told.status == 0, told
    written = json.loads((tmp_path / "out" / "results.json").read_text())
    means = written["results"]["towns"]
    assert {"alias", "acc,none", "acc_stderr,none", "acc_norm,none"} <= set(means)
    assert written["n-shot"]["towns"] == 2
    assert written["n-samples"]["towns"] == {"original": 12, "effective": 12}
    lines = (tmp_path / "out" / "samples_towns.jsonl").read_text().splitlines()
    assert [json.loads(line)["doc_id"] for line in lines] == list(range(12))
    assert told.out.splitlines()[0].split()[:3] == ["task", "examples", "questions"]


def test_says_what_was_cut_and_what_overlaps(capfd, model, tmp_path):
    """Neither is passed over in silence."""
    first = "Question: where is Velford, number 0? Answer: the north"
    (tmp_path / "corpus.txt").write_text(f"It was said: {first}. And more.")
    words = ["--tasks", "towns.yaml", "--num-fewshot", "6", "--limit", "3", "--json"]
    against = ["--trained-on", "corpus.txt", "--ngram", "8"]
    told = glasshouse(capfd, "evaluate", "run", model, *words, *against)
    assert told.status == 0, told
    assert "of 3 of 3 prompts did not fit the model's context and were cut" in told.err
    assert "1 of 3 questions (33%) shares a run of 8 words with the training text" in told.err
    (row,) = [json.loads(line) for line in told.out.splitlines()]
    assert (row["task"], row["num_fewshot"], row["sample_len"]) == ("towns", 6, 3)


def test_lists_validates_and_writes_tasks(capfd, tmp_path):
    """What is made here can be seen, checked, and handed to lm-eval."""
    names = glasshouse(capfd, "evaluate", "ls").out
    assert {"arithmetic_2da", "reversed_words", "cloze", "analogies"} <= set(names.split())
    shown = glasshouse(capfd, "evaluate", "validate", "arithmetic_3ds", "--num-fewshot", "1")
    assert shown.out.count("Q: What is") == 2
    assert "200 questions, generate_until" in shown.err
    written = glasshouse(capfd, "evaluate", "write", "novel_words", "--num", "5", "--out", "tasks")
    assert written.out.strip() == "tasks/novel_words.yaml"
    assert len((tmp_path / "tasks" / "novel_words.jsonl").read_text().splitlines()) == 5
    told = glasshouse(capfd, "evaluate", "overlap", "towns.yaml", "--trained-on", "towns.yaml")
    assert told.out.startswith("towns: none of 12 questions shares a run of 13 words")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["run", "MODEL", "--tasks", "none.yaml"], "there is no task file none.yaml"),
        (["run", "MODEL", "--tasks", "sums"], "there is no task 'sums'"),
        (["run", "MODEL", "--tasks", ","], "names no task"),
        (["run", "MODEL", "--tasks", "towns.yaml,towns.yaml"], "two tasks are called 'towns'"),
        (["run", "MODEL", "--tasks", "towns.yaml", "--limit", "0"], "'0' is not a whole number"),
        (["run", "MODEL", "--tasks", "towns.yaml", "--num-fewshot", "99"], "has 9 examples"),
        (["run", "MODEL", "--tasks", "towns.yaml", "--log-samples"], "--log-samples writes"),
        (["run", "MODEL", "--tasks", "towns.yaml", "--trained-on", "no.txt"], "no text no.txt"),
        (["run", "no-model", "--tasks", "towns.yaml"], "no-model"),
        (["validate", "bad.yaml"], "the label 7 names none of its 4 choices"),
        (["validate", "empty.yaml"], "no list of choices"),
        (["validate", "long.yaml"], "output_type"),
    ],
    ids=str,
)
def test_refuses_in_a_sentence(capfd, model, tmp_path, words, sentence):
    """Exit 2, nothing written."""
    write_task_file(tmp_path, CHOICE | {"task": "bad", "doc_to_target": "{{ label + 7 }}"})
    write_task_file(tmp_path, CHOICE | {"task": "empty", "doc_to_choice": "{{ [] }}"})
    write_task_file(tmp_path, CHOICE | {"task": "long", "output_type": "loglikelihood_rolling"})
    told = refused(
        glasshouse(capfd, "evaluate", *(model if word == "MODEL" else word for word in words))
    )
    assert sentence in told


def test_refuses_a_question_that_does_not_fit(capfd, model, tmp_path):
    """It names the question, and nothing is half-written."""
    write_task_file(tmp_path, CHOICE | {"task": "wide", "doc_to_text": "{{ town * 90 }}"})
    words = ["--tasks", "wide.yaml", "--num-fewshot", "0", "--out", "out"]
    told = refused(glasshouse(capfd, "evaluate", "run", model, *words))
    assert "question 0 of task 'wide' needs" in told
    assert "the model's context is 128" in told
    assert not (tmp_path / "out").exists()
