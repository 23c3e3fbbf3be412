"""Two writers and ten readers on one store for a minute: is what they saw serialisable?

Twelve processes share one LMDB store, with its usual durability. Writers read up to three of eight
registers, write up to two of them, add up to three events that a count and a sum index follow, and
at times ask the counts of both writers. Readers read all registers, by primary key and by a value
index, the counts and the sum, at one moment, and rest for a millisecond. Afterwards every
transaction is placed in the order of commit versions and checked: what it read must be what stood
there then, and nobody who began after another had ended may come before it. Then `scrub` looks at
the store. Prints one JSON line.

What it does not show: how fast the store is; twelve processes share the processors there are.

    python -m benchmarks.records.bench_history [--seconds 60] [--writers 2] [--readers 10]
        [--url URL]
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.records.crash.history import (
    NUM_REGISTERS,
    PLACE,
    SCHEMA,
    prepare,
    read_logs,
)
from tests.records.crash.serialisable import check_history

from glasshouse.records import Database
from glasshouse.records.operations import scrub


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--writers", type=int, default=2)
    parser.add_argument("--readers", type=int, default=10)
    parser.add_argument("--url", help="of an engine that holds nothing, instead of LMDB")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        url = options.url or f"lmdb:{folder / 'store'}"
        prepare(url)
        words = [url, name, str(options.seconds), str(options.writers), str(options.readers)]
        subprocess.run([sys.executable, "-m", "tests.records.crash.history", *words], check=True)
        writes, reads = read_logs(folder)
        first = dict.fromkeys(range(NUM_REGISTERS), "")
        broken = check_history(writes, reads, registers=first, writers=options.writers)
        with Database.open(url) as database:
            problems = list(scrub(database.store(SCHEMA, PLACE)))
    tries = [one.tries for one in writes]
    print(
        json.dumps(
            {
                "benchmark": "history",
                "engine": url.partition(":")[0],
                "writers": options.writers,
                "readers": options.readers,
                "seconds": options.seconds,
                "writing_transactions": len(writes),
                "reading_transactions": len(reads),
                "not_serialisable": len(broken),
                "examples": broken[:3],
                "problems": [f"{one.where}: {one.sentence}" for one in problems],
                "tried_again_share": round(1 - sum(one == 1 for one in tries) / len(tries), 4),
                "mean_tries": round(statistics.mean(tries), 3),
                "most_tries": max(tries),
            }
        )
    )


if __name__ == "__main__":
    main()
