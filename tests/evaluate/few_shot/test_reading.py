"""Task files: what is read, and that everything beyond the subset is refused by its name."""

import json

import pytest
from tests.evaluate.few_shot.little import CHOICE, rows, write_task_file

from glasshouse.errors import InputError
from glasshouse.evaluate.few_shot import read_task, write_prompts, write_task
from glasshouse.evaluate.few_shot.generators import Size, analogies, arithmetic


def whole(path):
    """A task with every row read."""
    task = read_task(path)
    _ = task.samples[:], task.shots[:]
    return task


class TestReadTask:
    def test_reads_columns_templates_and_choices(self, tmp_path):
        """The row's own words, in the prompt that lm-eval would write."""
        task = whole(write_task_file(tmp_path, CHOICE))
        first = task.samples[0]
        assert first.input == "Question: where is Velford, number 0?\nAnswer:"
        assert first.choices == tuple(rows()[0]["places"])
        assert (first.gold, first.target) == (0, "the north")
        assert (len(task.samples), len(task.shots), task.num_fewshot) == (12, 9, 2)
        assert task.version == 2.0
        prompt = write_prompts(task, num_fewshot=1, seed=1234)[0]
        assert prompt.text.startswith("Where towns are.\n\nQuestion: where is ")

    def test_reads_csv_with_numbers_as_numbers(self, tmp_path):
        """A column of whole numbers is labels, as in lm-eval."""
        (tmp_path / "data.csv").write_text('q,label\n"a, b",1\nc,0\n')
        config = CHOICE | {
            "dataset_path": "csv",
            "dataset_kwargs": {"data_files": "data.csv"},
            "test_split": "train",
            "fewshot_split": None,
            "doc_to_text": "q",
            "doc_to_choice": ["no", "yes"],
            "num_fewshot": 0,
        }
        task = whole(write_task_file(tmp_path, config))
        assert [(one.input, one.target) for one in task.samples] == [("a, b", "yes"), ("c", "no")]

    def test_reads_back_what_was_written(self, tmp_path):
        """A generated task becomes files, and the files the same prompts."""
        for task in (arithmetic("2da", Size(num_samples=5, num_shots=3)), analogies()):
            read = whole(write_task(task, tmp_path))
            assert write_prompts(read, num_fewshot=2, seed=3) == write_prompts(
                task, num_fewshot=2, seed=3
            )
            assert read.measured == task.measured
            assert read.generation == task.generation
            assert [one.target for one in read.samples] == [one.target for one in task.samples]

    def test_refuses_to_choose_between_two_files_of_a_name(self, tmp_path, monkeypatch):
        """lm-eval would take the one here; the one beside the task is as likely meant."""
        path = write_task_file(tmp_path, CHOICE)
        (tmp_path / "elsewhere").mkdir()
        monkeypatch.chdir(tmp_path / "elsewhere")
        assert len(whole(path).samples) == 12
        (tmp_path / "elsewhere" / "towns.jsonl").write_text("{}")
        with pytest.raises(InputError, match="these are two files"):
            read_task(path)

    def test_gives_templates_no_way_to_python(self, tmp_path):
        """A task file from elsewhere must not run anything."""
        for template in (
            "{{ ''.__class__.__mro__[1].__subclasses__() }}",
            "{{ town.__init__.__globals__ }}",
            "{{ cycler.__init__.__globals__.os.popen('true').read() }}",
        ):
            with pytest.raises(InputError, match=r"cannot be filled|what is not there"):
                whole(write_task_file(tmp_path, CHOICE | {"doc_to_text": template}))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"doc_to_text": None}, "doc_to_text is missing"),
        ({"task": None}, "task is missing"),
        ({"test_split": None}, "test_split"),
        ({"test_split": "dev"}, "the split 'dev' is none of the data's: test, train"),
        ({"output_type": "loglikelihood_rolling"}, "loglikelihood_rolling"),
        ({"dataset_path": "super_glue"}, "dataset_path: 'super_glue' is outside"),
        ({"dataset_path": None}, "dataset_path is missing"),
        ({"dataset_name": "boolq"}, "dataset_name"),
        ({"dataset_kwargs": {"data_files": "none.jsonl"}}, "there is no file none.jsonl"),
        ({"dataset_kwargs": {"data_files": "https://x.y/z.jsonl"}}, "no local file"),
        ({"dataset_kwargs": {"data_files": "towns.jsonl", "field": "x"}}, "dataset_kwargs.field"),
        ({"process_docs": "x"}, "process_docs: outside of the subset"),
        ({"include": "other.yaml"}, "include: outside of the subset"),
        ({"use_prompt": "p"}, "use_prompt"),
        ({"gen_prefix": "p"}, "gen_prefix"),
        ({"repeats": 3}, "repeats: 3"),
        ({"fewshot_config": {"samples": []}}, "fewshot_config.samples"),
        ({"fewshot_config": {"sampler": "balanced"}}, "'balanced'"),
        ({"doc_to_text": "place"}, "'place' is none of the columns"),
        ({"doc_to_text": "{{ townn }}"}, "'townn' is undefined"),
        ({"doc_to_text": "{{ town"}, "is no Jinja"),
        ({"doc_to_text": "number"}, "doc_to_text gives 0, which is no text"),
        ({"doc_to_target": "{{ label + 9 }}"}, "the label 9 names none of its 4 choices"),
        ({"doc_to_target": "town"}, "the label 'velford' names none"),
        ({"doc_to_target": "places"}, "a list of right answers"),
        ({"doc_to_choice": None}, "doc_to_choice is missing"),
        ({"doc_to_choice": "{{ [] }}"}, "no list of choices"),
        ({"doc_to_choice": "{{ town }}"}, "should give a list"),
        ({"doc_to_choice": ["a", ""]}, "the choice '', which is no text"),
        ({"metric_list": [{"metric": "f1"}]}, "the metric 'f1' is outside"),
        ({"metric_list": [{"metric": "acc", "aggregation": "median"}]}, "averaged by mean"),
        ({"metric_list": [{"metric": "acc", "weight": 2}]}, "weight of acc"),
        ({"generation_kwargs": {"until": ["x"]}}, "multiple_choice writes nothing"),
        ({"num_fewshot": "two"}, "num_fewshot: 'two'"),
        ({"description": "{{ town }}"}, "differs from row to row"),
    ],
    ids=str,
)
def test_refuses_by_name(tmp_path, monkeypatch, change, told):
    """One sentence that names the file and what is wrong with it."""
    monkeypatch.chdir(tmp_path)
    path = write_task_file(tmp_path, {k: v for k, v in (CHOICE | change).items() if v is not None})
    with pytest.raises(InputError) as refused:
        whole(path)
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)


