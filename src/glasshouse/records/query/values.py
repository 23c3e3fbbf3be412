"""Whether a condition's value can be compared with a field, and how it stands in keys."""

from datetime import date, datetime, timedelta
from enum import Enum
from typing import Any, Literal, get_args, get_origin
from uuid import UUID

from glasshouse.errors import QueryError, SchemaError
from glasshouse.records.expressions.conditions import (
    And,
    Comparison,
    Condition,
    IsNone,
    Matches,
    Not,
    Operator,
    Or,
)
from glasshouse.records.expressions.types import (
    element_type,
    field_type,
    is_struct,
    without_none,
)

SIMPLE = (str, int, float, bool, bytes, UUID, datetime, date, timedelta)
"""Annotations whose values sort in keys as they do in Python."""


def is_simple(annotation: Any) -> bool:
    """Whether a field's values are of one simple kind, None aside."""
    return without_none(annotation) in SIMPLE


def check_condition(condition: Condition | None, record_type: type) -> None:
    """Refuse comparisons that could only ever fail.

    Raises:
        QueryError: If a field is not there, or a value is of another kind than the field's.
    """
    match condition:
        case And(parts) | Or(parts):
            for part in parts:
                check_condition(part, record_type)
        case Not(inner):
            check_condition(inner, record_type)
        case Comparison(path, how, value):
            kind = _type_at(record_type, path)
            values = value if how is Operator.IN else (value,)
            for one in values:
                _check_value(kind, one, condition, is_equality=how in _EQUALITIES)
        case IsNone(path):
            _type_at(record_type, path)
        case Matches(path, inner):
            kind = _type_at(record_type, path)
            if is_struct(without_none(kind)):
                check_condition(inner, without_none(kind))


_EQUALITIES = (Operator.EQUAL, Operator.NOT_EQUAL, Operator.IN)


def _type_at(record_type: Any, path: tuple[str, ...]) -> Any:
    kind: Any = record_type
    for step in path:
        name = step.removesuffix("[]").removesuffix("[*]")
        struct = without_none(kind)
        try:
            kind = field_type(struct, name, of=getattr(struct, "__name__", str(struct)))
        except SchemaError as error:
            raise QueryError(str(error)) from None
        if step.endswith("[]"):
            kind = element_type(kind)
    return kind


def _check_value(kind: Any, value: Any, condition: Condition, *, is_equality: bool) -> None:
    kind = without_none(kind)
    if value is None or kind is Any or get_origin(kind) is Literal:
        return
    if isinstance(kind, type) and issubclass(kind, Enum):
        if isinstance(value, kind) and (is_equality or issubclass(kind, int)):
            return
        raise QueryError(f"{condition}: the field is a {kind.__name__}; compare it with a member")
    if element_type(kind) is not None:
        if isinstance(value, list | tuple | set | frozenset):
            return
        raise QueryError(f"{condition}: the field is repeated; say one_of(…)")
    choices = (
        [without_none(one) for one in get_args(kind)] if not isinstance(kind, type) else [kind]
    )
    if not any(_fits(choice, value) for choice in choices if isinstance(choice, type)):
        if all(not isinstance(choice, type) or choice not in SIMPLE for choice in choices):
            return
        name = getattr(kind, "__name__", str(kind))
        raise QueryError(f"{condition}: the field holds {name}, and {value!r} is none")


def _fits(kind: type, value: Any) -> bool:
    if kind in (int, float):
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind is datetime:
        return isinstance(value, datetime)
    if kind is date:
        return isinstance(value, date) and not isinstance(value, datetime)
    return isinstance(value, kind)
