"""Argument 3: take heads away, and see how much in-context learning goes with them."""

from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np

from glasshouse.interpret.ablation import Ablation, ablate_heads
from glasshouse.studies.claims import ClaimResult
from glasshouse.studies.induction_heads.claims import ABLATED, OTHERS_SPARED
from glasshouse.studies.induction_heads.course import Course, losses_on
from glasshouse.studies.induction_heads.evidence import listed, not_grown, over_models, untested
from glasshouse.studies.induction_heads.grow import Nursery
from glasshouse.studies.induction_heads.measures import icl
from glasshouse.studies.induction_heads.texts import held_out_texts, stream

INDUCTION = 0.3
"""Prefix matching from which on a head is ablated as an induction head."""

DRAWS = 8
"""Sets of other heads that are drawn, where there are more others than induction heads."""

Head = tuple[int, int]


@dataclass(frozen=True, kw_only=True, slots=True)
class Removed:
    """What goes with some heads, as shares of a model's gain over the 1-layer model."""

    score: float
    """Of the in-context-learning score."""
    late: float
    """Of the loss of late words alone."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ablated:
    """One model without some of its heads."""

    heads: tuple[Head, ...]
    """Its induction heads."""
    num_others: int
    """How many others were taken at once: as many, or all there are."""
    removed: Removed
    """By its induction heads, patterns kept."""
    by_others: Removed
    """By others, patterns kept; NaN without others."""
    freely: Removed
    """By its induction heads, when later patterns may change."""
    freely_by_others: Removed
    """By others, when later patterns may change."""
    singly: Removed
    """The most that a single induction head removes from the score, patterns kept."""


def measure(nursery: Nursery) -> list[Ablated]:
    """Ablate in every model of eight heads a layer; empty where none were grown."""
    pairs = zip(
        nursery.courses.get("many_heads", ()), nursery.courses.get("one_layer", ()), strict=False
    )
    return [_ablate(nursery, number, *pair) for number, pair in enumerate(pairs)]


def _ablate(nursery: Nursery, number: int, course: Course, shallow: Course) -> Ablated:
    removed = _remover(nursery, number, course, shallow)
    found, others = split_heads(course.matching[-1])
    sets = draw_sets(others, len(found), stream(nursery.seed, "other heads", str(number)))
    kept: Ablation = "pattern_preserving"
    return Ablated(
        heads=tuple(found),
        num_others=min(len(found), len(others)),
        removed=removed(found, kept),
        by_others=_mean([removed(some, kept) for some in sets]),
        freely=removed(found, "zero"),
        freely_by_others=_mean([removed(some, "zero") for some in sets]),
        singly=max(
            (removed([head], kept) for head in found), key=lambda one: one.score, default=_mean([])
        ),
    )


def _remover(
    nursery: Nursery, number: int, course: Course, shallow: Course
) -> Callable[[Collection[Head], Ablation], Removed]:
    """A function that takes heads from a model and says what went with them."""
    config, looks = nursery.config, nursery.config.looks
    world = config.world(course.kind)
    seed = int(stream(nursery.seed, "ablation", str(number)).integers(1 << 62))
    ids = held_out_texts(world, looks.length, looks.texts, seed=seed).ids
    graph = nursery.probes["many_heads"].holding(course.weights)

    def measured(losses: np.ndarray) -> np.ndarray:
        return np.array(
            [icl(losses, config), losses[looks.late : looks.late + looks.window].mean()]
        )

    def without(heads: Collection[Head], mode: Ablation) -> np.ndarray:
        losses = losses_on(
            lambda some: ablate_heads(graph, some, heads, mode=mode),
            ids,
            vocab_size=world.vocab_size,
            device=config.device,
        )
        return measured(losses.mean(axis=0))

    clean = without((), "zero")
    gains = measured(shallow.losses[-1]) - clean

    def removed(heads: Collection[Head], mode: Ablation) -> Removed:
        score, late = (without(heads, mode) - clean) / gains
        return Removed(score=float(score), late=float(late))

    return removed


def split_heads(matching: np.ndarray) -> tuple[list[Head], list[Head]]:
    """Induction heads and all others, from scores `layer head`."""
    every = [(int(layer), int(head)) for layer, head in np.ndindex(*matching.shape)]
    found = [head for head in every if matching[head] > INDUCTION]
    return found, [head for head in every if head not in found]


def draw_sets(heads: list[Head], count: int, rng: np.random.Generator) -> list[list[Head]]:
    """Sets of `count` heads: a few drawn at random, or all heads where there are no more."""
    if not heads or not count:
        return []
    if len(heads) <= count:
        return [heads]
    drawn = (rng.choice(len(heads), size=count, replace=False) for _ in range(DRAWS))
    return [[heads[i] for i in some] for some in drawn]


def _mean(values: list[Removed]) -> Removed:
    if not values:
        return Removed(score=float("nan"), late=float("nan"))
    return Removed(
        score=float(np.mean([value.score for value in values])),
        late=float(np.mean([value.late for value in values])),
    )


def claims(found: list[Ablated], nursery: Nursery) -> list[ClaimResult]:
    """Judge argument 3."""
    if not found:
        names = ("one_layer", "many_heads")
        return [not_grown(claim, nursery, *names) for claim in (ABLATED, OTHERS_SPARED)]
    if not all(model.heads for model in found):
        return [
            untested(claim, "a model of eight heads a layer has no head with prefix matching > 0.3")
            for claim in (ABLATED, OTHERS_SPARED)
        ]
    removed = [model.removed.score for model in found]
    by_others = [model.by_others.score for model in found]
    late = np.mean([model.removed.late for model in found])
    late_by_others = np.mean([model.by_others.late for model in found])
    counts = ", ".join(str(len(model.heads)) for model in found)
    others = ", ".join(str(model.num_others) for model in found)
    return [
        over_models(
            ABLATED,
            removed,
            nursery,
            text=f"{np.mean(removed):.0%} of the gain ({listed(removed)}; {counts} heads); of what "
            f"late words gain, {late:.0%}",
            control=by_others,
            control_text=f"other heads ({others}): {np.mean(by_others):.0%}",
        ),
        over_models(
            OTHERS_SPARED,
            by_others,
            nursery,
            text=f"{np.mean(by_others):.0%} of the gain ({listed(by_others)}; {others} heads); of "
            f"what late words gain, {late_by_others:.0%}",
            control=removed,
            control_text=f"the induction heads: {np.mean(removed):.0%}",
        ),
    ]
