"""Processes that work on a store until they are killed, and what their work should have left.

`python -m tests.records.crash.victim` starts one of them for each line that it reads, since a fork
takes much less time than a process with all its imports:

    write FOLDER LOG WRITER
    build FOLDER
    backup FOLDER FILE
    restore FOLDER FILE

Words are separated by tabs. A victim answers with its number when it is ready. A line with such a
number is answered by how the victim ended.

A writer's n-th transaction is drawn from its name and n alone, and stores n: after any kill, the
records must be those of exactly so many transactions, and of no fewer than it had acknowledged.
"""

import os
import random
import sys
from pathlib import Path

from glasshouse.records import (
    CountIndex,
    Database,
    RankIndex,
    Record,
    RecordStore,
    Schema,
    StoreHandle,
    Subspace,
    SumIndex,
    ValueIndex,
    build_all,
    desc,
    fan_out,
)
from glasshouse.records.building import start_over
from glasshouse.records.operations import backup, restore

PLACE = Subspace(("things",))
RESTORED = Subspace(("restored",))
IDS_OF_A_WRITER = 400
MOST_CHANGES = 8


class Thing(Record):
    id: int
    size: int = 0
    tags: list[str] = []
    body: str = ""


class Written(Record):
    writer: int
    number: int


SCHEMA = Schema(
    name="things",
    version=1,
    records={Thing: Thing.id, Written: Written.writer},
    indexes=(
        ValueIndex("by_size", Thing, (desc(Thing.size), Thing.id), covering=Thing.tags),
        ValueIndex("by_tag", Thing, fan_out(Thing.tags)),
        ValueIndex("large", Thing, Thing.size, where=Thing.size > 50),
        CountIndex("per_tag", Thing, group_by=fan_out(Thing.tags)),
        SumIndex("total", Thing, of=Thing.size),
        RankIndex("ranked", Thing, Thing.size),
    ),
)


def changes(writer: int, number: int) -> dict[int, Thing | None]:
    """What a transaction saves, and what it deletes."""
    draw = random.Random(f"{writer}/{number}")
    made: dict[int, Thing | None] = {}
    for _ in range(draw.randint(1, MOST_CHANGES)):
        key = writer * IDS_OF_A_WRITER + draw.randrange(IDS_OF_A_WRITER)
        if draw.random() < 0.3:
            made[key] = None
            continue
        body = "large" * 50_000 if draw.random() < 0.01 else "small"
        made[key] = Thing(key, draw.randrange(100), draw.sample("abcdefg", 3), body)
    return made


class Expected:
    """The records that a writer's transactions leave."""

    def __init__(self, writer: int) -> None:
        self.writer = writer
        self.ids = range(writer * IDS_OF_A_WRITER, (writer + 1) * IDS_OF_A_WRITER)
        self.number = 0
        self.things: dict[int, Thing] = {}

    def advance(self, number: int) -> dict[int, Thing]:
        """The records after so many transactions."""
        while self.number < number:
            self.number += 1
            for key, thing in changes(self.writer, self.number).items():
                self.things.pop(key, None)
                if thing is not None:
                    self.things[key] = thing
        return self.things


def number_written(store: RecordStore, writer: int) -> int:
    """How many transactions of a writer the store holds."""
    held = store.load(Written, writer)
    return 0 if held is None else held.number


def write_one(store: RecordStore, writer: int) -> int:
    """A writer's next transaction; its number."""
    number = number_written(store, writer) + 1
    for key, thing in changes(writer, number).items():
        if thing is None:
            store.delete(Thing, key)
        else:
            store.save(thing)
    store.save(Written(writer, number))
    return number


def write(handle: StoreHandle, log: Path, writer: int) -> None:
    """Write, and put the number of each transaction into the log when it is committed."""
    with log.open("ab", buffering=0) as acknowledged:
        while True:
            number = handle.run(lambda store: write_one(store, writer))
            acknowledged.write(b"%d\n" % number)


def build(handle: StoreHandle) -> None:
    """Build whatever is not built; then begin all over."""
    while True:
        for _ in build_all(handle, rows_per_transaction=40):
            pass
        handle.run(start_all_over)


def start_all_over(store: RecordStore) -> None:
    """Empty all indexes."""
    for index in store.schema.indexes:
        start_over(store, index.name)


def work(phase: str, folder: str, *rest: str) -> None:
    """Say that it is ready, and work for ever."""
    with Database.open(f"lmdb:{folder}?map_gib=1") as database:
        handle = database.store(SCHEMA, PLACE)
        say(os.getpid())
        if phase == "write":
            write(handle, Path(rest[0]), int(rest[1]))
        elif phase == "build":
            build(handle)
        while phase == "backup":
            backup(database.engine, PLACE.key, Path(rest[0]))
        while phase == "restore":
            place = database.engine, RESTORED.key
            list(restore(Path(rest[0]), *place, overwrite=True, bytes_per_transaction=5_000))


def say(word: object) -> None:
    """Answer with a line."""
    print(word, flush=True)


def main() -> None:
    """Start victims, and say how they ended."""
    for line in sys.stdin:
        words = line.rstrip("\n").split("\t")
        if len(words) == 1:
            say(os.waitstatus_to_exitcode(os.waitpid(int(words[0]), 0)[1]))
        elif os.fork() == 0:
            try:
                work(*words)
            except BaseException as error:
                say(f"{words[0]} ended: {error!r}")
            os._exit(1)


if __name__ == "__main__":
    main()
