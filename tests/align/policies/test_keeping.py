"""Runs that were stopped go on with the same bits; what was refused is kept."""

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
from tests.align.policies.small import END, PLAIN, PROMPTS, count_wanted, make_policy

from glasshouse.align.policies import GoldPeak, KlBudget, UpdateRules, train_policy
from glasshouse.align.policies.keeping import digest_of_weights, plain, read_steps
from glasshouse.errors import InputError, RunError
from glasshouse.models import LanguageModel
from glasshouse.training import CheckpointConfig

LONG = replace(
    PLAIN, algorithm="ppo", steps=7, stop_ids=(END,),
    update=UpdateRules(epochs=2, minibatches=2), checkpoints=CheckpointConfig(every=2),
)  # fmt: skip


def told(steps):
    """What steps tell, but for the time they took."""
    return [
        {name: value for name, value in plain(step).items() if name != "seconds"} for step in steps
    ]


def whole_run(config=LONG):
    policy = make_policy(std=0.3)
    steps = list(train_policy(policy, PROMPTS, count_wanted, config))
    return told(steps), digest_of_weights(policy.network)


class TestFolder:
    @pytest.mark.parametrize("algorithm", ["ppo", "grpo"])
    def test_goes_on_with_the_same_bits(self, algorithm, tmp_path):
        """Stopped after three steps by its caller, and after two more by nothing being asked: the
        seven steps and the last weights are those of a run that nobody stopped.
        """
        config = replace(LONG, algorithm=algorithm)
        expected = whole_run(config)
        for count in (3, 2, 9):
            policy = make_policy(std=0.3)
            run = train_policy(policy, PROMPTS, count_wanted, config, folder=tmp_path / "run")
            for _, _step in zip(range(count), run, strict=False):
                pass
            run.close()
        assert (told(read_steps(tmp_path / "run")), digest_of_weights(policy.network)) == expected
        kept = LanguageModel.load(tmp_path / "run")
        assert digest_of_weights(kept.network) == expected[1]
        assert len(list((tmp_path / "run" / "checkpoints").iterdir())) == 2
        assert not list(train_policy(make_policy(std=0.3), PROMPTS, count_wanted, config,
                                     folder=tmp_path / "run"))  # fmt: skip

    def test_goes_on_after_it_was_killed(self, tmp_path):
        """SIGKILL leaves no time to save: what was done since the last checkpoint is done anew."""
        slow = f"""
import time, torch
from pathlib import Path
from tests.align.policies.small import PROMPTS, count_wanted, make_policy
from tests.align.policies.test_keeping import LONG
from glasshouse.align.policies import train_policy
torch.set_num_threads({torch.get_num_threads()})
for step in train_policy(make_policy(std=0.3), PROMPTS, count_wanted, LONG,
                         folder=Path({str(tmp_path / "run")!r})):
    print(step.step, flush=True)
    time.sleep(0.05 if step.step < 5 else 60)
"""
        child = subprocess.Popen(
            [sys.executable, "-c", slow],
            cwd=Path(__file__).parents[3],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert child.stdout is not None
        while child.stdout.readline().strip() != "5":
            assert child.poll() is None
        time.sleep(0.05)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        child.stdout.close()
        assert len(read_steps(tmp_path / "run")) == 5
        policy = make_policy(std=0.3)
        run = train_policy(policy, PROMPTS, count_wanted, LONG, folder=tmp_path / "run")
        assert [step.step for step in run] == [5, 6, 7]
        found = told(read_steps(tmp_path / "run")), digest_of_weights(policy.network)
        assert found == whole_run()

    def test_is_refused_to_other_runs(self, tmp_path):
        """Another seed, other prompts, other first weights; and a folder of something else."""
        folder = tmp_path / "run"
        next(train_policy(make_policy(), PROMPTS, count_wanted, LONG, folder=folder))
        for policy, prompts, config, said in (
            (make_policy(), PROMPTS, replace(LONG, seed=1), "config.seed"),
            (make_policy(), PROMPTS[::-1], LONG, "prompts"),
            (make_policy(1), PROMPTS, LONG, "first weights"),
        ):
            with pytest.raises(InputError, match=f"other {said}"):
                train_policy(policy, prompts, count_wanted, config, folder=folder)
        (tmp_path / "papers").mkdir()
        (tmp_path / "papers" / "a.txt").touch()
        with pytest.raises(InputError, match="exists already"):
            train_policy(make_policy(), PROMPTS, count_wanted, LONG, folder=tmp_path / "papers")

    def test_tells_what_is_damaged(self, tmp_path):
        """Half a file is no run."""
        folder = tmp_path / "run"
        run = train_policy(make_policy(), PROMPTS, count_wanted, LONG, folder=folder)
        next(run)
        run.close()
        (folder / "metrics.jsonl").write_text('{"step": 1}\n')
        again = train_policy(make_policy(), PROMPTS, count_wanted, LONG, folder=folder)
        with pytest.raises(RunError, match="line 1 is damaged"):
            next(again)
        (folder / "policy.json").write_text("{")
        with pytest.raises(RunError, match=r"policy\.json is damaged"):
            train_policy(make_policy(), PROMPTS, count_wanted, LONG, folder=folder)


class TestRefusals:
    def test_keeps_replies_whose_reward_is_none(self, tmp_path):
        """The step is named, and its replies are there to look at."""
        calls = []

        def reward(replies):
            calls.append(1)
            found = count_wanted(replies)
            if len(calls) == 3:  # the first call measures the scale
                found[4] = float("nan")
            return found

        config = replace(LONG, rewards=replace(LONG.rewards, truncated="fixed"))
        run = train_policy(make_policy(), PROMPTS, reward, config, folder=tmp_path / "run")
        next(run)
        with pytest.raises(
            InputError, match=r"step 2: the reward of 1 of 12 .* nan for reply 5; its"
        ):
            next(run)
        [line] = (tmp_path / "run" / "offending.jsonl").read_text().splitlines()
        found = json.loads(line)
        assert found["step"] == 2
        assert found["reward"] == "nan"
        assert found["prompt"]
        assert found["reply"]

    def test_stops_when_the_divergence_explodes(self, tmp_path):
        """A learning rate that is far too high is told as such."""
        config = replace(
            PLAIN, steps=20, rewards=replace(PLAIN.rewards, kl_limit=3.0),
            schedule=replace(PLAIN.schedule, peak_lr=30.0),
        )  # fmt: skip
        with pytest.raises(InputError, match=r"step \d+: the divergence .* exploded .*peak_lr=30"):
            list(
                train_policy(make_policy(), PROMPTS, count_wanted, config, folder=tmp_path / "run")
            )
        assert len((tmp_path / "run" / "offending.jsonl").read_text().splitlines()) == 12

    def test_stops_when_the_loss_is_none(self):
        """Weights that are no numbers any more draw nothing, and that is said of them."""
        config = replace(PLAIN, rewards=replace(PLAIN.rewards, kl_limit=float("inf")), steps=4)
        policy = make_policy()
        run = train_policy(policy, PROMPTS, count_wanted, config)
        next(run)
        with torch.no_grad():
            policy.network.final_norm.weight.fill_(float("inf"))
        with pytest.raises(InputError, match=r"step 2: the policy's logits are no finite numbers"):
            next(run)

    def test_refuses_other_shapes_of_reward(self):
        """One number a reply."""
        with pytest.raises(InputError, match=r"shape \(3,\), not one number for each of 12"):
            next(train_policy(make_policy(), PROMPTS, lambda replies: torch.zeros(3), PLAIN))


class TestStops:
    def test_ends_where_a_rule_says_so_and_stays_ended(self, tmp_path):
        """The last step tells why; a run that has ended is not begun again."""
        config = replace(
            PLAIN, steps=40, algorithm="rloo", schedule=replace(PLAIN.schedule, peak_lr=1.0),
            kl_weight=0.0,
        )  # fmt: skip

        def run(policy, folder):
            return train_policy(
                policy, PROMPTS, count_wanted, config, folder=folder,
                stop=[KlBudget(0.02), GoldPeak(30)], watch=lambda replies: {"gold": 1.0},
            )  # fmt: skip

        steps = list(run(make_policy(std=0.3), tmp_path / "run"))
        assert len(steps) < 40
        assert "0.02 were allowed" in steps[-1].stopped
        assert not any(step.stopped for step in steps[:-1])
        assert all(step.kl < 0.02 for step in steps[:-1])
        policy = make_policy(std=0.3)
        assert list(run(policy, tmp_path / "run")) == []
        assert digest_of_weights(policy.network) == digest_of_weights(
            LanguageModel.load(tmp_path / "run").network
        )
