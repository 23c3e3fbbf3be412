"""What a sample was worth beyond what was to be expected of it.

Four ways to expect: a learned value a token (PPO), the mean of other samples of the same prompt
(RLOO), the mean and spread of all of them (GRPO), the mean of the batch.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from glasshouse.errors import InputError


def generalised_advantages(
    reward: Float[Tensor, "batch seq"],
    value: Float[Tensor, "batch seq"],
    is_reply: Bool[Tensor, "batch seq"],
    *,
    discount: float = 1.0,
    trace: float = 0.95,
) -> Float[Tensor, "batch seq"]:
    """Advantages of tokens from rewards and learned values; 0 outside of replies.

    A reply ends with its last token: nothing is to be expected behind it, whatever stands there.

    Args:
        reward: Reward at each token; that of the whole reply is given at its last one.
        value: What was expected before each token was drawn.
        is_reply: Tokens that the policy wrote; each row's lie side by side.
        discount: Gamma; 1 in 2204.05862.
        trace: Lambda: 1 waits for all rewards, 0 trusts the next value alone.

    Returns:
        Advantages; with `value` added they are what the value should have been.

    Raises:
        InputError: If discount or trace lies outside of [0, 1].

    Source:
        Schulman et al. 2015 (1506.02438), eq. 16.
    """
    if not (0 <= discount <= 1 and 0 <= trace <= 1):
        raise InputError(f"discount={discount} and trace={trace} must lie in [0, 1]")
    counted = is_reply.to(reward.dtype)
    found = torch.zeros_like(reward)
    after = reward.new_zeros(len(reward))
    expected = reward.new_zeros(len(reward))
    for place in reversed(range(reward.shape[1])):
        surprise = reward[:, place] + discount * expected - value[:, place]
        after = (surprise + discount * trace * after) * counted[:, place]
        expected = value[:, place] * counted[:, place]
        found[:, place] = after
    return found


def group_advantages(
    reward: Float[Tensor, "prompt sample"], *, divide: bool = True, epsilon: float = 1e-4
) -> Float[Tensor, "prompt sample"]:
    """Rewards less the mean of the prompt's samples, in units of their spread.

    Args:
        reward: Of whole replies; a row a prompt.
        divide: By the standard deviation of the row. Without it prompts whose samples agree are not
            weighed up (2503.20783, "Dr. GRPO").
        epsilon: Added to the deviation.

    Raises:
        InputError: If a prompt has one sample, which has nothing to be compared with.

    Source:
        Shao et al. 2024, "DeepSeekMath" (2402.03300), section 4.1.2.
    """
    _need_two(reward)
    centred = reward - reward.mean(dim=1, keepdim=True)
    return centred / (reward.std(dim=1, keepdim=True) + epsilon) if divide else centred


def leave_one_out_advantages(
    reward: Float[Tensor, "prompt sample"],
) -> Float[Tensor, "prompt sample"]:
    """Rewards less the mean of the prompt's other samples.

    Raises:
        InputError: If a prompt has one sample, which has no other.

    Source:
        Ahmadian et al. 2024, "Back to basics" (2402.14740), section 3.2, RLOO.
    """
    _need_two(reward)
    others = reward.shape[1] - 1
    return reward - (reward.sum(dim=1, keepdim=True) - reward) / others


def whitened(
    advantage: Float[Tensor, "batch seq"],
    is_reply: Bool[Tensor, "batch seq"],
    *,
    centre: bool = True,
    epsilon: float = 1e-8,
) -> Float[Tensor, "batch seq"]:
    """Advantages with mean 0 and variance 1 over the tokens that count; 0 elsewhere.

    Args:
        advantage: Of all tokens.
        is_reply: Those that count.
        centre: False: the mean stays.
        epsilon: Added to the variance.
    """
    own = advantage[is_reply]
    if not len(own):
        return torch.zeros_like(advantage)
    mean = own.mean()
    scaled = (advantage - mean) * (own.var(correction=0) + epsilon).rsqrt()
    return torch.where(is_reply, scaled if centre else scaled + mean, 0.0)


def _need_two(reward: Tensor) -> None:
    if reward.shape[1] < 2:
        raise InputError("one sample a prompt has none to be compared with; draw two or more")
