"""Writes tasks as lm-eval reads them: a YAML file with its rows beside it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from glasshouse.evaluate.few_shot.tasks import FilterStep, Metric, Pipeline, Sample, Task
from glasshouse.files import write_atomically

OURS_ALONE = frozenset({"acc_token", "choice_prob", "token_acc", "token_nll", "char_acc"})
"""Metrics that lm-eval does not know; a file that it is to read has none of them."""


def write_task(task: Task, directory: Path, *, for_lm_eval: bool = False) -> Path:
    """Write a task as `NAME.yaml` with `NAME.jsonl`, and `NAME_shots.jsonl` if it has examples.

    Data files are named without a folder: lm-eval looks for them in the folder that it runs in,
    Glasshouse beside the task file as well.

    Args:
        task: What to write.
        directory: Where; made if need be.
        for_lm_eval: Leave out the metrics that lm-eval does not know.

    Returns:
        The task file.

    Raises:
        OSError: If the disk is full.
    """
    directory.mkdir(parents=True, exist_ok=True)
    files = {"test": f"{task.name}.jsonl"}
    write_atomically(directory / files["test"], _lines(task.samples[:]))
    if task.shots:
        files["shots"] = f"{task.name}_shots.jsonl"
        write_atomically(directory / files["shots"], _lines(task.shots[:]))
    path = directory / f"{task.name}.yaml"
    config = _config(task, files, for_lm_eval=for_lm_eval)
    write_atomically(path, yaml.safe_dump(config, sort_keys=False, allow_unicode=True))
    return path


def _lines(samples: Sequence[Sample]) -> str:
    return "".join(json.dumps(_row(sample), ensure_ascii=False) + "\n" for sample in samples)


def _row(sample: Sample) -> dict[str, Any]:
    row: dict[str, Any] = {"question": sample.input, "answer": sample.target}
    if sample.choices:
        row |= {"choices": list(sample.choices), "label": sample.gold}
    return row


def _config(task: Task, files: dict[str, str], *, for_lm_eval: bool) -> dict[str, Any]:
    has_choices = task.output_type == "multiple_choice"
    metrics = [m for m in task.measured if not (for_lm_eval and m.name in OURS_ALONE)]
    config: dict[str, Any] = {
        "task": task.name,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": files},
        "test_split": "test",
        "fewshot_split": "shots" if task.shots else "test",
        "output_type": task.output_type,
        "doc_to_text": "question",
        "doc_to_target": "label" if has_choices else "answer",
        **({"doc_to_choice": "choices"} if has_choices else {}),
        **({"description": task.description} if task.description else {}),
        "target_delimiter": task.target_delimiter,
        "fewshot_delimiter": task.fewshot_delimiter,
        "num_fewshot": task.num_fewshot,
        **({"fewshot_config": {"sampler": task.sampler}} if task.sampler != "default" else {}),
        "metric_list": [_metric(metric) for metric in metrics],
    }
    if task.output_type == "generate_until":
        written = task.written
        config["generation_kwargs"] = {
            "until": list(written.until),
            "do_sample": False,
            **({"max_gen_toks": written.max_tokens} if written.max_tokens else {}),
        }
        if task.pipelines != (Pipeline(),):
            config["filter_list"] = [_pipeline(pipeline) for pipeline in task.pipelines]
    config["metadata"] = {"version": task.version}
    return config


def _metric(metric: Metric) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "metric": metric.name,
        "aggregation": "perplexity" if metric.name == "perplexity" else "mean",
        "higher_is_better": metric.name not in ("perplexity", "token_nll"),
    }
    for flag in ("ignore_case", "ignore_punctuation", "ignore_numbers"):
        if getattr(metric, flag):
            entry[flag] = True
    if metric.regexes_to_ignore:
        entry["regexes_to_ignore"] = list(metric.regexes_to_ignore)
    return entry


def _pipeline(pipeline: Pipeline) -> dict[str, Any]:
    steps = [_step(step) for step in pipeline.steps if step.function != "take_first"]
    return {"name": pipeline.name, "filter": [*steps, {"function": "take_first"}]}


def _step(step: FilterStep) -> dict[str, Any]:
    entry: dict[str, Any] = {"function": step.function}
    if step.function == "regex":
        entry |= {
            "regex_pattern": step.regex_pattern,
            "group_select": step.group_select,
            "fallback": step.fallback,
        }
    return entry
