"""The text index: which records contain a token, and where in the text it stands.

    space + 0, group, token, record id   -> length of the text in one byte, positions of the token
    space + 1, group                     -> number of texts, and of tokens in all of them

Positions are written as differences, each in as few bytes as it needs, so most take one. The
length is rounded as search engines do: it ranks answers, and a word more does not change it.

Source:
    1901.04452, section 6.1, "TEXT indexes". Differs: one row a token and record; the paper bunches
    several records in a row, which saves room where keys are long and makes writers read first.
"""

import math
import operator
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from typing import Any, ClassVar

from glasshouse.errors import QueryError, SchemaError
from glasshouse.records.engines.engine import Mutation, Row, Transaction
from glasshouse.records.expressions.conditions import values_at
from glasshouse.records.expressions.reference import ALL, EACH
from glasshouse.records.indexes.grouping import compile_group, compile_groups, end_of_group
from glasshouse.records.indexes.index import Index, Maintainer
from glasshouse.records.indexes.pending import pending
from glasshouse.records.indexes.text_conditions import (
    TextCondition,
    Wanted,
    is_text,
    positions_of,
    texts_in,
    tokens_of,
)
from glasshouse.records.indexes.tokenizers import WORDS, Tokenizer, tokenizer_of
from glasshouse.records.schema.keys import Column, Key
from glasshouse.records.store.context import Context
from glasshouse.records.tuples import pack_text, read_element

POSTINGS = b"\x00"
"""Under this stand the tokens."""

TOTALS = b"\x01"
"""Under this stands how much text there is."""

_TOTAL_BYTES = 16
_HALF = 1 << 64
_LENGTH_STEPS = 8
_BYTES = [bytes((number,)) for number in range(256)]


@dataclass(frozen=True)
class TextIndex(Index):
    """The words of a text field, or of a list of texts.

    TextIndex("note_words", Note, Note.text)
    TextIndex("note_words_by_study", Note, Note.text, group_by=Note.study)
    """

    text: Any
    """A field that holds a text or several, or a computed column that does."""
    _: KW_ONLY
    group_by: Any = ()
    """A key expression: each of its values has words of its own."""
    tokenizer: str | Tokenizer = WORDS
    """How a text is split, by its name or itself."""

    kind: ClassVar[str] = "text"

    def __post_init__(self) -> None:
        key = self.columns()["text"]
        tokenizer_of(self.tokenizer)
        if len(key) != 1:
            raise SchemaError(
                f"index {self.name!r} is over {len(key)} fields; give one, or a computed column "
                "that joins several"
            )
        if not (key[0].path or key[0].function) or not is_text(key[0].type):
            raise SchemaError(
                f"index {self.name!r} is over {key[0].describe()}, which is {key[0].type}; "
                "it needs a text or a list of texts"
            )

    def columns(self) -> Mapping[str, Key]:
        """The text, and what makes the groups."""
        first = self.record_types[0]
        return {
            "text": self.key_for(self.text, first),
            "group_by": self.key_for(self.group_by, first),
        }

    def describe(self) -> dict[str, Any]:
        """With the tokenizer."""
        return {**super().describe(), "tokenizer": tokenizer_of(self.tokenizer).name}

    def maintainer(self, record_type: type, type_number: int) -> Maintainer:
        """What keeps it true of one record type."""
        text = self.key_for(self.text, record_type)[0]
        groups = compile_groups(self.key_for(self.group_by, record_type), type_number)
        return TextMaintainer(text, groups, tokenizer_of(self.tokenizer))

    def answers(self, condition: TextCondition) -> bool:
        """Whether the records that meet a condition on a text can be found in this index."""
        path = self.columns()["text"][0].path
        whole = (*path[:-1], path[-1].removesuffix(EACH).removesuffix(ALL)) if path else None
        return condition.path == whole and condition.tokenizer == tokenizer_of(self.tokenizer)

    def question(self, condition: TextCondition | str) -> tuple[Wanted, tuple[str, ...]]:
        """What of which tokens is asked for, by a condition or by words that all have to be there.

        Raises:
            QueryError: If the index cannot tell.
        """
        tokenizer = tokenizer_of(self.tokenizer)
        if isinstance(condition, str):
            return Wanted.ALL, tokens_of(condition, Wanted.ALL, tokenizer)
        if not self.answers(condition):
            field = self.columns()["text"][0].describe()
            raise QueryError(
                f"index {self.name!r} is of {field} by {tokenizer.name} and cannot tell where "
                f"{condition}; ask one of that field and tokenizer"
            )
        return condition.wanted, condition.tokens

    def record_id_of(self, key: bytes, value: bytes) -> bytes | None:
        """The record that a row stands there for.

        None for a row that no record has to itself.
        """
        if not key.startswith(POSTINGS):
            return None
        end = self._end_of_group(key, len(POSTINGS))
        return key[read_element(key, end)[1] :]

    @cached_property
    def _end_of_group(self) -> Callable[[bytes, int], int]:
        return end_of_group(self.columns()["group_by"])

    @cached_property
    def pack_group(self) -> Callable[[Sequence[Any]], bytes]:
        """From a group's values to their bytes."""
        return compile_group(self, self.group_by)


