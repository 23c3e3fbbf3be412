"""Results under the keys of lm-eval, `acc,none` and its error by task, and each question's line."""

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from glasshouse.evaluate.few_shot.likelihood import Scored
from glasshouse.evaluate.few_shot.outcomes import Answered, Outcome
from glasshouse.evaluate.few_shot.tasks import METRICS
from glasshouse.files import write_atomically
from glasshouse.provenance import source_commit, versions


def results_of(outcomes: Sequence[Outcome], *, model: str) -> dict[str, Any]:
    """What was measured, under lm-eval's keys, with what it was measured by.

    Args:
        outcomes: One a task.
        model: Where the model came from.
    """
    by_name = {outcome.task.name: outcome for outcome in outcomes}
    return {
        "results": {name: _means(outcome) for name, outcome in by_name.items()},
        "group_subtasks": {name: [] for name in by_name},
        "configs": {name: _config(outcome) for name, outcome in by_name.items()},
        "versions": {name: outcome.task.version for name, outcome in by_name.items()},
        "n-shot": {name: outcome.num_fewshot for name, outcome in by_name.items()},
        "higher_is_better": {name: _directions(outcome) for name, outcome in by_name.items()},
        "n-samples": {
            name: {"original": len(outcome.task.samples), "effective": len(outcome.answered)}
            for name, outcome in by_name.items()
        },
        "task_hashes": {name: task_hash(outcome) for name, outcome in by_name.items()},
        "config": {
            "model": "glasshouse",
            "model_args": f"pretrained={model}",
            "limit": outcomes[0].config.limit if outcomes else None,
            "fewshot_seed": outcomes[0].config.seed if outcomes else None,
        },
        "cut": {
            name: {"prompts": outcome.num_cut_prompts, "shots": outcome.num_cut_shots}
            for name, outcome in by_name.items()
        },
        "glasshouse": {"commit": source_commit(), "versions": versions()},
        "date": datetime.now(UTC).timestamp(),
    }


def _means(outcome: Outcome) -> dict[str, Any]:
    means: dict[str, Any] = {
        "name": outcome.task.name,
        "alias": outcome.task.config.get("task_alias") or outcome.task.name,
        "sample_len": len(outcome.answered),
    }
    for (metric, pipeline), found in outcome.estimates.items():
        means[f"{metric},{pipeline}"] = found.value
        known = not math.isnan(found.stderr)
        means[f"{metric}_stderr,{pipeline}"] = found.stderr if known else "N/A"
    return means


def _config(outcome: Outcome) -> dict[str, Any]:
    task = outcome.task
    return {
        **task.config,
        "task": task.name,
        "output_type": task.output_type,
        "description": task.description,
        "target_delimiter": task.target_delimiter,
        "fewshot_delimiter": task.fewshot_delimiter,
        "num_fewshot": outcome.num_fewshot,
    }


def _directions(outcome: Outcome) -> dict[str, bool]:
    known = METRICS[outcome.task.output_type]
    return {metric.name: known[metric.name] for metric in outcome.task.measured}


def task_hash(outcome: Outcome) -> str:
    """A hash of every prompt and right answer: equal hashes, equal questions."""
    digest = hashlib.sha256()
    for one in outcome.answered:
        digest.update(one.prompt.encode())
        digest.update(b"\0")
        digest.update(one.sample.target.encode())
        digest.update(b"\0")
    return digest.hexdigest()


def sample_lines(outcome: Outcome) -> Iterator[dict[str, Any]]:
    """Every question with its answer and what that is worth, in lm-eval's words."""
    for number, one in enumerate(outcome.answered):
        doc = dict(one.sample.doc) or {"input": one.sample.input, "target": one.sample.target}
        target = one.sample.told
        for pipeline in dict.fromkeys(of for _, of in one.metrics):
            values = {name: value for (name, of), value in one.metrics.items() if of == pipeline}
            arguments, responses = _said(outcome, one)
            yield {
                "doc_id": number,
                "doc": doc,
                "target": target,
                "arguments": arguments,
                "resps": [[response] for response in responses],
                "filtered_resps": [one.filtered[pipeline]] if one.filtered else responses,
                "filter": pipeline,
                "metrics": list(values),
                "doc_hash": _hash(json.dumps(doc, indent=2, default=str, ensure_ascii=False)),
                "prompt_hash": _hash(one.prompt),
                "target_hash": _hash(str(target)),
                "num_shots": one.num_shots,
                "num_cut": one.num_cut,
                **values,
            }


def _said(outcome: Outcome, one: Answered) -> tuple[list[Any], list[Any]]:
    """What was asked for, and what came."""
    if one.text is not None:
        until = {"until": list(outcome.task.written.until)}
        return [[one.prompt, until]], [one.text]
    if one.target is not None:
        return [[one.prompt, one.sample.target]], [_pair(one.target)]
    between, null = outcome.task.target_delimiter, outcome.task.null_context
    endings = [between + choice for choice in one.sample.choices]
    arguments = [[one.prompt, ending] for ending in endings]
    if one.alone:
        arguments += [[null, ending] for ending in endings]
    return arguments, [_pair(scored) for scored in (*one.choices, *one.alone)]


def _pair(scored: Scored) -> list[Any]:
    return [scored.total, scored.is_greedy]


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def write_results(
    directory: Path, results: Mapping[str, Any], outcomes: Sequence[Outcome], *, samples: bool
) -> list[Path]:
    """Write `results.json`, and `samples_TASK.jsonl` for each task if asked for.

    Args:
        directory: Where; made if need be.
        results: What `results_of` gave.
        outcomes: Where the lines of questions come from.
        samples: Whether they are wanted.

    Raises:
        OSError: If the disk is full.
    """
    directory.mkdir(parents=True, exist_ok=True)
    written = []
    for outcome in outcomes if samples else ():
        path = directory / f"samples_{_file_name(outcome.task.name)}.jsonl"
        lines = [
            json.dumps(line, ensure_ascii=False, default=str) for line in sample_lines(outcome)
        ]
        write_atomically(path, "\n".join(lines) + "\n")
        written.append(path)
    path = directory / "results.json"
    write_atomically(path, json.dumps(results, indent=2, ensure_ascii=False, default=str) + "\n")
    return [path, *written]


def _file_name(task: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in task)
