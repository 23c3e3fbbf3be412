"""Reading all rows under a prefix, however many there are."""

from collections.abc import Iterator

from glasshouse.records.engines.engine import Row, Transaction
from glasshouse.records.tuples import end_of

_PAGE = 1_024


def pages(transaction: Transaction, prefix: bytes) -> Iterator[list[Row]]:
    """The rows under a prefix, many at a time, keys without the prefix."""
    begin, end, cut = prefix, end_of(prefix), len(prefix)
    while True:
        rows = transaction.get_range(begin, end, limit=_PAGE)
        yield [(key[cut:], value) for key, value in rows]
        if len(rows) < _PAGE:
            return
        begin = rows[-1][0] + b"\x00"


def rows_under(transaction: Transaction, prefix: bytes) -> Iterator[Row]:
    """The rows under a prefix one by one, keys without the prefix."""
    for page in pages(transaction, prefix):
        yield from page
