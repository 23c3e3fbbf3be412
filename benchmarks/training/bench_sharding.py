"""Memory of each process that trains: batches dealt out (DDP), or weights too (FSDP2).

One model (8 layers, width 512, vocabulary 4096, context 64: 27 million parameters in float32),
random tokens, AdamW with clipping, batches of 4 rows. `train` is the same for all; its processes
speak by gloo on one machine. Every contender is started by itself:

- `one`: a process alone
- `ddp`: N processes, each with all weights, gradients and moments
- `fsdp`: N processes, each with its share; a block is whole while it is computed

Every process tells megabytes of resident memory above what it had before it made the model (a tiny
one has been trained by then): `held` between steps, `peak` within the steps that are counted,
`ever` from the model's making on, the whole model that each begins with included. The allocator
gives freed memory back at once (MALLOC_MMAP_THRESHOLD_), for everybody. Linux alone tells these
figures.

    python benchmarks/training/bench_sharding.py --processes 2
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

VOCAB, CONTEXT, LAYERS, WIDTH, BATCH = 4096, 64, 8, 512, 4
CONTENDERS = ("one", "ddp", "fsdp")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--processes", type=int, default=2, help="of ddp and fsdp")
    parser.add_argument("--steps", type=int, default=4, help="steps counted, after one that is not")
    parser.add_argument("--worker", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        print(json.dumps(work(options.worker, options.steps)))
        return
    found = {
        name: contest(name, 1 if name == "one" else options.processes, options.steps)
        for name in CONTENDERS
    }
    print(json.dumps({"benchmark": "sharding", "steps": options.steps, "processes": found}))


def contest(name: str, count: int, steps: int) -> list[dict[str, Any]]:
    """What each process of a contender tells."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]
    shared = {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "WORLD_SIZE": str(count),
        "OMP_NUM_THREADS": "1",
        "MALLOC_MMAP_THRESHOLD_": "131072",
    }
    workers = [
        subprocess.Popen(
            [sys.executable, __file__, "--worker", name, "--steps", str(steps)],
            env=os.environ | shared | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(count)
    ]
    told = [worker.communicate()[0] for worker in workers]
    if any(worker.returncode for worker in workers):
        sys.exit(f"{name} did not come to its end")
    return [json.loads(line) for line in told]


def work(name: str, steps: int) -> dict[str, Any]:
    """Train in this process, and look at its memory."""
    import numpy as np

    from glasshouse.models import Transformer, gpt
    from glasshouse.training import (
        EncodedDocument,
        TokenShards,
        TrainConfig,
        joined_processes,
        shuffled_windows,
        train,
    )

    tokens = np.random.default_rng(0).integers(VOCAB, size=50_000)
    shards = TokenShards.pack([EncodedDocument(ids=tokens, kind="random")])
    data = shuffled_windows(shards, context=CONTEXT, seed=0)
    config = TrainConfig(
        steps=steps + 2, batch_size=BATCH, precision="fp32", compile="no", threads=1
    )
    with joined_processes(shard=name == "fsdp") as processes:
        small = Transformer(gpt(VOCAB, context=CONTEXT, num_layers=1, d_model=16, num_heads=2))
        list(train(small, data, replace(config, steps=2)))  # loads what training needs
        before = resident("VmRSS")
        shape = gpt(VOCAB, context=CONTEXT, num_layers=LAYERS, d_model=WIDTH, num_heads=8)
        network = Transformer(shape)
        parameters = sum(p.numel() for p in network.parameters())
        began = held = ever = peak = seconds = 0.0
        with closing(train(network, data, config)) as run:
            for step in run:
                if step.step == 1:
                    ever = resident("VmHWM") - before
                    forget_peak()
                    began = time.perf_counter()
                if step.step == steps + 1:
                    held = resident("VmRSS") - before
                    peak = resident("VmHWM") - before
                    seconds = time.perf_counter() - began
                    break
    return {
        "rank": processes.rank,
        "parameters": parameters,
        "held": round(held, 1),
        "peak": round(peak, 1),
        "ever": round(max(ever, peak), 1),
        "tokens_per_second": round(steps * BATCH * CONTEXT / seconds),
    }


def resident(what: str) -> float:
    """Megabytes (10^6 bytes) of this process's memory: VmRSS now, VmHWM at most."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(what + ":"):
            return int(line.split()[1]) * 1024 / 1e6
    sys.exit("this system does not tell what memory a process has")


def forget_peak() -> None:
    """Let VmHWM begin anew."""
    Path("/proc/self/clear_refs").write_text("5")


if __name__ == "__main__":
    main()
