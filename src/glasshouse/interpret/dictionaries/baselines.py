"""Dictionaries that nobody trained as sparse: what a learned one has to beat.

All get the same interface and, where asked, the same number of directions and of active latents.
Directions of principal and independent components have no sign, so each comes twice, once either
way round; what points away from a value is clipped to zero.

Source:
    Cunningham et al. 2023, "Sparse autoencoders find highly interpretable features"
    (2309.08600), section 3.1 and appendix, for the choice of baselines.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from glasshouse.errors import InputError


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class LinearCoder:
    """Codes are projections, clipped at zero; the reconstruction is their sum of directions."""

    name: str
    """What it is, in a word or two."""
    readers: Float[Tensor, "latent d"]
    """A row a latent: what its code is the projection on."""
    writers: Float[Tensor, "latent d"]
    """A row a latent: what its code adds to the reconstruction."""
    mean: Float[Tensor, " d"]
    """Subtracted before, added after."""
    k: int | None = None
    """Keep only so many codes of each row; None: all."""

    @property
    def num_latents(self) -> int:
        """How many directions it has."""
        return len(self.writers)

    @property
    def directions(self) -> Float[Tensor, "latent d"]:
        """A unit vector for each latent."""
        return normalize(self.writers, dim=1)

    def encode(self, values: Float[Tensor, "... d"]) -> Float[Tensor, "... latent"]:
        """How far each row points along each reader."""
        codes = ((values - self.mean) @ self.readers.T).relu()
        if self.k is None:
            return codes
        found, places = codes.topk(self.k, dim=-1)
        return torch.zeros_like(codes).scatter(-1, places, found)

    def decode(self, codes: Float[Tensor, "... latent"]) -> Float[Tensor, "... d"]:
        """The sum of directions."""
        return codes @ self.writers + self.mean

    def keeping(self, k: int | None) -> "LinearCoder":
        """The same directions, of which each row keeps its k most active.

        Raises:
            InputError: If there are not so many.
        """
        if k is not None and not 1 <= k <= self.num_latents:
            raise InputError(
                f"k={k} must lie in [1, {self.num_latents}], the latents of {self.name}"
            )
        return replace(self, k=k)


def principal_components(values: Float[Tensor, "token d"], count: int | None = None) -> LinearCoder:
    """Directions of most variance, each both ways round.

    Args:
        values: Rows to learn from.
        count: Components; two latents each. None: all.

    Raises:
        InputError: If there are fewer dimensions than components, or fewer than two rows.
    """
    mean, centred = _centred(values)
    count = _count(count, values.shape[1], "components")
    covariance = centred.T @ centred
    vectors = torch.linalg.eigh(covariance).eigenvectors.flip(1).T[:count].to(values.dtype)
    return _both_ways("PCA", vectors, vectors, mean)


def independent_components(
    values: Float[Tensor, "token d"], count: int | None = None, *, seed: int = 0
) -> LinearCoder:
    """Directions along which rows are least Gaussian (FastICA), each both ways round.

    Args:
        values: Rows to learn from.
        count: Components; two latents each. None: all.
        seed: Of the starting point.

    Raises:
        InputError: If there are fewer dimensions than components, or fewer than two rows.
    """
    from sklearn.decomposition import FastICA

    mean, centred = _centred(values)
    count = _count(count, values.shape[1], "components")
    model = FastICA(
        n_components=count, whiten="unit-variance", random_state=seed, max_iter=300, tol=1e-3
    )
    _quietly(model.fit, centred.cpu().numpy())
    readers = torch.as_tensor(model.components_).to(values)
    writers = torch.as_tensor(np.asarray(model.mixing_)).T.to(values)
    return _both_ways("ICA", readers, writers, mean)


def nonnegative_factors(
    values: Float[Tensor, "token d"], count: int, *, seed: int = 0
) -> LinearCoder:
    """Factors of non-negative parts (NMF): of each dimension, what lies above and below its mean.

    Codes are projections on the factors, not the factorisation's own, which a row cannot get alone.

    Args:
        values: Rows to learn from.
        count: Factors, a latent each.
        seed: Of the starting point.

    Raises:
        InputError: If no factor is asked for, or there are fewer than two rows.
    """
    from sklearn.decomposition import NMF

    mean, centred = _centred(values)
    count = _count(count, 2 * values.shape[1], "factors")
    parts = torch.cat([centred.relu(), (-centred).relu()], dim=1).cpu().numpy()
    model: Any = NMF(
        count,  # type: ignore[arg-type]
        init="nndsvda",
        random_state=seed,
        max_iter=200,
        tol=1e-3,
    )
    _quietly(model.fit, parts)
    above, below = torch.as_tensor(model.components_).to(values).chunk(2, dim=1)
    return _one_way("NMF", normalize(above - below, dim=1), mean, centred)


def random_directions(
    values: Float[Tensor, "token d"], count: int, *, generator: torch.Generator
) -> LinearCoder:
    """Directions that know nothing of the values but their mean.

    The generator must not be the one that drew the truth: equal draws would be a perfect match.

    Raises:
        InputError: If no direction is asked for, or there are fewer than two rows.
    """
    mean, centred = _centred(values)
    if count < 1:
        raise InputError(f"count={count} directions are none; ask for at least 1")
    drawn = torch.randn(count, values.shape[1], generator=generator).to(values)
    return _one_way("random", normalize(drawn, dim=1), mean, centred)


def own_axes(values: Float[Tensor, "token d"]) -> LinearCoder:
    """The value's own dimensions, each both ways round: neurons, where the value has them.

    Raises:
        InputError: If there are fewer than two rows.
    """
    mean, _ = _centred(values)
    axes = torch.eye(values.shape[1], dtype=values.dtype, device=values.device)
    return _both_ways("axes", axes, axes, mean)


BASELINES = ("pca", "ica", "nmf", "random", "axes")
"""Names of the baselines."""


def fit_baseline(
    name: str, values: Float[Tensor, "token d"], latents: int, *, seed: int = 0
) -> LinearCoder:
    """A baseline with as many latents as a dictionary, or as many as it can have.

    Args:
        name: Which of `BASELINES`.
        values: Rows to learn from.
        latents: How many the dictionary has.
        seed: Of whatever is drawn.

    Raises:
        InputError: If there is no such baseline, or too little to learn from.
    """
    pairs = min(values.shape[1], max(latents // 2, 1))
    generator = torch.Generator().manual_seed(0x5EED ^ seed)
    makers: dict[str, Callable[[], LinearCoder]] = {
        "pca": lambda: principal_components(values, pairs),
        "ica": lambda: independent_components(values, pairs, seed=seed),
        "nmf": lambda: nonnegative_factors(values, min(latents, 2 * pairs), seed=seed),
        "random": lambda: random_directions(values, latents, generator=generator),
        "axes": lambda: own_axes(values),
    }
    assert tuple(makers) == BASELINES
    if name not in makers:
        raise InputError(f"there is no baseline {name!r}; there are {', '.join(makers)}")
    return makers[name]()


def _centred(values: Tensor) -> tuple[Tensor, Tensor]:
    if values.ndim != 2 or len(values) < 2:
        raise InputError(f"values of shape {tuple(values.shape)}; give two rows or more, token d")
    if not values.isfinite().all():
        raise InputError("the values hold NaN or infinity; look for the run that made them")
    mean = values.mean(dim=0)
    return mean, values - mean


def _count(asked: int | None, most: int, what: str) -> int:
    if asked is not None and not 1 <= asked <= most:
        raise InputError(f"{asked} {what} cannot be had of this value; it has 1 to {most}")
    return most if asked is None else asked


def _both_ways(name: str, readers: Tensor, writers: Tensor, mean: Tensor) -> LinearCoder:
    return LinearCoder(
        name=name,
        readers=torch.cat([readers, -readers]),
        writers=torch.cat([writers, -writers]),
        mean=mean,
    )


def _one_way(name: str, directions: Tensor, mean: Tensor, centred: Tensor) -> LinearCoder:
    """Directions that overlap, whose projections would add up to more than the value.

    One number, fitted by least squares, scales them all down.
    """
    rebuilt = (centred @ directions.T).relu() @ directions
    gain = (rebuilt * centred).sum() / rebuilt.square().sum().clamp(min=1e-30)
    return LinearCoder(name=name, readers=directions, writers=directions * gain, mean=mean)


def _quietly(fit: Callable[[Any], Any], values: np.ndarray) -> None:
    """Fit without the warning that it might fit longer: a baseline need not be perfect."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fit(values)
