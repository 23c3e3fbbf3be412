"""What one process learns, two learn: the same losses, the same weights."""

import json
from contextlib import closing
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tests.align.judges.test_model import TRAINING, judge
from tests.align.pairs.test_weights import uneven
from tests.align.processes import run_two
from tests.align.test_direct import CONFIG as DPO
from tests.align.test_direct import PAIRS, make_policy
from tests.align.test_supervised import CONFIG as SFT
from tests.align.test_supervised import make_dialogues, make_model

from glasshouse.align import train_dpo, train_judge, train_sft, word_layout
from glasshouse.align.judges.training import Objective
from glasshouse.training import OptimizerConfig

PROGRAM = """
import json, sys
from pathlib import Path
from safetensors.torch import save_file
from glasshouse.training import joined_processes
from tests.align.test_several_processes import JOBS
for shard in (False, True):
    with joined_processes(shard=shard) as processes:
        assert processes.count == 2 and processes.is_sharded == shard
        for name, job in JOBS.items():
            folder = Path(sys.argv[1]) / str(shard) / name
            out = folder / str(processes.rank)
            out.mkdir(parents=True)
            losses, network = job(folder / "run")
            (out / "losses.json").write_text(json.dumps(losses))
            weights = {n: p.data for n, p in network.named_parameters()}
            save_file(weights, out / "weights.safetensors")
"""

# With so large an epsilon AdamW follows the gradient itself; rounding is not blown up to its sign.
GENTLE = OptimizerConfig(epsilon=1e-3)


def fine_tuned(folder: Path):
    model = make_model()
    config = replace(SFT, optimizer=GENTLE, accumulate=2)
    steps = list(train_sft(model, make_dialogues(33), config))
    return [step.loss for step in steps], model.network


def taught(folder: Path):
    """Batches of two pairs, the last of one: then the second process has none of its own.
    The run is stopped on its way, and goes on from its folder with the first weights."""
    config = replace(DPO, optimizer=replace(DPO.optimizer, epsilon=1e-3), batch=2, epochs=4)
    losses, policy = [], make_policy()
    for last in (3, 8):
        policy = make_policy()
        layout = word_layout(policy.tokenizer)
        with closing(train_dpo(policy, PAIRS, layout, config, folder=folder)) as steps:
            for step in steps:
                losses.append(step.loss)
                if step.step == last:
                    break
    assert len(losses) == 8
    return losses, policy.network


def judged(objective: Objective, **more: float):
    """Batches of two pairs, the last of one; in either order, of several lengths and weights."""
    model = judge()
    torch.nn.init.normal_(model.head.weight, generator=torch.Generator().manual_seed(0))
    config = replace(
        TRAINING, objective=objective, batch=2, precision="fp32", optimizer=GENTLE, **more
    )
    pairs = [replace(one, weight=at % 3) for at, one in enumerate(uneven(8))]
    steps = list(train_judge(model, pairs, config))
    return [each for step in steps for each in (step.loss, step.margin, step.accuracy)], model


JOBS = {
    "fine-tuned": fine_tuned,
    "taught": taught,
    "ranked": lambda _: judged("ranked", centre=0.1),
    "ranked with words": lambda _: judged("ranked", lm_weight=0.5),
    "imitating": lambda _: judged("imitation"),
}


@pytest.fixture(scope="module")
def by_two(tmp_path_factory) -> Path:
    """What two processes made of every job."""
    folder = tmp_path_factory.mktemp("two")
    run_two(PROGRAM, folder)
    return folder


@pytest.mark.parametrize("name", JOBS)
def test_two_processes_learn_what_one_learns(by_two, name, tmp_path):
    """To rounding, with batches dealt out or weights as well; both end with the same weights."""
    losses, network = JOBS[name](tmp_path / "run")
    for shard, rank in product(("False", "True"), ("0", "1")):
        told = by_two / shard / name / rank
        assert json.loads((told / "losses.json").read_text()) == pytest.approx(losses, rel=1e-4)
        weights = load_file(told / "weights.safetensors")
        for part, value in network.named_parameters():
            torch.testing.assert_close(weights[part], value.data, atol=1e-5, rtol=1e-4)
