"""One step of policy training, beside TRL's trainer of the same algorithm, by turns in one process.

A step draws 256 replies of 24 tokens (8 to each of 32 prompts of 32 tokens), scores them, holds
them against a reference and updates once: 4 layers of width 128, vocabulary 1,024, context 128, the
same random weights, AdamW, one precision for everybody (bf16, or fp32 where a processor has no
instructions for it), no gradient checkpointing. The reward counts words,
which costs nobody anything; the divergence is in the loss for grpo and in the reward for rloo, with
a weight of 0.04, so that the reference is read by all. TRL generates with transformers' `generate`,
as it does without an inference server.

- steps: CPU seconds of the process (by the clock on a GPU); medians of steps taken by turns, and
  TRL's over ours, samples per second being their inverse
- sampling: seconds of `sample_replies`, and of its floor: the same tokens fed through the same
  cache without being chosen
- memory: by how much the process grows in its first three steps, each contender in a process of its
  own (on a GPU, the peak that torch has allocated)

    peers-trl/bin/python -m benchmarks.align.bench_policy [--rounds 7] [--device cuda]

(benchmarks/peers.txt says how to make peers-trl.) Replies hardly ever end by themselves here, so
that everybody computes all 24 tokens; what many prompts of one reply each cost is not shown, where
no prompt is shared.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import torch
from torch import Tensor

from glasshouse.align.policies import PolicyConfig, RewardRules, sample_replies, train_policy
from glasshouse.align.policies.growing import SharedPrompts
from glasshouse.models import LanguageModel, Transformer, mini, word_tokenizer
from glasshouse.training import ScheduleConfig

VOCAB, CONTEXT, PROMPTS, REPLIES, PROMPT, NEW = 1024, 128, 32, 8, 32, 24
KL_WEIGHT, RATE = 0.04, 1e-5
ALGORITHMS = ("grpo", "rloo")

Step = Callable[[], None]
"""Takes one step."""


def main() -> None:
    options = parse_options()
    torch.set_num_threads(options.threads)
    if options.memory_of:
        print(json.dumps(memory(*options.memory_of.split(":"), options)))
        return
    steps = {
        f"{who}:{name}": make(who, name, options) for name in options.algorithms for who in WHO
    }
    steps |= sampling(options)
    times: dict[str, list[float]] = {name: [] for name in steps}
    for turn in range(options.warmup + options.rounds):
        for name, step in steps.items():
            seconds = timed(step, options.device)
            if turn >= options.warmup:
                times[name].append(seconds)
    print(json.dumps(summary(times, options)), flush=True)
    if not options.quick:
        held = {
            f"{who}:{name}": round(memory_apart(who, name, options))
            for name in options.algorithms
            for who in WHO
        }
        print(json.dumps({"memory_growth_mb": held}), flush=True)
    os._exit(0)  # TRL's trainers still wait in threads of their own


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7, help="timed steps of each contender")
    parser.add_argument("--warmup", type=int, default=2, help="steps of each that are not timed")
    parser.add_argument("--quick", action="store_true", help="a smoke test, not a measurement")
    parser.add_argument("--threads", type=int, default=1, help="threads torch may use")
    parser.add_argument("--precision", default="bf16", choices=["bf16", "fp32"])
    parser.add_argument("--device", default="cpu", help="cpu, or cuda where there is one")
    parser.add_argument(
        "--algorithms", nargs="+", choices=ALGORITHMS, default=ALGORITHMS, help="those to time"
    )
    parser.add_argument("--memory-of", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.warmup = 1, 1
    return options


def timed(step: Step, device: str) -> float:
    """CPU seconds of the whole process, or seconds by the clock on a GPU."""
    if device != "cpu":
        torch.cuda.synchronize()
        began = time.perf_counter()
        step()
        torch.cuda.synchronize()
        return time.perf_counter() - began
    began = time.process_time()
    step()
    return time.process_time() - began


def prompts() -> list[list[int]]:
    chance = torch.Generator().manual_seed(0)
    return torch.randint(1, VOCAB, (4 * PROMPTS, PROMPT), generator=chance).tolist()


def model(device: str) -> LanguageModel:
    network = Transformer(mini(VOCAB, context=CONTEXT), generator=torch.Generator().manual_seed(0))
    words = ["<end>", *(f"w{number}" for number in range(1, VOCAB))]
    return LanguageModel(network.to(device), word_tokenizer(words, end_token="<end>"), "random")


def make(who: str, algorithm: str, options: argparse.Namespace) -> Step:
    return WHO[who](algorithm, options)


def ours(algorithm: str, options: argparse.Namespace) -> Step:
    """Our trainer; what it yields is thrown away."""
    config = PolicyConfig(
        algorithm=algorithm,  # pyright: ignore[reportArgumentType]  # one of ALGORITHMS
        steps=10**6,
        prompts_per_step=PROMPTS,
        replies_per_prompt=REPLIES,
        max_new_tokens=NEW,
        kl_weight=KL_WEIGHT,
        rewards=RewardRules(
            normalise="none",
            truncated="subtract",
            truncated_value=0.0,
            kl="loss" if algorithm == "grpo" else "reward",
        ),
        precision=options.precision,
        schedule=ScheduleConfig(peak_lr=RATE, warmup_steps=0, shape="constant"),
    )

    def reward(replies: Any) -> Tensor:
        return torch.tensor([worth(reply.ids) for reply in replies])

    steps = train_policy(model(options.device), prompts(), reward, config)
    return lambda: next(steps) and None


def worth(ids: list[int]) -> float:
    """Words of the first half of the vocabulary."""
    return float(sum(token < VOCAB // 2 for token in ids))


def trl(algorithm: str, options: argparse.Namespace) -> Step:
    """TRL's trainer in a thread, which takes a step whenever it is told to."""
    from datasets import Dataset
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast
    from transformers.utils import logging as hf_logging
    from trl import GRPOConfig, GRPOTrainer, RLOOConfig, RLOOTrainer

    hf_logging.set_verbosity_error()
    folder = mkdtemp()
    shape = GPT2Config(
        vocab_size=VOCAB,
        n_positions=CONTEXT,
        n_embd=128,
        n_layer=4,
        n_head=4,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        eos_token_id=0,
        bos_token_id=0,
        pad_token_id=0,
    )
    torch.manual_seed(0)
    GPT2LMHeadModel(shape).save_pretrained(folder)  # it is read again for the reference
    speaks = model("cpu").tokenizer
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=speaks.core, eos_token="<end>", pad_token="<end>"
    )
    settings = {
        "output_dir": f"{folder}/out",
        "max_steps": 10**6,
        "per_device_train_batch_size": PROMPTS * REPLIES,
        "num_generations": REPLIES,
        "max_completion_length": NEW,
        "learning_rate": RATE,
        "lr_scheduler_type": "constant",
        "beta": KL_WEIGHT,
        "bf16": options.precision == "bf16",
        "gradient_checkpointing": False,
        "optim": "adamw_torch_fused",
        "logging_strategy": "no",
        "save_strategy": "no",
        "report_to": [],
        "disable_tqdm": True,
        "use_cpu": options.device == "cpu",
    }
    kinds = {"grpo": (GRPOTrainer, GRPOConfig), "rloo": (RLOOTrainer, RLOOConfig)}
    trainer_class, config_class = kinds[algorithm]

    def reward(completion_ids: list[list[int]], **_: Any) -> list[float]:
        return [worth(ids) for ids in completion_ids]

    waits = _Turns()
    trainer = trainer_class(
        GPT2LMHeadModel.from_pretrained(folder),
        reward_funcs=reward,
        args=config_class(**settings),
        train_dataset=Dataset.from_dict({"prompt": [speaks.decode(one) for one in prompts()]}),
        processing_class=tokenizer,
        callbacks=[waits.callback()],
    )
    threading.Thread(target=trainer.train, daemon=True).start()
    waits.ready()
    return waits.step


