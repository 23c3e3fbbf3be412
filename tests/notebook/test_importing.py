"""Folders come in as they are, once, and again only with what has come since."""

import shutil

import pytest
from tests.notebook.folders import (
    add_checkpoint,
    look_folder,
    report_folder,
    run_folder,
    write_metrics,
)

from glasshouse.errors import RunError
from glasshouse.notebook import Checkpoint, Claim, Finding, Run, RunStatus, Severity
from glasshouse.notebook.importing import (
    checkpoint_id,
    ids_of_folder,
    import_look,
    import_path,
    import_report,
    import_run,
    run_id_of,
    subject_of,
)
from glasshouse.notebook.importing.checkpoints import weights_hash
from glasshouse.notebook.importing.reading import read_value, unflatten
from glasshouse.records import Query
from glasshouse.records.operations.scrub import scrub


def checkpoints(notebook) -> dict[int, Checkpoint]:
    return {one.step: one for one in notebook.query(Query(Checkpoint))}


class TestImportRun:
    def test_brings_what_the_folder_says(self, notebook, tmp_path):
        """Config under the names that --set takes, curves, checkpoints with the hash of weights."""
        done = import_run(notebook, run_folder(tmp_path / "book"))
        run = notebook.load(Run, done.run.id)
        assert done.is_new
        assert done.new_steps == 6
        assert run == done.run
        assert (run.kind, run.name, run.seed, run.status) == (
            "text",
            "book",
            7,
            RunStatus.FINISHED,
        )
        assert run.command == "glasshouse train --text 'a book.txt'"
        assert run.config["train"]["schedule"]["peak_lr"] == 0.01
        assert (run.config["d_model"], run.config["context"]) == (8, 16)
        assert (run.step, run.steps, run.tokens) == (6, 6, 192)
        assert run.seconds == pytest.approx(6 * 32 / 100, abs=1e-3)
        assert run.held_out == pytest.approx(2.4)
        assert run.metrics["held_out/prose"].steps == 3
        assert notebook.curve(run.id, "held_out/all").steps == [2, 4, 6]
        found = checkpoints(notebook)
        assert sorted(found) == [4, 6]
        assert found[6].id == checkpoint_id(run.id, 6)
        assert found[6].held_out == pytest.approx(2.4)
        assert found[4].weights == weights_hash(tmp_path / "book/checkpoints/step-00000004")

    def test_changes_nothing_the_second_time(self, notebook, tmp_path):
        """Not one record is written anew: the change feed stays as it was."""
        folder = run_folder(tmp_path / "book")
        import_run(notebook, folder)
        before = notebook.database.engine.newest_version()
        again = import_run(notebook, folder)
        assert (again.is_new, again.new_steps) == (False, 0)
        assert notebook.database.engine.newest_version() == before

    def test_adds_what_has_come_since(self, notebook, tmp_path):
        """Steps, checkpoints; what was removed is marked and not forgotten."""
        folder = run_folder(tmp_path / "book", steps=4, saved=(2, 4))
        first = import_run(notebook, folder)
        assert first.run.status is RunStatus.STOPPED
        write_metrics(folder, range(1, 7))
        add_checkpoint(folder, 6)
        shutil.rmtree(folder / "checkpoints" / "step-00000002")
        again = import_run(notebook, folder)
        assert again.new_steps == 2
        assert again.run.status is RunStatus.FINISHED
        assert notebook.curve(first.run.id, "loss").steps == [1, 2, 3, 4, 5, 6]
        assert {step: one.is_kept for step, one in checkpoints(notebook).items()} == {
            2: False,
            4: True,
            6: True,
        }
        assert list(scrub(notebook.handle)) == []

    def test_replaces_steps_that_were_done_anew(self, notebook, tmp_path):
        """The folder is the truth, also where the notebook had more."""
        folder = run_folder(tmp_path / "book")
        run = import_run(notebook, folder).run
        write_metrics(folder, range(1, 6), speed=50.0)
        assert import_run(notebook, folder).new_steps == 5
        assert notebook.curve(run.id, "loss").steps == [1, 2, 3, 4, 5]
        assert notebook.curve(run.id, "tokens_per_second").values == [50.0] * 5
        assert notebook.curve(run.id, "held_out/all").steps == [2, 4]

    def test_leaves_out_steps_that_are_to_be_done_anew(self, notebook, tmp_path):
        """A run that goes on from step 4 does 5 and 6 again."""
        folder = run_folder(tmp_path / "book")
        run = import_run(notebook, folder).run
        import_run(notebook, folder, status=RunStatus.RUNNING, up_to=4)
        assert notebook.curve(run.id, "loss").steps == [1, 2, 3, 4]
        assert notebook.load(Run, run.id).status is RunStatus.RUNNING

    def test_writes_long_curves_in_parts(self, notebook, tmp_path, monkeypatch):
        """One transaction need not hold them."""
        monkeypatch.setattr("glasshouse.notebook.importing.run_folder._VALUES", 2)
        run = import_run(notebook, run_folder(tmp_path / "book")).run
        assert notebook.curve(run.id, "loss").steps == [1, 2, 3, 4, 5, 6]

    def test_knows_a_folder_that_has_moved(self, notebook, tmp_path):
        """Its id is made of run.json; what people wrote to it stays."""
        run = import_run(notebook, run_folder(tmp_path / "book")).run
        run.tags, run.note = ["keep"], "the good one"
        notebook.add(run)
        (tmp_path / "book").rename(tmp_path / "moved")
        again = import_run(notebook, tmp_path / "moved")
        assert not again.is_new
        moved = notebook.load(Run, run.id)
        assert (moved.name, moved.tags, moved.note) == ("moved", ["keep"], "the good one")
        assert all("moved" in one.path for one in checkpoints(notebook).values())

    def test_leaves_out_a_line_that_was_cut_off(self, notebook, tmp_path):
        """What a killed process leaves on some file systems."""
        folder = run_folder(tmp_path / "book")
        with (folder / "metrics.jsonl").open("a") as file:
            file.write('{"step": 7, "lo')
        assert import_run(notebook, folder).new_steps == 6

    @pytest.mark.parametrize(
        ("name", "content", "sentence"),
        [
            ("run.json", None, "run.json is missing"),
            ("run.json", "{", "run.json cannot be imported"),
            ("run.json", "[]", "run.json cannot be imported"),
            ("run.json", '{"kind": "x", "created": "now", "config": {}}', "which is no time"),
            ("metrics.jsonl", None, "metrics.jsonl is missing"),
            ("metrics.jsonl", "{}\n", "line 1 is damaged"),
            ("metrics.jsonl", '{"step": 2}\n', "lines were lost or added"),
        ],
    )
    def test_refuses_what_is_damaged(self, notebook, tmp_path, name, content, sentence):
        """In one sentence that names the file; the notebook stays as it was."""
        folder = run_folder(tmp_path / "book")
        if content is None:
            (folder / name).unlink()
        else:
            (folder / name).write_text(content)
        with pytest.raises(RunError, match=sentence):
            import_run(notebook, folder)
        assert notebook.counts() == {}


