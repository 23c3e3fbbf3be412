"""What pretraining is worth in data.

A second curve is read backwards: how much data would a model from scratch have needed for this
loss? Beyond the ends of the curve the answer is censored, and said to be.

Source:
    Hernandez et al. 2021 (2102.01293), "Scaling Laws for Transfer".
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float64

from glasshouse.errors import InputError
from glasshouse.scaling.estimates import (
    Estimate,
    estimate_of,
    unit_weights,
    weighted_lines,
)
from glasshouse.scaling.fitting import FitConfig

Censored = Literal["", "below", "above"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Inverted:
    """Where a curve has a loss."""

    value: float
    """The data, or the size; where it is censored, the end of the curve."""
    censored: Censored
    """`above`: the loss is better than the whole curve, and the answer more than `value`; `below`:
    it is worse, and the answer less."""


def monotone(
    losses: Float64[np.ndarray, " point"],
) -> Float64[np.ndarray, " point"]:
    """The falling curve nearest to some losses: neighbours that rise are averaged (pool adjacent
    violators)."""
    pools: list[list[float]] = []
    for loss in losses:
        pools.append([float(loss), 1.0])
        while len(pools) > 1 and pools[-1][0] > pools[-2][0]:
            (value, count), (before, many) = pools.pop(), pools.pop()
            pools.append([(value * count + before * many) / (count + many), count + many])
    return np.concatenate([np.full(int(count), value) for value, count in pools])


def invert(
    amounts: Float64[np.ndarray, " point"], losses: Float64[np.ndarray, " point"], loss: float
) -> Inverted:
    """The amount at which a falling curve has a loss, interpolated in the amount's logarithm.

    Args:
        amounts: Data, or sizes, of the curve; rising.
        losses: Its losses; made to fall first.
        loss: What to look up.

    Raises:
        InputError: If the curve has fewer than three points, or amounts do not rise from above 0.
    """
    if len(amounts) < 3 or len(amounts) != len(losses):
        raise InputError(f"a curve of {len(amounts)} points is too short; measure at least 3")
    if amounts[0] <= 0 or (np.diff(amounts) <= 0).any() or not np.isfinite(losses).all():
        raise InputError("a curve needs rising amounts above 0, each with a finite loss")
    falling = monotone(losses)
    if loss > falling[0]:
        return Inverted(value=float(amounts[0]), censored="below")
    if loss < falling[-1]:
        return Inverted(value=float(amounts[-1]), censored="above")
    equal = np.flatnonzero(falling == loss)
    if len(equal):
        return Inverted(value=float(amounts[equal[0]]), censored="")  # the least that suffices
    before = int(np.flatnonzero(falling > loss)[-1])
    span = slice(before, before + 2)
    share = (falling[before] - loss) / (falling[before] - falling[before + 1])
    low, high = np.log(amounts[span])
    return Inverted(value=float(np.exp(low + share * (high - low))), censored="")


def effective_data_transferred(
    scratch_data: Float64[np.ndarray, " point"],
    scratch_losses: Float64[np.ndarray, " point"],
    *,
    finetuned_loss: float,
    finetuned_data: float,
) -> Inverted:
    """D_T = D_E - D_F: the data of the target that pretraining was worth.

    Args:
        scratch_data: Data of runs from scratch of the same size, rising.
        scratch_losses: Their losses.
        finetuned_loss: Loss of the pretrained model after fine-tuning.
        finetuned_data: D_F: data it was fine-tuned on.

    Returns:
        D_T, negative where pretraining hurt (ossification); censored as D_E is.

    Source:
        Hernandez et al. 2021 (2102.01293), section 2.
    """
    effective = invert(scratch_data, scratch_losses, finetuned_loss)
    return Inverted(value=effective.value - finetuned_data, censored=effective.censored)


def fit_transfer(
    transferred: Float64[np.ndarray, " run"],
    data: Float64[np.ndarray, " run"],
    params: Float64[np.ndarray, " run"],
    config: FitConfig | None = None,
) -> dict[str, Estimate]:
    """k, alpha and beta of D_T = k · D_F^alpha · N^beta, by least squares in logarithms.

    Args:
        transferred: D_T, uncensored and positive (the low-data regime).
        data: D_F.
        params: N.
        config: Draws, confidence and seed.

    Raises:
        InputError: If there are fewer than five runs, or D_F or N hardly vary, or a D_T is not
            positive.

    Source:
        Hernandez et al. 2021 (2102.01293), section 1: text to Python k 1.9e4, alpha 0.18,
        beta 0.38.
    """
    config = config or FitConfig()
    if len(transferred) < 5:
        raise InputError(f"{len(transferred)} runs are too few for k, alpha and beta; train 5")
    if (transferred <= 0).any():
        raise InputError(
            "a D_T that is not positive has no logarithm: leave out ossified runs, and say so"
        )
    design = np.stack([np.ones(len(data)), np.log(data), np.log(params)], axis=1)
    if np.linalg.svd(design - design.mean(axis=0))[1][1] < 0.5:
        raise InputError("D_F and N must vary apart for alpha and beta to be told apart")
    rng = np.random.default_rng([0x7A45, config.seed])
    resampled = unit_weights(len(data), unknowns=3, draws=config.draws, rng=rng)
    weights = np.concatenate([np.ones((1, len(data))), resampled])
    found = weighted_lines(design, np.log(transferred), weights)
    readings = {"k": np.exp(found[:, 0]), "alpha": found[:, 1], "beta": found[:, 2]}
    return {
        name: estimate_of(float(values[0]), values[1:], confidence=config.confidence)
        for name, values in readings.items()
    }


def unified_loss(
    *,
    params: float,
    data: float,
    transfer: tuple[float, float, float],
    scratch: tuple[float, float, float, float],
) -> float:
    """Loss of a fine-tuned model: Kaplan's L(N, D) with D_T in the place of D.

    L = [(N_c/N)^(alpha_N/alpha_D) + D_c/(k·D_F^alpha·N^beta)]^alpha_D.

    Args:
        params: N.
        data: D_F.
        transfer: k, alpha and beta.
        scratch: alpha_N, N_c, alpha_D and D_c of the same target from scratch.

    Source:
        Hernandez et al. 2021 (2102.01293), section 4, where it is called tentative.
    """
    k, alpha, beta = transfer
    alpha_n, n_c, alpha_d, d_c = scratch
    transferred = k * data**alpha * params**beta
    return ((n_c / params) ** (alpha_n / alpha_d) + d_c / transferred) ** alpha_d
