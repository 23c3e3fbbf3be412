"""Records, indexes and queries made by chance, to hold plans to going through all."""

import math
from collections.abc import Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from enum import Enum, IntEnum
from random import Random
from typing import Literal
from uuid import UUID

import msgspec
import pytest

from glasshouse.records.expressions import (
    Record,
    between,
    fan_out,
    is_in,
    is_none,
    matches,
    one_of,
    starts_with,
)
from glasshouse.records.expressions.conditions import Comparison, Operator, Or, all_of
from glasshouse.records.indexes.index import Index
from glasshouse.records.indexes.rank import RankIndex
from glasshouse.records.indexes.text import TextIndex
from glasshouse.records.indexes.text_conditions import (
    contains_all,
    contains_any,
    contains_phrase,
    contains_prefix,
)
from glasshouse.records.indexes.value import ValueIndex
from glasshouse.records.query import Query, batches, joining, running
from glasshouse.records.schema.keys import Column, computed, desc, literal, nest, record_type
from glasshouse.records.schema.schema import Schema
from glasshouse.records.store.database import Database
from glasshouse.records.subspace import Subspace


class Mood(Enum):
    CALM = "calm"
    AFRAID = "afraid"


class Grade(IntEnum):
    LOW = -1
    HIGH = 300


class Part(msgspec.Struct):
    name: str
    size: int


class Thing(Record):
    id: int
    group: str = "a"
    number: int | None = None
    weight: float = 0.0
    label: str | None = None
    mixed: int | float = 0
    tags: list[str] = []
    parts: list[Part] = []
    inner: Part | None = None
    mood: Mood = Mood.CALM
    grade: Grade = Grade.LOW
    kind: Literal["train", "eval"] = "train"
    flag: bool = False
    when: datetime | None = None
    day: date | None = None
    owner: UUID | None = None
    raw: bytes = b""
    note: str | None = None


class Other(Thing):
    """The same fields under another primary key."""


BOTH = (Thing, Other)

