"""Policies so small that tests are quick, and a judge of the same words."""

from dataclasses import replace

import torch

from glasshouse.align import PreferenceModel, word_layout
from glasshouse.align.policies import PolicyConfig, Reply, RewardRules
from glasshouse.models import LanguageModel, Transformer, TransformerConfig, gpt, word_tokenizer
from glasshouse.training import OptimizerConfig, ScheduleConfig

WORDS = ["<end>", *"abcdefgh", "Human", "Assistant", ":", "<doc>"]
END, WANTED = 0, WORDS.index("a")
PROMPTS = [[1, 2], [3], [4, 5, 6], [2, 2]]


def shape(context: int = 24, layers: int = 1) -> TransformerConfig:
    return gpt(len(WORDS), context=context, num_layers=layers, d_model=16, num_heads=2)


def make_policy(
    seed: int = 0, *, config: TransformerConfig | None = None, std: float = 0.02
) -> LanguageModel:
    config = replace(config or shape(), init_std=std)
    network = Transformer(config, generator=torch.Generator().manual_seed(seed)).eval()
    return LanguageModel(network, word_tokenizer(WORDS), origin="a test")


def make_judge(seed: int = 5) -> PreferenceModel:
    language = make_policy(seed, std=0.3)
    judge = PreferenceModel(language, word_layout(language.tokenizer))
    torch.nn.init.normal_(judge.head.weight, generator=torch.Generator().manual_seed(seed))
    return judge.eval()


def begins_well(replies: list[Reply]) -> torch.Tensor:
    return torch.tensor([float(reply.ids[0] == WANTED) for reply in replies])


def count_wanted(replies: list[Reply]) -> torch.Tensor:
    return torch.tensor([float(reply.ids.count(WANTED)) for reply in replies])


PLAIN = PolicyConfig(
    algorithm="grpo",
    steps=2,
    prompts_per_step=4,
    replies_per_prompt=3,
    max_new_tokens=6,
    kl_weight=0.3,
    precision="fp32",
    rewards=RewardRules(normalise="none", truncated="subtract", truncated_value=0.0),
    # With so large an epsilon AdamW follows the gradient itself, so that weights compare gradients.
    optimizer=OptimizerConfig(epsilon=1.0, weight_decay=0.0, clip_norm=None),
    schedule=ScheduleConfig(peak_lr=1e-1, warmup_steps=0, shape="constant"),
)
"""A run whose arithmetic can be written down."""
