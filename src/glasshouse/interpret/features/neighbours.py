"""Latents that belong together: by where they write, by when they speak, and across dictionaries.

Source:
    Templeton et al. 2024, "Scaling monosemanticity", "Exploring feature neighborhoods" and
    "Feature splitting".
"""

from dataclasses import dataclass

import numpy as np
import scipy.sparse
import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import normalize

from glasshouse.errors import InputError
from glasshouse.interpret.dictionaries.coder import Coder
from glasshouse.interpret.features.entries import LatentEntries


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Neighbours:
    """The nearest latents of each of some."""

    latents: Int[Tensor, "latent k"]
    """Nearest first."""
    likeness: Float[Tensor, "latent k"]
    """Cosine of directions, or overlap of active tokens."""


def nearest_directions(
    coder: Coder, k: int, *, among: Coder | None = None, latents: Tensor | None = None
) -> Neighbours:
    """The latents whose directions are most alike.

    Args:
        coder: The dictionary asked for.
        k: Neighbours of each latent.
        among: Another dictionary to look in; None: the same, itself left out.
        latents: Those to ask for; None: all.

    Raises:
        InputError: If there are not so many, or the dictionaries write values of other widths.
    """
    others = coder if among is None else among
    if not 1 <= k <= others.num_latents - (among is None):
        raise InputError(f"k={k} neighbours cannot be had among {others.num_latents} latents")
    asked = torch.arange(coder.num_latents) if latents is None else latents
    rows, columns = coder.directions, others.directions
    if rows.shape[1] != columns.shape[1]:
        raise InputError(
            f"directions of width {rows.shape[1]} and {columns.shape[1]} are of different values"
        )
    found, places = [], []
    for part in asked.split(2048):
        cosines = rows[part] @ columns.T
        if among is None:
            cosines[torch.arange(len(part)), part] = -2
        likeness, place = cosines.topk(k, dim=1)
        found.append(likeness)
        places.append(place)
    return Neighbours(latents=torch.cat(places), likeness=torch.cat(found))


def coactivation(entries: LatentEntries, k: int) -> Neighbours:
    """The latents most often active on the same tokens (Jaccard), itself left out.

    Latents are numbered by their place in `entries.latents`.

    Raises:
        InputError: If there are not so many latents.
    """
    count = len(entries.latents)
    if not 1 <= k < count:
        raise InputError(f"k={k} neighbours cannot be had among {count} latents")
    active = scipy.sparse.csr_array(
        (np.ones(len(entries.tokens), dtype=np.float32), entries.tokens, entries.offsets),
        shape=(count, entries.num_tokens),
    )
    both = (active @ active.T).toarray()
    sizes = np.diff(entries.offsets)
    either = sizes[:, None] + sizes[None] - both
    overlap = torch.as_tensor(both / np.maximum(either, 1)).float()
    overlap.fill_diagonal_(-1)
    likeness, place = overlap.topk(k, dim=1)
    return Neighbours(latents=place, likeness=likeness)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class FeatureFamilies:
    """Which latents of a large dictionary come from which of a small one."""

    parent: Int[Tensor, " large"]
    """For each latent of the large dictionary, the nearest of the small one; -1: none is near."""
    likeness: Float[Tensor, " large"]
    """Cosine with it."""
    children: Int[Tensor, " small"]
    """How many latents each of the small dictionary has split into; 0: it is not there any more."""


def feature_families(small: Coder, large: Coder, *, least: float = 0.7) -> FeatureFamilies:
    """Match a large dictionary's latents with those of a small one on the same value.

    Args:
        small: The dictionary with fewer latents.
        large: The one with more.
        least: Cosine from which on a latent is a child.

    Raises:
        InputError: If they write values of other widths.
    """
    near = nearest_directions(large, 1, among=small)
    likeness, parent = near.likeness[:, 0], near.latents[:, 0]
    parent = torch.where(likeness >= least, parent, -1)
    children = torch.bincount(parent[parent >= 0], minlength=small.num_latents)
    return FeatureFamilies(parent=parent, likeness=likeness, children=children)


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class DirectionMap:
    """Latents on a sheet of paper."""

    coordinates: Float[np.ndarray, "latent 2"]
    """Where each lies."""
    method: str
    """UMAP or t-SNE."""


def direction_map(directions: Float[Tensor, "latent d"], *, seed: int = 0) -> DirectionMap:
    """A map on which latents that write alike lie together.

    By UMAP where the package `umap-learn` is installed; else by t-SNE, which keeps neighbours as
    well and distances between groups less. The map says which it is.

    Raises:
        InputError: If there are fewer than four latents.
    """
    if len(directions) < 4:
        raise InputError(f"{len(directions)} latents need no map; give 4 or more")
    rows = normalize(directions, dim=1).cpu().numpy()
    try:
        from umap import UMAP  # type: ignore[import-not-found]
    except ImportError:
        from sklearn.manifold import TSNE

        perplexity = min(30.0, (len(rows) - 1) / 3)
        model = TSNE(metric="cosine", init="random", perplexity=perplexity, random_state=seed)
        return DirectionMap(coordinates=np.asarray(model.fit_transform(rows)), method="t-SNE")
    near = min(15, len(rows) - 1)
    model = UMAP(n_neighbors=near, metric="cosine", random_state=seed)
    return DirectionMap(coordinates=np.asarray(model.fit_transform(rows)), method="UMAP")
