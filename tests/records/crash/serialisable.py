"""Whether what transactions saw and wrote is what one after another would have seen.

Commit versions say in which order the writers came. In that order, each must have read what stood
there then, and each reader must have seen the state after some number of them; and nobody who began
after another had ended may come before it.
"""

import sys
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

import msgspec


class Write(msgspec.Struct):
    """A transaction that wrote."""

    begin: int
    """Nanoseconds of the machine's clock; of the first attempt."""
    end: int
    tries: int
    version: bytes
    reads: dict[int, str]
    """Registers."""
    counts: dict[int, int]
    """Events of writers."""
    writes: dict[int, str]
    events: dict[int, int]
    """How many events it added, by writer."""
    amount: int
    """What they add up to."""


class Read(msgspec.Struct):
    """A transaction that only read."""

    reader: int
    begin: int
    end: int
    registers: dict[int, str]
    counts: dict[int, int]
    amount: int


@dataclass
class _States:
    """The states after each number of writers' transactions, by what can be seen of them."""

    registers: dict[int, str]
    seen: dict[tuple[str, object, object], list[int]] = field(default_factory=dict)
    """Of each value of each thing: the first state that has it, and the first that has it not."""
    counts: dict[int, int] = field(default_factory=dict)
    amount: int = 0
    num: int = 0

    def __post_init__(self) -> None:
        for name, value in self._values():
            self.seen[(*name, value)] = [0, sys.maxsize]

    def _values(self) -> Iterator[tuple[tuple[str, object], object]]:
        yield from ((("register", one), value) for one, value in self.registers.items())
        yield from ((("count", one), count) for one, count in self.counts.items())
        yield ("amount", None), self.amount

    def apply(self, write: Write) -> None:
        before = dict(self._values())
        self.num += 1
        self.registers.update(write.writes)
        for one, number in write.events.items():
            self.counts[one] = self.counts.get(one, 0) + number
        self.amount += write.amount
        for name, value in self._values():
            old = before.get(name)
            if old != value:
                self.seen.setdefault((*name, old), [0, 0])[1] = self.num
                self.seen[(*name, value)] = [self.num, sys.maxsize]

    def span(self, read: Read) -> tuple[int, int] | None:
        """The first and the last state that a read may have seen."""
        things = [("register", one, value) for one, value in read.registers.items()]
        things += [("count", one, count) for one, count in read.counts.items()]
        spans = [self.seen.get(one) for one in [*things, ("amount", None, read.amount)]]
        if None in spans:
            return None
        return max(one[0] for one in spans if one), min(one[1] for one in spans if one) - 1


def check_history(
    writes: Sequence[Write], reads: Sequence[Read], *, registers: dict[int, str], writers: int
) -> list[str]:
    """What is not strictly serialisable about a history.

    Args:
        writes: Of all writers.
        reads: Of all readers.
        registers: What was in the registers first.
        writers: How many there were.
    """
    ordered = sorted(writes, key=lambda one: one.version)
    problems = []
    if len({one.version for one in ordered}) < len(ordered):
        problems.append("two transactions have one version")
    states = _States(dict(registers), counts=dict.fromkeys(range(writers), 0))
    latest_begin = 0
    for place, one in enumerate(ordered):
        for register, value in one.reads.items():
            if states.registers[register] != value:
                problems.append(
                    f"transaction {place} read {value!r} in register {register}, and there was "
                    f"{states.registers[register]!r}"
                )
        for writer, count in one.counts.items():
            if states.counts[writer] != count:
                problems.append(f"transaction {place} counted {count} events of {writer} wrongly")
        if one.end < latest_begin:
            problems.append(f"transaction {place} comes behind one that began after its end")
        latest_begin = max(latest_begin, one.begin)
        states.apply(one)
    return problems + _check_reads(ordered, reads, states)


def _check_reads(ordered: list[Write], reads: Sequence[Read], states: _States) -> list[str]:
    """Each read saw one state, none that was over when it began, and none yet to come."""
    ends = sorted((one.end, place) for place, one in enumerate(ordered, start=1))
    must = list(accumulate((place for _, place in ends), max))
    end_times = [end for end, _ in ends]
    begins = sorted((one.begin, place) for place, one in enumerate(ordered, start=1))
    may = list(accumulate((place for _, place in reversed(begins)), min))[::-1]
    begin_times = [begin for begin, _ in begins]
    problems = []
    by_end = sorted(reads, key=lambda one: one.end)
    seen_at: dict[int, int] = {}
    passed, newest = 0, 0
    for one in sorted(reads, key=lambda one: one.begin):
        while by_end[passed].end < one.begin:
            newest = max(newest, seen_at[id(by_end[passed])])
            passed += 1
        span = states.span(one)
        done = bisect_left(end_times, one.begin)
        first = max(newest, must[done - 1] if done else 0, span[0] if span else 0)
        begun = bisect_right(begin_times, one.end)
        last = min(may[begun] - 1 if begun < len(may) else len(ordered), span[1] if span else 0)
        seen_at[id(one)] = first
        if span is None or first > last:
            problems.append(f"reader {one.reader} saw no state that it can have seen: {one}")
    return problems
