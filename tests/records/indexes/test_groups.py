"""Groups whose names begin alike are groups of their own, in every kind of index that has some."""

import pytest

from glasshouse.records.expressions import Record
from glasshouse.records.indexes.aggregate import CountIndex, rolled_up
from glasshouse.records.indexes.changes import changes, newest_version
from glasshouse.records.indexes.nearest import nearest
from glasshouse.records.indexes.rank import RankIndex, by_rank, num_ranked
from glasshouse.records.indexes.text import TextIndex
from glasshouse.records.indexes.text_search import search
from glasshouse.records.indexes.vector import VectorIndex
from glasshouse.records.indexes.version import VersionIndex
from glasshouse.records.schema.schema import Schema
from glasshouse.records.store.database import Database
from glasshouse.records.subspace import Subspace


class Note(Record):
    id: int
    group: str
    text: str
    place: list[float]


SCHEMA = Schema(
    name="notes",
    version=1,
    records={Note: Note.id},
    indexes=(
        CountIndex("count", Note, group_by=(Note.group, Note.text)),
        RankIndex("rank", Note, Note.text, group_by=Note.group),
        TextIndex("text", Note, Note.text, group_by=Note.group),
        VersionIndex("feed", Note, group_by=Note.group),
        VectorIndex("near", Note, Note.place, dimensions=2, group_by=Note.group),
    ),
)


@pytest.fixture
def notes():
    with Database.open("memory:") as database:
        handle = database.store(SCHEMA, Subspace(("n",)))
        handle.save(Note(1, "a", "one", [1.0, 0.0]), Note(2, "a\0", "one", [1.0, 0.1]))
        handle.save(Note(3, "a", "two", [0.0, 1.0]))
        yield handle


@pytest.mark.parametrize(("group", "ids"), [("a", [1, 3]), ("a\0", [2]), ("b", [])])
class TestGroups:
    def test_are_told_apart(self, notes, group, ids):
        """The bytes of "a" begin those of "a\\0"."""
        inside = {"group": (group,)}

        def ask(store):
            return (
                rolled_up(store, "count", group),
                num_ranked(store, "rank", **inside),
                [one.id for one in by_rank(store, "rank", 0, 9, **inside)],
                [one.id for one in search(store, "text", "one", **inside)],
                sorted(one.key[0] for one in changes(store, "feed", **inside)),
                sorted(one.id for one, _ in nearest(store, "near", [1.0, 0.0], 9, **inside)),
                newest_version(store, "feed", **inside) is None,
            )

        found = notes.read(ask)
        assert found[:3] == (len(ids), len(ids), ids)
        assert found[3] == [one for one in ids if one != 3]
        assert found[4:] == (ids, ids, not ids)