INDEXES = (
    ValueIndex("group", Thing, Thing.group),
    ValueIndex("group_number", Thing, (Thing.group, Thing.number)),
    ValueIndex("group_all", BOTH, (Thing.group, Thing.number)),
    ValueIndex("type_number", BOTH, (record_type(), desc(Thing.number))),
    ValueIndex("number_type", BOTH, (Thing.number, record_type())),
    ValueIndex("number_down", BOTH, desc(Thing.number)),
    ValueIndex("group_number_down", Thing, (Thing.group, desc(Thing.number)), covering=Thing.raw),
    ValueIndex("weight", BOTH, Thing.weight, covering=(Thing.number, desc(Thing.label))),
    ValueIndex("weight_down", Thing, (desc(Thing.weight), Thing.label)),
    ValueIndex("label", Thing, Thing.label),
    ValueIndex("label_down", Thing, (desc(Thing.label), Thing.weight)),
    ValueIndex("mixed", Thing, Thing.mixed),
    ValueIndex("tags", BOTH, fan_out(Thing.tags)),
    ValueIndex("tags_number", Thing, (fan_out(Thing.tags), Thing.number), covering=Thing.weight),
    ValueIndex("number_tags", Thing, (Thing.number, fan_out(Thing.tags))),
    ValueIndex("tags_down", Thing, (Thing.group, desc(fan_out(Thing.tags)))),
    ValueIndex("parts", Thing, nest(fan_out(Thing.parts), "name", "size")),
    ValueIndex("parts_down", BOTH, (Thing.flag, *desc(nest(fan_out(Thing.parts), "size", "name")))),
    ValueIndex("part_names", Thing, fan_out(Thing.parts).name),
    ValueIndex("tags_parts", Thing, (fan_out(Thing.tags), fan_out(Thing.parts).size)),
    ValueIndex("inner", Thing, Thing.inner.size),
    ValueIndex("mood", Thing, (Thing.mood, Thing.number)),
    ValueIndex("grade", BOTH, (desc(Thing.grade), Thing.group)),
    ValueIndex("kind", Thing, (Thing.kind, Thing.flag, Thing.number)),
    ValueIndex("when", Thing, (Thing.when, Thing.day)),
    ValueIndex("day_down", Thing, (desc(Thing.day), desc(Thing.owner))),
    ValueIndex("raw", Thing, (literal(7), Thing.raw)),
    ValueIndex("some", BOTH, Thing.number, where=Thing.group == "a"),
    ValueIndex("few", Thing, Thing.label, where=(Thing.group == "b") & (Thing.number > 0)),
    ValueIndex("wide", Thing, Thing.group, covering=(Thing.number, Thing.label, Thing.weight)),
    ValueIndex("own", Thing, Thing.id, unique=True, covering=(Thing.number, Thing.label)),
    ValueIndex("label_id", Thing, (desc(Thing.label), Thing.id), unique=True),
    ValueIndex("secret", Thing, (computed("odd", lambda one: one.id % 2, type=int), Thing.number)),
    ValueIndex("group_secret", Thing, (Thing.group, computed("half", lambda one: one.id // 2))),
    RankIndex("ranked", Thing, Thing.number, group_by=Thing.group),
    RankIndex("ranked_down", BOTH, desc(Thing.weight)),
    RankIndex("ranked_tags", Thing, fan_out(Thing.tags), group_by=Thing.flag),
    TextIndex("words", BOTH, Thing.note),
    TextIndex("words_by_group", Thing, Thing.note, group_by=Thing.group),
    TextIndex("words_by_tag", Thing, Thing.note, group_by=(Thing.flag, fan_out(Thing.tags))),
    TextIndex("some_words", Thing, Thing.note, where=Thing.flag == True),  # noqa: E712
)

NUMBERS = (-300, -2, -1, 0, 1, 2, 3, 255, 2**40, None)
WEIGHTS = (-math.inf, -1.5, -0.0, 0.0, 1.5, 2.0, float(2**53), math.inf, math.nan)
LABELS = ("", "a", "a\0", "a\0\xff", "ab", "abc", "b", "\xff", "\U0001f600", None)
MOMENTS = tuple(datetime(2026, 1, day, 12, tzinfo=UTC) for day in (1, 2, 3))
DAYS = (date(1969, 12, 31), date(1970, 1, 1), date(2026, 1, 2), None)
OWNERS = (UUID(int=0), UUID(int=1 << 127), UUID(int=77), None)
RAWS = (b"", b"\0", b"\0\xff", b"\xff", b"a")
NOTES = ("red fox", "the red fish", "fish fox red", "", "blue", None)
ORDERED = (
    Operator.LESS,
    Operator.AT_MOST,
    Operator.GREATER,
    Operator.AT_LEAST,
    Operator.EQUAL,
    Operator.EQUAL,
    Operator.EQUAL,
    Operator.NOT_EQUAL,
)

SCALARS = {
    "id": (0, 1, 5, 9, 12, 20, 299),
    "group": ("a", "b", "c"),
    "number": (*NUMBERS, 0.5, 1.0, math.inf, -math.inf, math.nan, -1e300),
    "weight": (*WEIGHTS, 0, 2, 2**53 + 1, 10**400, -(10**400)),
    "label": (*LABELS, "z"),
    "mixed": (-1, 0, 1, -0.5, 1.0, 2.5),
    "flag": (True, False),
    "kind": ("train", "eval"),
    "grade": tuple(Grade),
    "when": (*MOMENTS, MOMENTS[0] + timedelta(hours=1), None),
    "day": DAYS,
    "owner": OWNERS,
    "raw": RAWS,
}
"""Values to compare fields with."""

PREFIXES = {"label": ("", "a", "a\0", "ab", "\xff"), "raw": (b"", b"\0", b"a"), "kind": ("t", "e")}


def some_part(rng: Random) -> Part:
    return Part(rng.choice("pq"), rng.randrange(3))


def some_thing(rng: Random, kind: type, number: int) -> Thing:
    """A record with values that often meet."""
    return kind(
        id=number,
        group=rng.choice("abc"),
        number=rng.choice(NUMBERS),
        weight=rng.choice(WEIGHTS),
        label=rng.choice(LABELS),
        mixed=rng.choice((-1, 0, 1, -0.5, 1.0, 2.5)),
        tags=rng.choices("xyz", k=rng.randrange(4)),
        parts=[some_part(rng) for _ in range(rng.randrange(3))],
        inner=rng.choice((None, some_part(rng))),
        mood=rng.choice(list(Mood)),
        grade=rng.choice(list(Grade)),
        kind=rng.choice(("train", "eval")),
        flag=rng.random() < 0.5,
        when=rng.choice((*MOMENTS, None)),
        day=rng.choice(DAYS),
        owner=rng.choice(OWNERS),
        raw=rng.choice(RAWS),
        note=rng.choice(NOTES),
    )


def some_things(rng: Random, most: int) -> list[Thing]:
    """Records of both types."""
    return [
        some_thing(rng, kind, number)
        for kind in BOTH
        for number in rng.sample(range(300), rng.randint(0, most))
    ]


def some_comparison(rng: Random):
    """A comparison with one plain field."""
    name = rng.choice(("group", "number", "number", *SCALARS))
    values = SCALARS[name]
    chance = rng.random()
    if chance < 0.2:
        return Comparison((name,), Operator.IN, tuple(rng.choices(values, k=rng.randrange(4))))
    if chance < 0.3 and name in PREFIXES:
        return starts_with(getattr(Thing, name), rng.choice(PREFIXES[name]))
    if chance < 0.4 and name in ("number", "weight", "label", "id"):
        found = [one for one in values if one is not None]
        return between(getattr(Thing, name), rng.choice(found), rng.choice(found))
    return Comparison((name,), rng.choice(ORDERED), rng.choice(values))


def some_element(rng: Random):
    """A condition on repeated, nested or enumerated fields, or on words."""
    name, size, tag = rng.choice("pq"), rng.randrange(3), rng.choice("xyz")
    how = rng.choice(ORDERED)
    return rng.choice(
        (
            lambda: Comparison(("tags[]",), how, tag),
            lambda: is_in(one_of(Thing.tags), rng.choices("xyz", k=2)),
            lambda: matches(Thing.tags, lambda one: (one >= tag) & (one < "z")),
            lambda: Comparison(("parts[]", "name"), how, name),
            lambda: Comparison(("parts[]", "size"), how, size),
            lambda: matches(Thing.parts, lambda one: (one.name == name) & (one.size >= size)),
            lambda: matches(Thing.parts, lambda one: (one.size == size) & (one.name == name)),
            lambda: matches(Thing.parts, lambda one: (one.size > size) | (one.name == name)),
            lambda: Comparison(("inner", "size"), how, size),
            lambda: rng.choice((Thing.mood == rng.choice(list(Mood)), Thing.mood != Mood.CALM)),
            lambda: is_in(Thing.mood, list(Mood)),
            lambda: is_none(rng.choice((Thing.number, Thing.label, Thing.inner, Thing.inner.size))),
            lambda: contains_all(Thing.note, rng.choice(("red", "fish fox"))),
            lambda: contains_any(Thing.note, rng.choice(("blue fox", "fish"))),
            lambda: contains_phrase(Thing.note, "red fox"),
            lambda: contains_prefix(Thing.note, rng.choice("fb")),
        )
    )()


def some_condition(rng: Random, depth: int):
    """A condition of conditions."""
    chance = rng.random()
    if depth == 0 or chance < 0.2:
        return some_comparison(rng) if rng.random() < 0.6 else some_element(rng)
    if chance < 0.3:
        return ~some_condition(rng, depth - 1)
    parts = [some_condition(rng, depth - 1) for _ in range(rng.randint(2, 3))]
    joined = parts[0]
    for part in parts[1:]:
        joined = joined & part if chance < 0.7 else joined | part
    return joined


def some_near(rng: Random, index: Index) -> tuple[list, list]:
    """Conditions that bind the first columns of an index, and an order by the next ones."""
    conditions = [] if index.where is None or rng.random() < 0.2 else [index.where]
    key = [column for columns in index.columns().values() for column in columns]
    bound = rng.randint(0, len(key))
    for place, column in enumerate(key[:bound], 1):
        is_last = place == bound and rng.random() < 0.7
        if column.path:
            conditions += some_bounds(rng, column, is_last)
    rest = [column for column in key[bound:] if ".".join(column.path) in SCALARS]
    order = rest[: rng.randint(0, 2)] or [getattr(Thing, rng.choice([*SCALARS]))]
    if rng.random() < 0.5:
        order = [desc(column) for column in order]
    return conditions, order if rng.random() < 0.4 else []


def some_bounds(rng: Random, column: Column, is_last: bool) -> list:
    """Conditions on a column of an index."""
    values = HELD.get(column.path[-1]) or SCALARS[column.path[-1]]
    if column.path[0].startswith("parts[]") and rng.random() < 0.4:
        name, size = rng.choice("pq"), rng.randrange(3)
        return [
            rng.choice(
                (
                    matches(Thing.parts, lambda one: (one.name == name) & (one.size >= size)),
                    matches(Thing.parts, lambda one: (one.size == size) & (one.name > "o")),
                    matches(Thing.parts, lambda one: (one.name == name) & (one.size == size)),
                )
            )
        ]
    if column.path[-1] == "note":
        return [contains_any(Thing.note, rng.choice(("red", "fish fox")))]
    chance = rng.random()
    if chance < 0.15:
        return [Comparison(column.path, Operator.IN, tuple(rng.choices(values, k=2)))]
    ways = ORDERED[:4] if is_last and column.path[-1] != "mood" else (Operator.EQUAL,)
    return [
        Comparison(column.path, rng.choice(ways), rng.choice(values))
        for _ in range(1 + (is_last and chance < 0.4))
    ]


HELD = {"tags[]": "xyz", "name": "pq", "size": (0, 1, 2), "mood": tuple(Mood), "note": LABELS}
"""Values to compare with fields that are not plain ones."""


def some_query(rng: Random, depth: int, indexes: Sequence[Index] = ()) -> Query:
    """A query that may be answered on any store.

    Args:
        rng: Where chance comes from.
        depth: Of conditions in conditions.
        indexes: Some that it may be answered by.
    """
    query = Query(*rng.choice(((Thing,), (Thing,), (Other,), (Thing, Other))))
    query = query.where(*[some_condition(rng, depth) for _ in range(rng.choice((0, 1, 2, 2, 3)))])
    names = rng.sample(("id", "group", "number", "weight", "label", "mood", "when", "raw"), 3)
    order = [getattr(Thing, name) for name in names[: rng.choice((0, 0, 1, 2, 3))]]
    order = [desc(one) if rng.random() < 0.4 else one for one in order]
    if rng.random() < 0.1:
        order.append(Thing.inner.size)
    if indexes and rng.random() < 0.8:
        conditions, order = some_near(rng, rng.choice(indexes))
        query = Query(*query.record_types).where(*conditions)
        chance = rng.random()
        if chance < 0.15:
            query = query.where(some_condition(rng, depth))
        elif chance < 0.3:
            query = query.where(*some_near(rng, rng.choice(indexes))[0])
        elif chance < 0.5 and conditions:
            others = some_near(rng, rng.choice(indexes))[0]
            either = [one for one in (all_of(conditions), all_of(others)) if one is not None]
            query = Query(*query.record_types).where(Or(tuple(either)))
    return query.order_by(*order).sorted_in_memory()


@contextmanager
def small_pages():
    """Where scans read a few rows at once, so that thirty records take many pages."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batches, "FIRST_ROWS", 3)
        patch.setattr(batches, "MOST_ROWS", 12)
        patch.setattr(running, "FIRST_ROWS", 3)
        patch.setattr(running, "_FEWEST_ROWS", 1)
        patch.setattr(joining, "_PATIENCE", 5)
        yield


def store_of(names, records, url: str = "memory:"):
    """A store with some of the indexes."""
    schema = Schema(
        name="things",
        version=1,
        records={Thing: Thing.id, Other: (Other.group, Other.id)},
        indexes=tuple(one for one in INDEXES if one.name in names),
    )
    handle = Database.open(url).store(schema, Subspace(("t",)))
    handle.save(*records)
    return handle
