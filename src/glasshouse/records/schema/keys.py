"""Key expressions: how a record gives the columns of a key.

    Order.price                                  a field
    (Order.customer, desc(Order.placed))         several columns, one of them descending
    fan_out(Order.tags)                          one key for each element
    fan_out(Order.items).sku                     a field of each element
    nest(fan_out(Order.items), "sku", "count")   several fields of the same element
    record_type(), literal(1), computed(…)

A key expression gives a list of keys: one, or one for each element that a fan-out meets; where
several fan-outs meet, every combination.

Source:
    1901.04452, section 4, "key expressions", and the Record Layer's `Key.Expressions`.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from glasshouse.errors import SchemaError
from glasshouse.records.expressions.conditions import values_at
from glasshouse.records.expressions.reference import (
    ALL,
    EACH,
    FieldReference,
    path_of,
    reference,
    type_of,
)
from glasshouse.records.expressions.types import field_type


@dataclass(frozen=True, kw_only=True, slots=True)
class Column:
    """One column of a key."""

    path: tuple[str, ...] = ()
    """Names from the record inwards; a step that ends in `[]` fans out, in `[*]` concatenates."""
    type: Any = Any
    """The annotation of what the column holds; decides how it is packed."""
    descending: bool = False
    literal: Any = None
    """The value of a column without a path."""
    is_record_type: bool = False
    """Whether the column is the number of the record's type."""
    function: Callable[[Any], Any] | None = None
    """Computes the column from the record."""
    name: str = ""
    """Of a computed column: what a stored schema remembers it by."""
    same_element: bool = False
    """Whether it comes from the same element as the columns of the same parent beside it."""

    def describe(self) -> str:
        """The column in words, as a stored schema keeps it."""
        if self.path:
            words = ".".join(self.path) + ("@" if self.same_element else "")
        elif self.is_record_type:
            words = "record_type()"
        elif self.function is not None:
            words = f"{self.name}()"
        else:
            words = f"literal({self.literal!r})"
        return f"desc({words})" if self.descending else words


Key = tuple[Column, ...]
"""The columns of a key, in order."""


def desc(expression: Any) -> Any:
    """The columns of an expression, largest value first and missing values last."""
    columns = tuple(
        replace(column, descending=not column.descending) for column in key_of(expression)
    )
    return columns[0] if len(columns) == 1 else columns


def record_type() -> Column:
    """The number of the record's type, for an index over several types."""
    return Column(is_record_type=True, type=int)


def literal(value: Any) -> Column:
    """A column that is the same for every record."""
    return Column(literal=value, type=type(value))


def computed(name: str, function: Callable[[Any], Any], *, type: Any = Any) -> Column:
    """A column computed from the record; the function must give the same value for the same record.

    Args:
        name: What a stored schema remembers it by: change it when the function changes.
        function: From the record to a value that can be packed; None is a missing value.
        type: The annotation of what it gives.
    """
    return Column(name=name, function=function, type=type)


def nest(parent: Any, *fields: str) -> Key:
    """Several fields of the same struct, or of the same element of a fan-out.

    Raises:
        SchemaError: If a field is not there.
    """
    if not isinstance(parent, FieldReference):
        raise SchemaError(f"nest({parent!r}, …) needs a field of a record type")
    path, kind = path_of(parent), type_of(parent)
    is_fan_out = any(step.endswith(EACH) for step in path)
    return tuple(
        Column(
            path=(*path, name),
            type=field_type(kind, name, of=".".join(path)),
            same_element=is_fan_out,
        )
        for name in fields
    )


def key_of(expression: Any, record: type | None = None) -> Key:
    """The columns that an expression stands for.

    Args:
        expression: A field, a column, the name of a field of `record`, or several of them.
        record: The record type that names are looked up in.

    Raises:
        SchemaError: If it is none of these.
    """
    if isinstance(expression, Column):
        return (expression,)
    if isinstance(expression, FieldReference):
        return (Column(path=path_of(expression), type=type_of(expression)),)
    if isinstance(expression, str) and record is not None:
        first, *rest = expression.split(".")
        found = reference(record, first)
        for name in rest:
            found = getattr(found, name)
        return key_of(found)
    if isinstance(expression, Sequence) and not isinstance(expression, str):
        return tuple(column for one in expression for column in key_of(one, record))
    raise SchemaError(
        f"{expression!r} is no key; give a field as Run.study, several in a tuple, desc(…), "
        "fan_out(…), nest(…), literal(…), computed(…) or record_type()"
    )


def fans_out(key: Key) -> bool:
    """Whether a record may have any number of keys instead of one."""
    return any(step.endswith(EACH) for column in key for step in column.path)


def evaluate(key: Key, type_number: int) -> Callable[[Any], list[tuple[Any, ...]]]:
    """A function of a record that gives its keys as tuples of values."""
    groups = [
        _evaluate_group(list(group), type_number)
        for _, group in itertools.groupby(enumerate(key), _source)
    ]
    if len(groups) == 1:
        return groups[0]

    def keys(record: Any) -> list[tuple[Any, ...]]:
        parts = [group(record) for group in groups]
        return [sum(combination, ()) for combination in itertools.product(*parts)]

    return keys


def _source(numbered: tuple[int, Column]) -> Any:
    """What columns that belong together have in common: their parent, or else only their place."""
    place, column = numbered
    return column.path[:-1] if column.same_element else place


def _evaluate_group(
    columns: list[tuple[int, Column]], type_number: int
) -> Callable[[Any], list[tuple[Any, ...]]]:
    """Columns that come from one element together, or one column alone."""
    column = columns[0][1]
    if column.same_element:
        *to_parent, _ = column.path
        elements = values_at(to_parent)
        names = [one.path[-1] for _, one in columns]
        empty = (None,) * len(names)
        return lambda record: [
            empty if element is None else tuple(_plain(getattr(element, name)) for name in names)
            for element in elements(record)
        ]
    if column.is_record_type:
        return lambda record: [(type_number,)]
    if column.function is not None:
        function = column.function
        return lambda record: [(_plain(function(record)),)]
    if not column.path:
        return lambda record: [(column.literal,)]
    values = values_at(column.path)
    if column.path[-1].endswith(ALL):
        return lambda record: [
            (None if found is None else tuple(_plain(one) for one in found),)
            for found in values(record)
        ]
    return lambda record: [(_plain(found),) for found in values(record)]


def _plain(value: Any) -> Any:
    """A value as keys hold it: an enum by its value."""
    return value.value if isinstance(value, Enum) else value
