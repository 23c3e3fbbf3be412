"""Looking after stores from the command line: the notebook's, and any other."""

import json
from pathlib import Path

import pytest
from tests.cli.commands import glasshouse, refused
from tests.notebook.folders import run_folder

from glasshouse.notebook import Notebook, Run
from glasshouse.records import Database, Query, Record, Schema, Subspace, ValueIndex
from glasshouse.records.tuples import strinc


class Order(Record):
    id: int
    price: float


SCHEMA = Schema(
    name="shop",
    version=1,
    records={Order: Order.id},
    indexes=(ValueIndex("by_price", Order, Order.price),),
)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch, capfd) -> Path:
    """A folder with a notebook of one run, and a shop."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GLASSHOUSE_NOTEBOOK", f"lmdb:{tmp_path / 'notes'}")
    run_folder(tmp_path / "book")
    assert glasshouse(capfd, "import", "book").status == 0
    with Database.open(f"lmdb:{tmp_path / 'shop'}") as database:
        shop = database.store(SCHEMA, Subspace(("shop", 7)))
        shop.save(*(Order(number, number / 2) for number in range(10)))
    return tmp_path


SHOP = ("--notebook", "shop", "--path", "shop/7")
WITH_SCHEMA = ("--schema", "tests.cli.test_records:SCHEMA")


def lose_an_entry(url: str, handle_of) -> None:
    """Remove one row of an index behind the store's back."""
    with Database.open(url) as database:
        handle = handle_of(database)
        space = handle.read(lambda store: store.index_space(handle.schema.indexes[0].name))
        with database.transaction() as context:
            ((key, _),) = context.transaction.get_range(space, strinc(space), limit=1)
            context.transaction.clear(key)


class TestStats:
    def test_counts_records_and_rows(self, capfd):
        """Of the notebook, or of another store: no class of it is needed."""
        told = glasshouse(capfd, "records", "stats")
        assert told.status == 0, told
        assert "runs_by_loss" in told.out
        shop = json.loads(glasshouse(capfd, "records", "stats", *SHOP, "--json").out)
        assert shop["record_types"][0]["records"] == 10


class TestExplain:
    def test_says_which_index_answers(self, capfd):
        """As `runs` would ask it."""
        words = ("--where", "kind == 'text'", "--sort", "-started")
        assert "runs_by_kind" in glasshouse(capfd, "records", "explain", "run", *words).out
        told = glasshouse(
            capfd, "records", "explain", "order", "--where", "price < 2", *SHOP, *WITH_SCHEMA
        )
        assert "by_price" in told.out

    def test_knows_the_types(self, capfd):
        """And lists them."""
        told = refused(glasshouse(capfd, "records", "explain", "person"))
        assert "person is none of run, metric" in told


class TestScrubAndRepair:
    def test_find_and_mend_a_lost_entry(self, capfd, here):
        """Exit status 1 while something is wrong."""
        assert glasshouse(capfd, "records", "scrub").status == 0
        lose_an_entry(
            f"lmdb:{here / 'notes'}",
            lambda database: (
                Notebook(database, "default", database.store(_schema(), _place())).handle
            ),
        )
        broken = glasshouse(capfd, "records", "scrub")
        assert broken.status == 1
        assert "missing entry" in broken.out
        as_json = glasshouse(capfd, "records", "scrub", "--json")
        assert json.loads(as_json.out.splitlines()[0])["kind"] == "missing entry"
        mended = glasshouse(capfd, "records", "repair")
        assert mended.status == 0, mended
        assert mended.out.startswith("done: runs_by_start")
        assert glasshouse(capfd, "records", "scrub").status == 0

    def test_look_at_a_file_that_cannot_be_opened(self, capfd, here):
        """What is wrong with its pages, instead of a refusal to open it."""
        file = here / "notes" / "data.mdb"
        content = bytearray(file.read_bytes())
        content[8192:] = bytes(len(content) - 8192)
        file.write_bytes(content)
        told = glasshouse(capfd, "records", "scrub")
        assert told.status == 1, told
        assert "damaged page" in told.out

    def test_look_after_any_store(self, capfd, here):
        """By its path and schema."""
        lose_an_entry(
            f"lmdb:{here / 'shop'}",
            lambda database: database.store(SCHEMA, Subspace(("shop", 7))),
        )
        assert glasshouse(capfd, "records", "scrub", *SHOP, *WITH_SCHEMA).status == 1
        assert glasshouse(capfd, "records", "repair", *SHOP, *WITH_SCHEMA).status == 0
        assert glasshouse(capfd, "records", "scrub", *SHOP, *WITH_SCHEMA).status == 0


