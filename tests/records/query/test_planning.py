"""Which plan is chosen, and how a reader sees it."""

import math

import pytest
from tests.records.query.shelf import open_shelf, plan
from tests.records.query.things import Mood, Thing
from tests.records.store.shop import Customer, Order

from glasshouse.errors import QueryError
from glasshouse.records.expressions import is_in, is_none, matches, one_of, starts_with
from glasshouse.records.indexes.text_conditions import contains_all
from glasshouse.records.query import Limits, Query, first
from glasshouse.records.schema.keys import desc


@pytest.fixture
def handle():
    opened = open_shelf()
    yield opened
    opened.database.close()


class TestExplain:
    @pytest.mark.parametrize(
        ("query", "lines"),
        [
            (Query(Thing), ["scan Thing by primary key: all"]),
            (Query(Thing).where(Thing.id == 3), ["scan Thing by primary key: id == 3"]),
            (
                Query(Thing).where(Thing.id >= 3, Thing.id < 9).order_by(desc(Thing.id)),
                ["scan Thing by primary key: id >= 3, id < 9, backwards"],
            ),
            (
                Query(Thing).where(Thing.group == "a", Thing.number > 3),
                ["scan index group_number for Thing: group == 'a', number > 3"],
            ),
            (
                Query(Thing).where(Thing.number == 1, Thing.id > 5),
                ["scan index number for Thing: number == 1, id > 5"],
            ),
            (
                Query(Thing).where(Thing.number == 1, Thing.mixed == 0),
                ["filter mixed == 0", "  scan index number for Thing: number == 1"],
            ),
            (
                Query(Thing).where(starts_with(Thing.label, "a")),
                ["scan index label for Thing: label starts with 'a'"],
            ),
            (
                Query(Thing).where(is_none(Thing.label)),
                ["scan index label for Thing: label is None"],
            ),
            (
                Query(Thing).where(Thing.group == "a").order_by(desc(Thing.number)),
                ["scan index group_number for Thing: group == 'a', backwards"],
            ),
            (
                Query(Thing).order_by(Thing.number, Thing.id),
                ["scan index number for Thing: all"],
            ),
            (
                Query(Thing).where(Thing.number == 1, Thing.label == "a").order_by(Thing.id),
                [
                    "intersection by primary key of Thing",
                    "  scan index number for Thing: number == 1",
                    "  scan index label for Thing: label == 'a'",
                ],
            ),
            (
                Query(Thing).where(contains_all(Thing.note, "red"), Thing.number == 1),
                [
                    "intersection by primary key of Thing",
                    "  scan text index words for Thing: note contains all 'red'",
                    "  scan index number for Thing: number == 1",
                ],
            ),
            (
                Query(Thing).where(contains_all(Thing.note, "red"), Thing.flag == True),  # noqa: E712
                [
                    "filter flag == True",
                    "  scan text index words for Thing: note contains all 'red'",
                ],
            ),
            (
                Query(Thing).where(
                    Thing.kind == "eval",
                    contains_all(Thing.note, "red"),
                    Thing.flag == True,  # noqa: E712
                ),
                [
                    "scan text index words_by_flag for Thing: kind == 'eval', flag == True, "
                    "note contains all 'red'"
                ],
            ),
            (
                Query(Thing).where(one_of(Thing.tags) > "x"),
                ["scan index tag for Thing: tags[] > 'x', each record once"],
            ),
            (
                Query(Thing).where(
                    matches(Thing.parts, lambda one: (one.size > 2) & (one.name == "p"))
                ),
                [
                    "scan index part for Thing: one of parts[] has name == 'p', "
                    "one of parts[] has size > 2, each record once"
                ],
            ),
            (
                Query(Thing).where(one_of(Thing.parts).name == "p", one_of(Thing.parts).size == 1),
                [
                    "filter parts[].size == 1",
                    "  scan index part for Thing: parts[].name == 'p', each record once",
                ],
            ),
            (
                Query(Thing)
                .where(one_of(Thing.parts).name == "p", one_of(Thing.parts).size == 1)
                .order_by(Thing.id),
                [
                    "filter (parts[].name == 'p') & (parts[].size == 1)",
                    "  scan Thing by primary key: all",
                ],
            ),
            (
                Query(Thing).where((Thing.number == 1) | (Thing.label == "a")),
                [
                    "one after the other",
                    "  scan index number for Thing: number == 1",
                    "  without what was given before: number == 1",
                    "    scan index label for Thing: label == 'a'",
                ],
            ),
            (
                Query(Thing).where(is_in(Thing.group, ["a", "b"])).order_by(Thing.number),
                [
                    "merge by number",
                    "  scan index group_number for Thing: group == 'a'",
                    "  scan index group_number for Thing: group == 'b'",
                ],
            ),
            (
                Query(Thing).where(
                    is_in(Thing.group, ["a", "b"]), (Thing.number == 1) | (Thing.number > 8)
                ),
                [
                    "one after the other",
                    "  one after the other",
                    "    scan index group_number for Thing: group == 'a', number == 1",
                    "    without what was given before: number == 1",
                    "      scan index group_number for Thing: group == 'a', number > 8",
                    "  one after the other",
                    "    scan index group_number for Thing: group == 'b', number == 1",
                    "    without what was given before: number == 1",
                    "      scan index group_number for Thing: group == 'b', number > 8",
                ],
            ),
            (
                Query(Thing).where(Thing.group == "a").select(Thing.id, Thing.label),
                ["covering scan index group_number for Thing: group == 'a'"],
            ),
            (
                Query(Thing).where(one_of(Thing.tags) == "x").select(Thing.id),
                ["covering scan index tag for Thing: tags[] == 'x'"],
            ),
            (
                Query(Thing).where(Thing.group == "a", Thing.raw > b"").select(Thing.id),
                ["filter raw > b''", "  scan index group_number for Thing: group == 'a'"],
            ),
            (
                Query(Thing).where(Thing.kind == "train").order_by(Thing.raw),
                ["scan index raw_rank for Thing: kind == 'train'"],
            ),
            (
                Query(Thing).where(Thing.weight > 100, Thing.weight < 200),
                ["scan index heavy for Thing: weight > 100, weight < 200"],
            ),
            (
                Query(Thing).where(Thing.weight > 50),
                ["filter weight > 50", "  scan Thing by primary key: all"],
            ),
            (
                Query(Customer).where(Customer.mail == "m@x", Customer.last == "a"),
                ["filter last == 'a'", "  scan index mail for Customer: mail == 'm@x'"],
            ),
            (
                Query(Customer).where(is_none(Customer.mail), Customer.last == "a"),
                ["filter mail is None", "  scan Customer by primary key: last == 'a'"],
            ),
            (
                Query(Thing).where(Thing.number == None),  # noqa: E711
                ["nothing: no Thing can meet the condition"],
            ),
            (
                Query(Thing).where(Thing.number < math.nan),
                ["nothing: no Thing can meet the condition"],
            ),
            (
                Query(Thing).where(Thing.number < 3, Thing.number > 5),
                ["nothing: no Thing can meet the condition"],
            ),
            (
                Query(Thing, Order).where(Thing.id < 3).order_by(Thing.id),
                [
                    "merge by id",
                    "  scan Thing by primary key: id < 3",
                    "  scan Order by primary key: id < 3",
                ],
            ),
            (
                Query(Thing).order_by(Thing.weight).limit(2).sorted_in_memory(9),
                [
                    "sort in memory by weight, the first 2, at most 9 rows at once",
                    "  scan Thing by primary key: all",
                ],
            ),
        ],
    )
    def test_shows_the_plan(self, handle, query, lines):
        """The narrowest way, an order that comes by itself, no record read where none is needed."""
        assert plan(handle, query) == lines

    def test_takes_a_long_in_apart(self, handle):
        """Each value is looked up, however many there are, in reason."""
        few, many = (Query(Thing).where(is_in(Thing.id, range(most))) for most in (500, 600))
        assert len(plan(handle, few)) == 501
        assert plan(handle, many)[1] == "  scan Thing by primary key: all"


