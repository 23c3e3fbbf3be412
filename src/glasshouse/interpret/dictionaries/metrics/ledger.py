"""Each true feature's best latent, chosen on some texts and scored on others.

Features and codes are both sparse, and so is the arithmetic: the ranks behind all AUROCs at once
are one product of sparse matrices.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse
import scipy.stats
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from glasshouse.errors import InputError
from glasshouse.interpret.dictionaries.coder import Coder

Sparse = Any
"""A `scipy.sparse.csr_array`, or `csc_array` where columns are read. Its own types do not say what
a part of one is, so to type checkers it is anything."""

_CANDIDATES = 8
"""Latents of each feature whose thresholds are tried, by AUROC and by F1 at zero."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class LedgerScores:
    """What the best latents know of true features, on tokens they were not chosen on."""

    names: tuple[str, ...]
    """Features that are frequent enough to be scored."""
    count: Int[np.ndarray, " feature"]
    """Tokens with each feature, of those scored on."""
    auroc: Float[np.ndarray, " feature"]
    """Of the latent with the highest one where it was chosen; 0.5 is chance."""
    auroc_latent: Int[np.ndarray, " feature"]
    """That latent."""
    f1: Float[np.ndarray, " feature"]
    """Of the latent and threshold that were best where they were chosen."""
    f1_latent: Int[np.ndarray, " feature"]
    """That latent."""
    threshold: Float[np.ndarray, " feature"]
    """Above which it counts as active."""
    named_share: float
    """Share of latents, of those alive, with an F1 above 0.7 to some feature."""

    def best(self, count: int = 10) -> list[int]:
        """Places of the features that are found best, by F1."""
        return np.argsort(-self.f1, kind="stable")[:count].tolist()

    def worst(self, count: int = 10) -> list[int]:
        """Places of the features that are found worst, by F1."""
        return np.argsort(self.f1, kind="stable")[:count].tolist()


def sparse_codes(
    coder: Coder, values: Float[Tensor, "token d_in"], *, batch_rows: int = 4096
) -> Sparse:
    """Codes of many rows, kept where they are not zero: token by latent."""
    parts = []
    with torch.no_grad():
        for start in range(0, len(values), batch_rows):
            codes = coder.encode(values[start : start + batch_rows])
            parts.append(scipy.sparse.csr_array(codes.float().cpu().numpy()))
    return scipy.sparse.csr_array(scipy.sparse.vstack(parts))


def score_against_ledger(
    codes: Sparse,
    truth: Sparse,
    names: Sequence[str],
    document: Int[Tensor, " token"],
    *,
    min_count: int = 20,
) -> LedgerScores:
    """Find each feature's best latent on half of the texts, and score it on the other half.

    Args:
        codes: Token by latent, from `sparse_codes`.
        truth: Token by feature, true or false.
        names: A name for each feature.
        document: The text of each token; texts with even numbers choose, those with odd ones score.
        min_count: Leave out features with fewer tokens, or fewer tokens without, in either half.

    Raises:
        InputError: If shapes disagree, or no feature is frequent enough.
    """
    if codes.shape[0] != truth.shape[0] or truth.shape[1] != len(names):
        raise InputError(
            f"codes of {codes.shape[0]} tokens, truth of {truth.shape[0]} tokens and "
            f"{truth.shape[1]} features, and {len(names)} names do not belong together"
        )
    chooses = (document.cpu().numpy() % 2) == 0
    halves = [(codes[half], truth[half].astype(bool)) for half in (chooses, ~chooses)]
    counts = [np.asarray(features.sum(axis=0)).ravel() for _, features in halves]
    most = [features.shape[0] - min_count for _, features in halves]
    kept = np.flatnonzero(
        (counts[0] >= min_count)
        & (counts[1] >= min_count)
        & (counts[0] <= most[0])
        & (counts[1] <= most[1])
    )
    if not len(kept):
        raise InputError(
            f"no feature has {min_count} tokens in both halves of the texts; give more text"
        )
    (seen, seen_truth), (other, other_truth) = ((c, f[:, kept]) for c, f in halves)
    ranks = aurocs(seen, seen_truth)
    simple = f1_at_zero(seen, seen_truth)
    auroc_latent = ranks.argmax(axis=1)
    by_column, other_columns = scipy.sparse.csc_array(seen), scipy.sparse.csc_array(other)
    labels, other_labels = seen_truth.toarray(), other_truth.toarray()
    f1_latent, threshold = _best_latents(by_column, labels, ranks, simple)
    alive = np.diff(by_column.indptr) > 0
    f1 = np.array(
        [
            _f1(_column(other_columns, int(latent)) > least, other_labels[:, place])
            for place, (latent, least) in enumerate(zip(f1_latent, threshold, strict=True))
        ]
    )
    scored = aurocs(other[:, auroc_latent], other_truth)
    return LedgerScores(
        names=tuple(names[i] for i in kept.tolist()),
        count=counts[1][kept],
        auroc=np.diagonal(scored).copy(),
        auroc_latent=auroc_latent,
        f1=f1,
        f1_latent=f1_latent,
        threshold=threshold,
        named_share=float((simple.max(axis=0)[alive] > 0.7).mean()) if alive.any() else 0.0,
    )


