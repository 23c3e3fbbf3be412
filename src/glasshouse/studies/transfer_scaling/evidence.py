"""What is said of each claim."""

from collections.abc import Callable

import numpy as np
from scipy import stats

from glasshouse.scaling.estimates import Estimate
from glasshouse.studies.claims import Claim, Evidence, judge_control, out_of_scale
from glasshouse.studies.intervals import bootstrap_interval, proportion_interval
from glasshouse.studies.transfer_scaling import claims
from glasshouse.studies.transfer_scaling.fits import chance_r2
from glasshouse.studies.transfer_scaling.measure import Missing, Seen
from glasshouse.studies.transfer_scaling.worth import (
    Worth,
    censored_sentence,
    neighbours,
    of_arm,
)


def worth(seen: Seen, rng: np.random.Generator) -> Evidence:
    """Multipliers on the least code."""
    least = seen.learned.config.tuned[0]
    cells = [one for one in of_arm(seen.cells, "prose") if one.characters == least]
    logs = np.log([one.multiplier for one in cells])
    dealt = [one for one in of_arm(seen.cells, "dealt") if one.characters == least]
    control = float(np.exp(np.mean(np.log([one.multiplier for one in dealt]))))
    low, high = bootstrap_interval(logs, rng=rng)
    told = ", ".join(f"{_bound(one)} with {one.params:,} parameters" for one in cells)
    return Evidence(
        measured=float(np.exp(logs.mean())),
        interval=(float(np.exp(low)), float(np.exp(high))),
        text=f"{np.exp(logs.mean()):.1f} times {least:,} characters: {told}",
        control=judge_control(
            claims.WORTH, control, text="prose with the characters of every window dealt anew"
        ),
    )


def law(seen: Seen, rng: np.random.Generator) -> Evidence:
    """How well the power law fits."""
    found = seen.laws["prose"]
    if isinstance(found, Missing):
        return out_of_scale(found.reason)
    prose = of_arm(seen.cells, "prose")
    left = len(prose) - len(found.cells)
    censored = censored_sentence(prose)
    return Evidence(
        measured=found.r2.value,
        interval=(found.r2.low, found.r2.high),
        text=f"R² {found.r2.value:.3f} over {len(found.cells)} cells; {found}; {left} cells left "
        f"out{f' ({censored})' if censored else ''}",
        control=judge_control(
            claims.LAW, chance_r2(found.cells, rng), text="the same D_T dealt to the cells"
        ),
    )


def exponent(name: str) -> Callable[[Seen, np.random.Generator], Evidence]:
    """Evidence of one of the power law's numbers after prose."""

    def tell(seen: Seen, rng: np.random.Generator) -> Evidence:
        found = seen.laws["prose"]
        if isinstance(found, Missing):
            return out_of_scale(found.reason)
        near = seen.laws["near"]
        beside = "" if isinstance(near, Missing) else f"; nearer texts {near.estimates[name]}"
        one = found.estimates[name]
        return _estimated(one, f"{name} {one}{beside}")

    return tell


def ordered(along: str) -> Callable[[Seen, np.random.Generator], Evidence]:
    """Evidence of how multipliers lie to each other, after prose and after nearer texts."""

    def tell(seen: Seen, rng: np.random.Generator) -> Evidence:
        both = [neighbours(of_arm(seen.cells, arm), along=along) for arm in ("prose", "near")]
        right, decided, undecided = (
            sum(getattr(one, name) for one in both) for name in ("right", "decided", "undecided")
        )
        if not decided:
            return out_of_scale("censoring leaves no pair of neighbours decided")
        told = " and ".join(f"{one.right} of {one.decided}" for one in both)
        left = f", {undecided} undecided by censoring" if undecided else ""
        return Evidence(
            measured=right / decided,
            interval=proportion_interval(right, decided),
            text=f"{right} of {decided} neighbours{left}; after prose and nearer texts {told}",
        )

    return tell


def closer(seen: Seen, rng: np.random.Generator) -> Evidence:
    """How much more data nearer texts are worth."""
    if isinstance(seen.compared, Missing):
        return out_of_scale(seen.compared.reason)
    logs = np.log(seen.compared.ratios)
    low, high = bootstrap_interval(logs, rng=rng)
    ends = np.exp([logs.min(), logs.max()])
    return Evidence(
        measured=float(np.exp(logs.mean())),
        interval=(float(np.exp(low)), float(np.exp(high))),
        text=f"{np.exp(logs.mean()):.2f} times, from {ends[0]:.2f} to {ends[1]:.2f} over "
        f"{len(logs)} cells",
    )


def closer_k(seen: Seen, rng: np.random.Generator) -> Evidence:
    """Ratio of the factors."""
    if isinstance(seen.compared, Missing):
        return out_of_scale(seen.compared.reason)
    one = seen.compared.log_k
    return _estimated(one, f"k is {np.exp(one.value):.2g} times as large; logarithm {one}")


def closer_alpha(seen: Seen, rng: np.random.Generator) -> Evidence:
    """Difference of the exponents of data."""
    if isinstance(seen.compared, Missing):
        return out_of_scale(seen.compared.reason)
    return _estimated(seen.compared.alpha, f"alpha differs by {seen.compared.alpha}")


def same_beta(seen: Seen, rng: np.random.Generator) -> Evidence:
    """How far the exponents of size lie apart."""
    if isinstance(seen.compared, Missing):
        return out_of_scale(seen.compared.reason)
    one = seen.compared.beta
    error = float(np.std(seen.compared.beta_draws))
    ends = abs(one.low), abs(one.high)
    nearest = 0.0 if one.low <= 0 <= one.high else min(ends)
    return Evidence(
        measured=abs(one.value),
        interval=(nearest, max(ends)),
        text=f"beta differs by {one}, {abs(one.value) / error:.1f} standard errors",
    )


