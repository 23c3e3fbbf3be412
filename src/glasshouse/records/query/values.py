"""Whether a condition's value can be compared with a field, and which fields sort as keys do."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from enum import Enum, IntEnum
from functools import cache
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin
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
    without_none,
)
from glasshouse.records.indexes.text_conditions import TextCondition

SIMPLE = (str, int, float, bool, bytes, UUID, datetime, date, timedelta)
"""Annotations whose values sort in keys as they do in Python."""

_EQUALITIES = (Operator.EQUAL, Operator.NOT_EQUAL, Operator.IN)


@cache
def simple_kind(annotation: Any) -> type | None:
    """The one simple kind that a field's values are of, None aside; None if they are of others.

    Members of an `IntEnum` are numbers, and what a `Literal` lists is what it says.
    """
    kind = without_none(annotation)
    if isinstance(kind, type) and issubclass(kind, IntEnum):
        return int
    if get_origin(kind) is Literal:
        kinds = {type(one) for one in get_args(kind) if one is not None}
        return kinds.pop() if kinds in ({str}, {int}) else None
    return kind if kind in SIMPLE else None


def check_condition(condition: Condition | None, record_type: Any) -> None:
    """Refuse comparisons that could only ever fail.

    Args:
        condition: On a record, or on an element of a repeated field.
        record_type: The annotation of what it is on.

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
            kind = type_at(record_type, path)
            for one in value if how is Operator.IN else (value,):
                _check_value(without_none(kind), one, condition)
        case IsNone(path) | TextCondition(path):
            type_at(record_type, path)
        case Matches(path, inner):
            check_condition(inner, type_at(record_type, path))


def type_at(record_type: Any, path: tuple[str, ...]) -> Any:
    """The annotation of what a path leads to.

    Raises:
        QueryError: If a field on the way is not there.
    """
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


@cache
def sorts_as_keys(annotation: Any) -> bool:
    """Whether values sort in keys as in Python, as whole numbers beside others do not."""
    kind = without_none(annotation)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return True
    inside = element_type(kind)
    return simple_kind(kind) is not None or (inside is not None and sorts_as_keys(inside))


def _check_value(kind: Any, value: Any, condition: Comparison) -> None:
    how = condition.operator
    if value is None or kind is Any:
        return
    if isinstance(kind, type) and issubclass(kind, Enum):
        _check_member(kind, value, condition)
    elif element_type(kind) is not None:
        if not isinstance(value, list | tuple | set | frozenset):
            raise QueryError(f"{condition}: the field is repeated; say one_of(…)")
    else:
        choices = list(_choices(kind))
        known = [one for one in choices if one in SIMPLE]
        fitting = [one for one in known if _fits(one, value)]
        is_open = len(known) < len(choices)
        if not fitting and not is_open:
            raise QueryError(f"{condition}: the field holds {_names(known)}, and {value!r} is none")
        if how is Operator.STARTS_WITH:
            _refuse_others(known, (str, bytes), condition, "begins with nothing")
        if how not in _EQUALITIES:
            _refuse_others(known, fitting, condition, f"cannot be compared with {value!r}")


def _check_member(kind: type[Enum], value: Any, condition: Comparison) -> None:
    if not isinstance(value, kind):
        raise QueryError(f"{condition}: the field is a {kind.__name__}; compare it with a member")
    if condition.operator not in _EQUALITIES and not issubclass(kind, IntEnum):
        raise QueryError(f"{condition}: the members of {kind.__name__} have no order; say is_in(…)")


def _choices(kind: Any) -> Iterator[Any]:
    """The annotations that a union joins, or the kinds of the values that are listed."""
    origin = get_origin(kind)
    if origin is Literal:
        yield from {type(one) for one in get_args(kind) if one is not None}
    elif origin in (Union, UnionType):
        for part in get_args(kind):
            yield from _choices(part)
    else:
        yield kind


def _refuse_others(
    kinds: Iterable[type], allowed: Iterable[type], condition: Comparison, why: str
) -> None:
    others = [one for one in kinds if one not in allowed]
    if others:
        raise QueryError(f"{condition}: the field may hold {_names(others)}, which {why}")


def _names(kinds: Iterable[type]) -> str:
    return " or ".join(kind.__name__ for kind in kinds)


def _fits(kind: type, value: Any) -> bool:
    if kind in (int, float):
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind is date:
        return isinstance(value, date) and not isinstance(value, datetime)
    return isinstance(value, kind)
