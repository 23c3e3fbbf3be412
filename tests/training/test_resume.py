"""Bit for bit after `kill -9`: runs that are killed, again and again, against one that is not."""

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.training.test_loop import strip, weights
from tests.training.tiny_runs import make_config, make_run

from glasshouse.training import Run, continue_run, open_run

TRAIN = """
import sys
from pathlib import Path
from glasshouse.training import continue_run, open_run
for result in continue_run(open_run(Path(sys.argv[1]))):
    pass
"""

DIE_IN_SAVE = """
import os, signal, sys
from pathlib import Path
from glasshouse.models import LanguageModel
save, saves = LanguageModel.save, int(sys.argv[2])

def save_and_die(self, directory):
    global saves
    save(self, directory)
    saves -= 1
    if saves == 0:
        weights = Path(directory, "model.safetensors")
        weights.write_bytes(weights.read_bytes()[:100])
        os.kill(os.getpid(), signal.SIGKILL)

LanguageModel.save = save_and_die
"""

STEPS = 60


def train_elsewhere(run: Run, program: str = TRAIN, *arguments: str) -> subprocess.Popen:
    """Train in a process of its own."""
    command = [sys.executable, "-c", program, str(run.folder), *arguments]
    return subprocess.Popen(command, stderr=subprocess.PIPE)


def kill_after(process: subprocess.Popen, run: Run, *, lines: int) -> None:
    """SIGKILL as soon as the metrics have so many lines."""
    deadline = time.monotonic() + 300
    while run.metrics_path.read_bytes().count(b"\n") < lines and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.communicate()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The run that nobody kills, trained in its own process."""
    run = make_run(tmp_path_factory.mktemp("whole") / "run", make_config(STEPS))
    process = train_elsewhere(run)
    _, stderr = process.communicate(timeout=300)
    assert process.returncode == 0, stderr.decode()
    return run


def fresh(tmp_path: Path) -> Run:
    return make_run(tmp_path / "run", make_config(STEPS))


class TestResume:
    def test_gives_the_same_bits_after_kill_9_at_any_moment(self, tmp_path, whole):
        """Killed twice between steps, wherever that is, then finished: the same curve, line
        by line, and the same weights and moments, to the last bit."""
        run = fresh(tmp_path)
        for lines in (7, 33):
            kill_after(train_elsewhere(run), run, lines=lines)
            assert open_run(run.folder).newest_step <= lines + 20
        for _ in continue_run(open_run(run.folder)):
            pass
        assert [strip(r) for r in run.metrics()] == [strip(r) for r in whole.metrics()]
        assert weights(run) == weights(whole)

    def test_gives_the_same_bits_after_kill_9_during_a_checkpoint(self, tmp_path, whole):
        """The half-written checkpoint never got its name; its remains are swept away."""
        run = fresh(tmp_path)
        process = train_elsewhere(run, DIE_IN_SAVE + TRAIN, "3")
        process.communicate(timeout=300)
        assert process.returncode == -signal.SIGKILL
        assert open_run(run.folder).newest_step == 10
        assert list((run.folder / "checkpoints").glob(".*.draft"))
        for _ in continue_run(open_run(run.folder)):
            pass
        assert not list((run.folder / "checkpoints").glob(".*"))
        assert [strip(r) for r in run.metrics()] == [strip(r) for r in whole.metrics()]
        assert weights(run) == weights(whole)

    def test_gives_the_same_bits_from_a_copy_of_the_folder(self, tmp_path, whole):
        """Nothing outside the folder is needed; metrics beyond the checkpoint are redone."""
        copy = tmp_path / "copy"
        shutil.copytree(whole.folder, copy)
        shutil.rmtree(copy / "checkpoints" / f"step-{STEPS:08d}")
        run = open_run(copy)
        assert len(list(continue_run(run))) == 5
        assert [strip(r) for r in run.metrics()] == [strip(r) for r in whole.metrics()]
        assert weights(run) == weights(whole)
