"""The keys that a transaction writes, in order, for those who read ranges."""

from bisect import bisect_left
from collections.abc import Iterator
from itertools import islice
from typing import Any

_FEW_KEYS = 16
"""So many new keys are put in their places one by one; more are sorted in."""


class OwnKeys:
    """All keys of a buffer's writes and mutations, sorted; perhaps some that it no longer has.

    Brought up to date when a range is read, since most transactions only write.
    """

    def __init__(self, writes: dict[bytes, Any]) -> None:
        self._writes = writes
        self._sorted: list[bytes] = []
        self._num_known = 0
        self._fresh: list[bytes] = []

    def add(self, key: bytes) -> None:
        """Take note of a key that is not among the writes."""
        self._fresh.append(key)

    def within(self, begin: bytes, end: bytes, *, reverse: bool = False) -> Iterator[bytes] | None:
        """The keys of a range; None if there are none."""
        own = self._up_to_date()
        low, high = bisect_left(own, begin), bisect_left(own, end)
        if low == high:
            return None
        if reverse:
            return islice(reversed(own), len(own) - high, len(own) - low)
        return islice(own, low, high)

    def forget(self, begin: bytes, end: bytes) -> list[bytes]:
        """Drop the keys of a range; whoever removes them from the writes calls `recount` then."""
        own = self._up_to_date()
        low, high = bisect_left(own, begin), bisect_left(own, end)
        gone = own[low:high]
        del own[low:high]
        return gone

    def recount(self) -> None:
        """What the writes hold now is known."""
        self._num_known = len(self._writes)

    def _up_to_date(self) -> list[bytes]:
        num_fresh = len(self._writes) - self._num_known
        if num_fresh or self._fresh:
            # A dict keeps the order of insertion, so what is new stands at its end.
            fresh = [*islice(reversed(self._writes), num_fresh), *self._fresh]
            if len(fresh) <= _FEW_KEYS:
                for key in fresh:
                    place = bisect_left(self._sorted, key)
                    if place == len(self._sorted) or self._sorted[place] != key:
                        self._sorted.insert(place, key)
            else:
                self._sorted = list(dict.fromkeys(sorted([*self._sorted, *fresh])))
            self._num_known = len(self._writes)
            self._fresh.clear()
        return self._sorted
