"""What a toy model's weights say: norms, interference, dimensionality, shapes, phases.

All measures take the columns of W, one a feature, with a leading replica axis where it makes sense.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from glasshouse.errors import InputError
from glasshouse.models.superposition import Weights

REPRESENTED = 0.5
"""A feature counts as represented when its column is longer than this."""

Phase = Literal["absent", "dedicated", "superposed"]
"""What becomes of an extra feature: dropped, given a dimension, or stored over another."""

SHAPES: dict[tuple[int, int], str] = {
    (1, 1): "dedicated",
    (2, 1): "digon",
    (3, 2): "triangle",
    (4, 3): "tetrahedron",
    (5, 2): "pentagon",
    (8, 3): "square antiprism",
}
"""Features and dimensions of the shapes the paper names."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Component:
    """Features that interfere with each other and with no one else."""

    members: tuple[int, ...]
    """Feature numbers, in order."""
    dimensions: int
    """Dimensions that they span."""
    name: str
    """The shape, or `other`."""


def feature_norms(weight: Weights) -> Float[Tensor, "replica feature"]:
    """Length of each column: near one for a feature the model keeps."""
    return weight.norm(dim=1)


def num_represented(weight: Weights, *, above: float = REPRESENTED) -> Float[Tensor, " replica"]:
    """How many features each replica keeps."""
    return (feature_norms(weight) > above).float().sum(dim=-1)


def unit_columns(weight: Weights, *, eps: float = 1e-8) -> Weights:
    """Columns scaled to length one; a column of zeros stays zero."""
    return weight / weight.norm(dim=1, keepdim=True).clamp_min(eps)


def gram(weight: Weights) -> Float[Tensor, "replica feature feature"]:
    """`W^T W`: how much of feature j the model reads when feature i is active."""
    return torch.bmm(weight.mT, weight)


def interference(weight: Weights) -> Float[Tensor, "replica feature"]:
    """How much of each feature's direction is shared: the sum over j != i of (W^_i . W_j)^2."""
    projections = torch.bmm(unit_columns(weight).mT, weight).square()
    return projections.sum(dim=-1) - torch.diagonal(projections, dim1=1, dim2=2)


def feature_dimensionality(weight: Weights, *, eps: float = 1e-8) -> Tensor:
    """The share of a dimension that each feature gets.

    `D_i = |W_i|^2 / sum_j (W^_i . W_j)^2`, with j = i in the sum. One for a feature of its own, 1/2
    for each half of a digon, 2/5 in a pentagon, 0 for a feature that is not learned.

    Source:
        Elhage et al. 2022, "The Geometry of Superposition".
    """
    squared = weight.square().sum(dim=1)
    shared = torch.bmm(unit_columns(weight, eps=eps).mT, weight).square().sum(dim=-1)
    return squared / shared.clamp_min(eps)


def dimensions_per_feature(weight: Weights) -> Float[Tensor, " replica"]:
    """The paper's D* = m / |W|_F^2: hidden dimensions by features represented."""
    return weight.shape[1] / weight.square().sum(dim=(1, 2))


def polysemanticity(weight: Weights, *, share: float = 0.2) -> Float[Tensor, "replica hidden"]:
    """How many features each neuron answers to: weights above a share of its largest."""
    size = weight.abs()
    largest = size.amax(dim=-1, keepdim=True)
    return ((size > share * largest) & (largest > 1e-3)).float().sum(dim=-1)


def components(
    weight: Float[Tensor, "hidden feature"], *, cutoff: float = 0.1, above: float = REPRESENTED
) -> list[Component]:
    """Split one model's features into the shapes they form, largest first.

    Two represented features belong together when the cosine between them exceeds `cutoff`. Shapes
    that share no dimension (a tegum product) therefore come apart.
    """
    columns = weight.detach().double().cpu()
    kept = torch.nonzero(columns.norm(dim=0) > above).flatten().tolist()
    if not kept:
        return []
    unit = columns[:, kept] / columns[:, kept].norm(dim=0)
    linked = ((unit.T @ unit).abs() > cutoff).numpy()
    found = [
        _component([kept[i] for i in members], unit[:, members])
        for members in _connected(np.asarray(linked))
    ]
    return sorted(found, key=lambda part: (-len(part.members), part.members))


