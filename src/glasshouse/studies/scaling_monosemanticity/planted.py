"""Which true directions a dictionary finds, by how frequent they are (claim 4)."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float

from glasshouse.interpret.dictionaries.metrics import measure_rebuilding
from glasshouse.interpret.dictionaries.metrics.recovery import mean_max_cosine
from glasshouse.studies.claims import ClaimResult, Evidence, judge_control
from glasshouse.studies.scaling_monosemanticity.claims import COMPLETE
from glasshouse.studies.scaling_monosemanticity.config import PlantedConfig, ScalingConfig
from glasshouse.studies.scaling_monosemanticity.evidence import percentiles, untested
from glasshouse.studies.scaling_monosemanticity.grow import NAME, Tick
from glasshouse.studies.scaling_monosemanticity.learning import Recipe, train_side_by_side
from glasshouse.world.streams import stream

FOUND = 0.9
"""Cosine from which on a latent is a true direction."""

_PRIOR = 0.02
"""Penalty on half the square of a curve's steepness, per unit of log frequency."""

_NEWTON = 40
"""Steps of Newton's method; ten are enough but for clean steps."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Completeness:
    """What dictionaries of several sizes found."""

    frequency: Float[np.ndarray, " feature"]
    """Share of rows on which each direction is active."""
    found: dict[int, Bool[np.ndarray, " feature"]]
    """By size, whether a latent is the direction."""
    alive: dict[int, int]
    """Latents that were active on any row."""
    explained: dict[int, float]
    """Share of variance rebuilt."""

    def midpoints(self, some: np.ndarray | None = None) -> np.ndarray:
        """Frequency at which half is found, by size; of all directions, or of resampled ones."""
        which = np.arange(len(self.frequency)) if some is None else some
        return np.array(
            [midpoint(self.frequency[which], one[which])[0] for one in self.found.values()]
        )

    def curve(self, size: int) -> tuple[float, float]:
        """Midpoint and steepness of a size's logistic curve of log frequency."""
        return midpoint(self.frequency, self.found[size])


def measure(config: ScalingConfig, *, seed: int, tick: Tick) -> Completeness:
    """Plant directions with Zipf's frequencies, learn dictionaries, and see what they found."""
    own = config.planted
    directions, frequency, rows = plant(own, seed)
    values = torch.from_numpy(rows).to(config.device)
    made = train_side_by_side(
        values,
        [Recipe(latents=size, steps=own.steps, lr=2e-3) for size in own.sizes],
        penalty=own.penalty,
        batch=2 * config.learn.batch,
        name="planted frequencies",
        seed=seed,
        tick=tick,
    )
    truth = torch.from_numpy(directions).to(values)
    seen = {d.num_latents: measure_rebuilding(d, values[:50_000]) for d in made}
    return Completeness(
        frequency=frequency,
        found={
            d.num_latents: (mean_max_cosine(truth, d.directions) > FOUND).cpu().numpy()
            for d in made
        },
        alive={size: int((one.density > 0).sum()) for size, one in seen.items()},
        explained={size: one.explained_variance for size, one in seen.items()},
    )


def plant(
    config: PlantedConfig, seed: int
) -> tuple[
    Float[np.ndarray, "feature d_model"],
    Float[np.ndarray, " feature"],
    Float[np.ndarray, "row d_model"],
]:
    """True directions, their frequencies, and rows that are sums of active ones."""
    directions = stream(seed, NAME, "planted", "directions").standard_normal(
        (config.features, config.d_model)
    )
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    shares = 1 / np.arange(1, config.features + 1)
    frequency = np.minimum(config.active * shares / shares.sum(), 0.5)
    rng = stream(seed, NAME, "planted", "rows")
    parts = []
    for start in range(0, config.rows, 10_000):
        shape = (min(10_000, config.rows - start), config.features)
        sizes = (rng.random(shape) < frequency) * rng.uniform(0.5, 1.5, shape)
        parts.append((sizes @ directions).astype(np.float32))
    return directions.astype(np.float32), frequency, np.concatenate(parts)


def midpoint(
    frequency: Float[np.ndarray, " feature"], found: Bool[np.ndarray, " feature"]
) -> tuple[float, float]:
    """Frequency at which a logistic curve of log frequency is one half, and its steepness.

    Fitted by Newton's method, with a small penalty on the steepness, without which a clean step has
    none. Both NaN where all or none are found, or the frequent ones are not found more often.
    """
    if found.all() or not found.any():
        return float("nan"), float("nan")
    centre = float(np.log(frequency).mean())
    x = np.stack([np.ones(len(found)), np.log(frequency) - centre], axis=1)
    weights = np.zeros(2)
    prior = np.diag([0.0, _PRIOR])
    for _ in range(_NEWTON):
        chance = 1 / (1 + np.exp(-np.clip(x @ weights, -30, 30)))
        slope = x.T @ (found - chance) - prior @ weights
        bend = (x * (chance * (1 - chance))[:, None]).T @ x + prior + 1e-9 * np.eye(2)
        weights = weights + np.clip(np.linalg.solve(bend, slope), -3, 3)
    if not weights[1] > 0:
        return float("nan"), float("nan")
    return float(np.exp(centre - weights[0] / weights[1])), float(weights[1])


def claims(seen: Completeness, seed: int) -> list[ClaimResult]:
    """Judge whether scaling by living latents brings the curves together."""
    middles, alive = seen.midpoints(), np.array(list(seen.alive.values()))
    if not np.isfinite(middles).all():
        return [untested(COMPLETE, "a dictionary found all of the directions, or none")]
    rng = stream(seed, NAME, COMPLETE.id)
    features = len(seen.frequency)
    drawn = np.array([seen.midpoints(rng.integers(features, size=features)) for _ in range(200)])
    scaled, bare = (_factor(drawn * by) for by in (alive, 1))
    text = ", ".join(
        f"{size}: {at * living:.2f}"
        for size, at, living in zip(seen.found, middles, alive, strict=True)
    )
    evidence = Evidence(
        measured=float(_factor(middles[None] * alive)[0]),
        interval=percentiles(scaled),
        text=f"frequency at one half times living latents, by size: {text}",
        control=judge_control(
            COMPLETE,
            float(_factor(middles[None])[0]),
            text=f"without scaling: a factor of {_factor(middles[None])[0]:.1f}",
            # Beyond the threshold on its far side is what the control must be.
            interval=percentiles(bare),
        ),
    )
    return [ClaimResult(claim=COMPLETE, evidence=evidence)]


def _factor(values: Float[np.ndarray, "sample size"]) -> Float[np.ndarray, " sample"]:
    return values.max(axis=1) / values.min(axis=1)
