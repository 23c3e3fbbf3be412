"""What policy and value are trained to make small, a token each.

Source:
    Schulman et al. 2017, "Proximal policy optimization" (1707.06347), eq. 7; the clipped value loss
    is of the authors' code and of Ziegler et al. 2019 (1909.08593).
"""

import torch
from jaxtyping import Float
from torch import Tensor

from glasshouse.errors import InputError


def clipped_policy_loss(
    new: Float[Tensor, "batch seq"],
    old: Float[Tensor, "batch seq"],
    advantage: Float[Tensor, "batch seq"],
    *,
    clip: float = 0.2,
    clip_above: float | None = None,
) -> Float[Tensor, "batch seq"]:
    """Minus the gain of a step, where a ratio beyond the clip gains nothing more.

    Args:
        new: Log-probability of each sampled token under the policy in training.
        old: The same when it was drawn; computed by the trainer, as a sampler's own may differ.
        advantage: What the token was worth.
        clip: How far the ratio may fall below 1 before it stops to count.
        clip_above: How far above (2503.14476, "DAPO", lets it rise further); None: as far.

    Raises:
        InputError: If a clip is not positive, or the lower one is 1 or more.
    """
    above = clip if clip_above is None else clip_above
    if not (0 < clip < 1 and above > 0):
        raise InputError(f"clip={clip} must lie between 0 and 1 and clip_above={above} above 0")
    ratio = (new - old).exp()
    return -torch.minimum(ratio * advantage, ratio.clamp(1 - clip, 1 + above) * advantage)


def clipped_value_loss(
    new: Float[Tensor, "batch seq"],
    old: Float[Tensor, "batch seq"],
    target: Float[Tensor, "batch seq"],
    *,
    clip: float | None = 0.2,
) -> Float[Tensor, "batch seq"]:
    """Half the squared error of values, the worse of as they are and held near the old ones.

    Args:
        new: Values in training.
        old: Values when the batch was drawn.
        target: What they should have been: old values plus advantages.
        clip: How far from the old ones counts; None: anywhere.
    """
    error = (new - target).square()
    if clip is not None:
        held = old + (new - old).clamp(-clip, clip)
        error = torch.maximum(error, (held - target).square())
    return 0.5 * error
