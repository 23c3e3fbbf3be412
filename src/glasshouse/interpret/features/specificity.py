"""Whether a latent means one thing at every strength, and speaks whenever the thing is there.

Source:
    Templeton et al. 2024, "Scaling monosemanticity", "Specificity" and "Influence on behavior".
    Differs: the paper has a model grade each context from 0 to 3; here the ledger says whether the
    thing is there, so that a share of right tokens takes the grade's place.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from glasshouse.errors import InputError
from glasshouse.interpret.features.entries import LatentEntries


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Specificity:
    """How often a latent is right, by how strongly it speaks."""

    edges: Float[np.ndarray, " edge"]
    """Bounds of the intervals of activation, as shares of the maximum."""
    precision: Float[np.ndarray, " interval"]
    """Share of tokens in each interval that have the feature; NaN where there is no token."""
    count: Int[np.ndarray, " interval"]
    """Tokens in each."""
    recall: float
    """Share of tokens with the feature on which the latent is active at all."""
    base_rate: float
    """Share of all tokens that have the feature."""

    @property
    def is_rising(self) -> bool:
        """Whether stronger activations are at least as often right, where there are any."""
        known = self.precision[~np.isnan(self.precision)]
        return bool((np.diff(known) >= 0).all())


def specificity(
    entries: LatentEntries, latent: int, has: Bool[np.ndarray, " token"], *, intervals: int = 10
) -> Specificity:
    """Compare a latent with the truth, interval by interval of its activation.

    Args:
        entries: Where latents are active.
        latent: Which.
        has: Whether each token has the feature.
        intervals: Equal parts of the range from 0 to the latent's maximum.

    Raises:
        InputError: If the truth is of other tokens, or no token has the feature.
    """
    if len(has) != entries.num_tokens:
        raise InputError(f"truth of {len(has)} tokens for entries of {entries.num_tokens}")
    if not has.any():
        raise InputError("no token has the feature; give more text")
    tokens, activations = entries.of(latent)
    top = float(activations.max(initial=0.0)) or 1.0
    place = np.minimum((activations / top * intervals).astype(int), intervals - 1)
    count = np.bincount(place, minlength=intervals)
    right = np.bincount(place, weights=has[tokens].astype(float), minlength=intervals)
    with np.errstate(invalid="ignore"):
        precision = right / count
    return Specificity(
        edges=np.linspace(0, 1, intervals + 1),
        precision=precision,
        count=count,
        recall=float(has[tokens].sum() / has.sum()),
        base_rate=float(has.mean()),
    )
