"""`glasshouse train` and `generate`: a text becomes a model that speaks, and nothing is lost."""

import json
import os
import signal
import time
from pathlib import Path

import pytest
from tests.cli.commands import glasshouse, refused, spawn

from glasshouse.cli.train import default_folder, run_folder

TEXT = "the cat sat on the mat and the dog sat on the log . " * 60
SMALL = (
    "--set context=16", "--set num_layers=1", "--set d_model=16", "--set num_heads=2",
    "--set train.batch_size=4", "--set train.compile=no", "--set train.evaluate_every=2",
    "--set train.checkpoints.every=2", "--set train.threads=1",
)  # fmt: skip
TINY = tuple(word for pair in SMALL for word in pair.split(" ", 1))


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> Path:
    """Work in an empty folder with one text in it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "book.txt").write_text(TEXT)
    return tmp_path


def grown(capfd, *words: str):
    return glasshouse(capfd, "train", "--text", "book.txt", *TINY, "--set", "train.steps=4", *words)


class TestTrain:
    def test_grows_a_model_that_generate_continues(self, capfd, here):
        """Real input, end to end: a text, a run folder, words."""
        told = grown(capfd)
        assert told.status == 0
        assert told.out == "runs/book\n"
        assert "held out" in told.err
        words = ("generate", "runs/book", "--prompt", "the cat", "-n", 2, "--max-new-tokens", 5)
        spoken = glasshouse(capfd, *words)
        assert spoken.status == 0
        assert spoken.out.count("the cat") >= 2
        assert glasshouse(capfd, *words).out == spoken.out

    def test_gives_every_step_as_a_record(self, capfd):
        """For programs: steps on standard output, talk elsewhere."""
        told = grown(capfd, "--json")
        steps = [json.loads(line) for line in told.out.splitlines()]
        assert [step["step"] for step in steps] == [1, 2, 3, 4]
        assert steps[-1]["held_out"]["all"] > 0

    def test_never_takes_another_runs_folder_by_itself(self, capfd):
        """The same text again goes to a folder of its own."""
        assert default_folder(Path("book.txt"), None) == Path("runs/book")
        Path("runs/book").mkdir(parents=True)
        assert default_folder(Path("book.txt"), None) == Path("runs/book-2")
        assert default_folder(Path("a b/ü?.txt"), None) == Path("runs/ü-")
        assert default_folder(None, 3) == Path("runs/world-3")

    def test_knows_runs_by_name(self):
        """`run:NAME` is short for a folder under runs/."""
        assert run_folder("run:book") == Path("runs/book")
        assert run_folder("elsewhere/book") == Path("elsewhere/book")

    def test_says_when_nothing_is_left_to_do(self, capfd):
        """Resuming what is finished is no mistake."""
        grown(capfd)
        told = glasshouse(capfd, "train", "--resume", "run:book")
        assert told.status == 0
        assert "is finished" in told.err


class TestTrainRefuses:
    @pytest.mark.parametrize(
        ("words", "sentence"),
        [
            ([], "exactly one of --text PATH, --world SEED and --resume RUN"),
            (["--text", "book.txt", "--world", "1"], "exactly one of"),
            (["--resume", "x", "--set", "train.steps=3"], "leave out --out and --set"),
            (["--world", "one"], "'one' is not a whole number"),
            (["--world", str(1 << 63)], "not below 2**63"),
            (["--text", ""], "the path is empty"),
            (["--text", "book.txt", "--out", ""], "the path is empty"),
            (["--text", "book.txt", "--out", "book.txt/run"], "choose another folder"),
            (["--resume", ""], "--resume '' is empty"),
            (["--text", "nowhere.txt"], "nowhere.txt"),
            (["--text", "empty.txt"], "empty"),
            (["--text", "latin.txt"], "not UTF-8"),
            (["--text", "short.txt"], "too short"),
            (["--text", "book.txt", "--set", "train.step=3"], "did you mean train.steps"),
            (["--text", "book.txt", "--set", "train.steps=0"], "steps=0 must be at least 1"),
            (["--text", "book.txt", "--set", "d_model=odd"], "d_model must be a whole number"),
            (["--text", "book.txt", "--out", "book.txt"], "book.txt"),
            (["--resume", "runs/none"], "runs/none"),
            (["--resume", "run:none"], "runs/none"),
            (["--resume", "."], "run.json"),
            (["--text", "book.txt", "--shard"], "several processes and here is one"),
        ],
    )
    def test_what_cannot_be_done_in_one_sentence(self, capfd, here, words, sentence):
        """Exit status 2 and nothing half-written."""
        Path("empty.txt").write_text("")
        Path("latin.txt").write_bytes("é".encode("latin-1") * 400)
        Path("short.txt").write_text("hello")
        before = sorted(here.rglob("*"))
        told = glasshouse(capfd, "train", *words)
        assert told.status == 2
        assert told.out == ""
        assert sentence in told.err.splitlines()[-1]
        assert "Traceback" not in told.err
        assert [p for p in sorted(here.rglob("*")) if p.name != "runs"] == before

    @pytest.mark.parametrize("damage", ["no checkpoint", "no record", "broken record", "version"])
    def test_a_run_that_is_half_written_or_of_another_version(self, capfd, damage):
        """The sentence names the folder or file; training does not begin."""
        grown(capfd)
        record = Path("runs/book/run.json")
        if damage == "no checkpoint":
            Path("runs/book/checkpoints").rename("runs/elsewhere")
        elif damage == "no record":
            record.unlink()
        elif damage == "broken record":
            record.write_text(record.read_text()[:100])
        else:
            known = json.loads(record.read_text())
            record.write_text(json.dumps({**known, "format": 99}))
        assert "runs/book" in refused(glasshouse(capfd, "train", "--resume", "runs/book"))


class TestGenerateRefuses:
    @pytest.mark.parametrize(
        ("words", "sentence"),
        [
            (["runs/none", "--prompt", "x"], "runs/none"),
            (["run:none", "--prompt", "x"], "none"),
            (["runs/none"], "--prompt"),
            (["runs/none", "--prompt", ""], "--prompt '' is empty"),
            (["runs/none", "--prompt", "x", "-n", "0"], "-n"),
        ],
    )
    def test_what_does_not_exist(self, capfd, words, sentence):
        """A missing run is found before torch has anything to say."""
        assert sentence in refused(glasshouse(capfd, "generate", *words))

    @pytest.mark.parametrize(
        ("words", "sentence"),
        [
            (["--temperature", "-1"], "temperature=-1.0"),
            (["--top-p", "0"], "top_p=0.0"),
            (["--max-new-tokens", "0"], "max_new_tokens=0"),
            (["--prompt", "the cat " * 200], "context"),
        ],
    )
    def test_settings_that_make_no_sense(self, capfd, words, sentence):
        """The limit is in the sentence."""
        grown(capfd)
        prompt = [] if "--prompt" in words else ["--prompt", "the"]
        assert sentence in refused(glasshouse(capfd, "generate", "runs/book", *prompt, *words))


class TestInterrupted:
    @pytest.mark.parametrize("deaf", [False, True])
    def test_ctrl_c_leaves_a_checkpoint_and_the_command_that_resumes(self, here, deaf):
        """Exit status 130, one sentence at the end; the command in it works as it stands."""
        words = ("train", "--text", "book.txt", *TINY, "--set", "train.steps=100000")
        train = spawn(*words, cwd=here, deaf=deaf)
        metrics = here / "runs" / "book" / "metrics.jsonl"
        deadline = time.monotonic() + 60
        while not (metrics.exists() and metrics.stat().st_size) and time.monotonic() < deadline:
            assert train.poll() is None, train.communicate()
            time.sleep(0.05)
        os.kill(train.pid, signal.SIGINT)
        out, err = train.communicate(timeout=60)
        assert train.returncode == 130
        assert out == ""
        assert "Traceback" not in err
        told, _, command = err.splitlines()[-1].partition("go on with: ")
        assert "is saved" in told
        assert command == "glasshouse train --resume runs/book"
        saved = [
            int(p.name.removeprefix("step-")) for p in (here / "runs/book/checkpoints").iterdir()
        ]
        lines = metrics.read_text().splitlines()
        assert max(saved) == len(lines)
