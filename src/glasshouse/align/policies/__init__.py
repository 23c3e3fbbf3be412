"""Policies that learn from their own replies: ppo, grpo, rloo and reinforce.

- `replies`: what a policy wrote, and what is asked about it
- `sampling`: drawing replies
- `rewards`: a preference model as what training maximises
- `config`: a run, its known details each under a name
- `training`: the iterator of steps; `step`: what a step tells, and rules that stop training
- `scores`: what is made of rewards before replies are compared; `keeping`: a run's folder
- `prefix`, `growing`: prompts that are read once for all of their replies
- `reading`: how likely a network finds replies; `values`: what ppo expects; `update`: the losses
- `advantages`: a sample's worth beyond what was to be expected; `objectives`: what is made small
- `divergence`: how far a policy has moved from where it began
"""

from glasshouse.align.policies.config import PolicyConfig, RewardRules, UpdateRules, ValueRules
from glasshouse.align.policies.replies import Reply, Reward, Watch
from glasshouse.align.policies.rewards import JudgeReward, RetokenisedReward, judge_reward
from glasshouse.align.policies.sampling import sample_replies
from glasshouse.align.policies.step import GoldPeak, KlBudget, PolicyStep, Stop
from glasshouse.align.policies.training import train_policy

__all__ = [
    "GoldPeak",
    "JudgeReward",
    "KlBudget",
    "PolicyConfig",
    "PolicyStep",
    "Reply",
    "RetokenisedReward",
    "Reward",
    "RewardRules",
    "Stop",
    "UpdateRules",
    "ValueRules",
    "Watch",
    "judge_reward",
    "sample_replies",
    "train_policy",
]