WRITTEN = {key: CHOICE[key] for key in CHOICE if key not in ("doc_to_choice", "metric_list")} | {
    "output_type": "generate_until",
    "doc_to_target": "answer",
}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"generation_kwargs": {"do_sample": True}}, "sampled answers"),
        ({"generation_kwargs": {"num_beams": 4}}, "generation_kwargs.num_beams"),
        ({"generation_kwargs": {"max_gen_toks": 0}}, "max_gen_toks"),
        ({"filter_list": [{"name": "x", "filter": [{"function": "majority_vote"}]}]}, "majority"),
        ({"filter_list": [{"name": "x", "filter": [{"function": "lowercase"}]}]}, "take_first"),
        (
            {
                "filter_list": [
                    {"name": "x", "filter": [{"function": "regex", "regex_pattern": "("}]}
                ]
            },
            "cannot be read",
        ),
        ({"metric_list": [{"metric": "exact_match", "ignore_spaces": True}]}, "ignore_spaces"),
    ],
    ids=str,
)
def test_refuses_how_answers_are_written(tmp_path, change, told):
    """Nothing that would change a score is passed over."""
    with pytest.raises(InputError, match=told):
        whole(write_task_file(tmp_path, WRITTEN | change))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{not json\n", "line 1"),
        ("[1, 2]", "row 1 of .* is 1, and should be an object"),
        ("", "has no rows"),
        (json.dumps({"town": "x"}) + "\n", "'label' is none of the columns"),
    ],
)
def test_refuses_damaged_rows(tmp_path, text, told):
    """With the row, and what it lacks."""
    path = write_task_file(tmp_path, CHOICE)
    (tmp_path / "towns.jsonl").write_text(text)
    with pytest.raises(InputError, match=told):
        whole(path)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("task: [", "no YAML"),
        ("- a\n", "no task"),
        ("task: t\nprocess_docs: !function utils.process\n", "tag !function utils.process"),
        ("task: !!python/object/apply:os.system [ls]\n", "no YAML|tag"),
    ],
)
def test_refuses_damaged_files(tmp_path, text, told):
    """No object is made and no code is run."""
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=told):
        read_task(path)
