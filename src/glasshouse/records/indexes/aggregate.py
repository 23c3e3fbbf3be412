"""Aggregate indexes: counts, sums and extremes of groups, kept by atomic operations.

A row is (group) -> number. Writers add to it without reading it, so they never conflict, however
many count into one group. A group that has become empty keeps a row of zero, which readers pass by
and `scrub` may remove.

Source:
    1901.04452, section 6.1, "atomic mutation indexes"; COUNT, COUNT_UPDATES, COUNT_NOT_NULL, SUM,
    MIN_EVER and MAX_EVER of the Record Layer.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from decimal import Decimal
from typing import Any, ClassVar

from glasshouse.errors import QueryError, RecordError, SchemaError
from glasshouse.records.engines.engine import Mutation, Row
from glasshouse.records.expressions.types import without_none
from glasshouse.records.indexes.asking import ask
from glasshouse.records.indexes.grouping import compile_group, compile_groups
from glasshouse.records.indexes.index import Index, Maintainer
from glasshouse.records.schema.keys import Key, evaluate
from glasshouse.records.schema.packing import compile_keys, compile_values
from glasshouse.records.store.context import Context
from glasshouse.records.store.store import RecordStore
from glasshouse.records.tuples import read_columns, unpack

_WIDTH = 8
_SIGN = 1 << 63


@dataclass(frozen=True)
class AggregateIndex(Index):
    """A number for each group; the base of the kinds below."""

    _: KW_ONLY
    group_by: Any = ()
    """A key expression; without, there is one group. One that fans out counts each element."""

    kind: ClassVar[str] = "aggregate"

    def columns(self) -> Mapping[str, Key]:
        """What makes the groups."""
        return {"group_by": self.key_for(self.group_by, self.record_types[0])}

    def pack_group(self, group: Sequence[Any]) -> bytes:
        """The bytes of a group, or of all that begin with these values."""
        key = self.columns()["group_by"]
        return compile_values(key, f"a group of index {self.name!r}")(group)


@dataclass(frozen=True)
class CountIndex(AggregateIndex):
    """How many records each group has.

    CountIndex("runs", Run)
    CountIndex("runs_by_tag", Run, group_by=fan_out(Run.tags))
    CountIndex("rated", Run, of=Run.rating, group_by=Run.study)
    """

    _: KW_ONLY
    of: Any = None
    """Count only records that have a value here."""

    kind: ClassVar[str] = "count"

    def columns(self) -> Mapping[str, Key]:
        """With what must not be missing."""
        of = () if self.of is None else self.key_for(self.of, self.record_types[0])
        return {**super().columns(), "of": of}

    def maintainer(self, record_type: type, type_number: int) -> Maintainer:
        """What keeps it true of one record type."""
        groups = compile_groups(self.key_for(self.group_by, record_type), type_number)
        if self.of is None:
            return Adder(lambda record: [(group, 1) for group in groups(record)])
        values = evaluate(self.key_for(self.of, record_type), type_number)

        def contributions(record: Any) -> list[tuple[bytes, int]]:
            held = sum(None not in row for row in values(record))
            return [(group, held) for group in groups(record)] if held else []

        return Adder(contributions)


@dataclass(frozen=True)
class CountUpdatesIndex(AggregateIndex):
    """How often records of each group were written; a delete takes nothing away."""

    kind: ClassVar[str] = "count updates"

    def maintainer(self, record_type: type, type_number: int) -> Maintainer:
        """What keeps it true of one record type."""
        groups = compile_groups(self.key_for(self.group_by, record_type), type_number)
        return UpdateCounter(groups)


@dataclass(frozen=True)
class SumIndex(AggregateIndex):
    """The sum of a whole number over each group's records.

    Sums are exact within 64 bits and wrap around beyond. Floats have no sum that does not depend on
    the order of writing; give `scale` to add them as whole multiples of 1 / scale.
    """

    of: Any = None
    """The number to add up; a missing one adds nothing."""
    _: KW_ONLY
    scale: int = 1
    """Numbers are multiplied by this and rounded to whole ones; the sum is divided by it."""

    kind: ClassVar[str] = "sum"

    def __post_init__(self) -> None:
        column = self.columns()["of"]
        kinds = [without_none(one.type) for one in column]
        if len(kinds) != 1 or kinds[0] not in (int, float):
            raise SchemaError(f"index {self.name!r} sums one field that holds numbers")
        if kinds[0] is float and self.scale == 1:
            raise SchemaError(
                f"index {self.name!r} sums floats, which is exact only as whole multiples of "
                "something; say scale=1000 to count in thousandths"
            )

    def columns(self) -> Mapping[str, Key]:
        """With what is added up."""
        return {**super().columns(), "of": self.key_for(self.of, self.record_types[0])}

    def describe(self) -> dict[str, Any]:
        """With the scale, which stored sums depend on."""
        return {**super().describe(), "scale": self.scale}

    def maintainer(self, record_type: type, type_number: int) -> Maintainer:
        """What keeps it true of one record type."""
        groups = compile_groups(self.key_for(self.group_by, record_type), type_number)
        values = evaluate(self.key_for(self.of, record_type), type_number)

        def contributions(record: Any) -> list[tuple[bytes, int]]:
            total = sum(self.scaled(row[0]) for row in values(record) if row[0] is not None)
            return [(group, total) for group in groups(record)] if total else []

        return Adder(contributions)

    def scaled(self, value: float) -> int:
        """A number as it is added.

        Raises:
            RecordError: If it is no number, or too large.
        """
        try:
            whole = value if self.scale == 1 else round(Decimal(value) * self.scale)
        except (ValueError, ArithmeticError):
            raise RecordError(f"{value} cannot be summed by index {self.name!r}") from None
        if not -_SIGN <= whole < _SIGN:
            raise RecordError(f"{value} is too large to be summed by index {self.name!r}")
        return int(whole)


@dataclass(frozen=True)
class _ExtremeIndex(AggregateIndex):
    """The smallest or largest value a group has ever had; deletes do not undo it."""

    of: Any = None
    """The column or columns whose extreme is kept."""

    mutation: ClassVar[Mutation]

    def columns(self) -> Mapping[str, Key]:
        """With the columns whose extreme is kept."""
        return {**super().columns(), "of": self.key_for(self.of, self.record_types[0])}

    def maintainer(self, record_type: type, type_number: int) -> Maintainer:
        """What keeps it true of one record type."""
        groups = compile_groups(self.key_for(self.group_by, record_type), type_number)
        key = self.key_for(self.of, record_type)
        if any(column.descending for column in key):
            raise SchemaError(f"index {self.name!r} keeps an extreme; choose the kind, not desc()")
        return ExtremeKeeper(self.mutation, groups, key, type_number)


@dataclass(frozen=True)
class MinEverIndex(_ExtremeIndex):
    """The smallest value that a group has ever had."""

    kind: ClassVar[str] = "min ever"
    mutation: ClassVar[Mutation] = Mutation.BYTE_MIN


@dataclass(frozen=True)
class MaxEverIndex(_ExtremeIndex):
    """The largest value that a group has ever had."""

    kind: ClassVar[str] = "max ever"
    mutation: ClassVar[Mutation] = Mutation.BYTE_MAX


class Adder:
    """Adds what each record contributes to its groups."""

    def __init__(self, contributions: Callable[[Any], list[tuple[bytes, int]]]) -> None:
        self.contributions = contributions
        """From a record to its groups and what it adds to each."""

    def update(
        self, context: Context, space: bytes, record_id: bytes, old: Any | None, new: Any | None
    ) -> None:
        """Add what is new and take away what is gone; what stays the same touches nothing."""
        change: Counter[bytes] = Counter()
        if new is not None:
            for group, number in self.contributions(new):
                change[group] += number
        if old is not None:
            for group, number in self.contributions(old):
                change[group] -= number
        self._add(context, space, change)

    def insert_all(
        self, context: Context, space: bytes, record_ids: list[bytes], records: list[Any]
    ) -> None:
        """One addition for each group, however many records."""
        change: Counter[bytes] = Counter()
        for record in records:
            for group, number in self.contributions(record):
                change[group] += number
        self._add(context, space, change)

    def entries(self, record: Any, record_id: bytes) -> list[Row]:
        """Rows belong to groups, not to records."""
        return []

    def _add(self, context: Context, space: bytes, change: Counter[bytes]) -> None:
        for group, number in change.items():
            if number:
                context.transaction.mutate(Mutation.ADD, space + group, pack_number(number))


class UpdateCounter:
    """Adds one to a record's groups whenever it is written."""

    def __init__(self, groups: Callable[[Any], list[bytes]]) -> None:
        self._groups = groups

    def update(
        self, context: Context, space: bytes, record_id: bytes, old: Any | None, new: Any | None
    ) -> None:
        """Count a write."""
        if new is not None:
            for group in self._groups(new):
                context.transaction.mutate(Mutation.ADD, space + group, pack_number(1))

    def entries(self, record: Any, record_id: bytes) -> list[Row]:
        """Rows belong to groups, not to records."""
        return []


