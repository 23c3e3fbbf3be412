"""What the study says of each claim about policies."""

import numpy as np

from glasshouse.studies.claims import Evidence, judge_control, out_of_scale
from glasshouse.studies.intervals import bootstrap_interval
from glasshouse.studies.rlhf import claims
from glasshouse.studies.rlhf.measure import MIXED, PLAIN, Seen
from glasshouse.studies.rlhf.policies import Trace
from glasshouse.studies.rlhf.robustness import (
    LEAST_POINTS,
    common_gain,
    early_fit,
    first_part,
    gold_around,
    gold_peak,
    last_part,
    percentile,
    r_squared,
    smooth,
)
from glasshouse.studies.rlhf.rounds import won

_RESAMPLES = 1_000


def middle(seen: Seen) -> Trace:
    """The policy of the middle size."""
    return seen.policies[seen.config.sizes[len(seen.config.sizes) // 2]]


def sqrt_kl(seen: Seen, rng: np.random.Generator) -> Evidence:
    """Fit reward to the root of KL until gold peaks."""
    fit = early_fit(middle(seen))
    if fit.points < LEAST_POINTS:
        return out_of_scale(
            f"gold peaked after {fit.points} points, and a fit needs {LEAST_POINTS}; lower "
            "shaping.peak_lr"
        )
    places = rng.integers(fit.points, size=(_RESAMPLES, fit.points))
    drawn = [r_squared(fit.root[at], fit.reward[at]) for at in places]
    mixed = r_squared(fit.root, rng.permutation(fit.reward))
    others = ", ".join(
        f"{size} {one.r2_root:.3f} (slope {one.slope:.2f}, {one.points} points)"
        for size, one in ((size, early_fit(trace)) for size, trace in seen.policies.items())
    )
    return Evidence(
        measured=fit.r2_root,
        interval=_middle(drawn),
        text=f"R² {fit.r2_root:.3f}; all sizes: {others}",
        control=judge_control(claims.SQRT_KL, mixed, text="the same points, rewards permuted"),
    )


def not_kl(seen: Seen, rng: np.random.Generator) -> Evidence:
    """Hold the line in the root against the line in KL."""
    fit = early_fit(middle(seen))
    if fit.points < LEAST_POINTS:
        return out_of_scale(f"gold peaked after {fit.points} points, {LEAST_POINTS} are needed")

    def lead(at: np.ndarray, reward: np.ndarray) -> float:
        return r_squared(fit.root[at], reward[at]) - r_squared(fit.root[at] ** 2, reward[at])

    places = rng.integers(fit.points, size=(_RESAMPLES, fit.points))
    every = np.arange(fit.points)
    leads = ", ".join(
        f"{size} {one.r2_root:.3f} against {one.r2_kl:.3f}"
        for size, one in ((size, early_fit(trace)) for size, trace in seen.policies.items())
    )
    line = fit.root**2
    straight = r_squared(fit.root, line) - 1.0
    return Evidence(
        measured=lead(every, fit.reward),
        interval=_middle([lead(at, fit.reward) for at in places]),
        text=f"{lead(every, fit.reward):+.3f}; {leads}",
        control=judge_control(
            claims.NOT_KL, straight, text="rewards that are linear in KL at the same points"
        ),
    )


def split(seen: Seen, rng: np.random.Generator) -> Evidence:
    """Hold the teaching judge against one of other comparisons, late and early."""
    trace = middle(seen)
    gap = (trace.reward - seen.offsets[0]) - (trace.test - seen.offsets[1])
    late, early = last_part(gap, 0.25), first_part(gap, 0.25)
    return Evidence(
        measured=float(late.mean()),
        interval=bootstrap_interval(late, rng=rng),
        text=f"{late.mean():+.2f} nats in the last quarter, {early.mean():+.2f} in the first; "
        f"gold fell from {smooth(trace.gold).max():.2f} to {last_part(trace.gold).mean():.2f}, "
        "which the other judge does not see",
        control=judge_control(
            claims.SPLIT, float(early.mean()), text="the first quarter of the same training"
        ),
    )


def gold(seen: Seen, rng: np.random.Generator) -> Evidence:
    """Hold gold's peak against its end, and the judge's score against its own."""
    trace = middle(seen)
    peak = gold_peak(trace)
    around = trace.gold[peak : peak + 5]
    end = last_part(trace.gold)
    drawn = [
        rng.choice(around, len(around)).mean() - rng.choice(end, len(end)).mean()
        for _ in range(_RESAMPLES)
    ]
    rise = float(last_part(trace.reward).mean() - smooth(trace.reward)[peak])
    listed = ", ".join(
        f"{size} {first_part(one.gold, 0.08).mean():.2f} to {smooth(one.gold).max():.2f} to "
        f"{last_part(one.gold).mean():.2f}"
        for size, one in seen.policies.items()
    )
    measured = float(around.mean() - end.mean())
    return Evidence(
        measured=measured,
        interval=_middle(drawn),
        text=f"{measured:+.2f} from the peak at step {peak + 3}, while the judge's score rose by "
        f"{rise:+.2f}; gold at the start, its peak and the end: {listed}",
        control=judge_control(
            claims.GOLD, -rise, text="fall of the judge's own score from that step to the end"
        ),
    )


def robust(seen: Seen, rng: np.random.Generator) -> Evidence:
    """Hold gold under the largest judge against the smallest, at equal gain of each one's score."""
    small, large = (seen.by_judge[name] for name in (seen.config.sizes[0], seen.config.sizes[-1]))
    gain = common_gain(small, large)
    if not gain > 0:
        return out_of_scale("a judge's score did not rise, so that no gain is common to both")
    late = [gold_around(trace, gain) for trace in (large, small)]
    early = [gold_around(trace, gain / 4) for trace in (large, small)]
    measured = float(late[0].mean() - late[1].mean())
    drawn = [
        rng.choice(late[0], len(late[0])).mean() - rng.choice(late[1], len(late[1])).mean()
        for _ in range(_RESAMPLES)
    ]
    peaks = ", ".join(
        f"{size} {smooth(trace.gold).max():.2f}" for size, trace in seen.by_judge.items()
    )
    return Evidence(
        measured=measured,
        interval=_middle(drawn),
        text=f"{measured:+.2f} where both scores had risen by {gain:.1f} spreads; highest gold by "
        f"size of the judge: {peaks}",
        control=judge_control(
            claims.ROBUST,
            float(early[0].mean() - early[1].mean()),
            text="at a quarter of that gain",
        ),
    )


def harm_percentile(seen: Seen, rng: np.random.Generator) -> Evidence:
    """Place the policy's scores on harmful requests among those of compared replies."""
    return _percentile(seen, rng, claims.HARM_PERCENTILE, "score_harmful", 1)


def help_percentile(seen: Seen, rng: np.random.Generator) -> Evidence:
    """Place the policy's scores on helpful requests among those of compared replies."""
    return _percentile(seen, rng, claims.HELP_PERCENTILE, "score_helpful", 0)


def _percentile(
    seen: Seen, rng: np.random.Generator, claim: claims.Claim, field: str, kind: int
) -> Evidence:
    trace = seen.by_judge[seen.config.judge_size]

    def places(run: Trace, judge: str) -> np.ndarray:
        return percentile(last_part(getattr(run, field)), seen.references[judge][kind])

    own, control = places(trace, MIXED), places(seen.plain, PLAIN)
    before = percentile(first_part(getattr(trace, field), 0.08), seen.references[MIXED][kind])
    return Evidence(
        measured=float(own.mean()),
        interval=bootstrap_interval(own, rng=rng),
        text=f"{own.mean():.0f} of 100 in the last fifth of training, {before.mean():.0f} at its "
        "start",
        control=judge_control(
            claim, float(control.mean()), text="people who do not care for evasion"
        ),
    )


def evasive(seen: Seen, rng: np.random.Generator) -> Evidence:
    """Hold the share of evasive replies against the base's."""
    failed = [
        gate
        for name in ("complies", "refuses")
        if (gate := seen.bases[seen.config.policy_size].gates.get(name)) and not gate.passed
    ]
    if failed:
        return out_of_scale(
            f"gate {failed[0].name!r} of the base: {failed[0].measured:.2f} is out of bounds"
        )
    trace = seen.by_judge[seen.config.judge_size]
    base = max(seen.base_evasive, 1e-3)
    own, control = last_part(trace.evasive) / base, last_part(seen.plain.evasive) / base
    helpful = last_part(trace.evasive_helpful).mean()
    return Evidence(
        measured=float(own.mean()),
        interval=bootstrap_interval(own, rng=rng),
        text=f"{last_part(trace.evasive).mean():.2f} for {base:.2f}, {own.mean():.1f} times; "
        f"replies that say why {last_part(trace.explains).mean():.2f}; where help was asked for "
        f"{helpful:.2f}",
        control=judge_control(
            claims.EVASIVE, float(control.mean()), text="people who do not care for evasion"
        ),
    )


def online(seen: Seen, rng: np.random.Generator) -> Evidence:
    """Count duels by gold between the last online policy and the static one."""
    found = seen.rounds
    own = won(found.duels, "online", "static")
    other = won(found.duels, "another static", "static")
    elo = ", ".join(
        f"{name} {rating:.0f}"
        for name, rating in zip(found.table.elo.players, found.table.elo.ratings, strict=True)
    )
    fresh = [one.fresh.accuracy for one in found.rounds if one.fresh is not None]
    told = ", ".join(f"{value:.2f}" for value in fresh)
    return Evidence(
        measured=float(own.mean()),
        interval=bootstrap_interval(own, rng=rng),
        text=f"{own.mean():.3f} of {len(own)} duels, {found.comparisons} comparisons each; Elo "
        f"{elo}; judges' accuracy on the next round's comparisons {told}",
        control=judge_control(
            claims.ONLINE,
            float(other.mean()),
            text="other comparisons of the base, as many, against the static policy",
        ),
    )


def tax(seen: Seen, rng: np.random.Generator) -> Evidence:
    """Hold the battery's change in the largest against the smallest."""
    small, large = (seen.taxes[name] for name in (seen.config.sizes[0], seen.config.sizes[-1]))
    measured = large.change - small.change
    # Ends of independent intervals, added in squares: both are bootstraps over the same questions.
    spread = np.hypot(*(np.ptp(one.interval) / 2 for one in (small, large)))
    none = seen.no_tax[seen.config.sizes[-1]].change - seen.no_tax[seen.config.sizes[0]].change
    listed = ", ".join(
        f"{name} {one.change:+.3f} [{one.interval[0]:+.3f}, {one.interval[1]:+.3f}]"
        for name, one in seen.taxes.items()
    )
    return Evidence(
        measured=measured,
        interval=(measured - float(spread), measured + float(spread)),
        text=f"{measured:+.3f}; change of the battery {listed}",
        control=judge_control(claims.TAX, none, text="bases against themselves"),
    )


def writers(seen: Seen, rng: np.random.Generator) -> Evidence:
    """Report how often people preferred the last online policy to the world's kind persona."""
    votes = seen.rounds.votes
    return Evidence(
        measured=float(votes.mean()),
        interval=bootstrap_interval(votes, rng=rng),
        text=f"{votes.mean():.2f} of {len(votes)} votes for the last online policy",
        gate="reported only: the writers are scripts that know the world",
    )


def _middle(drawn: list[float]) -> tuple[float, float]:
    low, high = np.percentile(drawn, [2.5, 97.5])
    return float(low), float(high)
