"""Whatever a command makes is in the notebook, and the notebook is never in a command's way."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.cli.commands import glasshouse, refused, spawn
from tests.cli.fake_study import CARD
from tests.notebook.folders import RUN, report_folder, run_folder, step_line

from glasshouse.notebook import (
    Checkpoint,
    Claim,
    Finding,
    Notebook,
    Run,
    RunStatus,
    Transcript,
)
from glasshouse.notebook.importing import run_id_of, subject_of
from glasshouse.records import Query
from glasshouse.records.operations.scrub import scrub

TEXT = "the cat sat on the mat and the dog sat on the log . " * 60
SMALL = (
    "--set context=16", "--set num_layers=1", "--set d_model=16", "--set num_heads=2",
    "--set train.batch_size=4", "--set train.compile=no", "--set train.evaluate_every=2",
    "--set train.checkpoints.every=2", "--set train.threads=1",
)  # fmt: skip
TINY = tuple(word for pair in SMALL for word in pair.split(" ", 1))


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> Path:
    """Work in an empty folder with one text in it, and with a notebook of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GLASSHOUSE_NOTEBOOK", f"lmdb:{tmp_path / 'notes'}")
    (tmp_path / "book.txt").write_text(TEXT)
    return tmp_path


@pytest.fixture
def opened(here):
    with Notebook.open() as notebook:
        yield notebook


def grown(capfd, *words: str, steps: int = 4):
    told = glasshouse(
        capfd, "train", "--text", "book.txt", *TINY, "--set", f"train.steps={steps}", *words
    )
    assert told.status == 0, told
    return told


class TestTrain:
    def test_is_remembered_with_every_step(self, capfd, here):
        """The run, its curves, its checkpoints; and what the folder says is what is there."""
        told = grown(capfd)
        assert "notebook" not in told.err
        with Notebook.open() as notebook:
            (run,) = notebook.query(Query(Run))
            assert run.id == run_id_of(here / "runs" / "book")
            assert (run.status, run.step, run.steps) == (RunStatus.FINISHED, 4, 4)
            lines = (here / "runs/book/metrics.jsonl").read_text().splitlines()
            assert notebook.curve(run.id, "loss").values == [
                json.loads(one)["loss"] for one in lines
            ]
            assert notebook.curve(run.id, "held_out/all").steps == [2, 4]
            saved = list(notebook.query(Query(Checkpoint).where(Checkpoint.run == run.id)))
            assert {one.step for one in saved if one.is_kept} == {2, 4}
            assert all(one.weights.startswith("sha256:") for one in saved)
            assert list(scrub(notebook.handle)) == []

    def test_goes_on_where_a_run_was_killed(self, here, capfd):
        """kill -9: the folder has every step, and resuming brings the notebook up to it."""
        words = ("train", "--text", "book.txt", *TINY, "--set", "train.steps=100000")
        train = spawn(*words, cwd=here)
        metrics = here / "runs" / "book" / "metrics.jsonl"
        deadline = time.monotonic() + 90
        while not (metrics.exists() and metrics.read_bytes().count(b"\n") > 5):
            assert train.poll() is None, train.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        train.kill()
        train.communicate(timeout=60)
        lines = metrics.read_bytes().splitlines()
        assert [json.loads(one)["step"] for one in lines if one.endswith(b"}")][-1] > 5
        with Notebook.open() as notebook:
            run = run_id_of(here / "runs/book")
            known = notebook.load(Run, run)
            assert known is None or known.status is RunStatus.RUNNING
        resumed = spawn("train", "--resume", "runs/book", cwd=here)
        while metrics.read_bytes().count(b"\n") < len(lines) + 5:
            assert resumed.poll() is None, resumed.communicate()
            time.sleep(0.02)
        os.kill(resumed.pid, signal.SIGINT)
        resumed.communicate(timeout=60)
        told = [json.loads(one) for one in metrics.read_bytes().splitlines()]
        with Notebook.open() as notebook:
            assert notebook.load(Run, run).status is RunStatus.STOPPED
            for name in ("loss", "tokens_per_second"):
                curve = notebook.curve(run, name)
                assert curve.steps == [one["step"] for one in told]
                assert curve.values == [one[name] for one in told]
            assert list(scrub(notebook.handle)) == []

    def test_can_do_without(self, capfd, here):
        """`--notebook none` leaves no notebook anywhere."""
        grown(capfd, "--notebook", "none")
        assert not (here / "notes").exists()

    def test_goes_to_a_project(self, capfd):
        """Which others do not see."""
        grown(capfd, "--project", "rlhf")
        with Notebook.open() as notebook:
            assert notebook.counts() == {}
            assert notebook.projects() == ["rlhf"]

    @pytest.mark.parametrize(
        "trouble", ["a file", "another version", "no such engine", "a full disk"]
    )
    def test_is_not_stopped_by_a_notebook_that_fails(self, capfd, here, monkeypatch, trouble):
        """One sentence says so and how to bring the run in later; the run is whole."""
        if trouble == "a file":
            (here / "notes").write_text("mine")
        elif trouble == "no such engine":
            monkeypatch.setenv("GLASSHOUSE_NOTEBOOK", "paper:notes")
        elif trouble == "another version":
            written_by_a_later_version()
        else:
            monkeypatch.setattr("glasshouse.notebook.log.write_curves", refuse)
        told = grown(capfd)
        assert told.out == "runs/book\n"
        said = [line for line in told.err.splitlines() if "notebook" in line]
        assert len(said) == 1
        assert "`glasshouse import runs/book` brings the run in later" in said[0]
        assert len((here / "runs/book/metrics.jsonl").read_text().splitlines()) == 4

    def test_does_not_wait_for_a_notebook_that_is_locked(self, capfd, here, monkeypatch):
        """By a process that hangs, for instance: training goes on without it."""
        Notebook.open().close()
        monkeypatch.setattr("glasshouse.cli.notebook.PATIENCE_SECONDS", 0.2)
        hold = (
            "import lmdb, sys, time\n"
            "with lmdb.open(sys.argv[1], max_dbs=8).begin(write=True):\n"
            "    print('held', flush=True)\n"
            "    time.sleep(600)\n"
        )
        command = [sys.executable, "-c", hold, str(here / "notes")]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            told = grown(capfd)
            holder.kill()
        assert "another process keeps it locked; `glasshouse import runs/book`" in told.err
        assert glasshouse(capfd, "import", "runs/book").out.endswith("new run, 4 steps\n")


