"""Latents that point alike, and latents that become several in a larger dictionary (claim 7)."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int

from glasshouse.interpret.dictionaries import Dictionary
from glasshouse.interpret.features import direction_map, feature_families
from glasshouse.studies.claims import ClaimResult
from glasshouse.studies.scaling_monosemanticity.claims import NEIGHBOURS, SPLITTING
from glasshouse.studies.scaling_monosemanticity.evidence import (
    control_of,
    over_units,
    ratio_over_units,
    untested,
)
from glasshouse.studies.scaling_monosemanticity.reading import Subject

NEAR = 5
"""Neighbours of each latent."""

TOPICAL = 0.5
"""Share of a latent's activation in sentences of one topic from which on it stands for that."""

_FEWEST = 20
"""Active tokens of a latent that is labelled."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Neighbourhood:
    """What lies near what."""

    topics: Int[np.ndarray, " latent"]
    """The topic of every topical latent."""
    places: Float[np.ndarray, "latent 2"] | None
    """Where each lies on a map of directions; None: there are too few."""
    agreement: Float[np.ndarray, " asked"]
    """Share of its nearest topical latents that have its topic."""
    chance: Float[np.ndarray, " latent"]
    """Share of all other topical latents that have."""
    shuffled: Float[np.ndarray, " asked"]
    """Agreement when directions are dealt to latents at random."""
    children: dict[tuple[int, int], Int[np.ndarray, "..."]]
    """Children of each living latent of a small dictionary in one four times as large."""
    turned: dict[tuple[int, int], Int[np.ndarray, "..."]]
    """The same where coordinates of the large dictionary stand in another order."""


def topical(
    codes: Float[np.ndarray, "token latent"],
    topic: Int[np.ndarray, " token"],
    topics: int,
    *,
    least: float = TOPICAL,
) -> Int[np.ndarray, " latent"]:
    """The topic in whose sentences most of a latent's activation lies; -1: it has none.

    Args:
        codes: Activations.
        topic: Of every token.
        topics: How many there are.
        least: Share of the activation that one topic must have.
    """
    mass = codes.T @ np.eye(topics)[topic]
    total = mass.sum(axis=1)
    share = mass / np.maximum(total, 1e-12)[:, None]
    is_topical = (share.max(axis=1) >= least) & ((codes > 0).sum(axis=0) >= _FEWEST)
    return np.where(is_topical, share.argmax(axis=1), -1)


def measure(subject: Subject, dictionaries: dict[int, Dictionary]) -> Neighbourhood:
    """Label latents of the largest dictionary, and match sizes that differ by four."""
    largest = dictionaries[max(dictionaries)]
    rows = subject.close[subject.value]
    labels = topical(largest.encode(rows).cpu().numpy(), subject.close_topic, subject.config.topics)
    which = np.flatnonzero(labels >= 0)
    directions = largest.directions.cpu().numpy()[which]
    topics = labels[which]
    rng = subject.rng("neighbours")
    pairs = [(small, 4 * small) for small in sorted(dictionaries) if 4 * small in dictionaries]
    alive = {
        small: (dictionaries[small].encode(rows) > 0).any(dim=0).cpu().numpy() for small, _ in pairs
    }
    order = torch.from_numpy(rng.permutation(rows.shape[1]))
    return Neighbourhood(
        topics=topics,
        places=direction_map(torch.from_numpy(directions)).coordinates.astype(float)
        if len(which) >= 4
        else None,
        agreement=agreement(directions, topics),
        chance=_chance(topics),
        shuffled=agreement(rng.permutation(directions, axis=0), topics),
        children={
            (small, large): _children(dictionaries[small], dictionaries[large], alive[small])
            for small, large in pairs
        },
        turned={
            (small, large): _children(
                dictionaries[small], turned(dictionaries[large], order), alive[small]
            )
            for small, large in pairs
        },
    )


def agreement(
    directions: Float[np.ndarray, "latent d_model"], topics: Int[np.ndarray, " latent"]
) -> Float[np.ndarray, " asked"]:
    """Share of each latent's nearest others that have its topic; empty where there are too few."""
    if len(topics) <= NEAR:
        return np.zeros(0)
    cosines = directions @ directions.T
    np.fill_diagonal(cosines, -2)
    nearest = np.argsort(-cosines, axis=1, kind="stable")[:, :NEAR]
    return (topics[nearest] == topics[:, None]).mean(axis=1)


def turned(dictionary: Dictionary, order: Int[torch.Tensor, " d_model"]) -> Dictionary:
    """A copy whose directions have their coordinates in another order."""
    copy = Dictionary(dictionary.config).to(dictionary.decoder)
    copy.load_state_dict(dictionary.state_dict())
    with torch.no_grad():
        copy.decoder.copy_(dictionary.decoder[:, order.to(dictionary.decoder.device)])
    return copy


def claims(seen: Neighbourhood, seed: int) -> list[ClaimResult]:
    """Judge neighbours and splitting."""
    return [_neighbours(seen, seed), _splitting(seen, seed)]


def _neighbours(seen: Neighbourhood, seed: int) -> ClaimResult:
    if not len(seen.agreement):
        return untested(NEIGHBOURS, f"only {len(seen.topics)} latents stand for a topic")
    chance = float(seen.chance.mean())
    return ratio_over_units(
        NEIGHBOURS,
        seen.agreement.tolist(),
        seen.chance.tolist(),
        seed=seed,
        text=f"{seen.agreement.mean():.2f} of the {NEAR} nearest share the topic, {chance:.2f} of "
        f"all; {len(seen.topics)} topical latents",
        control=control_of(
            NEIGHBOURS,
            (seen.shuffled / chance).tolist(),
            seed=seed,
            text="directions dealt to latents at random",
        ),
    )


def _splitting(seen: Neighbourhood, seed: int) -> ClaimResult:
    if not seen.children:
        return untested(SPLITTING, "no two sizes of the grid differ by a factor of four")
    pair = max(seen.children)
    children, turned_over = seen.children[pair], seen.turned[pair]
    said = ", ".join(
        f"{small} to {large}: {one.mean():.2f}" for (small, large), one in seen.children.items()
    )
    return over_units(
        SPLITTING,
        children.astype(float).tolist(),
        seed=seed,
        text=f"children of a living latent, {said}; the last is judged",
        control=control_of(
            SPLITTING,
            turned_over.astype(float).tolist(),
            seed=seed,
            text="coordinates of the larger dictionary in another order",
        ),
    )


def _chance(topics: Int[np.ndarray, " latent"]) -> Float[np.ndarray, " latent"]:
    counts = np.bincount(topics) if len(topics) else np.zeros(0)
    return (counts[topics] - 1) / max(len(topics) - 1, 1)


def _children(
    small: Dictionary, large: Dictionary, alive: np.ndarray
) -> Int[np.ndarray, " latent"]:
    return feature_families(small, large).children.cpu().numpy()[alive]
