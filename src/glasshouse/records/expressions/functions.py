"""Conditions that have no operator of their own."""

from collections.abc import Callable, Iterable
from typing import Any

from glasshouse.errors import QueryError
from glasshouse.records.expressions.conditions import (
    And,
    Comparison,
    Condition,
    IsNone,
    Matches,
    Operator,
)
from glasshouse.records.expressions.reference import EACH, FieldReference, path_of, plain, type_of
from glasshouse.records.expressions.types import element_type


def is_in(field: Any, values: Iterable[Any]) -> Condition:
    """The field equals one of these values."""
    if isinstance(values, set | frozenset):
        values = sorted(values, key=repr)  # a set has another order in every process
    return Comparison(_path(field, "is_in"), Operator.IN, tuple(plain(value) for value in values))


def starts_with(field: Any, prefix: str | bytes) -> Condition:
    """The text or bytes begin with a prefix."""
    return Comparison(_path(field, "starts_with"), Operator.STARTS_WITH, prefix)


def is_none(field: Any) -> Condition:
    """The field holds nothing."""
    return IsNone(_path(field, "is_none"))


def between(field: Any, least: Any, most: Any) -> Condition:
    """Least <= field <= most."""
    path = _path(field, "between")
    return And(
        (
            Comparison(path, Operator.AT_LEAST, plain(least)),
            Comparison(path, Operator.AT_MOST, plain(most)),
        )
    )


def matches(field: Any, condition: Callable[[Any], Any]) -> Condition:
    """Some one element of a repeated field meets a whole condition.

        matches(Customer.phones, lambda phone: (phone.kind == "home") & (phone.prefix == "030"))

    Raises:
        QueryError: If the field is not repeated or the function gives no condition.

    Source:
        `oneOfThem().matches(…)` of the Record Layer.
    """
    path = _path(field, "matches")
    inner = element_type(type_of(field))
    if inner is None:
        raise QueryError(f"matches({field}, …) needs a list, set or tuple; it is {type_of(field)}")
    element = FieldReference(type(field), (), inner)
    found = condition(element)
    if not isinstance(found, Condition):
        raise QueryError(f"matches({field}, …) needs a function that gives a condition")
    return Matches((*path[:-1], path[-1] + EACH), found)


def _path(field: Any, what: str) -> tuple[str, ...]:
    if not isinstance(field, FieldReference):
        raise QueryError(f"{what}({field!r}, …) needs a field of a record type, as Run.study")
    return path_of(field)
