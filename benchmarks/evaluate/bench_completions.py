"""What a free answer to a few-shot question costs beyond the model, beside lm-eval and Inspect.

The same questions, each behind the same three examples, are answered with four tokens each, in two
ways. `model`: each harness drives a GPT-2 directory of random weights in its own way (Inspect by
its `hf` provider), and the time inside the network's forward is taken away; `beyond_writing` takes
away the whole loop that writes tokens, which is transformers' for both peers. `given`: the answers
are looked up, so that what is timed is the harness alone, without a tokenizer. First every prompt,
answer and score is compared. All take turns in one process, in an order shuffled every round; one
JSON line. Choices by likelihood are not Inspect's way: bench_few_shot has those, beside lm-eval.

Inspect writes its log to disk as it goes and cannot be asked not to; the others write nothing.

    python3 -m venv peers-inspect
    peers-inspect/bin/python -m pip install -c constraints.txt torch==2.13.0 transformers==5.23.0 \\
        lm-eval==0.4.13 inspect-ai==0.3.285 -e .
    peers-inspect/bin/python -m benchmarks.evaluate.bench_completions --rounds 5
"""

import argparse
import contextlib
import importlib.metadata
import io
import json
import logging
import os
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import yaml
from benchmarks.evaluate.bench_few_shot import PLACES, SHOTS, Stopwatch, summary, write_files

from glasshouse.evaluate.few_shot import (
    FewShotConfig,
    Outcome,
    evaluate,
    evaluate_respondent,
    read_task,
    results_of,
)
from glasshouse.evaluate.few_shot.results import sample_lines
from glasshouse.models import LanguageModel
from glasshouse.models import generate as generating
from glasshouse.provenance import source_commit

