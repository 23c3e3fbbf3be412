"""How concepts lie to each other."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import normalize

from glasshouse.errors import InputError
from glasshouse.interpret.concepts.vectors import ConceptVectors


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Plane:
    """The two directions in which concepts differ most, beside coordinates that are known."""

    coordinates: Float[Tensor, "concept 2"]
    """Where each concept lies in the plane."""
    variance: tuple[float, float]
    """Share of the concepts' variance along each of the two."""
    r2: tuple[float, ...]
    """For each known coordinate, the share of its variance that the plane explains.

    The plane as a whole is asked, for two components of like variance may be turned in it."""
    correlations: tuple[tuple[float, float], ...]
    """For each known coordinate, its correlation with the first component and the second."""


def concept_plane(
    concepts: ConceptVectors, known: Sequence[Float[Tensor, " concept"]] = ()
) -> Plane:
    """Principal components of concept vectors, and how known coordinates lie in them.

    Args:
        concepts: Vectors of three concepts or more.
        known: Coordinates of every concept, such as valence and arousal.

    Raises:
        InputError: If there are fewer than four concepts, which any plane would fit.
    """
    if len(concepts.names) < 4:
        raise InputError(
            f"{len(concepts.names)} concepts lie in a plane whatever they are; give 4 or more"
        )
    centred = (concepts.vectors - concepts.vectors.mean(dim=0)).double()
    left, lengths, _ = torch.linalg.svd(centred, full_matrices=False)
    place = (left * lengths)[:, :2]
    shares = lengths.square() / lengths.square().sum()
    r2, correlations = [], []
    for coordinate in known:
        wanted = (coordinate - coordinate.mean()).to(place)
        fitted = left[:, :2] @ (left[:, :2].T @ wanted)
        r2.append(float(fitted.square().sum() / wanted.square().sum().clamp(min=1e-30)))
        one, two = ((left[:, i] @ wanted) / wanted.norm().clamp(min=1e-30) for i in (0, 1))
        correlations.append((float(one), float(two)))
    return Plane(
        coordinates=place.to(concepts.vectors.dtype),
        variance=(float(shares[0]), float(shares[1])),
        r2=tuple(r2),
        correlations=tuple(correlations),
    )


def concept_clusters(
    concepts: ConceptVectors, count: int, *, seed: int = 0
) -> Int[Tensor, " concept"]:
    """Group concepts by direction (k-means on unit vectors, the best of ten starts).

    Raises:
        InputError: If there are fewer concepts than clusters.
    """
    from sklearn.cluster import KMeans

    if not 1 <= count <= len(concepts.names):
        raise InputError(f"count={count} clusters of {len(concepts.names)} concepts")
    rows = normalize(concepts.vectors, dim=1).cpu().numpy()
    clusters = KMeans(count, n_init=10, random_state=seed)  # type: ignore[arg-type]
    return torch.as_tensor(clusters.fit_predict(rows)).long()


def representational_similarity(one: ConceptVectors, other: ConceptVectors) -> float:
    """How alike two layers, or two models, arrange the same concepts: correlation of all cosines.

    Raises:
        InputError: If the concepts differ or are fewer than three.

    Source:
        Kriegeskorte et al. 2008, "Representational similarity analysis".
    """
    if one.names != other.names or len(one.names) < 3:
        raise InputError("arrangements can be compared of three or more concepts, the same on both")
    above = torch.triu_indices(len(one.names), len(one.names), offset=1)
    tables = []
    for concepts in (one, other):
        unit = normalize(concepts.vectors.double(), dim=1)
        tables.append((unit @ unit.T)[above[0], above[1]])
    return float(torch.corrcoef(torch.stack(tables))[0, 1])
