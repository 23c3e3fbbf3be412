"""Aggregate indexes: counts, sums and extremes of groups, kept by atomic operations.

    space + group -> count (8 bytes); for a sum, how many were added up (8) and their sum (16);
                     for an extreme, the packed value

Writers add to a row without reading it, so they never conflict, however many count into one group;
a transaction adds to each row once. A group that has become empty keeps a row of zero, which
readers pass by. Numbers are little-endian, negative ones in two's complement.

Source:
    1901.04452, section 6.1, "atomic mutation indexes"; COUNT, COUNT_UPDATES, COUNT_NOT_NULL, SUM,
    MIN_EVER and MAX_EVER of the Record Layer. Differs: there a sum of zero looks like an empty
    group, and sums wrap around at 64 bits.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from decimal import Decimal
from typing import Any, ClassVar

from glasshouse.errors import QueryError, RecordError, SchemaError
from glasshouse.records.engines.engine import Mutation, Row
from glasshouse.records.expressions.types import without_none
from glasshouse.records.indexes.adding import (
    COUNT_BYTES,
    SUM_BYTES,
    Adder,
    ExtremeKeeper,
    UpdateCounter,
    counter,
    pack_number,
    unpack_number,
)
from glasshouse.records.indexes.asking import ask
from glasshouse.records.indexes.grouping import (
    compile_group,
    compile_grouped_values,
    compile_groups,
)
from glasshouse.records.indexes.index import Index, Maintainer
from glasshouse.records.indexes.pending import settle
from glasshouse.records.schema.keys import Key
from glasshouse.records.schema.packing import compile_values
from glasshouse.records.store.store import RecordStore
from glasshouse.records.tuples import end_of, read_columns, unpack

_COUNT_BITS = 64
_COUNT_MASK = (1 << _COUNT_BITS) - 1
_LARGEST = 1 << 96
"""Of one number that is added up: two thousand million of them fit."""
_FEWEST, _MOST = 64, 1024


@dataclass(frozen=True)
class AggregateIndex(Index):
    """A number for each group; the base of the kinds below."""

    _: KW_ONLY
    group_by: Any = ()
    """A key expression; without, there is one group. One that fans out counts each element.

    Where groups and `of` are fields of the same element, say `nest` for both.
    """

    kind: ClassVar[str] = "aggregate"

    def columns(self) -> Mapping[str, Key]:
        """What makes the groups."""
        return {"group_by": self.key_for(self.group_by, self.record_types[0])}

    def pack_group(self, group: Sequence[Any]) -> bytes:
        """The bytes of a group, or of all that begin with these values."""
        key = self.columns()["group_by"]
        return compile_values(key, f"a group of index {self.name!r}")(group)

    def read(self, packed: bytes | None) -> Any:
        """What a row says; a missing one is that of a group which never was."""
        raise SchemaError(f"an index of kind {self.kind} has no rows")


@dataclass(frozen=True)
class CountIndex(AggregateIndex):
    """How many records each group has.

    CountIndex("runs", Run)
    CountIndex("runs_by_tag", Run, group_by=fan_out(Run.tags))
    CountIndex("rated", Run, of=Run.rating, group_by=Run.study)
    """

    _: KW_ONLY
    of: Any = None
    """Count only what has a value here; each value, if it fans out."""

    kind: ClassVar[str] = "count"

    def columns(self) -> Mapping[str, Key]:
        """With what must not be missing."""
        of = () if self.of is None else self.key_for(self.of, self.record_types[0])
        return {**super().columns(), "of": of}

    def maintainer(self, record_type: type, type_number: int) -> Maintainer:
        """What keeps it true of one record type."""
        group_by = self.key_for(self.group_by, record_type)
        if self.of is None:
            return counter(compile_groups(group_by, type_number))
        grouped = compile_grouped_values(group_by, self.key_for(self.of, record_type), type_number)
        return Adder(
            lambda record: [(group, 1) for group, row in grouped(record) if None not in row],
            COUNT_BYTES,
        )

    def read(self, packed: bytes | None) -> int:
        """The count."""
        return unpack_number(packed or b"")


@dataclass(frozen=True)
class CountUpdatesIndex(AggregateIndex):
    """How often records of each group were written; a delete takes nothing away."""

    kind: ClassVar[str] = "count updates"

    def maintainer(self, record_type: type, type_number: int) -> Maintainer:
        """What keeps it true of one record type."""
        groups = compile_groups(self.key_for(self.group_by, record_type), type_number)
        return UpdateCounter(groups)

    def read(self, packed: bytes | None) -> int:
        """The count."""
        return unpack_number(packed or b"")


@dataclass(frozen=True)
class SumIndex(AggregateIndex):
    """The sum of a number over each group's records, and its mean.

        SumIndex("tokens", Run, Run.tokens, group_by=Run.study)
        SumIndex("hours", Run, Run.hours, scale=1000)

    Floats have no sum that is the same in whatever order they come and go; with `scale` they are
    added as the nearest whole multiples of 1 / scale, exactly. Sums hold 127 bits, numbers 96.
    """

    of: Any
    """The number to add up, or a fan-out of numbers; a missing one adds nothing."""
    _: KW_ONLY
    scale: int = 1
    """Numbers are multiplied by this and rounded to whole ones; the sum is divided by it."""

    kind: ClassVar[str] = "sum"

    def __post_init__(self) -> None:
        kinds = [without_none(one.type) for one in self.columns()["of"]]
        if len(kinds) != 1 or kinds[0] not in (int, bool, float, Decimal):
            raise SchemaError(f"index {self.name!r} sums one field that holds numbers")
        if self.scale < 1:
            raise SchemaError(f"scale={self.scale} of index {self.name!r} must be 1 or more")
        if kinds[0] in (float, Decimal) and self.scale == 1:
            raise SchemaError(
                f"index {self.name!r} sums {kinds[0].__name__}s, which is exact only as whole "
                "multiples of something; say scale=1000 to count in thousandths"
            )

    def columns(self) -> Mapping[str, Key]:
        """With what is added up."""
        return {**super().columns(), "of": self.key_for(self.of, self.record_types[0])}

    def describe(self) -> dict[str, Any]:
        """With the scale, which stored sums depend on."""
        return {**super().describe(), "scale": self.scale}

    def maintainer(self, record_type: type, type_number: int) -> Maintainer:
        """What keeps it true of one record type."""
        group_by, of = self.key_for(self.group_by, record_type), self.key_for(self.of, record_type)
        grouped, scaled = compile_grouped_values(group_by, of, type_number), self.scaled
        return Adder(
            lambda record: [
                (group, (scaled(value) << _COUNT_BITS) + 1)
                for group, (value,) in grouped(record)
                if value is not None
            ],
            SUM_BYTES,
        )

    def scaled(self, value: float | Decimal) -> int:
        """A number as it is added.

        Raises:
            RecordError: If it is no number, or too large.
        """
        try:
            above, below = value.as_integer_ratio()
        except (ValueError, OverflowError, AttributeError):
            raise RecordError(f"{value!r} cannot be summed by index {self.name!r}") from None
        whole = (2 * above * self.scale + below) // (2 * below)
        if not -_LARGEST < whole < _LARGEST:
            raise RecordError(f"{value!r} is too large to be summed by index {self.name!r}")
        return whole

    def read(self, packed: bytes | None) -> Any:
        """The sum."""
        return self._unscaled(unpack_number(packed or b"") >> _COUNT_BITS)

    def mean(self, packed: bytes | None) -> Any:
        """The mean of the numbers that a row adds up; None if there are none."""
        count = self.count(packed)
        return self.read(packed) / count if count else None

    def count(self, packed: bytes | None) -> int:
        """How many numbers a row adds up."""
        return unpack_number(packed or b"") & _COUNT_MASK

    def _unscaled(self, whole: int) -> Any:
        kind = without_none(self.columns()["of"][0].type)
        if kind is Decimal:
            return Decimal(whole) / self.scale
        return whole if self.scale == 1 else whole / self.scale


@dataclass(frozen=True)
class _ExtremeIndex(AggregateIndex):
    """The smallest or largest value a group has ever had; deletes do not undo it."""

    of: Any
    """The column or columns whose extreme is kept; where one is missing, there is nothing."""

    mutation: ClassVar[Mutation]

    def __post_init__(self) -> None:
        of = self.columns()["of"]
        if not of or any(column.descending for column in of):
            raise SchemaError(
                f"index {self.name!r} keeps an extreme; give it columns, and choose the kind "
                "instead of desc()"
            )

    def columns(self) -> Mapping[str, Key]:
        """With the columns whose extreme is kept."""
        return {**super().columns(), "of": self.key_for(self.of, self.record_types[0])}

    def maintainer(self, record_type: type, type_number: int) -> Maintainer:
        """What keeps it true of one record type."""
        group_by, of = self.key_for(self.group_by, record_type), self.key_for(self.of, record_type)
        return ExtremeKeeper(self.mutation, group_by, of, type_number)

    def read(self, packed: bytes | None) -> Any:
        """The extreme, a tuple if it has several columns; None if there never was a value."""
        if packed is None:
            return None
        values = unpack(packed)
        return values[0] if len(values) == 1 else values


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


def aggregate(store: RecordStore, name: str, *group: Any, snapshot: bool = False) -> Any:
    """The number of one group: a count, a sum, or an extreme (None if there never was a value).

    Args:
        store: The store.
        name: Of an aggregate index.
        group: The values of the group.
        snapshot: Whether asking may go without conflicts; else whoever changes the number
            conflicts with a transaction that asks and writes.

    Raises:
        SchemaError: If there is no such index or it is not built.
        QueryError: If it is of another kind, or the group does not fit.
    """
    index, space = ask(store, name, AggregateIndex)
    return index.read(_row(store, index, space, group, snapshot=snapshot))


def mean(store: RecordStore, name: str, *group: Any, snapshot: bool = False) -> Any:
    """The mean of the numbers of one group, by a sum index; None if there are none.

    Raises:
        SchemaError, QueryError: As for `aggregate`.
    """
    index, space = ask(store, name, SumIndex)
    return index.mean(_row(store, index, space, group, snapshot=snapshot))


def groups(
    store: RecordStore, name: str, *prefix: Any, snapshot: bool = False
) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """The groups that begin with some values, in order, with their numbers; empty ones left out.

    Raises:
        SchemaError, QueryError: As for `aggregate`.
    """
    index, space = ask(store, name, AggregateIndex)
    directions = [column.descending for column in index.columns()["group_by"]]
    for key, packed in _rows(store, index, space, prefix, snapshot=snapshot):
        yield read_columns(key, directions, len(space))[0], index.read(packed)


def rolled_up(store: RecordStore, name: str, *prefix: Any, snapshot: bool = False) -> Any:
    """The number of all groups that begin with some values, taken together.

    Raises:
        SchemaError, QueryError: As for `aggregate`.
    """
    index, space = ask(store, name, AggregateIndex)
    rows = [row for _, row in _rows(store, index, space, prefix, snapshot=snapshot)]
    if isinstance(index, _ExtremeIndex):
        return index.read((min if isinstance(index, MinEverIndex) else max)(rows, default=None))
    return index.read(pack_number(sum(map(unpack_number, rows)), SUM_BYTES))


def _row(
    store: RecordStore, index: AggregateIndex, space: bytes, group: Sequence[Any], *, snapshot: bool
) -> bytes | None:
    packed = compile_group(index, index.group_by)(group)
    settle(store.context, space)
    return store.transaction.get(space + packed, snapshot=snapshot)


def _rows(
    store: RecordStore,
    index: AggregateIndex,
    space: bytes,
    prefix: Sequence[Any],
    *,
    snapshot: bool,
) -> Iterator[Row]:
    """The rows of the groups that begin with some values and are not empty."""
    try:
        begin = space + index.pack_group(prefix)
    except RecordError as error:
        raise QueryError(str(error)) from None
    settle(store.context, space)
    end, limit, is_extreme = end_of(begin), _FEWEST, isinstance(index, _ExtremeIndex)
    while True:
        rows = store.transaction.get_range(begin, end, limit=limit, snapshot=snapshot)
        for key, packed in rows:
            if is_extreme or any(packed):
                yield key, packed
        if len(rows) < limit:
            return
        begin, limit = rows[-1][0] + b"\x00", min(4 * limit, _MOST)
