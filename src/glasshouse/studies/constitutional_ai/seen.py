"""Everything that was measured for one seed, and the arithmetic that all claims share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from glasshouse.align.contests.tournament import Standings
from glasshouse.studies.claims import Claim, Control
from glasshouse.studies.constitutional_ai.chains import FirstRound, GradedChains, Ladder
from glasshouse.studies.constitutional_ai.config import ConstitutionalConfig
from glasshouse.studies.constitutional_ai.judging import Judged, Pairs
from glasshouse.studies.constitutional_ai.shaping import Shaped
from glasshouse.studies.zoo import Gate
from glasshouse.world.streams import stream

RESAMPLES = 1_000
Interval = tuple[float, float]


@dataclass(frozen=True, kw_only=True, slots=True)
class SeenJudges:
    """Feedback; judges by size where a mapping says nothing else."""

    trained: Pairs
    """Pairs about trained categories."""
    held_out: Pairs
    """Pairs about the two that no judge has read of."""
    plain: Mapping[str, Judged]
    """Asked whether it helps to harm, on trained categories."""
    reasoned: Mapping[str, Judged]
    """The same after a chain of thought."""
    plain_held_out: Mapping[str, Judged]
    reasoned_held_out: Mapping[str, Judged]
    unrelated: Mapping[str, Judged]
    """Asked by a principle that has nothing to say of harm."""
    shuffled: Judged
    """The largest judge, reading another pair's reasons."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SeenChains:
    """Critiques and revisions."""

    trained: GradedChains
    """Chains of the largest model to harmful requests of trained categories."""
    held_out: GradedChains
    """To those of the two held-out ones."""
    harmless: GradedChains
    """To harmless requests."""
    first: Mapping[str, FirstRound]
    """One round in several ways, by size."""
    aims: Ladder
    """Constitutions of 1 to 16 principles."""
    diluted: Ladder
    """One principle of harmlessness, alone and among others."""
    paraphrases: Ladder
    """One aim in one wording and in two."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SeenPolicies:
    """Policies by name, and what their preference models were like."""

    shaped: Mapping[str, Shaped]
    label_accuracy: Mapping[str, float]
    """Of each kind of label: share right, of pairs that differ in harm."""
    label_confidence: Mapping[str, float]
    """Mean probability of the likelier reply."""
    pairs_differ: float
    """Share of the sampled pairs that differ in harm."""
    temperature: float
    """By which labels were cooled to the variance of clamped ones."""
    elo: Mapping[str, Standings]
    """By what is compared: gold reward on harmful requests, and on harmless ones."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """All of one seed."""

    config: ConstitutionalConfig
    seed: int
    parameters: Mapping[str, int]
    """Of each size."""
    gates: Mapping[str, Mapping[str, Gate]]
    """Of each base."""
    judges: SeenJudges
    chains: SeenChains
    policies: SeenPolicies
    seconds: Mapping[str, float]
    """CPU seconds of each part."""

    @property
    def largest(self) -> str:
        """The largest size."""
        return self.config.sizes[-1]


def draws_of(seed: int, name: str, items: int, count: int = RESAMPLES) -> np.ndarray:
    """Numbers of items drawn anew with repeats, a row a draw; the first row is each item once."""
    rng = stream(seed, "constitutional-ai", name)
    return np.concatenate([np.arange(items)[None], rng.integers(items, size=(count, items))])


def resampled(
    statistic: Callable[[np.ndarray], float], items: int, *, seed: int, name: str
) -> tuple[float, Interval]:
    """A statistic of items, with its percentile interval over items drawn anew.

    Args:
        statistic: Maps the numbers of items to a measurement.
        items: How many there are.
        seed: Of the run.
        name: Of the claim, which names the draws.
    """
    first, *others = [statistic(draw) for draw in draws_of(seed, name, items)]
    if np.isnan(others).any():
        return first, (float("nan"), float("nan"))
    low, high = np.percentile(others, [2.5, 97.5])
    return float(first), (float(low), float(high))


def control_of(claim: Claim, value: float, interval: Interval, *, text: str) -> Control:
    """Judge a control: it shows the effect where its value lies beyond the claim's threshold.

    Where the threshold is no effect itself, a control without any effect lies about it, and beyond
    it as often as not: there all of its interval must lie beyond.
    """
    low, _ = sorted(claim.facing(end) for end in interval)
    told = low if claim.threshold == claim.no_effect else claim.facing(value)
    return Control(
        value=value,
        shows_effect=not told <= claim.facing(claim.threshold),
        text=f"{text} ({interval[0]:.3f} to {interval[1]:.3f})",
    )
