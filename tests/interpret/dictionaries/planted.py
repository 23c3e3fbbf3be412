"""A dictionary that is the truth, and values made of it: every measure has a right answer."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Planted:
    """Latents are orthogonal axes; codes are what lies along them."""

    directions: Tensor
    scale: float = 1.0

    @property
    def num_latents(self) -> int:
        return len(self.directions)

    def encode(self, values: Tensor) -> Tensor:
        return (values @ self.directions.T).relu() * self.scale

    def decode(self, codes: Tensor) -> Tensor:
        return codes @ self.directions / self.scale


def sparse_magnitudes(tokens: int, features: int, *, density: float, seed: int) -> Tensor:
    """How active each feature is: mostly not at all."""
    chance = torch.Generator().manual_seed(seed)
    active = torch.rand(tokens, features, generator=chance) < density
    return active * (0.5 + torch.rand(tokens, features, generator=chance))
