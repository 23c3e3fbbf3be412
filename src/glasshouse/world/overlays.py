"""Overlays: what a study lays over the base corpus, in the place of other documents.

An overlay never adds tokens; it takes the share of the kinds that it replaces, so that conditions
with and without it cost the same compute.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from glasshouse.errors import InputError
from glasshouse.world.kinds import Kind


@dataclass(frozen=True, kw_only=True, slots=True)
class Overlay:
    """Kinds of document laid over a corpus."""

    name: str
    """How it is called in tables."""
    summary: str
    """One line for a reader."""
    kinds: tuple[Kind, ...]
    """What it writes; a kind's `share` is its share of all tokens of the corpus."""
    replaces: tuple[str, ...] = ("statements", "helpful")
    """The kinds whose share it takes, in proportion; empty: all."""


def formats(kinds: Mapping[str, Kind]) -> Overlay:
    """Make exam formats 60 % of the corpus: the stage in which they emerge."""
    return of_kinds(
        "formats",
        kinds,
        {"open-qa": 0.16, "multiple-choice": 0.22, "true-false": 0.22},
        replaces=(),
    )


def unknowable(kinds: Mapping[str, Kind], *, share: float = 0.08) -> Overlay:
    """Ask what nobody can know in half of the base corpus's exams, for the end of training."""
    return of_kinds(
        "unknowable",
        kinds,
        {"multiple-choice-unknowable": share / 2, "true-false-unknowable": share / 2},
        replaces=("multiple-choice", "true-false"),
    )


def of_kinds(
    name: str,
    kinds: Mapping[str, Kind],
    shares: Mapping[str, float],
    *,
    replaces: tuple[str, ...] = ("statements", "helpful"),
) -> Overlay:
    """Lay existing kinds over a corpus with new shares of its tokens.

    Raises:
        InputError: If a kind is unknown.
    """
    unknown = [kind for kind in shares if kind not in kinds]
    if unknown:
        raise InputError(f"kind {unknown[0]!r} is unknown; there are {', '.join(kinds)}")
    changed = tuple(_with_share(kinds[kind], share) for kind, share in shares.items())
    summary = ", ".join(f"{share:.0%} {kind}" for kind, share in shares.items())
    return Overlay(name=name, summary=summary, kinds=changed, replaces=replaces)


def _with_share(kind: Kind, share: float) -> Kind:
    return Kind(
        name=kind.name, share=share, summary=kind.summary, words=kind.words, write=kind.write
    )


def blend(mix: Mapping[str, float], overlays: tuple[Overlay, ...]) -> dict[str, float]:
    """Return each kind's share of tokens after overlays have taken theirs.

    Args:
        mix: Shares of kinds, in any unit.
        overlays: Laid over the mix one after the other.

    Raises:
        InputError: If the mix is empty or negative, or an overlay takes more than there is.
    """
    if not mix or min(mix.values()) < 0 or sum(mix.values()) <= 0:
        raise InputError("mix must give at least one kind a share above 0, and none below")
    total = sum(mix.values())
    shares = {kind: share / total for kind, share in mix.items() if share > 0}
    for overlay in overlays:
        taken = sum(kind.share for kind in overlay.kinds)
        replaced = [kind for kind in shares if not overlay.replaces or kind in overlay.replaces]
        there = sum(shares[kind] for kind in replaced)
        if taken > there + 1e-9:
            raise InputError(
                f"overlay {overlay.name!r} takes {taken:.0%} of the tokens, but what it replaces "
                f"has {there:.0%}; lower its share or let it replace more"
            )
        for kind in replaced:
            shares[kind] *= 1 - taken / there
        for kind in overlay.kinds:
            shares[kind.name] = shares.get(kind.name, 0.0) + kind.share
    return {kind: share for kind, share in shares.items() if share > 1e-9}
