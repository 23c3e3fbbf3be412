"""Rewards: what a preference model says of replies, and what is made of it before training.

Source:
    Ziegler et al. 2019 (1909.08593), section 2.1, for rewards whose mean and spread are set before
    training; Huang et al. 2024, "The N+ implementation details of RLHF with PPO" (2403.17031),
    details 8 and 21, for replies that are cut off.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from glasshouse.align.judge import PreferenceModel, pad_right
from glasshouse.align.policies.replies import Reply
from glasshouse.errors import InputError
from glasshouse.models import LanguageModel, Tokenizer

_SCORED_AT_ONCE = 128


@dataclass(frozen=True, slots=True)
class JudgeReward:
    """A preference model's score of prompt and reply, in nats."""

    judge: PreferenceModel
    """It reads the policy's own tokens, the oldest left out if they are many."""

    @torch.no_grad()
    def __call__(self, replies: Sequence[Reply]) -> Float[Tensor, " reply"]:
        """Score each reply where it stops; rows of like length go together."""
        rows = [reply.whole[-self.judge.context :] for reply in replies]
        return scores_of_rows(self.judge, rows)

    def check(self, policy: LanguageModel) -> None:
        """Refuse a policy of another vocabulary.

        Raises:
            InputError: If tokens of the policy mean something else to the judge.
        """
        if not same_tokens(self.judge.language.tokenizer, policy.tokenizer):
            raise InputError(
                "the preference model and the policy have different tokenizers; train a judge from "
                "the policy's family, or pass judge_reward(judge, policy=..., retokenise=True)"
            )


def judge_reward(judge: PreferenceModel) -> JudgeReward:
    """A reward from a preference model of the policy's own tokenizer.

    Raises:
        InputError: From `train_policy`, if the policy has another tokenizer.
    """
    return JudgeReward(judge.eval())


@torch.no_grad()
def scores_of_rows(
    judge: PreferenceModel, rows: Sequence[Sequence[int]]
) -> Float[Tensor, " reply"]:
    """Scores of rows of token ids at their ends."""
    was_training = judge.training
    judge.eval()
    try:
        order = sorted(range(len(rows)), key=lambda place: len(rows[place]))
        found = torch.empty(len(rows))
        device = judge.head.weight.device
        for start in range(0, len(order), _SCORED_AT_ONCE):
            places = order[start : start + _SCORED_AT_ONCE]
            ids, lengths = pad_right([rows[place] for place in places])
            found[places] = judge(ids.to(device), lengths.to(device)).float().cpu()
        return found
    finally:
        judge.train(was_training)


def same_tokens(one: Tokenizer, other: Tokenizer) -> bool:
    """Whether every id is the same token in both."""
    return one is other or one.core.get_vocab() == other.core.get_vocab()