class TestQuery:
    @pytest.mark.parametrize(
        ("make", "message"),
        [
            (lambda: Query(Thing).where(True), "is no condition"),
            (lambda: Query(int), "needs a record type"),
            (lambda: Query(Thing).select("id"), "needs fields"),
            (lambda: Query(Thing).limit(-1), "must not be negative"),
            (lambda: Query(Thing).order_by("nothing"), "has no field 'nothing'"),
            (lambda: Limits(rows=0), "must be positive"),
        ],
    )
    def test_refuses_what_cannot_be_meant(self, make, message):
        """In one sentence, when it is made."""
        with pytest.raises(QueryError, match=message):
            make()

    @pytest.mark.parametrize(
        ("condition", "message"),
        [
            (Thing.group == 3, "the field holds str, and 3 is none"),
            (Thing.number < "a", "the field holds int, and 'a' is none"),
            (Thing.tags == "x", r"say one_of\("),
            (Thing.mood == "calm", "compare it with a member"),
            (Customer.last == "a", "Thing has no field 'last'"),
        ],
    )
    def test_refuses_what_can_never_be_true(self, handle, condition, message):
        """A value of another kind is a mistake, not an empty answer."""
        with pytest.raises(QueryError, match=message):
            plan(handle, Query(Thing).where(condition))

    def test_reads_enums_by_their_members(self, handle):
        """The index holds values, the query says members."""
        handle.save(Thing(99, "a", mood=Mood.AFRAID))
        query = Query(Thing).where(Thing.mood == Mood.AFRAID)
        assert handle.read(lambda store: first(store, query)).id == 99
