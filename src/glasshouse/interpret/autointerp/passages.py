"""Texts to explain a latent from, and others to score the explanation on."""

from dataclasses import dataclass

import numpy as np

from glasshouse.errors import InputError
from glasshouse.interpret.activations import Activations
from glasshouse.interpret.features.entries import LatentEntries
from glasshouse.interpret.features.examples import Example, Windows


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Passages:
    """Stretches of text with a latent's activations."""

    latent: int
    """Which latent."""
    shown: tuple[Example, ...]
    """Strongest, of texts with even numbers: what an explanation is made from."""
    strongest: tuple[Example, ...]
    """Strongest, of texts with odd numbers."""
    random: tuple[Example, ...]
    """Anywhere in texts with odd numbers, whatever the latent does there."""

    @property
    def scored(self) -> tuple[Example, ...]:
        """What explanations are scored on: strong and random ones together."""
        return self.strongest + self.random


def draw_passages(
    entries: LatentEntries,
    texts: Activations,
    latent: int,
    *,
    num_shown: int = 5,
    num_strongest: int = 5,
    num_random: int = 5,
    window: tuple[int, int] = (24, 8),
    least: int = 10,
    seed: int = 0,
) -> Passages | None:
    """Draw passages for one latent.

    Args:
        entries: Where latents are active.
        texts: The rows' tokens, in the same order.
        latent: Which.
        num_shown: Passages to explain from.
        num_strongest: Strong ones to score on.
        num_random: Random ones to score on.
        window: Tokens before and behind the token that a passage is drawn for.
        least: Active texts that either half must have.
        seed: Of the random ones.

    Returns:
        None for a latent that is too rarely active to be explained.

    Raises:
        InputError: If entries and texts differ in number of tokens.

    Source:
        Cunningham et al. 2023 (2309.08600), section 3.1: features with fewer than 20 active
        fragments are left out; scores are over strong and random fragments together.
    """
    if len(texts) != entries.num_tokens:
        raise InputError(
            f"entries of {entries.num_tokens} tokens and texts of {len(texts)}; give the same rows"
        )
    document = texts.document.cpu().numpy()
    tokens, activations = entries.of(latent)
    halves = [(document[tokens] % 2) == part for part in (0, 1)]
    if min(len(np.unique(document[tokens[half]])) for half in halves) < least:
        return None
    around = Windows.over(texts, window)
    strong = [
        around.strongest(tokens, activations, count, among=half)
        for half, count in zip(halves, (num_shown, num_strongest), strict=True)
    ]
    chance = np.random.default_rng([seed, latent, 1])
    odd = np.flatnonzero(document % 2 == 1)
    random = chance.choice(odd, min(num_random, len(odd)), replace=False)
    return Passages(
        latent=latent,
        shown=tuple(strong[0]),
        strongest=tuple(strong[1]),
        random=tuple(around.at(int(token), tokens, activations) for token in random),
    )
