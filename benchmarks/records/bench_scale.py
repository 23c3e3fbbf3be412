"""What must not grow with the store: ranks, opening one of many tenants, resuming a scan.

    rank     of a score, and the record of a rank, as records grow; beside SQLite's count(*)
    open     a store among ten and among many
    resume   a scan of one page from its continuation near the end, beside one from the beginning

Milliseconds by the clock, medians over so many questions. Records are inserted in batches of 1,000
and nobody waits for the disk.

    python -m benchmarks.records.bench_scale [--records 1000000] [--tenants 100000]
"""

import argparse
import json
import random
import shutil
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from glasshouse import records
from glasshouse.records.indexes.rank import rank_of_score

QUESTIONS = 101


class Run(records.Record):
    """A record with a score."""

    id: int
    loss: float


SCHEMA = records.Schema(
    name="scale",
    version=1,
    records={Run: Run.id},
    indexes=(records.RankIndex("loss", Run, Run.loss),),
)
PLAIN = records.Schema(name="plain", version=1, records={Run: Run.id})


def milliseconds(question: Callable[[], object]) -> float:
    times = []
    for _ in range(QUESTIONS):
        began = time.perf_counter()
        question()
        times.append(time.perf_counter() - began)
    return round(statistics.median(times) * 1e3, 4)


def ranks(folder: Path, number: int) -> list[dict[str, float]]:
    draw, found, done = random.Random(1), [], 0
    connection = sqlite3.connect(folder / "runs.db")
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("CREATE TABLE runs (id INTEGER PRIMARY KEY, loss REAL)")
    connection.execute("CREATE INDEX by_loss ON runs (loss)")
    with records.Database.open(f"lmdb:{folder / 'ranks'}?sync=off") as database:
        handle = database.store(SCHEMA, records.Subspace(("ranks",)))
        spent = 0.0
        for size in sorted({number // 100, number // 10, number}):
            while done < size:
                batch = [Run(n, draw.random()) for n in range(done, min(done + 1_000, size))]
                began = time.process_time()
                handle.save(*batch)
                spent += time.process_time() - began
                with connection:
                    rows = [(run.id, run.loss) for run in batch]
                    connection.executemany("INSERT INTO runs VALUES (?, ?)", rows)
                done += len(batch)

            def ask(
                store: records.RecordStore, size: int = size, spent: float = spent
            ) -> dict[str, float]:
                return {
                    "records": size,
                    "insert_us": round(spent / size * 1e6, 1),
                    "rank_of_ms": milliseconds(lambda: rank_of_score(store, "loss", draw.random())),
                    "kth_ms": milliseconds(
                        lambda: records.kth(store, "loss", draw.randrange(size))
                    ),
                }

            row = handle.read(ask)
            row["sqlite_count_ms"] = milliseconds(
                lambda: connection.execute(
                    "SELECT count(*) FROM runs WHERE loss < ?", (draw.random(),)
                ).fetchone()
            )
            found.append(row)
    connection.close()
    return found


def opening(folder: Path, number: int) -> list[dict[str, float]]:
    found, done = [], 0
    with records.Database.open(f"lmdb:{folder / 'tenants'}?sync=off") as database:
        for size in (10, number):
            while done < size:
                some = range(done, min(done + 1_000, size))

                def make(context: records.Context, some: range = some) -> None:
                    for tenant in some:
                        place = records.Subspace(("tenant", tenant))
                        records.RecordStore.open(context, PLAIN, place.key).save(Run(1, 0.0))

                database.run(make)
                done += len(some)
            draw = random.Random(2)

            def open_one(size: int = size, draw: random.Random = draw) -> None:
                place = records.Subspace(("tenant", draw.randrange(size)))
                database.store(PLAIN, place).load(Run, 1)

            found.append({"tenants": size, "open_and_load_ms": milliseconds(open_one)})
    return found


def resuming(folder: Path, number: int) -> dict[str, float]:
    limits = records.Limits(rows=100)
    with records.Database.open(f"lmdb:{folder / 'scan'}?sync=off") as database:
        handle = database.store(PLAIN, records.Subspace(("scan",)))
        for start in range(0, number, 1_000):
            handle.save(*(Run(n, 0.0) for n in range(start, min(start + 1_000, number))))
        query = records.Query(Run)

        def page(store: records.RecordStore, place: bytes | None) -> bytes | None:
            cursor = records.execute(store, query, continuation=place, limits=limits)
            list(cursor)
            return cursor.continuation

        late = records.execute
        place = handle.read(lambda store: _place_at(late(store, query), number * 9 // 10))
        return {
            "records": number,
            "first_page_ms": milliseconds(lambda: handle.read(lambda store: page(store, None))),
            "page_at_nine_tenths_ms": milliseconds(
                lambda: handle.read(lambda store: page(store, place))
            ),
        }


def _place_at(cursor: records.Cursor, number: int) -> bytes | None:
    for place, _ in enumerate(cursor, start=1):
        if place == number:
            break
    return cursor.continuation


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--tenants", type=int, default=100_000)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="glasshouse-scale-"))
    try:
        found = {
            "open": opening(folder, options.tenants),
            "resume": resuming(folder, options.records),
            "rank": ranks(folder, options.records),
        }
    finally:
        shutil.rmtree(folder)
    print(json.dumps({"benchmark": "records-scale", **vars(options), **found}))


if __name__ == "__main__":
    main()
