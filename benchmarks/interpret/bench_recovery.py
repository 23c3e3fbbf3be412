"""Planted directions found again: our TopK trainer and the peers', on the same rows.

Rows are the world's exact superposition: what is true of each token of a base corpus, a random
direction a feature, added up in fewer dimensions. Features come as they do in the texts, together
and at frequencies from one in a thousand on, so that the truth is neither independent nor even.
Everybody begins from the same weights, sees the same batches in the same order and has the same
k, one and a half times what is true of a token on average.

- correlation: for each planted feature the best latent's over held-out tokens, their mean
- cosine: for each planted direction the nearest decoder row's, their mean

    python -m benchmarks.interpret.bench_recovery [--width 128] [--steps 2000] [--seeds 3]

It is one kind of dictionary at one rate, which falls to zero over the last fifth of the steps.
"""

import argparse
import json
import statistics
import time

import torch
from benchmarks.interpret.sae_trainers import TRAINERS, present
from torch import Tensor

from glasshouse.interpret.dictionaries.metrics import matched_correlation, mean_max_cosine
from glasshouse.world import World
from glasshouse.world.activations import Superposition, superpose
from glasshouse.world.streams import stream

BATCH, HELD_OUT, LEAST = 1024, 20_000, 1e-3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--latents", type=int, default=1024)
    parser.add_argument("--tokens", type=int, default=300_000)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(1)
    found = {name: [] for name in present()}
    for seed in range(options.seeds):
        planted = plant(seed, options)
        for name in found:
            figures = recover(name, planted, seed, options)
            found[name].append(figures)
            print(json.dumps({"trainer": name, "seed": seed, **figures}), flush=True)
    for name, runs in found.items():
        means = {
            key: round(statistics.mean(run[key] for run in runs), 4)
            for key in ("correlation", "cosine", "unexplained")
        }
        print(json.dumps({"benchmark": "recovery", "trainer": name, **vars(options), **means}))


def plant(seed: int, options: argparse.Namespace) -> Superposition:
    """Rows of a base corpus with everything that they were made of."""
    world = World(seed=seed)
    kinds, shares = zip(*world.base_mix().items(), strict=True)
    chance = stream(seed, "bench-recovery")
    documents, tokens, counts = [], 0, dict.fromkeys(kinds, 0)
    while tokens < options.tokens:
        kind = str(chance.choice(kinds, p=[share / sum(shares) for share in shares]))
        documents.append(world.document(kind, counts[kind]))
        counts[kind] += 1
        tokens += len(documents[-1].ids)
    return superpose(
        world.features.of(documents),
        d_model=options.width,
        seed=seed,
        min_count=int(LEAST * tokens),
    )


def recover(
    name: str, planted: Superposition, seed: int, options: argparse.Namespace
) -> dict[str, float]:
    """Train on some rows, compare with the truth on others."""
    rows, truth = torch.tensor(planted.activations), torch.tensor(planted.magnitudes)
    order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(seed))
    seen, held_out = order[HELD_OUT:], order[:HELD_OUT]
    active = float((planted.magnitudes > 0).sum(axis=1).mean())
    # Lengths of about the square root of the width are what all trainers are made for.
    rows *= (options.width / rows[seen].square().sum(dim=1).mean()).sqrt()
    make, k = TRAINERS[name][0], round(1.5 * active)
    trained = make(options.width, options.latents, k, "cpu", steps=options.steps)
    draws = torch.Generator().manual_seed(1000 + seed)
    start = time.process_time()
    for _ in range(options.steps):
        trained.step(rows[seen[torch.randint(len(seen), (BATCH,), generator=draws)]])
    seconds = time.process_time() - start
    with torch.no_grad():
        values: Tensor = rows[held_out]
        codes, rebuilt = trained.encode(values), trained.rebuild(values)
        correlation = matched_correlation(truth[held_out], codes)
        cosine = mean_max_cosine(torch.tensor(planted.directions), trained.directions())
        missed = (rebuilt - values).square().sum() / (values - values.mean(0)).square().sum()
    return {
        "features": truth.shape[1],
        "true_l0": round(active, 2),
        "l0": round(float((codes > 0).sum(dim=1).float().mean()), 2),
        "correlation": round(float(correlation.mean()), 4),
        "cosine": round(float(cosine.mean()), 4),
        "unexplained": round(float(missed), 5),
        "cpu_seconds": round(seconds, 1),
    }


if __name__ == "__main__":
    main()
