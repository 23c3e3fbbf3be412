"""`glasshouse align rl`: from a model, a judge and prompts to a policy that was rewarded."""

import json
from pathlib import Path

import pytest
from tests.align.judges.test_model import judge
from tests.align.policies.test_rewards import letters_judge
from tests.cli.commands import glasshouse, refused

from glasshouse.align import PreferenceModel, save_preference_model, word_layout
from glasshouse.models import LanguageModel, Transformer, gpt, word_tokenizer
from glasshouse.world import World

PROMPTS = [
    {"prompt": "hi"},
    {"prompt": "good sun"},
    {"messages": [{"role": "user", "content": "bad"}, {"role": "assistant", "content": "sun"}]},
    {"prompt": [{"role": "user", "content": "rain"}]},
]
FEW = (
    "--set", "steps=2", "--set", "prompts_per_step=4", "--set", "replies_per_prompt=2",
    "--set", "max_new_tokens=4", "--set", "stop_ids=1,2", "--set", "rewards.truncated=subtract",
)  # fmt: skip


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch) -> Path:
    """Work in an empty folder with a small model of few words, a judge, and prompts."""
    monkeypatch.chdir(tmp_path)
    judge().language.save(tmp_path / "words")
    save_preference_model(judge(seed=3), tmp_path / "pm", layout="words")
    (tmp_path / "asked.jsonl").write_text("".join(json.dumps(one) + "\n" for one in PROMPTS))
    return tmp_path


def rl(capfd, *more: str, model: str = "words", prompts: str = "asked.jsonl"):
    return glasshouse(
        capfd, "align", "rl", model, "--judge", "pm", "--prompts", prompts, "--out", "rl", *more
    )


class TestRl:
    def test_makes_a_run_that_speaks_and_goes_on(self, capfd, here):
        """Metrics, checkpoints and a summary; the same command again finds it finished."""
        told = rl(capfd, "--algorithm", "grpo", *FEW)
        assert told.status == 0, told
        assert told.out.strip() == "rl"
        assert "nats from where it began" in told.err
        lines = [json.loads(line) for line in (here / "rl/metrics.jsonl").read_text().splitlines()]
        assert [line["step"] for line in lines] == [1, 2]
        assert lines[0]["kl"] == 0
        assert LanguageModel.load(here / "rl").tokenizer.vocab_size == 11
        again = rl(capfd, "--algorithm", "grpo", *FEW)
        assert "rl is finished" in again.err

    def test_tells_every_step_and_stops_itself(self, capfd):
        """One record a step; a budget of next to nothing is spent at once."""
        told = rl(
            capfd, "--algorithm", "rloo", "--json", "--kl-budget", "1e-9", *FEW,
            "--set", "steps=50", "--set", "schedule.peak_lr=0.1",
        )  # fmt: skip
        assert told.status == 2  # steps is set twice
        told = rl(
            capfd, "--json", "--kl-budget", "1e-9", *FEW[2:], "--set", "steps=50",
            "--set", "schedule.peak_lr=0.1",
        )  # fmt: skip
        steps = [json.loads(line) for line in told.out.splitlines()]
        assert 2 <= len(steps) < 50
        assert steps[-1]["stopped"]
        assert "stopped at step" in told.err

    def test_watches_gold_reward_in_the_toy_world(self, capfd, here):
        """Requests of the world, and the truth about replies beside what the judge says."""
        world = World(0)
        tokenizer = word_tokenizer(world.vocabulary.words)
        shape = gpt(tokenizer.vocab_size, context=128, num_layers=1, d_model=8, num_heads=1)
        LanguageModel(Transformer(shape), tokenizer, "a test").save(here / "native")
        language = LanguageModel.load(here / "native")
        native = PreferenceModel(language, word_layout(tokenizer))
        save_preference_model(native, here / "native-pm", layout="words")
        told = glasshouse(
            capfd, "align", "rl", "native", "--judge", "native-pm", "--prompts", "world",
            "--out", "rl", "--json", "--patience", "9", *FEW[:8],
            "--set", "rewards.truncated=leave-out", "--set", "rewards.normalise=none",
        )  # fmt: skip
        steps = [json.loads(line) for line in told.out.splitlines()]
        assert len(steps) == 2, told
        assert set(steps[0]["watched"]) == {"gold", "evasive"}
        assert "gold reward from" in told.err

    def test_lets_a_judge_of_other_tokens_read_words_when_asked(self, capfd, here):
        """Refused in a sentence that says how; then done."""
        save_preference_model(letters_judge(), here / "letters", layout="human-assistant")
        words = (
            "align", "rl", "words", "--judge", "letters", "--prompts", "asked.jsonl", "--out", "rl",
            *FEW,
        )  # fmt: skip
        assert "different tokenizers" in refused(glasshouse(capfd, *words))
        assert glasshouse(capfd, *words, "--retokenise").status == 0

    @pytest.mark.parametrize(
        ("more", "said"),
        [
            (("--algorithm", "trpo"), "--algorithm 'trpo' must be one of ppo"),
            (("--patience", "3"), "--patience 3 waits for gold reward"),
            (("--set", "max_new_tokens=40"), "no prompt leaves room for max_new_tokens=40"),
            (("--set", "prompts_per_step=9"), "4 prompts are fewer than the prompts_per_step=9"),
            (("--kl-budget", "-1"), "nats=-1"),
        ],
    )
    def test_refuses_what_cannot_be_meant(self, capfd, more, said):
        """One sentence, and nothing is written."""
        assert said in refused(rl(capfd, *more))
        assert not Path("rl").exists()

    def test_refuses_files_without_prompts(self, capfd, here):
        """With the first line's reason; and a model that does not speak the world's words."""
        (here / "none.jsonl").write_text('{"a": 1}\nnothing\n')
        assert "holds no prompt; line 1" in refused(rl(capfd, prompts="none.jsonl"))
        assert "missing.jsonl cannot be read" in refused(rl(capfd, prompts="missing.jsonl"))
        assert "does not speak the words of world 0" in refused(rl(capfd, prompts="world"))
