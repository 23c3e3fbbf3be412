"""Fine-tuning on dialogues and training preference models, beside TRL's trainers.

One model for everybody (GPT-2's architecture: 4 layers, width 128, 4 heads, vocabulary 1024,
context 128, the same first weights), one set of dialogues and pairs (each token a function of the
one before and of chance, so that there is something to learn), AdamW with clipping, a constant
learning rate, one thread. Nothing is evaluated, logged or saved meanwhile.

- `sft`: rows of 32 x 128 tokens. TRL packs in two ways: `wrapped` cuts documents end to end, which
  see each other; `bfd` parts them, as ours does. Tokens counted are those of documents, no padding.
- `judge`: batches of 32 pairs, of unequal lengths.

Every contender is a process of its own that waits for its turn; they take turns block by block, so
that a machine that is slow for a while is slow for everybody. One JSON line tells units a second of
every block, by the clock and by the processor's, medians, ratios of medians to each peer, the peak
memory of each process, and the loss that each had over its last block.

    python benchmarks/align/bench_supervised.py --peer-python peers-trl/bin/python

The peers' environment holds torch, transformers, datasets and trl; ours need not.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

VOCAB, CONTEXT, LAYERS, WIDTH, HEADS = 1024, 128, 4, 128, 4
ROWS, PAIRS, LR = 32, 32, 1e-3
JOBS = {
    "sft": ("glasshouse", "trl wrapped", "trl bfd", "trl wrapped, defaults"),
    "judge": ("glasshouse", "trl", "trl, defaults"),
}

Step = tuple[float, float]
"""Units (tokens or pairs) of a step, and its loss."""


def main() -> None:
    options = parse_options()
    if options.worker:
        work(options)
        return
    found = {job: contest(job, options) for job in options.jobs}
    print(json.dumps({"benchmark": "supervised", **vars(options), **machine(), "jobs": found}))


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--peer-python", default=sys.executable, help="python that has trl")
    parser.add_argument("--jobs", nargs="+", default=list(JOBS), choices=list(JOBS))
    parser.add_argument("--skip", nargs="*", default=[], help="contenders to leave out")
    parser.add_argument("--rounds", type=int, default=9, help="timed turns of each contender")
    parser.add_argument("--steps", type=int, default=5, help="optimizer steps a turn")
    parser.add_argument("--threads", type=int, default=1, help="threads torch may use")
    parser.add_argument("--compile", default="yes", choices=["yes", "no", "auto"], help="ours only")
    parser.add_argument(
        "--precision", default="bf16", choices=["bf16", "fp32"], help="of everybody"
    )
    parser.add_argument("--worker", default="", help=argparse.SUPPRESS)
    return parser.parse_args()


def contest(job: str, options: argparse.Namespace) -> dict[str, Any]:
    """Let every contender take its turns."""
    names = [name for name in JOBS[job] if name not in options.skip]
    with TemporaryDirectory() as folder:
        workers = {name: start(job, name, Path(folder), options) for name in names}
        for worker in workers.values():
            turn(worker, 3)  # compiles, and fills caches
        told: dict[str, list[dict[str, float]]] = {name: [] for name in names}
        for _ in range(options.rounds):
            for name, worker in workers.items():
                told[name].append(turn(worker, options.steps))
        for worker in workers.values():
            assert worker.stdin is not None
            worker.stdin.close()
            worker.wait()
    return summary(told)


def start(job: str, name: str, folder: Path, options: argparse.Namespace) -> subprocess.Popen[str]:
    python = sys.executable if name == "glasshouse" else options.peer_python
    words = [python, __file__, "--worker", f"{job}/{name}", "--compile", options.compile]
    words += ["--threads", str(options.threads), "--precision", options.precision]
    where = {"OMP_NUM_THREADS": str(options.threads), "TMPDIR": str(folder)}
    process = subprocess.Popen(
        words,
        env=os.environ | where,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL if not os.environ.get("BENCH_TALK") else None,
        text=True,
    )
    assert process.stdout is not None
    if process.stdout.readline().strip() != "ready":
        sys.exit(f"{job}: {name} did not start; BENCH_TALK=1 shows what it says")
    return process


def turn(worker: subprocess.Popen[str], steps: int) -> dict[str, float]:
    assert worker.stdin is not None
    assert worker.stdout is not None
    worker.stdin.write(f"{steps}\n")
    worker.stdin.flush()
    return json.loads(worker.stdout.readline())


def summary(told: dict[str, list[dict[str, float]]]) -> dict[str, Any]:
    """Rates by the clock and by the processor's time, and what they are beside each peer's."""
    found: dict[str, Any] = {}
    for name, turns in told.items():
        found[name] = {
            "median": {
                clock: round(statistics.median(one["units"] / one[clock] for one in turns), 1)
                for clock in ("wall", "cpu")
            },
            "peak_mb": turns[-1]["peak_mb"],
            "loss": round(turns[-1]["loss"], 4),
            "rates": [round(one["units"] / one["wall"], 1) for one in turns],
            "cpu_rates": [round(one["units"] / one["cpu"], 1) for one in turns],
        }
    ours = found.get("glasshouse")
    for name, one in found.items():
        if ours is not None and name != "glasshouse":
            one["ours_over_it"] = {
                clock: round(ours["median"][clock] / one["median"][clock], 2)
                for clock in ("wall", "cpu")
            }
    return found


def machine() -> dict[str, Any]:
    import torch

    return {
        "torch": torch.__version__,
        "load_average": [round(load, 2) for load in os.getloadavg()],
        "cores": os.cpu_count(),
    }


def work(options: argparse.Namespace) -> None:
    """Be one contender: a block of steps for every line that comes in."""
    import torch

    torch.set_num_threads(options.threads)
    job, _, name = options.worker.partition("/")
    if name == "glasshouse":
        steps = our_sft(options) if job == "sft" else our_judge(options)
        answer(lambda: next(steps))
    else:
        (trl_sft if job == "sft" else trl_judge)(name, options.precision)


class Turns:
    """The worker's side of the talk: counts steps, and waits between blocks."""

    def __init__(self) -> None:
        self.out = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)  # whatever a peer prints is no answer
        self.left = 0
        self.units: list[float] = []
        self.losses: list[float] = []
        self.began = (0.0, 0.0)

    def wait(self) -> bool:
        """Wait for a block; false if there is none more."""
        if not self.units and self.left == 0:
            self.say("ready")
        line = sys.stdin.readline()
        if not line:
            return False
        self.left, self.units, self.losses = int(line), [], []
        self.began = (time.perf_counter(), time.process_time())
        return True

    def step(self, units: float, loss: float) -> bool:
        """Count a step; true where the block ends with it."""
        self.units.append(units)
        self.losses.append(loss)
        self.left -= 1
        if self.left:
            return False
        wall, cpu = time.perf_counter() - self.began[0], time.process_time() - self.began[1]
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        told = {"units": sum(self.units), "wall": wall, "cpu": cpu, "peak_mb": round(peak)}
        self.say(json.dumps(told | {"loss": statistics.mean(self.losses)}))
        return True

    def say(self, line: str) -> None:
        self.out.write(line + "\n")
        self.out.flush()


