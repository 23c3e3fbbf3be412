"""Rows that records add to, in words: whose number it is, and what it says."""

from contextlib import suppress

from glasshouse.errors import CorruptionError
from glasshouse.records.indexes.adding import SUM_BYTES, pack_number
from glasshouse.records.indexes.aggregate import SumIndex
from glasshouse.records.indexes.index import Index
from glasshouse.records.indexes.text import TOTALS, TextIndex, totals_of
from glasshouse.records.tuples import read_columns


def group_in_words(index: Index, key: bytes) -> str:
    """The group that a row stands for, as `group study='rlhf'`.

    Args:
        index: The index.
        key: Of the row, without the index's space.
    """
    columns = index.columns().get("group_by", ())
    if not columns:
        return "the whole"
    start = len(TOTALS) if isinstance(index, TextIndex) else 0
    values, end = (), -1
    with suppress(CorruptionError, IndexError):
        values, end = read_columns(key, [column.descending for column in columns], start)
    if end != len(key):
        return f"a row at {key!r}, which is no group,"
    words = [
        f"{column.describe()}={value!r}" for column, value in zip(columns, values, strict=True)
    ]
    return f"group {', '.join(words)}"


def number_in_words(index: Index, number: int) -> str:
    """What the number of a row says: a count, a sum and of how many, or texts and their words."""
    if isinstance(index, SumIndex):
        packed = pack_number(number, SUM_BYTES)
        return f"the sum {index.read(packed)!r} of {_several(index.count(packed), 'number')}"
    if isinstance(index, TextIndex):
        num_texts, num_tokens = totals_of(number)
        return f"{_several(num_texts, 'text')} of {_several(num_tokens, 'word')}"
    return f"the count {number}"


def _several(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
