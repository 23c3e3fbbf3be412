"""What few-shot evaluation costs beyond the model's own forward passes, and whether lm-eval agrees.

One task file of 4 choices and 3 examples a question is put to one GPT-2 directory of random weights
by Glasshouse and by lm-eval, in turn, in this process. From each run the time inside the network is
taken away, which a wrapper round its forward measures; what is left is reading the file, writing
prompts, tokenizing, batching, scoring and results. First every log-likelihood, prompt and metric
is compared; a difference above --tolerance ends the benchmark. One JSON line.

Needs lm-eval in an environment of its own beside Glasshouse's source:

    python3 -m venv peers-lmeval
    peers-lmeval/bin/python -m pip install lm-eval==0.4.13 torch==2.13.0 transformers==5.23.0
    peers-lmeval/bin/python -m pip install -e .
    peers-lmeval/bin/python -m benchmarks.evaluate.bench_few_shot --rounds 5
"""

import argparse
import contextlib
import functools
import importlib.metadata
import io
import json
import logging
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import nn

from glasshouse.evaluate.few_shot import evaluate, read_task, results_of
from glasshouse.evaluate.few_shot.results import sample_lines
from glasshouse.models import LanguageModel, Transformer, train_bpe
from glasshouse.models.config import gpt
from glasshouse.provenance import source_commit

