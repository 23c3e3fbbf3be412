"""A concept as a difference of means, with what every text has projected out.

Source:
    "Emotion concepts and their function in a large language model" (2604.07729), "Extracting
    emotion vectors": means over stories, less the mean over emotions, less the components of
    neutral text that hold half of its variance.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import normalize

from glasshouse.errors import InputError
from glasshouse.interpret.activations import Activations
from glasshouse.interpret.subject import Subject, network_of
from glasshouse.interpret.weights import unembedding_rows


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class ConceptVectors:
    """One vector a concept, all at one value of one model."""

    names: tuple[str, ...]
    """The concepts."""
    vectors: Float[Tensor, "concept d_model"]
    """What texts of each concept have more of than texts of the others."""
    texts: Int[Tensor, " concept"]
    """How many texts each was made from."""
    removed: int = 0
    """Components of neutral text that were projected out."""

    def __getitem__(self, name: str) -> Float[Tensor, " d_model"]:
        """The vector of one concept.

        Raises:
            InputError: If there is none of that name.
        """
        if name not in self.names:
            raise InputError(f"there is no concept {name!r}; there are {', '.join(self.names)}")
        return self.vectors[self.names.index(name)]


def text_means(
    activations: Activations, name: str, *, skip: int = 0
) -> tuple[Float[Tensor, "text d_model"], Int[Tensor, " text"]]:
    """The mean value of each text, and the texts' numbers.

    Args:
        activations: Rows of texts, from `harvest`.
        name: The value.
        skip: Tokens at the start of each text that do not count; texts without others are left out.

    Raises:
        InputError: If no text is that long.
    """
    kept = activations.position >= skip
    if not kept.any():
        raise InputError(f"no text has more than skip={skip} tokens")
    numbers, place = activations.document[kept].unique(return_inverse=True)
    rows = activations[name][kept]
    sums = rows.new_zeros(len(numbers), rows.shape[1]).index_add_(0, place, rows)
    return sums / torch.bincount(place, minlength=len(numbers))[:, None], numbers


def concept_vectors(
    means: Float[Tensor, "text d_model"], concepts: Sequence[str]
) -> ConceptVectors:
    """Each concept's mean over texts, less the mean over concepts.

    The mean is taken over concepts, not texts, so that a concept with many texts does not shift the
    others. Topics should be the same for all, or what differs between them ends up in the vectors.

    Args:
        means: A row a text, from `text_means`.
        concepts: What each text is about.

    Raises:
        InputError: If rows and concepts disagree in number, or there is only one concept.
    """
    if len(means) != len(concepts):
        raise InputError(f"{len(means)} texts and {len(concepts)} concepts; give one for each text")
    names = tuple(dict.fromkeys(concepts))
    if len(names) < 2:
        raise InputError("one concept has nothing to differ from; give texts of two or more")
    place = torch.tensor([names.index(concept) for concept in concepts], device=means.device)
    counts = torch.bincount(place, minlength=len(names))
    centres = means.new_zeros(len(names), means.shape[1]).index_add_(0, place, means)
    centres = centres / counts[:, None]
    return ConceptVectors(names=names, vectors=centres - centres.mean(dim=0), texts=counts)


def contrast_vector(
    positive: Float[Tensor, "positive d_model"], negative: Float[Tensor, "negative d_model"]
) -> Float[Tensor, " d_model"]:
    """The difference of two means, from negative to positive.

    Raises:
        InputError: If either has no row.
    """
    if not len(positive) or not len(negative):
        raise InputError("a contrast needs rows on both sides")
    return positive.mean(dim=0) - negative.mean(dim=0)


def project_out(
    concepts: ConceptVectors, neutral: Float[Tensor, "row d_model"], *, variance: float = 0.5
) -> ConceptVectors:
    """Remove from vectors the components that hold most of what neutral text varies in.

    Args:
        concepts: Vectors.
        neutral: Rows of texts that have nothing to do with the concepts.
        variance: Share of the neutral variance that goes; as few components as hold it.

    Raises:
        InputError: If the share does not lie in [0, 1), or there are fewer than two rows.
    """
    if not 0 <= variance < 1:
        raise InputError(f"variance={variance} must lie in [0, 1); 0.5 is the paper's")
    if len(neutral) < 2:
        raise InputError("neutral text needs two rows or more to vary")
    _, lengths, components = torch.linalg.svd(neutral - neutral.mean(dim=0), full_matrices=False)
    shares = lengths.square().cumsum(0) / lengths.square().sum()
    count = 0 if variance == 0 else int((shares < variance).sum()) + 1
    gone = components[:count]
    return ConceptVectors(
        names=concepts.names,
        vectors=concepts.vectors - concepts.vectors @ gone.T @ gone,
        texts=concepts.texts,
        removed=count,
    )


def read_concepts(
    values: Float[Tensor, "... d_model"],
    concepts: ConceptVectors,
    *,
    kind: Literal["dot", "cosine"] = "cosine",
) -> Float[Tensor, "... concept"]:
    """How much of each concept a value has.

    Args:
        values: Rows.
        concepts: Vectors.
        kind: Projections on unit vectors, or cosines.
    """
    rows = normalize(values, dim=-1) if kind == "cosine" else values
    return rows @ normalize(concepts.vectors, dim=-1).T


def token_effects(
    subject: Subject, vectors: Float[Tensor, "vector d_model"]
) -> Float[Tensor, "vector vocab"]:
    """What each vector would add to the logits if nothing came behind it: its logit lens.

    The last norm's scale is left out, as a direction alone has none; its gain is not. Effects are
    centred over the vocabulary, for a shift of all logits means nothing.
    """
    network = network_of(subject, why="what a direction does to the logits")
    effects = vectors @ unembedding_rows(network).T
    return effects - effects.mean(dim=-1, keepdim=True)
