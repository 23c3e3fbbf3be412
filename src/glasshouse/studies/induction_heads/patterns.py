"""What two heads of one model look at, on one text, before, in and after the change."""

from dataclasses import dataclass

import numpy as np

from glasshouse.studies.induction_heads.ablation import Head
from glasshouse.studies.induction_heads.grow import Nursery
from glasshouse.studies.induction_heads.measures import window_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Patterns:
    """Attention of two heads on one text, `query key`."""

    previous_head: Head
    """The head that looks most at the previous token, of those before the last layer."""
    previous: np.ndarray
    """Its attention at the end of training."""
    induction_head: Head
    """The head that matches prefixes best."""
    induction: tuple[tuple[int, np.ndarray], ...]
    """Step and attention at some looks."""


def watch(nursery: Nursery) -> Patterns | None:
    """The patterns of the first 2-layer model; None if there is none."""
    if not nursery.has("two_layers"):
        return None
    course = nursery.courses["two_layers"][0]
    window = window_of(course, nursery.config)
    moments = (window.start / 2, window.steepest, float(course.steps[-1]))
    looks = [int(np.abs(course.steps - moment).argmin()) for moment in moments]
    best = _strongest(course.matching[-1])
    back = _strongest(course.previous[-1, :-1])
    return Patterns(
        previous_head=back,
        previous=course.patterns[-1][back].astype(np.float32),
        induction_head=best,
        induction=tuple(
            (int(course.steps[look]), course.patterns[look][best].astype(np.float32))
            for look in looks
        ),
    )


def _strongest(scores: np.ndarray) -> Head:
    """The head of the highest score, `layer head`."""
    layer, head = np.unravel_index(scores.argmax(), scores.shape)
    return int(layer), int(head)
