"""Exact superposition: activations that are known sums of feature directions.

For tests of dictionary learning in which even the directions are known: the rows of the ledger,
with a magnitude for each active feature, are mixed into fewer dimensions and noise is added.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Int64

from glasshouse.errors import InputError
from glasshouse.world.features import SparseFeatures
from glasshouse.world.streams import stream


@dataclass(frozen=True, kw_only=True, slots=True)
class Superposition:
    """Activations and everything that they were made of."""

    activations: Float32[np.ndarray, "token d_model"]
    """`magnitudes @ directions + noise`."""
    directions: Float32[np.ndarray, "feature d_model"]
    """A unit vector for each feature."""
    magnitudes: Float32[np.ndarray, "token feature"]
    """How strongly each feature is active; 0 where it is not."""
    features: Int64[np.ndarray, " feature"]
    """Each feature's column in the ledger."""


def superpose(
    features: SparseFeatures,
    *,
    d_model: int,
    seed: int,
    noise: float = 0.0,
    min_count: int = 1,
) -> Superposition:
    """Mix the features of tokens into `d_model` dimensions: x = f W + noise.

    Args:
        features: What is true of each token.
        d_model: Dimensions; fewer than features makes them share.
        seed: Of directions, magnitudes and noise.
        noise: Standard deviation of the Gaussian noise, per dimension.
        min_count: Leave out features that fewer tokens have.

    Raises:
        InputError: If there are no dimensions, the noise is negative or no feature is frequent.
    """
    if d_model < 1 or noise < 0:
        raise InputError(f"d_model={d_model} must be at least 1 and noise={noise} not negative")
    held = features.dense()
    counts = held.sum(axis=0)
    kept = np.flatnonzero((counts >= max(min_count, 1)) & (counts < len(features)))
    if not len(kept):
        raise InputError(
            f"no feature is active on {min_count} tokens but not on all; give more text"
        )
    active: Bool[np.ndarray, "token feature"] = held[:, kept] > 0
    directions = stream(seed, "directions").standard_normal((len(kept), d_model))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    magnitudes = active * stream(seed, "magnitudes").uniform(0.5, 1.5, active.shape)
    mixed = magnitudes @ directions
    mixed += noise * stream(seed, "noise").standard_normal(mixed.shape)
    return Superposition(
        activations=mixed.astype(np.float32),
        directions=directions.astype(np.float32),
        magnitudes=magnitudes.astype(np.float32),
        features=kept.astype(np.int64),
    )
