"""Sequences that say something and then say it again: what a reader gains by copying is known."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from glasshouse.corpora.chains import MarkovChain
from glasshouse.corpora.domain import Drawn
from glasshouse.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Echoes:
    """Symbols of a chain up to a place drawn for every sequence, and the same again to its end.

    Where the echo begins nobody can know; from its third symbol on the match with what stood before
    tells what comes next, to whoever looks back.
    """

    chain: MarkovChain
    """Says what is said first, and how long a sequence is."""
    least: int = 16
    """Fewest symbols before the echo."""
    most: int = 28
    """Most symbols before the echo."""

    def __post_init__(self) -> None:
        if not 2 <= self.least <= self.most <= self.chain.sequence - 3:
            raise InputError(
                f"least={self.least} and most={self.most} must rise between 2 and the "
                f"{self.chain.sequence} symbols of a sequence less 3, or nothing is copied"
            )

    @property
    def vocab_size(self) -> int:
        """Symbols, and the mark of a beginning."""
        return self.chain.vocab_size

    @property
    def length(self) -> int:
        """Tokens of a sequence."""
        return self.chain.length

    def draw(self, count: int, rng: np.random.Generator) -> Drawn:
        """Draw sequences; true odds are not told."""
        return self.draw_parted(count, rng)[0]

    def draw_parted(
        self, count: int, rng: np.random.Generator
    ) -> tuple[Drawn, Bool[np.ndarray, "sequence token"]]:
        """Draw sequences, and say which tokens looking back foretells."""
        said = self.chain.draw(count, rng)
        lengths = rng.integers(self.least, self.most + 1, size=count)[:, None]
        places = np.arange(self.chain.sequence)
        ids = said.ids.copy()
        ids[:, 1:] = np.take_along_axis(said.ids[:, 1:], places % lengths, axis=1)
        is_copied = np.zeros(ids.shape, dtype=bool)
        is_copied[:, 1:] = places >= lengths + 2
        return Drawn(ids=ids, counts=said.counts, logprobs=None), is_copied
