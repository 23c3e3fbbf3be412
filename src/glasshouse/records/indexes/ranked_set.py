"""A sorted set in the store that knows the rank of each member: a skip list of counts.

Level 0 has a row for every member. Each higher level has a row, a *finger*, for about one in
thirty-two of the members below, whose value counts the members from it up to the next finger; a
head row before the first finger counts those before it. Which members are fingers is decided by a
hash, so that the same members always make the same list.

Most insertions only add one to a finger of each level, blindly, so that insertions in different
places do not conflict. Whoever adds to a finger conflicts with whoever splits it (a new finger
between it and the member) or removes it, and with nobody else.

Source:
    `RankedSet` of the Record Layer; 1901.04452, section 6.1, "RANK indexes"; Pugh 1990, "Skip
    Lists", for the structure.
"""

from collections.abc import Iterator
from zlib import crc32

from glasshouse.records.engines.engine import Mutation, Transaction
from glasshouse.records.indexes.aggregate import pack_number, unpack_number

FAN_OUT_BITS = 5
"""One in two to this power of a level's members is on the next."""

NUM_LEVELS = 5
"""Level 0 and those of fingers: a finger of the highest counts about a million members."""

_ONE, _MINUS_ONE = pack_number(1), pack_number(-1)
_CHUNK = 64
_MEETING = b"\xfe"
"""Under this, fingers are met by who adds to them and who removes them; nothing stands there."""


def level_space(space: bytes, level: int) -> bytes:
    """What the rows of a level begin with."""
    return space + bytes([level])


def num_levels_of(member: bytes) -> int:
    """On how many levels above the lowest a member is a finger."""
    trailing = crc32(member) | 1 << 31
    return min(NUM_LEVELS - 1, ((trailing & -trailing).bit_length() - 1) // FAN_OUT_BITS)


def add(transaction: Transaction, space: bytes, group: bytes, member: bytes) -> None:
    """Add a member that is not there.

    Args:
        transaction: The transaction.
        space: What all rows of the index begin with.
        group: The packed group whose set it is; may be empty.
        member: Sorts among the members of the group.
    """
    height = num_levels_of(group + member)
    transaction.set(level_space(space, 0) + group + member, b"")
    for level in range(1, NUM_LEVELS):
        head = level_space(space, level) + group
        finger = _finger_before(transaction, head, member)
        if level > height:
            _meet(transaction, finger)
            transaction.mutate(Mutation.ADD, finger, _ONE)
            continue
        held = _count(transaction, finger)
        before = _num_between(transaction, space, level - 1, group, finger[len(head) :], member)
        transaction.set(finger, pack_number(before))
        transaction.set(head + member, pack_number(held - before + 1))


def remove(transaction: Transaction, space: bytes, group: bytes, member: bytes) -> None:
    """Remove a member that is there; arguments as for `add`."""
    height = num_levels_of(group + member)
    transaction.clear(level_space(space, 0) + group + member)
    for level in range(1, NUM_LEVELS):
        head = level_space(space, level) + group
        finger = _finger_before(transaction, head, member)
        _meet(transaction, finger)
        if level > height:
            transaction.mutate(Mutation.ADD, finger, _MINUS_ONE)
            continue
        own = head + member
        transaction.mutate(Mutation.ADD, finger, pack_number(_count(transaction, own) - 1))
        transaction.clear(own)
        transaction.add_write_conflict_range(own + _MEETING, own + _MEETING + b"\x00")


def rank(transaction: Transaction, space: bytes, group: bytes, bound: bytes) -> int:
    """How many members of a group lie below a bound, which need not be a member."""
    total, start = 0, b""
    for level in range(NUM_LEVELS - 1, 0, -1):
        head = level_space(space, level) + group
        rows = transaction.get_range(head + start, head + bound)
        if rows:
            total += sum(unpack_number(value) for _, value in rows[:-1])
            start = rows[-1][0][len(head) :]
    lowest = level_space(space, 0) + group
    return total + len(transaction.get_range(lowest + start, lowest + bound))


def member_at(transaction: Transaction, space: bytes, group: bytes, place: int) -> bytes | None:
    """The member with so many others of its group below it; None if there are not as many."""
    if place < 0:
        return None
    left, start = place, b""
    for level in range(NUM_LEVELS - 1, 0, -1):
        for finger, count in _fingers(transaction, level_space(space, level) + group, start):
            start = finger
            if count > left:
                break
            left -= count
        else:
            if level == NUM_LEVELS - 1:
                return None
    lowest = level_space(space, 0) + group
    rows = transaction.get_range(lowest + start, lowest + b"\xff", limit=left + 1)
    return rows[left][0][len(lowest) :] if len(rows) > left else None


def size(transaction: Transaction, space: bytes, group: bytes) -> int:
    """How many members a group has."""
    head = level_space(space, NUM_LEVELS - 1) + group
    return sum(count for _, count in _fingers(transaction, head, b""))


def check(transaction: Transaction, space: bytes) -> Iterator[str]:
    """What is wrong with the counts: each must be the sum of what lies below it."""
    below = [(key[len(space) + 1 :], 1) for key, _ in _rows(transaction, level_space(space, 0))]
    for level in range(1, NUM_LEVELS):
        prefix = level_space(space, level)
        fingers = [
            (key[len(prefix) :], unpack_number(value)) for key, value in _rows(transaction, prefix)
        ]
        sums = [0] * len(fingers)
        place = -1
        for member, count in below:
            while place + 1 < len(fingers) and fingers[place + 1][0] <= member:
                place += 1
            if place < 0:
                yield f"level {level} has no finger before {member!r}"
            else:
                sums[place] += count
        for (member, count), total in zip(fingers, sums, strict=True):
            if count != total:
                yield f"level {level} counts {count} from {member!r} on, and there are {total}"
        below = fingers


def _finger_before(transaction: Transaction, head: bytes, member: bytes) -> bytes:
    """The last finger before a member, or the head; conflicts only if another comes between."""
    rows = transaction.get_range(head, head + member, limit=1, reverse=True, snapshot=True)
    finger = rows[0][0] if rows else head
    transaction.add_read_conflict_range(finger + b"\x00", head + member + b"\x00")
    return finger


def _meet(transaction: Transaction, finger: bytes) -> None:
    """Conflict with who removes a finger, not with who adds to it."""
    transaction.add_read_conflict_range(finger + _MEETING, finger + _MEETING + b"\x00")


def _count(transaction: Transaction, finger: bytes) -> int:
    held = transaction.get(finger)
    return 0 if held is None else unpack_number(held)


def _num_between(
    transaction: Transaction, space: bytes, level: int, group: bytes, begin: bytes, end: bytes
) -> int:
    """Members from a finger up to a bound, by the rows of the level below."""
    prefix = level_space(space, level) + group
    rows = transaction.get_range(prefix + begin, prefix + end)
    return len(rows) if level == 0 else sum(unpack_number(value) for _, value in rows)


def _fingers(transaction: Transaction, head: bytes, start: bytes) -> Iterator[tuple[bytes, int]]:
    """The fingers of a level from one on, with their counts."""
    first, end = head + start, head + b"\xff"
    while True:
        rows = transaction.get_range(first, end, limit=_CHUNK)
        for key, value in rows:
            yield key[len(head) :], unpack_number(value)
        if len(rows) < _CHUNK:
            return
        first = rows[-1][0] + b"\x00"


def _rows(transaction: Transaction, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
    first, end = prefix, prefix + b"\xff"
    while True:
        rows = transaction.get_range(first, end, limit=1024)
        yield from rows
        if len(rows) < 1024:
            return
        first = rows[-1][0] + b"\x00"