def aurocs(codes: Sparse, truth: Sparse) -> Float[np.ndarray, "feature latent"]:
    """The AUROC of every latent for every feature; ties count half."""
    columns = scipy.sparse.csc_array(codes, dtype=np.float64)
    columns.eliminate_zeros()
    tokens = codes.shape[0]
    zeros = tokens - np.diff(columns.indptr)
    zero_rank = (zeros + 1) / 2
    ranks = columns.copy()
    for latent, (start, end) in enumerate(zip(ranks.indptr[:-1], ranks.indptr[1:], strict=True)):
        own = scipy.stats.rankdata(ranks.data[start:end])
        ranks.data[start:end] = own + zeros[latent] - zero_rank[latent]
    positive = np.asarray(truth.sum(axis=0), dtype=np.float64).reshape(-1, 1)
    sums = (truth.astype(np.float64).T @ ranks).toarray() + positive * zero_rank
    pairs = positive * (tokens - positive)
    return (sums - positive * (positive + 1) / 2) / np.maximum(pairs, 1)


def f1_at_zero(codes: Sparse, truth: Sparse) -> Float[np.ndarray, "feature latent"]:
    """The F1 of "this latent is active" for every feature."""
    active = (codes > 0).astype(np.float64)
    both = (truth.astype(np.float64).T @ active).toarray()
    positive = np.asarray(truth.sum(axis=0), dtype=np.float64).reshape(-1, 1)
    called = np.asarray(active.sum(axis=0), dtype=np.float64).reshape(1, -1)
    return 2 * both / np.maximum(positive + called, 1)


def _best_latents(
    codes: Sparse,
    labels: Bool[np.ndarray, "token feature"],
    ranks: Float[np.ndarray, "feature latent"],
    simple: Float[np.ndarray, "feature latent"],
) -> tuple[Int[np.ndarray, " feature"], Float[np.ndarray, " feature"]]:
    """The latent and threshold with the highest F1, of a few candidates a feature."""
    count = min(_CANDIDATES, codes.shape[1])
    latents = np.zeros(len(ranks), dtype=np.int64)
    thresholds = np.zeros(len(ranks))
    for feature in range(len(ranks)):
        best = -1.0
        candidates = {
            *np.argpartition(-ranks[feature], count - 1)[:count].tolist(),
            *np.argpartition(-simple[feature], count - 1)[:count].tolist(),
        }
        for latent in sorted(candidates):
            found, least = best_threshold(_column(codes, latent), labels[:, feature])
            if found > best:
                best, latents[feature], thresholds[feature] = found, latent, least
    return latents, thresholds


def best_threshold(
    activation: Float[np.ndarray, " token"], label: Bool[np.ndarray, " token"]
) -> tuple[float, float]:
    """The highest F1 of "above a threshold", and the threshold, 0 or more."""
    active = np.flatnonzero(activation > 0)
    if not len(active) or not label.any():
        return 0.0, 0.0
    order = active[np.argsort(-activation[active], kind="stable")]
    right = label[order].cumsum()
    f1 = 2 * right / (np.arange(1, len(order) + 1) + label.sum())
    # A threshold cannot part equal activations: only the last of them counts.
    values = activation[order]
    f1[:-1][values[:-1] == values[1:]] = -1
    place = int(f1.argmax())
    below = values[place + 1] if place + 1 < len(values) else 0.0
    return float(f1[place]), float((values[place] + below) / 2 if below else below)


def _column(codes: Sparse, latent: int) -> Float[np.ndarray, " token"]:
    dense = np.zeros(codes.shape[0])
    start, end = codes.indptr[latent : latent + 2]
    dense[codes.indices[start:end]] = codes.data[start:end]
    return dense


def _f1(called: Bool[np.ndarray, " token"], label: Bool[np.ndarray, " token"]) -> float:
    total = int(called.sum() + label.sum())
    return 2 * int((called & label).sum()) / total if total else 0.0
