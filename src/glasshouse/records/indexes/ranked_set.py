"""A sorted set in the store that knows the rank of each member: a skip list of counts.

    space + 0, group, member    -> nothing
    space + n, group, finger    -> members from the finger up to the next one of level n
    space + n, group            -> members before the first finger of level n: the *head*

Each level has about one in sixty-four of the members below as fingers. Which they are is decided by
a hash, so that the same members always make the same list. A head that is not there counts zero.

Adding a member that is no finger adds one to the finger before it on every level, blindly, so that
writers in different places, or in the same one, do not conflict. Each change of a count conflicts
with two things only: a finger that somebody else puts between it and the member, and the removal of
the finger itself, which is seen in level 0, where counting changes nothing. A new finger takes its
part of the count before it, and so also conflicts with those who add to that.

The changes of a transaction are counted together, at its end: members that lie close share most of
the reading, and what came and went costs nothing.

Source:
    `RankedSet` of the Record Layer; 1901.04452, section 6.1, "RANK indexes"; Pugh 1990, "Skip
    Lists", for the structure.
"""

import struct
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from zlib import crc32

from glasshouse.errors import CorruptionError
from glasshouse.records.engines.engine import Mutation, Row, Transaction
from glasshouse.records.indexes.paging import rows_under
from glasshouse.records.tuples import end_of

FAN_OUT_BITS = 6
"""One in two to this power of a level's members is a finger of the next level."""

NUM_LEVELS = 4
"""Level 0 and those of fingers: one of the highest counts about 260,000 members."""

COUNT_BYTES = 8

_CHUNK = 64
_numbers = struct.Struct("<q").iter_unpack
_GOLDEN = 0x9E3779B1
_MASK = (1 << 32) - 1


