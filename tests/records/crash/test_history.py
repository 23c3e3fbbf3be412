"""Several processes on one store: what they saw is what one after another would have seen."""

import subprocess
import sys

import pytest
from tests.records.crash.history import (
    NUM_REGISTERS,
    PLACE,
    SCHEMA,
    Event,
    Register,
    prepare,
    read_logs,
)
from tests.records.crash.serialisable import Read, Write, check_history

from glasshouse.records import Database, aggregate
from glasshouse.records.operations import scrub

FIRST = dict.fromkeys(range(NUM_REGISTERS), "")


def test_is_serialisable(tmp_path):
    """Two writers and three readers; benchmarks/records/bench_history.py takes a minute."""
    url = f"lmdb:{tmp_path / 'store'}"
    prepare(url)
    words = [url, str(tmp_path), "1", "2", "3"]
    command = [sys.executable, "-m", "tests.records.crash.history", *words]
    assert subprocess.run(command).returncode == 0
    writes, reads = read_logs(tmp_path)
    assert len(writes) > 10
    assert len(reads) > 10
    assert check_history(writes, reads, registers=FIRST, writers=2) == []
    with Database.open(url) as database:
        handle = database.store(SCHEMA, PLACE)
        assert list(scrub(handle)) == []
        total = handle.read(lambda store: aggregate(store, "amount"))
        events = handle.read(lambda store: list(store.scan(Event)))
        registers = handle.read(lambda store: {one.id: one.value for one in store.scan(Register)})
    assert total == sum(one.amount for one in writes) == sum(one.amount for one in events)
    assert len(events) == sum(sum(one.events.values()) for one in writes)
    newest = dict(FIRST)
    for one in sorted(writes, key=lambda one: one.version):
        newest.update(one.writes)
    assert registers == newest


def write(version, begin, end, reads=None, writes=None, events=0):
    return Write(
        begin,
        end,
        1,
        bytes([version]),
        reads or {},
        {},
        writes or {},
        {0: events},
        10 * events,
    )


def read(begin, end, changed, *, count=0, reader=0):
    return Read(reader, begin, end, {**FIRST, **changed}, {0: count}, 10 * count)


def problems(writes, reads=()):
    return check_history(writes, reads, registers=FIRST, writers=1)


class TestCheckHistory:
    def test_accepts_one_after_another(self):
        """And readers that saw any state which was there while they read."""
        writes = [
            write(1, 0, 10, {0: ""}, {0: "a"}),
            write(2, 5, 20, {0: "a"}, {0: "b", 1: "c"}, events=2),
        ]
        reads = [
            read(1, 3, {}),
            read(6, 30, {0: "a"}),
            read(21, 22, {0: "b", 1: "c"}, count=2, reader=1),
        ]
        assert problems(writes, reads) == []

    @pytest.mark.parametrize(
        ("writes", "reads"),
        [
            pytest.param(
                [write(1, 0, 9, {0: ""}, {0: "a"}), write(2, 1, 9, {0: ""}, {0: "b"})],
                [],
                id="a lost update",
            ),
            pytest.param(
                [
                    write(1, 0, 9, {0: "", 1: ""}, {0: "a"}),
                    write(2, 0, 9, {0: "", 1: ""}, {1: "b"}),
                ],
                [],
                id="write skew",
            ),
            pytest.param(
                [write(2, 0, 3, {}, {0: "a"}), write(1, 5, 9, {}, {0: "b"})],
                [],
                id="the order of time turned round",
            ),
            pytest.param(
                [write(1, 0, 3, {}, {0: "a"})], [read(5, 6, {})], id="a read of what is over"
            ),
            pytest.param(
                [write(1, 7, 9, {}, {0: "a"})], [read(5, 6, {0: "a"})], id="a read of the future"
            ),
            pytest.param(
                [write(1, 0, 9, {}, {0: "a", 1: "b"})], [read(5, 6, {0: "a"})], id="half a commit"
            ),
            pytest.param(
                [write(1, 0, 9, {}, {0: "a"}, events=1)],
                [read(5, 6, {0: "a"}, count=0)],
                id="a count of another moment",
            ),
            pytest.param(
                [write(1, 0, 99, {}, {0: "a"})],
                [read(5, 6, {0: "a"}), read(7, 8, {}, reader=1)],
                id="a step back in time",
            ),
            pytest.param([], [read(5, 6, {0: "z"})], id="a value that nobody wrote"),
        ],
    )
    def test_refuses(self, writes, reads):
        """What no order of the transactions explains."""
        assert len(problems(writes, reads)) == 1
