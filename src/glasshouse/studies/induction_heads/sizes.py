"""Argument 6: what small models show goes on to larger ones."""

import numpy as np

from glasshouse.studies.claims import ClaimResult
from glasshouse.studies.induction_heads.claims import CONSTANT
from glasshouse.studies.induction_heads.evidence import listed, not_grown, over_models
from glasshouse.studies.induction_heads.grow import Nursery
from glasshouse.studies.induction_heads.measures import icl

WIDTHS = ("narrow", "two_layers", "wide")
"""Kinds that differ in width alone."""


def claims(nursery: Nursery) -> list[ClaimResult]:
    """Judge argument 6."""
    if not nursery.has(*WIDTHS, "one_layer"):
        return [not_grown(CONSTANT, nursery, *WIDTHS, "one_layer")]
    values = relative_ranges(nursery, *WIDTHS)
    depths = relative_ranges(nursery, "one_layer", "two_layers")
    scores = [
        float(np.mean([icl(c.losses[-1], nursery.config) for c in nursery.courses[name]]))
        for name in WIDTHS
    ]
    return [
        over_models(
            CONSTANT,
            values,
            nursery,
            text=f"{np.mean(values):.0%} of the mean ({listed(values)}); scores of widths "
            f"{', '.join(str(nursery.courses[name][0].kind.d_model) for name in WIDTHS)}: "
            f"{listed(scores)} nats",
            control=depths,
            control_text=f"1 layer against 2: {np.mean(depths):.0%}",
        )
    ]


def relative_ranges(nursery: Nursery, *names: str) -> list[float]:
    """Range of the final ICL over kinds, as a share of its mean, by the models' number."""
    ranges = []
    for courses in zip(*(nursery.courses[name] for name in names), strict=False):
        scores = [float(icl(course.losses[-1], nursery.config)) for course in courses]
        ranges.append((max(scores) - min(scores)) / abs(float(np.mean(scores))))
    return ranges
