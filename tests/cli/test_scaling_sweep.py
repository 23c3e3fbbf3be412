"""`glasshouse scaling sweep`: planned, told what it costs, killed, gone on with, and remembered."""

import json
import signal
import time

import pytest
from tests.cli.commands import glasshouse, refused, spawn

from glasshouse.notebook import Notebook, Run
from glasshouse.records import Query

PLAN = """
budget = 1e9
[model]
widths = [8, 16]
layers = [1]
[train]
steps = [4]
batches = [2]
lrs = [0.01]
seeds = [0, 1]
[data]
domain = "chain"
symbols = 4
sequence = 16
"""


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Work in an empty folder with one plan."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plan.toml").write_text(PLAN)
    return tmp_path


def trials(url, name):
    """The trials that a notebook has of a sweep."""
    with Notebook.open(url) as opened:
        found = Query(Run).where(Run.kind == "trial")
        return [run for run in opened.query(found) if run.tags == [f"sweep:{name}"]]


def test_says_what_it_costs_and_writes_nothing(capfd, here):
    """Every population with its operations, and the time that steps timed here foretell."""
    told = glasshouse(capfd, "scaling", "sweep", "plan.toml", "--dry-run")
    assert told.status == 0, told
    assert "4 trials in 2 programs; 5.9e+06 FLOP of a budget of 1e+09; about" in told.out
    assert [path.name for path in here.iterdir()] == ["plan.toml"]
    words = ("scaling", "sweep", "plan.toml", "--set", "model.widths=16", "--dry-run", "--json")
    (only,) = map(json.loads, glasshouse(capfd, *words).out.splitlines())
    assert only["params"] == 12 * 16**2
    assert only["flops"] == 2 * 6 * only["params"] * 4 * 2 * 16
    assert only["seconds"] > 0


def test_names_and_counts_what_does_not_count(capfd, here, notebook):
    """What diverged and what is missing, by the sweep and by whoever reads its folder; a trial is
    a run of the notebook, with its verdict."""
    words = ("scaling", "sweep", "plan.toml", "--out", "wild", "--set", "train.lrs=0.01,1e4")
    words += ("--set", "train.steps=12", "--set", "model.widths=8,16,24,32")
    told = glasshouse(capfd, *words, "--set", "train.seeds=0", "--json")
    assert told.status == 0, told
    records = [json.loads(line) for line in told.out.splitlines()]
    blown = [one["name"] for one in records if one["failure"]]
    assert len(blown) == 4
    assert f"4 of 8 runs left out: {blown[0]} (diverged: " in told.err
    (here / "wild" / "trials" / f"{blown[0]}.json").unlink()
    fitted = glasshouse(capfd, "scaling", "fit", "wild", "--draws", "20", "--constant", "no")
    assert fitted.status == 0, fitted
    assert f"4 of 8 runs left out: {blown[0]} (missing: " in fitted.err
    runs = {run.name: run for run in trials(notebook, "wild")}
    assert len(runs) == 8
    failed, sound = runs[blown[1]], runs[next(one["name"] for one in records if one["loss"])]
    assert failed.failure.startswith("diverged")
    assert failed.held_out is None
    assert (sound.config["d_model"], sound.config["lr"], sound.seed) == (8, 0.01, 0)
    assert sound.held_out == pytest.approx(next(one["loss"] for one in records if one["loss"]))
    with Notebook.open(notebook) as opened:
        curve = opened.curve(sound.id, "held_out/all")
        parent = opened.load(Run, sound.parent)
    assert curve.steps[-1] == 12
    assert curve.values[-1] == sound.held_out
    assert parent is not None
    assert (parent.kind, parent.step, parent.steps) == ("sweep", 8, 8)
    assert parent.config["data"]["symbols"] == 4
    shown = glasshouse(capfd, "show", failed.id)
    assert "diverged" in shown.out
    assert glasshouse(capfd, "runs", "-n", "0").out.count("wild") == 1


