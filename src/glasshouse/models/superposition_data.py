"""Sparse synthetic features for toy models of superposition, one stream a replica.

A feature is zero with probability S and otherwise uniform; the code speaks of the density 1 - S.
Correlated sets are silent or active together; of an anticorrelated set at most one feature speaks.
"""

import itertools
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from glasshouse.errors import InputError

Values = Float[Tensor, "replica batch feature"]
"""A batch of examples for each replica."""

Groups = Literal["none", "correlated", "anticorrelated"]
"""How the features of one set depend on each other."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ToyData:
    """Where the examples of a population come from."""

    features: int
    """Number of features n."""
    density: float | Float[Tensor, " replica"] | Float[Tensor, "replica feature"]
    """Probability that a feature (of a set: the set) is active; by replica, or by both."""
    kind: Literal["uniform", "signed"] = "uniform"
    """Values of active features: U[0, 1], or U[-1, 1]."""
    groups: Groups = "none"
    """How the features of one set depend on each other."""
    group_size: int = 1
    """Features a set; sets are consecutive features."""

    def __post_init__(self) -> None:
        densities = torch.as_tensor(self.density)
        if not bool(((densities > 0) & (densities <= 1)).all()):
            raise InputError(f"density={self.density} must lie in (0, 1]; it is 1 - sparsity")
        if self.group_size < 1 or self.features % self.group_size:
            raise InputError(
                f"group_size={self.group_size} must divide features={self.features}; "
                "sets are consecutive features of equal number"
            )
        if self.groups != "none" and densities.ndim > 1:
            raise InputError("a set has one density; give density by replica, not by feature")

    def sample(self, num_replicas: int, batch: int, generator: torch.Generator) -> Values:
        """Draw a batch for each replica, on the generator's device."""
        return self._draw((num_replicas, batch), generator)

    def sample_alike(self, num_replicas: int, batch: int, generator: torch.Generator) -> Values:
        """Draw one batch for all: replicas of equal density get the same examples.

        For comparing replicas: the noise of the examples is common to all and cancels.
        """
        shape = (num_replicas, batch, self.features)
        return self._draw((1, batch), generator).expand(shape)

    def _draw(self, shape: tuple[int, int], generator: torch.Generator) -> Values:
        """Draw values of the shape `replica batch feature` (one replica broadcasts to all).

        Independent features cost one draw each: a uniform number below the density is active, and,
        divided by the density, is uniform again.
        """
        density = self._density_by_replica(generator.device)
        values = _uniform((*shape, self.features), generator)
        if self.groups == "none":
            values = values.div_(density) if shape[0] > 1 else values / density
            silent = values >= 1
        else:
            silent = self._silent_sets(shape, density, generator)
        if self.kind == "signed":
            values.mul_(2).sub_(1)
        if silent.shape != values.shape:
            return values.masked_fill(silent, 0.0)
        return values.masked_fill_(silent, 0.0)

    def _silent_sets(
        self, shape: tuple[int, int], density: Tensor, generator: torch.Generator
    ) -> Tensor:
        """Which features are silent, from one draw a set."""
        draw = _uniform((*shape, self.features // self.group_size), generator) / density
        if self.groups == "correlated":
            return (draw >= 1).repeat_interleave(self.group_size, dim=-1)
        # Below one, the draw also says which member of the set speaks.
        speaker = (draw * self.group_size).long()[..., None]
        members = torch.arange(self.group_size, device=draw.device)
        return (speaker != members).flatten(start_dim=-2)

    def _density_by_replica(self, device: torch.device) -> Tensor:
        """The density, shaped to divide `replica batch feature`."""
        density = torch.as_tensor(self.density, dtype=torch.float32, device=device)
        if density.ndim == 0:
            return density
        return density[:, None, None] if density.ndim == 1 else density[:, None, :]


@dataclass(frozen=True, kw_only=True, slots=True)
class ActivityPatterns:
    """Independent features of a small model, with every pattern of activity in every batch.

    The paper expands the loss over which features are active. For a few features that sum can be
    taken term by term: draw only the values, and weigh each example by the probability of its
    pattern. The expected loss is the same, its noise far smaller when nearly all examples are zero.

    Source:
        Elhage et al. 2022, "The Geometry of Superposition" (the loss as a sum over k active
        features).
    """

    density: Float[Tensor, "replica feature"]
    """Probability that a feature is active, by replica and feature."""

    def __post_init__(self) -> None:
        if self.density.shape[1] > 10:
            raise InputError(
                f"{self.density.shape[1]} features have too many activity patterns to list; "
                "use ToyData above 10 features"
            )

    def sample(
        self, draws: int, generator: torch.Generator
    ) -> tuple[Values, Float[Tensor, "replica batch"]]:
        """Draw `draws` examples of every pattern, for each replica.

        Returns:
            The examples, `2^n * draws` of them, and the weight of each, which sum to one.
        """
        return self._draw(len(self.density), draws, generator)

    def sample_alike(
        self, draws: int, generator: torch.Generator
    ) -> tuple[Values, Float[Tensor, "replica batch"]]:
        """The same with equal values for all replicas; only the weights differ."""
        values, weights = self._draw(1, draws, generator)
        return values.expand(len(self.density), -1, -1), weights

    def _draw(
        self, streams: int, draws: int, generator: torch.Generator
    ) -> tuple[Float[Tensor, "stream batch feature"], Float[Tensor, "replica batch"]]:
        density = self.density.to(generator.device)
        patterns = self.patterns().to(generator.device)
        shift = _uniform((streams, len(patterns), 1, patterns.shape[1]), generator)
        values = (shift + self._lattice(draws).to(shift.device)) % 1 * patterns[:, None]
        chance = torch.where(patterns[None].bool(), density[:, None], 1 - density[:, None])
        weights = chance.prod(dim=-1)[..., None].expand(-1, -1, draws) / draws
        return values.flatten(1, 2), weights.flatten(1, 2)

    def _lattice(self, draws: int) -> Float[Tensor, "draw feature"]:
        """Points that fill the unit cube evenly; shifted at random they are uniform in the mean.

        Multiples of the square roots of primes (a Kronecker sequence): far less noise than draws
        of their own, at one random number a pattern and feature.
        """
        primes = torch.tensor([2.0, 3, 5, 7, 11, 13, 17, 19, 23, 29], dtype=torch.float64)
        steps = torch.arange(draws, dtype=torch.float64)[:, None]
        return (steps * primes[: self.density.shape[1]].sqrt() % 1).float()

    def patterns(self) -> Float[Tensor, "pattern feature"]:
        """Every subset of the features as ones and zeros, the empty one first."""
        count = self.density.shape[1]
        return torch.tensor(list(itertools.product((0.0, 1.0), repeat=count)))


def _uniform(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return torch.rand(shape, generator=generator, device=generator.device)
