"""Sampling: our `continue_prompts` beside Hugging Face `generate`, on models of one shape.

Batch 64, 32 tokens of prompt, 64 new ones, plain sampling (temperature 1, no filters) in float32
from a model of about 1 M parameters (`mini`, vocabulary 1,280). Hugging Face runs GPT2LMHeadModel
with its dynamic cache under no_grad. The two take turns in one process; the figure is the ratio of
median times. With --steer a third run adds a vector to the second block's output at every token;
`steering_cost` is its time over ours without. Prints one JSON line.
"""

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable

import torch
import transformers
from transformers import GPT2Config, GPT2LMHeadModel

from glasshouse.models import SamplingConfig, Transformer, continue_prompts, count_params, mini
from glasshouse.models.steering import Steering, add

BATCH, PROMPT, NEW, VOCAB = 64, 32, 64, 1280


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--steer", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    transformers.logging.set_verbosity_error()
    ids = torch.randint(VOCAB, (BATCH, PROMPT), generator=torch.Generator().manual_seed(0))
    runs = {"glasshouse": ours(ids), "hugging_face": theirs(ids)}
    if options.steer:
        runs["glasshouse_steered"] = ours(ids, {"blocks.1.resid_post": add(torch.ones(128))})
    times = take_turns(runs, options.rounds)
    medians = {name: statistics.median(values) for name, values in times.items()}
    record = {
        "benchmark": "generate",
        "batch": BATCH,
        "prompt_tokens": PROMPT,
        "new_tokens": NEW,
        "parameters": count_params(Transformer(mini(VOCAB)), "all"),
        "threads": options.threads,
        "rounds": options.rounds,
        "tokens_per_second": {name: round(BATCH * NEW / m) for name, m in medians.items()},
        "spread_seconds": {n: [round(min(v), 4), round(max(v), 4)] for n, v in times.items()},
        "ratio_of_medians": round(medians["hugging_face"] / medians["glasshouse"], 3),
        "steering_cost": round(medians["glasshouse_steered"] / medians["glasshouse"], 3)
        if options.steer
        else None,
        "torch": torch.__version__,
        "transformers": transformers.__version__,
    }
    print(json.dumps(record))


def ours(ids: torch.Tensor, feed: Steering | None = None) -> Callable[[], int]:
    network = Transformer(mini(VOCAB)).eval()
    prompts, configs = ids.tolist(), [SamplingConfig(max_new_tokens=NEW)] * BATCH

    def run() -> int:
        grown = continue_prompts(network, prompts, configs, seeds=range(BATCH), feed=feed)
        return sum(len(row.ids) for row in grown)

    return run


def theirs(ids: torch.Tensor) -> Callable[[], int]:
    config = GPT2Config(
        vocab_size=VOCAB, n_positions=128, n_embd=128, n_layer=4, n_head=4,
        bos_token_id=0, eos_token_id=None, pad_token_id=0,
    )  # fmt: skip
    network = GPT2LMHeadModel(config).eval()

    def run() -> int:
        with torch.no_grad():
            grown = network.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                do_sample=True,
                top_k=0,
                max_new_tokens=NEW,
                min_new_tokens=NEW,
            )
        return grown.numel() - ids.numel()

    return run


def take_turns(runs: dict[str, Callable[[], int]], rounds: int) -> dict[str, list[float]]:
    """Seconds of every run in every round, after two rounds of warming up."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for index in range(rounds + 2):
        for name, run in runs.items():
            start = time.perf_counter()
            assert run() == BATCH * NEW
            if index >= 2:
                times[name].append(time.perf_counter() - start)
    return times


if __name__ == "__main__":
    main()
