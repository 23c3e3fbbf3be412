"""Runs on pairs that were stopped go on with the same bits, and are refused to other runs."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests.align.test_direct import PAIRS, make_policy

from glasshouse.align import DpoConfig, train_dpo, word_layout
from glasshouse.align.policies.keeping import digest_of_weights
from glasshouse.errors import InputError, RunError
from glasshouse.models import LanguageModel
from glasshouse.training import CheckpointConfig, ScheduleConfig

CONFIG = DpoConfig(
    batch=2,
    epochs=5,
    precision="fp32",
    compile="no",
    schedule=ScheduleConfig(peak_lr=1e-2, warmup_steps=2),
    checkpoints=CheckpointConfig(every=4),
)
"""Ten steps."""


def run(policy: LanguageModel, folder: Path | None, config: DpoConfig = CONFIG):
    return train_dpo(policy, PAIRS, word_layout(policy.tokenizer), config, folder=folder)


def whole_run() -> tuple[list[float], str]:
    policy = make_policy()
    return [step.loss for step in run(policy, None)], digest_of_weights(policy.network)


def kept(folder: Path) -> list[float]:
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(1, len(lines) + 1))
    return [line["loss"] for line in lines]


class TestFolder:
    def test_goes_on_with_the_same_bits(self, tmp_path):
        """Stopped twice by its caller, it ends as a run that nobody stopped; and is a model."""
        expected = whole_run()
        folder = tmp_path / "run"
        for count in (3, 2, 99):
            policy = make_policy()
            steps = run(policy, folder)
            for _, _step in zip(range(count), steps, strict=False):
                pass
            steps.close()
        assert (kept(folder), digest_of_weights(policy.network)) == expected
        assert digest_of_weights(LanguageModel.load(folder).network) == expected[1]
        assert not list(run(make_policy(), folder))

    def test_goes_on_after_it_was_killed(self, tmp_path):
        """SIGKILL leaves no time to save: what was done since the last checkpoint is done anew."""
        script = f"""
import time, torch
from pathlib import Path
from tests.align.test_direct_keeping import make_policy, run
torch.set_num_threads({torch.get_num_threads()})
for step in run(make_policy(), Path({str(tmp_path / "run")!r})):
    print(step.step, flush=True)
    time.sleep(0.02 if step.step < 7 else 60)
"""
        child = subprocess.Popen(
            [sys.executable, "-c", script],
            cwd=Path(__file__).parents[2],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert child.stdout is not None
        while child.stdout.readline().strip() != "7":
            assert child.poll() is None
        time.sleep(0.05)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        child.stdout.close()
        assert len(kept(tmp_path / "run")) == 7
        policy = make_policy()
        assert [step.step for step in run(policy, tmp_path / "run")] == [5, 6, 7, 8, 9, 10]
        assert (kept(tmp_path / "run"), digest_of_weights(policy.network)) == whole_run()

    def test_is_refused_to_other_runs(self, tmp_path):
        """Another config, other first weights, other pairs; and a folder of something else."""
        folder = tmp_path / "run"
        run(make_policy(), folder).close()
        next(run(make_policy(), folder))
        layout = word_layout(make_policy().tokenizer)
        with pytest.raises(InputError, match=r"other config\.beta"):
            run(make_policy(), folder, replace(CONFIG, beta=0.2))
        with pytest.raises(InputError, match="other first weights"):
            run(make_policy(1), folder)
        with pytest.raises(InputError, match="other pairs"):
            train_dpo(make_policy(), PAIRS[::-1], layout, CONFIG, folder=folder)
        (tmp_path / "papers").mkdir()
        (tmp_path / "papers" / "a.txt").touch()
        with pytest.raises(InputError, match="exists already"):
            run(make_policy(), tmp_path / "papers")

    def test_tells_what_is_damaged(self, tmp_path):
        """Half a file is no run."""
        folder = tmp_path / "run"
        next(run(make_policy(), folder))
        (folder / "dpo.json").write_text("{")
        with pytest.raises(RunError, match=r"dpo\.json is damaged"):
            run(make_policy(), folder)