def refuse(*arguments):
    raise OSError(28, "No space left on device")


def written_by_a_later_version() -> None:
    """Leave a notebook that a later version has written."""
    from glasshouse.notebook.schema import SCHEMA
    from glasshouse.records import Schema

    with Notebook.open() as notebook:
        newer = Schema(name=SCHEMA.name, version=99, records=SCHEMA.records)
        notebook.database.store(newer, notebook.handle.place).run(lambda store: None)


class TestOtherCommands:
    def test_generate_leaves_transcripts(self, capfd, opened):
        """Of the checkpoint that spoke, with how it was asked."""
        grown(capfd)
        words = ("--prompt", "the cat", "-n", 2, "--max-new-tokens", 3, "--seed", 5)
        spoken = glasshouse(capfd, "generate", "runs/book", *words)
        said = list(opened.query(Query(Transcript)))
        assert len(said) == 2
        assert {one.model for one in said} == {subject_of("runs/book")}
        assert [turn.role for turn in said[0].turns] == ["prompt", "model"]
        assert said[0].turns[1].text in spoken.out
        assert (said[0].seed, said[0].sampling["max_new_tokens"]) == (5, 3)
        assert len(said[0].token_ids) == len(said[0].logprobs)

    def test_look_leaves_a_finding_with_its_page(self, capfd, here, opened):
        """Of the checkpoint looked at."""
        grown(capfd)
        glasshouse(capfd, "look", "run:book", "--prompt", "the cat sat")
        (finding,) = opened.query(Query(Finding))
        assert (finding.kind, finding.subject) == ("look", subject_of("runs/book"))
        assert Path(finding.path) == here / "looks" / "book" / "look.html"

    def test_run_leaves_a_run_with_its_claims(self, capfd, opened, monkeypatch):
        """And a second run of the study beside the first."""
        monkeypatch.setattr("glasshouse.studies.catalogue.STUDIES", {"fake": CARD})
        monkeypatch.setattr("glasshouse.studies.STUDIES", {"fake": CARD})
        for _ in range(2):
            told = glasshouse(capfd, "run", "fake", "--set", "measured=0.93")
            assert told.status == 0, told
        studies = list(opened.query(Query(Run).where(Run.study == "fake")))
        assert len(studies) == 2
        assert studies[0].config == {"measured": 0.93, "spread": 0.01}
        claims = list(opened.query(Query(Claim).where(Claim.run == studies[0].id)))
        assert [(one.name, one.verdict, one.measured) for one in claims] == [
            ("high", "reproduced", 0.93)
        ]


