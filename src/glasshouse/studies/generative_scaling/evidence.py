"""From laws to evidence; intervals are over runs, or over images."""

import math
from collections.abc import Sequence

import numpy as np

from glasshouse.studies.claims import (
    Claim,
    ClaimResult,
    Control,
    Evidence,
    judge_control,
    out_of_scale,
)
from glasshouse.studies.generative_scaling.claims import (
    AGREE,
    ALLOCATION,
    BLANKS,
    BOTH,
    COARSER,
    CONSTANT,
    INFORMATION,
    OFFSET,
    SINGLE,
)
from glasshouse.studies.generative_scaling.fits import (
    DomainFits,
    lacks_by_size,
    slopes_by_difficulty,
)
from glasshouse.studies.generative_scaling.further_evidence import further_results
from glasshouse.studies.generative_scaling.seen import Seen
from glasshouse.world.streams import stream

_IMAGE_DRAWS = 200
"""Resamples of held-out images."""


def results(seen: Seen, fits: Sequence[DomainFits]) -> tuple[ClaimResult, ...]:
    """All claims, in their order."""
    return (
        _constant(fits),
        _offset(fits),
        _agree(fits),
        _allocation(fits),
        _coarser(seen, fits),
        _single(seen),
        _information(seen),
        _blanks(seen),
        _both(seen),
        *further_results(seen),
    )


def _shown(fits: Sequence[DomainFits]) -> list[DomainFits]:
    return [one for one in fits if not one.no_constant]


def _constant(fits: Sequence[DomainFits]) -> ClaimResult:
    shown = _shown(fits)
    if not shown:
        return _untested(CONSTANT, f"no domain shows a constant: {fits[0].no_constant}")
    worst = max(shown, key=lambda one: one.off[0])
    value, low, high = worst.off
    others = [
        abs(one.by_size.estimates["E"].value / other.domain.best_loss - 1)
        for one in shown
        for other in fits
        if other is not one
    ]
    said = "; ".join(
        f"{one.domain.name} {one.by_size.estimates['E'].value:.3f} for {one.domain.best_loss:.3f}"
        for one in shown
    )
    hidden = ", ".join(one.domain.name for one in fits if one.no_constant)
    return ClaimResult(
        claim=CONSTANT,
        evidence=Evidence(
            measured=value,
            interval=(low, high),
            text=f"{value:.1%} in the worst domain ({said})"
            + (f"; not shown by the runs: {hidden}" if hidden else ""),
            control=judge_control(
                CONSTANT,
                float(np.median(others)),
                text="constants held against the entropies of other domains, median",
            ),
        ),
    )


def _offset(fits: Sequence[DomainFits]) -> ClaimResult:
    ratios = [one.pure_misses for one in fits]
    value = float(np.median(ratios))
    said = ", ".join(
        f"{one.domain.name} {ratio:.2f}" for one, ratio in zip(fits, ratios, strict=True)
    )
    return ClaimResult(
        claim=OFFSET,
        evidence=Evidence(
            measured=value,
            interval=(min(ratios), max(ratios)),
            text=f"{value:.2f} times ({said})",
        ),
    )


def _agree(fits: Sequence[DomainFits]) -> ClaimResult:
    found = {one.domain.name: one.parted for one in fits}
    shown = {name: parted for name, parted in found.items() if parted is not None}
    if not shown:
        return _untested(AGREE, "no domain shows the constants of both laws")
    worst = max(shown, key=lambda name: shown[name][0])
    value, low, high = shown[worst]
    return ClaimResult(
        claim=AGREE,
        evidence=Evidence(
            measured=value,
            interval=(low, high),
            text=f"{value:.1%} apart in the worst of {len(shown)} domains, {worst}",
            control=_other_constants(fits),
        ),
    )


def _other_constants(fits: Sequence[DomainFits]) -> Control:
    constants = [one.by_size.estimates["E"].value for one in fits]
    apart = [abs(one / other - 1) for one in constants for other in constants if one is not other]
    return judge_control(
        AGREE, float(np.median(apart)), text="constants of different domains, median"
    )


def _allocation(fits: Sequence[DomainFits]) -> ClaimResult:
    found = {one.domain.name: one.best_size for one in fits}
    known = {name: best for name, best in found.items() if best is not None}
    if len(known) < 2:
        return _untested(ALLOCATION, "fewer than two domains allow a fit of L(N, D)")
    values = [best.value for best in known.values()]
    spread = max(values) - min(values)
    top, bottom = (known[pick(known, key=lambda name: known[name].value)] for pick in (max, min))
    interval = (max(0.0, top.low - bottom.high), top.high - bottom.low)
    alphas = [one.by_size.estimates["alpha"].value for one in fits]
    said = ", ".join(f"{name} {best.value:.2f}" for name, best in known.items())
    return ClaimResult(
        claim=ALLOCATION,
        evidence=Evidence(
            measured=spread,
            interval=interval,
            text=f"{spread:.2f} between the largest and the smallest ({said}); exponents of L(N) "
            f"{min(alphas):.2f} to {max(alphas):.2f}",
        ),
    )


