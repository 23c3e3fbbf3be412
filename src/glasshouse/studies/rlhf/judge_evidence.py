"""What the study says of each claim about preference models."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from glasshouse.align import accuracy_by_threshold, calibrate, matched_by_margin, rightness
from glasshouse.studies.claims import Control, Evidence, judge_control
from glasshouse.studies.intervals import bootstrap_interval
from glasshouse.studies.rlhf import claims
from glasshouse.studies.rlhf.judging import Pass, Scored
from glasshouse.studies.rlhf.measure import HARMLESS, HELPFUL, Seen
from glasshouse.studies.rlhf.strange import separation

_RESAMPLES = 400

Pairs = Float[np.ndarray, " pair"]


def right(scored: Scored) -> Pairs:
    """Pair by pair, the true probability that the reply that scores higher is preferred."""
    return rightness(scored.margin, scored.p_crowd)


def accuracy(both: tuple[Scored, Scored]) -> float:
    """Mean over helpful and red-team comparisons, each kind counting the same."""
    return float(np.mean([right(one).mean() for one in both]))


def resampled(
    sizes: tuple[int, ...], statistic: Callable[..., float], *, rng: np.random.Generator
) -> tuple[float, float]:
    """Interval of a statistic of places drawn again from lists of so many."""
    drawn = [
        statistic(*(rng.integers(size, size=size) for size in sizes)) for _ in range(_RESAMPLES)
    ]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return float(low), float(high)


Chances = list[np.ndarray]
"""Of helpful and of red-team pairs: a row a measurement, `right` of every pair."""


def _chances(found: Pass) -> Chances:
    return [np.stack([right(both[kind]) for both in found.scored]) for kind in (0, 1)]


def _curve(chances: Chances) -> np.ndarray:
    """Accuracy at each measurement."""
    return np.mean([rows.mean(axis=1) for rows in chances], axis=0)


def line_fit(seen: tuple[int, ...], curve: np.ndarray) -> tuple[float, float]:
    """Slope a factor of ten, and R², of accuracy on log comparisons."""
    logs = np.log10(seen)
    if len(seen) < 3 or np.std(curve) == 0:
        return 0.0, 0.0
    return float(np.polyfit(logs, curve, 1)[0]), float(np.corrcoef(logs, curve)[0, 1] ** 2)


def log_linear(found: Pass, *, rng: np.random.Generator) -> tuple[float, float, float, float]:
    """Slope with its interval, and R², or 0 where the slope's sign is in doubt."""
    sizes = tuple(len(one.p_crowd) for one in found.scored[0])
    helpful, harmless = _chances(found)
    slope, fit = line_fit(found.seen, _curve([helpful, harmless]))
    low, high = resampled(
        sizes,
        lambda a, b: line_fit(found.seen, _curve([helpful[:, a], harmless[:, b]]))[0],
        rng=rng,
    )
    return slope, low, high, fit if low > 0 else 0.0


def data(seen: Seen, rng: np.random.Generator) -> Evidence:
    """Fit each size's accuracy to the logarithm of comparisons."""
    fits = {size: log_linear(one, rng=rng) for size, one in seen.passes.items()}
    measured = float(np.mean([fit for *_, fit in fits.values()]))
    sizes = tuple(len(one.p_crowd) for one in next(iter(seen.passes.values())).scored[0])

    chances = {size: _chances(one) for size, one in seen.passes.items()}

    def again(a: np.ndarray, b: np.ndarray) -> float:
        curves = [
            line_fit(one.seen, _curve([chances[size][0][:, a], chances[size][1][:, b]]))
            for size, one in seen.passes.items()
        ]
        return float(np.mean([fit if slope > 0 else 0.0 for slope, fit in curves]))

    low, high = resampled(sizes, again, rng=rng)
    *_, shuffled = log_linear(seen.shuffled, rng=rng)
    slopes = ", ".join(f"{size} {slope:+.3f}" for size, (slope, *_) in fits.items())
    return Evidence(
        measured=measured,
        # Resamples know nothing of a doubtful sign, for which the measure is 0.
        interval=(min(low, measured), max(high, measured)),
        text=f"R² {measured:.2f} over {len(seen.shuffled.seen)} doublings; a factor of ten gives "
        f"{slopes}",
        control=judge_control(claims.DATA, shuffled, text="smallest judge, preferences shuffled"),
    )


