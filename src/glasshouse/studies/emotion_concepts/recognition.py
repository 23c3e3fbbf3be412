"""Whether vectors find the states behind texts, what they point at, and how they lie."""

from dataclasses import dataclass

import numpy as np
import torch

from glasshouse.interpret.concepts import (
    ConceptVectors,
    Plane,
    concept_clusters,
    concept_plane,
    representational_similarity,
    token_effects,
)
from glasshouse.studies.claims import ClaimResult
from glasshouse.studies.emotion_concepts.claims import (
    CIRCLE,
    NAMES_WORDS,
    READS_STATES,
    STABLE,
)
from glasshouse.studies.emotion_concepts.evidence import over_models
from glasshouse.studies.emotion_concepts.reading import Subject
from glasshouse.world.mood_texts import stories
from glasshouse.world.moods import STATES, coordinates

TOP = 6
"""Tokens that a vector raises most, of which those of its state are counted."""

CLUSTERS = 10
"""Groups of vectors, as many as in the paper, which has 171 vectors for them."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Recognition:
    """What the vectors of one model are."""

    heat: np.ndarray
    """Mean score of each vector on stories of each state, `state vector`."""
    found: float
    """Share of stories on which the state's own vector scores highest."""
    found_permuted: float
    """The same for permuted vectors."""
    named: float
    """Share of the state's own words among the tokens its vector raises most."""
    named_permuted: float
    """The same for permuted vectors."""
    raised: tuple[tuple[str, ...], ...]
    """These tokens, by state."""
    plane: Plane
    """The plane of the vectors."""
    plane_shuffled: float
    """Variance of shuffled coordinates that the plane explains, the smaller of two, on average."""
    stable: float
    """Likeness of the arrangements in the layer that is read and in the last."""
    stable_shuffled: float
    """The same with states in another order, on average."""
    first_alike: float
    """Likeness of the arrangements in the first layer and in the one that is read."""
    clusters: tuple[int, ...]
    """Group of each state's vector, of `CLUSTERS`."""
    removed: int
    """Components of neutral text that were projected out."""


def measure(subject: Subject) -> Recognition:
    """Look at the vectors of one model."""
    config, vectors = subject.config, subject.main
    per_state = max(1, config.read.texts // len(STATES))
    states = np.arange(len(STATES)).repeat(per_state)
    told = stories(
        config.world, len(states), subject.rng("recognition"), states=states, hide=True
    ).ids[:, :-2]
    values = subject.at(told)[:, config.read.skip :].mean(dim=1)
    scores = subject.scores(values).numpy()
    permuted = [subject.permuted(f"permuted {number}") for number in range(config.read.random)]
    valence, arousal = (torch.from_numpy(one) for one in coordinates(np.arange(len(STATES))))
    plane = concept_plane(vectors, [valence, arousal])
    rng = subject.rng("shuffled")
    shuffled = [
        concept_plane(vectors, [valence[order], arousal[order]])
        for order in (rng.permutation(len(STATES)) for _ in range(20))
    ]
    named, raised = _named(subject, vectors)
    return Recognition(
        heat=scores.reshape(len(STATES), per_state, -1).mean(axis=1),
        found=_found(scores, states),
        found_permuted=float(
            np.mean([_found(subject.scores(values, one).numpy(), states) for one in permuted])
        ),
        named=named,
        named_permuted=float(np.mean([_named(subject, one)[0] for one in permuted])),
        raised=raised,
        plane=plane,
        plane_shuffled=float(np.mean([min(one.r2) for one in shuffled])),
        stable=representational_similarity(vectors, subject.vectors[-1]),
        stable_shuffled=float(
            np.mean(
                [
                    representational_similarity(vectors, _reordered(subject.vectors[-1], order))
                    for order in (rng.permutation(len(STATES)) for _ in range(20))
                ]
            )
        ),
        first_alike=representational_similarity(subject.vectors[0], vectors),
        clusters=tuple(concept_clusters(vectors, CLUSTERS).tolist()),
        removed=vectors.removed,
    )


def _found(scores: np.ndarray, states: np.ndarray) -> float:
    return float((scores.argmax(axis=1) == states).mean())


def grouped(clusters: tuple[int, ...]) -> tuple[tuple[str, ...], ...]:
    """States that share a group with another, by group."""
    groups = [
        tuple(state for state, one in zip(STATES, clusters, strict=True) if one == group)
        for group in sorted(set(clusters))
    ]
    return tuple(group for group in groups if len(group) > 1)


def neighbours(clusters: tuple[int, ...]) -> float:
    """Share of the pairs in one group that are next to each other on the circle (any: 2 of 11)."""
    near = [
        (second - first) in (1, len(clusters) - 1)
        for first in range(len(clusters))
        for second in range(first + 1, len(clusters))
        if clusters[first] == clusters[second]
    ]
    return sum(near) / len(near) if near else 0.0


def _named(subject: Subject, vectors: ConceptVectors) -> tuple[float, tuple[tuple[str, ...], ...]]:
    world = subject.config.world
    with torch.no_grad():
        effects = token_effects(
            subject.model, vectors.vectors.to(subject.model.network.embed.weight.device)
        ).cpu()
    top = effects.topk(TOP, dim=1).indices.tolist()
    own = [
        sum(token in world.words_of(state) for token in tokens) for state, tokens in enumerate(top)
    ]
    most = min(TOP, world.state_words)
    tokens = tuple(tuple(world.vocabulary[token] for token in row) for row in top)
    return float(np.mean(own)) / most, tokens


def _reordered(vectors: ConceptVectors, order: np.ndarray) -> ConceptVectors:
    return ConceptVectors(names=vectors.names, vectors=vectors.vectors[order], texts=vectors.texts)


def claims(found: list[Recognition], subjects: list[Subject]) -> list[ClaimResult]:
    """Judge what vectors find and how they lie."""
    seed, world = subjects[0].seed, subjects[0].config.world
    states = len(STATES)
    by_chance = world.state_words / world.vocab_size
    share = np.mean([one.found for one in found])
    named = np.mean([one.named for one in found])
    planes = np.mean([one.plane.r2 for one in found], axis=0)
    return [
        over_models(
            READS_STATES,
            [one.found * states for one in found],
            seed=seed,
            text=f"{share:.0%} of held-out stories, {share * states:.1f} times chance",
            control=[one.found_permuted * states for one in found],
            control_text="vectors with permuted coordinates",
        ),
        over_models(
            NAMES_WORDS,
            [one.named / by_chance for one in found],
            seed=seed,
            text=f"{named:.0%} of the tokens raised most, {named / by_chance:.0f} times chance",
            control=[one.named_permuted / by_chance for one in found],
            control_text="vectors with permuted coordinates",
        ),
        over_models(
            CIRCLE,
            [min(one.plane.r2) for one in found],
            seed=seed,
            text=f"{planes[0]:.2f} of valence, {planes[1]:.2f} of arousal; the smaller of each",
            control=[one.plane_shuffled for one in found],
            control_text="coordinates shuffled over states",
        ),
        over_models(
            STABLE,
            [one.stable for one in found],
            seed=seed,
            text="correlation of cosines between the layer that is read and the last",
            control=[one.stable_shuffled for one in found],
            control_text="states in another order",
        ),
    ]
