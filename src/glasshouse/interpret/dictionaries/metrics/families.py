"""Features that several latents share, and features that other latents have swallowed.

Source:
    Chanin et al. 2024, "A is for absorption: studying feature splitting and absorption in sparse
    autoencoders" (2409.14507), sections 3 and 4. Differs: the truth is known and need not be
    probed for, so splitting counts latents by the F1 of their union rather than by sparse probes.
"""

from dataclasses import dataclass

import numpy as np
import scipy.sparse
import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import normalize

from glasshouse.errors import InputError
from glasshouse.interpret.dictionaries.coder import Coder, unit_effects
from glasshouse.interpret.dictionaries.metrics.ledger import Sparse, f1_at_zero

_CANDIDATES = 32


@dataclass(frozen=True, kw_only=True, slots=True)
class Splitting:
    """Latents that share one feature."""

    latents: tuple[int, ...]
    """In the order in which they add most; one where the feature is whole."""
    f1: tuple[float, ...]
    """F1 of "any of the first n is active", for each n."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Absorption:
    """How often a feature's own latents are silent because another speaks for them."""

    share: float
    """Of the feature's tokens that a probe recognises, those that were absorbed."""
    missed_share: float
    """Of the same tokens, those on which the feature's own latents are silent."""
    absorbers: tuple[tuple[int, int], ...]
    """Latents that spoke instead and on how many tokens, most first."""


def splitting(
    codes: Sparse,
    has: Bool[np.ndarray, " token"],
    *,
    gain: float = 0.03,
    most: int = 16,
) -> Splitting:
    """Find the latents that together say that a feature is there.

    Args:
        codes: Token by latent.
        has: Whether each token has the feature.
        gain: Another latent joins if the union's F1 rises by more than this.
        most: Latents after which the search ends.

    Raises:
        InputError: If no token has the feature, or all have.
    """
    if has.all() or not has.any():
        raise InputError("every token has the feature, or none has; give more text")
    active = scipy.sparse.csc_array(codes > 0)
    alone = f1_at_zero(codes, scipy.sparse.csr_array(has[:, None]))[0]
    precision = np.asarray(active[has].sum(axis=0)).ravel() / np.maximum(np.diff(active.indptr), 1)
    candidates = set(np.argsort(-alone, kind="stable")[:_CANDIDATES].tolist())
    candidates |= set(np.argsort(-alone * precision, kind="stable")[:_CANDIDATES].tolist())
    union = np.zeros(len(has), dtype=bool)
    chosen: list[int] = []
    scores: list[float] = []
    while candidates and len(chosen) < most:
        tried = {i: _f1(union | _on(active, i), has) for i in sorted(candidates)}
        best = max(tried, key=lambda i: tried[i])
        if chosen and tried[best] <= scores[-1] + gain:
            break
        candidates.remove(best)
        chosen.append(best)
        scores.append(tried[best])
        union |= _on(active, best)
    return Splitting(latents=tuple(chosen), f1=tuple(scores))


@torch.no_grad()
def absorption(
    coder: Coder,
    values: Float[Tensor, "token d"],
    has: Bool[np.ndarray, " token"],
    own: tuple[int, ...],
    *,
    contribution: float = 0.4,
) -> Absorption:
    """Measure how often another latent carries a feature in its own latents' place.

    A token is absorbed if it has the feature, a probe on the value says so, the feature's own
    latents are silent, and one other latent makes up a large share of what the reconstruction has
    along the probe.

    Args:
        coder: The dictionary.
        values: Rows.
        has: Whether each token has the feature.
        own: The feature's latents, from `splitting`.
        contribution: The share that makes another latent the speaker.

    Raises:
        InputError: If fewer than two tokens have the feature, or fewer than two have not.
    """
    if min(has.sum(), (~has).sum()) < 2:
        raise InputError("absorption needs two tokens with the feature and two without")
    label = torch.as_tensor(has, device=values.device)
    with_it, without = values[label], values[~label]
    probe = normalize(with_it.mean(dim=0) - without.mean(dim=0), dim=0)
    middle = (with_it.mean(dim=0) + without.mean(dim=0)) @ probe / 2
    known = with_it[with_it @ probe > middle]
    if not len(known):
        return Absorption(share=0.0, missed_share=0.0, absorbers=())
    codes = coder.encode(known)
    silent = ~(codes[:, list(own)] > 0).any(dim=1)
    parts = codes[silent] * (unit_effects(coder, codes) @ probe)
    speaker = parts.max(dim=1)
    total = parts.clamp(min=0).sum(dim=1).clamp(min=1e-12)
    absorbed = speaker.values / total >= contribution
    counts = torch.bincount(speaker.indices[absorbed], minlength=coder.num_latents)
    order = counts.argsort(descending=True)
    return Absorption(
        share=float(absorbed.sum()) / len(known),
        missed_share=float(silent.double().mean()),
        absorbers=tuple((int(i), int(counts[i])) for i in order[:5] if counts[i]),
    )


def _on(active: Sparse, latent: int) -> Bool[np.ndarray, " token"]:
    dense = np.zeros(active.shape[0], dtype=bool)
    start, end = active.indptr[latent : latent + 2]
    dense[active.indices[start:end]] = active.data[start:end]
    return dense


def _f1(called: Bool[np.ndarray, " token"], has: Bool[np.ndarray, " token"]) -> float:
    return 2 * int((called & has).sum()) / int(called.sum() + has.sum())
