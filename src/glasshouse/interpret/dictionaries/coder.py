"""What every dictionary can do, learned or not: codes of a value, and the value of codes."""

from typing import Protocol, runtime_checkable

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
