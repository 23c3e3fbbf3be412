"""Training throughput against a hand-written loop and against Hugging Face's Trainer.

The model is the tour's (4 layers, width 128, vocabulary 1216, context 128, batch 32: about a
million parameters), the data random tokens, the optimizer AdamW with clipping, for everyone:

- `glasshouse`: the iterator `train`, with precision and compilation left to `auto`
- `plain`, `plain compiled`, and both in bf16: a PyTorch loop over the same model as a careful user
  would write it, fused AdamW and all; the fastest of them is the one to beat
- `trainer`: `transformers.Trainer` in bf16 on a GPT2LMHeadModel of the same shape, without
  dropout; `trainer fp32` the same in float32, because some CPUs only emulate bf16

All take turns in one process, a block of steps each, after a warm-up that is not counted (it holds
the compile time). One JSON line tells tokens per second of every block, medians, and ratios of
medians. Nothing is evaluated or saved meanwhile.

    python benchmarks/training/bench_train.py --steps 5 --rounds 9

Contenders are left out with `--skip`, for instance `--skip "plain bf16" --skip "trainer"`.
"""

import argparse
import json
import logging
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from tempfile import TemporaryDirectory

import numpy as np
import torch
import torch.nn.functional as F

from glasshouse.models import Transformer, mini
from glasshouse.training import (
    EncodedDocument,
    ScheduleConfig,
    TokenShards,
    TrainConfig,
    shuffled_windows,
    train,
)
from glasshouse.training.config import Compile

VOCAB, CONTEXT, BATCH = 1216, 128, 32

Block = Callable[[int], float]
"""Trains so many steps and returns the seconds they took."""


def main() -> None:
    options = parse_options()
    torch.set_num_threads(options.threads)
    tokens = np.random.default_rng(0).integers(VOCAB, size=200_000)
    shards = TokenShards.pack([EncodedDocument(ids=tokens, kind="random")])
    blocks = {
        name: make(shards) for name, make in contenders(options).items() if name not in options.skip
    }
    warmup = {name: block(2) for name, block in blocks.items()}
    rates: dict[str, list[float]] = {name: [] for name in blocks}
    for _ in range(options.rounds):
        for name, block in blocks.items():
            rates[name].append(options.steps * BATCH * CONTEXT / block(options.steps))
    print(json.dumps(summary(rates, warmup, options)))


def contenders(options: argparse.Namespace) -> dict[str, Callable[[TokenShards], Block]]:
    """Everyone who takes part, by name."""
    return {
        "glasshouse": lambda shards: our_block(shards, options.threads, options.compile),
        "plain": lambda shards: plain_block(shards, compiled=False, bf16=False),
        "plain compiled": lambda shards: plain_block(shards, compiled=True, bf16=False),
        "plain bf16": lambda shards: plain_block(shards, compiled=False, bf16=True),
        "plain compiled bf16": lambda shards: plain_block(shards, compiled=True, bf16=True),
        "trainer": lambda shards: trainer_block(shards, bf16=True),
        "trainer fp32": lambda shards: trainer_block(shards, bf16=False),
    }


def our_block(shards: TokenShards, threads: int, compile_choice: Compile) -> Block:
    """Glasshouse's iterator; it is never told to stop, so it has 10**6 steps ahead of it.

    Left to `auto`, a run as long as that compiles, unless it cannot.
    """
    config = TrainConfig(
        steps=10**6,
        batch_size=BATCH,
        threads=threads,
        compile=compile_choice,
        schedule=ScheduleConfig(peak_lr=1e-3, shape="constant"),
    )
    data = shuffled_windows(shards, context=CONTEXT, seed=0)
    steps = train(Transformer(mini(VOCAB, context=CONTEXT)), data, config)
    return block_of(steps)


