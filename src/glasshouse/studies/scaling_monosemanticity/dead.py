"""Latents that are never active, by the size of the dictionary (claim 3)."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool

from glasshouse.interpret.dictionaries import Dictionary, DictionaryConfig, ReLU
from glasshouse.interpret.dictionaries.metrics import measure_rebuilding
from glasshouse.studies.claims import ClaimResult, Evidence, judge_control
from glasshouse.studies.scaling_monosemanticity.claims import DEAD
from glasshouse.studies.scaling_monosemanticity.evidence import percentiles
from glasshouse.studies.scaling_monosemanticity.grid import RateLaw
from glasshouse.studies.scaling_monosemanticity.grow import NAME, Tick, number
from glasshouse.studies.scaling_monosemanticity.learning import train_side_by_side
from glasshouse.studies.scaling_monosemanticity.reading import Subject
from glasshouse.world.streams import stream


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Dead:
    """Which latents of which dictionary were active on no row."""

    trained: dict[int, Bool[np.ndarray, "..."]]
    """By size, for each latent."""
    untrained: dict[int, Bool[np.ndarray, "..."]]
    """The same of dictionaries with their first weights."""
    l0: dict[int, float]
    """Active latents of a row, by size."""
    explained: dict[int, float]
    """Share of variance rebuilt, by size."""
    rows: int
    """Rows that were looked at."""

    def shares(self) -> list[float]:
        """Dead shares, smallest dictionary first."""
        return [float(one.mean()) for one in self.trained.values()]


def measure(subject: Subject, rates: RateLaw, tick: Tick) -> Dead:
    """Train dictionaries of several sizes for as many steps each, and count.

    Args:
        subject: The model with its values.
        rates: The learning rate by compute.
        tick: Called at every step.
    """
    grid, learn = subject.config.grid, subject.config.learn
    recipes = [rates.recipe(size, grid.large_steps) for size in grid.large]
    made = train_side_by_side(
        subject.learn,
        recipes,
        penalty=learn.penalty,
        batch=learn.batch,
        name="topics",
        seed=subject.seed,
        tick=tick,
    )
    found = {d.num_latents: measure_rebuilding(d, subject.held) for d in made}
    return Dead(
        trained={size: (one.density == 0).cpu().numpy() for size, one in found.items()},
        untrained={size: _untrained(subject, size) for size in grid.large},
        l0={size: one.l0 for size, one in found.items()},
        explained={size: one.explained_variance for size, one in found.items()},
        rows=len(subject.held),
    )


def _untrained(subject: Subject, size: int) -> Bool[np.ndarray, " latent"]:
    """Which latents of a dictionary with its first weights are never active."""
    start = torch.Generator().manual_seed(number(subject.seed, "topics", "dictionary", size))
    config = DictionaryConfig(d_in=subject.learn.shape[1], num_latents=size, kind=ReLU())
    own = Dictionary(config, generator=start).to(subject.learn.device)
    own.fit_scale(subject.learn)
    # First weights are active on half of all rows, so that a tenth of these is enough to tell.
    some = subject.held[: max(len(subject.held) // 10, 1)]
    return (measure_rebuilding(own, some).density == 0).cpu().numpy()


def claims(dead: Dead, seed: int) -> list[ClaimResult]:
    """Judge whether the dead share rises from size to size."""
    trained, untrained = (
        _smallest_rise(one, stream(seed, NAME, DEAD.id, name))
        for name, one in (("trained", dead.trained), ("untrained", dead.untrained))
    )
    shares = ", ".join(
        f"{share:.0%} of {size}" for size, share in zip(dead.trained, dead.shares(), strict=True)
    )
    evidence = Evidence(
        measured=trained[0],
        interval=trained[1],
        text=f"dead over {dead.rows:,} tokens: {shares}; smallest rise {trained[0]:.3f}",
        control=judge_control(
            DEAD,
            untrained[0],
            text=f"dictionaries with their first weights: smallest rise {untrained[0]:.3f}",
            interval=untrained[1],
        ),
    )
    return [ClaimResult(claim=DEAD, evidence=evidence)]


def _smallest_rise(
    by_size: dict[int, np.ndarray], rng: np.random.Generator
) -> tuple[float, tuple[float, float]]:
    """The smallest rise of the dead share between neighbours, with a bootstrap over latents."""
    shares = np.array([one.mean() for one in by_size.values()])
    counts = np.array([len(one) for one in by_size.values()])
    drawn = rng.binomial(counts, shares, size=(2_000, len(counts))) / counts
    return float(np.diff(shares).min()), percentiles(np.diff(drawn, axis=1).min(axis=1))
