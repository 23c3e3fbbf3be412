"""Rotary positions: queries and keys are turned, so that products depend on distances."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from glasshouse.models.config import PositionConfig, RotaryScaling

Turn = tuple[Float[Tensor, "row seq 1 d_rotary"], Float[Tensor, "row seq 1 d_rotary"]]
"""Cosines and sines of every token's angles, each frequency twice."""


def rotate(
    x: Float[Tensor, "batch seq head d_head"],
    cosine: Float[Tensor, "row seq 1 d_rotary"],
    sine: Float[Tensor, "row seq 1 d_rotary"],
) -> Float[Tensor, "batch seq head d_head"]:
    """Turn the first d_rotary dimensions; dimension i is paired with i + d_rotary / 2.

    Source:
        Su et al. 2021 (2104.09864), eq. 34, in the pairing of GPT-NeoX and Llama weights.
    """
    turned, kept = x[..., : cosine.shape[-1]], x[..., cosine.shape[-1] :]
    first, second = turned.chunk(2, dim=-1)
    turned = turned * cosine + torch.cat([-second, first], dim=-1) * sine
    return torch.cat([turned, kept], dim=-1).to(x.dtype)


def rotary_turn(
    positions: Int[Tensor, "row seq"],
    config: PositionConfig,
    *,
    d_rotary: int,
    local_base: float | None = None,
) -> Turn:
    """Cosine and sine of position · frequency.

    Args:
        positions: Of each token in its text.
        config: Base and scaling.
        d_rotary: Dimensions of a head that are turned.
        local_base: Base of local layers, if they have their own; these are never slowed.
    """
    base = config.rotary_base if local_base is None else local_base
    pairs = torch.arange(0, d_rotary, 2, device=positions.device, dtype=torch.float32)
    # A reciprocal of a power, not a negative power: at position 10,000 the last bit of a frequency
    # is seen in the logits, and this is how released models were trained.
    frequencies = 1.0 / base ** (pairs / d_rotary)
    if config.rotary_scaling is not None and local_base is None:
        frequencies = slowed(frequencies, config.rotary_scaling)
    angles = positions[..., None].float() * frequencies
    angles = torch.cat([angles, angles], dim=-1)[:, :, None, :]
    return angles.cos(), angles.sin()


def slowed(frequencies: Float[Tensor, " pair"], scaling: RotaryScaling) -> Float[Tensor, " pair"]:
    """Divide frequencies, all of them or (llama3) those that turn rarely within the context.

    Source:
        Llama 3.1's released code, `apply_scaling`; Dubey et al. 2024 (2407.21783), section 3.2.
    """
    if scaling.kind == "linear":
        return frequencies / scaling.factor
    turns = scaling.original_context * frequencies / (2 * math.pi)
    kept = ((turns - scaling.low) / (scaling.high - scaling.low)).clamp(0, 1)
    return (1 - kept) * frequencies / scaling.factor + kept * frequencies
