"""The best mechanical rule for a latent: no language model, and nothing to believe.

A rule says on which tokens the latent is active: these tokens; what follows these tokens; these
pairs of tokens; or, where the truth is known, tokens that have this feature of the ledger. The rule
that foretells activations best on texts with even numbers is the explanation. It is not what a
language model would say, and is named as what it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float, Int

from glasshouse.errors import InputError
from glasshouse.interpret.activations import Activations
from glasshouse.interpret.dictionaries.metrics.ledger import Sparse
from glasshouse.interpret.features.entries import LatentEntries
from glasshouse.interpret.features.examples import Example

_START = -1
"""Stands for the token before the first of a text."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class RuleExplanation:
    """A rule, and how active the latent is on average where it holds."""

    text: str
    """The rule in words."""
    level: float
    """Average activation where the rule holds, on the texts it was found on."""
    correlation: float
    """Of the rule with the activations, on the texts it was found on."""
    holds: Bool[np.ndarray, " token"] = field(repr=False)
    """Where the rule holds, of all rows."""

    def simulate(self, example: Example) -> Float[np.ndarray, " window"]:
        """The average activation where the rule holds, nothing elsewhere."""
        return self._window(example) * self.level

    def fits(self, example: Example) -> bool:
        """Whether the rule holds anywhere in the text."""
        return bool(self._window(example).any())

    def marks(self, example: Example, marked: Bool[np.ndarray, " window"]) -> bool:
        """Whether the rule holds on most of the marked tokens."""
        return bool(self._window(example)[marked].mean() > 0.5)

    def _window(self, example: Example) -> Bool[np.ndarray, " window"]:
        start = example.token - example.place
        return self.holds[start : start + len(example.ids)]


def explain_by_rule(
    entries: LatentEntries,
    texts: Activations,
    latent: int,
    *,
    words: Sequence[str] | None = None,
    truth: Sparse | None = None,
    names: Sequence[str] = (),
    most: int = 5,
) -> RuleExplanation:
    """Find the rule that foretells a latent's activations best.

    Args:
        entries: Where latents are active.
        texts: The rows' tokens, in the same order.
        latent: Which.
        words: The text of every token id, for the rule's words; None: ids are named.
        truth: Token by feature, true or false; None: rules of tokens only.
        names: A name for each feature.
        most: Tokens, or pairs, that one rule may name.

    Raises:
        InputError: If the latent is never active in texts with even numbers.
    """
    active = np.zeros(entries.num_tokens)
    tokens, activations = entries.of(latent)
    active[tokens] = activations
    fitted = (texts.document.cpu().numpy() % 2) == 0
    if not active[fitted].any():
        raise InputError(f"latent {latent} is never active in texts with even numbers")
    candidates = list(_token_rules(active, texts, fitted, most, words))
    if truth is not None:
        candidates.append(_ledger_rule(active, truth, names, fitted))
    scored = [
        (_correlation(active[fitted], holds[fitted]), text, holds) for text, holds in candidates
    ]
    correlation, text, holds = max(scored, key=lambda one: one[0])
    where = fitted & holds
    return RuleExplanation(
        text=text,
        level=float(active[where].mean()) if where.any() else 0.0,
        correlation=correlation,
        holds=holds,
    )


def _token_rules(
    active: Float[np.ndarray, " token"],
    texts: Activations,
    fitted: Bool[np.ndarray, " token"],
    most: int,
    words: Sequence[str] | None,
) -> list[tuple[str, Bool[np.ndarray, " token"]]]:
    ids = texts.ids.cpu().numpy().astype(np.int64)
    before = np.where(texts.position.cpu().numpy() == 0, _START, np.roll(ids, 1))
    pairs = (before + 1) * (ids.max() + 2) + ids

    def word(token: int) -> str:
        if token == _START:
            return "the start"
        return str(token) if words is None else words[token]

    found = []
    for kind, keys in (("the token is", ids), ("the token before is", before), ("behind", pairs)):
        chosen = _best_keys(active[fitted], keys[fitted], most)
        named = []
        for key in chosen:
            first = int(np.flatnonzero(keys == key)[0])
            named.append(
                f"{word(int(before[first]))} {word(int(ids[first]))}"
                if keys is pairs
                else word(int(key))
            )
        sentence = {"behind": "the last two tokens are"}.get(kind, kind)
        found.append((f"{sentence} {' or '.join(named)}", np.isin(keys, chosen)))
    return found


def _best_keys(
    active: Float[np.ndarray, " token"], keys: Int[np.ndarray, " token"], most: int
) -> Int[np.ndarray, " key"]:
    """The keys that together foretell best: by average activation, as many as help."""
    kinds, place, counts = np.unique(keys, return_inverse=True, return_counts=True)
    sums = np.bincount(place, weights=active, minlength=len(kinds))
    # What a key explains: its sum above what its tokens would have by chance.
    gain = (sums - counts * active.mean()) / np.sqrt(counts)
    order = np.argsort(-gain, kind="stable")[:most]
    best, score = order[:1], -1.0
    for count in range(1, len(order) + 1):
        found = _correlation(active, np.isin(place, order[:count]))
        if found > score + 0.005:
            best, score = order[:count], found
    return kinds[best]


def _ledger_rule(
    active: Float[np.ndarray, " token"],
    truth: Sparse,
    names: Sequence[str],
    fitted: Bool[np.ndarray, " token"],
) -> tuple[str, Bool[np.ndarray, " token"]]:
    """The feature whose presence correlates most."""
    part = truth[fitted].astype(np.float64)
    values = active[fitted] - active[fitted].mean()
    rate = np.asarray(part.mean(axis=0)).ravel()
    spread = np.sqrt(np.maximum(rate * (1 - rate), 1e-12)) * len(values)
    correlation = np.asarray(part.T @ values).ravel() / (spread * max(values.std(), 1e-12))
    best = int(correlation.argmax())
    column = truth[:, [best]].toarray().ravel().astype(bool)
    return f"the token has {names[best]}", column


def _correlation(active: Float[np.ndarray, " token"], holds: Bool[np.ndarray, " token"]) -> float:
    if not active.any() or holds.all() or not holds.any():
        return 0.0
    return float(np.corrcoef(active, holds)[0, 1])
