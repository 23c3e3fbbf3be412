"""What a few latents know of a feature, beside what the whole value knows.

Source:
    Gurnee et al. 2023, "Finding neurons in a haystack: case studies with sparse probing"
    (2305.01610), section 3: the k latents whose means differ most, then logistic regression.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse
from jaxtyping import Bool, Float, Int

from glasshouse.errors import InputError
from glasshouse.interpret.dictionaries.metrics.ledger import Sparse


@dataclass(frozen=True, kw_only=True, slots=True)
class SparseProbe:
    """Balanced accuracies on tokens that the probes were not fitted on; 0.5 is chance."""

    by_k: dict[int, float]
    """Of the k most telling latents."""
    latents: tuple[int, ...]
    """The most telling latents, of as many as the largest k."""
    dense: float
    """Of the whole value, without a dictionary."""


def sparse_probing(
    codes: Sparse,
    values: Float[np.ndarray, "token d"],
    has: Bool[np.ndarray, " token"],
    document: Int[np.ndarray, " token"],
    *,
    ks: Sequence[int] = (1, 2, 5),
    most_rows: int = 5000,
    seed: int = 0,
) -> SparseProbe:
    """Probe for one feature with few latents and with the whole value.

    Args:
        codes: Token by latent.
        values: The rows behind them.
        has: Whether each token has the feature.
        document: The text of each token; even ones are fitted on, odd ones scored on.
        ks: Numbers of latents.
        most_rows: Rows fitted on, at most, half of them with the feature where there are so many.
        seed: Of which rows.

    Raises:
        InputError: If a half of the texts lacks tokens with the feature, or without.
    """
    chance = np.random.default_rng(seed)
    fitted, scored = (
        _balanced(np.flatnonzero(half), has, most_rows, chance)
        for half in (document % 2 == 0, document % 2 == 1)
    )
    own = scipy.sparse.csr_array(codes)
    with_it, without = (
        np.asarray(own[rows].mean(axis=0)).ravel()
        for rows in (fitted[has[fitted]], fitted[~has[fitted]])
    )
    order = np.argsort(-np.abs(with_it - without), kind="stable")[: max(ks)]
    few = own[:, order].toarray()
    by_k = {k: _accuracy(few[:, :k], has, fitted, scored) for k in ks}
    return SparseProbe(
        by_k=by_k,
        latents=tuple(order.tolist()),
        dense=_accuracy(np.asarray(values), has, fitted, scored),
    )


def _balanced(
    rows: Int[np.ndarray, " row"],
    has: Bool[np.ndarray, " token"],
    most: int,
    chance: np.random.Generator,
) -> Int[np.ndarray, " chosen"]:
    """As many rows with as without, so that accuracy means something."""
    groups = [rows[has[rows]], rows[~has[rows]]]
    count = min(*map(len, groups), most // 2)
    if count < 2:
        raise InputError(
            "a probe needs two tokens with the feature and two without, in texts with even and in "
            "texts with odd numbers; give more text"
        )
    return np.concatenate([chance.choice(group, count, replace=False) for group in groups])


def _accuracy(
    columns: Float[np.ndarray, "token column"],
    has: Bool[np.ndarray, " token"],
    fitted: Int[np.ndarray, " fitted"],
    scored: Int[np.ndarray, " scored"],
) -> float:
    from sklearn.linear_model import LogisticRegression

    scale = columns[fitted].std(axis=0)
    centre = columns[fitted].mean(axis=0)
    scaled = (columns - centre) / np.where(scale > 1e-12, scale, 1.0)
    model = LogisticRegression(C=0.1, max_iter=300).fit(scaled[fitted], has[fitted])
    return float((model.predict(scaled[scored]) == has[scored]).mean())
