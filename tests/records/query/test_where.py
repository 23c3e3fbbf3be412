"""Conditions from text go where records go: into dicts, to members of enums, to times."""

from datetime import UTC, datetime
from enum import IntEnum, StrEnum
from typing import Any

import pytest

from glasshouse.errors import QueryError
from glasshouse.records import Database, Query, Record, Schema, Subspace, stream
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
