"""What is asked of a store, as a value.

    Query(Run).where(Run.study == "rlhf", Run.loss < 2).order_by(desc(Run.loss)).limit(10)
    Query(Run).select(Run.id, Run.loss)

Source:
    1901.04452, section 8; `RecordQuery` of the Record Layer.
"""

from dataclasses import dataclass, replace
from typing import Any

from glasshouse.errors import QueryError, SchemaError
from glasshouse.records.expressions.conditions import Condition, all_of
from glasshouse.records.expressions.record import Record
from glasshouse.records.expressions.reference import FieldReference
from glasshouse.records.schema.keys import Key, fans_out, key_of


@dataclass(frozen=True, init=False)
class Query:
    """Which records, in what order, and what of them; each method gives another query."""

    record_types: tuple[type[Record], ...]
    """The types asked for."""
    condition: Condition | None = None
    """What must be true of a record; None of every one."""
    order: Key = ()
    """Columns to sort by, smallest first, or largest first where they descend."""
    selected: Key = ()
    """The columns that rows are made of; without, rows are records."""
    most: int | None = None
    """Rows to end after."""
    sorts_at_most: int | None = None
    """Records that may be sorted in memory where no index gives the order."""

    def __init__(self, *record_types: Any) -> None:
        for kind in record_types:
            if not (isinstance(kind, type) and issubclass(kind, Record)):
                raise QueryError(f"Query({kind!r}) needs a record type")
        if not record_types:
            raise QueryError("Query() needs a record type, as in Query(Run)")
        object.__setattr__(self, "record_types", record_types)

    def where(self, *conditions: Any) -> "Query":
        """Only records for which all of these are true, besides those asked for before.

        Raises:
            QueryError: If one is no condition, as when `and` has joined two.
        """
        mine = () if self.condition is None else (self.condition,)
        return self._with(condition=all_of((*mine, *conditions)))

    def order_by(self, *columns: Any) -> "Query":
        """Sorted by these columns; `desc(…)` turns one. Missing values are the smallest.

        Raises:
            QueryError: If a column is none, or fans out.
        """
        try:
            order = key_of(columns, self.record_types[0])
        except SchemaError as error:
            raise QueryError(str(error)) from None
        if fans_out(order) or any(not column.path for column in order):
            raise QueryError("order_by takes fields that each record has one of")
        return self._with(order=order)

    def select(self, *fields: Any) -> "Query":
        """Rows are tuples of these fields instead of records.

        Raises:
            QueryError: If one is no field.
        """
        for field in fields:
            if not isinstance(field, FieldReference):
                raise QueryError(f"select({field!r}) needs fields of a record type, as Run.id")
        return self.rows_of(key_of(fields))

    def rows_of(self, columns: Key) -> "Query":
        """Rows are tuples of these columns."""
        return self._with(selected=columns)

    def limit(self, rows: int) -> "Query":
        """At most so many rows.

        Raises:
            QueryError: If it is negative.
        """
        if rows < 0:
            raise QueryError(f"limit({rows}) must not be negative")
        return self._with(most=rows)

    def sorted_in_memory(self, at_most: int = 100_000) -> "Query":
        """May collect and sort so many records where no index gives the order asked for."""
        return self._with(sorts_at_most=at_most)

    def columns_of(self, record_type: type) -> Key:
        """The order, with the annotations of one of the types.

        Raises:
            QueryError: If the type lacks a field of it.
        """
        try:
            return tuple(
                replace(key_of(".".join(column.path), record_type)[0], descending=column.descending)
                for column in self.order
            )
        except SchemaError as error:
            raise QueryError(str(error)) from None

    def _with(self, **changes: Any) -> "Query":
        made = Query(*self.record_types)
        for name in ("condition", "order", "selected", "most", "sorts_at_most"):
            object.__setattr__(made, name, changes.get(name, getattr(self, name)))
        return made

    def __str__(self) -> str:
        words = [" | ".join(kind.__name__ for kind in self.record_types)]
        if self.condition is not None:
            words.append(f"where {self.condition}")
        if self.order:
            words.append("order by " + ", ".join(column.describe() for column in self.order))
        if self.selected:
            words.append("select " + ", ".join(column.describe() for column in self.selected))
        if self.most is not None:
            words.append(f"limit {self.most}")
        return " ".join(words)
