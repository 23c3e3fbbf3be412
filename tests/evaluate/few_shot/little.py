"""A tiny GPT-2 of random weights with a tokenizer that reads any text, and task files for it."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import yaml

from glasshouse.models import LanguageModel, Transformer, train_bpe
from glasshouse.models.config import gpt

TEXT = "what is the capital of the north? the baker sees a red dog, 12 plus 7 is 19. "
TOWNS = "velford drawick osten hulmere tamdale nerby ulmstow sarholm grick lomham".split()


def little_gpt2(*, context: int = 128, seed: int = 0) -> LanguageModel:
    """A model whose answers differ by more than rounding."""
    tokenizer = train_bpe([TEXT * 9], vocab_size=300)
    config = gpt(tokenizer.vocab_size, context=context, num_layers=2, d_model=32, num_heads=4)
    network = Transformer(
        replace(config, init_std=0.3), generator=torch.Generator().manual_seed(seed)
    )
    return LanguageModel(network.eval(), tokenizer, "made here")


def rows(count: int = 12) -> list[dict[str, Any]]:
    """Questions about towns, with four choices of several lengths."""
    places = ["the north", "the windy coast", "hills", "south"]
    return [
        {
            "town": TOWNS[number % len(TOWNS)],
            "number": number,
            "places": places[number % 4 :] + places[: number % 4],
            "label": (number * 3) % 4,
            "answer": f" {number} plus {number} is {2 * number}",
        }
        for number in range(count)
    ]


CHOICE: dict[str, Any] = {
    "task": "towns",
    "dataset_path": "json",
    "dataset_kwargs": {"data_files": {"test": "towns.jsonl", "train": "shots.jsonl"}},
    "test_split": "test",
    "fewshot_split": "train",
    "output_type": "multiple_choice",
    "description": "Where towns are.\n\n",
    "doc_to_text": "Question: where is {{ town | capitalize }}, number {{number}}?\nAnswer:",
    "doc_to_choice": "places",
    "doc_to_target": "label",
    "num_fewshot": 2,
    "metric_list": [
        {"metric": name, "aggregation": "mean", "higher_is_better": True}
        for name in ("acc", "acc_norm", "acc_bytes", "acc_mutual_info")
    ],
    "metadata": {"version": 2.0},
}


def write_task_file(folder: Path, config: dict[str, Any], data: Sequence[Any] = ()) -> Path:
    """Write a task file with its rows, and examples that are other rows."""
    lines = [json.dumps(row) for row in (data or rows())]
    (folder / "towns.jsonl").write_text("\n".join(lines) + "\n")
    others = [row | {"number": row["number"] + 50} for row in rows(9)]
    (folder / "shots.jsonl").write_text("\n".join(json.dumps(row) for row in others) + "\n")
    path = folder / f"{config.get('task', 'nameless')}.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    return path
