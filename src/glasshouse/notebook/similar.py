"""What is alike, and what says certain words.

Source:
    Bricken et al. 2023, "Towards Monosemanticity", and Templeton et al. 2024, "Scaling
    Monosemanticity", find the neighbours of a feature by the cosine of decoder directions.
"""

from typing import Any

from glasshouse.errors import InputError
from glasshouse.notebook.notebook import Notebook
from glasshouse.notebook.sketch import sketch_of
from glasshouse.notebook.types import Attack, Feature, Finding, Transcript
from glasshouse.records import Record, nearest, ranked_search

_WORDS: dict[type[Record], str] = {
    Feature: "feature_words",
    Transcript: "transcript_words",
    Attack: "attack_words",
    Finding: "finding_words",
}
_CANDIDATES = 4
"""Nearest sketches looked at in full, for each record asked for."""


def similar_features(
    notebook: Notebook, direction: bytes, k: int = 10, *, model: str = "", site: str = ""
) -> list[tuple[Feature, float]]:
    """The features of a site whose directions are nearest to one, with the cosines, nearest first.

    They may be of several dictionaries, which is how a feature that a larger one splits is found.

    Args:
        notebook: Where.
        direction: 32-bit floats, little-endian.
        k: How many.
        model: As the features have it.
        site: As the features have it.
    """
    return _similar(notebook, "feature_neighbours", direction, "direction", k, (model, site))


def similar_transcripts(
    notebook: Notebook, embedding: bytes, k: int = 10, *, embedder: str = ""
) -> list[tuple[Transcript, float]]:
    """The transcripts whose embeddings are nearest to one, with the cosines, nearest first."""
    return _similar(notebook, "transcript_neighbours", embedding, "embedding", k, (embedder,))


def search_words(
    notebook: Notebook, kind: type[Record], words: str, *, limit: int = 10
) -> list[tuple[Any, float]]:
    """The records that say most of these words, the best first, with their scores.

    Raises:
        InputError: If records of this type are not searched by words.
    """
    if kind not in _WORDS:
        known = ", ".join(one.__name__ for one in _WORDS)
        raise InputError(f"{kind.__name__} is not searched by words; these are: {known}")
    return notebook.handle.read(
        lambda store: ranked_search(store, _WORDS[kind], words, limit=limit)
    )


def cosine(some: bytes, others: bytes) -> float:
    """The cosine of two vectors of the same width; 0 where one has no length."""
    import numpy as np

    a, b = (np.frombuffer(one, "<f4").astype(np.float64) for one in (some, others))
    lengths = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / lengths if lengths else 0.0


def _similar(
    notebook: Notebook, index: str, vector: bytes, field: str, k: int, group: tuple[str, ...]
) -> list[tuple[Any, float]]:
    """Find by sketches, compare in full."""
    sketch = sketch_of(vector)
    found = notebook.handle.read(
        lambda store: nearest(
            store, index, sketch, _CANDIDATES * k, group=group, ef=max(64, 2 * _CANDIDATES * k)
        )
    )
    compared = []
    for record, _ in found:
        held = getattr(record, field)
        if held is not None and len(held) == len(vector):
            compared.append((record, cosine(held, vector)))
    return sorted(compared, key=lambda one: -one[1])[:k]
