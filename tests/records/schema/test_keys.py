"""The keys that expressions give, by the examples of the Record Layer's overview."""

import msgspec
import pytest

from glasshouse.errors import SchemaError
from glasshouse.records.expressions import Record, concatenate, fan_out, matches
from glasshouse.records.indexes.value import ValueIndex
from glasshouse.records.query import Query, explain, stream
from glasshouse.records.schema.keys import evaluate, key_of, literal, nest
from glasshouse.records.schema.schema import Schema
from glasshouse.records.store.database import Database
from glasshouse.records.subspace import Subspace


class Maker(msgspec.Struct):
    name: str
    town: str | None = None


class Seat(msgspec.Struct):
    back: str | None = None
    seat: str | None = None
    armrest: list[str] | None = None
    maker: Maker | None = None


class Car(Record):
    id: str
    a: list[str] = []
    b: str | None = None
    c: list[str] = []
    s: list[Seat] = []


CAR = Car(
    "car1",
    ["x1", "x2"],
    "y",
    ["y1", "y2"],
    [Seat("red1", "red2"), Seat("blue1", "blue2", ["a", "b", "c"], Maker("m"))],
)


def keys(*expression):
    return evaluate(key_of(expression), 1)(CAR)


class TestKeys:
    def test_has_one_key_for_a_list_taken_together(self):
        """By itself and beside a field."""
        assert keys(concatenate(Car.a)) == [(("x1", "x2"),)]
        assert keys(concatenate(Car.a), Car.b) == [(("x1", "x2"), "y")]

    def test_has_a_key_for_each_element_of_a_fan_out(self):
        """In each place, and every combination of two."""
        assert keys(fan_out(Car.a)) == [("x1",), ("x2",)]
        assert keys(fan_out(Car.a), Car.b) == [("x1", "y"), ("x2", "y")]
        assert keys(Car.b, fan_out(Car.a)) == [("y", "x1"), ("y", "x2")]
        both = [("x1", "y1"), ("x1", "y2"), ("x2", "y1"), ("x2", "y2")]
        assert keys(fan_out(Car.a), fan_out(Car.c)) == both

    def test_takes_several_fields_of_one_element(self):
        """A field alone, and a list in the element taken together."""
        assert keys(fan_out(Car.s).back) == [("red1",), ("blue1",)]
        three = nest(fan_out(Car.s), lambda one: (one.back, one.seat, concatenate(one.armrest)))
        assert keys(three) == [("red1", "red2", None), ("blue1", "blue2", ("a", "b", "c"))]
        deep = nest(fan_out(Car.s), lambda one: (one.maker.name, one.back), "seat")
        assert keys(deep) == [(None, "red1", "red2"), ("m", "blue1", "blue2")]

    def test_refuses_what_is_no_field_of_the_element(self):
        """One element would give several keys, or a column is of no element."""
        with pytest.raises(SchemaError, match="fan out the parent"):
            nest(fan_out(Car.s), lambda one: fan_out(one.armrest))
        with pytest.raises(SchemaError, match="fan out the parent"):
            nest(fan_out(Car.s), lambda one: (one.back, literal(1)))
        with pytest.raises(SchemaError, match="has no field 'top'"):
            nest(fan_out(Car.s), lambda one: one.top)

    def test_is_planned_for_conditions_on_one_element(self):
        """Also where the fields lie at different depths of it."""
        index = ValueIndex(
            "made", Car, nest(fan_out(Car.s), lambda one: (one.maker.name, one.back))
        )
        schema = Schema(name="cars", version=1, records={Car: Car.id}, indexes=(index,))
        cars = Database.open("memory:").store(schema, Subspace(("cars",)))
        other = Car("car2", s=[Seat("red1", maker=Maker("m")), Seat("blue1", maker=Maker("n"))])
        cars.save(CAR, other)
        query = Query(Car).where(
            matches(Car.s, lambda one: (one.maker.name == "m") & (one.back == "blue1"))
        )
        assert list(stream(cars, query)) == [CAR]
        words = cars.read(lambda store: explain(store, query))
        assert words.startswith("scan index made for Car: one of s[] has maker.name == 'm'")