def _coarser(seen: Seen, fits: Sequence[DomainFits]) -> ClaimResult:
    names = [seen.config.field_name(side) for side in seen.config.sides]
    found = {one.domain.name: one.by_size.estimates["alpha"] for one in fits}
    first, last = found[names[0]], found[names[-1]]
    value = first.value - last.value
    chain = found["chain"]
    said = ", ".join(f"{name} {found[name].value:.2f}" for name in names)
    return ClaimResult(
        claim=COARSER,
        evidence=Evidence(
            measured=value,
            interval=(first.low - last.high, first.high - last.low),
            text=f"{value:.2f} ({said}; chain {chain.value:.2f})",
        ),
    )


def _single(seen: Seen) -> ClaimResult:
    domain = seen.domains[-1]
    params, lacks = lacks_by_size(seen, domain)
    costs = np.array(domain.costs)
    whole = slopes_by_difficulty(params, lacks, costs)

    def factor(slopes: dict[str, float]) -> float:
        mean = slopes["mean"]
        ratios = [value / mean for name, value in slopes.items() if name != "mean"]
        if any(not ratio > 0 for ratio in ratios):
            return math.nan
        return max(max(ratio, 1 / ratio) for ratio in ratios)

    value = factor(whole)
    if math.isnan(value):
        return _untested(SINGLE, "some tenth of the images has nothing left to lose, or rises")
    rng = stream(seen.seed, "generative-scaling", "images")
    draws = np.array(
        [
            factor(slopes_by_difficulty(params, lacks[:, some], costs[some]))
            for some in rng.integers(len(costs), size=(_IMAGE_DRAWS, len(costs)))
        ]
    )
    kept = draws[np.isfinite(draws)]
    interval = (
        (float(np.quantile(kept, 0.025)), float(np.quantile(kept, 0.975)))
        if len(kept) > 0.95 * len(draws)
        else (math.nan, math.nan)
    )
    said = ", ".join(f"{name} {slope:.2f}" for name, slope in whole.items())
    return ClaimResult(
        claim=SINGLE,
        evidence=Evidence(
            measured=value,
            interval=interval,
            text=f"{value:.2f} times the mean's or its inverse, at worst ({said})",
        ),
    )


def _information(seen: Seen) -> ClaimResult:
    told = seen.told("blanks")
    means = told.mean(axis=1)
    growth = float(means[-1] - means[0]) / seen.information
    noise = float(np.sqrt(told.var(axis=1, ddof=1).mean() * 2 / told.shape[1])) / seen.information
    dealt = [one.dealt for one in seen.labelled if one.reading == "blanks"]
    most = seen.information + 4 * seen.information_error
    gate = None
    if means.max() > most:
        gate = f"an estimate of {means.max():.3f} nats exceeds the true {seen.information:.3f}"
    said = ", ".join(f"{value:.3f}" for value in means)
    return ClaimResult(
        claim=INFORMATION,
        evidence=Evidence(
            measured=growth,
            interval=(growth - 2 * noise, growth + 2 * noise),
            text=f"{growth:.2f} of the true {seen.information:.3f} nats an image ({said} by size)",
            control=judge_control(
                INFORMATION,
                float(np.mean(dealt)) / seen.information,
                text="what labels of other images seem to tell, as a share of the truth",
            ),
            gate=gate,
        ),
    )


def _blanks(seen: Seen) -> ClaimResult:
    learned, never = (seen.told(name)[-1] for name in ("blanks", "no blanks"))
    value = float(never.mean() / learned.mean())
    spread = float(
        np.sqrt(
            never.var(ddof=1) / len(never) / never.mean() ** 2
            + learned.var(ddof=1) / len(learned) / learned.mean() ** 2
        )
    )
    return ClaimResult(
        claim=BLANKS,
        evidence=Evidence(
            measured=value,
            interval=(value * (1 - 2 * spread), value * (1 + 2 * spread)),
            text=f"{value:.2f} times: {never.mean():.3f} against {learned.mean():.3f} nats an "
            f"image; the truth is {seen.information:.3f}",
        ),
    )


def _both(seen: Seen) -> ClaimResult:
    first, last = (seen.told(name)[-1] for name in ("blanks", "image first"))
    value = float(abs(first.mean() - last.mean())) / seen.information
    spread = 2 * float(np.sqrt(first.var(ddof=1) / len(first) + last.var(ddof=1) / len(last)))
    noise = spread / seen.information
    own = [one for one in seen.labelled if one.reading == "image first"]
    dealt = float(np.mean([one.dealt for one in own]))
    return ClaimResult(
        claim=BOTH,
        evidence=Evidence(
            measured=value,
            interval=(max(0.0, value - noise), value + noise),
            text=f"{first.mean():.3f} nats of the image from its label, {last.mean():.3f} of the "
            f"label from its image; the truth is {seen.information:.3f}",
            control=judge_control(
                BOTH,
                abs(float(first.mean()) - dealt) / seen.information,
                text="labels named after another's image",
            ),
        ),
    )


def _untested(claim: Claim, gate: str) -> ClaimResult:
    return ClaimResult(claim=claim, evidence=out_of_scale(gate))