TOKENS, BATCH = 4, 16
QUESTION = "Question: where does the road to {name} lead ({number})?\nAnswer:"
Said = tuple[dict[str, str], float]
"""The answer to each prompt, and the share of right ones."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=96)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0, help="orders the turns")
    options = parser.parse_args()
    os.environ.update(HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false", TQDM_DISABLE="1")
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name, contextlib.chdir(name):
        os.environ["HF_DATASETS_CACHE"] = f"{name}/cache"
        task = free_task(write_files(Path(name), options.questions))
        logging.disable(logging.WARNING)
        print(json.dumps(contest(Path(name), task, options)))


def free_task(choices: Path) -> Path:
    """The task of `bench_few_shot` with answers written instead of chosen."""
    config = yaml.safe_load(choices.read_text())
    for key in ("doc_to_choice", "metric_list"):
        del config[key]
    config |= {
        "output_type": "generate_until",
        "doc_to_target": "{{ places[label] }}",
        "fewshot_config": {"sampler": "first_n"},
        "generation_kwargs": {"until": [], "max_gen_toks": TOKENS, "do_sample": False},
        "metric_list": [{"metric": "exact_match", "aggregation": "mean"}],
    }
    choices.write_text(yaml.safe_dump(config))
    return choices


@dataclass
class Contender:
    """Who answers, and what is spent inside its model."""

    run: Callable[[], Said]
    """Reads the task, puts it and returns what was said."""
    forward: Stopwatch = field(default_factory=Stopwatch)
    """Inside the network."""
    writing: Stopwatch = field(default_factory=Stopwatch)
    """Inside the loop that writes tokens."""
    spent: dict[str, list[float]] = field(default_factory=dict)
    """Milliseconds a question, round by round."""


# Each of the three, with a model and with answers given -------------------------------------------


def told(outcome: Outcome) -> Said:
    """What Glasshouse was told, as its results files have it."""
    found = results_of([outcome], model="model")["results"]["roads"]
    lines = list(sample_lines(outcome))
    answers = {line["arguments"][0][0]: str(line["resps"][0][0]).strip() for line in lines}
    return answers, found["exact_match,none"]


def glasshouse_model(folder: Path, task: Path) -> Contender:
    model = LanguageModel.load(folder / "model")
    who = Contender(lambda: told(evaluate(model, read_task(task), FewShotConfig(batch_size=BATCH))))
    for name in ("forward", "features"):
        setattr(model.network, name, who.forward.watch(getattr(model.network, name)))
    model.network.unembed.forward = who.forward.watch(model.network.unembed.forward)
    make_step = generating.decoding_step  # all tokens but the first are read by what it makes
    generating.decoding_step = lambda network: who.forward.watch(make_step(network))
    LanguageModel.generate = who.writing.watch(LanguageModel.generate)  # it has slots
    return who


def glasshouse_given(task: Path, answers: Mapping[str, str]) -> Contender:
    class Given:
        def complete(
            self, prompts: Sequence[str], *, max_tokens: int, temperature: float = 0, seed: int = 0
        ) -> list[str]:
            return [answers[prompt] for prompt in prompts]

    return Contender(lambda: told(evaluate_respondent(Given(), read_task(task))))


def lm_eval_run(model: Any, folder: Path) -> Said:
    import lm_eval
    from lm_eval.tasks import TaskManager

    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        manager = TaskManager(include_path=str(folder), include_defaults=False)
        said = lm_eval.simple_evaluate(model=model, tasks=["roads"], task_manager=manager)
    assert said is not None
    lines = said["samples"]["roads"]
    answers = {line["arguments"][0][0]: line["resps"][0][0].strip() for line in lines}
    return answers, said["results"]["roads"]["exact_match,none"]


def lm_eval_model(folder: Path) -> Contender:
    from lm_eval.models.huggingface import HFLM

    path = str(folder / "model")
    model = HFLM(pretrained=path, batch_size=BATCH, device="cpu", dtype="float32")
    who = Contender(lambda: lm_eval_run(model, folder))
    watch_transformers(model.model, who)
    return who


def lm_eval_given(folder: Path, answers: Mapping[str, str]) -> Contender:
    from lm_eval.api.model import LM

    class Given(LM):
        def generate_until(self, requests: Any, disable_tqdm: bool = False) -> list[str]:
            return [answers[request.args[0]] for request in requests]

        def loglikelihood(self, requests: Any, disable_tqdm: bool = False) -> Any:
            raise NotImplementedError

        loglikelihood_rolling = loglikelihood

    return Contender(lambda: lm_eval_run(Given(), folder))


def inspect_run(model: Any, folder: Path) -> Said:
    from inspect_ai import Task
    from inspect_ai import eval as put
    from inspect_ai.dataset import Sample, json_dataset
    from inspect_ai.scorer import exact
    from inspect_ai.solver import generate

    def asked(row: dict[str, Any]) -> str:
        return QUESTION.format(name=row["name"], number=row["number"])

    rows = [json.loads(line) for line in (folder / "train.jsonl").read_text().splitlines()]
    before = "".join(f"{asked(row)} {PLACES[row['label']]}\n\n" for row in rows[:SHOTS])
    task = Task(
        dataset=json_dataset(
            "test.jsonl",
            lambda row: Sample(input=before + asked(row), target=row["places"][row["label"]]),
        ),
        solver=generate(max_tokens=TOKENS),
        scorer=exact(),
        name="roads",
    )
    (log,) = put(task, model=model, display="none", log_dir=str(folder / "logs"))
    assert log.samples, log.error
    assert log.results, log.error
    answers = {str(one.input): one.output.completion.strip() for one in log.samples}
    return answers, log.results.scores[0].metrics["mean"].value


def inspect_model(folder: Path) -> Contender:
    from inspect_ai.model import GenerateConfig, get_model

    model = get_model(
        "hf/roads",
        config=GenerateConfig(max_connections=BATCH),
        model_path=str(folder / "model"),
        device="cpu",
        do_sample=False,
        chat_template="{{ messages[-1]['content'] }}",
    )
    who = Contender(lambda: inspect_run(model, folder))
    watch_transformers(model.api.model, who)  # pyright: ignore[reportAttributeAccessIssue]
    return who


def inspect_given(folder: Path, answers: Mapping[str, str]) -> Contender:
    from inspect_ai.model import ModelOutput, ModelUsage, get_model

    usage = ModelUsage(input_tokens=1, output_tokens=TOKENS, total_tokens=1 + TOKENS)

    def say(messages: Any, *_: Any) -> ModelOutput:
        output = ModelOutput.from_content("mockllm/model", answers[messages[-1].text])
        output.usage = usage  # or the mock counts tokens with a tokenizer from the web
        return output

    model = get_model("mockllm/model", custom_outputs=say)
    return Contender(lambda: inspect_run(model, folder))


def watch_transformers(network: Any, who: Contender) -> None:
    """Time a Hugging Face model's forward and its `generate`."""
    network.forward = who.forward.watch(network.forward)
    network.generate = who.writing.watch(network.generate)


