"""Which form of a law the runs support, whether its constant is known, and how far it carries.

Two tests that do not share their weaknesses: AIC, which sees all runs but only where they are; and
extrapolation, which fits the small runs and predicts the large ones, as a forecast would.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from glasshouse.errors import InputError
from glasshouse.scaling.estimates import Estimate
from glasshouse.scaling.fitting import FitConfig, FittedLaw, fit_law
from glasshouse.scaling.laws import Law
from glasshouse.scaling.runs import ScalingRun, column

HELD_OUT_FACTOR = 8.0
"""Runs of more than the largest compute divided by this are held out."""
_HELD_OUT_DRAWS = 100
_LEAST_SHARE = 0.05
"""A constant whose interval reaches below this share of the lowest loss may as well be 0."""
_MOST_REDUCIBLE = 0.5
"""Where more than this share of the lowest loss is still reducible, the constant is far away."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Extrapolation:
    """A law fitted on small runs, held against large ones."""

    median_error: float
    """Median over held-out runs of |predicted / measured - 1|."""
    covered: float
    """Share of held-out runs inside their intervals."""
    num_fitted: int
    """Small runs."""
    num_held_out: int
    """Large runs."""
    factor: float
    """Largest held-out compute over largest fitted compute."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Candidate:
    """One form, fitted."""

    fit: FittedLaw
    """The fit."""
    aicc: float
    """Akaike's criterion, corrected for small samples; lower is better."""
    weight: float
    """Akaike weight: how likely this form is the best of those compared."""
    extrapolation: Extrapolation | None
    """None where too few runs are small enough."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Comparison:
    """Forms of a law on the same runs, the best by AIC first."""

    candidates: tuple[Candidate, ...]
    """Those that could be fitted."""
    refused: tuple[tuple[str, str], ...]
    """Title and reason of those that could not."""

    @property
    def best(self) -> Candidate:
        """The form with the lowest AIC."""
        return self.candidates[0]


def compare_laws(
    laws: Sequence[Law], runs: Sequence[ScalingRun], config: FitConfig | None = None
) -> Comparison:
    """Fit every form and rank them.

    Args:
        laws: The forms; with and without constant are two.
        runs: Sound runs.
        config: How to fit.

    Raises:
        InputError: If none can be fitted; the reason is that of the simplest.
    """
    config = config or FitConfig()
    fits: list[FittedLaw] = []
    refused: list[tuple[str, str]] = []
    for law in laws:
        try:
            fits.append(fit_law(law, runs, config))
        except InputError as error:
            refused.append((law.title, str(error)))
    if not fits:
        simplest = min(range(len(laws)), key=lambda place: laws[place].num_unknowns)
        raise InputError(refused[simplest][1])
    scores = np.array([_aicc(fit, delta=max(one.delta for one in fits)) for fit in fits])
    weights = np.exp(-0.5 * (scores - scores.min()))
    weights /= weights.sum()
    candidates = [
        Candidate(
            fit=fit,
            aicc=float(score),
            weight=float(weight),
            extrapolation=_tried(fit.law, runs, config),
        )
        for fit, score, weight in zip(fits, scores, weights, strict=True)
    ]
    candidates.sort(key=lambda one: one.aicc)
    return Comparison(candidates=tuple(candidates), refused=tuple(refused))


def extrapolate(
    law: Law,
    runs: Sequence[ScalingRun],
    config: FitConfig | None = None,
    *,
    factor: float = HELD_OUT_FACTOR,
) -> Extrapolation:
    """Fit a law on runs of up to 1/factor of the largest compute, and predict the rest.

    Raises:
        InputError: If too few runs are small enough.
    """
    if factor <= 1:
        raise InputError(f"factor={factor:g} must exceed 1; 8 is common")
    compute = column(runs, "C")
    is_small = compute <= compute.max() / factor * (1 + 1e-9)
    small = [run for run, one in zip(runs, is_small, strict=True) if one]
    large = [run for run, one in zip(runs, is_small, strict=True) if not one]
    fit = fit_law(law, small, config)
    values = {name: column(large, name) for name in law.variables}
    measured = column(large, "loss")
    low, high = fit.interval(values, of_a_run=True)
    return Extrapolation(
        median_error=float(np.median(np.abs(fit.loss(values) / measured - 1))),
        covered=float(np.mean((low <= measured) & (measured <= high))),
        num_fitted=len(small),
        num_held_out=len(large),
        factor=float(compute.max() / compute[is_small].max()),
    )


def why_no_constant(fit: FittedLaw) -> str:
    """Why the runs do not show a fit's constant; empty where they do.

    Source:
        The rule of half: an offset fit whose largest model still has half its loss to lose sees the
        constant only through the assumed form.
    """
    if not fit.law.has_constant:
        return "the law was fitted without one"
    constant = fit.estimates["E"]
    if constant.low < _LEAST_SHARE * fit.lowest_loss:
        return (
            f"its interval, {constant.low:.3g} to {constant.high:.3g}, reaches down to nothing: "
            "the runs are too few, too noisy or too much alike"
        )
    reducible = 1 - constant.value / fit.lowest_loss
    if reducible > _MOST_REDUCIBLE:
        return (
            f"{reducible:.0%} of the lowest loss, {fit.lowest_loss:.3g}, is still reducible, and "
            "a constant that far away is a guess of the form; train larger models"
        )
    return ""


def irreducible_loss(fit: FittedLaw) -> Estimate:
    """The constant E of a fit, with its interval.

    Raises:
        InputError: If the runs do not show it.
    """
    reason = why_no_constant(fit)
    if reason:
        raise InputError(f"the constant of {fit.law.title} cannot be named: {reason}")
    return fit.estimates["E"]


def _tried(law: Law, runs: Sequence[ScalingRun], config: FitConfig) -> Extrapolation | None:
    try:
        return extrapolate(law, runs, replace(config, draws=min(config.draws, _HELD_OUT_DRAWS)))
    except InputError:
        return None


def _aicc(fit: FittedLaw, *, delta: float) -> float:
    """AIC of normal errors, with strays counted as three deltas, and Hurvich & Tsai's correction.

    Source:
        Burnham & Anderson 2002, "Model selection and multimodel inference", section 2.4.
    """
    unknowns, count = fit.law.num_unknowns + 1, fit.num_runs  # the spread is one more
    bounded = np.clip(fit.residuals, -3 * delta, 3 * delta)
    mean_square = max(float((bounded**2).mean()), 1e-14)
    correction = 2 * unknowns * (unknowns + 1) / max(1, count - unknowns - 1)
    return count * np.log(mean_square) + 2 * unknowns + correction