class ExtremeKeeper:
    """Lowers or raises what a group has ever had."""

    def __init__(
        self,
        mutation: Mutation,
        groups: Callable[[Any], list[bytes]],
        key: Key,
        type_number: int,
    ) -> None:
        self.mutation = mutation
        self._groups = groups
        self._keys = compile_keys(key, type_number)
        self._values = evaluate(key, type_number)

    def extremes(self, record: Any) -> list[tuple[bytes, bytes]]:
        """A record's groups with the packed values that it offers to each."""
        packed = [
            one
            for one, values in zip(self._keys(record), self._values(record), strict=True)
            if None not in values
        ]
        return [(group, one) for group in self._groups(record) for one in packed]

    def update(
        self, context: Context, space: bytes, record_id: bytes, old: Any | None, new: Any | None
    ) -> None:
        """Offer the new values; the old ones stay, since they were once there."""
        if new is not None:
            for group, packed in self.extremes(new):
                context.transaction.mutate(self.mutation, space + group, packed)

    def entries(self, record: Any, record_id: bytes) -> list[Row]:
        """Rows belong to groups, not to records."""
        return []


def pack_number(number: int) -> bytes:
    """A signed number as atomic additions take it: two's complement, little-endian."""
    return (number % (1 << 64)).to_bytes(_WIDTH, "little")