def _schema() -> Schema:
    from glasshouse.notebook.schema import SCHEMA

    return SCHEMA


def _place() -> Subspace:
    from glasshouse.notebook.place import project_place

    return project_place("default")


class TestBackupAndRestore:
    def test_bring_a_notebook_elsewhere(self, capfd, here):
        """Whole, and into another project if asked."""
        told = glasshouse(capfd, "records", "backup", "notes.backup")
        assert told.status == 0, told
        assert told.out == "notes.backup\n"
        words = ("--notebook", "copy", "--project", "other")
        assert glasshouse(capfd, "records", "restore", "notes.backup", *words).status == 0
        with Notebook.open(f"lmdb:{here / 'copy'}", "other") as notebook:
            (run,) = notebook.query(Query(Run))
            assert notebook.curve(run.id, "loss").steps == [1, 2, 3, 4, 5, 6]

    def test_take_every_project_at_once(self, capfd, here):
        """For the day the disk dies."""
        assert glasshouse(capfd, "import", "book", "--project", "other").status == 0
        assert glasshouse(capfd, "records", "backup", "all", "--everything").status == 0
        told = glasshouse(capfd, "records", "restore", "all", "--everything", "--notebook", "copy")
        assert told.status == 0, told
        with Notebook.open(f"lmdb:{here / 'copy'}") as notebook:
            assert notebook.projects() == ["default", "other"]

    def test_overwrite_only_when_told(self, capfd, here):
        """What is there already stays."""
        glasshouse(capfd, "records", "backup", "notes.backup")
        told = refused(glasshouse(capfd, "records", "restore", "notes.backup"))
        assert "in project 'default' already; give --overwrite" in told
        again = glasshouse(capfd, "records", "restore", "notes.backup", "--overwrite")
        assert again.status == 0, again

    def test_refuse_a_damaged_file(self, capfd, here):
        """Before anything is written."""
        glasshouse(capfd, "records", "backup", "notes.backup")
        file = here / "notes.backup"
        file.write_bytes(file.read_bytes()[:-20])
        words = ("records", "restore", "notes.backup", "--notebook", "copy")
        assert "notes.backup" in refused(glasshouse(capfd, *words))


class TestRefuses:
    @pytest.mark.parametrize(
        ("words", "sentence"),
        [
            (["stats", "--notebook", "nowhere"], "there is no store at lmdb:nowhere"),
            (["stats", "--notebook", "none"], "switched off"),
            (["stats", "--project", "unknown"], "there is no store"),
            (["scrub", "--path", "shop/7"], "go together"),
            (["scrub", *SHOP, "--schema", "tests.cli.test_records"], "is no MODULE:NAME"),
            (["scrub", *SHOP, "--schema", "nowhere:X"], "cannot be had"),
            (["scrub", *SHOP, "--schema", "tests.cli.test_records:Order"], "not a Schema"),
            (["restore", "nowhere"], "there is no file nowhere"),
            (["backup", ""], "the path is empty"),
        ],
    )
    def test_what_cannot_be_meant(self, capfd, words, sentence):
        """Exit status 2, one sentence."""
        assert sentence in refused(glasshouse(capfd, "records", *words))