class TextMaintainer:
    """Writes and removes the rows of each token."""

    def __init__(
        self, text: Column, groups: Callable[[Any], list[bytes]], tokenizer: Tokenizer
    ) -> None:
        self._texts = _texts_of(text)
        self._groups = groups
        self._split = tokenizer.split

    def update(
        self, context: Context, space: bytes, record_id: bytes, old: Any | None, new: Any | None
    ) -> None:
        """Remove what only the old record gives, write what the new one gives."""
        before = ([], None) if old is None else (self._groups(old), self._texts(old))
        after = ([], None) if new is None else (self._groups(new), self._texts(new))
        if before == after:
            return
        rows, totals = self._rows(space, record_id, *before)
        new_rows, new_totals = self._rows(space, record_id, *after)
        transaction = context.transaction
        for key in rows.keys() - new_rows.keys():
            transaction.clear(key)
        if rows:
            new_rows = {key: value for key, value in new_rows.items() if rows.get(key) != value}
        transaction.set_all(new_rows)
        new_totals.subtract(totals)
        _add_totals(context, space, new_totals)

    def insert_all(
        self, context: Context, space: bytes, record_ids: list[bytes], records: list[Any]
    ) -> None:
        """Write the rows of many new records."""
        totals: Counter[bytes] = Counter()
        for record_id, record in zip(record_ids, records, strict=True):
            rows, more = self._rows(space, record_id, self._groups(record), self._texts(record))
            context.transaction.set_all(rows)
            totals.update(more)
        _add_totals(context, space, totals)

    def entries(self, record: Any, record_id: bytes) -> list[Row]:
        """One row for each token of the record, in each of its groups."""
        rows, _ = self._rows(b"", record_id, self._groups(record), self._texts(record))
        return list(rows.items())

    def contributions(self, record: Any) -> list[tuple[bytes, int]]:
        """What the record adds to the totals of its groups."""
        _, totals = self._rows(b"", b"", self._groups(record), self._texts(record))
        return [(TOTALS + group, more) for group, more in totals.items()]

    def _rows(
        self, space: bytes, record_id: bytes, groups: list[bytes], texts: list[str] | None
    ) -> tuple[dict[bytes, bytes], Counter[bytes]]:
        """The rows of the tokens, and what is to be added to the totals of each group."""
        if texts is None:
            return {}, Counter()
        positions = positions_of(texts, self._split)
        length = sum(map(len, positions.values()))
        head = _BYTES[_rounded(length)]
        tokens = [
            (pack_text(token) + record_id, head + pack_positions(places))
            for token, places in positions.items()
        ]
        rows = {}
        for group in groups:
            begin = space + POSTINGS + group
            rows.update([(begin + key, value) for key, value in tokens])
        return rows, Counter(dict.fromkeys(groups, 1 + length * _HALF))


def _add_totals(context: Context, space: bytes, totals: Counter[bytes]) -> None:
    """Add to the number of texts and tokens of each group: once, and without reading them."""
    kept = pending(context, space, _write_totals)
    for group, more in totals.items():
        kept[group] = kept.get(group, 0) + more


def _write_totals(transaction: Transaction, space: bytes, kept: dict[bytes, int]) -> None:
    for group, more in kept.items():
        if more:
            parameter = (more % _HALF**2).to_bytes(_TOTAL_BYTES, "little")
            transaction.mutate(Mutation.ADD, space + TOTALS + group, parameter)


def _texts_of(column: Column) -> Callable[[Any], list[str] | None]:
    """A function of a record that gives the texts of a column."""
    function = column.function
    if function is not None:
        return lambda record: texts_in([function(record)])
    if len(column.path) == 1 and not column.path[0].endswith("]") and column.type is str:
        get = operator.attrgetter(column.path[0])
        return lambda record: [get(record)]
    values = values_at(column.path)
    return lambda record: texts_in(values(record))


def _rounded(length: int) -> int:
    """A length as one byte: eight steps from one power of two to the next."""
    return min(255, round(_LENGTH_STEPS * math.log2(length + 1)))


def length_in(value: bytes) -> float:
    """About how many tokens the text of a row has."""
    return 2 ** (value[0] / _LENGTH_STEPS) - 1


def pack_positions(positions: Sequence[int]) -> bytes:
    """Ascending positions as differences of seven bits a byte, low ones first."""
    if len(positions) == 1 and positions[0] < 128:
        return _BYTES[positions[0]]
    packed, last = bytearray(), 0
    for position in positions:
        difference = position - last
        last = position
        while difference > 127:
            packed.append(difference & 127 | 128)
            difference >>= 7
        packed.append(difference)
    return bytes(packed)


def positions_in(value: bytes) -> list[int]:
    """The positions in the value of a row."""
    positions, position, difference, shift = [], 0, 0, 0
    for byte in value[1:]:
        difference |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            position += difference
            positions.append(position)
            difference = shift = 0
    return positions


def num_positions(value: bytes) -> int:
    """How often the token stands in the text of a row."""
    return sum([byte < 128 for byte in value[1:]])


def totals_in(value: bytes | None) -> tuple[int, int]:
    """The number of texts in a group, and of their tokens."""
    return totals_of(0 if value is None else int.from_bytes(value, "little"))


def totals_of(number: int) -> tuple[int, int]:
    """The same, from the row as one number."""
    return number % _HALF, number // _HALF
