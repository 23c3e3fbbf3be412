"""Strengths of players from who beat whom, on Elo's scale.

Source:
    Bradley & Terry 1952, by maximum likelihood over all duels at once, as in Bai et al. 2022
    (2204.05862), appendix; 400 points are odds of ten to one.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy.optimize import minimize

from glasshouse.errors import InputError

POINTS = 400 / math.log(10)
"""Elo points of one nat: a preference model's score of 1 is 174 points."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Elo:
    """Strengths of players, mean 0, and how sure they are."""

    players: tuple[str, ...]
    """Names, in the order they were given."""
    ratings: Float[np.ndarray, " player"]
    """In points; only differences mean anything."""
    low: Float[np.ndarray, " player"]
    """Lower end of each rating's 95% interval, by a bootstrap over duels."""
    high: Float[np.ndarray, " player"]
    """Upper end."""

    def chance(self, first: str, second: str) -> float:
        """How likely one beats the other."""
        places = {name: place for place, name in enumerate(self.players)}
        return win_fraction(float(self.ratings[places[first]] - self.ratings[places[second]]))


def win_fraction(points: float) -> float:
    """How likely somebody beats whom they are so many points ahead of."""
    return 1 / (1 + 10 ** (-points / 400))


def fit_elo(
    players: Sequence[str],
    wins: Float[np.ndarray, "player player"],
    *,
    rng: np.random.Generator,
    ridge: float = 1e-3,
    resamples: int = 200,
) -> Elo:
    """Fit strengths to counts.

    Args:
        players: Names.
        wins: How often the row beat the column; a draw is half a win of each. Where replies were
            shown in both orders, both are counted, so that no order is favoured.
        rng: Draws the resamples.
        ridge: Pull towards the mean, in duels' weight: it keeps somebody who never lost finite.
        resamples: Of the duels, for the intervals.

    Raises:
        InputError: If counts are no square of numbers from 0 on, or the duels fall into groups that
            never met, between which nothing is known.
    """
    counts = np.asarray(wins, dtype=float)
    if counts.shape != (len(players), len(players)) or not (counts >= 0).all():
        raise InputError(
            f"wins of shape {counts.shape} must be a square of counts from 0 on, a row and a "
            f"column for each of {len(players)} players"
        )
    counts = counts * (1 - np.eye(len(players)))
    apart = _strangers(counts)
    if apart:
        raise InputError(
            f"{players[apart[0]]} and {players[apart[1]]} never met, nor anybody between them; "
            "let them play"
        )
    ratings = _fit(counts, ridge)
    total = counts.sum()
    drawn = np.array(
        [
            _fit(
                rng.multinomial(round(total), (counts / total).ravel()).reshape(counts.shape), ridge
            )
            for _ in range(resamples)
        ]
    )
    low, high = np.percentile(drawn, [2.5, 97.5], axis=0) if resamples else (ratings, ratings)
    return Elo(players=tuple(players), ratings=ratings, low=low, high=high)


def _fit(counts: np.ndarray, ridge: float) -> np.ndarray:
    """Ratings of mean 0 that make the counts likeliest."""

    def loss(strength: np.ndarray) -> tuple[float, np.ndarray]:
        margin = strength[:, None] - strength[None, :]
        lost = counts / (1 + np.exp(margin))  # d/dmargin of -log sigmoid
        value = (counts * np.logaddexp(0, -margin)).sum() + ridge * (strength**2).sum() / 2
        slope = lost.sum(axis=0) - lost.sum(axis=1) + ridge * strength
        return float(value), slope

    found = minimize(loss, np.zeros(len(counts)), jac=True, method="L-BFGS-B")
    return POINTS * (found.x - found.x.mean())


def _strangers(counts: np.ndarray) -> tuple[int, int] | None:
    """Two players between whom no chain of duels leads."""
    met = (counts + counts.T) > 0
    reached = {0}
    edge = [0]
    while edge:
        near = set(np.flatnonzero(met[edge.pop()]).tolist()) - reached
        reached |= near
        edge += near
    missing = set(range(len(counts))) - reached
    return (0, min(missing)) if missing else None
