"""What is made of scores before replies are compared: a fixed scale, and rules for cut-off replies.

Source:
    Ziegler et al. 2019 (1909.08593), section 2.1, for rewards whose mean and spread are set before
    training; Huang et al. 2024, "The N+ implementation details of RLHF with PPO" (2403.17031), for
    replies that are cut off.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from glasshouse.align.policies.config import PolicyConfig


class RewardScale(NamedTuple):
    """What rewards were before training."""

    mean: float
    spread: float


def scale_of(scores: Float[Tensor, " reply"]) -> RewardScale:
    """Mean and standard deviation; a spread of 1 where all scores are alike."""
    spread = float(scores.std(correction=0))
    return RewardScale(float(scores.mean()), spread if spread > 0 else 1.0)


def ruled(
    scores: Float[Tensor, " reply"],
    is_whole: Bool[Tensor, " reply"],
    scale: RewardScale,
    config: PolicyConfig,
) -> Float[Tensor, " reply"]:
    """Scores with those of replies that were cut off as the rules have them.

    Left out of the loss, such a reply stands at the mean of its prompt's whole ones, so that it
    moves nobody else's comparison.
    """
    rules = config.rewards
    if rules.truncated == "fixed":
        fixed = scale.mean + rules.truncated_value * scale.spread
        return torch.where(is_whole, scores, fixed)
    if rules.truncated == "subtract":
        return torch.where(is_whole, scores, scores + rules.truncated_value * scale.spread)
    groups = scores.view(-1, config.replies_per_prompt)
    whole = is_whole.view_as(groups)
    counts = whole.sum(dim=1, keepdim=True)
    overall = scores[is_whole].mean() if bool(is_whole.any()) else scores.mean()
    means = torch.where(counts > 0, (groups * whole).sum(dim=1, keepdim=True) / counts, overall)
    return torch.where(whole, groups, means).flatten()


def normalised(
    rewards: Float[Tensor, " reply"], scale: RewardScale, config: PolicyConfig
) -> Float[Tensor, " reply"]:
    """Rewards in the units of training."""
    if config.rewards.normalise == "none":
        return rewards
    centred = rewards - scale.mean
    return centred if config.rewards.normalise == "centre" else centred / scale.spread
