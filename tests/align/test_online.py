"""Rounds: what is kept, what is read again, and what is refused."""

import shutil

import pytest
import torch
from tests.align.pairs.test_collect import HARMFUL, HELPFUL, WORLD, persona_writer, world_model

from glasshouse.align.judges.model import PreferenceModel
from glasshouse.align.judges.training import JudgeTrainingConfig
from glasshouse.align.online import RoundSteps, crowd_rounds, file_rounds, judge_from, run_rounds
from glasshouse.align.pairs.collect import collect
from glasshouse.align.pairs.comparisons import write_comparisons
from glasshouse.align.talks.dialogues import word_layout
from glasshouse.errors import InputError, RunError
from glasshouse.models import LanguageModel

SAID = [
    one.comparison
    for one in collect(
        {name: persona_writer(WORLD, name) for name in ("kind", "rude")},
        HELPFUL[:24],
        WORLD.crowd(),
        interface="helpful",
        seed=0,
    )
]


class Steps:
    """Steps that note what they were given."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.seen: list[int] = []

    def collect(self, number: int, policy: LanguageModel):
        self.done.append(f"collect {number}")
        mark = float(policy.network.embed.weight.detach()[0, 0])
        assert mark == float(number - 1) or number == 1, "the newest policy is compared"
        return SAID[6 * (number - 1) : 6 * number]

    def judge(self, number: int, comparisons):
        self.done.append(f"judge {number}")
        self.seen.append(len(comparisons))
        language = world_model()
        return PreferenceModel(language, word_layout(language.tokenizer))

    def shape(self, number: int, judge: PreferenceModel) -> LanguageModel:
        self.done.append(f"shape {number}")
        model = world_model()
        with torch.no_grad():
            model.network.embed.weight[0, 0] = number
        return model

    @property
    def steps(self) -> RoundSteps:
        return RoundSteps(collect=self.collect, judge=self.judge, shape=self.shape)


def test_each_round_judges_all_so_far_and_compares_the_newest_policy(tmp_path):
    """Everything is on disk when a round is yielded."""
    own = Steps()
    found = list(run_rounds(tmp_path / "r", world_model(), own.steps, rounds=3))
    assert own.done == [f"{what} {n}" for n in (1, 2, 3) for what in ("collect", "judge", "shape")]
    assert own.seen == [6, 12, 18]
    assert [one.number for one in found] == [1, 2, 3]
    assert found[0].fresh is None
    assert found[1].fresh is not None
    assert found[1].fresh.accuracy == 0.5, "a head of zeros cannot tell"
    assert float(found[2].policy.network.embed.weight.detach()[0, 0]) == 3.0
    assert found[1].judge.context == 128


def test_goes_on_where_it_was(tmp_path):
    """What is there is not done again: not after a whole round, nor in the middle of one."""
    first = Steps()
    going = run_rounds(tmp_path, world_model(), first.steps, rounds=2)
    one = next(going)
    going.close()
    shutil.rmtree(one.folder / "policy")  # killed before the policy was written
    (one.folder / "round.json").unlink()
    second = Steps()
    again = list(run_rounds(tmp_path, world_model(), second.steps, rounds=2))
    assert second.done == ["shape 1", "collect 2", "judge 2", "shape 2"]
    assert len(again) == 2
    third = Steps()
    assert list(run_rounds(tmp_path, world_model(), third.steps, rounds=2)) == again
    assert third.done == []


def test_refuses_a_folder_of_other_rounds_and_a_damaged_one(tmp_path):
    """Rounds of different settings are never mixed."""
    own = Steps()
    next(run_rounds(tmp_path, world_model(), own.steps, rounds=1, told={"seed": 1}))
    with pytest.raises(InputError, match="other settings"):
        next(run_rounds(tmp_path, world_model(), own.steps, rounds=1, told={"seed": 2}))
    (tmp_path / "round-1" / "round.json").write_text("{}")
    with pytest.raises(RunError, match="measured anew"):
        next(run_rounds(tmp_path, world_model(), own.steps, rounds=1, told={"seed": 1}))
    with pytest.raises(InputError, match="at least 1"):
        next(run_rounds(tmp_path, world_model(), own.steps, rounds=0))


def test_waits_for_a_file_and_takes_it_when_it_is_there(tmp_path):
    """People need days; the rounds go on when their file has come."""
    own = Steps()
    pattern = str(tmp_path / "people-{round}.jsonl")
    steps = RoundSteps(collect=file_rounds(pattern), judge=own.judge, shape=own.shape)
    with pytest.raises(InputError, match=r"waits for .*people-1.jsonl"):
        next(run_rounds(tmp_path / "r", world_model(), steps, rounds=1))
    (tmp_path / "people-1.jsonl").write_text("".join(write_comparisons(SAID)))
    found = next(run_rounds(tmp_path / "r", world_model(), steps, rounds=1))
    assert found.comparisons == len(SAID)


def test_a_crowd_compares_what_the_policy_says(tmp_path):
    """Helpful and harmful requests go through their own interfaces; truth stays outside."""
    seen = []
    gather = crowd_rounds(
        WORLD.crowd(),
        lambda number: [*HELPFUL[:10], *HARMFUL[:10]],
        interface=lambda request: "red-team" if request.harmful else "helpful",
        seed=0,
        max_new_tokens=100,
        watch=lambda number, found: seen.extend(found),
    )
    found = gather(1, world_model())
    assert [one.comparison for one in seen] == found
    strong = crowd_rounds(
        WORLD.crowd(),
        lambda number: [*HELPFUL[:10], *HARMFUL[:10]],
        interface=lambda request: "red-team" if request.harmful else "helpful",
        seed=0,
        max_new_tokens=100,
        stronger_than=0,
    )(1, world_model())
    assert strong == [one.comparison for one in seen if one.strength > 0]
    assert all((one.interface == "red-team") == one.request.harmful for one in seen)


def test_judges_are_trained_from_their_start_each_round():
    """The same comparisons give the same judge, whatever round it is."""
    train = judge_from(world_model, JudgeTrainingConfig(batch=8))
    one, two = train(1, SAID), train(2, SAID)
    assert torch.equal(one.head.weight, two.head.weight)
    assert one.head.weight.abs().sum() > 0
