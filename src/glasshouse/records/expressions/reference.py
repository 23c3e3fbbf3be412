"""What `Run.loss` means: a reference to a field, to compare with or to index by.

Run.study == "rlhf"                  a condition
(Run.loss < 2) & (Run.step > 100)    both of two; `and` cannot be overloaded and is refused
Run.config.lr < 1e-3                 a field of a field
one_of(Run.tags) == "final"          some element of a repeated field
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from glasshouse.errors import QueryError, SchemaError
from glasshouse.records.expressions.conditions import (
    Comparison,
    Condition,
    Operator,
)
from glasshouse.records.expressions.types import element_type, field_type

EACH = "[]"
"""Ends a step of a path that stands for every element of a repeated field."""

ALL = "[*]"
"""Ends a step of a path that stands for the whole repeated field as one value."""


@dataclass(frozen=True, eq=False, slots=True)
class FieldReference:
    """A field of a record type, at any depth."""

    _record: type
    """The record type it starts from."""
    _path: tuple[str, ...]
    """Names of fields from the record inwards; a step ends in `[]` where it goes into elements."""
    _type: Any
    """The annotation of what the path leads to."""

    def __getattr__(self, name: str) -> "FieldReference":
        if name.startswith("__"):
            raise AttributeError(name)
        inner = field_type(self._type, name, of=".".join(self._path))
        return FieldReference(self._record, (*self._path, name), inner)

    def __eq__(self, value: object) -> Condition:  # type: ignore[override]
        return Comparison(self._path, Operator.EQUAL, plain(value))

    def __ne__(self, value: object) -> Condition:  # type: ignore[override]
        return Comparison(self._path, Operator.NOT_EQUAL, plain(value))

    def __lt__(self, value: Any) -> Condition:
        return Comparison(self._path, Operator.LESS, plain(value))

    def __le__(self, value: Any) -> Condition:
        return Comparison(self._path, Operator.AT_MOST, plain(value))

    def __gt__(self, value: Any) -> Condition:
        return Comparison(self._path, Operator.GREATER, plain(value))

    def __ge__(self, value: Any) -> Condition:
        return Comparison(self._path, Operator.AT_LEAST, plain(value))

    __hash__ = None  # type: ignore[assignment]

    def __bool__(self) -> bool:
        raise QueryError(f"{self} is a field, not a value; compare it, as in `{self} == …`")

    def __iter__(self) -> Iterator[Any]:
        raise QueryError(f"{self} is a field and has no elements yet; say one_of({self})")

    def __repr__(self) -> str:
        return ".".join((self._record.__name__, *self._path))


def plain(value: object) -> Any:
    """A value to compare with, as records hold it; a field cannot be compared with a field.

    Raises:
        QueryError: If it is a reference to a field.
    """
    if isinstance(value, FieldReference):
        raise QueryError(f"{value} stands where a value is needed; fields compare with values only")
    return value


def reference(record: type, name: str) -> FieldReference:
    """The reference to a field of a record type.

    Raises:
        SchemaError: If it has no such field; the message lists those it has.
    """
    return FieldReference(record, (name,), field_type(record, name, of=record.__name__))


def one_of(field: Any) -> Any:
    """Some element of a repeated field: a condition on it holds if it holds for one element.

    Raises:
        SchemaError: If the field is not a list, set or tuple.

    Source:
        `oneOfThem` of the Record Layer.
    """
    return _repeated(field, EACH, "one_of")


def fan_out(field: Any) -> Any:
    """A repeated field as a key: one index entry for each element.

    Raises:
        SchemaError: If the field is not a list, set or tuple.

    Source:
        1901.04452, section 4, "FanType.FanOut".
    """
    return _repeated(field, EACH, "fan_out")


def concatenate(field: Any) -> FieldReference:
    """A repeated field as a key: all elements together as one value of one entry.

    Raises:
        SchemaError: If the field is not a list, set or tuple.
    """
    repeated = _repeated(field, ALL, "concatenate")
    return FieldReference(repeated._record, repeated._path, tuple[repeated._type, ...])


def _repeated(field: Any, ending: str, what: str) -> FieldReference:
    if not isinstance(field, FieldReference):
        raise SchemaError(f"{what}({field!r}) needs a field of a record type, as Run.tags")
    inner = element_type(field._type)
    if inner is None:
        raise SchemaError(f"{what}({field}) needs a list, set or tuple; it is {field._type}")
    return FieldReference(field._record, (*field._path[:-1], field._path[-1] + ending), inner)


def path_of(field: FieldReference) -> tuple[str, ...]:
    """The names from the record inwards."""
    return field._path


def type_of(field: FieldReference) -> Any:
    """The annotation of what the reference leads to."""
    return field._type


def record_of(field: FieldReference) -> type:
    """The record type that the reference starts from."""
    return field._record
