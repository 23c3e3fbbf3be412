"""What a graph costs before its first answer: capture, the cache on disk, plans.

A GPT-2 of 124 million parameters (12 layers, width 768, vocabulary 50,257, random weights), as our
Transformer and as the transformers model captured as it is. In a process of its own each time:

- `cold`: `Graph.capture` with an empty cache, and the first answer after it
- `cached`: the same in a fresh process that finds the cache of the cold one
- `first plan`, `same plan again`: `graph.plan` of a question that is new, and one asked before

CPU seconds and seconds by the clock; the median of a few processes. Prints one JSON line.

    python -m benchmarks.dataflow.bench_capture [--repeats 3] [--quick]

It does not show the time to import torch and transformers, nor to make the weights.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from benchmarks.contest import machine

QUESTION = ["blocks.5.resid_post", "logits"]
THEIR_QUESTION = ["transformer.h.5", "logits"]
CACHE_VARIABLE = "GLASSHOUSE_CACHE"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="a small model, once")
    parser.add_argument("--child", choices=["ours", "as it is"], help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.child:
        print(json.dumps(measured(options.child, is_small=options.quick)))
        return
    parts = {}
    for child in ("ours", "as it is"):
        runs: dict[str, list[dict]] = {"cold": [], "cached": []}
        for _ in range(1 if options.quick else options.repeats):
            with tempfile.TemporaryDirectory() as cache:
                for kind in runs:
                    runs[kind].append(in_a_process(child, Path(cache), options))
        parts[child] = {kind: medians(found) for kind, found in runs.items()}
    show(parts)
    record = {"benchmark": "capture", **vars(options), **machine(), "seconds": parts}
    print(json.dumps(record))


def in_a_process(child: str, cache: Path, options: argparse.Namespace) -> dict[str, list[float]]:
    command = [sys.executable, "-m", __spec__.name, "--child", child]
    command += ["--threads", str(options.threads)] + ["--quick"] * options.quick
    done = subprocess.run(
        command, env=os.environ | {CACHE_VARIABLE: str(cache)}, stdout=subprocess.PIPE, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def measured(child: str, *, is_small: bool) -> dict[str, list[float]]:
    """CPU and clock seconds of every stage, in this process."""
    from glasshouse.dataflow import Graph

    module, example, question = model(child, is_small=is_small)
    found, inputs = {}, example
    with torch.no_grad():
        graph, found["capture"] = timed(lambda: Graph.capture(module, example))
        plan, found["first plan"] = timed(lambda: graph.plan(question))
        again, found["same plan again"] = timed(lambda: graph.plan(question))
        assert again is plan
        _, found["first run"] = timed(lambda: plan.run(inputs))
        values, found["second run"] = timed(lambda: plan.run(inputs))
        plain = module(**inputs)
        expected = plain if isinstance(plain, torch.Tensor) else plain.logits
        difference = (values["logits"] - expected).abs().max().item()
    assert difference < 1e-4, f"the captured model is off by {difference:g}"
    return found


def model(child: str, *, is_small: bool):
    """The module, example inputs by name, and what is asked."""
    layers, width, heads, vocab = (6, 64, 4, 500) if is_small else (12, 768, 12, 50257)
    ids = torch.randint(vocab, (2, 16), generator=torch.Generator().manual_seed(0))
    if child == "ours":
        from glasshouse.models import Transformer, gpt

        config = gpt(vocab, context=1024, num_layers=layers, d_model=width, num_heads=heads)
        return Transformer(config).eval(), {"ids": ids}, QUESTION
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(
        vocab_size=vocab, n_positions=1024, n_embd=width, n_layer=layers, n_head=heads,
        bos_token_id=0, eos_token_id=None, use_cache=False,
    )  # fmt: skip
    return GPT2LMHeadModel(config).eval(), {"input_ids": ids}, THEIR_QUESTION


def timed(act: Callable):
    """What an act returned, and its CPU and clock seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    returned = act()
    return returned, [time.process_time() - cpu, time.perf_counter() - wall]


def medians(runs: list[dict[str, list[float]]]) -> dict[str, dict[str, float]]:
    return {
        stage: {
            clock: round(statistics.median(run[stage][place] for run in runs), 6)
            for place, clock in enumerate(("cpu", "wall"))
        }
        for stage in runs[0]
    }


def show(parts: dict) -> None:
    print("\nseconds: CPU (by the clock)", file=sys.stderr)
    for child, kinds in parts.items():
        for kind, stages in kinds.items():
            print(f"  {child}, {kind}", file=sys.stderr)
            for stage, value in stages.items():
                print(
                    f"    {stage:<18}{value['cpu']:>10.4f} ({value['wall']:.4f})", file=sys.stderr
                )


if __name__ == "__main__":
    main()
