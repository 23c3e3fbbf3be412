"""What a page says of a latent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from glasshouse.interpret.autointerp import ExplanationScore
from glasshouse.interpret.features import LatentReport, Neighbours


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenEffect:
    """A token that a latent makes likelier or less likely."""

    token: int
    """Its id."""
    effect: float
    """What one unit of the latent adds to its logit, centred over the vocabulary."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """Another latent."""

    latent: int
    """Its number."""
    likeness: float
    """Cosine of directions, or overlap of active tokens."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Match:
    """The true feature that a latent comes nearest to."""

    name: str
    """As the ledger names it."""
    f1: float
    """Of the latent for it, on texts it was not chosen on."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class FeatureSheet:
    """One latent, ready to be shown."""

    report: LatentReport
    """Its texts and its histogram."""
    raised: tuple[TokenEffect, ...] = ()
    """Tokens that it makes likelier, most first."""
    lowered: tuple[TokenEffect, ...] = ()
    """Tokens that it makes less likely, most first."""
    alike: tuple[Link, ...] = ()
    """Latents that write alike."""
    together: tuple[Link, ...] = ()
    """Latents that speak on the same tokens."""
    match: Match | None = None
    """The true feature, where the truth is known."""
    explanation: str = ""
    """What it is said to mean."""
    score: ExplanationScore | None = None
    """How far that says what it does."""

    @property
    def latent(self) -> int:
        """Its number."""
        return self.report.latent


def feature_sheets(
    reports: Sequence[LatentReport],
    *,
    effects: Float[Tensor, "latent vocab"] | None = None,
    alike: Neighbours | None = None,
    together: Neighbours | None = None,
    matches: Mapping[int, Match] | None = None,
    explanations: Mapping[int, tuple[str, ExplanationScore | None]] | None = None,
    num_tokens: int = 10,
) -> list[FeatureSheet]:
    """Put together what is known of latents.

    Args:
        reports: One a latent.
        effects: What each of these latents adds to the logits, in the order of `reports`.
        alike: Neighbours by direction, in the order of `reports`.
        together: Neighbours by activity, in the order of `reports`.
        matches: True features by latent.
        explanations: By latent, the explanation and its score.
        num_tokens: Tokens shown on either side.
    """
    raised = None if effects is None else effects.topk(min(num_tokens, effects.shape[1]), dim=1)
    lowered = None if effects is None else (-effects).topk(min(num_tokens, effects.shape[1]), dim=1)
    sheets = []
    for place, report in enumerate(reports):
        text, score = (explanations or {}).get(report.latent, ("", None))
        sheets.append(
            FeatureSheet(
                report=report,
                raised=_effects(raised, place, 1.0),
                lowered=_effects(lowered, place, -1.0),
                alike=_links(alike, place),
                together=_links(together, place),
                match=(matches or {}).get(report.latent),
                explanation=text,
                score=score,
            )
        )
    return sheets


def _effects(
    found: "torch.return_types.topk | None", place: int, sign: float
) -> tuple[TokenEffect, ...]:
    if found is None:
        return ()
    pairs = zip(found.indices[place].tolist(), found.values[place].tolist(), strict=True)
    return tuple(TokenEffect(token=token, effect=sign * effect) for token, effect in pairs)


def _links(neighbours: Neighbours | None, place: int) -> tuple[Link, ...]:
    if neighbours is None:
        return ()
    pairs = zip(
        neighbours.latents[place].tolist(), neighbours.likeness[place].tolist(), strict=True
    )
    return tuple(Link(latent=latent, likeness=likeness) for latent, likeness in pairs)
