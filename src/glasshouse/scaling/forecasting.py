"""From small runs: the loss that a budget reaches, with its interval, and how to spend it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from glasshouse.errors import InputError
from glasshouse.scaling.allocation import Allocation, parametric_allocation
from glasshouse.scaling.comparing import Comparison, compare_laws
from glasshouse.scaling.envelope import envelope_allocation
from glasshouse.scaling.estimates import Estimate, estimate_of
from glasshouse.scaling.fitting import FitConfig, without_constant
from glasshouse.scaling.isoflop import flops_factor, isoflop_allocation
from glasshouse.scaling.laws import LAWS, Law
from glasshouse.scaling.runs import Excluded, ScalingRun, Sound, column

_FAR = 100.0
"""Times the largest run's compute beyond which a forecast is told to be a long shot."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Forecast:
    """What a budget buys."""

    budget: float
    """Compute of the run to come, in FLOP."""
    loss: Estimate
    """Loss of that run, the scatter of single runs included in the interval."""
    params: Estimate | None
    """N to choose; None where the runs do not show it."""
    tokens: Estimate | None
    """D to choose; None where the runs do not show it."""
    basis: Comparison
    """The laws behind the loss, the best first."""
    allocations: tuple[Allocation, ...]
    """Approaches to the best size that the runs allow; the first one is used."""
    refused: tuple[tuple[str, str], ...]
    """Approaches that they do not allow, each with its reason."""
    runs: tuple[ScalingRun, ...]
    """Runs it stands on."""
    excluded: tuple[Excluded, ...]
    """Runs left out."""
    warnings: tuple[str, ...]
    """What a reader should know before believing it."""

    @property
    def reach(self) -> float:
        """Budget over the compute of the largest run."""
        return self.budget / max(run.compute for run in self.runs)


def forecast(sound: Sound, budget: float, config: FitConfig | None = None) -> Forecast:
    """Say what loss a budget reaches and how to spend it.

    Where sizes and data vary apart, the loss is that of a fitted L(N, D) at its own best size.
    Where they do not, it is that of L(C) through the runs that nothing cheaper beats, and the size
    comes from profiles or curves if there are any.

    Args:
        sound: Runs, and those left out.
        budget: Compute of the run to come, in FLOP.
        config: How to fit.

    Raises:
        InputError: If the budget is no number, or no law can be fitted.
    """
    if not 0 < budget < np.inf:
        raise InputError(f"a budget of {budget:g} FLOP must be positive and finite")
    config = config or FitConfig()
    runs = list(sound.runs)
    basis, why_not = _basis(runs, config)
    allocations, refused = _allocations(runs, basis, why_not, config)
    if basis.best.fit.law.variables == ("N", "D") and not allocations:
        raise InputError("; ".join(f"{name}: {reason}" for name, reason in refused))
    chosen = allocations[0] if allocations else None
    return Forecast(
        budget=budget,
        loss=_loss(basis, _spending(basis, chosen, budget), config),
        params=chosen.params(budget) if chosen else None,
        tokens=chosen.tokens(budget) if chosen else None,
        basis=basis,
        allocations=tuple(allocations),
        refused=tuple(refused),
        runs=tuple(runs),
        excluded=sound.excluded,
        warnings=tuple(_warnings(runs, basis, allocations, budget)),
    )


def pareto_runs(runs: Sequence[ScalingRun]) -> list[ScalingRun]:
    """Runs that no run of less compute beats, by compute."""
    kept: list[ScalingRun] = []
    for run in sorted(runs, key=lambda one: (one.compute, one.loss)):
        if not kept or run.loss < kept[-1].loss:
            kept.append(run)
    return kept


