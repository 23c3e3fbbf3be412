"""Directions and codes beside the true ones, where these are known."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from glasshouse.errors import InputError
from glasshouse.interpret.dictionaries.coder import Coder


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Recovery:
    """How much of the truth a dictionary has found."""

    mean_max_cosine: float
    """For each true direction its nearest latent's cosine; their mean (MMCS)."""
    mean_max_correlation: float
    """For each true feature its best latent's correlation over tokens; their mean."""
    found_share: float
    """Share of true directions that a latent meets at a cosine above 0.9."""
    unique_share: float
    """Share of true directions that are nearest to a latent that no other is nearest to."""
    best_latent: Tensor
    """The nearest latent of each true direction."""


def mean_max_cosine(
    truth: Float[Tensor, "feature d"], directions: Float[Tensor, "latent d"]
) -> Float[Tensor, " feature"]:
    """The cosine of each true direction with its nearest latent; its mean is the MMCS.

    Also for two dictionaries: how much of the first the second has too.

    Source:
        Sharkey et al. 2022, "Taking features out of superposition with sparse autoencoders".
    """
    return (normalize(truth, dim=1) @ normalize(directions, dim=1).T).max(dim=1).values


def matched_correlation(
    truth: Float[Tensor, "token feature"], codes: Float[Tensor, "token latent"]
) -> Float[Tensor, " feature"]:
    """The largest correlation of each true feature with any latent, over tokens.

    A feature or a latent that never changes correlates with nothing: 0.
    """
    standard = [_standardised(matrix.double()) for matrix in (truth, codes)]
    return (standard[0].T @ standard[1] / len(truth)).max(dim=1).values.to(truth.dtype)


def recovery(
    coder: Coder,
    values: Float[Tensor, "token d"],
    *,
    directions: Float[Tensor, "feature d"],
    magnitudes: Float[Tensor, "token feature"],
) -> Recovery:
    """Compare a dictionary with planted directions and how active each was.

    Args:
        coder: The dictionary; nothing of the truth may have reached its training.
        values: Rows that it should not have been trained on.
        directions: The true ones.
        magnitudes: How active each was in each row.

    Raises:
        InputError: If shapes disagree.
    """
    if len(directions) != magnitudes.shape[1] or len(values) != len(magnitudes):
        raise InputError(
            f"{len(directions)} directions and magnitudes of shape {tuple(magnitudes.shape)} for "
            f"{len(values)} rows do not belong together"
        )
    cosines = normalize(directions, dim=1) @ coder.directions.T
    nearest = cosines.max(dim=1)
    with torch.no_grad():
        codes = coder.encode(values)
    claims = torch.bincount(nearest.indices, minlength=coder.num_latents)
    return Recovery(
        mean_max_cosine=float(nearest.values.mean()),
        mean_max_correlation=float(matched_correlation(magnitudes, codes).mean()),
        found_share=float((nearest.values > 0.9).double().mean()),
        unique_share=float((claims[nearest.indices] == 1).double().mean()),
        best_latent=nearest.indices,
    )


def _standardised(matrix: Tensor) -> Tensor:
    centred = matrix - matrix.mean(dim=0)
    deviation = centred.square().mean(dim=0).sqrt()
    return torch.where(deviation > 1e-12, centred / deviation.clamp(min=1e-12), 0.0)
