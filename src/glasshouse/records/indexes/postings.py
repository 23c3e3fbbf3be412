"""The records of a token, in the order of their ids, read a page at a time.

Every list of records that a token has can be entered at any record id, so several are joined by
leaping from one to the other, and a joined list can be left and entered again.
"""

import heapq
from bisect import bisect_left
from collections.abc import Iterator, Sequence

from glasshouse.records.engines.engine import Row, Transaction
from glasshouse.records.tuples import strinc

_FEWEST_ROWS = 16
_MOST_ROWS = 1_024
_GROWTH = 4

_BEHIND = b"\xff"
"""Behind every record id; also behind a token, ahead of those that go on with a zero byte."""

_PREFIX_ROWS = 64
"""Rows read at once where many tokens begin with one prefix."""


class Postings:
    """A place in the rows of one token: at a record id, or behind the last."""

    def __init__(
        self,
        transaction: Transaction,
        prefix: bytes,
        *,
        after: bytes | None = None,
        snapshot: bool = False,
    ) -> None:
        """Stand at the first record id, or at the first behind `after`.

        Args:
            transaction: Read through this.
            prefix: What the keys of the rows have before the record id.
            after: Only later record ids.
            snapshot: Whether reading may go without conflicts.
        """
        self.record_id: bytes | None = None
        self._transaction = transaction
        self._prefix = prefix
        self._snapshot = snapshot
        self._limit = _FEWEST_ROWS
        self._served = 0
        self._read(prefix if after is None else prefix + after + b"\x00")

    @property
    def value(self) -> bytes:
        """The value of the row."""
        return self._rows[self._at][1]

    def advance(self) -> None:
        """Go to the next record id."""
        self._at += 1
        self._settle()

    def seek(self, target: bytes) -> None:
        """Go to the first record id that is not before this one."""
        if self.record_id is None or self.record_id >= target:
            return
        key = self._prefix + target
        if self._rows[-1][0] < key:
            if not self._is_last:
                self._read(key)
                return
            self._at = len(self._rows)
        else:
            self._at = bisect_left(self._rows, (key,), self._at)  # type: ignore[type-var]
        self._settle()

    def _settle(self) -> None:
        """Know the record id at hand, after reading on where the page is at its end."""
        if self._at < len(self._rows):
            self._served += 1
            self.record_id = self._rows[self._at][0][len(self._prefix) :]
        elif self._is_last:
            self.record_id = None
        else:
            self._read(self._rows[-1][0] + b"\x00")

    def _read(self, begin: bytes) -> None:
        # Pages grow while they are used up, and shrink again where leaps pass most of them by.
        if 2 * self._served >= self._limit:
            self._limit = min(self._limit * _GROWTH, _MOST_ROWS)
        elif self._limit > _FEWEST_ROWS:
            self._limit //= _GROWTH
        end = self._prefix + _BEHIND
        self._rows: list[Row] = self._transaction.get_range(
            begin, end, limit=self._limit, snapshot=self._snapshot
        )
        self._is_last = len(self._rows) < self._limit
        self._at = self._served = 0
        self.record_id = None
        if self._rows:
            self._settle()


def each(postings: Postings) -> Iterator[bytes]:
    """The record ids from here on."""
    while postings.record_id is not None:
        yield postings.record_id
        postings.advance()


def intersect(several: Sequence[Postings]) -> Iterator[bytes]:
    """The record ids that all have; while one is given, each stands at it.

    Source:
        Veldhuizen 2014, "Leapfrog Triejoin", section 3.1.
    """
    agreed, which = 0, 0
    target = several[0].record_id
    while target is not None:
        one = several[which]
        one.seek(target)
        if one.record_id == target:
            agreed += 1
        else:
            agreed, target = 1, one.record_id
        if agreed >= len(several) and target is not None:
            yield target
            one.advance()
            agreed, target = 1, one.record_id
        which = (which + 1) % len(several)


def unite(several: Sequence[Iterator[bytes]]) -> Iterator[bytes]:
    """The record ids that at least one has, each once."""
    last = None
    for record_id in heapq.merge(*several):
        if record_id != last:
            yield record_id
            last = record_id


def tokens_beginning(
    transaction: Transaction,
    begin: bytes,
    prefix: bytes,
    *,
    after: bytes | None = None,
    snapshot: bool = False,
) -> list[Iterator[bytes]]:
    """For every token that begins with a prefix, its record ids.

    A token in few records comes with them; only the others are read on as needed.

    Args:
        transaction: Read through this.
        begin: What the keys of the group's tokens begin with.
        prefix: How the packed tokens begin.
        after: Only later record ids.
        snapshot: Whether reading may go without conflicts.
    """
    found: list[Iterator[bytes]] = []
    at, end = begin + prefix, strinc(begin + prefix)
    while True:
        rows = transaction.get_range(at, end, limit=_PREFIX_ROWS, snapshot=snapshot)
        by_token: dict[bytes, list[bytes]] = {}
        for key, _ in rows:
            cut = _end_of_token(key, len(begin))
            by_token.setdefault(key[:cut], []).append(key[cut:])
        is_full = len(rows) == _PREFIX_ROWS
        last = _end_of_token(rows[-1][0], len(begin)) if is_full else 0
        unfinished = rows[-1][0][:last] if is_full else None
        found += [
            iter([one for one in ids if after is None or one > after])
            for token, ids in by_token.items()
            if token != unfinished
        ]
        if unfinished is None:
            return found
        found.append(each(Postings(transaction, unfinished, after=after, snapshot=snapshot)))
        at = unfinished + _BEHIND


def _end_of_token(key: bytes, start: int) -> int:
    """Where a packed text ends: at a zero byte that no 255 follows."""
    end = key.index(b"\x00", start)
    while key[end + 1 : end + 2] == b"\xff":
        end = key.index(b"\x00", end + 2)
    return end + 1
