"""Texts without a concept's own words.

A probe or a vector that has learned "the word joy" scores well on any text that names joy. What it
knows beyond the word is seen where the word is not.
"""

from collections.abc import Collection, Sequence

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from glasshouse.interpret.activations import Activations


def contains_any(ids: Sequence[int], words: Collection[int]) -> bool:
    """Whether a text holds one of some tokens."""
    return not set(words).isdisjoint(ids)


def without_words(
    activations: Activations, words: Collection[int]
) -> tuple[Activations, Bool[Tensor, " token"]]:
    """The rows of texts that hold none of some tokens.

    Whole texts go, not tokens: behind the word, attention has read it.

    Returns:
        The rows that stay, and which of all they were.
    """
    named: Int[Tensor, " word"] = torch.tensor(sorted(words), dtype=torch.long)
    is_word = torch.isin(activations.ids.cpu(), named)
    tainted = activations.document.cpu()[is_word].unique()
    kept = ~torch.isin(activations.document.cpu(), tainted)
    return activations.rows(kept.to(activations.ids.device)), kept
