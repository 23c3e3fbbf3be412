"""Conditions from text go where records go: into dicts, to members of enums, to times."""

from datetime import UTC, date, datetime
from enum import IntEnum, StrEnum
from typing import Any
from uuid import UUID

import pytest
from tests.records.query.things import Thing

from glasshouse.errors import QueryError
from glasshouse.records import Database, Query, Record, Schema, Subspace, stream
from glasshouse.records.expressions import is_in, is_none, one_of, starts_with
from glasshouse.records.query import parse_field, parse_where
from glasshouse.records.schema.keys import desc


class Status(StrEnum):
    RUNNING = "running"
    DONE = "done"


class Grade(IntEnum):
    LOW = 1
    HIGH = 3


class Job(Record):
    id: int
    began: datetime
    status: Status = Status.RUNNING
    grade: Grade = Grade.LOW
    config: dict[str, Any] = {}
    scores: dict[str, float] = {}


SCHEMA = Schema(name="jobs", version=1, records={Job: Job.id})
JOBS = (
    Job(1, datetime(2026, 1, 1, tzinfo=UTC), config={"train": {"lr": 0.1, "name": "long"}}),
    Job(2, datetime(2026, 6, 1, tzinfo=UTC), Status.DONE, Grade.HIGH, {"train": {"lr": 0.3}}),
    Job(3, datetime(2026, 7, 1, tzinfo=UTC), config={"train": "none"}, scores={"f1": 0.5}),
)


@pytest.fixture
def jobs():
    with Database.open("memory:") as database:
        handle = database.store(SCHEMA, Subspace(("jobs",)))
        handle.save(*JOBS)
        yield handle


class TestParseWhere:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("config.train.lr < 0.2", [1]),
            ("config.train.lr >= 0.1", [1, 2]),
            ("config.train.name.startswith('lo')", [1]),
            ("config.train == 'none'", [3]),
            ("config.nothing.at.all > 3", []),
            ("config.train.lr is None", [3]),
            ("config.train.name < 3", []),
            ("scores.f1 > 0.4", [3]),
            ("status == 'done'", [2]),
            ("status in ['running']", [1, 3]),
            ("grade >= 'high'", [2]),
            ("grade == 3", [2]),
            ("began > '2026-05-01'", [2, 3]),
            ("not (began > '2026-05-01T00:00:00+00:00')", [1]),
        ],
    )
    def test_finds(self, jobs, text, expected):
        """What a dict lacks is None; what cannot be compared is undecided, and nothing fails."""
        found = stream(jobs, Query(Job).where(parse_where(text, Job)))
        assert [job.id for job in found] == expected

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            ("status == 'gone'", "it is one of running, done"),
            ("began > 'today'", "'today' is no time"),
            ("scores.f1.x > 3", "has no field 'x'"),
        ],
    )
    def test_refuses_what_can_never_be(self, text, sentence):
        """In one sentence that says what can."""
        with pytest.raises(QueryError, match=sentence):
            parse_where(text, Job)


class TestParseField:
    def test_names_what_to_sort_by(self, jobs):
        """Values in dicts too; who lacks it comes last where the largest come first."""
        by_rate = Query(Job).order_by(desc(parse_field("config.train.lr", Job)))
        assert [job.id for job in stream(jobs, by_rate.sorted_in_memory())] == [2, 1, 3]

    @pytest.mark.parametrize("text", ["", "id < 3", "3", "nothing", "id.x", "id)"])
    def test_refuses_what_is_no_field(self, text):
        """The sentence says which fields there are, or that it is none."""
        with pytest.raises(QueryError):
            parse_field(text, Job)


class TestText:
    @pytest.mark.parametrize(
        ("text", "condition"),
        [
            ("group == 'a' and number < 2", (Thing.group == "a") & (Thing.number < 2)),
            ("1 < number <= 3", (Thing.number > 1) & (Thing.number <= 3)),
            ("'x' in tags", one_of(Thing.tags) == "x"),
            ("not (inner.size >= 1e3)", ~(Thing.inner.size >= 1e3)),
            ("group in ['a', 'b'] or label is None", None),
            ("label.startswith('a')", starts_with(Thing.label, "a")),
            ("label is not None", ~is_none(Thing.label)),
            ("-1 == number", Thing.number == -1),
            ("group in {'b', 'a'}", is_in(Thing.group, ["a", "b"])),
            ("day == '2026-01-02'", Thing.day == date(2026, 1, 2)),
            (f"owner == '{UUID(int=7)}'", Thing.owner == UUID(int=7)),
        ],
    )
    def test_reads_what_python_would_compare(self, text, condition):
        """The words of the command line become the conditions of the library."""
        found = parse_where(text, Thing)
        if condition is None:
            condition = is_in(Thing.group, ["a", "b"]) | is_none(Thing.label)
        assert found == condition

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("group = 'a'", "cannot be read"),
            ("nothing == 1", "has no field 'nothing'"),
            ("group == a", "put text in quotes"),
            ("__import__('os')", "is no condition"),
            ("number + 1 == 2", "stands where a field is needed"),
            ("number", "is no condition"),
            ("'a' in group", "is not repeated"),
            ("group in 'a'", "is no list of values"),
            ("group == {[]: 1}", "stands where a value is needed"),
            ("group == " + "(" * 500 + "1" + ")" * 500, "cannot be read"),
            ("not " * 5000 + "flag == True", "nested too deeply|cannot be read"),
            ("not " * 500 + "flag == True", "nested too deeply|cannot be read"),
            ("number == " + "9" * 5000, "cannot be read"),
            ("day == 'today'", "'today' is no date"),
            ("number is 3", "compares with None only"),
            ("", "cannot be read"),
        ],
    )
    def test_runs_nothing(self, text, message):
        """Anything but comparisons is refused in a sentence."""
        with pytest.raises(QueryError, match=message):
            parse_where(text, Thing)
