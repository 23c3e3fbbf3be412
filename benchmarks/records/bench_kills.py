"""Processes killed while they write, build indexes, back up and restore: is anything lost?

Each round starts one to three processes on one LMDB store, with its usual durability, lets them
work for up to a quarter of a second, and kills them (SIGKILL) at a random point:

    write    two writers, killed one shortly after the other
    build    one or two builders of six indexes, which begin again when they are done, and one or
             two writers; whatever is left half-built is built to its end in a copy of the file
    backup   a backup, again and again into the same file, and a writer
    restore  a restore in transactions of 5 kB, again and again; the same restore then ends it

After each round the store is opened and looked at: the records must be those of a whole number of
each writer's transactions, and of no fewer than it had acknowledged; `scrub` must find nothing in
records, indexes, counts, sums, ranks and the pages of the file. Prints one JSON line.

What it does not show: the loss of power, after which only what reached the disk is there. LMDB
waits for that at each commit, but SIGKILL leaves the operating system's cache alone.

    python -m benchmarks.records.bench_kills [--kills 200] [--seed 1]
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

from tests.records.crash.killing import kill_many, summary


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        found = kill_many(Path(folder), kills=options.kills, seed=options.seed, transactions=100)
    seconds = round(time.perf_counter() - start, 1)
    print(
        json.dumps(
            {"benchmark": "kills", **summary(found), "seed": options.seed, "seconds": seconds}
        )
    )


if __name__ == "__main__":
    main()