def size(seen: Seen, rng: np.random.Generator) -> Evidence:
    """Hold the largest against the smallest at the last measurement."""
    small, large = (seen.passes[name] for name in (seen.config.sizes[0], seen.config.sizes[-1]))
    gaps = [
        right(one) - right(two) for one, two in zip(large.scored[-1], small.scored[-1], strict=True)
    ]
    again = seen.weighed[seen.config.sizes[0]]
    chance = float(right(again.again).mean() - right(again.even).mean())
    listed = ", ".join(f"{n} {accuracy(p.scored[-1]):.3f}" for n, p in seen.passes.items())
    ceiling = np.mean([seen.data.helpful_test.ceiling, seen.data.harmless_test.ceiling])
    measured = float(np.mean([gap.mean() for gap in gaps]))
    return Evidence(
        measured=measured,
        interval=resampled(
            (len(gaps[0]), len(gaps[1])),
            lambda a, b: float((gaps[0][a].mean() + gaps[1][b].mean()) / 2),
            rng=rng,
        ),
        text=f"{measured:+.3f}: {listed} after {large.seen[-1]} comparisons (ceiling "
        f"{ceiling:.3f})",
        control=judge_control(
            claims.SIZE, chance, text="two judges of the smallest size, comparisons in other order"
        ),
    )


def calibrated(seen: Seen, rng: np.random.Generator) -> Evidence:
    """Hold the helpful judge's margins against true probabilities."""
    scored = seen.singles[HELPFUL][0]
    found = calibrate(scored.margin, scored.p_crowd)
    labelled = calibrate(scored.margin, scored.p_label)
    other = calibrate(scored.margin, rng.permutation(scored.p_crowd))
    return Evidence(
        measured=found.error,
        interval=resampled(
            (len(scored.margin),),
            lambda a: calibrate(scored.margin[a], scored.p_crowd[a]).error,
            rng=rng,
        ),
        text=f"{found.error:.3f} (overconfidence {found.overconfidence:+.3f}); against single "
        f"choices {labelled.error:.3f}, of which chance is a part; {len(scored.margin)} pairs",
        control=judge_control(
            claims.CALIBRATED, other.error, text="the same margins, preferences of other pairs"
        ),
    )


def under(seen: Seen, rng: np.random.Generator) -> Evidence:
    """Ask whether the mixed judge claims less than it finds."""
    both = seen.passes[seen.config.judge_size].scored[-1]
    parts = [_over(one) for one in both]
    alone = float(_over(seen.singles[HELPFUL][0]).mean())
    measured = float(np.mean([part.mean() for part in parts]))
    return Evidence(
        measured=measured,
        interval=resampled(
            (len(parts[0]), len(parts[1])),
            lambda a, b: float((parts[0][a].mean() + parts[1][b].mean()) / 2),
            rng=rng,
        ),
        text=f"claimed less found {measured:+.3f}: helpful {parts[0].mean():+.3f}, harmless "
        f"{parts[1].mean():+.3f}",
        control=judge_control(
            claims.UNDER, alone, text="judge of helpfulness alone, on helpful comparisons"
        ),
    )


def _over(scored: Scored) -> Pairs:
    """Pair by pair, probability claimed less true probability."""
    claimed = 1 / (1 + np.exp(-np.abs(scored.margin)))
    return claimed - right(scored)


def high_scores(seen: Seen, rng: np.random.Generator) -> Evidence:
    """Hold pairs of two high scores against the others."""
    both = seen.passes[seen.config.judge_size].scored[-1]
    first, second, p_crowd = (
        np.concatenate([getattr(one, name) for one in both])
        for name in ("first", "second", "p_crowd")
    )
    lower, margin = np.minimum(first, second), first - second
    chance = rightness(margin, p_crowd)
    is_high = lower >= np.median(lower)
    measured = float(chance[~is_high].mean() - chance[is_high].mean())
    places = matched_by_margin(margin[~is_high], margin[is_high], rng=rng)
    matched = float(chance[~is_high][places].mean() - chance[is_high].mean())
    mixed = rng.permutation(is_high)
    rows = accuracy_by_threshold(first, second, p_crowd)
    curve = ", ".join(f"{row.share:.0%} {row.accuracy:.2f}" for row in rows)

    def again(a: np.ndarray) -> float:
        return float(chance[a][~is_high[a]].mean() - chance[a][is_high[a]].mean())

    return Evidence(
        measured=measured,
        interval=resampled((len(margin),), again, rng=rng),
        text=f"{measured:+.3f}; {matched:+.3f} with the other half's pairs drawn as close as "
        f"these; above quantiles {curve}",
        control=judge_control(
            claims.HIGH_SCORES,
            float(chance[~mixed].mean() - chance[mixed].mean()),
            text="halves drawn at random",
        ),
    )


