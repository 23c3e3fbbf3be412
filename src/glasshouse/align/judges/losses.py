"""Losses of what judges replies, and of a policy that learns from pairs without a judge.

All are returned pair by pair, so that whoever calls may weight them. Scores are in nats: a reply
that scores one more than another is preferred with odds of e.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import logsigmoid

from glasshouse.errors import InputError


def ranked_loss(
    chosen: Float[Tensor, " pair"], rejected: Float[Tensor, " pair"]
) -> Float[Tensor, " pair"]:
    """Minus the log-probability of the preference: log(1 + exp(rejected - chosen)).

    Args:
        chosen: Score of the reply that was preferred.
        rejected: Score of the other.

    Source:
        Askell et al. 2021 (2112.00861), section 3.1, eq. 3.1.
    """
    return -logsigmoid(chosen - rejected)


def soft_ranked_loss(
    first: Float[Tensor, " pair"],
    second: Float[Tensor, " pair"],
    is_first_better: Float[Tensor, " pair"],
) -> Float[Tensor, " pair"]:
    """The cross-entropy of a preference that is itself a probability.

    Args:
        first: Score of one reply.
        second: Score of the other.
        is_first_better: Probability that the first is preferred, 0 to 1.

    Raises:
        InputError: If a label is no probability.

    Source:
        Bai et al. 2022, "Constitutional AI" (2212.08073), section 4.1: a feedback model's
        normalised probabilities as labels.
    """
    labels = is_first_better
    if bool(((labels < 0) | (labels > 1) | labels.isnan()).any()):
        raise InputError("soft labels must lie between 0 and 1; normalise them first")
    margin = first - second
    return -labels * logsigmoid(margin) - (1 - labels) * logsigmoid(-margin)


def binary_loss(score: Float[Tensor, " item"], is_good: Bool[Tensor, " item"]) -> Tensor:
    """The cross-entropy of good and bad items that were never compared with each other.

    Source:
        Askell et al. 2021 (2112.00861), section 3.1: binary discrimination.
    """
    return -logsigmoid(torch.where(is_good, score, -score))


def soft_binary_loss(
    score: Float[Tensor, "..."], is_good: Float[Tensor, "..."]
) -> Float[Tensor, "..."]:
    """The same where good is a probability, 0 to 1.

    Raises:
        InputError: If a label is no probability.
    """
    if bool(((is_good < 0) | (is_good > 1) | is_good.isnan()).any()):
        raise InputError("soft labels must lie between 0 and 1; normalise them first")
    return -is_good * logsigmoid(score) - (1 - is_good) * logsigmoid(-score)


def score_loss(score: Float[Tensor, " item"], target: Float[Tensor, " item"]) -> Tensor:
    """The squared error of a score that stands by itself, as harm from 0 to 4.

    Source:
        Bai et al. 2022, "Constitutional AI" (2212.08073), section 4.3: absolute harmfulness.
    """
    return (score - target).square()


def dpo_loss(
    policy_margin: Float[Tensor, " pair"],
    reference_margin: Float[Tensor, " pair"],
    *,
    beta: float,
    label_smoothing: float = 0.0,
) -> Float[Tensor, " pair"]:
    """Teach a policy from pairs, without a judge and without samples.

    Args:
        policy_margin: log p(chosen) - log p(rejected), whole replies, under the policy, in nats.
        reference_margin: The same under the frozen reference.
        beta: Pull towards the reference, per nat.
        label_smoothing: Share of preferences that are taken to be the wrong way round, below 0.5.

    Raises:
        InputError: If `beta` is not positive, or half of the labels or more are taken to be wrong.

    Source:
        Rafailov et al. 2023 (2305.18290), section 4, eq. 7; the smoothed form is Mitchell's
        "conservative DPO" (2023). Differs: returned pair by pair.
    """
    if not beta > 0 or not 0 <= label_smoothing < 0.5:
        raise InputError(
            f"beta={beta} must be positive (0.1 is a common start), and label_smoothing="
            f"{label_smoothing} must lie in [0, 0.5)"
        )
    margin = beta * (policy_margin - reference_margin)
    kept = 1 - label_smoothing
    return -kept * logsigmoid(margin) - label_smoothing * logsigmoid(-margin)
