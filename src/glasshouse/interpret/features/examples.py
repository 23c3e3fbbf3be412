"""The texts that a latent speaks on: its strongest, and those of every strength.

The strongest examples alone make most latents look clean. So examples of each part of the range of
activations stand beside them.

Source:
    Bricken et al. 2023, "Towards monosemanticity", "Feature visualization"; Templeton et al. 2024,
    "Scaling monosemanticity", for examples by interval of activation.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32, Int, Int64

from glasshouse.errors import InputError
from glasshouse.interpret.activations import Activations
from glasshouse.interpret.features.entries import LatentEntries


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Example:
    """A stretch of text around a token on which a latent is active."""

    token: int
    """Row of the token in the values."""
    activation: float
    """Of the latent on it."""
    ids: Int64[np.ndarray, " window"]
    """Token ids of the stretch, all of one text."""
    activations: Float32[np.ndarray, " window"]
    """The latent's activation on each."""
    place: int
    """Which of them the token is."""
    document: int
    """The number of its text."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class LatentReport:
    """What one latent does on some texts."""

    latent: int
    """Its number."""
    density: float
    """Share of tokens on which it is active."""
    maximum: float
    """Its strongest activation; 0: it was never active."""
    mean: float
    """Average of its activations where it is active."""
    histogram: Int[np.ndarray, " bin"]
    """Active tokens by activation, in equal intervals from 0 to the maximum."""
    top: tuple[Example, ...]
    """The strongest, one a text."""
    by_interval: tuple[tuple[Example, ...], ...]
    """Some of each interval of activation, weakest interval first, drawn at random."""


def report_latents(
    entries: LatentEntries,
    texts: Activations,
    latents: Sequence[int],
    *,
    num_top: int = 12,
    num_intervals: int = 5,
    num_each: int = 4,
    window: tuple[int, int] = (16, 8),
    bins: int = 24,
    seed: int = 0,
) -> list[LatentReport]:
    """Collect the examples and the histogram of each latent.

    Args:
        entries: Where latents are active.
        texts: The rows' tokens, in the same order.
        latents: Those to report on.
        num_top: Strongest examples, of different texts where there are so many.
        num_intervals: Equal parts of the range from 0 to the maximum.
        num_each: Examples of each part.
        window: Tokens before and behind.
        bins: Of the histogram.
        seed: Of the draws.

    Raises:
        InputError: If entries and texts differ in number of tokens, or a latent was not collected.
    """
    if len(texts) != entries.num_tokens:
        raise InputError(
            f"entries of {entries.num_tokens} tokens and texts of {len(texts)}; give the same rows"
        )
    around = Windows.over(texts, window)
    found = []
    for latent in latents:
        tokens, activations = entries.of(latent)
        chance = np.random.default_rng([seed, latent])
        maximum = float(activations.max(initial=0.0))
        edges = np.linspace(0, maximum or 1.0, bins + 1)
        spread = _by_interval(activations, maximum, num_intervals, num_each, chance)
        found.append(
            LatentReport(
                latent=latent,
                density=len(tokens) / entries.num_tokens,
                maximum=maximum,
                mean=float(activations.mean()) if len(tokens) else 0.0,
                histogram=np.histogram(activations, edges)[0],
                top=tuple(around.strongest(tokens, activations, num_top)),
                by_interval=tuple(
                    tuple(around.at(int(tokens[i]), tokens, activations) for i in part)
                    for part in spread
                ),
            )
        )
    return found


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """Cuts stretches out of texts."""

    ids: Int[np.ndarray, " token"]
    """Token ids, text by text."""
    document: Int[np.ndarray, " token"]
    """The text of each."""
    bounds: Int[np.ndarray, " ends"]
    """Where each text begins, and the end."""
    window: tuple[int, int]
    """Tokens before and behind."""

    @classmethod
    def over(cls, texts: Activations, window: tuple[int, int]) -> "Windows":
        """Prepare to cut some texts."""
        document = texts.document.cpu().numpy()
        starts = np.flatnonzero(np.diff(document, prepend=document[0] - 1))
        return cls(texts.ids.cpu().numpy(), document, np.append(starts, len(document)), window)

    def at(
        self,
        token: int,
        tokens: Int[np.ndarray, " active"],
        activations: Float[np.ndarray, " active"],
    ) -> Example:
        """The stretch around a token, with the activations of a latent by its entries."""
        text = int(np.searchsorted(self.bounds, token, side="right")) - 1
        start = max(token - self.window[0], int(self.bounds[text]))
        end = min(token + self.window[1] + 1, int(self.bounds[text + 1]))
        active = np.zeros(end - start, dtype=np.float32)
        first, last = np.searchsorted(tokens, [start, end])
        active[tokens[first:last] - start] = activations[first:last]
        return Example(
            token=token,
            activation=float(active[token - start]),
            ids=self.ids[start:end].astype(np.int64),
            activations=active,
            place=token - start,
            document=int(self.document[token]),
        )

    def strongest(
        self,
        tokens: Int[np.ndarray, " active"],
        activations: Float[np.ndarray, " active"],
        count: int,
        *,
        among: Bool[np.ndarray, " active"] | None = None,
    ) -> list[Example]:
        """Stretches around a latent's strongest entries, one a text where there are so many."""
        places = np.arange(len(tokens)) if among is None else np.flatnonzero(among)
        best = _top(activations[places], self.document[tokens[places]], count)
        return [self.at(int(tokens[places[i]]), tokens, activations) for i in best]


def _top(
    activations: Float[np.ndarray, " active"], document: Int[np.ndarray, " active"], count: int
) -> list[int]:
    """The strongest entries, one a text; more of a text only where texts run out."""
    pool = min(len(activations), 16 * count)
    if not pool:
        return []
    near = np.argpartition(-activations, pool - 1)[:pool]
    order = near[np.argsort(-activations[near], kind="stable")]
    _, first = np.unique(document[order], return_index=True)
    own = np.sort(first)[:count]
    more = np.setdiff1d(np.arange(pool), own)[: count - len(own)]
    return order[np.sort(np.concatenate([own, more]))].tolist()


def _by_interval(
    activations: Float[np.ndarray, " active"],
    maximum: float,
    intervals: int,
    each: int,
    chance: np.random.Generator,
) -> list[list[int]]:
    """Some entries of each equal part of the range."""
    if not maximum:
        return [[] for _ in range(intervals)]
    part = np.minimum((activations / maximum * intervals).astype(int), intervals - 1)
    found = []
    for number in range(intervals):
        inside = np.flatnonzero(part == number)
        count = min(each, len(inside))
        found.append(np.sort(chance.choice(inside, count, replace=False)).tolist())
    return found