def small_ossify(seen: Seen, rng: np.random.Generator) -> Evidence:
    """The smallest size on the most code."""
    return _gap(seen, seen.learned.config.widths[0], rng)


def large_gain(seen: Seen, rng: np.random.Generator) -> Evidence:
    """The largest size on the most code."""
    return _gap(seen, seen.learned.config.widths[-1], rng)


def compute(seen: Seen, rng: np.random.Generator) -> Evidence:
    """Steps to the scratch model's best loss, on the same code."""
    ratios = steps_needed(seen, "prose")
    fewer = [value < 1 for value in ratios.values()]
    tuned = seen.learned.config.tuned
    told = ", ".join(
        f"{characters:,}: {np.median([v for (_, c), v in ratios.items() if c == characters]):.2f}"
        for characters in tuned
    )
    return Evidence(
        measured=float(np.mean(fewer)),
        interval=proportion_interval(sum(fewer), len(fewer)),
        text=f"{sum(fewer)} of {len(fewer)}; median share of the steps, by characters of code: "
        f"{told}",
    )


def unified(seen: Seen, rng: np.random.Generator) -> Evidence:
    """Losses of sizes that were held out."""
    if isinstance(seen.foretold, Missing):
        return out_of_scale(seen.foretold.reason)
    errors = np.array([one.error for one in seen.foretold])
    without = float(np.mean([one.error_without for one in seen.foretold]))
    by_size = ", ".join(
        f"{params:,}: {np.mean([o.error for o in seen.foretold if o.cell.params == params]):.1%}"
        for params in sorted({one.cell.params for one in seen.foretold})
    )
    return Evidence(
        measured=float(errors.mean()),
        interval=bootstrap_interval(errors, rng=rng),
        text=f"{errors.mean():.1%} over {len(errors)} cells (worst {errors.max():.1%}); by "
        f"parameters held out {by_size}",
        control=judge_control(claims.UNIFIED, without, text="D_F in the place of D"),
    )


EVIDENCE: dict[Claim, Callable[[Seen, np.random.Generator], Evidence]] = {
    claims.WORTH: worth,
    claims.LAW: law,
    claims.ALPHA: exponent("alpha"),
    claims.BETA: exponent("beta"),
    claims.SIZE: ordered("size"),
    claims.FALLS: ordered("data"),
    claims.CLOSER: closer,
    claims.CLOSER_K: closer_k,
    claims.CLOSER_ALPHA: closer_alpha,
    claims.SAME_BETA: same_beta,
    claims.OSSIFIES: small_ossify,
    claims.HURTS: small_ossify,
    claims.LARGE: large_gain,
    claims.COMPUTE: compute,
    claims.UNIFIED: unified,
}
"""What is said of each claim, in the order of the report."""


def steps_needed(seen: Seen, arm: str) -> dict[tuple[int, int], float]:
    """By width and characters: steps of a pretrained model to the scratch model's best loss, as a
    share of the scratch model's own; infinite where it never gets there."""
    learned = seen.learned
    found = {}
    for width in learned.config.widths:
        for characters in learned.config.tuned:
            scratch = learned.found(width, "scratch", characters)
            pretrained = [
                run
                for run in learned.runs
                if (run.width, run.arm, run.characters) == (width, arm, characters)
            ]
            pairs = zip(scratch, sorted(pretrained, key=lambda run: run.replica), strict=False)
            shares = [
                two.course.first_step(one.course.loss) / one.course.steps[one.course.best]
                for one, two in pairs
            ]
            found[width, characters] = float(np.mean(shares))
    return found


def gaps(seen: Seen, width: int, characters: int) -> list[float]:
    """Loss after prose over that from scratch, less 1, for each replica; empty without runs."""
    pairs = zip(
        seen.learned.found(width, "prose", characters),
        seen.learned.found(width, "scratch", characters),
        strict=False,
    )
    return [one.course.loss / two.course.loss - 1 for one, two in pairs]


def _gap(seen: Seen, width: int, rng: np.random.Generator) -> Evidence:
    """Loss after prose against that from scratch on the most code, pair by pair: the two of a pair
    share their first weights and the order of what they read."""
    characters = seen.learned.config.long.characters
    found = gaps(seen, width, characters)
    mean = float(np.mean(found))
    error, free = _pair_noise(seen)
    half = float(stats.t.ppf(0.975, free)) * error / np.sqrt(len(found))
    each = ", ".join(f"{one:+.2%}" for one in found)
    first = gaps(seen, width, seen.learned.config.tuned[0])
    return Evidence(
        measured=mean,
        interval=(mean - float(half), mean + float(half)),
        text=f"{mean:+.2%} on {characters:,} characters ({each}), {np.mean(first):+.1%} on "
        f"{seen.learned.config.tuned[0]:,}; {seen.learned.params(width):,} parameters",
    )


def _pair_noise(seen: Seen) -> tuple[float, int]:
    """Standard deviation of a pair's gap, pooled over the amounts on which the smallest size has
    replicas, and its degrees of freedom: two or three pairs alone say little of their spread."""
    config = seen.learned.config
    cells = [gaps(seen, config.widths[0], one) for one in (*config.tuned, config.long.characters)]
    squares = sum(float(np.var(cell) * len(cell)) for cell in cells)
    free = sum(len(cell) - 1 for cell in cells)
    return float(np.sqrt(squares / free)), free


def _estimated(one: Estimate, text: str) -> Evidence:
    return Evidence(measured=one.value, interval=(one.low, one.high), text=text)


def _bound(one: Worth) -> str:
    sign = {"": "", "above": "over ", "below": "under "}[one.censored]
    return f"{sign}{one.multiplier:.1f}"
