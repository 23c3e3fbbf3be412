"""What is read off a policy's training: gold's peak, what reward follows, how far it reached."""

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from glasshouse.studies.rlhf.policies import Trace

SMOOTH = 5
"""Steps that are averaged: one step's mean over its replies is noisy."""
LEAST_POINTS = 15
"""Steps before gold's peak that a fit needs."""

Points = Float[np.ndarray, " point"]


def smooth(values: Points, *, width: int = SMOOTH) -> Float[np.ndarray, " mean"]:
    """Means over so many neighbouring steps; as many fewer points."""
    width = min(width, len(values))
    return np.convolve(values, np.full(width, 1 / width), mode="valid")


def gold_peak(trace: Trace) -> int:
    """Place of the highest smoothed gold."""
    return int(np.argmax(smooth(trace.gold)))


def r_squared(x: Points, y: Points) -> float:
    """Share of the variance of y that a line in x explains; 0 where either does not vary."""
    if len(x) < 3 or np.std(x) == 0 or np.std(y) == 0:
        return 0.0
    return float(np.corrcoef(x, y)[0, 1] ** 2)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class EarlyFit:
    """Reward until gold peaks, as a line in the root of KL and in KL."""

    root: Points
    """Square root of KL, smoothed, in root nats."""
    reward: Points
    """Smoothed score."""
    slope: float
    """Score a root nat."""
    r2_root: float
    """Of the line in the root."""
    r2_kl: float
    """Of the line in KL."""

    @property
    def points(self) -> int:
        """How many."""
        return len(self.root)


def early_fit(trace: Trace) -> EarlyFit:
    """Fit what is before gold's peak."""
    end = gold_peak(trace) + 1
    kl, reward = smooth(trace.kl)[:end], smooth(trace.reward)[:end]
    root = np.sqrt(np.maximum(kl, 0))
    varies = len(root) > 2 and np.std(root) > 0
    return EarlyFit(
        root=root,
        reward=reward,
        slope=float(np.polyfit(root, reward, 1)[0]) if varies else math.nan,
        r2_root=r_squared(root, reward),
        r2_kl=r_squared(kl, reward),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class OveroptimisationFit:
    """Gold's gain as a function of d, the root of KL.

    Source:
        Gao et al. 2022 (2210.10760), section 3.1: d (alpha - beta log d) for RL and
        d (alpha - beta d) for best-of-n.
    """

    alpha_rl: float
    beta_rl: float
    r2_rl: float
    alpha_best: float
    beta_best: float
    r2_best: float


def overoptimisation_fit(trace: Trace) -> OveroptimisationFit:
    """Fit both forms to the whole of training, by least squares."""
    d = np.sqrt(np.maximum(smooth(trace.kl), 1e-6))
    gain = smooth(trace.gold)
    found = []
    for bend in (d * np.log(d), d**2):
        # The constant is gold at the base, which no single step knows well enough.
        sides = np.stack([d, -bend, np.ones_like(d)], axis=1)
        weights = np.linalg.lstsq(sides, gain, rcond=None)[0]
        left = gain - sides @ weights
        total = ((gain - gain.mean()) ** 2).sum()
        share = 1 - float((left**2).sum() / total) if total > 0 else 0.0
        found.append((float(weights[0]), float(weights[1]), share))
    (a, b, r), (c, e, s) = found
    return OveroptimisationFit(alpha_rl=a, beta_rl=b, r2_rl=r, alpha_best=c, beta_best=e, r2_best=s)


def last_part(values: Points, share: float = 0.2) -> Float[np.ndarray, " kept"]:
    """The last steps."""
    return values[-max(3, round(share * len(values))) :]


def first_part(values: Points, share: float = 0.2) -> Float[np.ndarray, " kept"]:
    """The first steps."""
    return values[: max(3, round(share * len(values)))]


def gold_around(trace: Trace, gain: float, *, width: int = 9) -> Points:
    """Gold about where the judge's score has first risen by so many spreads of the base's scores.

    Empty if it never has.
    """
    risen = smooth(gains(trace))
    reached = np.flatnonzero(risen >= gain)
    if not len(reached):
        return np.zeros(0)
    middle = int(reached[0]) + SMOOTH // 2
    return trace.gold[max(0, middle - width // 2) : middle + width // 2 + 1]


def gains(trace: Trace) -> Points:
    """The judge's score less that of the first steps, in spreads of the base's scores."""
    return (trace.reward - trace.reward[:3].mean()) / max(trace.reward_spread, 1e-6)


def common_gain(*traces: Trace) -> float:
    """A gain of the judge's score that all of them reach: 0.9 of the least of their greatest."""
    return 0.9 * min(float(smooth(gains(trace)).max()) for trace in traces)


def percentile(values: Points, among: Float[np.ndarray, " reply"]) -> Points:
    """Which percentage of replies each value lies above."""
    ordered = np.sort(among)
    return 100 * np.searchsorted(ordered, values, side="left") / len(ordered)
