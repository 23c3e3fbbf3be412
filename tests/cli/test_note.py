"""People's tags and notes are kept, and what a run has led to is found from it."""

import json
import os
from datetime import UTC, datetime

import pytest
from tests.cli.commands import glasshouse, refused
from tests.notebook.folders import run_folder

from glasshouse.notebook import Finding, Notebook, Run, RunStatus, Transcript, Turn
from glasshouse.notebook.importing import run_id_of
from glasshouse.notebook.keeping import keep_run

NOW = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture
def book(tmp_path, monkeypatch):
    """A run in a notebook of its own, with a completion and a finding; its id."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GLASSHOUSE_NOTEBOOK", f"lmdb:{tmp_path / 'notes'}")
    run_folder(tmp_path / "runs" / "book")
    assert glasshouse_imports(tmp_path)
    run = run_id_of(tmp_path / "runs" / "book")
    assert run is not None
    with Notebook.open() as notebook:
        notebook.add(
            Finding(id="f0" * 8, created=NOW, kind="audit", title="It lies.", subject=run),
            Transcript(
                id="e0" * 8, kind="completion", created=NOW, model=run, turns=[Turn("model", "hi")]
            ),
        )
    return run


def glasshouse_imports(folder) -> bool:
    from glasshouse.notebook.importing import import_path

    with Notebook.open() as notebook:
        return len(list(import_path(notebook, folder / "runs"))) > 0


class TestNote:
    def test_tags_a_run_for_good(self, book, capfd):
        """Runs are found by it, and importing the folder again keeps it."""
        told = glasshouse(capfd, "note", "runs/book", "--tag", "keep", "--text", "for the talk")
        assert told.out.strip() == book
        glasshouse(capfd, "import", "runs")
        found = glasshouse(capfd, "runs", "--where", "'keep' in tags", "--json").out
        assert json.loads(found)["note"] == "for the talk"
        glasshouse(capfd, "note", book[:8], "--untag", "keep", "--tag", "old", "--tag", "old")
        assert json.loads(glasshouse(capfd, "runs", "--json").out)["tags"] == ["old"]

    def test_is_kept_by_a_run_that_goes_on(self, book, capfd, tmp_path):
        """Whoever trains does not write over what was noted meanwhile."""
        with (
            Notebook.open() as notebook,
            keep_run(notebook, tmp_path / "runs" / "book", from_step=4) as keeper,
        ):
            glasshouse(capfd, "note", book, "--tag", "keep")
            keeper.add(5, {"loss": 1.0})
        with Notebook.open() as notebook:
            assert notebook.load(Run, book).tags == ["keep"]

    @pytest.mark.parametrize(
        ("words", "sentence"),
        [
            (["runs/book"], "give --tag WORD, --untag WORD or --text WORDS"),
            (["runs/book", "--tag", " "], "--tag is empty"),
            (["f0f0", "--text", "x"], "is a finding, which has no note"),
            (["zzz", "--tag", "x"], "has an id that begins with 'zzz'"),
            (["runs/none", "--tag", "x"], "there is no run's folder runs/none"),
        ],
    )
    def test_refuses_what_cannot_be_noted(self, book, capfd, words, sentence):
        """Exit status 2, one sentence."""
        assert sentence in refused(glasshouse(capfd, "note", *words))


class TestShow:
    @pytest.mark.parametrize("word", ["findings", "finding", "Finding"])
    def test_lists_a_type(self, book, capfd, word):
        """Whoever has no id yet finds one."""
        told = glasshouse(capfd, "show", word)
        assert "It lies." in told.out
        assert "f0f0f0f0" in told.out
        assert json.loads(glasshouse(capfd, "show", word, "--json").out)["title"] == "It lies."

    def test_says_that_there_is_none(self, book, capfd):
        """On standard error: there is no data."""
        told = glasshouse(capfd, "show", "attacks")
        assert (told.status, told.out) == (0, "")
        assert "there is no attack yet" in told.err

    def test_of_a_run_tells_what_was_said_and_found(self, book, capfd):
        """The ids lead on."""
        told = glasshouse(capfd, "show", "runs/book").out
        for words in ("It lies.", "e0e0e0e0", "at step"):
            assert words in told

    def test_finds_a_run_by_its_name(self, book, capfd):
        """People remember names."""
        assert glasshouse(capfd, "show", "book", "--json").out.startswith('{"type":"run"')


class TestRuns:
    def test_doubts_a_run_that_has_long_been_silent(self, book, capfd, tmp_path):
        """A process that was killed cannot say so."""
        with Notebook.open() as notebook:
            run = notebook.load(Run, book)
            run.status = RunStatus.RUNNING
            notebook.add(run)
        assert "running?" not in glasshouse(capfd, "runs").out
        os.utime(tmp_path / "runs" / "book" / "metrics.jsonl", (0, 0))
        told = glasshouse(capfd, "runs")
        assert "running?" in told.out
        assert "glasshouse import" in told.err


class TestExport:
    def test_writes_nothing_if_one_of_the_places_is_taken(self, book, capfd, tmp_path):
        """Half an export is none."""
        told = refused(glasshouse(capfd, "export", "--jsonl", "all.jsonl", "--parquet", "runs"))
        assert "is there already" in told
        assert not (tmp_path / "all.jsonl").exists()