def plain_block(shards: TokenShards, *, compiled: bool, bf16: bool) -> Block:
    """The loop that a careful user writes."""
    network = Transformer(mini(VOCAB, context=CONTEXT))
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, fused=True)
    tokens = torch.from_numpy(shards.shards[0].tokens.astype(np.int64))
    generator = torch.Generator().manual_seed(0)

    def loss_of(inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        with torch.autocast("cpu", dtype=torch.bfloat16) if bf16 else nullcontext():
            return F.cross_entropy(network(inputs).flatten(0, 1), targets.flatten())

    loss_function = torch.compile(loss_of, dynamic=False) if compiled else loss_of

    def steps() -> Iterator[float]:
        while True:
            starts = torch.randint(len(tokens) - CONTEXT, (BATCH, 1), generator=generator)
            windows = tokens[starts + torch.arange(CONTEXT + 1)]
            loss = loss_function(windows[:, :-1], windows[:, 1:])
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            yield loss.item()

    return block_of(steps())


def block_of(steps: Iterator) -> Block:
    """Time the next steps of an endless iterator."""

    def block(count: int) -> float:
        began = time.perf_counter()
        for _ in range(count):
            next(steps)
        return time.perf_counter() - began

    return block


def trainer_block(shards: TokenShards, *, bf16: bool) -> Block:
    """Hugging Face's Trainer; a block is one call of `train`, timed from its first step's end."""
    from transformers import (
        GPT2Config,
        GPT2LMHeadModel,
        PrinterCallback,
        Trainer,
        TrainerCallback,
        TrainingArguments,
    )
    from transformers.utils import logging as hf_logging

    hf_logging.set_verbosity_error()
    shape = GPT2Config(
        vocab_size=VOCAB,
        n_positions=CONTEXT,
        n_embd=128,
        n_layer=4,
        n_head=4,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
    )
    network = GPT2LMHeadModel(shape)
    count = (len(shards.shards[0].tokens) - 1) // CONTEXT
    tokens = shards.shards[0].tokens[: count * CONTEXT].astype(np.int64)
    windows = torch.from_numpy(tokens).view(-1, CONTEXT)
    rows = [{"input_ids": row, "labels": row} for row in windows]

    class Stopwatch(TrainerCallback):
        """The time from the end of the first step, which holds set-up, to that of the last."""

        ends: list[float]

        def on_train_begin(self, args, state, control, **more):
            self.ends = []

        def on_step_end(self, args, state, control, **more):
            self.ends.append(time.perf_counter())

    stopwatch = Stopwatch()

    def block(steps: int) -> float:
        with TemporaryDirectory() as folder:
            arguments = TrainingArguments(
                output_dir=folder,
                max_steps=steps + 1,
                per_device_train_batch_size=BATCH,
                bf16=bf16,
                learning_rate=1e-3,
                lr_scheduler_type="constant",
                optim="adamw_torch_fused",
                logging_strategy="no",
                save_strategy="no",
                report_to=[],
                disable_tqdm=True,
                use_cpu=True,
            )
            trainer = Trainer(network, arguments, train_dataset=rows, callbacks=[stopwatch])
            trainer.remove_callback(PrinterCallback)  # standard output is for the JSON line
            trainer.train()
        return stopwatch.ends[-1] - stopwatch.ends[0]

    return block


def summary(
    rates: dict[str, list[float]], warmup: dict[str, float], options: argparse.Namespace
) -> dict:
    """Everything measured, as one JSON object."""
    medians = {name: statistics.median(found) for name, found in rates.items()}
    plain = {name: rate for name, rate in medians.items() if name.startswith("plain")}
    found = {
        "bench": "train",
        "steps": options.steps,
        "rounds": options.rounds,
        "threads": options.threads,
        "compile": options.compile,
        "torch": str(torch.__version__),
        "warmup_seconds": {name: round(seconds, 1) for name, seconds in warmup.items()},
        "tokens_per_second": {name: round(rate) for name, rate in medians.items()},
        "spread": {name: [round(min(r)), round(max(r))] for name, r in rates.items()},
    }
    if plain:
        best = max(plain, key=lambda name: plain[name])
        found["best_plain"] = best
        found["ratio_to_best_plain"] = round(medians["glasshouse"] / plain[best], 3)
    for name in ("trainer", "trainer fp32"):
        if name in medians:
            found[f"ratio_to_{name.replace(' ', '_')}"] = round(
                medians["glasshouse"] / medians[name], 3
            )
    return found


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=5, help="steps in a block")
    parser.add_argument("--rounds", type=int, default=9, help="blocks of each contender")
    parser.add_argument("--threads", type=int, default=2, help="threads of everyone")
    parser.add_argument("--skip", action="append", default=[], help="a contender to leave out")
    parser.add_argument("--compile", choices=("auto", "yes", "no"), default="auto", help="ours")
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    return options


if __name__ == "__main__":
    main()
