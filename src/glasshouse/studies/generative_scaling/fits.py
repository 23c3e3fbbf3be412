"""Laws through what was measured, a domain at a time."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64

from glasshouse.errors import InputError
from glasshouse.scaling import (
    Estimate,
    FitConfig,
    FittedLaw,
    ScalingRun,
    fit_law,
    named_law,
    parametric_allocation,
)
from glasshouse.scaling.comparing import why_no_constant
from glasshouse.scaling.fitting import without_constant
from glasshouse.studies.generative_scaling.seen import DomainRuns, Seen

TENTHS = {"easiest": (0.0, 0.1), "middle": (0.45, 0.55), "hardest": (0.9, 1.0)}
"""Shares of held-out images, ordered by what they cost the best possible reader."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class DomainFits:
    """What laws say of one domain; None where the runs do not allow one."""

    domain: DomainRuns
    """Of which."""
    by_size: FittedLaw
    """L(N) with a constant, on the longest runs."""
    pure: FittedLaw
    """L(N) without one."""
    by_compute: FittedLaw | None
    """L(C) with a constant, on runs that no cheaper one beats."""
    best_size: Estimate | None
    """Exponent of N_opt(C), from L(N, D)."""

    @property
    def no_constant(self) -> str:
        """Why the runs do not show the constant of L(N); empty if they do."""
        return why_no_constant(self.by_size)

    @property
    def off(self) -> tuple[float, float, float]:
        """How far the constant lies from the entropy of what is held out, as a share of it: value,
        low and high."""
        return _apart(self.by_size.estimates["E"], self.domain.best_loss)

    @property
    def pure_misses(self) -> float:
        """Root mean square miss without a constant, over that with one."""
        return float(np.sqrt((self.pure.residuals**2).mean() / (self.by_size.residuals**2).mean()))

    @property
    def parted(self) -> tuple[float, float, float] | None:
        """How far the constants of L(N) and L(C) lie apart; None unless the runs show both."""
        if self.no_constant or self.by_compute is None or why_no_constant(self.by_compute):
            return None
        found, other = self.by_compute.estimates["E"], self.by_size.estimates["E"]
        value = abs(found.value / other.value - 1)
        far = max(abs(found.high / other.low - 1), abs(found.low / other.high - 1))
        is_overlap = found.low <= other.high and other.low <= found.high
        near = (
            0.0
            if is_overlap
            else min(abs(found.low / other.high - 1), abs(found.high / other.low - 1))
        )
        return value, near, far


def _apart(found: Estimate, truth: float) -> tuple[float, float, float]:
    ends = [abs(end / truth - 1) for end in (found.low, found.high)]
    near = 0.0 if found.low <= truth <= found.high else min(ends)
    return abs(found.value / truth - 1), near, max(ends)


def fit_domains(seen: Seen) -> tuple[DomainFits, ...]:
    """Fit every domain."""
    config = FitConfig(draws=seen.config.draws, seed=seen.seed)
    found = []
    for domain in seen.domains:
        longest, runs = seen.longest(domain), seen.runs(domain)
        law = named_law("N")
        found.append(
            DomainFits(
                domain=domain,
                by_size=fit_law(law, longest, config),
                pure=fit_law(without_constant(law), longest, config),
                by_compute=_tried("C", unbeaten(runs), config),
                best_size=_best_size(runs, config),
            )
        )
    return tuple(found)


def unbeaten(runs: Sequence[ScalingRun]) -> list[ScalingRun]:
    """Runs whose loss no run of as little compute reaches, cheapest first."""
    found: list[ScalingRun] = []
    for run in sorted(runs, key=lambda one: (one.compute, one.loss)):
        if not found or run.loss < found[-1].loss:
            found.append(run)
    return found


def _tried(name: str, runs: Sequence[ScalingRun], config: FitConfig) -> FittedLaw | None:
    try:
        return fit_law(named_law(name), runs, config)
    except InputError:
        return None


def _best_size(runs: Sequence[ScalingRun], config: FitConfig) -> Estimate | None:
    fit = _tried("ND", runs, config)
    return None if fit is None else parametric_allocation(fit).params_exponent


def lacks_by_size(
    seen: Seen, domain: DomainRuns
) -> tuple[Float64[np.ndarray, " size"], Float64[np.ndarray, "size image"]]:
    """Sizes, and what each held-out image still has to lose there, mean over runs."""
    names = {run.name: run.params for run in seen.longest(domain)}
    params = sorted(set(names.values()))
    lacks = [
        np.mean([domain.lacks[run] for run, at in names.items() if at == size], axis=0)
        for size in params
    ]
    return np.array(params, dtype=float), np.array(lacks)


def tenth(order: Int64[np.ndarray, " image"], low: float, high: float) -> np.ndarray:
    """Images between two shares of an order."""
    return order[int(low * len(order)) : max(1, int(high * len(order)))]


def slopes_by_difficulty(
    params: Float64[np.ndarray, " size"],
    lacks: Float64[np.ndarray, "size image"],
    costs: Float64[np.ndarray, " image"],
) -> dict[str, float]:
    """Slope of log reducible loss over log size, of the mean image and of those in each tenth.

    Args:
        params: Sizes.
        lacks: What images still have to lose, from `lacks_by_size`.
        costs: What they cost the best possible reader.

    Returns:
        Slopes by name, `mean` among them; NaN where a tenth has nothing left to lose.
    """
    order = np.argsort(costs)
    groups = {"mean": order} | {name: tenth(order, *ends) for name, ends in TENTHS.items()}
    found = {}
    for name, group in groups.items():
        means = lacks[:, group].mean(axis=1)
        is_left = bool((means > 0).all())
        found[name] = (
            float(np.polyfit(np.log(params), np.log(means), 1)[0]) if is_left else math.nan
        )
    return found
