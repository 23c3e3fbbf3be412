"""From what was measured to evidence; intervals are over runs that differ in seeds alone."""

import math
from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float64
from scipy import stats

from glasshouse.scaling.repetition import equivalent_size, late_rise, worst_repeats
from glasshouse.studies.claims import (
    Claim,
    ClaimResult,
    Control,
    Evidence,
    judge_control,
    out_of_scale,
)
from glasshouse.studies.repeated_data.claims import (
    COPYING,
    ELSEWHERE,
    HEADS,
    RISES,
    WORST_BETWEEN,
    WORST_MOVES,
    WORTH_HALF,
)
from glasshouse.studies.repeated_data.seen import RepeatedRun, Seen, pooled
from glasshouse.world.streams import stream

_LEAST_MATCHING = 0.3
"""Prefix matching of the best head, below which a clean model has no heads that copy."""

Runs = Sequence[RepeatedRun]


def results(seen: Seen, *, seed: int) -> tuple[ClaimResult, ...]:
    """All claims, in their order."""
    rng = stream(seed, "repeated-data", "intervals")
    return (
        _worst_between(seen),
        _rises(seen, rng),
        _worst_moves(seen, rng),
        _worth_half(seen, rng),
        _copying(seen, rng),
        _heads(seen, rng),
        _elsewhere(seen),
    )


def interior_gap(losses: Sequence[float] | np.ndarray) -> float:
    """By how much the worst count between is worse than the worse of the two ends."""
    values = np.asarray(losses, dtype=float)
    return float(values[1:-1].max() - max(values[0], values[-1]))


def _worst_between(seen: Seen) -> ClaimResult:
    width, config = seen.largest, seen.config
    cells = seen.cells(width, config.much)
    noise = seen.noise(width)
    gap = interior_gap([losses.mean() for losses in cells]) / noise
    freedom = sum(len(losses) - 1 for losses in cells)
    half = float(stats.t.ppf(0.975, freedom)) * math.sqrt(2 / config.replicas)
    unique = interior_gap(fewer_documents(seen)) / noise
    means = ", ".join(
        f"{count}: {losses.mean():.2f}"
        for count, losses in zip(config.much_repeats, cells, strict=True)
    )
    return ClaimResult(
        claim=WORST_BETWEEN,
        evidence=Evidence(
            measured=gap,
            interval=(gap - half, gap + half),
            text=f"{gap:.1f} standard deviations of {noise:.3f} nats; loss by count {means}; clean "
            f"{_mean(seen.clean(width)):.2f}",
            control=judge_control(
                WORST_BETWEEN,
                unique,
                text="clean runs stopped at as many different documents as each count reads",
            ),
        ),
    )


def fewer_documents(seen: Seen) -> Float64[np.ndarray, " count"]:
    """Loss of clean runs after as many different documents as each count of the large share reads.

    Read off their courses between moments, which a constant learning rate allows.
    """
    config = seen.config
    course = np.mean([run.course for run in seen.clean(seen.largest)], axis=0)
    steps = [config.plan(config.much, count).unique / config.rows for count in config.much_repeats]
    return np.interp(steps, seen.moments, course)


def _rises(seen: Seen, rng: np.random.Generator) -> ClaimResult:
    config, width = seen.config, seen.largest
    worst = seen.worst(width, config.much)
    rises = [late_rise(run.course) for run in seen.cell(width, config.much, worst)]
    fewest = seen.cell(width, config.much, config.much_repeats[0])
    ends = [late_rise(run.course) for run in fewest]
    clean = [late_rise(run.course) for run in seen.clean(width)]
    value = float(np.mean(rises))
    return ClaimResult(
        claim=RISES,
        evidence=Evidence(
            measured=value,
            interval=_resampled(rng, seen, lambda some: float(np.mean(some)), rises),
            text=f"{value:.3f} nats at {worst} repeats; {np.mean(ends):.3f} at the fewest",
            control=judge_control(
                RISES, float(max(clean)), text="the largest such rise of a clean run"
            ),
        ),
    )


