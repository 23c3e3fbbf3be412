"""How far a policy has moved from where it began, measured on what it writes itself.

The divergence of whole replies is the expected sum, over their tokens, of log policy - log
reference, for tokens that the policy drew. On text that somebody else wrote it is none.
"""

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from glasshouse.errors import InputError


def k1(
    policy: Float[Tensor, "batch seq"],
    reference: Float[Tensor, "batch seq"],
    is_reply: Bool[Tensor, "batch seq"],
) -> Float[Tensor, " batch"]:
    """Log-ratio of each sampled reply: unbiased for KL(policy || reference), and often negative.

    Args:
        policy: Log-probability of each token under the policy that drew it, at the temperature it
            was drawn at.
        reference: The same under the reference.
        is_reply: Tokens that the policy wrote, its end token with them.

    Source:
        Schulman 2020, "Approximating KL divergence", k1.
    """
    return ((policy - reference) * is_reply).sum(dim=1)


def k3(
    policy: Float[Tensor, "batch seq"],
    reference: Float[Tensor, "batch seq"],
    is_reply: Bool[Tensor, "batch seq"],
) -> Float[Tensor, " batch"]:
    """The same expectation with less spread, never negative: r - 1 - log r, r = reference / policy.

    Source:
        Schulman 2020, "Approximating KL divergence", k3.
    """
    # What does not count must not overflow on the way, or zero times infinity is NaN.
    log_ratio = torch.where(is_reply, reference - policy, 0.0)
    return (log_ratio.expm1() - log_ratio).sum(dim=1)


def best_of_n_kl(n: int) -> float:
    """KL, in nats, of taking the best of n samples from the policy that drew them.

    Exact where no two samples score the same; an upper bound otherwise.

    Raises:
        InputError: If `n` is less than 1.

    Source:
        log n - (n - 1) / n, as in Gao et al. 2022, "Scaling laws for reward model
        overoptimization" (2210.10760), section 2; a bound by Beirami et al. 2024 (2401.01879).
    """
    if n < 1:
        raise InputError(f"n={n} must be at least 1")
    return math.log(n) - (n - 1) / n
