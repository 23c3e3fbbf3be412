"""Conditions on records: values that can be tested, joined, described and planned.

A comparison with a field that is None is neither true nor false, and so is its negation; a record
passes only where the whole condition is true. That is SQL's logic and the Record Layer's.
"""

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from glasshouse.errors import QueryError

Test = Callable[[Any], bool | None]
"""Whether a condition holds for a record; None where a missing value leaves it undecided."""


class Operator(Enum):
    """How a field is compared with a value."""

    EQUAL = "=="
    NOT_EQUAL = "!="
    LESS = "<"
    AT_MOST = "<="
    GREATER = ">"
    AT_LEAST = ">="
    STARTS_WITH = "starts with"
    IN = "in"


_COMPARE: dict[Operator, Callable[[Any, Any], bool]] = {
    Operator.EQUAL: operator.eq,
    Operator.NOT_EQUAL: operator.ne,
    Operator.LESS: operator.lt,
    Operator.AT_MOST: operator.le,
    Operator.GREATER: operator.gt,
    Operator.AT_LEAST: operator.ge,
    Operator.STARTS_WITH: lambda value, prefix: value.startswith(prefix),
    Operator.IN: lambda value, choices: value in choices,
}


@dataclass(frozen=True)
class Condition:
    """Something that is true of some records; the base of all conditions."""

    def __and__(self, other: "Condition") -> "Condition":
        return And((self, _condition(other, "&")))

    def __or__(self, other: "Condition") -> "Condition":
        return Or((self, _condition(other, "|")))

    def __invert__(self) -> "Condition":
        return Not(self)

    def __bool__(self) -> bool:
        raise QueryError(
            "`and`, `or` and `not` cannot join conditions; write (a) & (b), (a) | (b) or ~(a)"
        )

    def test(self) -> Test:
        """A function that tests records; kinds of conditions defined elsewhere have their own.

        Raises:
            QueryError: If only an index can answer the condition.
        """
        raise QueryError(f"{self} can be answered by an index only, and none is there for it")


def _condition(value: object, sign: str) -> Condition:
    if not isinstance(value, Condition):
        raise QueryError(
            f"{value!r} beside {sign} is no condition; put comparisons in parentheses, as in "
            f"(Run.loss < 2) {sign} (Run.step > 10)"
        )
    return value


@dataclass(frozen=True)
class Comparison(Condition):
    """A field compared with a value."""

    path: tuple[str, ...]
    operator: Operator
    value: Any

    def __str__(self) -> str:
        return f"{'.'.join(self.path)} {self.operator.value} {_words(self.value)}"


def _words(value: Any) -> str:
    """A value in words that are the same in every process; a set has another order in each."""
    if isinstance(value, set | frozenset):
        return "{" + ", ".join(sorted(map(repr, value))) + "}"
    return repr(value)


@dataclass(frozen=True)
class IsNone(Condition):
    """A field that holds nothing."""

    path: tuple[str, ...]

    def __str__(self) -> str:
        return f"{'.'.join(self.path)} is None"


@dataclass(frozen=True)
class Matches(Condition):
    """Some one element of a repeated field for which a whole condition holds."""

    path: tuple[str, ...]
    condition: Condition
    """On the element: its paths begin there; an empty path is the element itself."""

    def __str__(self) -> str:
        return f"one of {'.'.join(self.path)} matches ({self.condition})"


@dataclass(frozen=True)
class And(Condition):
    """All of several."""

    parts: tuple[Condition, ...]

    def __str__(self) -> str:
        return " & ".join(f"({part})" for part in self.parts)


@dataclass(frozen=True)
class Or(Condition):
    """At least one of several."""

    parts: tuple[Condition, ...]

    def __str__(self) -> str:
        return " | ".join(f"({part})" for part in self.parts)


@dataclass(frozen=True)
class Not(Condition):
    """The opposite; undecided where the condition is."""

    condition: Condition

    def __str__(self) -> str:
        return f"~({self.condition})"


def all_of(conditions: Sequence[Any]) -> Condition | None:
    """The conjunction of conditions; None of no conditions.

    Raises:
        QueryError: If one is no condition.
    """
    for one in conditions:
        _condition(one, "in where")
    if len(conditions) <= 1:
        return conditions[0] if conditions else None
    return And(tuple(conditions))


def compile_test(condition: Condition) -> Test:
    """A function that tests records.

    Raises:
        QueryError: If the condition is of a kind that only an index can answer.
    """
    match condition:
        case Comparison(path, how, value):
            return _comparison(path, how, value)
        case IsNone(path):
            return _is_none(path)
        case Matches(path, inner):
            return _matches(path, inner)
        case And(parts):
            return _and([compile_test(part) for part in parts])
        case Or(parts):
            return _or([compile_test(part) for part in parts])
        case Not(inner):
            return _not(compile_test(inner))
    return condition.test()


def values_at(path: Sequence[str]) -> Callable[[Any], list[Any]]:
    """A function of a record that gives all values at a path: one, or one for each element.

    A step that ends in `[]` goes into elements. A None on the way is the only value, unless it
    stands where elements should: then there are none. A key that a dict lacks leads to a None.
    """
    if len(path) == 1 and not path[0].endswith("]"):
        get = operator.attrgetter(path[0])
        return lambda record: [get(record)]
    steps = [(step.removesuffix("[]").removesuffix("[*]"), step.endswith("[]")) for step in path]

    def values(record: Any) -> list[Any]:
        found = [record]
        for name, into_elements in steps:
            found = [
                one.get(name) if type(one) is dict else getattr(one, name, None) for one in found
            ]
            if into_elements:
                found = [element for one in found if one is not None for element in one]
        return found

    return values


def _comparison(path: tuple[str, ...], how: Operator, value: Any) -> Test:
    compare = _COMPARE[how]
    if not path:
        return lambda element: None if element is None else compare(element, value)
    if len(path) == 1 and not path[0].endswith("]"):
        get = operator.attrgetter(path[0])

        def test_field(record: Any) -> bool | None:
            found = get(record)
            return None if found is None or value is None else compare(found, value)

        return test_field
    values = values_at(path)

    def test_values(record: Any) -> bool | None:
        try:
            answers = [
                None if found is None or value is None else compare(found, value)
                for found in values(record)
            ]
        except (TypeError, AttributeError):
            return None  # inside a dict anything may stand, also what cannot be compared
        return _any(answers)

    return test_values


def _is_none(path: tuple[str, ...]) -> Test:
    values = values_at(path)
    return lambda record: any(found is None for found in values(record))


def _matches(path: tuple[str, ...], inner: Condition) -> Test:
    values, test = values_at(path), compile_test(inner)
    return lambda record: _any([test(element) for element in values(record)])


def _and(tests: list[Test]) -> Test:
    def test(record: Any) -> bool | None:
        undecided = False
        for one in tests:
            answer = one(record)
            if answer is None:
                undecided = True
            elif not answer:
                return False
        return None if undecided else True

    return test


def _or(tests: list[Test]) -> Test:
    return lambda record: _any([one(record) for one in tests])


def _any(answers: list[bool | None]) -> bool | None:
    if any(answers):
        return True
    return None if None in answers else False


def _not(test: Test) -> Test:
    def negated(record: Any) -> bool | None:
        answer = test(record)
        return None if answer is None else not answer

    return negated
