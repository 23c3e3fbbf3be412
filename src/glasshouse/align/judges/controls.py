"""What a judge may go by instead of quality: how long a reply is, or where it stands."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from glasshouse.align.judges.ensemble import Judge
from glasshouse.align.pairs.comparisons import Comparison
from glasshouse.align.talks.scoring import pairs_right
from glasshouse.errors import InputError


def num_words(text: str) -> int:
    """Words parted by spaces."""
    return len(text.split())


@dataclass(frozen=True, kw_only=True, slots=True)
class LengthBias:
    """What length has to do with a judge's scores; NaN where there is nothing to tell it by."""

    accuracy: float
    """On all comparisons."""
    matched_accuracy: float
    """On comparisons of replies of about one length, where length cannot help."""
    matched_pairs: int
    """How many these are."""
    longer_preferred: float
    """Share of comparisons of different lengths whose longer reply scores higher."""
    longer_better: float
    """Share of the same whose longer reply is the better one: what the first may be without any
    bias."""
    correlation: float
    """Pearson's, of the score of a reply with its length, over all replies."""


def length_bias(
    judge: Judge,
    comparisons: Sequence[Comparison],
    *,
    tolerance: int = 0,
    length: Callable[[str], int] = num_words,
) -> LengthBias:
    """Hold a judge's scores against the lengths of what it scored.

    Args:
        judge: A preference model or an ensemble.
        comparisons: Held out of its training.
        tolerance: Lengths that differ by no more than this count as one.
        length: Of a reply.

    Raises:
        InputError: If there is no comparison, or the tolerance is negative.
    """
    if not comparisons or tolerance < 0:
        raise InputError(
            f"{len(comparisons)} comparisons and tolerance={tolerance}; give one comparison or "
            "more, and a tolerance from 0"
        )
    scores = judge.score([one.dialogue(r) for one in comparisons for r in (one.first, one.second)])
    lengths = torch.tensor([length(r) for one in comparisons for r in (one.first, one.second)])
    margin = scores.view(-1, 2)[:, 0] - scores.view(-1, 2)[:, 1]
    longer = (lengths.view(-1, 2)[:, 0] - lengths.view(-1, 2)[:, 1]).double()
    right = pairs_right(margin, comparisons)
    is_matched = longer.abs() <= tolerance
    apart = ~is_matched
    p_first = torch.tensor([one.p_first for one in comparisons], dtype=torch.float64)
    p_longer = torch.where(longer > 0, p_first, 1 - p_first)
    above = (margin.double() * longer).sign() / 2 + 0.5
    return LengthBias(
        accuracy=float(right.mean()),
        matched_accuracy=_mean(right[is_matched]),
        matched_pairs=int(is_matched.sum()),
        longer_preferred=_mean(above[apart]),
        longer_better=_mean(p_longer[apart]),
        correlation=_correlation(scores, lengths.float()),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class PositionBias:
    """What a judge that reads two replies at once goes by their places; without bias 0.5 and 0."""

    first_preferred: float
    """Mean probability that it gives to whatever stands first; 0.5 without bias."""
    inconsistency: float
    """Mean distance of a probability from one less that of the swapped pair."""
    flipped: float
    """Share of pairs whose winner changes with the order."""


def position_bias(
    p_first: Float[Tensor, " pair"], p_first_swapped: Float[Tensor, " pair"]
) -> PositionBias:
    """Compare a judge with itself on the same pairs in the other order.

    A preference model scores each reply alone and has no such bias; a language model that is asked
    "first or second" has.

    Args:
        p_first: Probability that it gives to the reply that stands first.
        p_first_swapped: The same once both have changed places: of the other reply.

    Raises:
        InputError: If there are no pairs, or not as many of both.
    """
    if not len(p_first) or len(p_first) != len(p_first_swapped):
        raise InputError(
            f"{len(p_first)} pairs and {len(p_first_swapped)} swapped ones; give as many, from one"
        )
    return PositionBias(
        first_preferred=float((p_first + p_first_swapped).mean() / 2),
        inconsistency=float((p_first - (1 - p_first_swapped)).abs().mean()),
        flipped=float(((p_first > 0.5) == (p_first_swapped > 0.5)).double().mean()),
    )


def _mean(values: Tensor) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _correlation(one: Tensor, other: Tensor) -> float:
    """Pearson's; 0 where one side does not vary."""
    if float(one.std()) == 0 or float(other.std()) == 0:
        return 0.0
    return float(np.corrcoef(one.numpy(), other.numpy())[0, 1])
