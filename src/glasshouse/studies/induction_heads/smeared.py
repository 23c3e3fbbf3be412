"""Argument 2: when keys see their predecessor, in-context learning comes with less, and earlier."""

from itertools import permutations

import numpy as np

from glasshouse.studies.claims import ClaimResult
from glasshouse.studies.induction_heads.claims import SMEARED_ONE, SMEARED_TWO
from glasshouse.studies.induction_heads.evidence import listed, not_grown, over_models
from glasshouse.studies.induction_heads.grow import Nursery
from glasshouse.studies.induction_heads.measures import window_of
from glasshouse.studies.induction_heads.phase_change import final_gain


def claims(nursery: Nursery) -> list[ClaimResult]:
    """Judge argument 2."""
    return [_one_layer(nursery), _two_layers(nursery)]


def _one_layer(nursery: Nursery) -> ClaimResult:
    names = ("one_layer", "two_layers", "one_layer_smeared")
    if not nursery.has(*names):
        return not_grown(SMEARED_ONE, nursery, *names)
    trios = list(zip(*(nursery.courses[name] for name in names), strict=False))
    last = [
        (final_gain(two, one, nursery), final_gain(smeared, one, nursery))
        for one, two, smeared in trios
    ]
    values = [smeared / two for two, smeared in last]
    # The most that another start makes of a 1-layer model in which nothing is smeared. (Every pair
    # both ways would cancel, whatever the models do.)
    ones, full = nursery.courses["one_layer"], np.mean([two for two, _ in last])
    chance = max((final_gain(a, b, nursery) / full for a, b in permutations(ones, 2)), default=0.0)
    return over_models(
        SMEARED_ONE,
        values,
        nursery,
        text=f"{np.mean(values):.2f} of the two-layer model's gain ({listed(values)})",
        control=[float(chance)],
        control_text=f"the best 1-layer model without smeared keys, over the worst: {chance:.2f}",
    )


def _two_layers(nursery: Nursery) -> ClaimResult:
    names = ("two_layers", "two_layers_smeared")
    if not nursery.has(*names):
        return not_grown(SMEARED_TWO, nursery, *names)
    plain, smeared = (
        [window_of(course, nursery.config).steepest for course in nursery.courses[name]]
        for name in names
    )
    values = [after / before for before, after in zip(plain, smeared, strict=False)]
    earliest = min(plain) / max(plain)
    return over_models(
        SMEARED_TWO,
        values,
        nursery,
        text=f"{np.mean(values):.2f} of the step without ({listed(values)})",
        control=[earliest],
        control_text=f"the earliest model without smeared keys, over the latest: {earliest:.2f}",
    )