def unpack_number(packed: bytes) -> int:
    """The signed number of a row."""
    number = int.from_bytes(packed, "little")
    return number - (1 << 64) if number >= _SIGN else number


def aggregate(store: RecordStore, name: str, *group: Any) -> Any:
    """The number of one group: a count, a sum, or an extreme (None if there never was a value).

    Raises:
        SchemaError: If there is no such index or it is not built.
        QueryError: If it is of another kind, or the group does not fit.
    """
    index, space = ask(store, name, AggregateIndex)
    packed = compile_group(index, index.group_by)(group)
    return _read(index, store.transaction.get(space + packed))


def groups(store: RecordStore, name: str, *prefix: Any) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """The groups that begin with some values, in order, with their numbers; empty ones left out.

    Raises:
        SchemaError, QueryError: As for `aggregate`.
    """
    index, space = ask(store, name, AggregateIndex)
    key = index.columns()["group_by"]
    directions = [column.descending for column in key]
    try:
        begin = space + index.pack_group(prefix)
    except RecordError as error:
        raise QueryError(str(error)) from None
    first, end, limit = begin, begin + b"\xff", 64
    while True:
        rows = store.transaction.get_range(first, end, limit=limit)
        for row, packed in rows:
            value = _read(index, packed)
            if value or isinstance(index, _ExtremeIndex):
                yield read_columns(row, directions, len(space))[0], value
        if len(rows) < limit:
            return
        first, limit = rows[-1][0] + b"\x00", min(4 * limit, 1024)


def rolled_up(store: RecordStore, name: str, *prefix: Any) -> Any:
    """The number of all groups that begin with some values, taken together.

    Raises:
        SchemaError, QueryError: As for `aggregate`.
    """
    index, _ = ask(store, name, AggregateIndex)
    values = [value for _, value in groups(store, name, *prefix)]
    if isinstance(index, MinEverIndex):
        return min(values, default=None)
    if isinstance(index, MaxEverIndex):
        return max(values, default=None)
    return sum(values)


def _read(index: AggregateIndex, packed: bytes | None) -> Any:
    """What a row says."""
    if isinstance(index, _ExtremeIndex):
        if packed is None:
            return None
        values = unpack(packed)
        return values[0] if len(values) == 1 else values
    number = 0 if packed is None else unpack_number(packed)
    if isinstance(index, SumIndex) and index.scale != 1:
        return number / index.scale
    return number