# The contest --------------------------------------------------------------------------------------


def contest(folder: Path, task: Path, options: argparse.Namespace) -> dict[str, Any]:
    ways: dict[str, dict[str, Contender]] = {}
    ways["model"] = {
        "glasshouse": glasshouse_model(folder, task),
        "lm-eval": lm_eval_model(folder),
        "inspect": inspect_model(folder),
    }
    answers = half_right(agreed(ways["model"]))
    ways["given"] = {
        "glasshouse": glasshouse_given(task, answers),
        "lm-eval": lm_eval_given(folder, answers),
        "inspect": inspect_given(folder, answers),
    }
    agreed(ways["given"])
    turns = [one for way in ways.values() for one in way.values()]
    shuffler = random.Random(options.seed)
    for _ in range(options.rounds):
        shuffler.shuffle(turns)
        for one in turns:
            take_turn(one, options.questions)
    return {
        "benchmark": "completions",
        "unit": "ms a question",
        "questions": options.questions,
        "num_fewshot": SHOTS,
        "tokens": TOKENS,
        "rounds": options.rounds,
        **{name: table(way) for name, way in ways.items()},
        "load_average": [round(load, 2) for load in os.getloadavg()],
        "versions": {
            name: importlib.metadata.version(name)
            for name in ("torch", "transformers", "lm_eval", "inspect_ai", "datasets")
        },
        "commit": source_commit(),
    }


def agreed(way: Mapping[str, Contender]) -> dict[str, str]:
    """What all say.

    Raises:
        SystemExit: If prompts, answers or scores differ.
    """
    said = {name: one.run() for name, one in way.items()}
    answers, score = said["glasshouse"]
    for name, (others, other_score) in said.items():
        if others.keys() != answers.keys():
            raise SystemExit(f"{name} puts other prompts: {list(others)[:1]} {list(answers)[:1]}")
        if others != answers or abs(other_score - score) > 1e-9:
            differing = [(answers[p], others[p]) for p in answers if answers[p] != others[p]]
            raise SystemExit(f"{name} answers otherwise: {score} {other_score} {differing[:3]}")
    return answers


def half_right(answers: Mapping[str, str]) -> dict[str, str]:
    """The same, but right for every second question: else all scores would be nought."""
    return {
        prompt: said if place % 2 else PLACES[place % len(PLACES)]
        for place, (prompt, said) in enumerate(answers.items())
    }


def take_turn(one: Contender, questions: int) -> None:
    """Run once, and keep CPU and wall time, with and without what its model took."""
    one.forward.seconds = one.writing.seconds = 0.0
    wall, cpu = time.perf_counter(), time.process_time()
    one.run()
    spent = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
    spent["cpu_beyond_forward"] = spent["cpu"] - one.forward.seconds
    spent["cpu_beyond_writing"] = spent["cpu"] - one.writing.seconds
    for key, value in spent.items():
        one.spent.setdefault(key, []).append(1e3 * value / questions)


def table(way: Mapping[str, Contender]) -> dict[str, Any]:
    """Medians with their ranges, and every peer's median over ours."""
    ours = way["glasshouse"].spent
    return {
        "times": {
            name: {key: summary(values) for key, values in one.spent.items()}
            for name, one in way.items()
        },
        "ratio_of_medians": {
            name: {
                key: round(statistics.median(values) / statistics.median(ours[key]), 2)
                for key, values in one.spent.items()
            }
            for name, one in way.items()
            if name != "glasshouse"
        },
    }


if __name__ == "__main__":
    main()
