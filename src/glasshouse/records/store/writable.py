"""How far an index is built, as writers need to know it.

A builder goes through the records of an index in the order of their ids and leaves a mark at the
last one that it has indexed. A writer whose record lies before the mark keeps the index; behind it,
the builder is yet to come. The mark only moves forwards, so a writer behind which it passed need
not conflict; one that saw it short of its record conflicts with the builder that then passes it.

Source:
    1901.04452, section 5, "online index building".
"""

from glasshouse.records.engines.engine import Transaction

MARK = b"\x00"
"""Under this, after the build's space, stands the last record id that is built."""

PASSED = b"\x01"
"""Under this, followed by record ids, builders and writers meet; nothing is stored there."""


def is_built(transaction: Transaction, build: bytes, record_id: bytes) -> bool:
    """Whether the builder has passed a record; if not, conflict with it should it pass now."""
    mark = transaction.get(build + MARK, snapshot=True)
    if mark is not None and record_id <= mark:
        return True
    meeting = build + PASSED + record_id
    transaction.add_read_conflict_range(meeting, meeting + b"\x00")
    return False


def move_mark(transaction: Transaction, build: bytes, mark: bytes | None, to: bytes) -> None:
    """Set the mark; writers who saw it short of records that it now has passed will conflict.

    Args:
        transaction: The builder's.
        build: What the marks of the index's build begin with.
        mark: Where it was; None if nothing was built.
        to: The last record id that is now built.
    """
    begin = build + PASSED + (b"" if mark is None else mark + b"\x00")
    transaction.add_write_conflict_range(begin, build + PASSED + to + b"\x00")
    transaction.set(build + MARK, to)
