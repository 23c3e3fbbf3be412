"""Records in and out: ours on LMDB beside raw LMDB, SQLite by hand and SQLAlchemy's ORM.

One process, contenders in turns; every figure is the median over rounds of CPU time a record, and
the ratios are medians of the ratios round by round.

    insert   records with a value index, a three-way fan-out index and a count, 1,000 a transaction,
             nobody waiting for the disk; then once more with each commit on the disk
    load     one record after another by primary key, decoded
    scan     all records in order, decoded

Raw LMDB reads bytes and decodes nothing. SQLite's tables say the same: a row, an index on `study`,
a table of tags, a table of counts. What the figures do not show: other shapes of records, several
processes, cold caches.

    python -m benchmarks.records.bench_records [--records 20000] [--rounds 5]
"""

import argparse
import json
import os
import random
import shutil
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from glasshouse import records
from glasshouse.records.tuples import pack

BATCH = 1_000


class Run(records.Record):
    """What a laboratory keeps of a run."""

    id: int
    study: str
    loss: float
    tags: list[str]
    note: str = ""


SCHEMA = records.Schema(
    name="bench",
    version=1,
    records={Run: Run.id},
    indexes=(
        records.ValueIndex("study", Run, Run.study),
        records.ValueIndex("tags", Run, records.fan_out(Run.tags)),
        records.CountIndex("count", Run),
    ),
)
PLACE = records.Subspace(("bench",))


def make_runs(number: int) -> list[Run]:
    return [
        Run(n, f"study{n % 50}", n * 0.5, [f"t{n % 7}", f"u{n % 11}", f"w{n % 13}"], "hello world")
        for n in range(number)
    ]


def ours_insert(runs: list[Run], folder: Path, sync: bool) -> None:
    url = f"lmdb:{folder}?sync={'on' if sync else 'off'}"
    with records.Database.open(url) as database:
        handle = database.store(SCHEMA, PLACE)
        for start in range(0, len(runs), BATCH):
            handle.save(*runs[start : start + BATCH])


def ours_insert_singly(runs: list[Run], folder: Path, sync: bool) -> None:
    url = f"lmdb:{folder}?sync={'on' if sync else 'off'}"
    with records.Database.open(url) as database:
        handle = database.store(SCHEMA, PLACE)
        for start in range(0, len(runs), BATCH):
            batch = runs[start : start + BATCH]
            handle.run(lambda store, batch=batch: [store.save(run) for run in batch] and None)


def open_sqlite(path: Path, sync: bool) -> sqlite3.Connection:
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {'FULL' if sync else 'OFF'}")
    connection.executescript(
        "CREATE TABLE IF NOT EXISTS runs"
        " (id INTEGER PRIMARY KEY, study TEXT, loss REAL, note TEXT, tags TEXT);"
        "CREATE INDEX IF NOT EXISTS by_study ON runs (study);"
        "CREATE TABLE IF NOT EXISTS tags"
        " (tag TEXT, run INTEGER, PRIMARY KEY (tag, run)) WITHOUT ROWID;"
        "CREATE TABLE IF NOT EXISTS counts (name TEXT PRIMARY KEY, number INTEGER);"
        "INSERT OR IGNORE INTO counts VALUES ('runs', 0);"
    )
    return connection


def sqlite_insert(runs: list[Run], folder: Path, sync: bool) -> None:
    folder.mkdir()
    connection = open_sqlite(folder / "runs.db", sync)
    encode = msgspec.json.encode
    for start in range(0, len(runs), BATCH):
        batch = runs[start : start + BATCH]
        with connection:
            connection.executemany(
                "INSERT INTO runs VALUES (?, ?, ?, ?, ?)",
                [(run.id, run.study, run.loss, run.note, encode(run.tags)) for run in batch],
            )
            connection.executemany(
                "INSERT INTO tags VALUES (?, ?)",
                [(tag, run.id) for run in batch for tag in run.tags],
            )
            connection.execute("UPDATE counts SET number = number + ?", (len(batch),))
    connection.close()