@pytest.fixture
def filled(here, capfd):
    """Two runs and a study, imported."""
    run_folder(here / "runs" / "book")
    run_folder(
        here / "runs" / "other",
        steps=3,
        saved=(2,),
        kind="world",
        created="2026-04-01T00:00:00+00:00",
        config={"steps": 6, "seed": 8, "schedule": {"peak_lr": 0.02}},
    )
    report_folder(here / "runs" / "study")
    told = glasshouse(capfd, "import", "runs")
    assert told.status == 0, told
    return here


class TestImport:
    def test_says_what_is_new(self, filled, capfd):
        """The second time nothing is."""
        told = glasshouse(capfd, "import", "runs", "runs/book")
        assert "4 known already" in told.err
        assert told.out.count("known") == 4
        with (filled / "runs/book/metrics.jsonl").open("a") as file:
            file.write(json.dumps(step_line(7)) + "\n")
        assert "1 steps more" in glasshouse(capfd, "import", "runs/book").out

    def test_gives_records(self, filled, capfd):
        """For scripts."""
        told = glasshouse(capfd, "import", "runs", "--json")
        found = [json.loads(line) for line in told.out.splitlines()]
        assert {one["kind"] for one in found} == {"run", "study"}
        assert not any(one["is_new"] for one in found)

    def test_refuses_what_is_no_folder_of_ours(self, capfd):
        """Exit status 2, one sentence."""
        assert "there is no folder nowhere" in refused(glasshouse(capfd, "import", "nowhere"))
        assert "holds no run" in refused(glasshouse(capfd, "import", "."))


class TestRuns:
    def test_lists_the_newest_first(self, filled, capfd):
        """As a table, or one record a line."""
        told = glasshouse(capfd, "runs").out
        assert told.index("other") < told.index("1/2 claims") < told.index("book")
        records = [json.loads(one) for one in glasshouse(capfd, "runs", "--json").out.splitlines()]
        assert [one["name"] for one in records] == ["other", "study", "book"]
        assert records[0]["type"] == "run"

    @pytest.mark.parametrize(
        ("words", "names"),
        [
            (["--where", "kind == 'text'"], ["book"]),
            (["--where", "config.train.schedule.peak_lr > 0.01"], ["other"]),
            (["--where", "study == 'fake' or metrics.loss.least < 1.7"], ["study", "book"]),
            (["--where", "status == 'stopped'"], ["other"]),
            (["--where", "started > '2026-03-15'"], ["other"]),
            (["--sort", "loss"], ["book", "other", "study"]),
            (["--sort", "-loss"], ["other", "book", "study"]),
            (["--sort", "config.train.seed"], ["book", "other", "study"]),
            (["-n", "1", "--sort", "name"], ["book"]),
            (["-n", "0", "--sort", "-name"], ["study", "other", "book"]),
            (["--project", "another"], []),
        ],
    )
    def test_finds_and_sorts(self, filled, capfd, words, names):
        """What lacks the field comes last, either way round."""
        told = glasshouse(capfd, "runs", *words, "--json")
        assert [json.loads(one)["name"] for one in told.out.splitlines()] == names

    def test_says_when_there_are_more(self, filled, capfd):
        """On standard error, where it is no data."""
        assert "there are more" in glasshouse(capfd, "runs", "-n", "2").err
        assert "more" not in glasshouse(capfd, "runs", "-n", "3").err

    def test_lists_projects(self, filled, capfd):
        """Those that hold something."""
        glasshouse(capfd, "import", "runs/book", "--project", "rlhf")
        assert glasshouse(capfd, "runs", "--projects").out.split() == ["default", "rlhf"]

    @pytest.mark.parametrize(
        ("words", "sentence"),
        [
            (["--where", "los < 2"], "Run has no field 'los'; it has id, kind"),
            (["--where", "loss <"], "cannot be read"),
            (["--where", "loss < 'low'"], "holds float, and 'low' is none"),
            (["--where", "__import__('os').system('x')"], "is no condition"),
            (["--sort", "los"], "Run has no field 'los'"),
            (["-n", "-1"], "-n"),
            (["--notebook", "none"], "switched off"),
            (["--notebook", "paper:x"], "names no engine"),
            (["--notebook", "elsewhere"], "there is no notebook at lmdb:elsewhere yet"),
            (["--project", " "], "is no name"),
        ],
    )
    def test_refuses_what_cannot_be_meant(self, filled, capfd, words, sentence):
        """Exit status 2, one sentence, nothing made."""
        assert sentence in refused(glasshouse(capfd, "runs", *words))
        assert not (filled / "elsewhere").exists()


