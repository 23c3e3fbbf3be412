"""What training curves tell: the end of another size's curve, and who needs fewer tokens."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64

from glasshouse.scaling import (
    LAWS,
    FitConfig,
    FittedLaw,
    Law,
    ScalingRun,
    column,
    compare_laws,
    curve_runs,
    fit_law,
    without_constant,
)
from glasshouse.studies.claims import ClaimResult, judge_control
from glasshouse.studies.intervals import bootstrap_interval
from glasshouse.studies.scaling_laws.claims import CURVES, EFFICIENCY
from glasshouse.studies.scaling_laws.evidence import judged, middle_95, untested
from glasshouse.studies.scaling_laws.sweeps import Swept
from glasshouse.studies.scaling_laws.texts import NAME
from glasshouse.world.streams import stream

AFTER = 0.1
"""Share of a curve that is left out as warm-up, which takes half of it."""
END = 0.7
"""Share of the steps after which a curve is foretold."""
_TARGETS = (1.0, 1.06, 1.12)
"""Losses asked for, over the lowest that every size reaches."""
_FEW_DRAWS = 20


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Curves:
    """What was measured."""

    longest: list[ScalingRun]
    """The longest run of each size, with its curve."""
    fit: FittedLaw
    """L(N, S) on all of them."""
    errors: Float64[np.ndarray, " size"]
    """Mean error over the end of each size's curve, foretold from the others."""
    alone: Float64[np.ndarray, " size"]
    """The same by a law of steps alone."""
    targets: tuple[float, ...]
    """Losses, the lowest first."""
    needed: Float64[np.ndarray, "target size"]
    """Tokens to each loss."""


def measure(swept: Swept) -> Curves:
    """Fit and read."""
    longest = swept.longest
    few = replace(swept.config.fitting(swept.seed), draws=_FEW_DRAWS)
    laws = [LAWS["NS"], without_constant(LAWS["NS"])]
    whole = compare_laws(laws, moments(longest), replace(few, draws=_FEW_DRAWS)).best.fit
    steps_alone = replace(LAWS["C"], name="S", formula="(S_c/S)^alpha", variables=("S",))
    losses = [np.array([point.loss for point in run.curve]) for run in longest]
    lowest = max(float(one.min()) for one in losses) * 1.001
    targets = tuple(lowest * factor for factor in _TARGETS)
    return Curves(
        longest=longest,
        fit=whole,
        errors=_left_out(whole.law, longest, few),
        alone=_left_out(steps_alone, longest, few),
        targets=targets,
        needed=np.array([[tokens_to(run, target) for run in longest] for target in targets]),
    )


def moments(runs: Sequence[ScalingRun]) -> list[ScalingRun]:
    """Every moment of curves after warm-up, grouped by run."""
    first = max(run.tokens for run in runs) * AFTER
    return curve_runs(runs, first_tokens=first)


def tokens_to(run: ScalingRun, loss: float) -> float:
    """Tokens after which a curve first comes down to a loss; infinite if it never does."""
    tokens = np.log([point.tokens for point in run.curve])
    falling = np.minimum.accumulate([point.loss for point in run.curve])
    below = np.nonzero(falling <= loss)[0]
    if not len(below):
        return float("inf")
    at = int(below[0])
    if at == 0:
        return float(np.exp(tokens[0]))
    share = (falling[at - 1] - loss) / (falling[at - 1] - falling[at])
    return float(np.exp(tokens[at - 1] + share * (tokens[at] - tokens[at - 1])))


def claims(curves: Curves, swept: Swept) -> tuple[ClaimResult, ClaimResult]:
    """Foretold curves, and sample efficiency."""
    return _foretold(curves, swept), _efficiency(curves, swept)


def _left_out(
    law: Law, longest: Sequence[ScalingRun], config: FitConfig
) -> Float64[np.ndarray, " size"]:
    """Mean error over the end of each curve, from a fit to the other sizes'."""
    found = []
    for place, run in enumerate(longest):
        fit = fit_law(law, moments([*longest[:place], *longest[place + 1 :]]), config)
        end = curve_runs([run], first_tokens=run.tokens * END)
        values = {name: column(end, name) for name in law.variables}
        found.append(float(np.abs(fit.loss(values) / column(end, "loss") - 1).mean()))
    return np.array(found)


def _foretold(curves: Curves, swept: Swept) -> ClaimResult:
    rng = stream(swept.seed, NAME, CURVES.id)
    errors = curves.errors
    told = ", ".join(
        f"{run.params:,.0f}: {error:.1%}" for run, error in zip(curves.longest, errors, strict=True)
    )
    exponents = curves.fit.estimates
    return judged(
        CURVES,
        float(errors.mean()),
        bootstrap_interval(errors, rng=rng),
        text=f"{errors.mean():.1%} over {len(errors)} sizes ({told}) by {curves.fit.law.title}, "
        f"alpha_N {exponents['alpha_N'].value:.3f}, alpha_S {exponents['alpha_S'].value:.3f}",
        control=judge_control(CURVES, float(curves.alone.mean()), text="a law of steps alone"),
    )


def _efficiency(curves: Curves, swept: Swept) -> ClaimResult:
    if not np.isfinite(curves.needed).all():
        return untested(EFFICIENCY, "not every size reaches the losses asked for")
    rng = stream(swept.seed, NAME, EFFICIENCY.id)
    factors = np.exp(swept.noise * rng.standard_normal((swept.config.draws, len(curves.longest))))
    drawn = np.array(
        [
            falling_share(
                np.array(
                    [
                        [tokens_to(_scaled(run, by), target) for run, by in pairs]
                        for target in curves.targets
                    ]
                )
            )
            for row in factors
            for pairs in [list(zip(curves.longest, row, strict=True))]
        ]
    )
    share = falling_share(curves.needed)
    shown = curves.needed[0]
    return judged(
        EFFICIENCY,
        share,
        middle_95(drawn),
        text=f"{share:.0%} of {curves.needed[:, 1:].size} steps to the next size; to a loss of "
        f"{curves.targets[0]:.2f}, from {shown[0]:,.0f} tokens (smallest) to {shown[-1]:,.0f}",
        control=judge_control(
            EFFICIENCY,
            float(
                np.mean([falling_share(rng.permuted(curves.needed, axis=1)) for _ in range(200)])
            ),
            text="tokens dealt to sizes at random",
        ),
    )


def falling_share(needed: Float64[np.ndarray, "target size"]) -> float:
    """Share of steps from one size to the next that need fewer tokens."""
    with np.errstate(invalid="ignore"):  # two sizes that never come there are no fall
        return float((np.diff(needed, axis=1) < 0).mean())


def _scaled(run: ScalingRun, by: float) -> ScalingRun:
    return replace(run, curve=tuple(replace(point, loss=point.loss * by) for point in run.curve))