def _worst_moves(seen: Seen, rng: np.random.Generator) -> ClaimResult:
    config = seen.config
    first, last = config.widths[0], config.widths[-1]
    doublings = math.log2(config.params(last) / config.params(first))

    def slope(small: list[np.ndarray], large: list[np.ndarray]) -> float:
        worst = [
            worst_repeats(config.much_repeats, [float(one.mean()) for one in cells])
            for cells in (small, large)
        ]
        return math.log2(worst[1] / worst[0]) / doublings

    cells = [seen.cells(width, config.much) for width in (first, last)]
    value = slope(*cells)
    draws = [
        slope(*([rng.choice(one, len(one)) for one in some] for some in cells))
        for _ in range(config.draws)
    ]
    parted = [
        worst_repeats(config.much_repeats, [float(one[place]) for one in cells[1]])
        for place in range(config.replicas)
    ]
    same = -abs(math.log2(parted[0] / parted[1])) / doublings
    worst = {
        width: worst_repeats(
            config.much_repeats, [float(one.mean()) for one in seen.cells(width, config.much)]
        )
        for width in config.widths
    }
    said = ", ".join(f"N = {config.params(at):,}: {count:.0f}" for at, count in worst.items())
    return ClaimResult(
        claim=WORST_MOVES,
        evidence=Evidence(
            measured=value,
            interval=_quantiles(draws),
            text=f"{value:.2f} doublings of the worst count a doubling of size ({said})",
            control=judge_control(
                WORST_MOVES, same, text="one run of each count of the largest size, and another"
            ),
        ),
    )


def divided_by(seen: Seen, worse: Runs, clean: dict[int, Runs], *, copied: bool = False) -> float:
    """How many times smaller a clean model has the loss of some runs; NaN if that cannot be read.

    Sizes between those that were grown are read off straight lines in log size.
    """
    params = np.array([seen.config.params(width) for width in clean], dtype=float)
    losses = np.array([_mean(runs, copied=copied) for runs in clean.values()])
    if (np.diff(losses) >= 0).any():
        return math.nan
    found = equivalent_size(
        params, losses, loss=_mean(worse, copied=copied), params=float(params[-1])
    )
    return 1 / found.share


def _clean(seen: Seen) -> dict[int, Runs]:
    widths = (*seen.config.clean_widths, *seen.config.widths)
    return {width: seen.clean(width) for width in widths}


def _redrawn(runs: Runs, rng: np.random.Generator) -> Runs:
    return [runs[place] for place in rng.integers(len(runs), size=len(runs))]


def _worth_half(seen: Seen, rng: np.random.Generator) -> ClaimResult:
    config, width = seen.config, seen.largest
    worst = seen.worst(width, config.little)
    runs, clean = seen.cell(width, config.little, worst), _clean(seen)
    few = seen.cell(width, config.little, config.little_repeats[0])
    value = 1 / divided_by(seen, runs, clean)
    draws = [
        1
        / divided_by(
            seen, _redrawn(runs, rng), {at: _redrawn(some, rng) for at, some in clean.items()}
        )
        for _ in range(config.draws)
    ]
    return ClaimResult(
        claim=WORTH_HALF,
        evidence=Evidence(
            measured=value,
            interval=_quantiles(draws),
            text=f"{value:.2f} of its size at {worst} repeats: loss {_mean(runs):.3f}, clean "
            f"{_mean(clean[width]):.3f}",
            control=judge_control(
                WORTH_HALF,
                1 / divided_by(seen, few, clean),
                text=f"the same share read {config.little_repeats[0]} times",
            ),
        ),
    )


def _copying(seen: Seen, rng: np.random.Generator) -> ClaimResult:
    config, width = seen.config, seen.largest
    worst = seen.worst(width, config.little)
    runs, clean = seen.cell(width, config.little, worst), _clean(seen)

    def ratio(worse: Runs, curve: dict[int, Runs]) -> float:
        return divided_by(seen, worse, curve, copied=True) / divided_by(seen, worse, curve)

    value = ratio(runs, clean)
    if math.isnan(value):
        return _untested(COPYING, "clean models do not copy better the larger they are")
    draws = [
        ratio(_redrawn(runs, rng), {at: _redrawn(some, rng) for at, some in clean.items()})
        for _ in range(config.draws)
    ]
    few = seen.cell(width, config.little, config.little_repeats[0])
    return ClaimResult(
        claim=COPYING,
        evidence=Evidence(
            measured=value,
            interval=_quantiles(draws),
            text=f"{value:.2f} at {worst} repeats: copied tokens {_mean(runs, copied=True):.3f}, "
            f"clean {_mean(clean[width], copied=True):.3f}",
            control=judge_control(
                COPYING,
                ratio(few, clean),
                text=f"the same share read {config.little_repeats[0]} times",
            ),
        ),
    )