def _component(members: list[int], unit: Tensor) -> Component:
    """Name the shape of one set of unit columns."""
    spectrum = torch.linalg.svdvals(unit)
    rank = int((spectrum > 0.2 * spectrum[0]).sum())
    name = SHAPES.get((len(members), rank), "other")
    return Component(members=tuple(members), dimensions=rank, name=name)


def _connected(linked: np.ndarray) -> list[list[int]]:
    """The connected components of a symmetric relation."""
    unseen = set(range(len(linked)))
    parts = []
    while unseen:
        frontier = [min(unseen)]
        part: set[int] = set()
        while frontier:
            node = frontier.pop()
            if node not in part:
                part.add(node)
                frontier += [int(other) for other in np.flatnonzero(linked[node])]
        unseen -= part
        parts.append(sorted(part))
    return parts


def attack_direction(
    weight: Weights, importance: Float[Tensor, "#replica #feature"]
) -> Float[Tensor, "replica feature"]:
    """The input direction that hurts each replica most, found by algebra.

    The candidates are the rows `(W^T W)_i / |(W^T W)_i|`: one moves the output of feature i as far
    as a step of its length can. Gradients would not find them, because the ReLU hides them.
    The worst by `I_i |(W^T W)_i|^2` wins; it is returned with length one.

    Source:
        Elhage et al. 2022, "Superposition and Adversarial Examples".
    """
    rows = gram(weight)
    harm = rows.square().sum(dim=-1) * importance
    worst = harm.argmax(dim=-1)
    chosen = rows[torch.arange(len(rows), device=rows.device), worst]
    return chosen / chosen.norm(dim=-1, keepdim=True).clamp_min(1e-12)


def phase_theory(
    density: np.ndarray, extra_importance: np.ndarray, *, hidden: int = 1
) -> np.ndarray:
    """What should become of the last of `hidden + 1` features, by its expected loss.

    The extra feature has importance r, the others one; all have density p. At the best biases,
    leaving out a feature of importance I costs `I (p/3 - p^2/4)`, and an antipodal pair costs the
    sum of its importances times `p^2 / 6`. The cheapest way to fit the features wins: drop the
    extra one, drop another, pair the extra one with another, or pair two others.

    Args:
        density: The paper's 1 - S.
        extra_importance: Importance r of the extra feature.
        hidden: 1 for the paper's n=2 diagram, 2 for its n=3 diagram.

    Returns:
        An array of `Phase` words with the broadcast shape of the two arrays.
    """
    if hidden not in (1, 2):
        raise InputError(f"hidden={hidden} must be 1 or 2; the theory covers these two diagrams")
    density, extra_importance = np.broadcast_arrays(density, extra_importance)
    dropped = density / 3 - density**2 / 4
    paired = density**2 / 6
    others_paired = 2 * paired if hidden == 2 else np.full_like(paired, np.inf)
    losses = np.stack(
        [
            extra_importance * dropped,
            np.minimum(dropped, others_paired),
            (1 + extra_importance) * paired,
        ]
    )
    return np.array(["absent", "dedicated", "superposed"])[losses.argmin(axis=0), ...]


def phase_of(weight: Weights, *, extra: int) -> list[Phase]:
    """What became of one feature in each replica.

    It is absent when its column is short, superposed when it leans on another represented feature
    (interference above a quarter), dedicated otherwise.
    """
    norms = feature_norms(weight)[:, extra]
    shared = interference(weight)[:, extra]
    return [
        "absent" if norm <= REPRESENTED else "superposed" if crowd > 0.25 else "dedicated"
        for norm, crowd in zip(norms.tolist(), shared.tolist(), strict=True)
    ]
