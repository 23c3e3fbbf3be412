"""Ranges as a transaction sees them: rows of the snapshot with its own writes in their places."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from itertools import islice

from glasshouse.records.engines.changes import Changes, Range, Snapshot
from glasshouse.records.engines.engine import Row

_SPARE_ROWS = 16
"""Rows read beyond a limit, for those that the buffer hides."""

_MOST_ROWS = 2048


def covering(ranges: list[Range], key: bytes) -> Range | None:
    """Which of some ranges, sorted and apart, a key lies in."""
    place = bisect_right(ranges, key, key=_begin) - 1
    return ranges[place] if place >= 0 and key < ranges[place][1] else None


def join(ranges: list[Range], begin: bytes, end: bytes) -> None:
    """Add a range to some that are sorted and apart, and stay so."""
    first = bisect_left(ranges, begin, key=_end)
    last = bisect_right(ranges, end, key=_begin)
    if first < last:
        begin, end = min(begin, ranges[first][0]), max(end, ranges[last - 1][1])
    ranges[first:last] = [(begin, end)]


def merged(
    snapshot: Snapshot,
    changes: Changes,
    keys: Iterator[bytes] | None,
    value_of: Callable[[bytes], bytes | None],
    begin: bytes,
    end: bytes,
    limit: int | None,
    reverse: bool,
) -> list[Row]:
    """At most `limit` rows of a range.

    Args:
        snapshot: What was there.
        changes: What is to become of it.
        keys: The keys of the range that are written, in order; perhaps some that no longer are.
        value_of: The value that such a key has then.
        begin: First key.
        end: End, not in the range.
        limit: Most rows.
        reverse: Whether they go down.
    """
    cleared = changes.cleared
    place = bisect_right(cleared, begin, key=_end)
    has_cleared = place < len(cleared) and cleared[place][0] < end
    if keys is None and not has_cleared:
        return snapshot.get_range(begin, end, limit, reverse)
    rows = _below(snapshot, cleared if has_cleared else [], begin, end, limit, reverse)
    return list(islice(_interleaved(rows, keys or iter(()), value_of, changes, reverse), limit))


def _below(
    snapshot: Snapshot,
    cleared: list[Range],
    begin: bytes,
    end: bytes,
    limit: int | None,
    reverse: bool,
) -> Iterator[Row]:
    """Rows of the snapshot that are not cleared, a few more at a time."""
    size = None if limit is None else limit + _SPARE_ROWS
    while True:
        rows = snapshot.get_range(begin, end, size, reverse)
        yield from [row for row in rows if not covering(cleared, row[0])] if cleared else rows
        if size is None or len(rows) < size:
            return
        last = rows[-1][0]
        skipped = covering(cleared, last)
        if reverse:
            end = skipped[0] if skipped else last
        else:
            begin = skipped[1] if skipped else last + b"\x00"
        size = min(4 * size, _MOST_ROWS)


def _interleaved(
    rows: Iterator[Row],
    keys: Iterator[bytes],
    value_of: Callable[[bytes], bytes | None],
    changes: Changes,
    reverse: bool,
) -> Iterator[Row]:
    """Rows and own keys in one order; where both have a key, what is own counts."""
    row, key = next(rows, None), next(keys, None)
    while key is not None:
        while row is not None and (row[0] > key if reverse else row[0] < key):
            yield row
            row = next(rows, None)
        if key in changes.writes or key in changes.mutations:
            if row is not None and row[0] == key:
                row = next(rows, None)
            value = value_of(key)
            if value is not None:
                yield key, value
        key = next(keys, None)
    if row is not None:
        yield row
        yield from rows


def _begin(one: Range) -> bytes:
    return one[0]


def _end(one: Range) -> bytes:
    return one[1]
