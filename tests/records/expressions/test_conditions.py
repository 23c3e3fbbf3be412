"""Conditions against records, with the logic of missing values."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glasshouse.errors import QueryError
from glasshouse.records.expressions import (
    Record,
    between,
    compile_test,
    is_in,
    is_none,
    matches,
    one_of,
    starts_with,
)
from glasshouse.records.expressions.conditions import And, Comparison, Not, Operator, Or


class Phone(msgspec.Struct):
    kind: str
    prefix: str


class Person(Record):
    name: str
    age: int | None = None
    tags: list[str] = []
    phones: list[Phone] | None = None


def holds(condition, person):
    return compile_test(condition)(person)


class TestCompileTest:
    @pytest.mark.parametrize(
        ("condition", "expected"),
        [
            (Person.name == "ada", True),
            (Person.name != "ada", False),
            (Person.age < 37, True),
            (Person.age >= 37, False),
            (between(Person.age, 36, 36), True),
            (is_in(Person.name, ["bob", "ada"]), True),
            (starts_with(Person.name, "ad"), True),
            (is_none(Person.age), False),
            (one_of(Person.tags) == "x", True),
            (one_of(Person.tags) == "z", False),
            (one_of(Person.tags) > "x", True),
        ],
    )
    def test_answers_each_operator(self, condition, expected):
        """One case a kind of condition."""
        assert holds(condition, Person("ada", 36, ["x", "y"])) is expected

    def test_tells_one_element_from_several(self):
        """`matches` asks one element for everything; two one_of conditions may use two."""
        person = Person("ada", phones=[Phone("home", "030"), Phone("work", "089")])
        both = matches(
            Person.phones, lambda phone: (phone.kind == "home") & (phone.prefix == "089")
        )
        apart = (one_of(Person.phones).kind == "home") & (one_of(Person.phones).prefix == "089")
        assert holds(both, person) is False
        assert holds(apart, person) is True

    def test_leaves_missing_values_undecided(self):
        """What is not known is neither under 40 nor not under 40."""
        nobody = Person("ada")
        assert holds(Person.age < 40, nobody) is None
        assert holds(~(Person.age < 40), nobody) is None
        assert holds((Person.age < 40) | (Person.name == "ada"), nobody) is True
        assert holds((Person.age < 40) & (Person.name == "bob"), nobody) is False
        assert holds(one_of(Person.phones).kind == "home", nobody) is False

    def test_wants_conditions(self):
        """A function that gives no condition is refused."""
        with pytest.raises(QueryError, match="gives a condition"):
            matches(Person.phones, lambda phone: True)
        with pytest.raises(QueryError, match="needs a field"):
            is_in("name", ["a"])

    @given(
        age=st.none() | st.integers(0, 3),
        left=st.integers(0, 3),
        right=st.integers(0, 3),
    )
    def test_obeys_de_morgan(self, age, left, right):
        """Negation goes through `and` and `or`, missing values included."""
        one = Comparison(("age",), Operator.LESS, left)
        other = Comparison(("age",), Operator.EQUAL, right)
        person = Person("ada", age)
        joined = holds(Not(And((one, other))), person)
        assert joined is holds(Or((Not(one), Not(other))), person)
