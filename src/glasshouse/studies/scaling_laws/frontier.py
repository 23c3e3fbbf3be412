"""How to spend compute: the best size by several approaches and counts, and where to stop."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from glasshouse.errors import InputError
from glasshouse.scaling import (
    Allocation,
    Comparison,
    CurvePoint,
    FittedLaw,
    ScalingRun,
    column,
    envelope_allocation,
    parametric_allocation,
)
from glasshouse.scaling.isoflop import flops_factor
from glasshouse.studies.claims import ClaimResult
from glasshouse.studies.scaling_laws.claims import BEST_SIZE, WASTE
from glasshouse.studies.scaling_laws.evidence import (
    distance_interval,
    judged,
    middle_95,
    untested,
)
from glasshouse.studies.scaling_laws.foretelling import laws_of_size_and_data
from glasshouse.studies.scaling_laws.sweeps import Swept, settled

_SIZES, _COMPUTES = 400, 24
"""Sizes and computes of a search."""
_LEAST_KNOWN = 0.95
"""Of the resamples, the share that must have a best size."""
_FOR_EVER = 1e30
"""Tokens after which a law has nothing left to lose by more."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Way:
    """One approach with one count."""

    name: str
    """In words."""
    count: str
    """`6·N·D`, or with attention and unembedding."""
    found: Allocation | None
    """None where the runs do not allow it."""
    why_not: str = ""
    """The reason then."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Best:
    """What was measured."""

    basis: Comparison
    """L(N, D) on the grid, runs too short to settle left out."""
    ways: tuple[Way, ...]
    """Approaches; the first that is allowed is judged."""
    ends: list[ScalingRun]
    """A curve a size through the ends of its runs, each of which had its own cosine."""
    sizes: Float64[np.ndarray, " size"]
    """N of the grid."""
    excess: Float64[np.ndarray, "draw size"]
    """Loss where the size is best over its loss with data for ever, minus 1, by the fitted law;
    the first row is the best fit."""
    seen: Float64[np.ndarray, " size"]
    """The same by measurement alone: over the loss of its longest run; NaN where none."""

    @property
    def judged(self) -> Way | None:
        """The way that the claim is judged on."""
        return next((way for way in self.ways if way.found is not None), None)


def measure(swept: Swept) -> Best:
    """All approaches with both counts."""
    config = swept.config.fitting(swept.seed)
    basis = laws_of_size_and_data(settled(swept.main, swept.config), config)
    fit = basis.best.fit
    ends, exact_ends = end_curves(swept.main), end_curves(swept.exact)
    ways = (
        _way("ends of runs", "6·N·D", lambda: envelope_allocation(ends, config)),
        _way("fitted L(N, D)", "6·N·D", lambda: parametric_allocation(fit)),
        _way(
            "snapshots of the longest runs",
            "6·N·D",
            lambda: envelope_allocation(swept.longest, config),
        ),
        _way("ends of runs", "exact", lambda: envelope_allocation(exact_ends, config)),
        _way("fitted L(N, D)", "exact", lambda: counted_allocation(fit, swept.exact)),
    )
    sizes = np.array([float(run.params) for run in ends])
    law = ways[1].found
    excess = np.full((1, len(sizes)), np.nan) if law is None else _excess(fit, law, sizes)
    return Best(
        basis=basis,
        ways=ways,
        ends=ends,
        sizes=sizes,
        excess=excess,
        seen=_seen(ends, ways[0].found),
    )


def counted_allocation(fit: FittedLaw, runs: Sequence[ScalingRun]) -> Allocation:
    """Minimise a fitted L(N, D) where a token costs each size what it was counted to.

    With attention and unembedding a token's cost is no multiple of N, so the best size has no
    closed form: it is looked for among sizes between the smallest and the largest, at computes for
    which it lies inside.

    Raises:
        InputError: If it lies inside at fewer than three computes.
    """
    cost = {float(run.params): run.compute / run.tokens for run in runs}
    sizes = np.array(sorted(cost))
    size = np.geomspace(sizes[0], sizes[-1], _SIZES)
    token = np.exp(
        np.interp(np.log(size), np.log(sizes), np.log([cost[params] for params in sizes]))
    )
    computes = np.geomspace(*compute_range(runs), _COMPUTES)
    places = []
    for compute in computes:
        at = {"N": size, "D": compute / token}
        places.append(np.concatenate([fit.loss(at)[None], fit.drawn_losses(at)]).argmin(axis=1))
    lines = np.array([_inner_line(np.log(computes), size, row) for row in np.array(places).T])
    is_known = np.all(np.isfinite(lines), axis=1)
    if not is_known[0] or is_known.mean() < _LEAST_KNOWN:
        raise InputError(
            "the best size lies among those trained at too few computes; train smaller or larger "
            "ones"
        )
    return Allocation(
        method="parametric",
        source="Hoffmann et al. 2022 (2203.15556), section 3.3, by search",
        line=lines[0],
        drawn=lines[1:][is_known[1:]],
        flops_factor=flops_factor(runs),
        confidence=fit.confidence,
    )


def _inner_line(
    log_compute: Float64[np.ndarray, " compute"],
    size: Float64[np.ndarray, " size"],
    places: np.ndarray,
) -> Float64[np.ndarray, "2"]:
    """Intercept and slope of log N_opt against log C, where the optimum is no end; NaN if not."""
    is_inner = (places > 0) & (places < len(size) - 1)
    if is_inner.sum() < 3:
        return np.full(2, np.nan)
    slope, start = np.polyfit(log_compute[is_inner], np.log(size[places[is_inner]]), 1)
    return np.array([start, slope])


def end_curves(runs: Sequence[ScalingRun]) -> list[ScalingRun]:
    """One run a size, whose curve goes through the ends of that size's runs.

    No moment of it is a snapshot of a rate that had yet to decay.
    """
    found = []
    for params in sorted({run.params for run in runs}):
        own = [run for run in runs if run.params == params]
        lengths = sorted({run.tokens for run in own})
        curve = tuple(
            CurvePoint(
                tokens=tokens,
                loss=float(np.mean([run.loss for run in own if run.tokens == tokens])),
            )
            for tokens in lengths
        )
        last = next(run for run in own if run.tokens == lengths[-1])
        found.append(
            ScalingRun(
                name=f"ends of {params:,.0f}",
                params=params,
                tokens=last.tokens,
                loss=curve[-1].loss,
                flops=last.flops,
                curve=curve,
            )
        )
    return found


def claims(best: Best) -> tuple[ClaimResult, ClaimResult]:
    """The best size, and stopping early."""
    return _best_size(best), _waste(best)


def _best_size(best: Best) -> ClaimResult:
    way = best.judged
    if way is None or way.found is None:
        reasons = "; ".join(f"{one.name}: {one.why_not}" for one in best.ways[:3])
        return untested(BEST_SIZE, f"CONTESTED, and no approach is allowed here: {reasons}")
    exponent = way.found.params_exponent
    told = "; ".join(
        f"{one.name}, {one.count}: {one.found.params_exponent}"
        if one.found is not None
        else f"{one.name}, {one.count}: not allowed"
        for one in best.ways
    )
    return judged(
        BEST_SIZE,
        abs(exponent.value - 0.65),
        distance_interval(exponent.low, exponent.high, 0.65),
        text=f"CONTESTED. Exponent {exponent} by {way.name}. All: {told}",
    )


def _waste(best: Best) -> ClaimResult:
    if not np.isfinite(best.excess).all():
        return untested(WASTE, "the fitted law has no best size to stop at")
    middle = np.median(best.excess, axis=1)
    low, high = middle_95(middle[1:])
    seen = best.seen[np.isfinite(best.seen)]
    measured = (
        f"; over its longest run, for the {len(seen)} sizes that are ever best: "
        f"{seen.min():.1%} to {seen.max():.1%}"
        if len(seen)
        else ""
    )
    return judged(
        WASTE,
        abs(float(middle[0]) - 0.165),
        distance_interval(low, high, 0.165),
        text=f"{middle[0]:.1%} ({low:.1%} to {high:.1%}) above the loss with data for ever, by "
        f"{best.basis.best.fit.law.title}, median over sizes{measured}",
    )


def _excess(
    fit: FittedLaw, law: Allocation, sizes: Float64[np.ndarray, " size"]
) -> Float64[np.ndarray, "draw size"]:
    """Loss at the best data of each size over that with data for ever."""
    start, slope = law.line
    compute = np.exp((np.log(sizes) - start) / slope)
    at = {"N": sizes, "D": compute / (law.flops_factor * sizes)}
    ever = {"N": sizes, "D": np.full_like(sizes, _FOR_EVER)}
    best = fit.loss(at) / fit.loss(ever) - 1
    return np.concatenate([best[None], fit.drawn_losses(at) / fit.drawn_losses(ever) - 1])


def _seen(ends: Sequence[ScalingRun], envelope: Allocation | None) -> Float64[np.ndarray, " size"]:
    """Loss in the middle of each size's stretch over that of its longest run."""
    found = np.full(len(ends), np.nan)
    if envelope is None:
        return found
    for compute, params in envelope.optima:
        for place, run in enumerate(ends):
            if abs(np.log(run.params / params)) < 1e-6:
                logs = np.log([run.compute * p.tokens / run.tokens for p in run.curve])
                losses = np.log([p.loss for p in run.curve])
                found[place] = np.exp(np.interp(np.log(compute), logs, losses)) / run.loss - 1
    return found


def _way(name: str, count: str, approach) -> Way:
    try:
        return Way(name=name, count=count, found=approach())
    except InputError as error:
        return Way(name=name, count=count, found=None, why_not=str(error))


def compute_range(runs: Sequence[ScalingRun]) -> tuple[float, float]:
    """Smallest and largest compute."""
    found = column(runs, "C")
    return float(found.min()), float(found.max())