def test_goes_on_after_it_was_killed(capfd, here, notebook):
    """By SIGKILL, in the middle: its workers end with it, the same command trains what is missing,
    and nothing counts twice."""
    words = ("scaling", "sweep", "plan.toml", "--out", "swept", "--set", "train.steps=4,300")
    words += ("--set", "model.widths=8")
    process = spawn(*words, "--engine", "processes", "--workers", "1", cwd=here)
    folder = here / "swept" / "trials"
    patience = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < patience:
        if len(list(folder.glob("[!.]*.json"))) >= 2:
            break
        time.sleep(0.02)
    process.kill()
    told = process.communicate(timeout=60)  # ends when all that could still write have ended
    assert process.returncode == -signal.SIGKILL, told
    kept = {path.name: path.read_bytes() for path in folder.glob("[!.]*.json")}
    assert len(kept) == 2
    told = glasshouse(capfd, *words)
    assert told.status == 0, told
    assert "4 trials in 2 programs; 2 of them done" in told.err
    assert len(told.out.splitlines()) == 2
    assert "4 of 4 trials are sound; glasshouse scaling fit swept --law D" in told.err
    assert all((folder / name).read_bytes() == content for name, content in kept.items())
    assert glasshouse(capfd, *words).out == ""
    names = [run.name for run in trials(notebook, "swept")]
    assert len(names) == len(set(names)) == 4


def test_imports_a_sweep_once(capfd, here, notebook):
    """A folder that no notebook saw: its trials come in, and a second time nothing does."""
    told = glasshouse(
        capfd, "scaling", "sweep", "plan.toml", "--out", "quiet", "--notebook", "none"
    )
    assert told.status == 0, told
    assert not trials(notebook, "quiet")
    assert "new sweep, 4 trials" in glasshouse(capfd, "import", "quiet").out
    assert len(trials(notebook, "quiet")) == 4
    assert "known" in glasshouse(capfd, "import", "quiet").out
    assert len(trials(notebook, "quiet")) == 4
    assert "4" in glasshouse(capfd, "show", "quiet").out


def test_trains_on_the_text_of_a_world(capfd, here):
    """Written once into the sweep's folder."""
    words = ("scaling", "sweep", "--set", "budget=1e9", "--set", "model.widths=8", "--set")
    words += ("train.steps=3", "--set", "train.batches=2", "--set", "data.domain=world", "--set")
    words += ("data.world_preset=nano", "--set", "data.context=16", "--out", "world")
    told = glasshouse(capfd, *words)
    assert told.status == 0, told
    assert "nats a token" in told.out
    assert (here / "world" / "data" / "train" / "index.json").is_file()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "name a plan's file, or say one with --set"),
        (("none.toml",), "there is no file none.toml"),
        (("plan.txt",), "must be called .toml, .yaml or .json"),
        (("torn.toml",), "torn.toml is not TOML"),
        (("plan.toml", "--set", "budget=1e3"), "more than the budget"),
        (("plan.toml", "--set", "model.width=8"), "did you mean model.widths?"),
        (("plan.toml", "--set", "train.steps=few"), "train.steps='few' does not fit"),
        (("plan.toml", "--set", "train.tokens=100"), "either train.tokens or train.steps"),
        (("plan.toml", "--set", "data.domain=cloud"), "must be one of chain, digits"),
        (("plan.toml", "--set", "data.order=0"), "order=0 must be at least 1"),
        (("plan.toml", "--set", "kind=isoflop"), "needs train.computes"),
        (("plan.toml", "--set", "train.batches=0"), "train.batches=0 must be positive"),
        (("plan.toml", "--set", "train.lrs="), "train.lrs must name at least one"),
        (("plan.toml", "--set", "train.seeds=-1"), "must be at least 0"),
        (("plan.toml", "--set", "train.ratio=nan"), "train.ratio=nan must be above 1"),
        (("plan.toml", "--set", "model.d_head=0"), "model.d_head=0 must be positive"),
        (("plan.toml", "--set", "kind=cube"), "kind='cube' does not fit"),
        (("plan.toml", "--set", "model.widths=8,12"), "must be a multiple of d_head"),
        (("plan.toml", "--engine", "cloud"), "must be one of serial, processes, ray"),
        (("--set", "model.widths=8"), "a plan needs a budget"),
        (("plan.toml", "--out", "full"), "is no sweep"),
    ],
)
def test_refuses_in_a_sentence(capfd, here, words, told):
    """What is wrong, and what would be right."""
    (here / "torn.toml").write_text("budget = ")
    (here / "plan.txt").write_text(PLAN)
    (here / "full").mkdir()
    (here / "full" / "x").touch()
    assert told in refused(glasshouse(capfd, "scaling", "sweep", *words))
