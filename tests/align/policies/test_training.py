"""Policy training: rewards rise, nothing moves before the first update, and bad input is told."""

import pytest
import torch

from glasshouse.align.policies import PolicyConfig, Reply, train_policy
from glasshouse.models import LanguageModel, Transformer, gpt, word_tokenizer
from glasshouse.training import ScheduleConfig

WORDS = ["<end>", *"abcdefgh"]
WANTED = WORDS.index("a")
PROMPTS = [[1, 2], [3], [4, 5, 6], [2, 2]] * 2


def make_policy(seed: int = 0) -> LanguageModel:
    shape = gpt(len(WORDS), context=24, num_layers=1, d_model=16, num_heads=2)
    network = Transformer(shape, generator=torch.Generator().manual_seed(seed))
    return LanguageModel(network, word_tokenizer(WORDS), origin="a test")


def begins_well(replies: list[Reply]) -> torch.Tensor:
    return torch.tensor([float(reply.ids[0] == WANTED) for reply in replies])


class TestTrainPolicy:
    @pytest.mark.parametrize("algorithm", ["ppo", "grpo", "rloo", "reinforce"])
    def test_raises_the_reward_of_a_bandit(self, algorithm):
        """A reward that one word earns is learned, from a divergence of exactly nothing."""
        config = PolicyConfig(
            algorithm=algorithm,
            steps=25,
            prompts_per_step=8,
            replies_per_prompt=8,
            max_new_tokens=6,
            precision="fp32",
            schedule=ScheduleConfig(peak_lr=1e-2, warmup_steps=0, shape="constant"),
        )
        steps = list(train_policy(make_policy(), PROMPTS, begins_well, config))
        assert steps[0].kl == 0
        assert steps[0].kl_k3 == 0
        assert steps[0].reward < 0.3
        assert steps[-1].reward > 0.8
        assert steps[-1].kl > 0.5
