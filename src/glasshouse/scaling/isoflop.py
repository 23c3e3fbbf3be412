"""The best size from isoFLOP profiles: runs of equal compute, a parabola through their losses."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64

from glasshouse.errors import InputError
from glasshouse.scaling.allocation import Allocation
from glasshouse.scaling.estimates import unit_weights, weighted_lines
from glasshouse.scaling.fitting import FitConfig
from glasshouse.scaling.runs import ScalingRun, column

_SAME_COMPUTE = 0.1
"""Runs whose compute differs by less than about this share are one profile."""
_LEAST_SIZES, _LEAST_PROFILES = 4, 3
_LEAST_ENCLOSED = 0.9
"""Of the resamples, the share whose minimum must lie among the sizes of a profile."""


def isoflop_allocation(runs: Sequence[ScalingRun], config: FitConfig | None = None) -> Allocation:
    """Fit a parabola of loss in log N to every profile, and a line through their minima.

    Args:
        runs: Sound runs, several sizes at each of several budgets.
        config: Draws, confidence and seed.

    Raises:
        InputError: If fewer than three profiles enclose a minimum.

    Source:
        Hoffmann et al. 2022 (2203.15556), section 3.2.
    """
    config = config or FitConfig()
    rng = np.random.default_rng([0x150F, config.seed])
    centres, optima, drawn, left_out = [], [], [], []
    for profile in isoflop_profiles(runs):
        compute = float(np.exp(np.log(column(profile, "C")).mean()))
        try:
            best, resampled = _minimum(profile, config.draws, rng)
        except InputError as error:
            left_out.append(f"profile of {compute:.3g} FLOP: {error}")
            continue
        centres.append(np.log(compute))
        optima.append(best)
        drawn.append(resampled)
    if len(optima) < _LEAST_PROFILES:
        why = f" ({'; '.join(left_out)})" if left_out else ""
        raise InputError(
            f"isoFLOP profiles need {_LEAST_PROFILES} budgets with at least {_LEAST_SIZES} sizes "
            f"around a minimum, not {len(optima)}{why}"
        )
    design = np.stack([np.ones(len(centres)), np.array(centres)], axis=1)
    inverse = np.linalg.pinv(design)
    return Allocation(
        method="isoflop",
        source="Hoffmann et al. 2022 (2203.15556), section 3.2",
        line=inverse @ np.array(optima),
        drawn=np.array(drawn).T @ inverse.T,
        flops_factor=flops_factor(runs),
        confidence=config.confidence,
        optima=tuple(
            (float(np.exp(c)), float(np.exp(n))) for c, n in zip(centres, optima, strict=True)
        ),
        left_out=tuple(left_out),
    )


def isoflop_profiles(runs: Sequence[ScalingRun]) -> list[list[ScalingRun]]:
    """Runs of about equal compute, together; those with fewer than four sizes are none."""
    profiles: list[list[ScalingRun]] = []
    for run in sorted(runs, key=lambda one: one.compute):
        if profiles and run.compute <= profiles[-1][0].compute * (1 + _SAME_COMPUTE):
            profiles[-1].append(run)
        else:
            profiles.append([run])
    return [one for one in profiles if len({run.params for run in one}) >= _LEAST_SIZES]


def flops_factor(runs: Sequence[ScalingRun]) -> float:
    """C / (N·D) of runs: their median."""
    return float(np.median(column(runs, "C") / (column(runs, "N") * column(runs, "D"))))


def _minimum(
    profile: Sequence[ScalingRun], draws: int, rng: np.random.Generator
) -> tuple[float, Float64[np.ndarray, " draw"]]:
    """Log of the best size of one profile, and of its resamples.

    Raises:
        InputError: If the profile does not enclose a minimum.
    """
    size, loss = np.log(column(profile, "N")), column(profile, "loss")
    middle = size.mean()
    design = np.vander(size - middle, 3)  # squared, linear, constant
    weights = np.concatenate(
        [
            np.ones((1, len(profile))),
            unit_weights(len(profile), unknowns=3, draws=draws, rng=rng),
        ]
    )
    square, slope, _ = weighted_lines(design, loss, weights).T
    with np.errstate(divide="ignore", invalid="ignore"):
        vertex = middle - slope / (2 * square)
    is_inside = (square > 0) & (vertex >= size.min()) & (vertex <= size.max())
    if not is_inside[0]:
        end = "largest" if loss[size.argmax()] < loss[size.argmin()] else "smallest"
        raise InputError(f"no minimum among its sizes; it falls towards the {end}")
    if is_inside[1:].mean() < _LEAST_ENCLOSED:
        raise InputError(
            f"its minimum lies among its sizes in only {is_inside[1:].mean():.0%} of resamples"
        )
    return float(vertex[0]), np.where(is_inside, vertex, vertex[0])[1:]