class TestShow:
    def test_tells_everything_of_a_run(self, filled, capfd):
        """By its folder, or by some digits of its id."""
        told = glasshouse(capfd, "show", "run:book")
        assert told.status == 0, told
        for words in ("train.schedule.peak_lr", "█", "held_out/prose", "step-00000006", "sha256:"):
            assert words in told.out
        run = run_id_of(filled / "runs/book") or ""
        assert glasshouse(capfd, "show", run[:9]).out == told.out

    def test_tells_claims_of_a_study(self, filled, capfd):
        """With verdict and threshold."""
        told = glasshouse(capfd, "show", "runs/study")
        assert "reproduced" in told.out
        assert "above 0.9" in told.out

    def test_gives_records(self, filled, capfd):
        """The thing itself first, then what belongs to it."""
        told = glasshouse(capfd, "show", "runs/book", "--json")
        types = [json.loads(line)["type"] for line in told.out.splitlines()]
        assert types == ["run", "checkpoint", "checkpoint"]

    def test_shows_any_record(self, filled, capfd):
        """Claims, transcripts, features, findings: what they hold."""
        with Notebook.open() as notebook:
            claim = notebook.first(Query(Claim))
        told = glasshouse(capfd, "show", claim.id)
        assert told.out.startswith("claim")
        assert "It is high." in told.out

    @pytest.mark.parametrize(
        ("name", "sentence"),
        [("zzz", "has an id that begins with 'zzz'"), ("", "is the beginning of several ids")],
    )
    def test_refuses_what_names_nothing_or_several(self, filled, capfd, name, sentence):
        """And says what there is."""
        assert sentence in refused(glasshouse(capfd, "show", name))

    def test_refuses_a_folder_that_is_not_in_it(self, filled, capfd):
        """With the command that brings it in."""
        run_folder(filled / "runs" / "late", created="2026-05-01T00:00:00+00:00")
        told = refused(glasshouse(capfd, "show", "runs/late"))
        assert "bring it in with `glasshouse import runs/late`" in told


class TestDiff:
    def test_tells_only_what_is_apart(self, filled, capfd):
        """Side by side."""
        told = glasshouse(capfd, "diff", "runs/book", "runs/other")
        assert told.status == 0, told
        assert "train.schedule.peak_lr" in told.out
        assert "d_model" not in told.out
        records = [
            json.loads(line)
            for line in glasshouse(
                capfd, "diff", "runs/book", "run:other", "--json"
            ).out.splitlines()
        ]
        assert {"section": "run", "name": "seed", "first": 7, "second": 8} in records

    def test_says_when_nothing_is(self, filled, capfd):
        """On standard error: there is no data."""
        told = glasshouse(capfd, "diff", "runs/book", "runs/book")
        assert told.out == ""
        assert "are the same" in told.err

    def test_refuses_what_is_no_run(self, filled, capfd):
        """A claim has no config."""
        with Notebook.open() as notebook:
            claim = notebook.first(Query(Claim))
        assert "has an id" in refused(glasshouse(capfd, "diff", claim.id, "runs/book"))


