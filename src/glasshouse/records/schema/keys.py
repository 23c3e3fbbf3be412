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
from collections.abc import Callable, Iterable, Sequence
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


def nest(parent: Any, *fields: str | Callable[[Any], Any]) -> Key:
    """Several fields of the same struct, or of the same element of a fan-out.

        nest(fan_out(Car.seats), "back", "seat")
        nest(fan_out(Car.seats), lambda seat: (seat.back, concatenate(seat.armrests)))

    Args:
        parent: A field that holds a struct, or a fan-out of structs.
        fields: Names of fields, or functions of the struct that give key expressions.

    Raises:
        SchemaError: If a field is not there, or a function gives what is no field of the struct or
            fans out once more.
    """
    if not isinstance(parent, FieldReference):
        raise SchemaError(f"nest({parent!r}, …) needs a field of a record type")
    path, kind = path_of(parent), type_of(parent)
    is_fan_out = any(step.endswith(EACH) for step in path)
    columns = []
    for one in fields:
        if isinstance(one, str):
            kind_of_field = field_type(kind, one, of=".".join(path))
            inner: Key = (Column(path=(one,), type=kind_of_field),)
        else:
            inner = key_of(one(FieldReference(type(parent), (), kind)))
        if any(not column.path for column in inner) or fans_out(inner):
            raise SchemaError(
                f"nest({parent}, …) takes fields of one struct as they are; fan out the parent, "
                "and put other columns beside it"
            )
        columns += [replace(one, path=(*path, *one.path), same_element=is_fan_out) for one in inner]
    return tuple(columns)


def element_of(column: Column) -> tuple[str, ...]:
    """The path to the elements that a column's values come from; empty without a fan-out."""
    steps = [place for place, step in enumerate(column.path) if step.endswith(EACH)]
    return column.path[: steps[-1] + 1] if steps else ()


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
    """What columns that belong together have in common: an element, or else only their place."""
    place, column = numbered
    return element_of(column) if column.same_element else place


def _evaluate_group(
    columns: list[tuple[int, Column]], type_number: int
) -> Callable[[Any], list[tuple[Any, ...]]]:
    """Columns that come from one element together, or one column alone."""
    column = columns[0][1]
    if column.same_element:
        to_element = element_of(column)
        elements = values_at(to_element)
        own = [one.path[len(to_element) :] for _, one in columns]
        if any(path[1:] or path[-1].endswith(ALL) for path in own):
            parts = [_values_inside(path) for path in own]
            return lambda record: [
                tuple(part(element) for part in parts) for element in elements(record)
            ]
        names = [path[0] for path in own]
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
        return lambda record: [(_together(found),) for found in values(record)]
    return lambda record: [(_plain(found),) for found in values(record)]


def _values_inside(path: Sequence[str]) -> Callable[[Any], Any]:
    """A function of an element that gives the one value at a path in it."""
    values, plain = values_at(path), _together if path[-1].endswith(ALL) else _plain
    return lambda element: plain(values(element)[0])


def _together(values: Iterable[Any] | None) -> tuple[Any, ...] | None:
    """The elements of a repeated field as one value."""
    return None if values is None else tuple(_plain(one) for one in values)


def _plain(value: Any) -> Any:
    """A value as keys hold it: an enum by its value."""
    return value.value if isinstance(value, Enum) else value
