"""Harvesting activations and training on them at once, beside each alone.

A model of 4 layers and width 128 reads texts of 128 tokens; a TopK dictionary of 1,024 latents
learns from its second layer. Alone: the model runs and its rows are thrown away; the dictionary
learns from rows that lie in memory. Together: rows are made in a thread while those before are
learned from. `ratio` is the time by the clock of the slower of the two alone over that of both
together: 1.00 means that the other came for nothing, which takes two free cores.

    python -m benchmarks.interpret.bench_harvest [--rounds 5] [--texts 400]

Each side uses one thread. It does not show GPUs, where both share one device.
"""

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from glasshouse.interpret.activations import harvest, shuffled_batches, streamed_batches
from glasshouse.interpret.dictionaries import (
    Dictionary,
    DictionaryConfig,
    DictionaryTrainingConfig,
    TopK,
    train_dictionary,
)
from glasshouse.models import Transformer, gpt

NAME, WIDTH, LENGTH, BATCH = "blocks.1.resid_post", 128, 128, 2048


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--texts", type=int, default=400)
    options = parser.parse_args()
    torch.set_num_threads(1)
    chance = torch.Generator().manual_seed(0)
    shape = gpt(2000, context=LENGTH, num_layers=4, d_model=WIDTH, num_heads=4)
    model = Transformer(shape, generator=chance).eval()
    texts = torch.randint(2000, (options.texts, LENGTH), generator=chance).tolist()

    def chunks() -> Iterator[Tensor]:
        for part in harvest(model, texts, NAME, batch_tokens=4096):
            yield part[NAME]

    held = torch.cat(list(chunks()))
    steps = len(held) // BATCH - 2

    def learn(batches: Iterator[Tensor]) -> None:
        config = DictionaryConfig(d_in=WIDTH, num_latents=1024, kind=TopK(k=16))
        dictionary = Dictionary(config, generator=torch.Generator().manual_seed(0))
        dictionary.fit_scale(held[:4096])
        for _ in train_dictionary(dictionary, batches, DictionaryTrainingConfig(steps=steps)):
            pass

    def both() -> None:
        learn(streamed_batches(chunks(), BATCH, buffer_rows=4 * BATCH, seed=0))

    jobs: dict[str, Callable[[], object]] = {
        "harvest": lambda: list(chunks()),
        "train": lambda: learn(shuffled_batches(held, BATCH, seed=0)),
        "together": both,
    }
    times: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(options.rounds):
        for name, job in jobs.items():
            start = time.perf_counter()
            job()
            times[name].append(time.perf_counter() - start)
    alone = zip(times["harvest"], times["train"], times["together"], strict=True)
    ratios = [max(one, other) / together for one, other, together in alone]
    record = {
        "benchmark": "harvest",
        "seconds": {name: round(statistics.median(values), 3) for name, values in times.items()},
        "ratio": round(statistics.median(ratios), 3),
        "ratios": [round(ratio, 3) for ratio in ratios],
        "rows": len(held),
        "load_average": [round(load, 2) for load in os.getloadavg()],
    }
    print(json.dumps(record))


if __name__ == "__main__":
    main()
