"""Exact next-token distributions, where the writer knows them, and what a model loses against them.

A document carries the distribution of a token given all before it wherever its process defines one
(sums, the calculator, proofs, repeats, slots of rants, choices that emotions decide, stochastic
facts). The entropy of these is the loss of a perfect reader; loss above it is the model's own.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from jaxtyping import Bool, Float, Float64

from glasshouse.errors import InputError
from glasshouse.world.page import Document
from glasshouse.world.repeats import FreshWord


def entropy(distribution: Mapping[int, float]) -> float:
    """Return the entropy of a distribution in nats."""
    if len(distribution) == 1:
        return 0.0
    if isinstance(distribution, FreshWord):
        return distribution.entropy()
    return -sum(p * math.log(p) for p in distribution.values() if p > 0)


@dataclass(frozen=True, slots=True)
class Exactness:
    """What is known exactly about the next tokens of documents."""

    known: Bool[np.ndarray, " token"]
    """Whether the token's distribution given all before it is known."""
    entropy: Float64[np.ndarray, " token"]
    """Its entropy in nats; NaN where unknown."""
    surprise: Float64[np.ndarray, " token"]
    """-log of the probability that it gave to the token that came, in nats; NaN where unknown."""


def exactness(document: Document) -> Exactness:
    """Return what is known exactly about every token of a document.

    Raises:
        InputError: If a token came to which its own distribution gives no probability.
    """
    entropies = np.full(len(document.ids), np.nan)
    surprises = np.full(len(document.ids), np.nan)
    for position, distribution in document.expectations:
        p = distribution.get(int(document.ids[position]), 0.0)
        if p <= 0:
            raise InputError(
                f"{document.kind} {document.number} expects something else at token {position}; "
                "its writer states a wrong distribution"
            )
        entropies[position] = entropy(distribution)
        surprises[position] = -math.log(p)
    return Exactness(~np.isnan(entropies), entropies, surprises)


def bayes(document: Document) -> Mapping[int, Mapping[int, float]]:
    """Return the exact distribution of the token at each position where it is known."""
    return MappingProxyType(
        {entry.position: entry.probabilities for entry in document.expectations}
    )


@dataclass(frozen=True, slots=True)
class KindSummary:
    """How much of a kind is known exactly, and how random it is."""

    tokens: int
    known_share: float
    """Share of tokens with an exact distribution."""
    entropy: float
    """Mean entropy over these, in nats a token; NaN if there are none."""


def summarise(documents: Iterable[Document]) -> dict[str, KindSummary]:
    """Return, for each kind among the documents, what is known exactly about it."""
    totals: dict[str, list[float]] = {}
    for document in documents:
        exact = exactness(document)
        sums = totals.setdefault(document.kind, [0, 0, 0.0])
        sums[0] += len(document.ids)
        sums[1] += int(exact.known.sum())
        sums[2] += float(np.nansum(exact.entropy))
    return {
        kind: KindSummary(int(tokens), known / tokens, total / known if known else math.nan)
        for kind, (tokens, known, total) in totals.items()
    }


def excess_loss(document: Document, loss: Float[np.ndarray, " token"]) -> float:
    """Return how far a model's loss lies above a perfect reader's where that is known.

    Args:
        document: The document.
        loss: The model's -log p of each of its tokens, in nats.

    Returns:
        Mean of loss minus entropy over the tokens with a known distribution; NaN if there are none.
    """
    if len(loss) != len(document.ids):
        raise InputError(
            f"loss has {len(loss)} entries; the document has {len(document.ids)} tokens"
        )
    exact = exactness(document)
    if not exact.known.any():
        return math.nan
    return float((loss[exact.known] - exact.entropy[exact.known]).mean())