def blended_losses(
    basis: Comparison,
    values: Mapping[str, Float64[np.ndarray, " point"]],
    config: FitConfig,
    *,
    of_a_run: bool = False,
) -> Float64[np.ndarray, "draw point"]:
    """Losses under resamples of all forms, each form as often as its Akaike weight says.

    So an interval also holds the doubt whether there is a constant.
    """
    rng = np.random.default_rng([0xB1ED, config.seed])
    weights = np.array([one.weight for one in basis.candidates])
    who = rng.choice(len(weights), size=config.draws, p=weights / weights.sum())
    every = np.stack([one.fit.drawn_losses(values) for one in basis.candidates])
    drawn = every[who, np.arange(config.draws)]
    if of_a_run:
        spreads = np.array([one.fit.spread for one in basis.candidates])[who, None]
        drawn = drawn * np.exp(spreads * rng.standard_normal(drawn.shape))
    return drawn


def _basis(runs: list[ScalingRun], config: FitConfig) -> tuple[Comparison, str]:
    """The laws that tell the loss; and why not those of N and D, if not."""
    joint = [LAWS["ND"], LAWS["ND-kaplan"]]
    try:
        return compare_laws(_both(joint), runs, config), ""
    except InputError as error:
        why_not = str(error)
    try:
        return compare_laws(_both([LAWS["C"]]), pareto_runs(runs), config), why_not
    except InputError as error:
        raise InputError(f"{why_not}; nor L(C): {error}") from None


def _both(laws: Sequence[Law]) -> list[Law]:
    return [*laws, *(without_constant(law) for law in laws)]


def _allocations(
    runs: list[ScalingRun], basis: Comparison, why_not: str, config: FitConfig
) -> tuple[list[Allocation], list[tuple[str, str]]]:
    """All approaches, those that the runs allow and those that they do not."""

    def parametric() -> Allocation:
        if why_not:
            raise InputError(why_not)
        return parametric_allocation(basis.best.fit, flops_factor=flops_factor(runs))

    approaches = {
        "parametric": parametric,
        "isoflop": lambda: isoflop_allocation(runs, config),
        "envelope": lambda: envelope_allocation(runs, config),
    }
    found, refused = [], []
    for name, approach in approaches.items():
        try:
            found.append(approach())
        except InputError as error:
            refused.append((name, str(error)))
    return found, refused


def _spending(
    basis: Comparison, allocation: Allocation | None, budget: float
) -> dict[str, Float64[np.ndarray, " point"]]:
    """The variables of the run to come."""
    values = {"C": np.array([budget])}
    if basis.best.fit.law.variables == ("N", "D"):
        assert allocation is not None
        values["N"] = np.array([allocation.params(budget).value])
        values["D"] = np.array([allocation.tokens(budget).value])
    return values


def _loss(
    basis: Comparison, values: dict[str, Float64[np.ndarray, " point"]], config: FitConfig
) -> Estimate:
    drawn = blended_losses(basis, values, config, of_a_run=True)[:, 0]
    value = float(basis.best.fit.loss(values)[0])
    return estimate_of(value, drawn, confidence=config.confidence)


def _warnings(
    runs: list[ScalingRun], basis: Comparison, allocations: list[Allocation], budget: float
) -> list[str]:
    told = []
    compute = column(runs, "C")
    reach = budget / compute.max()
    if reach > _FAR:
        told.append(
            f"the budget is {reach:,.0f} times the largest run's compute; nothing says that the "
            "law holds so far"
        )
    factors = compute / (column(runs, "N") * column(runs, "D"))
    if factors.max() > 1.1 * factors.min():
        told.append(
            f"the runs count {factors.min():.3g} to {factors.max():.3g} FLOP a parameter and "
            "token; sizes are chosen with their median"
        )
    ranked = [one for one in basis.candidates if one.extrapolation is not None]
    if ranked:
        best = min(ranked, key=lambda one: one.extrapolation.median_error)  # type: ignore[union-attr]
        if best is not basis.best and best.weight < 0.1:
            told.append(f"the form that extrapolates best, {best.fit.law.title}, is not AIC's")
    if len(allocations) > 1:
        sizes = [one.params(budget) for one in allocations]
        if max(one.low for one in sizes) > min(one.high for one in sizes):
            named = ", ".join(
                f"{one.method} {size.value:.3g}"
                for one, size in zip(allocations, sizes, strict=True)
            )
            told.append(f"the approaches disagree on the best size: {named}")
    return told
