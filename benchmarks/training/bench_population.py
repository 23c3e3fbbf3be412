"""Many small models as one program, against the same models one after another.

512 toy models of superposition, 256 examples a step, for two sizes of the paper's. The plain loop
is what a careful user would write for one model: an `nn.Module`, `torch.optim.AdamW`, the same loss
and the same way of sampling. It is timed on 16 models and scaled by 512 / 16, since it does one
after another by definition. The two ways alternate; each figure is the median of its repeats, the
ratio is the ratio of medians. Prints one JSON line a size, with the share of the population's time
that its sampling takes.

Why the larger size gains less: stacking removes what a step costs beside its arithmetic, and at
n=20 arithmetic and random numbers are much of it. On one core a stacked step of 512 models spent
about 23 ms on sampling, 15 of them in torch's generator (one stream on one thread), and 47 ms on
forward and backward, 20 of them in its five products of 256 x 20 with 20 x 5 a model; the optimizer
took 0.3. One after another the models took about 600 ms: 20 times faster would leave 30, which the
random numbers and the products need for themselves. Compiling fuses the element-wise passes and
gained a fifth. Blocks of 64 replicas, which fit in the cache, would take a third off forward and
backward, but every loss would have to know of blocks.

    python benchmarks/training/bench_population.py [--steps 40] [--repeats 5] [--threads 2]
"""

import argparse
import json
import statistics
import time

import torch
from torch import nn

from glasshouse.models.superposition import ReLUOutput, weighted_error
from glasshouse.models.superposition_data import ToyData
from glasshouse.training.population import PopulationConfig, parameters_of, train_population

MODELS, LOOP_MODELS, BATCH, DENSITY = 512, 16, 256, 0.1
SIZES = ((5, 2), (20, 5))


class OneModel(nn.Module):
    """ReLU(W^T W x + b), without a replica axis."""

    def __init__(self, features: int, hidden: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(hidden, features) * (2 / (features + hidden)) ** 0.5)
        self.bias = nn.Parameter(torch.zeros(features))

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Squeeze the features through and read them back."""
        return torch.relu(values @ self.weight.T @ self.weight + self.bias)


def seconds_of_population(features: int, hidden: int, steps: int, is_compiled: bool) -> float:
    generator = torch.Generator().manual_seed(0)
    model = ReLUOutput(MODELS, features, hidden, generator=generator)
    data = ToyData(features=features, density=DENSITY)
    importance = torch.ones(1, features)
    run = train_population(
        parameters_of(model),
        lambda _, values: weighted_error(model(values), values, importance),
        lambda step: data.sample(MODELS, BATCH, generator),
        PopulationConfig(steps=steps + 2, compile=is_compiled),
    )
    for _ in range(2):  # warm-up: the compiled program is built here
        next(run)
    start = time.perf_counter()
    for _ in run:
        pass
    return time.perf_counter() - start


def seconds_of_sampling(features: int, steps: int) -> float:
    """What the batches of the population cost without any training."""
    generator = torch.Generator().manual_seed(0)
    data = ToyData(features=features, density=DENSITY)
    data.sample(MODELS, BATCH, generator)
    start = time.perf_counter()
    for _ in range(steps):
        data.sample(MODELS, BATCH, generator)
    return time.perf_counter() - start


def seconds_of_loop(features: int, hidden: int, steps: int) -> float:
    start = time.perf_counter()
    for seed in range(LOOP_MODELS):
        generator = torch.Generator().manual_seed(seed)
        model = OneModel(features, hidden)
        optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.0)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        for _ in range(steps):
            values = torch.rand(BATCH, features, generator=generator).div_(DENSITY)
            values.masked_fill_(values >= 1, 0.0)
            loss = (model(values) - values).square().sum(dim=-1).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return (time.perf_counter() - start) * MODELS / LOOP_MODELS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--compile", action="store_true", help="also time the compiled population")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    for features, hidden in SIZES:
        times: dict[str, list[float]] = {"population": [], "loop": []}
        if options.compile:
            times["compiled"] = []
        seconds_of_loop(features, hidden, 1)  # the first optimizer and schedule load modules
        for _ in range(options.repeats):
            for name, taken in times.items():
                taken.append(
                    seconds_of_loop(features, hidden, options.steps)
                    if name == "loop"
                    else seconds_of_population(
                        features, hidden, options.steps, is_compiled=name == "compiled"
                    )
                )
        medians = {name: statistics.median(taken) for name, taken in times.items()}
        line = {
            "benchmark": "population",
            "models": MODELS,
            "features": features,
            "hidden": hidden,
            "batch": BATCH,
            "steps": options.steps,
            "threads": options.threads,
            "torch": torch.__version__,
            "loop_models_timed": LOOP_MODELS,
            "seconds": {name: round(value, 3) for name, value in medians.items()},
            "spread": {name: [round(min(t), 3), round(max(t), 3)] for name, t in times.items()},
            "sampling_share": round(
                seconds_of_sampling(features, options.steps) / medians["population"], 2
            ),
            "times_faster": {
                name: round(medians["loop"] / value, 1)
                for name, value in medians.items()
                if name != "loop"
            },
        }
        print(json.dumps(line))


if __name__ == "__main__":
    main()
