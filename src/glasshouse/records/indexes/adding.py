"""What keeps aggregates true of each record: adding to the numbers of its groups.

What a transaction adds is added up first and written once, when it commits or asks.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any

from glasshouse.records.engines.engine import Mutation, Row, Transaction
from glasshouse.records.indexes.grouping import compile_grouped_values, no_group
from glasshouse.records.indexes.pending import pending
from glasshouse.records.schema.keys import Key
from glasshouse.records.schema.packing import column_packer
from glasshouse.records.store.context import Context

COUNT_BYTES = 8
SUM_BYTES = 24
"""A count of eight bytes, and sixteen of a sum."""


class Adder:
    """Adds what each record contributes to its groups."""

    def __init__(
        self,
        contributions: Callable[[Any], list[tuple[bytes, int]]],
        num_bytes: int,
        *,
        totals: Callable[[Sequence[Any]], Mapping[bytes, int]] | None = None,
    ) -> None:
        """Add by a function of a record, and by one of many where there is a quicker way."""
        self._totals = totals
        self.contributions = contributions
        """From a record to its groups and what it adds to the number of each one's row."""
        self._num_bytes = num_bytes

    def update(
        self, context: Context, space: bytes, record_id: bytes, old: Any | None, new: Any | None
    ) -> None:
        """Add what is new and take away what is gone; what stays the same touches nothing."""
        before = [] if old is None else self.contributions(old)
        after = [] if new is None else self.contributions(new)
        if before == after:
            return
        kept = pending(context, space, self._write)
        for group, number in after:
            kept[group] = kept.get(group, 0) + number
        for group, number in before:
            kept[group] = kept.get(group, 0) - number

    def insert_all(
        self, context: Context, space: bytes, record_ids: list[bytes], records: list[Any]
    ) -> None:
        """Add what many new records contribute."""
        kept, contributions = pending(context, space, self._write), self.contributions
        if self._totals is not None:
            for group, number in self._totals(records).items():
                kept[group] = kept.get(group, 0) + number
            return
        for record in records:
            for group, number in contributions(record):
                kept[group] = kept.get(group, 0) + number

    def entries(self, record: Any, record_id: bytes) -> list[Row]:
        """Rows belong to groups, not to records."""
        return []

    def _write(self, transaction: Transaction, space: bytes, kept: dict[bytes, int]) -> None:
        for group, number in kept.items():
            if number:
                parameter = pack_number(number, self._num_bytes)
                transaction.mutate(Mutation.ADD, space + group, parameter)


def counter(groups: Callable[[Any], list[bytes]]) -> Adder:
    """What counts each record into its groups; `no_group` puts all into one."""
    if groups is no_group:
        return Adder(
            lambda record: [(b"", 1)], COUNT_BYTES, totals=lambda records: {b"": len(records)}
        )
    return Adder(
        lambda record: [(group, 1) for group in groups(record)],
        COUNT_BYTES,
        totals=lambda records: Counter(chain.from_iterable(map(groups, records))),
    )


class UpdateCounter:
    """Adds one to a record's groups whenever it is written."""

    def __init__(self, groups: Callable[[Any], list[bytes]]) -> None:
        self._writes = counter(groups)

    def update(
        self, context: Context, space: bytes, record_id: bytes, old: Any | None, new: Any | None
    ) -> None:
        """Count a write."""
        if new is not None:
            self._writes.update(context, space, record_id, None, new)

    def insert_all(
        self, context: Context, space: bytes, record_ids: list[bytes], records: list[Any]
    ) -> None:
        """Count the writes of many new records."""
        self._writes.insert_all(context, space, record_ids, records)

    def entries(self, record: Any, record_id: bytes) -> list[Row]:
        """Rows belong to groups, not to records."""
        return []


class ExtremeKeeper:
    """Lowers or raises what a group has ever had."""

    def __init__(self, mutation: Mutation, group_by: Key, of: Key, type_number: int) -> None:
        self.mutation = mutation
        self._grouped = compile_grouped_values(group_by, of, type_number)
        self._packers = [column_packer(column) for column in of]
        self._choose = min if mutation is Mutation.BYTE_MIN else max

    def extremes(self, record: Any) -> list[tuple[bytes, bytes]]:
        """A record's groups with the packed values that it offers to each."""
        packers = self._packers
        return [
            (group, b"".join([pack(one) for pack, one in zip(packers, values, strict=True)]))
            for group, values in self._grouped(record)
            if None not in values
        ]

    def update(
        self, context: Context, space: bytes, record_id: bytes, old: Any | None, new: Any | None
    ) -> None:
        """Offer the new values; the old ones stay, since they were once there."""
        offered = [] if new is None else self.extremes(new)
        if old is None or (offered and offered != self.extremes(old)):
            self._offer(context, space, offered)

    def insert_all(
        self, context: Context, space: bytes, record_ids: list[bytes], records: list[Any]
    ) -> None:
        """Offer the values of many new records."""
        for record in records:
            self._offer(context, space, self.extremes(record))

    def entries(self, record: Any, record_id: bytes) -> list[Row]:
        """Rows belong to groups, not to records."""
        return []

    def _offer(self, context: Context, space: bytes, offered: list[tuple[bytes, bytes]]) -> None:
        kept, choose = pending(context, space, self._write), self._choose
        for group, packed in offered:
            kept[group] = choose(kept.get(group, packed), packed)

    def _write(self, transaction: Transaction, space: bytes, kept: dict[bytes, bytes]) -> None:
        for group, packed in kept.items():
            transaction.mutate(self.mutation, space + group, packed)


def pack_number(number: int, num_bytes: int = COUNT_BYTES) -> bytes:
    """A signed number as atomic additions take it: two's complement, little-endian."""
    return (number % (1 << 8 * num_bytes)).to_bytes(num_bytes, "little")


def unpack_number(packed: bytes) -> int:
    """The signed number of a row."""
    return int.from_bytes(packed, "little", signed=True)
