"""Several processes, one loss curve."""

import os
import socket
import subprocess
import sys

import pytest
from tests.training.tiny_runs import make_config, make_run

from glasshouse.errors import InputError
from glasshouse.training import continue_run, current_processes, joined_processes
from glasshouse.training.distributed import Processes

TRAIN = """
import sys
from pathlib import Path
from glasshouse.training import continue_run, joined_processes, open_run
with joined_processes() as processes:
    results = list(continue_run(open_run(Path(sys.argv[1]))))
    assert processes.count == 2 and len(results) == 12
    assert (results[-1].held_out is None) == (processes.rank == 1)
"""


def free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


def run_two_processes(*arguments: str) -> None:
    """What `torchrun --nproc-per-node 2` does, without its second of start-up."""
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": "2"}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", TRAIN, *arguments],
            env=os.environ | shared | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
            stderr=subprocess.PIPE,
        )
        for rank in range(2)
    ]
    for process in processes:
        _, stderr = process.communicate(timeout=300)
        assert process.returncode == 0, stderr.decode()


class TestProcesses:
    def test_deal_out_the_batch(self):
        """Eight windows over two processes and two micro-batches: two at a time."""
        assert Processes(rank=1, count=2).share(make_config(batch_size=8, accumulate=2)) == 2

    def test_refuse_a_batch_that_does_not_divide(self):
        """An uneven share would weigh windows unequally."""
        with pytest.raises(InputError, match=r"batch_size=6 .*4 processes"):
            Processes(count=4).share(make_config(batch_size=6))

    def test_are_one_without_torchrun(self):
        """The same function, alone."""
        with joined_processes() as processes:
            assert processes == current_processes() == Processes(rank=0, count=1)


class TestTwoProcesses:
    def test_train_to_the_same_curve_as_one(self, tmp_path):
        """To rounding; the first process alone writes, every step once. Masks make the shares
        of the two processes unequal. In float32, whatever this machine multiplies in hardware."""
        config = make_config(batch_size=8, accumulate=2, precision="fp32")
        alone = make_run(tmp_path / "alone", config, masked=True)
        expected = list(continue_run(alone))
        together = make_run(tmp_path / "together", config, masked=True)
        run_two_processes(str(together.folder))
        found = together.metrics()
        assert [r.step for r in found] == [r.step for r in expected]
        assert [r.loss for r in found] == pytest.approx([r.loss for r in expected], rel=1e-4)
        assert [r.grad_norm for r in found] == pytest.approx(
            [r.grad_norm for r in expected], rel=1e-3
        )
        assert found[-1].held_out == pytest.approx(expected[-1].held_out, rel=1e-4)
