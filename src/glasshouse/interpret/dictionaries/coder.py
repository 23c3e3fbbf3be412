"""What every dictionary can do, learned or not: codes of a value, and the value of codes."""

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor


@runtime_checkable
class Coder(Protocol):
    """Writes a value as a sum of directions.

    A sparse autoencoder is one, and so are principal components, a random basis and the value's own
    axes: what is measured of one can be measured of all.
    """

    @property
    def num_latents(self) -> int:
        """How many directions it has."""
        ...

    @property
    def directions(self) -> Float[Tensor, "latent d_out"]:
        """A unit vector for each latent: what the reconstruction gains when it is active."""
        ...

    def encode(self, values: Float[Tensor, "... d_in"]) -> Float[Tensor, "... latent"]:
        """How active each latent is; never negative."""
        ...

    def decode(self, codes: Float[Tensor, "... latent"]) -> Float[Tensor, "... d_out"]:
        """The reconstruction, in the units of the value."""
        ...


@torch.no_grad()
def unit_effects(
    coder: Coder, like: Tensor, *, latents_at_once: int = 1024
) -> Float[Tensor, "latent d_out"]:
    """What one unit of each latent adds to the reconstruction, in the units of the value.

    Args:
        coder: A dictionary whose decoding is a sum.
        like: A tensor of the type and on the device of its codes.
        latents_at_once: Latents that are decoded together.
    """
    count = coder.num_latents
    offset = coder.decode(like.new_zeros(1, count))
    parts = []
    for start in range(0, count, latents_at_once):
        rows = torch.arange(start, min(start + latents_at_once, count), device=like.device)
        one = torch.nn.functional.one_hot(rows, count).to(like.dtype)
        parts.append(coder.decode(one) - offset)
    return torch.cat(parts)
