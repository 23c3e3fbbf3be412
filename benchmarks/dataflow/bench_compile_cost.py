"""What compiling costs: the whole program, one block for all blocks, and torch.compile.

Our Transformer with 12 layers (width 256, 8 heads, vocabulary 5,000) is compiled for its logits
and run once. Each way has processes of its own: the first finds Inductor's cache on disk empty
(`cold`), the second finds what the first has left there (`warm`). Seconds are from the call that
compiles to its answer, without capture; CPU seconds include the C++ compiler, one job at a time.
`run` is a later run of the same program, to show what compiling by blocks gives up.

    python -m benchmarks.dataflow.bench_compile_cost [--layers 12] [--quick]
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time

import torch
from benchmarks.contest import machine

from glasshouse.dataflow import Graph
from glasshouse.models import Transformer, gpt

WAYS = ("whole", "block", "torch.compile")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="two layers")
    parser.add_argument("--child", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.layers = 2 if options.quick else options.layers
    torch.set_num_threads(options.threads)
    if options.child:
        print(json.dumps(measured(options.child, options.layers)))
        return
    found = {}
    for way in WAYS:
        with tempfile.TemporaryDirectory() as cache:
            found[way] = {kind: in_a_process(way, cache, options) for kind in ("cold", "warm")}
    show(found)
    print(json.dumps({"benchmark": "compile_cost", **vars(options), **machine(), "seconds": found}))


def in_a_process(way: str, cache: str, options: argparse.Namespace) -> dict[str, float]:
    command = [sys.executable, "-m", __spec__.name, "--child", way]
    command += ["--layers", str(options.layers), "--threads", str(options.threads)]
    environment = {"TORCHINDUCTOR_CACHE_DIR": cache, "TORCHINDUCTOR_COMPILE_THREADS": "1"}
    done = subprocess.run(command, env=os.environ | environment, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def measured(way: str, layers: int) -> dict[str, float]:
    """Seconds of the first and of a later run, in this process."""
    config = gpt(5000, context=1024, num_layers=layers, d_model=256, num_heads=8)
    network = Transformer(config).eval().requires_grad_(False)
    ids = torch.randint(5000, (2, 16), generator=torch.Generator().manual_seed(0))
    run = runner(way, network, ids)
    with torch.no_grad():
        wall, cpu = time.perf_counter(), cpu_seconds()
        answer = run(ids)
        cpu, wall = cpu_seconds() - cpu, time.perf_counter() - wall
        difference = (answer - network(ids)).abs().max().item()
        assert difference < 1e-4, f"{way} is off by {difference:g}"
        run(ids[:1, :7])  # other lengths must not compile again
        start = cpu_seconds()
        for _ in range(10):
            run(ids)
    later = (cpu_seconds() - start) / 10
    return {"cpu": round(cpu, 2), "wall": round(wall, 2), "run": round(later, 6)}


def runner(way: str, network: Transformer, ids: torch.Tensor):
    """A function from ids to logits that compiles when it is first called."""
    if way == "torch.compile":
        return torch.compile(network, fullgraph=True, dynamic=True)
    plan = Graph.capture(network, ids).plan("logits").compile(by=way)
    return lambda ids: plan.run(ids)["logits"]


def cpu_seconds() -> float:
    """Of this process and of those it has waited for."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def show(found: dict[str, dict[str, dict[str, float]]]) -> None:
    print("\nseconds to the first answer: CPU (by the clock); a later run", file=sys.stderr)
    for way, kinds in found.items():
        for kind, value in kinds.items():
            print(
                f"  {way + ', ' + kind:<22}{value['cpu']:>8.1f} ({value['wall']:.1f})"
                f"{value['run'] * 1e3:>10.2f} ms",
                file=sys.stderr,
            )


if __name__ == "__main__":
    main()
