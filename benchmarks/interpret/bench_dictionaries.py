"""Training a TopK dictionary: one step of several libraries, by turns, and what it holds.

4,096 rows of width 256, 4,096 latents, k = 32, Adam, unit decoder rows, everybody from the same
weights. Rows are sparse mixtures of 1,024 random directions with noise. Each library takes its own
step with its own bookkeeping; 1.00 is ours.

- time: CPU seconds of the process (by the clock on a GPU), the median over rounds of the ratio to
  ours in the same round
- loss: unexplained variance of rows nobody was trained on, after `--steps` steps of each
- memory: by how much the process grows in its first three steps, each library in a process of its
  own (on a GPU, the peak that torch has allocated)

    python -m benchmarks.interpret.bench_dictionaries [--rounds 9] [--steps 100] [--device cuda]

It does not show loading rows, evaluation or logging, which users also wait for.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import torch
from benchmarks.contest import OURS, Job, compete, contest_options, print_record
from benchmarks.interpret.sae_trainers import TRAINERS, Trained, present
from torch import Tensor
from torch.nn.functional import normalize

WIDTH, LATENTS, K, BATCH = 256, 4096, 32, 4096


def main() -> None:
    if len(sys.argv) > 2 and sys.argv[1] == "--memory-of":
        print(json.dumps(memory(sys.argv[2], sys.argv[3])))
        return
    steps = argparse.ArgumentParser(add_help=False)
    steps.add_argument("--steps", type=int, default=100)
    known, rest = steps.parse_known_args()
    sys.argv[1:] = rest
    options = contest_options(__doc__, rounds=9, quick_rounds=2)
    options.steps = 5 if options.quick else known.steps
    names = present()
    trainers = {name: make(name, options.device) for name in names}
    batches = [rows(seed, options.device) for seed in range(4)]
    print_record("dictionaries", options, [turns(trainers, batches, options)])
    losses = {name: loss_after(name, options) for name in names}
    held = {name: memory_apart(name, options.device) for name in names}
    print(json.dumps({"unexplained_after_steps": losses, "memory_growth_mb": held}))


def make(name: str, device: str) -> Trained:
    return TRAINERS[name][0](WIDTH, LATENTS, K, device)


def rows(seed: int, device: str, count: int = BATCH) -> Tensor:
    """Sparse mixtures of directions that nobody is told."""
    fixed = torch.Generator().manual_seed(99)
    directions = normalize(torch.randn(1024, WIDTH, generator=fixed), dim=1)
    chance = torch.Generator().manual_seed(1000 + seed)
    active = torch.rand(count, 1024, generator=chance) < 16 / 1024
    strength = active * torch.rand(count, 1024, generator=chance)
    noise = 0.02 * torch.randn(count, WIDTH, generator=chance)
    return (strength @ directions + noise).to(device)


def turns(
    trainers: dict[str, Trained], batches: list[Tensor], options: argparse.Namespace
) -> dict[str, object]:
    done = torch.zeros(1)  # steps have no answer to compare; losses are compared apart
    count = dict.fromkeys(trainers, 0)

    def run_of(name: str):
        def run() -> list[Tensor]:
            trainers[name].step(batches[count[name] % len(batches)])
            count[name] += 1
            return [done]

        return run

    runs = {name: run_of(name) for name in trainers}
    job = Job(name=f"one step of {BATCH} rows", answer=[done], runs=runs)
    title = f"TopK {WIDTH} -> {LATENTS}, k {K}, {options.threads} thread(s), {options.device}"
    return compete(title, [job], runs[OURS], options, warmup=2)


def loss_after(name: str, options: argparse.Namespace) -> float:
    trained = make(name, options.device)
    for number in range(options.steps):
        trained.step(rows(number, options.device))
    held_out = rows(10**6, options.device)
    with torch.no_grad():
        missed = (trained.rebuild(held_out) - held_out).square().sum()
        return round(float(missed / (held_out - held_out.mean(0)).square().sum()), 4)


def memory_apart(name: str, device: str) -> float:
    command = [sys.executable, "-m", "benchmarks.interpret.bench_dictionaries"]
    done = subprocess.run(
        [*command, "--memory-of", name, device], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def memory(name: str, device: str) -> float:
    torch.set_num_threads(1)
    step = make(name, device).step
    batch = rows(0, device)
    is_cuda = device.startswith("cuda")
    forget_peak()
    before = torch.cuda.memory_allocated() if is_cuda else peak_bytes()
    for _ in range(3):
        step(batch)
    after = torch.cuda.max_memory_allocated() if is_cuda else peak_bytes()
    return round((after - before) / 2**20, 1)


def forget_peak() -> None:
    """Let the process's peak begin anew, or what set-up took would hide what a step takes."""
    Path("/proc/self/clear_refs").write_text("5")


def peak_bytes() -> int:
    """The most memory that the process has had since."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


if __name__ == "__main__":
    main()
