"""Several processes, one program: the same answers, and what happens when one of them dies."""

import json
import os
import signal
import socket
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file
from tests.dataflow.small_programs import (
    rows,
    tower_plan,
    training_arguments,
    training_program,
)
from tests.dataflow.worker import TRAIN_STEPS

from glasshouse.dataflow.placement import joined_workers
from glasshouse.errors import InputError


def run_workers(count, *arguments):
    """What `torchrun --nproc-per-node` does, without its second of start-up.

    Returns the exit status, output and errors of each.
    """
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(count)}
    shared |= {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.dataflow.worker", *map(str, arguments)],
            env=os.environ | shared | {"RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(count)
    ]
    try:
        talk = [process.communicate(timeout=120) for process in started]
    finally:
        for process in started:
            process.kill()
    return [(process.returncode, *words) for process, words in zip(started, talk, strict=True)]


def test_two_processes_answer_as_one(tmp_path):
    """To the last bit where nothing is compressed, also for other sizes than were placed for and
    for a value that is sent transposed; compressed, what was sent once is off by at most 2^-8."""
    for status, _, errors in run_workers(2, "answer", tmp_path):
        assert status == 0, errors
    found, plan = load_file(tmp_path / "answers.safetensors"), tower_plan()
    for count in (4, 1, 7):
        expected = plan.run(rows(count))
        for name, value in expected.items():
            assert torch.equal(found[f"exact {count} {name}"], value)
        assert torch.equal(found[f"short {count} layers.0"], expected["layers.0"])
        error = found[f"short {count} layers.1"] / expected["layers.1"] - 1
        assert error.abs().max() > 0
    events = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    tracks = [e["args"]["name"] for e in events if e["ph"] == "M"]
    assert tracks == ["cpu:0", "cpu:1"]
    arrows = {e["id"] for e in events if e["ph"] == "s"} & {
        e["id"] for e in events if e["ph"] == "f"
    }
    assert "linear_default to cpu:1" in arrows


def test_a_dead_process_is_named_and_the_run_goes_on(tmp_path):
    """Three processes train; the second is killed in the middle of a step. The others end with
    one sentence that names it. Started again, now as two, the run goes on from its last
    checkpoint, and every loss has the bits of a run in one process that nothing interrupted."""
    program, weights, losses = training_program(), training_arguments(0)[:2], {}
    for step in range(TRAIN_STEPS):
        loss, *weights = program(*weights, *training_arguments(step)[2:])
        losses[step + 1] = loss.item().hex()

    interrupted = run_workers(3, "train", tmp_path, 17)
    assert interrupted[1][0] == -signal.SIGKILL
    for rank in (0, 2):
        status, _, errors = interrupted[rank]
        assert status == 1
        assert errors.splitlines()[-1].endswith(
            "WorkerLost: worker 1 of 3 has died or failed; "
            "start the run again and it goes on from its last checkpoint"
        )
    before = dict(line.split() for line in interrupted[2][1].splitlines())
    saved = json.loads((tmp_path / "variables.json").read_text())["step"]
    assert 0 < saved <= len(before) < TRAIN_STEPS

    resumed = run_workers(2, "train", tmp_path)
    assert [status for status, _, _ in resumed] == [0, 0], resumed
    after = dict(line.split() for line in resumed[0][1].splitlines())
    assert list(map(int, after)) == list(range(saved + 1, TRAIN_STEPS + 1))
    assert {int(k): v for k, v in (before | after).items()} == losses
    ends = load_file(tmp_path / f"variables-{TRAIN_STEPS:08d}.0.safetensors") | load_file(
        tmp_path / f"variables-{TRAIN_STEPS:08d}.1.safetensors"
    )
    assert torch.equal(ends["up_1"], weights[0])
    assert torch.equal(ends["down_1"], weights[1])


def test_a_process_on_its_own_is_told_about_torchrun(monkeypatch):
    """Nothing to join: one sentence, not a stack of torch."""
    for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(InputError, match="torchrun"), joined_workers():
        pass
