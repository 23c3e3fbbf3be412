"""Does a preference model that is 80% sure turn out right 80% of the time?

A margin of two scores claims a probability, 1 / (1 + exp(-margin)). It is held against what people
chose, and, where preferences were simulated, against the true probability of their choice.

Source:
    Bai et al. 2022 (2204.05862), section 3.3 and appendix: calibration by score difference, and
    accuracy among pairs that both score above a threshold.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from glasshouse.errors import InputError

PairFloats = Float[np.ndarray, " pair"]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Calibration:
    """How sure a preference model is, and how often it is right, bin by bin."""

    claimed: Float[np.ndarray, " bin"]
    """Mean probability claimed for the reply that scores higher; 0.5 to 1."""
    found: Float[np.ndarray, " bin"]
    """Mean probability that it was preferred."""
    counts: Int[np.ndarray, " bin"]
    """Pairs in each bin; all bins have some."""

    @property
    def error(self) -> float:
        """Expected calibration error: mean distance of claimed and found, weighted by pairs."""
        return float(np.average(np.abs(self.claimed - self.found), weights=self.counts))

    @property
    def overconfidence(self) -> float:
        """Mean of claimed less found: positive where it is too sure, negative where not enough."""
        return float(np.average(self.claimed - self.found, weights=self.counts))


def calibrate(margin: PairFloats, p_first: PairFloats, *, num_bins: int = 10) -> Calibration:
    """Hold margins against preferences.

    Args:
        margin: First score less second, in nats.
        p_first: What was preferred: 0 or 1; or the true probability that the first is.
        num_bins: Bins of equal numbers of pairs. Bins of equal width would leave a few pairs in
            some, whose chance would be taken for error.

    Raises:
        InputError: If there are no pairs, not as many of both, or a probability is none.
    """
    _check(margin, p_first)
    claimed, found = sureness(margin, p_first)
    order = np.argsort(claimed, kind="stable")
    parts = [part for part in np.array_split(order, num_bins) if len(part)]
    return Calibration(
        claimed=np.array([claimed[part].mean() for part in parts]),
        found=np.array([found[part].mean() for part in parts]),
        counts=np.array([len(part) for part in parts]),
    )


def sureness(margin: PairFloats, p_first: PairFloats) -> tuple[PairFloats, PairFloats]:
    """Pair by pair: the probability claimed for the reply that scores higher, and what it had."""
    claimed = 1 / (1 + np.exp(-np.abs(margin)))
    found = np.where(margin > 0, p_first, np.where(margin < 0, 1 - p_first, 0.5))
    return claimed, found


def rightness(margin: PairFloats, p_first: PairFloats) -> PairFloats:
    """Pair by pair, the probability that the reply that scores higher is preferred; ties half."""
    return sureness(margin, p_first)[1]


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ScoreThreshold:
    """Pairs of which both scores lie above a threshold."""

    share: float
    """Quantile of the lower score of all pairs at which the threshold lies."""
    threshold: float
    """In nats."""
    accuracy: float
    """Among those pairs."""
    pairs: int
    """How many there are."""


def accuracy_by_threshold(
    first: PairFloats,
    second: PairFloats,
    p_first: PairFloats,
    *,
    shares: tuple[float, ...] = (0.0, 0.25, 0.5, 0.75, 0.9),
) -> list[ScoreThreshold]:
    """Accuracy among pairs whose both scores are high: what a policy in training is judged on.

    Args:
        first: Score of each pair's first reply.
        second: Score of its second.
        p_first: What was preferred.
        shares: Quantiles of the lower score at which thresholds lie.

    Raises:
        InputError: As `calibrate`.
    """
    _check(first - second, p_first)
    lower = np.minimum(first, second)
    right = rightness(first - second, p_first)
    found = []
    for share in shares:
        threshold = float(np.quantile(lower, share))
        above = lower >= threshold
        found.append(
            ScoreThreshold(
                share=share,
                threshold=threshold,
                accuracy=float(right[above].mean()),
                pairs=int(above.sum()),
            )
        )
    return found


def matched_by_margin(
    margin: PairFloats,
    wanted: Float[np.ndarray, " other"],
    *,
    rng: np.random.Generator,
    num_bins: int = 16,
) -> Int[np.ndarray, " drawn"]:
    """Draw pairs whose distances are spread as others' are: is a group harder, or only closer?

    Args:
        margin: Of the pairs to draw from.
        wanted: Margins whose spread is wanted.
        rng: Draws, with replacement, as many as can be matched.
        num_bins: Of distances, by quantiles of `wanted`.

    Returns:
        Places of the drawn pairs; bins in which there is nobody are left out.
    """
    apart, asked = np.abs(margin), np.abs(wanted)
    edges = np.quantile(asked, np.linspace(0, 1, num_bins + 1))[1:-1]
    own, others = np.digitize(apart, edges), np.digitize(asked, edges)
    own[apart > asked.max()] = num_bins  # farther apart than any that is wanted
    drawn = [
        rng.choice(np.flatnonzero(own == place), int((others == place).sum()))
        for place in range(num_bins)
        if (own == place).any() and (others == place).any()
    ]
    return np.concatenate(drawn) if drawn else np.zeros(0, dtype=np.int64)


def _check(margin: PairFloats, p_first: PairFloats) -> None:
    if not len(margin) or len(margin) != len(p_first):
        raise InputError(f"{len(margin)} margins and {len(p_first)} preferences; give pairs")
    if not (p_first >= 0).all() or not (p_first <= 1).all():
        raise InputError("preferences must lie between 0 and 1; normalise them first")
    if not np.isfinite(margin).all():
        raise InputError("a margin is no number; the preference model has diverged")
