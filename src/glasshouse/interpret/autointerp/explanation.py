"""What an explanation can be asked."""

from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float

from glasshouse.interpret.features.examples import Example


@runtime_checkable
class Explanation(Protocol):
    """Says what a latent means, well enough to foretell where it is active."""

    @property
    def text(self) -> str:
        """The meaning in words."""
        ...

    def simulate(self, example: Example) -> Float[np.ndarray, " window"] | None:
        """How active the latent should be on each token; None: the answer made no sense.

        The example's own activations must not be looked at.
        """
        ...

    def fits(self, example: Example) -> bool | None:
        """Whether the latent should be active somewhere in the text; None: no sense."""
        ...

    def marks(self, example: Example, marked: Bool[np.ndarray, " window"]) -> bool | None:
        """Whether the marked tokens are those it should be active on; None: no sense."""
        ...