PLACES = ["the north", "the windy coast", "hills", "south of the old mill"]
NAMES = "velford drawick osten hulmere tamdale nerby ulmstow sarholm grick lomham".split()
SHOTS, CONTEXT = 3, 256


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tolerance", type=float, default=1e-3, help="nats")
    options = parser.parse_args()
    os.environ.update(HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false", TQDM_DISABLE="1")
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name, contextlib.chdir(name):
        os.environ["HF_DATASETS_CACHE"] = f"{name}/cache"
        task = write_files(Path(name), options.questions)
        print(json.dumps(contest(Path(name), task, options)))


def write_files(folder: Path, count: int) -> Path:
    """A model directory, and a task file with its rows."""
    text = " ".join([*PLACES, *NAMES, "question: where does the road to lead? answer: 0123456789"])
    tokenizer = train_bpe([text * 20], vocab_size=400)
    config = gpt(tokenizer.vocab_size, context=CONTEXT, num_layers=2, d_model=64, num_heads=4)
    network = Transformer(replace(config, init_std=0.2)).eval()
    LanguageModel(network, tokenizer, "made here").save(folder / "model", layout="huggingface")
    for split, size in (("test", count), ("train", 50)):
        lines = [
            {
                "name": NAMES[number % len(NAMES)],
                "number": number,
                "places": PLACES,
                "label": number % 4,
            }
            for number in range(size)
        ]
        text = "\n".join(map(json.dumps, lines)) + "\n"
        (folder / f"{split}.jsonl").write_text(text)
    config = {
        "task": "roads",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": "test.jsonl", "train": "train.jsonl"}},
        "test_split": "test",
        "fewshot_split": "train",
        "output_type": "multiple_choice",
        "doc_to_text": "Question: where does the road to {{ name }} lead ({{ number }})?\nAnswer:",
        "doc_to_choice": "places",
        "doc_to_target": "label",
        "num_fewshot": SHOTS,
        "metric_list": [
            {"metric": name, "aggregation": "mean", "higher_is_better": True}
            for name in ("acc", "acc_norm")
        ],
    }
    path = folder / "roads.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


@dataclass
class Stopwatch:
    """CPU seconds inside a network, of the thread that is in it."""

    seconds: float = 0.0
    """So far."""
    depth: int = 0
    """Timed calls that are under way: only the outermost counts."""

    def watch(self, call: Callable[..., Any]) -> Callable[..., Any]:
        """The same call, timed."""

        @functools.wraps(call)
        def timed(*arguments: Any, **named: Any) -> Any:
            start = time.thread_time()
            self.depth += 1
            try:
                return call(*arguments, **named)
            finally:
                self.depth -= 1
                self.seconds += (time.thread_time() - start) * (not self.depth)

        return timed


Run = Callable[[], dict[str, Any]]
"""Reads the task file, puts it to a model that is loaded, and returns lm-eval's keys."""


def ours(model: LanguageModel, task: Path) -> dict[str, Any]:
    outcome = evaluate(model, read_task(task))
    found = results_of([outcome], model="model")
    return {"means": found["results"]["roads"], "lines": list(sample_lines(outcome))}


def theirs(model: Any, folder: Path) -> dict[str, Any]:
    import lm_eval
    from lm_eval.tasks import TaskManager

    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        manager = TaskManager(include_path=str(folder), include_defaults=False)
        said = lm_eval.simple_evaluate(model=model, tasks=["roads"], task_manager=manager)
    assert said is not None
    return {"means": said["results"]["roads"], "lines": said["samples"]["roads"]}


def contest(folder: Path, task: Path, options: argparse.Namespace) -> dict[str, Any]:
    from lm_eval.models.huggingface import HFLM

    logging.disable(logging.WARNING)
    inside = {"glasshouse": Stopwatch(), "lm-eval": Stopwatch()}
    mine = LanguageModel.load(folder / "model")
    other = HFLM(pretrained=str(folder / "model"), batch_size=16, device="cpu", dtype="float32")
    # Ours asks the trunk for features and the vocabulary at answers alone: both are the network.
    mine.network.features = inside["glasshouse"].watch(mine.network.features)
    mine.network.unembed.forward = inside["glasshouse"].watch(mine.network.unembed.forward)
    inner: nn.Module = other.model
    inner.forward = inside["lm-eval"].watch(inner.forward)
    runs: dict[str, Run] = {
        "glasshouse": lambda: ours(mine, task),
        "lm-eval": lambda: theirs(other, folder),
    }
    difference = compare(runs["glasshouse"](), runs["lm-eval"](), options.tolerance)
    whole: dict[str, list[float]] = {name: [] for name in runs}
    beyond: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(options.rounds):
        for name, run in runs.items():
            inside[name].seconds = 0.0
            start = time.process_time()
            run()
            spent = time.process_time() - start
            whole[name].append(1e3 * spent / options.questions)
            beyond[name].append(1e3 * (spent - inside[name].seconds) / options.questions)
    return {
        "benchmark": "few-shot",
        "unit": "CPU ms a question",
        "questions": options.questions,
        "choices": len(PLACES),
        "num_fewshot": SHOTS,
        "rounds": options.rounds,
        "beyond_forward": {name: summary(values) for name, values in beyond.items()},
        "whole": {name: summary(values) for name, values in whole.items()},
        "ratio_of_medians": round(
            statistics.median(beyond["lm-eval"]) / statistics.median(beyond["glasshouse"]), 2
        ),
        "largest_difference_nats": difference,
        "versions": {
            name: importlib.metadata.version(name)
            for name in ("torch", "transformers", "lm_eval", "datasets", "tokenizers")
        },
        "commit": source_commit(),
    }


def summary(values: list[float]) -> dict[str, float]:
    return {
        "median": round(statistics.median(values), 3),
        "min": round(min(values), 3),
        "max": round(max(values), 3),
    }


def compare(mine: dict[str, Any], other: dict[str, Any], tolerance: float) -> float:
    """Largest difference of a log-likelihood.

    Raises:
        SystemExit: If prompts, metrics or likelihoods differ.
    """
    largest = 0.0
    others = sorted(other["lines"], key=lambda line: line["doc_id"])
    for ours_, theirs_ in zip(mine["lines"], others, strict=True):
        if ours_["prompt_hash"] != theirs_["prompt_hash"]:
            raise SystemExit(f"prompts differ: {ours_['arguments'][0]} {theirs_['arguments'][0]}")
        for a, b in zip(ours_["resps"], theirs_["resps"], strict=True):
            largest = max(largest, abs(a[0][0] - b[0][0]))
    for key in ("acc,none", "acc_norm,none", "acc_stderr,none"):
        largest = max(largest, abs(mine["means"][key] - other["means"][key]))
    if largest > tolerance:
        raise SystemExit(f"answers differ by {largest}")
    return largest


if __name__ == "__main__":
    main()