def cross(seen: Seen, rng: np.random.Generator) -> Evidence:
    """Measure each single judge on the other kind."""
    parts = [right(seen.singles[HELPFUL][1]), right(seen.singles[HARMLESS][0])]
    mixed = [right(one) for one in seen.passes[seen.config.judge_size].scored[-1]]
    measured = max(float(part.mean()) for part in parts)
    return Evidence(
        measured=measured,
        interval=resampled(
            (len(parts[0]), len(parts[1])),
            lambda a, b: float(max(parts[0][a].mean(), parts[1][b].mean())),
            rng=rng,
        ),
        text=f"helpful judge on red-team comparisons {parts[0].mean():.3f}, harmless judge on "
        f"helpful ones {parts[1].mean():.3f}; each on its own "
        f"{right(seen.singles[HELPFUL][0]).mean():.3f} and "
        f"{right(seen.singles[HARMLESS][1]).mean():.3f}",
        control=judge_control(
            claims.CROSS,
            min(float(part.mean()) for part in mixed),
            text="judge of both kinds, on the worse of the two",
        ),
    )


def mixture(seen: Seen, rng: np.random.Generator) -> Evidence:
    """Hold the relative rise of the helpful error in the smallest against the largest."""
    small, large = (seen.weighed[name] for name in (seen.config.sizes[0], seen.config.sizes[-1]))
    errors = {
        (at, name): 1 - right(getattr(one, name))
        for at, one in (("small", small), ("large", large))
        for name in ("even", "again", "harm")
    }

    def cost(at: str, name: str, places: np.ndarray | slice) -> float:
        before = errors[at, "even"][places].mean()
        return float((errors[at, name][places].mean() - before) / before)

    everything = slice(None)
    found = {at: cost(at, "harm", everything) for at in ("small", "large")}
    none = cost("small", "again", everything) - cost("large", "again", everything)
    return Evidence(
        measured=found["small"] - found["large"],
        interval=resampled(
            (len(small.even.margin),),
            lambda a: cost("small", "harm", a) - cost("large", "harm", a),
            rng=rng,
        ),
        text=f"helpful error rises by {found['small']:+.1%} ({seen.config.sizes[0]}) and "
        f"{found['large']:+.1%} ({seen.config.sizes[-1]})",
        control=judge_control(
            claims.MIXTURE, none, text="equal weights again, comparisons in another order"
        ),
    )


def strange(seen: Seen, rng: np.random.Generator) -> Evidence:
    """Resample prompts at the best layer."""
    found = seen.strange
    low, high = found.ordinary[found.best], found.harmful[found.best]
    ratio = found.flag_ratio
    layers = ", ".join(f"{value:.2f}" for value in found.by_layer)
    return Evidence(
        measured=float(found.by_layer[found.best]),
        interval=resampled(
            (len(low), len(high)), lambda a, b: separation(low[a], high[b]), rng=rng
        ),
        text=f"{found.by_layer[found.best]:.3f} at layer {found.best + 1}; by layer {layers}",
        control=Control(
            value=ratio,
            shows_effect=ratio > 2,
            text="harmless look-alikes are flagged so many times as often as ordinary prompts "
            "(over 2 would show it)",
        ),
    )


def exposed(seen: Seen, rng: np.random.Generator) -> Evidence:
    """Hold ten shown prompts against none, over draws of the ten."""
    found = seen.strange
    plain = float(found.by_layer[found.best])
    gains = found.exposed[10] - plain
    curve = ", ".join(f"{number}: {values.mean():.2f}" for number, values in found.exposed.items())
    return Evidence(
        measured=float(gains.mean()),
        interval=bootstrap_interval(gains, rng=rng),
        text=f"{gains.mean():+.3f} from {plain:.2f}; AUROC by prompts shown {curve}",
        control=judge_control(
            claims.EXPOSED,
            float(found.exposed_to_ordinary.mean() - plain),
            text="ten ordinary prompts shown",
        ),
    )
