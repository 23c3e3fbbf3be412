"""The mechanical score of explanations: how far a rule foretells a latent, without a model's words.

A rule of tokens, of the tokens before, of pairs, or of what the world knows is found on every other
text and scored on the rest. Read it as a lower bound of what could be said, and not as the paper's
automatic interpretation.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from glasshouse.interpret.activations import Activations
from glasshouse.interpret.autointerp import draw_passages, explain_by_rule, simulation_score
from glasshouse.interpret.dictionaries import Coder
from glasshouse.interpret.dictionaries.metrics.ledger import Sparse
from glasshouse.interpret.features import collect_entries
from glasshouse.studies.sparse_autoencoders.config import ScoreConfig
from glasshouse.studies.sparse_autoencoders.learning import Quality, quality

RULES = ("tokens", "tokens before", "pairs", "what the world knows")
"""Kinds of rules."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class CoderScores:
    """Scores of some latents of one coder, one entry a latent."""

    together: Float[np.ndarray, " latent"]
    """Over strong and random passages."""
    alone: Float[np.ndarray, " latent"]
    """Over random passages; NaN where the latent is active in none."""
    skew: Float[np.ndarray, " latent"]
    """Of activations over all tokens, silent ones too."""
    kurtosis: Float[np.ndarray, " latent"]
    """Of the same, above that of a Gaussian."""
    rules: tuple[int, ...]
    """How many rules were of each kind of `RULES`."""
    example: str
    """The rule with the best score."""
    quality: Quality
    """Of the coder."""

    @property
    def mean(self) -> float:
        """Mean score; NaN where no latent could be explained."""
        return float(self.together.mean()) if len(self.together) else float("nan")

    @property
    def mean_alone(self) -> float:
        """Mean score over random passages."""
        known = self.alone[~np.isnan(self.alone)]
        return float(known.mean()) if len(known) else float("nan")


@torch.no_grad()
def score_coder(
    coder: Coder,
    rows: Activations,
    value: str,
    config: ScoreConfig,
    *,
    words: tuple[str, ...],
    truth: Sparse | None,
    names: tuple[str, ...],
    rng: np.random.Generator,
) -> CoderScores:
    """Explain latents drawn at random among those that are active often enough, and score that.

    Args:
        coder: Dictionary or baseline.
        rows: Held-out values with their tokens.
        value: Which of the values.
        config: How many latents, and how often they must be active.
        words: The text of every token.
        truth: What is true of each row; None: rules of tokens only.
        names: Names of what is true.
        rng: Where the draw of latents and passages comes from.
    """
    values = rows[value].float()
    # Some are too rarely active: a few more are drawn than are explained.
    drawn = rng.permutation(coder.num_latents)[: 3 * config.latents].tolist()
    entries = collect_entries(coder, values, latents=drawn)
    found: list[tuple[float, float, float, float]] = []
    texts: list[str] = []
    for latent in drawn:
        passages = draw_passages(entries, rows, latent, least=config.least)
        if passages is None:
            continue
        rule = explain_by_rule(entries, rows, latent, words=words, truth=truth, names=names)
        together, _ = simulation_score(rule, passages.scored)
        alone, _ = simulation_score(rule, passages.random)
        _, activations = entries.of(latent)
        found.append((together, alone, *_moments(activations, entries.num_tokens)))
        texts.append(rule.text)
        if len(found) == config.latents:
            break
    table = np.array(found, dtype=float).reshape(len(found), 4)
    kinds = [_kind(text) for text in texts]
    return CoderScores(
        together=table[:, 0],
        alone=table[:, 1],
        skew=table[:, 2],
        kurtosis=table[:, 3],
        rules=tuple(kinds.count(kind) for kind in range(len(RULES))),
        example=texts[int(table[:, 0].argmax())] if texts else "",
        quality=quality(coder, values),
    )


def above(first: Float[np.ndarray, " one"], second: Float[np.ndarray, " other"]) -> float:
    """How far one mean lies above another, in standard errors of their difference.

    Entries that are NaN are left out. NaN where one side has fewer than two entries.
    """
    one, other = (side[~np.isnan(side)] for side in (first, second))
    if min(len(one), len(other)) < 2:
        return float("nan")
    error = np.sqrt(one.var(ddof=1) / len(one) + other.var(ddof=1) / len(other))
    return float((one.mean() - other.mean()) / max(error, 1e-12))


def _moments(activations: Float[np.ndarray, " active"], tokens: int) -> tuple[float, float]:
    """Skew and excess kurtosis over all tokens, those on which the latent is silent at zero."""
    first, second, third, fourth = (
        float((activations.astype(float) ** power).sum() / tokens) for power in (1, 2, 3, 4)
    )
    variance = second - first**2
    skew = (third - 3 * first * second + 2 * first**3) / variance**1.5
    kurtosis = (fourth - 4 * first * third + 6 * first**2 * second - 3 * first**4) / variance**2
    return skew, kurtosis - 3


def _kind(text: str) -> int:
    starts = ("the token is", "the token before is", "the last two tokens are", "the token has")
    return next(number for number, start in enumerate(starts) if text.startswith(start))