class TestImportReport:
    def test_brings_a_run_and_claims_for_each_study(self, notebook, tmp_path):
        """Configs are values again, though reports keep them as words."""
        imported = import_report(notebook, report_folder(tmp_path / "tour", "one", "two"))
        assert [(run.study, is_new) for run, is_new in imported] == [("one", True), ("two", True)]
        run = imported[0][0]
        assert run.config == {"measured": 0.95, "train": {"widths": [1, 2], "name": "long"}}
        assert run.verdicts == {"reproduced": 1, "trend": 1}
        claims = list(notebook.query(Query(Claim).where(Claim.run == run.id)))
        assert [one.name for one in claims] == ["high", "low"]
        high = claims[0]
        assert (high.low, high.high, high.threshold) == (0.91, None, 0.9)
        assert high.control is not None
        assert high.control.text == "shuffled"
        assert notebook.counts() == {"Run": 2, "Claim": 4}

    def test_knows_a_report_again_and_keeps_earlier_ones(self, notebook, tmp_path):
        """A study that was run again in its folder is another run."""
        folder = report_folder(tmp_path / "report")
        ((run, _),) = import_report(notebook, folder)
        before = notebook.database.engine.newest_version()
        assert import_report(notebook, folder) == [(notebook.load(Run, run.id), False)]
        assert notebook.database.engine.newest_version() == before
        report_folder(folder, seconds=9.0)
        ((later, is_new),) = import_report(notebook, folder)
        assert is_new
        assert later.id != run.id
        assert notebook.counts() == {"Run": 2, "Claim": 4}


class TestImportLook:
    def test_brings_a_finding_with_its_page(self, notebook, tmp_path, monkeypatch):
        """Of the checkpoint that the run's name leads to."""
        monkeypatch.chdir(tmp_path)
        book = run_folder(tmp_path / "runs" / "book")
        finding, is_new = import_look(notebook, look_folder(tmp_path / "looks" / "book"))
        assert is_new
        assert finding.kind == "look"
        assert finding.title == "“the cat sat”, 1 fed"
        assert finding.subject == checkpoint_id(run_id_of(book) or "", 6)
        assert finding.sites == ["blocks.0.attn.pattern"]
        assert finding.path.endswith("looks/book/look.html")

    def test_keeps_what_people_made_of_it(self, notebook, tmp_path):
        """A look that somebody called serious stays so."""
        folder = look_folder(tmp_path / "look")
        finding, _ = import_look(notebook, folder)
        finding.severity, finding.tags = Severity.HIGH, ["odd"]
        notebook.add(finding)
        again, is_new = import_look(notebook, folder)
        assert not is_new
        assert again == notebook.load(Finding, finding.id) == finding


