"""The critical batch size: below it data are used well, above it steps are.

Two ways to it. `gradient_noise` reads it off gradients of two batch sizes at one moment of a
training; `critical_batch` off runs of several batch sizes to one loss. `batch_law` says how it
grows as the loss falls, and `at_critical_batch` turns steps and compute of a run at any batch into
the least that would have done.

Source:
    McCandlish et al. 2018 (1812.06162), "An Empirical Model of Large-Batch Training"; Kaplan et al.
    2020 (2001.08361), section 5.1.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from jaxtyping import Float64
from scipy.special import expit
from torch import nn

from glasshouse.errors import InputError
from glasshouse.scaling.estimates import (
    Estimate,
    estimate_of,
    unit_weights,
    weighted_lines,
)
from glasshouse.scaling.fitting import FitConfig
from glasshouse.scaling.solving import minimise, minimise_many
from glasshouse.training.batches import Batch
from glasshouse.training.steps import token_losses

LEAST_NOISE_DRAWS = 50
"""Draws of a gradient that are averaged before the ratio is taken; fewer give no number."""


def noise_scale(
    small: Float64[np.ndarray, " draw"],
    large: Float64[np.ndarray, " draw"],
    *,
    small_batch: float,
    large_batch: float,
    config: FitConfig | None = None,
) -> Estimate:
    """B_simple = S / |G|², from squared norms of gradients of two batch sizes.

    |G|² = (B₂·g₂ - B₁·g₁) / (B₂ - B₁) and S = (g₁ - g₂) / (1/B₁ - 1/B₂), each averaged over draws
    before the ratio, which has no mean of its own.

    Args:
        small: Squared norm of the mean gradient of a small batch, a value a draw.
        large: The same of a large batch; draws are pairs.
        small_batch: B₁, in whatever is counted (tokens, texts); the answer is in it too.
        large_batch: B₂.
        config: Draws, confidence and seed of the interval.

    Raises:
        InputError: If there are too few draws, or no gradient is seen through the noise.

    Source:
        McCandlish et al. 2018 (1812.06162), appendix A.1.
    """
    config = config or FitConfig()
    if len(small) != len(large):
        raise InputError(f"{len(small)} small and {len(large)} large draws are no pairs")
    if len(small) < LEAST_NOISE_DRAWS:
        raise InputError(
            f"{len(small)} draws of the gradient are too few: their ratio is biased; take at "
            f"least {LEAST_NOISE_DRAWS}"
        )
    if not 0 < small_batch < large_batch:
        raise InputError(f"batches {small_batch:g} and {large_batch:g} must rise from above 0")
    rng = np.random.default_rng([0x6015E, config.seed])
    weights = rng.exponential(size=(config.draws, len(small)))
    weights = np.concatenate([np.ones((1, len(small))), weights])
    weights /= weights.sum(axis=1, keepdims=True)
    g1, g2 = weights @ small, weights @ large
    signal = (large_batch * g2 - small_batch * g1) / (large_batch - small_batch)
    noise = (g1 - g2) / (1 / small_batch - 1 / large_batch)
    tail = (1 - config.confidence) / 2
    if signal[0] <= 0 or noise[0] <= 0 or np.mean(signal[1:] <= 0) > tail:
        raise InputError(
            "the gradient is not seen through its noise in these draws, so that no batch size "
            "follows; take a larger large batch, or more draws"
        )
    drawn = np.where(signal[1:] > 0, noise[1:] / np.maximum(signal[1:], 1e-300), np.inf)
    return estimate_of(float(noise[0] / signal[0]), drawn, confidence=config.confidence)


def gradient_noise(
    network: nn.Module, batches: Sequence[Batch], *, parts: int, config: FitConfig | None = None
) -> Estimate:
    """The noise scale of a network as it stands, in texts.

    Args:
        network: Token ids to logits; nothing of it is changed.
        batches: Draws; each gives a gradient of the whole and one of each of its parts.
        parts: How many parts a batch is cut into; their size is the small batch.
        config: Draws, confidence and seed of the interval.

    Raises:
        InputError: If batches cannot be cut so, or `noise_scale` refuses.
    """
    rows = {len(batch.inputs) for batch in batches}
    if len(rows) != 1 or parts < 2 or next(iter(rows)) % parts:
        raise InputError(
            f"batches of {sorted(rows)} texts cannot be cut into {parts} equal parts; "
            "parts must be at least 2 and divide one common size"
        )
    size = next(iter(rows))
    pairs = np.array([_squared_norms(network, batch, parts) for batch in batches])
    return noise_scale(
        pairs[:, 0], pairs[:, 1], small_batch=size // parts, large_batch=size, config=config
    )


def critical_batch(
    steps: Float64[np.ndarray, " run"],
    examples: Float64[np.ndarray, " run"],
    config: FitConfig | None = None,
) -> dict[str, Estimate]:
    """S_min, E_min and B_crit = E_min / S_min, from runs of several batches to one loss.

    (S/S_min - 1)(E/E_min - 1) = 1, or log S = log S_min + log(1 + B_crit/B) with B = E/S: what is
    fitted, robustly.

    Args:
        steps: Optimizer steps of each run until the loss.
        examples: Tokens, or texts, of each run until the loss; B_crit is in them.
        config: How to fit.

    Raises:
        InputError: If there are too few batch sizes, or all lie on one side of the critical one.

    Source:
        McCandlish et al. 2018 (1812.06162), equation 2.11; Kaplan et al. 2020, equation 5.1.
    """
    config = config or FitConfig()
    batch = np.log(examples / steps)
    if len(np.unique(np.round(batch, 2))) < 4:
        raise InputError(
            f"{len(np.unique(np.round(batch, 2)))} batch sizes are too few; train at least 4"
        )
    target = np.log(steps)
    grid = np.linspace(batch.min() - 3, batch.max() + 3, 25)
    starts = np.stack([np.full_like(grid, target.min()), grid], axis=1)
    model = partial(_steps_needed, batch)
    delta = config.delta or 0.02
    best = minimise(model, target, starts, delta=delta).unknowns
    rng = np.random.default_rng([0xBA7C, config.seed])
    weights = unit_weights(len(batch), unknowns=2, draws=config.draws, rng=rng)
    drawn = minimise_many(model, target, np.tile(best, (len(weights), 1)), weights, delta=delta)
    inner = estimate_of(best[1], drawn[:, 1], confidence=config.confidence)
    low, high = inner.low, inner.high
    if low < batch.min() - np.log(4) or high > batch.max() + np.log(4):
        side = "below" if best[1] < batch.mean() else "above"
        raise InputError(
            f"the critical batch lies {side} the batches tried, {np.exp(batch.min()):.3g} to "
            f"{np.exp(batch.max()):.3g}, or is lost in noise; train batches on both sides of it"
        )
    logs = {"S_min": np.array([1.0, 0]), "E_min": np.ones(2), "B_crit": np.array([0, 1.0])}
    return {
        name: estimate_of(
            float(np.exp(best @ mix)), np.exp(drawn @ mix), confidence=config.confidence
        )
        for name, mix in logs.items()
    }


def batch_law(
    losses: Float64[np.ndarray, " point"],
    batches: Float64[np.ndarray, " point"],
    config: FitConfig | None = None,
) -> dict[str, Estimate]:
    """B_* and alpha_B of B_crit(L) = B_* / L^(1/alpha_B).

    Raises:
        InputError: If there are fewer than four losses.

    Source:
        Kaplan et al. 2020 (2001.08361), equation 5.3: alpha_B 0.21, B_* 2e8 tokens.
    """
    config = config or FitConfig()
    if len(losses) < 4:
        raise InputError(f"{len(losses)} losses are too few for a law; measure at least 4")
    x, y = np.log(losses), np.log(batches)
    rng = np.random.default_rng([0xBA1A, config.seed])
    resampled = unit_weights(len(x), unknowns=2, draws=config.draws, rng=rng)
    weights = np.concatenate([np.ones((1, len(x))), resampled])
    lines = weighted_lines(np.stack([np.ones_like(x), x], axis=1), y, weights)
    tail = (1 - config.confidence) / 2
    if lines[0, 1] >= 0 or np.mean(lines[1:, 1] >= 0) > tail:
        raise InputError("the critical batch does not rise as the loss falls in these points")
    readings = {"B_*": np.exp(lines[:, 0]), "alpha_B": -1 / lines[:, 1]}
    return {
        name: estimate_of(float(values[0]), values[1:], confidence=config.confidence)
        for name, values in readings.items()
    }


def at_critical_batch(
    *, steps: float, compute: float, batch: float, critical: float
) -> tuple[float, float]:
    """Least steps and least compute that would have reached the same loss: S_min and C_min.

    S_min = S / (1 + B_crit/B), as if the batch had been very large; C_min = C / (1 + B/B_crit), as
    if it had been very small.

    Source:
        Kaplan et al. 2020 (2001.08361), equations 5.4 and 5.5.
    """
    return steps / (1 + critical / batch), compute / (1 + batch / critical)


def _steps_needed(
    batch: Float64[np.ndarray, " run"], unknowns: Float64[np.ndarray, "draw 2"]
) -> tuple[Float64[np.ndarray, "draw run"], Float64[np.ndarray, "draw run 2"]]:
    """Log S = log S_min + log(1 + B_crit/B), and its slopes."""
    over = unknowns[:, 1:] - batch
    slopes = np.stack([np.ones_like(over), expit(over)], axis=-1)
    return unknowns[:, :1] + np.logaddexp(0.0, over), slopes


def _squared_norms(network: nn.Module, batch: Batch, parts: int) -> tuple[float, float]:
    """Squared norm of the gradient of a part, averaged over parts, and of the whole."""
    parameters = [p for p in network.parameters() if p.requires_grad]
    whole = [torch.zeros_like(p) for p in parameters]
    small = 0.0
    for inputs, targets in zip(batch.inputs.chunk(parts), batch.targets.chunk(parts), strict=True):
        loss = token_losses(network(inputs), targets).mean()
        gradients = torch.autograd.grad(loss, parameters)
        small += sum(float((one.double() ** 2).sum()) for one in gradients) / parts
        for total, one in zip(whole, gradients, strict=True):
            total += one / parts
    return small, sum(float((one.double() ** 2).sum()) for one in whole)
