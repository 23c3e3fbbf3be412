"""Killing processes at random points, and looking at what they left."""

import json
import random
import shutil
import sys
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path

from tests.records.crash.nursery import Nursery
from tests.records.crash.victim import (
    PLACE,
    RESTORED,
    SCHEMA,
    Expected,
    Thing,
    number_written,
    write_one,
)

from glasshouse.errors import SchemaError
from glasshouse.records import Database, RecordStore, StoreHandle, build_all
from glasshouse.records.engines.engine import Row
from glasshouse.records.operations import (
    Problem,
    backup,
    restore,
    scrub,
    stats,
    verify_backup,
)

LONGEST_LIFE_SECONDS = 0.25
WRITERS = (1, 2)


@dataclass
class Found:
    """What all kills together have shown."""

    kills: dict[str, int] = field(default_factory=dict)
    """By what the process was doing."""
    acknowledged: int = 0
    """Transactions that writers said were committed."""
    lost: int = 0
    """Of these, the ones that the store does not hold."""
    in_flight: int = 0
    """Transactions that were committed and could not be acknowledged any more."""
    torn: int = 0
    """Times that the records were not those of a whole number of transactions."""
    half_built: int = 0
    """Indexes that were left half-built, and were built to their end."""
    half_restored: int = 0
    """Restores that were left half-done, refused, and done to their end."""
    half_opened: int = 0
    """Of these, the ones that could be opened, which must not be."""
    problems: list[Problem] = field(default_factory=list)
    """What scrub has found."""


class Killer:
    """Kills processes that work on one store, and checks it after each kill."""

    def __init__(self, nursery: Nursery, folder: Path, *, seed: int) -> None:
        """Begin with an empty store in an empty folder."""
        self._nursery = nursery
        self.found = Found()
        self._folder = folder
        self._draw = random.Random(seed)
        self._store = folder / "store"
        self._file = folder / "backup"
        self._expected = [Expected(writer) for writer in WRITERS]
        self._restored: list[Row] = []
        self._acknowledged: dict[int, int] = dict.fromkeys(WRITERS, 0)

    def fill(self, transactions: int) -> None:
        """Let each writer do so many transactions, unharmed."""
        with self._open(self._store) as database:
            handle = database.store(SCHEMA, PLACE)
            for writer in WRITERS:
                for _ in range(transactions):
                    handle.run(lambda store, writer=writer: write_one(store, writer))
            backup(database.engine, PLACE.key, self._file)

    def kill_writers(self) -> None:
        """Two writers, killed one shortly after the other."""
        self._kill("write", [self._writing(writer) for writer in WRITERS])
        self._check()

    def kill_builders(self, *, num_writers: int = 1, num_builders: int = 1) -> None:
        """Builders, while others write."""
        build = [("build", str(self._store))] * num_builders
        self._kill("build", [*build, *(self._writing(one) for one in WRITERS[:num_writers])])
        self._check()

    def kill_backup(self) -> None:
        """A backup, while somebody writes: the file is the older one or the newer one, whole."""
        words = ("backup", str(self._store), str(self._file))
        self._kill("backup", [words, self._writing(WRITERS[0])])
        self._check()
        verify_backup(self._file)

    def kill_restore(self) -> None:
        """A restore; what it leaves is whole or refused, and the same restore ends it."""
        self._kill("restore", [("restore", str(self._store), str(self._file))])
        with self._open(self._store) as database, self._open(None) as other:
            list(restore(self._file, other.engine, RESTORED.key))
            expected = [rows_of(other.store(SCHEMA, RESTORED))]
            if self._is_whole(database):
                expected.append(self._restored)  # it was killed before it had touched anything
            else:
                list(restore(self._file, database.engine, RESTORED.key))
            restored = database.store(SCHEMA, RESTORED)
            self._restored = rows_of(restored)
            self.found.torn += self._restored not in expected
            self.found.problems += scrub(restored)
        self._check()

    def _is_whole(self, database: Database) -> bool:
        """Whether a restore has come to its end; if it has not, nobody can open the store."""
        try:
            stats(database.engine, RESTORED.key)
            return True
        except SchemaError as error:
            is_half = "half restored" in str(error)
        self.found.half_restored += is_half
        if is_half:
            try:
                database.store(SCHEMA, RESTORED).save(Thing(1))
                self.found.half_opened += 1
            except SchemaError:
                pass
        return False

    def _writing(self, writer: int) -> tuple[str, ...]:
        return ("write", str(self._store), str(self._log(writer)), str(writer))

    def _log(self, writer: int) -> Path:
        return self._folder / f"writer {writer}"

    def _open(self, folder: Path | None) -> Database:
        return Database.open("memory:" if folder is None else f"lmdb:{folder}?map_gib=1&sync=off")

    def _kill(self, phase: str, victims: list[tuple[str, ...]]) -> None:
        seconds = self._draw.random() * LONGEST_LIFE_SECONDS
        self._nursery.kill_all(victims, seconds, seconds_apart=self._draw.choice((0.0, 0.01)))
        self.found.kills[phase] = self.found.kills.get(phase, 0) + len(victims)

    def _check(self) -> None:
        """No acknowledged transaction is lost, none is torn, and a copy can be built to its end."""
        with self._open(self._store) as database:
            handle = database.store(SCHEMA, PLACE)
            for expected in self._expected:
                handle.read(lambda store, expected=expected: self._check_writer(store, expected))
            self.found.problems += scrub(handle)
            states = handle.read(lambda store: store.header.states)
        if not states:
            return
        self.found.half_built += len(states)
        copy = self._folder / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        copy.mkdir()
        shutil.copyfile(self._store / "data.mdb", copy / "data.mdb")
        with self._open(copy) as database:
            handle = database.store(SCHEMA, PLACE)
            list(build_all(handle))
            self.found.problems += scrub(handle)

    def _check_writer(self, store: RecordStore, expected: Expected) -> None:
        writer = expected.writer
        number = number_written(store, writer)
        told = acknowledged(self._log(writer))
        self.found.acknowledged += told - self._acknowledged[writer]
        self._acknowledged[writer] = told
        self.found.lost += max(0, told - number)
        self.found.in_flight += number > told > 0
        things = expected.advance(number)
        held = {thing.id: thing for thing in store.scan(Thing) if thing.id in expected.ids}
        self.found.torn += held != things


