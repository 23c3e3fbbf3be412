"""Texts of the world that repeat themselves, and which places continue what, from their truth."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from glasshouse.errors import InputError
from glasshouse.world import Document


def repeated_documents(
    documents: Sequence[Document], *, context: int
) -> tuple[Int[Tensor, "batch place"], Bool[Tensor, "batch query key"]]:
    """Token ids of documents of kind `repeat`, and the exact targets of induction in them.

    The targets of a place in a later pass are the places that hold, in each earlier pass, the word
    that comes next: what a perfect reader copies from. Both are what `heads.induction_score` takes.

    Args:
        documents: Written by the world; cut where the context ends, and padded behind their end
            with id 0, which a causal model does not notice.
        context: The model's.

    Raises:
        InputError: If a document is of another kind.
    """
    longest = min(context, max(len(document.ids) for document in documents))
    ids = np.zeros((len(documents), longest), dtype=np.int64)
    targets = np.zeros((len(documents), longest, longest), dtype=bool)
    for row, document in enumerate(documents):
        seen = document.ids[:longest]
        ids[row, : len(seen)] = seen
        targets[row] = _targets(document)[:longest, :longest]
    return torch.from_numpy(ids), torch.from_numpy(targets)


def _targets(document: Document) -> np.ndarray:
    """`query key`, at least as long as the document."""
    if document.kind != "repeat":
        raise InputError(
            f"document {document.number} is of kind {document.kind!r}; only those of kind 'repeat' "
            "repeat themselves"
        )
    truth = document.truth
    period = truth["block"] + truth["gap"]
    start, end = next((s.start, s.end) for s in document.spans if s.value == "copy")
    size = max(len(document.ids), 128)
    places = np.arange(size)
    distance = places[:, None] - places + 1
    is_target = (distance > 0) & (distance % period == 0) & (places > start - period)
    # The last word of the copies is followed by the full stop, not by what followed it before.
    return is_target & ((places >= start) & (places < end - 1))[:, None]