class TestExport:
    def test_writes_for_other_tools(self, filled, capfd):
        """All at once; the answer is what was written."""
        pytest.importorskip("pyarrow")
        pytest.importorskip("tensorboard")
        told = glasshouse(
            capfd, "export", "--parquet", "tables", "--jsonl", "all.jsonl", "--tensorboard", "tb"
        )
        assert told.status == 0, told
        written = told.out.splitlines()
        assert {"all.jsonl", "tables/run.parquet", "tables/claim.parquet"} <= set(written)
        assert all((filled / path).exists() for path in written)

    def test_takes_some_runs_and_types(self, filled, capfd):
        """Those asked for."""
        words = ("--where", "kind == 'world'", "--type", "run", "--type", "metric")
        glasshouse(capfd, "export", "--jsonl", "some.jsonl", *words)
        lines = [json.loads(one) for one in (filled / "some.jsonl").read_text().splitlines()]
        assert {one["type"] for one in lines} == {"run", "metric"}
        assert {one.get("kind") for one in lines if one["type"] == "run"} == {"world"}

    @pytest.mark.parametrize(
        ("words", "sentence"),
        [
            ([], "give --parquet DIR, --jsonl FILE or --tensorboard DIR"),
            (["--parquet", "runs"], "is there already"),
            (["--tensorboard", "runs"], "is there already"),
            (["--jsonl", "a.jsonl", "--type", "person"], "--type person is none of run, metric"),
            (["--tensorboard", "tb", "--type", "run"], "does not go with"),
            (["--jsonl", "book.txt/a.jsonl"], "book.txt"),
            (["--jsonl", ""], "the path is empty"),
        ],
    )
    def test_refuses_what_cannot_be_written(self, filled, capfd, words, sentence):
        """Before anything is."""
        before = sorted(filled.iterdir())
        assert sentence in refused(glasshouse(capfd, "export", *words))
        assert sorted(filled.iterdir()) == before


class TestFolders:
    def test_of_these_tests_are_what_training_writes(self):
        """The hand-made ones have the fields of real ones."""
        from glasshouse.training.metrics import StepResult
        from glasshouse.training.run_folder import RunRecord

        assert set(RUN) == set(RunRecord.__dataclass_fields__)
        assert set(step_line(1)) == set(StepResult.__dataclass_fields__)


class TestHelp:
    @pytest.mark.parametrize(
        "verb", ["runs", "show", "diff", "export", "import", "records", "records scrub"]
    )
    def test_explains_every_verb_without_torch_or_an_engine(self, here, verb):
        """And without the record layer, so that it answers at once."""
        code = (
            "import sys; from glasshouse.cli import main\n"
            "try: main(sys.argv[1:])\n"
            "except SystemExit: pass\n"
            "heavy = {'torch', 'lmdb', 'numpy', 'glasshouse.records'} & set(sys.modules)\n"
            "sys.exit(f'imported {heavy}' if heavy else 0)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, *verb.split(), "--help"], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert "glasshouse" in done.stdout


def test_removes_nothing_of_a_folder(filled, capfd):
    """Importing, showing and exporting leave folders as they are."""
    before = {path: path.stat().st_mtime_ns for path in (filled / "runs").rglob("*")}
    glasshouse(capfd, "import", "runs")
    glasshouse(capfd, "export", "--jsonl", "a.jsonl")
    assert {path: path.stat().st_mtime_ns for path in (filled / "runs").rglob("*")} == before
    shutil.rmtree(filled / "runs")
    assert glasshouse(capfd, "runs").status == 0
