"""How fast the world writes documents: tokens a second on one core, of each kind and of the mix.

Prints one JSON line. `tokens_per_second` of a kind is the median over repeats of writing documents
with all of their truth; `mix` writes a base corpus, ledger and shuffle included. To compare: a
model of a million parameters trains on some ten thousand tokens a second on the same core.

    python benchmarks/world/bench_generate.py [--seed 0] [--tokens 40000] [--repeats 3]
"""

import argparse
import json
import statistics
import time

from glasshouse.world import World


def kind_speed(world: World, kind: str, tokens: int, first: int) -> float:
    written, number = 0, first
    start = time.perf_counter()
    while written < tokens:
        written += len(world.document(kind, number).ids)
        number += 1
    return written / (time.perf_counter() - start)


def mix_speed(world: World, tokens: int) -> float:
    start = time.perf_counter()
    written = sum(world.corpus(tokens=tokens).ledger.tokens)
    return written / (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--tokens", type=int, default=40_000)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    start = time.perf_counter()
    world = World(options.seed)
    for kind in world.kinds:
        for number in range(5):
            world.document(kind, number)
    set_up = time.perf_counter() - start
    speeds = {
        kind: statistics.median(
            kind_speed(world, kind, options.tokens, 10_000 * (turn + 1))
            for turn in range(options.repeats)
        )
        for kind in world.kinds
    }
    mixes = [mix_speed(world, 10 * options.tokens) for _ in range(options.repeats)]
    record = {
        "benchmark": "world-generate",
        "seed": options.seed,
        "set_up_seconds": round(set_up, 2),
        "mix_tokens_per_second": round(statistics.median(mixes)),
        "mix_spread": [round(min(mixes)), round(max(mixes))],
        "slowest_kind": min(speeds, key=lambda kind: speeds[kind]),
        "tokens_per_second": {kind: round(speed) for kind, speed in speeds.items()},
    }
    print(json.dumps(record))


if __name__ == "__main__":
    main()