def orm():
    """The ORM's classes, made where they are wanted: SQLAlchemy is a peer, not a dependency."""
    from sqlalchemy import ForeignKey, String
    from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

    class Base(DeclarativeBase):
        pass

    class Tag(Base):
        __tablename__ = "tags"
        tag: Mapped[str] = mapped_column(String, primary_key=True)
        run: Mapped[int] = mapped_column(ForeignKey("runs.id"), primary_key=True, index=True)

    class Row(Base):
        __tablename__ = "runs"
        id: Mapped[int] = mapped_column(primary_key=True)
        study: Mapped[str] = mapped_column(String, index=True)
        loss: Mapped[float]
        note: Mapped[str]
        tags: Mapped[list[Tag]] = relationship(lazy="selectin")

    class Count(Base):
        __tablename__ = "counts"
        name: Mapped[str] = mapped_column(String, primary_key=True)
        number: Mapped[int]

    return Base, Row, Tag, Count


def open_orm(path: Path, sync: bool, base):
    from sqlalchemy import create_engine, event

    engine = create_engine(f"sqlite:///{path}")

    @event.listens_for(engine, "connect")
    def set_up(connection, _):
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {'FULL' if sync else 'OFF'}")

    base.metadata.create_all(engine)
    return engine


CLASSES = orm()


def orm_insert(runs: list[Run], folder: Path, sync: bool) -> None:
    from sqlalchemy.orm import Session

    base, row, tag, count = CLASSES
    folder.mkdir()
    engine = open_orm(folder / "runs.db", sync, base)
    with Session(engine) as session, session.begin():
        session.add(count(name="runs", number=0))
    for start in range(0, len(runs), BATCH):
        batch = runs[start : start + BATCH]
        with Session(engine) as session, session.begin():
            session.add_all(
                row(
                    id=run.id,
                    study=run.study,
                    loss=run.loss,
                    note=run.note,
                    tags=[tag(tag=one, run=run.id) for one in run.tags],
                )
                for run in batch
            )
            session.get(count, "runs").number += len(batch)
    engine.dispose()


