"""The critical batch of two sizes at equal losses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from glasshouse.errors import InputError
from glasshouse.scaling import FitConfig, ScalingRun, critical_batch
from glasshouse.scaling.estimates import Estimate
from glasshouse.studies.claims import ClaimResult
from glasshouse.studies.scaling_laws.claims import BATCH_RISES, CRITICAL_BATCH
from glasshouse.studies.scaling_laws.curves import tokens_to
from glasshouse.studies.scaling_laws.evidence import judged, untested
from glasshouse.studies.scaling_laws.sweeps import Swept

TARGETS = (1.0, 1.07, 1.14)
"""Losses asked for, over the lowest that every run reaches."""
_95 = 1.96


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Batches:
    """What was measured."""

    params: tuple[int, ...]
    """N of the two sizes."""
    targets: tuple[float, ...]
    """Losses, the lowest first."""
    steps: dict[tuple[int, float], tuple[tuple[float, float], ...]]
    """Batch in tokens and steps needed, by N and loss."""
    critical: dict[tuple[int, float], Estimate]
    """Critical batch in tokens, by N and loss."""
    least: dict[tuple[int, float], Estimate]
    """Least steps, likewise."""
    why_not: str
    """Why there is none, where there is none."""


def measure(swept: Swept) -> Batches:
    """Read steps off the curves and fit the trade of steps for data."""
    runs = swept.batches
    params = tuple(swept.config.shape(*shape).params for shape in swept.config.batches.shapes)
    lowest = max(min(point.loss for point in run.curve) for run in runs.values()) * 1.001
    targets = tuple(lowest * factor for factor in TARGETS)
    steps, critical, least, why_not = {}, {}, {}, ""
    for size in params:
        own = [runs[key] for key in sorted(runs) if key[0] == size]
        for target in targets:
            steps[size, target] = tuple(_needed(run, target) for run in own)
            try:
                found = _fitted(steps[size, target], swept.config.fitting(swept.seed))
            except InputError as error:
                why_not = f"{size:,} parameters, loss {target:.2f}: {error}"
                continue
            critical[size, target], least[size, target] = found["B_crit"], found["S_min"]
    return Batches(
        params=params,
        targets=targets,
        steps=steps,
        critical=critical,
        least=least,
        why_not=why_not,
    )


def claims(batches: Batches) -> tuple[ClaimResult, ClaimResult]:
    """One curve for two sizes, and its rise."""
    if batches.why_not:
        return (
            untested(CRITICAL_BATCH, batches.why_not),
            untested(BATCH_RISES, batches.why_not),
        )
    return _by_loss(batches), _rises(batches)


def _by_loss(batches: Batches) -> ClaimResult:
    first, second = batches.params
    found = [
        log_ratio(batches.critical[second, target], batches.critical[first, target])
        for target in batches.targets
    ]
    value, error = max(found, key=lambda one: abs(one[0]))
    low, high = max(0.0, abs(value) - _95 * error), abs(value) + _95 * error
    told = "; ".join(
        f"at {target:.2f}: {batches.critical[first, target]} and "
        f"{batches.critical[second, target]} tokens"
        for target in batches.targets
    )
    return judged(
        CRITICAL_BATCH,
        float(np.exp(abs(value))),
        (float(np.exp(low)), float(np.exp(high))),
        text=f"{np.exp(abs(value)):.2f} times at worst, for {batches.params[0]:,} and "
        f"{batches.params[1]:,} parameters; {told}",
    )


def _rises(batches: Batches) -> ClaimResult:
    lowest, highest = batches.targets[0], batches.targets[-1]
    found = {
        size: log_ratio(batches.critical[size, lowest], batches.critical[size, highest])
        for size in batches.params
    }
    value, error = min(found.values())
    told = ", ".join(f"{np.exp(one):.2f} (N {size:,})" for size, (one, _) in found.items())
    return judged(
        BATCH_RISES,
        float(np.exp(value)),
        (float(np.exp(value - _95 * error)), float(np.exp(value + _95 * error))),
        text=f"{told} times at a loss of {lowest:.2f} what it is at {highest:.2f}; by the paper's "
        f"exponent {(highest / lowest) ** (1 / 0.21):.2f}",
    )


def log_ratio(above: Estimate, below: Estimate) -> tuple[float, float]:
    """Log of a ratio of two independent estimates, and its standard error from their intervals."""
    errors = [np.log(one.high / one.low) / (2 * _95) for one in (above, below)]
    return float(np.log(above.value / below.value)), float(np.hypot(*errors))


def _needed(run: ScalingRun, loss: float) -> tuple[float, float]:
    assert run.batch_tokens is not None
    return run.batch_tokens, tokens_to(run, loss) / run.batch_tokens


def _fitted(needed: Sequence[tuple[float, float]], config: FitConfig) -> Mapping[str, Estimate]:
    batch, steps = np.array(needed, dtype=np.float64).T
    if not np.isfinite(steps).all():
        raise InputError("not every batch reaches it")
    return critical_batch(steps, steps * batch, config)
