"""Taking conditions apart: the sides of an `or`, the values of an `in`, and what excludes what."""

from collections.abc import Sequence

from glasshouse.records.expressions.conditions import Comparison, Condition, Operator, Or


def sides_of(condition: Condition) -> list[Condition] | None:
    """The conditions of which one must be true; None for a condition of another kind."""
    match condition:
        case Or(parts):
            return [one for part in parts for one in sides_of(part) or [part]]
        case Comparison(path, Operator.IN, values):
            try:
                found = dict.fromkeys(values)
            except TypeError:
                return None  # lists among them
            return [Comparison(path, Operator.EQUAL, one) for one in found if one is not None]
    return None


def given_before(earlier: Sequence[Condition], side: Condition) -> Condition | None:
    """Of which rows of a side earlier ones may have given; None of none."""
    may_be_too = [one for one in earlier if not _excludes(one, side)]
    if not may_be_too:
        return None
    return may_be_too[0] if len(may_be_too) == 1 else Or(tuple(may_be_too))


def _excludes(one: Condition, other: Condition) -> bool:
    """Whether two conditions are equalities of one field with two values."""
    return (
        isinstance(one, Comparison)
        and isinstance(other, Comparison)
        and one.path == other.path
        and one.operator is other.operator is Operator.EQUAL
        and not any(step.endswith("[]") for step in one.path)
        and bool(one.value != other.value)
    )


def is_never(condition: Condition) -> bool:
    """Whether a comparison cannot be true of any record.

    Nothing equals, or is smaller than, a missing value, or what is no number.
    """
    if not isinstance(condition, Comparison):
        return False
    if condition.operator is Operator.IN:
        return all(value is None or value != value for value in condition.value)
    value = condition.value
    return value is None or (value != value and condition.operator is not Operator.NOT_EQUAL)