class Reading:
    """Stores full of the same records, opened once, and the ways to read them."""

    def __init__(self, runs: list[Run], folder: Path) -> None:
        from sqlalchemy.orm import Session

        self.number = len(runs)
        ours_insert(runs, folder / "ours", False)
        sqlite_insert(runs, folder / "sqlite", False)
        orm_insert(runs, folder / "orm", False)
        self.database = records.Database.open(f"lmdb:{folder / 'ours'}?sync=off")
        self.handle = self.database.store(SCHEMA, PLACE)
        self.prefix = self.handle.read(lambda store: store.extent(Run).prefix)
        environment = self.database.engine._environment
        self.env, self.data = environment.env, environment.data
        self.sqlite = open_sqlite(folder / "sqlite" / "runs.db", False)
        base, self.row, _, _ = CLASSES
        self.session = Session(open_orm(folder / "orm" / "runs.db", False, base))
        self.keys = random.Random(7).sample(range(self.number), self.number)
        self.raw_keys = [self.prefix + pack((key,)) for key in self.keys]

    def ways(self) -> dict[str, dict[str, Callable[[], int]]]:
        return {
            "load": {
                "raw lmdb": self.raw_get,
                "glasshouse": self.ours_load,
                "glasshouse, many at once": self.ours_load_all,
                "sqlite by hand": self.sqlite_load,
                "sqlalchemy": self.orm_load,
            },
            "scan": {
                "raw lmdb": self.raw_scan,
                "glasshouse": self.ours_scan,
                "sqlite by hand": self.sqlite_scan,
                "sqlalchemy": self.orm_scan,
            },
        }

    def raw_get(self) -> int:
        with self.env.begin(db=self.data) as transaction:
            for key in self.raw_keys:
                transaction.get(key)
        return self.number

    def ours_load(self) -> int:
        def work(store: records.RecordStore) -> int:
            for key in self.keys:
                store.load(Run, key)
            return self.number

        return self.handle.read(work)

    def ours_load_all(self) -> int:
        def work(store: records.RecordStore) -> int:
            for start in range(0, self.number, BATCH):
                store.load_all(Run, self.keys[start : start + BATCH])
            return self.number

        return self.handle.read(work)

    def sqlite_load(self) -> int:
        decode = msgspec.json.decode
        for key in self.keys:
            row = self.sqlite.execute(
                "SELECT id, study, loss, tags, note FROM runs WHERE id = ?", (key,)
            ).fetchone()
            Run(row[0], row[1], row[2], decode(row[3]), row[4])
        return self.number

    def orm_load(self) -> int:
        number = self.number // 20
        for key in self.keys[:number]:
            self.session.get(self.row, key)
        self.session.expunge_all()
        return number

    def raw_scan(self) -> int:
        with self.env.begin(db=self.data) as transaction:
            cursor = transaction.cursor()
            cursor.set_range(self.prefix)
            left = self.number
            for _ in cursor:
                left -= 1
                if not left:
                    break
        return self.number

    def ours_scan(self) -> int:
        return sum(1 for _ in self.handle.read(lambda store: list(self._rows(store))))

    def _rows(self, store: records.RecordStore):
        for run in records.execute(store, records.Query(Run), snapshot=True):
            yield run.id

    def sqlite_scan(self) -> int:
        decode, number = msgspec.json.decode, 0
        for row in self.sqlite.execute("SELECT id, study, loss, tags, note FROM runs ORDER BY id"):
            Run(row[0], row[1], row[2], decode(row[3]), row[4])
            number += 1
        return number

    def orm_scan(self) -> int:
        from sqlalchemy import select

        rows = self.session.scalars(select(self.row).order_by(self.row.id)).all()
        self.session.expunge_all()
        return len(rows)


def contest(
    ways: dict[str, Callable[[], int]], rounds: int, against: str, clock: Callable[[], float]
) -> dict[str, dict[str, float]]:
    """Microseconds a record, and the ratio to one contender, of each in turns."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    order, draw = list(ways), random.Random(0)
    for turn in range(rounds + 1):
        draw.shuffle(order)
        for name in order:
            began = clock()
            number = ways[name]()
            if turn:
                times[name].append((clock() - began) / number * 1e6)
    return {
        name: {
            "us": round(statistics.median(found), 2),
            "ratio": round(
                statistics.median(
                    mine / theirs for mine, theirs in zip(found, times[against], strict=True)
                ),
                3,
            ),
        }
        for name, found in times.items()
    }


def inserting(runs: list[Run], folder: Path, sync: bool) -> dict[str, Callable[[], int]]:
    def run(insert: Callable[[list[Run], Path, bool], None]) -> Callable[[], int]:
        def once() -> int:
            place = Path(tempfile.mkdtemp(dir=folder)) / "store"
            insert(runs, place, sync)
            shutil.rmtree(place.parent)
            return len(runs)

        return once

    return {
        "glasshouse": run(ours_insert),
        "glasshouse, one save a record": run(ours_insert_singly),
        "sqlite by hand": run(sqlite_insert),
        "sqlalchemy": run(orm_insert),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="glasshouse-bench-"))
    runs = make_runs(options.records)
    try:
        reading = Reading(runs, folder)
        found = {
            "insert": contest(
                inserting(runs, folder, False), options.rounds, "glasshouse", time.process_time
            ),
            "insert, on the disk (by the clock)": contest(
                inserting(runs[:5_000], folder, True), 3, "glasshouse", time.perf_counter
            ),
        }
        for job, ways in reading.ways().items():
            found[job] = contest(ways, options.rounds, "raw lmdb", time.process_time)
    finally:
        shutil.rmtree(folder)
    record = {"benchmark": "records", **vars(options), "load_average": os.getloadavg(), **found}
    print(json.dumps(record))


if __name__ == "__main__":
    main()