def height_of(member: bytes, bits: int = FAN_OUT_BITS) -> int:
    """The highest level that a member is on."""
    # Checksums of keys that count upwards have patterns in their low bits; the product has none in
    # its high ones.
    mixed = crc32(member) * _GOLDEN & _MASK
    return min(NUM_LEVELS - 1, (32 - mixed.bit_length()) // bits)


class RankedSet:
    """The ranked set of one group, in one transaction."""

    def __init__(
        self,
        transaction: Transaction,
        space: bytes,
        group: bytes = b"",
        *,
        bits: int = FAN_OUT_BITS,
        snapshot: bool = False,
    ) -> None:
        """A view; nothing is read yet.

        Args:
            transaction: Read and written through this.
            space: What all rows of the set begin with.
            group: The packed group whose set it is.
            bits: Of the fan-out; one set keeps to one number.
            snapshot: Whether questions may go without conflicts.
        """
        self._transaction = transaction
        self._levels = [space + bytes((level,)) + group for level in range(NUM_LEVELS)]
        self._cut = len(self._levels[0])
        self._bits = bits
        self._snapshot = snapshot

    def change(self, changes: Mapping[bytes, bool]) -> None:
        """Add members that are not there, and remove some that are.

        Args:
            changes: Members, and whether each is to be there.
        """
        for member, is_added in changes.items():
            key = self._levels[0] + member
            if is_added:
                self._transaction.set(key, b"")
            else:
                self._transaction.clear(key)
        self.count(changes)

    def count(self, changes: Mapping[bytes, bool]) -> None:
        """Bring the counts in line with members that came and went in level 0 already.

        Args:
            changes: Members, and whether each is there now.
        """
        if not changes:
            return
        members = sorted(changes)
        fingers: list[dict[bytes, bytes]] = [{} for _ in range(NUM_LEVELS)]
        self._find(NUM_LEVELS - 1, members, b"", fingers)
        steps = [(member, changes[member], height_of(member, self._bits)) for member in members]
        for level in range(1, NUM_LEVELS):
            self._count_level(level, steps, fingers[level])

    def rank(self, bound: bytes) -> int:
        """How many members lie below a bound, which need not be a member."""
        total, finger = 0, b""
        for level in range(NUM_LEVELS - 1, 0, -1):
            rows = self._rows(level, finger, bound)
            if rows:
                total += _total(rows[:-1])
                finger = rows[-1][0][self._cut :]
        return total + len(self._rows(0, finger, bound))

    def member_at(self, rank: int) -> bytes | None:
        """The member with so many others below it; None if there are not as many.

        Raises:
            CorruptionError: If a count promises members that are not there.
        """
        left, finger = rank, b""
        for level in range(NUM_LEVELS - 1, 0, -1):
            for key, value in self._rows_from(level, finger):
                number = _number(value)
                if left < number:
                    finger = key[self._cut :]
                    break
                left -= number
            else:
                if level == NUM_LEVELS - 1:
                    return None
                raise self._damaged(rank)
        prefix = self._levels[0]
        rows = self._transaction.get_range(
            prefix + finger, end_of(prefix), limit=left + 1, snapshot=self._snapshot
        )
        if left >= len(rows):
            raise self._damaged(rank)
        return rows[left][0][self._cut :]

    def size(self) -> int:
        """How many members there are."""
        return _total(list(self._rows_from(NUM_LEVELS - 1, b"")))

    def _rows(self, level: int, begin: bytes, end: bytes) -> list[Row]:
        prefix = self._levels[level]
        return self._transaction.get_range(prefix + begin, prefix + end, snapshot=self._snapshot)

    def _rows_from(self, level: int, begin: bytes) -> Iterator[Row]:
        """The rows of a level from one on, some at a time."""
        first, end = self._levels[level] + begin, end_of(self._levels[level])
        while True:
            rows = self._transaction.get_range(first, end, limit=_CHUNK, snapshot=self._snapshot)
            yield from rows
            if len(rows) < _CHUNK:
                return
            first = rows[-1][0] + b"\x00"

    def _damaged(self, rank: int) -> CorruptionError:
        return CorruptionError(
            f"the ranked set at {self._levels[0]!r} counts a member of rank {rank} that is not "
            "there; check the index and build it again"
        )

    def _find(
        self, level: int, members: Sequence[bytes], above: bytes, fingers: list[dict[bytes, bytes]]
    ) -> None:
        """Note the last finger before each member, on a level and those below it.

        Args:
            level: The level.
            members: Ascending; they have the same last finger on the level above.
            above: That finger; it is one of this level too.
            fingers: From members to fingers, for each level.
        """
        prefix, get_range = self._levels[level], self._transaction.get_range
        here = fingers[level]
        begin, end = prefix + above, prefix + members[-1]
        parts: dict[bytes, list[bytes]] = {}
        if len(members) == 1:
            rows = get_range(begin, end, limit=1, reverse=True, snapshot=True)
            finger = rows[0][0][self._cut :] if rows else above
            here[members[0]] = finger
            parts[finger] = [members[0]]
        else:
            found = [key[self._cut :] for key, _ in get_range(begin, end, snapshot=True)]
            for member in members:
                place = bisect_left(found, member) - 1
                finger = here[member] = found[place] if place >= 0 else above
                parts.setdefault(finger, []).append(member)
        if level > 1:
            for finger, part in parts.items():
                self._find(level - 1, part, finger, fingers)

    def _count_level(
        self, level: int, steps: Sequence[tuple[bytes, bool, int]], before: Mapping[bytes, bytes]
    ) -> None:
        """Count changes on one level, after those below it.

        Args:
            level: The level.
            steps: Members that came or went, ascending; whether each came; its highest level.
            before: The last finger before each, as it was.
        """
        transaction, prefix = self._transaction, self._levels[level]
        gone: dict[bytes, bytes] = {}  # fingers that went, and those that take over their counts
        more: dict[bytes, int] = {}
        last: dict[bytes, bytes] = {}
        fresh: dict[bytes, list[bytes]] = {}
        for member, is_added, height in steps:
            finger = before[member]
            finger = gone.get(finger, finger)
            number = 1 if is_added else -1
            if height >= level:
                if is_added:
                    fresh.setdefault(finger, []).append(member)
                else:
                    gone[member] = finger
                    number += self._held(prefix + member)
                    transaction.clear(prefix + member)
            more[finger] = more.get(finger, 0) + number
            last[finger] = member
        for finger, number in more.items():
            row = prefix + finger
            transaction.add_read_conflict_range(row + b"\x00", prefix + last[finger])
            if finger:
                member = self._levels[0] + finger
                transaction.add_read_conflict_range(member, member + b"\x00")
            if finger in fresh:
                self._split(level, finger, self._held(row) + number, fresh[finger])
            elif number:
                transaction.mutate(Mutation.ADD, row, _packed(number))

    def _split(self, level: int, finger: bytes, number: int, fresh: Sequence[bytes]) -> None:
        """Part the count of a finger with new ones behind it, as the level below tells."""
        prefix = self._levels[level]
        below = self._transaction.get_range(
            self._levels[level - 1] + finger, self._levels[level - 1] + fresh[-1]
        )
        keys = [key[self._cut :] for key, _ in below]
        start = 0
        for one, following in zip([finger, *fresh], fresh, strict=False):
            end = bisect_left(keys, following)
            part = end - start
            if level > 1:
                part = _total(below[start:end])
            self._transaction.set(prefix + one, _packed(part))
            number -= part
            start = end
        self._transaction.set(prefix + fresh[-1], _packed(number))

    def _held(self, row: bytes) -> int:
        value = self._transaction.get(row)
        return 0 if value is None else _number(value)


def check(
    transaction: Transaction,
    space: bytes,
    end_of_group: Callable[[bytes, int], int],
    *,
    bits: int = FAN_OUT_BITS,
) -> Iterator[str]:
    """What is wrong, a sentence each: a count that is not that of the members, or not of a finger.

    Args:
        transaction: Read through this.
        space: What all rows of the sets begin with.
        end_of_group: From a key and the place where its group begins to where it ends.
        bits: Of the fan-out.
    """
    group: bytes | None = None
    fingers: list[bytes] = []
    counts: list[dict[bytes, int]] = [{} for _ in range(NUM_LEVELS)]
    for key, _ in rows_under(transaction, space + b"\x00"):
        of = key[: end_of_group(key, 0)]
        if of != group:
            group, fingers = of, [of] * NUM_LEVELS
        height = height_of(key[len(of) :], bits)
        for level in range(1, NUM_LEVELS):
            if level <= height:
                fingers[level] = key
            counts[level][fingers[level]] = counts[level].get(fingers[level], 0) + 1
    for level in range(1, NUM_LEVELS):
        for key, value in rows_under(transaction, space + bytes((level,))):
            number = counts[level].pop(key, 0)
            if not number and end_of_group(key, 0) < len(key):
                yield f"level {level} has a finger at {key!r}, which should be none"
            elif number != _number(value):
                yield f"level {level} counts {_number(value)} from {key!r} on instead of {number}"
        for key, number in counts[level].items():
            yield f"level {level} does not count the {number} from {key!r} on"


def _number(value: bytes) -> int:
    return int.from_bytes(value, "little")


def _total(rows: Sequence[Row]) -> int:
    return sum([number for (number,) in _numbers(b"".join([value for _, value in rows]))])


def _packed(number: int) -> bytes:
    """A number as additions take it: a negative one as its two's complement."""
    return (number % (1 << 8 * COUNT_BYTES)).to_bytes(COUNT_BYTES, "little")
