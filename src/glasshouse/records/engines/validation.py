"""Whether what a transaction has read is still so: what engines without a log of writes ask.

Contents are compared, not histories: a key that was written and has its old value again does no
harm to anybody who read it.
"""

from glasshouse.errors import ConflictError
from glasshouse.records.engines.changes import Changes, Range, Snapshot

_PAGE = 2048


def check_reads(before: Snapshot, now: Snapshot, changes: Changes) -> None:
    """Refuse what rests on reads that are no longer true.

    Raises:
        ConflictError: If a key or a range that was read has other contents now.
    """
    for key in dict.fromkeys(changes.read_keys):
        if now.get(key) != before.get(key):
            raise ConflictError("another transaction changed what this one read; try again")
    for begin, end in changes.read_ranges:
        if not _same(before, now, begin, end):
            raise ConflictError("another transaction changed what this one read; try again")


def check_claims(claimed: list[Range], changes: Changes) -> None:
    """Refuse reads that meet ranges which others said they wrote.

    Raises:
        ConflictError: If one does.
    """
    reads = [*changes.read_ranges, *((key, key + b"\x00") for key in changes.read_keys)]
    for begin, end in claimed:
        if any(first < end and begin < last for first, last in reads):
            raise ConflictError("another transaction claimed what this one read; try again")


def _same(before: Snapshot, now: Snapshot, begin: bytes, end: bytes) -> bool:
    """Whether a range holds the same rows, compared a page at a time."""
    while True:
        rows = before.get_range(begin, end, _PAGE, False)
        if rows != now.get_range(begin, end, _PAGE, False):
            return False
        if len(rows) < _PAGE:
            return True
        begin = rows[-1][0] + b"\x00"