def matched(runs: Runs) -> list[float]:
    """Mean prefix matching of the last layer's heads, a run each."""
    return [float(np.mean(run.matching)) for run in runs]


def _heads(seen: Seen, rng: np.random.Generator) -> ClaimResult:
    config, width = seen.config, seen.largest
    worst = seen.worst(width, config.little)
    runs, clean = seen.cell(width, config.little, worst), seen.clean(width)
    best = float(np.mean([max(run.matching) for run in clean]))
    if best < _LEAST_MATCHING:
        return _untested(
            HEADS, f"the best head of clean models matches prefixes by {best:.2f} only"
        )

    def weaker(some: Runs, whole: Runs) -> float:
        return 1 - float(np.mean(matched(some))) / float(np.mean(matched(whole)))

    few = seen.cell(width, config.little, config.little_repeats[0])
    value = weaker(runs, clean)
    draws = [weaker(_redrawn(runs, rng), _redrawn(clean, rng)) for _ in range(config.draws)]
    most = weaker(seen.cell(width, config.much, seen.worst(width, config.much)), clean)
    return ClaimResult(
        claim=HEADS,
        evidence=Evidence(
            measured=value,
            interval=_quantiles(draws),
            text=f"{value:.0%} lower at {worst} repeats ({np.mean(matched(runs)):.2f} against "
            f"{np.mean(matched(clean)):.2f}); {most:.0%} lower at a {config.much:.0%} share",
            control=judge_control(
                HEADS,
                weaker(few, clean),
                text=f"the same share read {config.little_repeats[0]} times",
            ),
        ),
    )


def _elsewhere(seen: Seen) -> ClaimResult:
    config, width = seen.config, seen.largest
    cells = [seen.clean(width)] + [
        seen.cell(width, config.much, count) for count in config.much_repeats
    ]
    tuned = [[run.elsewhere for run in runs if run.elsewhere is not None] for runs in cells]
    noise = pooled(tuned)
    freedom = sum(len(one) - 1 for one in tuned)
    at = 1 + config.much_repeats.index(seen.worst(width, config.much))
    value, few = ((np.mean(tuned[one]) - np.mean(tuned[0])) / noise for one in (at, 1))
    spread = math.sqrt(1 / len(tuned[at]) + 1 / len(tuned[0]))
    half = float(stats.t.ppf(0.975, freedom)) * spread
    return ClaimResult(
        claim=ELSEWHERE,
        evidence=Evidence(
            measured=float(value),
            interval=(float(value) - half, float(value) + half),
            text=f"{value:.1f} standard deviations of {noise:.3f} nats: {np.mean(tuned[at]):.3f} "
            f"against {np.mean(tuned[0]):.3f} after {config.tune_steps} steps there",
            # Two runs against three differ by one standard deviation often enough by chance.
            control=Control(
                value=float(few),
                shows_effect=float(few) - half > ELSEWHERE.no_effect,
                text=f"the same share read {config.much_repeats[0]} times, whose interval would "
                "have to lie above nothing",
            ),
        ),
    )


def _untested(claim: Claim, gate: str) -> ClaimResult:
    return ClaimResult(claim=claim, evidence=out_of_scale(gate))


def _mean(runs: Runs, *, copied: bool = False) -> float:
    return float(np.mean([run.copied if copied else run.loss for run in runs]))


def _resampled(
    rng: np.random.Generator,
    seen: Seen,
    statistic: Callable[[np.ndarray], float],
    values: Sequence[float],
) -> tuple[float, float]:
    sample = np.asarray(values)
    return _quantiles(
        [statistic(rng.choice(sample, len(sample))) for _ in range(seen.config.draws)]
    )


def _quantiles(draws: Sequence[float]) -> tuple[float, float]:
    """95 % interval; unknown where more than a few draws are undefined."""
    found = np.array(draws)
    kept = found[np.isfinite(found)]
    if len(kept) < 0.95 * len(found):
        return math.nan, math.nan
    low, high = np.quantile(kept, [0.025, 0.975])
    return float(low), float(high)