def kill_many(folder: Path, *, kills: int, seed: int, transactions: int) -> Found:
    """Kill in all four ways in turn, until so many processes are killed.

    Args:
        folder: An empty one.
        kills: Fewest processes to kill.
        seed: Of when they are killed.
        transactions: How many each writer does at first.
    """
    draw = random.Random(seed)
    with Nursery() as nursery:
        killer = Killer(nursery, folder, seed=seed)
        killer.fill(transactions)
        ways = (
            killer.kill_writers,
            lambda: killer.kill_builders(
                num_writers=draw.randint(1, 2), num_builders=draw.randint(1, 2)
            ),
            killer.kill_backup,
            killer.kill_restore,
        )
        for kill in cycle(ways):
            kill()
            if sum(killer.found.kills.values()) >= kills:
                return killer.found
    raise AssertionError("a cycle has no end")


def summary(found: Found) -> dict[str, object]:
    """What was found, for a line of JSON."""
    return {
        "kills": found.kills,
        "acknowledged_transactions": found.acknowledged,
        "lost": found.lost,
        "torn": found.torn,
        "half_restored_and_opened": found.half_opened,
        "problems": [f"{one.where}: {one.sentence}" for one in found.problems],
        "committed_but_not_acknowledged": found.in_flight,
        "indexes_left_half_built": found.half_built,
        "restores_left_half_done": found.half_restored,
    }


def acknowledged(log: Path) -> int:
    """The number of the last transaction that a writer has put into its log."""
    lines = log.read_bytes().split(b"\n") if log.exists() else []
    return int(lines[-2]) if len(lines) > 1 else 0


def rows_of(handle: StoreHandle) -> list[Row]:
    """Every row of the restored store."""
    begin = RESTORED.key
    return handle.read(lambda store: store.transaction.get_range(begin, begin + b"\xff"))


if __name__ == "__main__":
    found = kill_many(Path(sys.argv[1]), kills=int(sys.argv[2]), seed=4, transactions=40)
    print(json.dumps(summary(found)))