def answer(advance: Callable[[], Step]) -> None:
    turns = Turns()
    while turns.wait():
        while not turns.step(*advance()):
            pass
    os._exit(0)


def dialogues(count: int = 12_000) -> list[tuple[list[int], int]]:
    """Token ids of dialogues, and where the reply begins."""
    import numpy as np

    chance = np.random.default_rng(0)
    follows = chance.integers(VOCAB, size=(VOCAB, 4))
    found = []
    for _ in range(count):
        prompt, reply = int(chance.integers(4, 24)), int(chance.integers(6, 36))
        ids = [int(chance.integers(VOCAB))]
        for which in chance.integers(4, size=prompt + reply - 1).tolist():
            ids.append(int(follows[ids[-1], which]))
        found.append((ids, prompt))
    return found


def pairs(count: int = 8_000) -> list[tuple[list[int], list[int]]]:
    """Token ids of a preferred and of another dialogue; the preferred reply has even tokens."""
    import numpy as np

    chance = np.random.default_rng(1)
    found = []
    for _ in range(count):
        prompt = chance.integers(VOCAB, size=int(chance.integers(10, 60))).tolist()
        good, bad = (
            (2 * chance.integers(VOCAB // 2, size=int(chance.integers(8, 60))) + odd).tolist()
            for odd in (0, 1)
        )
        found.append((prompt + good, prompt + bad))
    return found


def our_language() -> Any:
    from glasshouse.models import LanguageModel, Transformer, gpt, word_tokenizer

    shape = gpt(VOCAB, context=CONTEXT, num_layers=LAYERS, d_model=WIDTH, num_heads=HEADS)
    words = word_tokenizer([f"w{number}" for number in range(VOCAB)])
    return LanguageModel(Transformer(shape), words, origin="a benchmark")


def our_sft(options: argparse.Namespace) -> Iterator[Step]:
    from glasshouse.align import Rendered, SftConfig, train_sft
    from glasshouse.training import OptimizerConfig, ScheduleConfig

    rendered = [
        Rendered(ids=ids, is_reply=[place >= prompt for place in range(len(ids))])
        for ids, prompt in dialogues()
    ]
    config = SftConfig(
        epochs=100,
        batch_tokens=ROWS * CONTEXT,
        compile=options.compile,
        threads=options.threads,
        precision=options.precision,
        schedule=ScheduleConfig(peak_lr=LR, warmup_steps=0, shape="constant"),
        optimizer=OptimizerConfig(beta2=0.999, weight_decay=0.0),
    )
    before = 0
    for step in train_sft(our_language(), rendered, config):
        yield step.tokens - before, step.loss
        before = step.tokens


def our_judge(options: argparse.Namespace) -> Iterator[Step]:
    from glasshouse.align import (
        Comparison,
        Dialogue,
        JudgeTrainingConfig,
        PreferenceModel,
        Rendered,
        Turn,
        train_judge,
    )
    from glasshouse.training import OptimizerConfig, ScheduleConfig

    def layout(dialogue: Dialogue, *, opens_reply: bool = False) -> Rendered:
        words = [word for turn in dialogue for word in turn.text.split()]
        return Rendered(ids=[int(word) for word in words], is_reply=[False] * len(words))

    def text(ids: list[int]) -> str:
        return " ".join(map(str, ids))

    comparisons = []
    for good, bad in pairs():
        shared = next(
            at for at, (one, other) in enumerate(zip(good, bad, strict=False)) if one != other
        )
        comparisons.append(
            Comparison(
                prompt=(Turn("human", text(good[:shared])),),
                first=text(good[shared:]),
                second=text(bad[shared:]),
            )
        )
    config = JudgeTrainingConfig(
        epochs=20,
        batch=PAIRS,
        precision=options.precision,
        schedule=ScheduleConfig(peak_lr=LR, warmup_steps=0, shape="constant"),
        optimizer=OptimizerConfig(beta2=0.999, weight_decay=0.0),
    )
    for step in train_judge(PreferenceModel(our_language(), layout), comparisons, config):
        yield PAIRS, step.loss


def trl_options(name: str, folder: str, precision: str) -> dict[str, Any]:
    """What both of TRL's trainers are told; `defaults` keeps what it does unless told otherwise."""
    own = {} if "defaults" in name else {"gradient_checkpointing": False}
    return {
        "output_dir": folder,
        "max_steps": 10**6,
        "per_device_train_batch_size": ROWS,
        "bf16": precision == "bf16",
        "learning_rate": LR,
        "lr_scheduler_type": "constant",
        "optim": "adamw_torch_fused",
        "logging_strategy": "no",
        "save_strategy": "no",
        "report_to": [],
        "disable_tqdm": True,
        "use_cpu": True,
        "max_length": CONTEXT,
        **own,
    }


def trl_tokenizer(folder: str) -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = {f"w{number}": number for number in range(VOCAB)}
    core = Tokenizer(models.WordLevel(words, unk_token="w0"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=core, eos_token="w0", pad_token="w0")


def trl_shape(**more: Any) -> Any:
    from transformers import GPT2Config

    return GPT2Config(
        vocab_size=VOCAB,
        n_positions=CONTEXT,
        n_embd=WIDTH,
        n_layer=LAYERS,
        n_head=HEADS,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        pad_token_id=0,
        eos_token_id=0,
        bos_token_id=0,
        **more,
    )


def watched(trainer_class: type, units: Callable[[Any], float]) -> tuple[type, Any]:
    """A trainer whose loss is remembered, and a callback that gives its turns."""
    from transformers import TrainerCallback

    turns, losses = Turns(), []

    class Watched(trainer_class):
        def compute_loss(self, *given: Any, **more: Any) -> Any:
            found = super().compute_loss(*given, **more)
            losses.append((found[0] if isinstance(found, tuple) else found).detach())
            return found

    class Taking(TrainerCallback):
        def on_train_begin(self, args: Any, state: Any, control: Any, **more: Any) -> None:
            turns.wait()

        def on_step_end(self, args: Any, state: Any, control: Any, **more: Any) -> None:
            if turns.step(units(None), losses[-1].item()) and not turns.wait():
                os._exit(0)

    return Watched, Taking()


def trl_sft(name: str, precision: str) -> None:
    from datasets import Dataset
    from transformers import GPT2LMHeadModel
    from trl import SFTConfig, SFTTrainer

    rows = [
        {"input_ids": ids, "labels": [-100] * prompt + ids[prompt:]} for ids, prompt in dialogues()
    ]
    strategy = "bfd" if "bfd" in name else "wrapped"
    with TemporaryDirectory() as folder:
        config = SFTConfig(
            packing=True, packing_strategy=strategy, **trl_options(name, folder, precision)
        )
        per_step = [0.0]
        trainer_class, taking = watched(SFTTrainer, lambda _: per_step[0])
        trainer = trainer_class(
            model=GPT2LMHeadModel(trl_shape()),
            args=config,
            train_dataset=Dataset.from_list(rows),
            processing_class=trl_tokenizer(folder),
            callbacks=[taking],
        )
        lengths = [len(row) for row in trainer.train_dataset["input_ids"]]
        per_step[0] = ROWS * statistics.mean(lengths)
        trainer.train()


def trl_judge(name: str, precision: str) -> None:
    from datasets import Dataset
    from transformers import GPT2ForSequenceClassification
    from trl import RewardConfig, RewardTrainer

    rows = [{"chosen_ids": good, "rejected_ids": bad} for good, bad in pairs()]
    with TemporaryDirectory() as folder:
        trainer_class, taking = watched(RewardTrainer, lambda _: PAIRS)
        trainer = trainer_class(
            model=GPT2ForSequenceClassification(trl_shape(num_labels=1)),
            args=RewardConfig(**trl_options(name, folder, precision)),
            train_dataset=Dataset.from_list(rows),
            processing_class=trl_tokenizer(folder),
            callbacks=[taking],
        )
        trainer.train()


if __name__ == "__main__":
    main()