class _Turns:
    """Lets a trainer take one step when it is told to, and holds it between steps."""

    def __init__(self) -> None:
        self._go, self._done = threading.Semaphore(0), threading.Semaphore(0)

    def callback(self) -> Any:
        from transformers import TrainerCallback

        turns = self

        class Hold(TrainerCallback):
            def on_step_begin(self, args, state, control, **more):
                turns._done.release()
                turns._go.acquire()

        return Hold()

    def ready(self) -> None:
        """Wait until the trainer stands before its first step."""
        self._done.acquire()

    def step(self) -> None:
        """Let it take one step, up to the beginning of the next."""
        self._go.release()
        self._done.acquire()


WHO: dict[str, Callable[[str, argparse.Namespace], Step]] = {"glasshouse": ours, "trl": trl}


def sampling(options: argparse.Namespace) -> dict[str, Step]:
    """Drawing replies, and what the same tokens cost without being chosen."""
    policy = model(options.device)
    asked = [prompt for prompt in prompts()[:PROMPTS] for _ in range(REPLIES)]
    seeds: Iterator[int] = iter(range(10**6))

    def draw() -> None:
        sample_replies(
            policy,
            asked,
            max_new_tokens=NEW,
            stop_ids=(0,),
            seed=next(seeds),
            precision=options.precision,
        )

    token = torch.ones(len(asked), 1, dtype=torch.long, device=options.device)

    @torch.no_grad()
    def feed() -> None:
        reading = SharedPrompts(policy.network, asked, num_new=NEW, numbers=options.precision)
        reading.begin()
        for _ in range(NEW - 1):
            reading.step(token)

    return {"sampling": draw, "floor": feed}


