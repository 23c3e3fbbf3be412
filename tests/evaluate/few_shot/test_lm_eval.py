"""The same model and task file in lm-eval: prompts to the byte, log-likelihoods to 1e-3."""

import pytest
import torch
from tests.evaluate.few_shot.little import CHOICE, little_gpt2, write_task_file

from glasshouse.evaluate.few_shot import FewShotConfig, evaluate, read_task, results_of
from glasshouse.evaluate.few_shot.results import sample_lines
from glasshouse.models import LanguageModel

lm_eval = pytest.importorskip("lm_eval")
pytestmark = pytest.mark.filterwarnings("ignore")

NATS = 1e-3

LIKELIHOOD = {
    key: value
    for key, value in CHOICE.items()
    if key not in ("doc_to_choice", "metric_list", "output_type", "doc_to_target")
} | {
    "task": "sums",
    "output_type": "loglikelihood",
    "doc_to_target": "answer",
    "target_delimiter": "",
    "metric_list": [{"metric": "perplexity"}, {"metric": "acc"}],
}
WRITTEN = LIKELIHOOD | {
    "task": "written",
    "output_type": "generate_until",
    "target_delimiter": " ",
    "generation_kwargs": {"until": ["\n\n", "?"], "max_gen_toks": 12, "do_sample": False},
    "metric_list": [{"metric": "exact_match", "ignore_case": True}],
    "filter_list": [
        {
            "name": "first-word",
            "filter": [
                {"function": "regex", "regex_pattern": r"(\w+)"},
                {"function": "take_first"},
            ],
        },
        {
            "name": "bare",
            "filter": [{"function": "remove_whitespace"}, {"function": "take_first"}],
        },
    ],
}
FROM_THEMSELVES = CHOICE | {
    "task": "themselves",
    "fewshot_split": "test",
    "doc_to_choice": "{{ [places[0], places[1] + '!', places[2]] }}",
    "doc_to_target": "{{ label % 3 }}",
    "num_fewshot": 3,
    "target_delimiter": "\n",
    "fewshot_delimiter": "\n###\n",
    "metric_list": [{"metric": "acc"}, {"metric": "acc_norm"}],
}
FIRST = CHOICE | {
    "task": "first",
    "fewshot_config": {"sampler": "first_n"},
    "doc_to_target": "{{ places[label] }}",
    "doc_to_text": "{{ town }} is in ",
}
EMPTY = CHOICE | {"task": "no-prompt", "description": "", "doc_to_text": "{{ '' }}"}


def theirs(folder, config, model_folder, *, shots=None):
    """What lm-eval says of it."""
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    torch.set_num_threads(1)
    return lm_eval.simple_evaluate(
        model=HFLM(pretrained=str(model_folder), batch_size=4, device="cpu", dtype="float32"),
        tasks=[config["task"]],
        num_fewshot=shots,
        task_manager=TaskManager(include_path=str(folder), include_defaults=False),
        bootstrap_iters=100,
    )


@pytest.mark.parametrize(
    ("config", "shots"),
    [
        (CHOICE, None),
        (CHOICE, 0),
        (FROM_THEMSELVES, None),
        (FIRST, None),
        (EMPTY | {"num_fewshot": 0}, None),
        (LIKELIHOOD, None),
        (WRITTEN, None),
    ],
    ids=lambda value: value["task"] if isinstance(value, dict) else str(value),
)
def test_agrees_with_lm_eval(tmp_path, monkeypatch, config, shots):
    """Same prompts, likelihoods, texts and metrics, for the same file and the same weights."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    path = write_task_file(tmp_path, config)
    little_gpt2(context=512).save(tmp_path / "model", layout="huggingface")
    model = LanguageModel.load(tmp_path / "model")

    said = theirs(tmp_path, config, tmp_path / "model", shots=shots)
    outcome = evaluate(model, read_task(path), FewShotConfig(num_fewshot=shots))

    lines = list(sample_lines(outcome))
    others = sorted(said["samples"][config["task"]], key=lambda line: line["doc_id"])
    ours = sorted(lines, key=lambda line: line["doc_id"])
    assert len(ours) == len(others)
    for mine, other in zip(ours, others, strict=True):
        assert mine["filter"] == other["filter"]
        assert mine["arguments"][0][0] == other["arguments"][0][0]
        assert mine["prompt_hash"] == other["prompt_hash"]
        assert mine["target_hash"] == other["target_hash"]
        assert mine["doc_hash"] == other["doc_hash"]
        for answer, response in zip(mine["resps"], other["resps"], strict=True):
            if isinstance(answer[0], str):
                assert answer == response
            else:
                assert answer[0][0] == pytest.approx(response[0][0], abs=NATS)
                assert answer[0][1] == bool(response[0][1])
        for metric in mine["metrics"]:
            assert mine[metric] == pytest.approx(other[metric], abs=NATS)

    means = results_of([outcome], model="here")["results"][config["task"]]
    for key, value in said["results"][config["task"]].items():
        if "perplexity_stderr" in key:
            assert key in means  # theirs is bootstrapped, which random weights make wild
        elif isinstance(value, str):
            assert means[key] == value
        else:
            assert means[key] == pytest.approx(value, rel=NATS)
