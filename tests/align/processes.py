"""Two processes of one run, as `torchrun --nproc-per-node 2` starts them."""

import os
import socket
import subprocess
import sys
from pathlib import Path


def run_two(program: str, *arguments: str | Path) -> None:
    """Run a program twice, as rank 0 and rank 1; both must end well."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2"}
    here = str(Path(__file__).parents[2])
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, *map(str, arguments)],
            cwd=here,
            env=os.environ
            | shared
            | {"RANK": str(rank), "LOCAL_RANK": str(rank), "PYTHONPATH": here},
            stderr=subprocess.PIPE,
        )
        for rank in range(2)
    ]
    for process in processes:
        _, stderr = process.communicate(timeout=300)
        assert process.returncode == 0, stderr.decode()
