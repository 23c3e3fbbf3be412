"""A notebook of an earlier version of Glasshouse opens, and goes on in this one.

`version-1.backup` is `glasshouse records backup` of a notebook that version 1 of the schema wrote:
two runs, a curve, a claim and a transcript. A change of the schema adds such a file.
"""

from pathlib import Path

import pytest

from glasshouse.notebook import Claim, Notebook, Run, Transcript
from glasshouse.notebook.schema import VERSION
from glasshouse.records import Database, Query
from glasshouse.records.operations.restore import restore
from glasshouse.records.operations.scrub import scrub
from glasshouse.records.operations.stores import stores_below

BACKUP = Path(__file__).with_name("version-1.backup")


@pytest.fixture
def old(tmp_path) -> str:
    """The URL of a notebook as version 1 left it."""
    url = f"lmdb:{tmp_path / 'notebook'}"
    with Database.open(url) as database:
        for _ in restore(BACKUP, database.engine, b""):
            pass
    return url


def versions(url: str) -> list[int]:
    with Database.open(url) as database:
        return [header.version for _, header in stores_below(database.engine, b"")]


def test_opens_what_version_one_wrote(old):
    """Nothing is lost, what is new has its default, indexes find both, and rows are sound."""
    assert versions(old) == [1]
    with Notebook.open(old) as notebook:
        book = notebook.load(Run, "a1")
        assert book is not None
        assert (book.name, book.config, book.tags, book.failure) == (
            "book",
            {"train": {"lr": 0.1}},
            ["keep"],
            "",
        )
        assert notebook.curve("a1", "loss").values == [2.0, 1.0]
        assert notebook.load(Claim, "d1") is not None
        assert notebook.load(Transcript, "f1") is not None
        notebook.add(Run(id="c3", kind="trial", started=book.started, failure="diverged: at once"))
        failed = notebook.query(Query(Run).where(Run.failure != ""))
        assert [run.id for run in failed] == ["c3"]
        found = notebook.query(Query(Run).where(Run.kind == "text"))
        assert [run.id for run in found] == ["a1"]
        assert list(scrub(notebook.handle)) == []
    assert versions(old) == [VERSION]
