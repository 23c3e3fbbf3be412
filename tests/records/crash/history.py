"""Processes that write and read one store, and say what they saw.

    python -m tests.records.crash.history URL FOLDER SECONDS WRITERS READERS

Each process leaves a log of what every transaction read and wrote, and of when it began and ended.
"""

import os
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec
from tests.records.crash.serialisable import Read, Write

from glasshouse.records import (
    Context,
    CountIndex,
    Database,
    Record,
    RecordStore,
    Schema,
    StoreHandle,
    Subspace,
    SumIndex,
    ValueIndex,
    aggregate,
)

PLACE = Subspace(("history",))
NUM_REGISTERS = 8
_PAUSE_SECONDS = 0.001
_START_SECONDS = 0.3


class Register(Record):
    id: int
    value: str = ""


class Event(Record):
    writer: int
    number: int
    amount: int


SCHEMA = Schema(
    name="history",
    version=1,
    records={Register: Register.id, Event: (Event.writer, Event.number)},
    indexes=(
        ValueIndex("by_value", Register, Register.value, covering=Register.id),
        CountIndex("events", Event, group_by=Event.writer),
        SumIndex("amount", Event, of=Event.amount),
    ),
)


@dataclass
class _Writer:
    """One that reads some registers, writes some, and counts events."""

    handle: StoreHandle
    number: int
    writers: int
    draw: random.Random
    num_done: int = 0
    num_events: int = 0

    def step(self) -> Write:
        chosen = self.draw.sample(range(NUM_REGISTERS), self.draw.randint(0, 3))
        written = chosen[: self.draw.randint(0, 2)]
        new = {one: f"{self.number}.{self.num_done}.{one}" for one in written}
        amounts = [self.draw.randrange(100) for _ in range(self.draw.randint(0 if new else 1, 3))]
        counted = range(self.writers) if self.draw.random() < 0.1 else ()
        tried: list[Context] = []
        reads: dict[int, str] = {}
        counts: dict[int, int] = {}

        def work(context: Context) -> None:
            tried.append(context)
            store = self.handle.open(context)
            reads.update({one: read_register(store, one) for one in chosen})
            counts.update({one: aggregate(store, "events", one) for one in counted})
            for one, value in new.items():
                store.save(Register(one, value))
            for place, amount in enumerate(amounts):
                store.save(Event(self.number, self.num_events + place, amount))

        begin = time.monotonic_ns()
        self.handle.database.run(work)
        end = time.monotonic_ns()
        self.num_done += 1
        self.num_events += len(amounts)
        version = tried[-1].transaction.committed_version
        assert version is not None
        events = {self.number: len(amounts)}
        tries, amount = len(tried), sum(amounts)
        return Write(begin, end, tries, version, reads, counts, new, events, amount)


@dataclass
class _Reader:
    """One that reads everything at one moment."""

    handle: StoreHandle
    number: int
    writers: int

    def step(self) -> Read:
        time.sleep(_PAUSE_SECONDS)
        begin = time.monotonic_ns()
        registers, counts, amount = self.handle.read(self._look)
        return Read(self.number, begin, time.monotonic_ns(), registers, counts, amount)

    def _look(self, store: RecordStore) -> tuple[dict[int, str], dict[int, int], int]:
        registers = {one.id: one.value for one in store.scan(Register)}
        space = store.index_space("by_value")
        rows = store.transaction.get_range(space, space + b"\xff")
        assert len(rows) == NUM_REGISTERS, rows
        counts = {one: aggregate(store, "events", one) for one in range(self.writers)}
        return registers, counts, aggregate(store, "amount")


def read_register(store: RecordStore, number: int) -> str:
    """The value of a register."""
    found = store.load(Register, number)
    assert found is not None
    return found.value


def prepare(url: str) -> None:
    """Write the registers for the first time."""
    with Database.open(url) as database:
        database.store(SCHEMA, PLACE).save(*(Register(one) for one in range(NUM_REGISTERS)))


@dataclass
class _Plan:
    """What the processes of a history have in common."""

    url: str
    folder: Path
    writers: int
    start: float
    seconds: float


def work(plan: _Plan, role: str, number: int) -> None:
    """Write or read for some seconds, and leave a log."""
    path = plan.folder / f"{role} {number}"
    with Database.open(plan.url) as database, path.open("wb") as log:
        handle = database.store(SCHEMA, PLACE)
        actor = (
            _Writer(handle, number, plan.writers, random.Random(number))
            if role == "writer"
            else _Reader(handle, number, plan.writers)
        )
        time.sleep(max(0.0, plan.start - time.monotonic()))
        encode = msgspec.msgpack.Encoder().encode
        while time.monotonic() < plan.start + plan.seconds:
            packed = encode(actor.step())
            log.write(len(packed).to_bytes(4, "big") + packed)


def main(url: str, folder: str, seconds: str, writers: str, readers: str) -> int:
    """Let so many processes work at once."""
    start = time.monotonic() + _START_SECONDS
    plan = _Plan(url, Path(folder), int(writers), start, float(seconds))
    roles = [("writer", one) for one in range(int(writers))]
    roles += [("reader", one) for one in range(int(readers))]
    children = []
    for role, number in roles:
        child = os.fork()
        if child == 0:
            status = 1
            try:
                work(plan, role, number)
                status = 0
            finally:
                os._exit(status)
        children.append(child)
    return max([os.waitstatus_to_exitcode(os.waitpid(one, 0)[1]) for one in children])


def read_logs(folder: Path) -> tuple[list[Write], list[Read]]:
    """What all processes have left."""
    writes = [one for log in folder.glob("writer *") for one in _logged(log, Write)]
    reads = [one for log in folder.glob("reader *") for one in _logged(log, Read)]
    return writes, reads


T = TypeVar("T")


def _logged(log: Path, kind: type[T]) -> Iterator[T]:
    content, at = log.read_bytes(), 0
    decode = msgspec.msgpack.Decoder(kind).decode
    while at < len(content):
        end = at + 4 + int.from_bytes(content[at : at + 4], "big")
        yield decode(content[at + 4 : end])
        at = end


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