def memory(who: str, algorithm: str, options: argparse.Namespace) -> dict[str, float]:
    """Megabytes that three steps take."""
    step = make(who, algorithm, options)
    if options.device != "cpu":
        torch.cuda.reset_peak_memory_stats()
        for _ in range(3):
            step()
        return {"megabytes": torch.cuda.max_memory_allocated() / 1e6}
    # getrusage tells the peak of the process that started this one, if that was larger.
    Path("/proc/self/clear_refs").write_text("5")
    before = _peak_kilobytes()
    for _ in range(3):
        step()
    print(json.dumps({"megabytes": (_peak_kilobytes() - before) / 1e3}))
    sys.stdout.flush()
    os._exit(0)


def _peak_kilobytes() -> int:
    """Most memory that this process has held since its peak was last cleared."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1])


def memory_apart(who: str, algorithm: str, options: argparse.Namespace) -> float:
    """The same in a process of its own."""
    words = ["--memory-of", f"{who}:{algorithm}", "--device", options.device]
    words += ["--precision", options.precision]
    told = subprocess.run(
        [sys.executable, "-m", "benchmarks.align.bench_policy", *words],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(told.stdout.splitlines()[-1])["megabytes"]


def summary(times: dict[str, list[float]], options: argparse.Namespace) -> dict[str, Any]:
    """Everything measured, as one JSON object."""
    import importlib.metadata

    medians = {name: statistics.median(found) for name, found in times.items()}
    return {
        "bench": "policy",
        "rounds": options.rounds,
        "threads": options.threads,
        "device": options.device,
        "precision": options.precision,
        "versions": {
            name: importlib.metadata.version(name) for name in ("torch", "trl", "transformers")
        },
        "load": os.getloadavg(),
        "seconds": {name: round(value, 4) for name, value in medians.items()},
        "spread": {name: [round(min(f), 4), round(max(f), 4)] for name, f in times.items()},
        "samples_per_second": {
            name: round(PROMPTS * REPLIES / value, 1) for name, value in medians.items()
        },
        "over_ours": {
            name: round(medians[f"trl:{name}"] / medians[f"glasshouse:{name}"], 3)
            for name in options.algorithms
        },
        "sampling_of_floor": round(medians["floor"] / medians["sampling"], 3),
    }


if __name__ == "__main__":
    main()