class TestImportPath:
    def test_finds_everything_in_a_folder(self, notebook, tmp_path):
        """At any depth; runs in a report's workspace are part of its study."""
        run_folder(tmp_path / "book")
        report_folder(tmp_path / "fake")
        run_folder(tmp_path / "fake" / "runs" / "grown", kind="world")
        look_folder(tmp_path / "looks" / "one")
        found = list(import_path(notebook, tmp_path))
        assert sorted(one.kind for one in found) == ["finding", "run", "run", "study"]
        assert all(one.is_new and one.changed for one in found)
        study = next(one.id for one in found if one.kind == "study")
        (grown,) = notebook.query(Query(Run).where(Run.parent == study))
        assert (grown.name, grown.study, grown.preset) == ("grown", "fake", "small")
        assert not any(one.changed for one in import_path(notebook, tmp_path))
        assert notebook.load(Run, grown.id).parent == study

    def test_gives_a_run_to_the_study_it_is_named_for(self, notebook, tmp_path):
        """Where several share a workspace; else to none."""
        folder = report_folder(tmp_path / "tour", "one", "two")
        run_folder(folder / "runs" / "two")
        run_folder(folder / "runs" / "other", kind="world")
        found = list(import_path(notebook, folder))
        runs = {notebook.load(Run, one.id).name: notebook.load(Run, one.id) for one in found}
        assert runs["two"].study == "two"
        assert runs["other"].parent is None

    def test_passes_by_what_is_damaged(self, notebook, tmp_path):
        """One broken folder does not keep the others out; alone, it is an error."""
        run_folder(tmp_path / "good")
        (run_folder(tmp_path / "broken") / "metrics.jsonl").unlink()
        found = {one.problem is None: one for one in import_path(notebook, tmp_path)}
        assert found[True].is_new
        assert "metrics.jsonl is missing" in (found[False].problem or "")
        with pytest.raises(RunError, match="metrics"):
            list(import_path(notebook, tmp_path / "broken"))

    @pytest.mark.parametrize("name", ["nowhere", "empty"])
    def test_refuses_where_there_is_nothing(self, notebook, tmp_path, name):
        """And says what was looked for."""
        (tmp_path / "empty").mkdir()
        with pytest.raises(RunError, match=name):
            list(import_path(notebook, tmp_path / name))

    def test_names_what_a_folder_is(self, notebook, tmp_path):
        """So that a folder can stand for an id on the command line."""
        run_folder(tmp_path / "book")
        report_folder(tmp_path / "tour", "one", "two")
        ids = {one.id for one in import_path(notebook, tmp_path)}
        named = ids_of_folder(tmp_path / "book") + ids_of_folder(tmp_path / "tour")
        assert set(named) == ids
        assert ids_of_folder(tmp_path) == []


class TestSubjectOf:
    def test_is_the_newest_checkpoint(self, tmp_path, monkeypatch):
        """By folder, by name, by the checkpoint's own folder."""
        monkeypatch.chdir(tmp_path)
        folder = run_folder(tmp_path / "runs" / "book")
        run = run_id_of(folder) or ""
        assert subject_of("run:book") == subject_of("runs/book") == checkpoint_id(run, 6)
        assert subject_of(folder / "checkpoints" / "step-00000004") == checkpoint_id(run, 4)

    def test_is_the_name_of_anything_else(self):
        """A hub id says enough."""
        assert subject_of("owner/model") == "owner/model"


class TestReading:
    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("3", 3),
            ("1e-3", 0.001),
            ("None", None),
            ("True", True),
            ("(1, 2)", [1, 2]),
            ("long", "long"),
            ("a b", "a b"),
            ("b'x'", "b'x'"),
            (4, 4),
        ],
    )
    def test_reads_values_as_python_shows_them(self, text, value):
        """What is no value is the text itself."""
        assert read_value(text) == value

    def test_puts_dotted_names_inside_each_other(self):
        """Also where a name is both a value and a beginning: the longer one wins."""
        assert unflatten({"a.b": 1, "a.c.d": 2, "e": 3}) == {"a": {"b": 1, "c": {"d": 2}}, "e": 3}
        assert unflatten({"a": 1, "a.b": 2}) == {"a": {"b": 2}}


class TestWeightsHash:
    def test_is_what_sha256sum_says_of_one_file(self, tmp_path):
        """The trainer's moments are no part of the model."""
        folder = add_checkpoint(tmp_path, 1)
        before = weights_hash(folder)
        (folder / "trainer.safetensors").write_bytes(b"other moments")
        assert weights_hash(folder) == before
        assert len(before) == len("sha256:") + 64
        (folder / "model.safetensors").write_bytes(b"other weights")
        assert weights_hash(folder) != before
        assert weights_hash(tmp_path) == ""

    def test_covers_every_shard(self, tmp_path):
        """Of a model in several files."""
        for name in ("a", "b"):
            (tmp_path / f"{name}.safetensors").write_bytes(name.encode())
        before = weights_hash(tmp_path)
        (tmp_path / "b.safetensors").write_bytes(b"c")
        assert weights_hash(tmp_path) != before
