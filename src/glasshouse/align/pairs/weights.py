"""How much each comparison counts in training, where they do not all count alike.

A loss is a mean over comparisons, in which one of weight 2 stands as if it were there twice. The
mean weight of all comparisons is what divides, not that of a batch: a batch of light comparisons
then moves a model less, as it should.
"""

from collections.abc import Sequence

import numpy as np

from glasshouse.align.pairs.comparisons import Comparison
from glasshouse.errors import InputError


def counted_places(comparisons: Sequence[Comparison]) -> list[int]:
    """Where the comparisons stand that count at all.

    Raises:
        InputError: If there is none.
    """
    found = [place for place, one in enumerate(comparisons) if one.weight > 0]
    if not found:
        raise InputError(
            "every comparison has weight 0, so that there is nothing to learn from"
            if comparisons
            else "there are no comparisons to learn from"
        )
    return found


def relative_weights(weights: Sequence[float], sizes: Sequence[int] | None = None) -> np.ndarray:
    """What each comparison's loss is multiplied by, so that the mean over all is the weighted one.

    Args:
        weights: Of the comparisons, positive.
        sizes: How many things the mean is over in each, as tokens; None: one. Where it is over
            nothing at all, no weight is needed.

    Returns:
        `comparison`: weights over their mean; exactly 1 where they are all alike.
    """
    own = np.asarray(weights, dtype=np.float64)
    if (own == own[0]).all():
        return np.ones_like(own)
    counts = np.ones_like(own) if sizes is None else np.asarray(sizes, dtype=np.float64)
    total = (own * counts).sum()
    return own * counts.sum() / total if total else np.ones_like(own)
