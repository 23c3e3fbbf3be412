"""From what was measured to evidence: every interval is over replicas of each size."""

import math
from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from glasshouse.scaling.predictability import (
    foretell,
    foretell_loss,
    log_fit_r2,
    minus_log_loss,
    share_left,
    sharpness,
)
from glasshouse.studies.claims import ClaimResult, Control, Evidence, judge_control
from glasshouse.studies.predictability_surprise.claims import (
    ABRUPT,
    DISPARITY,
    METRIC,
    RECOMMENDS,
    SMOOTH,
    SURPRISE,
    TOLD_APART,
)
from glasshouse.studies.predictability_surprise.seen import BIASED, FAIR, Curve, Seen
from glasshouse.world.streams import stream

_DRAWS = 500
"""Resamples."""
_LEAST_RISE = 0.3
"""A task whose exact match rises by less from the smallest size to the largest has no abruptness
over size, however much single models differ."""
_DEALT = 200
"""Times that models are dealt to sizes at random."""
_MOST_UNDEFINED = 0.05
"""Share of resamples that may be undefined."""

Means = Float[np.ndarray, " size"]


def resampled(
    statistic: Callable[..., float],
    *tables: Float[np.ndarray, "size replica"],
    rng: np.random.Generator,
) -> tuple[float, float]:
    """95% interval of a statistic of means over replicas, which are drawn anew at each size.

    Args:
        statistic: Takes the means of each table.
        tables: Of the same models or of others; tables of one shape are drawn alike.
        rng: Where draws come from.

    Returns:
        Low and high end; both NaN where more than a few draws leave the statistic undefined.
    """
    found = []
    for _ in range(_DRAWS):
        picks: dict[tuple[int, ...], np.ndarray] = {}
        means = []
        for table in tables:
            if table.shape not in picks:
                picks[table.shape] = rng.integers(table.shape[1], size=table.shape)
            means.append(np.take_along_axis(table, picks[table.shape], axis=1).mean(axis=1))
        found.append(statistic(*means))
    kept = np.array(found)
    kept = kept[np.isfinite(kept)]
    if len(kept) < (1 - _MOST_UNDEFINED) * _DRAWS:
        return math.nan, math.nan
    low, high = np.quantile(kept, [0.025, 0.975])
    return float(low), float(high)


def results(seen: Seen, *, seed: int) -> tuple[ClaimResult, ...]:
    """All claims, in their order."""
    rng = stream(seed, "predictability", "intervals")
    return (
        _smooth(seen, rng),
        _abrupt(seen, rng),
        _metric(seen, rng),
        _told_apart(seen, rng),
        _surprise(seen, rng),
        _disparity(seen, rng),
        _recommends(seen, rng),
    )


def _smooth(seen: Seen, rng: np.random.Generator) -> ClaimResult:
    params, losses = seen.facts.params, seen.text_losses
    value = log_fit_r2(params, losses.mean(axis=1))
    shuffled = [log_fit_r2(params, rng.permutation(losses.mean(axis=1))) for _ in range(200)]
    evidence = Evidence(
        measured=value,
        interval=resampled(lambda mean: log_fit_r2(params, mean), losses, rng=rng),
        text=f"{value:.3f} over {len(params)} sizes from N = {params[0]:,} to {params[-1]:,}",
        control=judge_control(
            SMOOTH, float(np.mean(shuffled)), text="losses dealt to sizes at random, mean of 200"
        ),
    )
    return ClaimResult(claim=SMOOTH, evidence=evidence)


def left(curve: Curve) -> Callable[[Means, Means], float]:
    """How much of the jump of whole answers is left on the scale of their tokens' loss."""
    return lambda whole, tokens: share_left(curve.params, whole, minus_log_loss(tokens))


def _both(curve: Curve) -> tuple[np.ndarray, np.ndarray]:
    return curve.values["exact_match"], curve.values["token_logprob"]


def _means(curve: Curve) -> tuple[Means, Means]:
    return curve.mean("exact_match"), curve.mean("token_logprob")


def why_not_learned(curve: Curve, what: str) -> str | None:
    """The gate of all that speaks of a jump."""
    exact = curve.mean("exact_match")
    rise = float(exact[-1] - exact[0])
    if rise < _LEAST_RISE:
        return (
            f"exact match of {what} changes by {rise:.2f} from the smallest size to the largest, "
            "so that it does not come with size and there is no jump to judge"
        )
    return None


def dealt(
    statistic: Callable[[Means], float],
    table: Float[np.ndarray, "size replica"],
    *,
    rng: np.random.Generator,
) -> float:
    """Mean of a statistic where the same models are dealt to sizes at random.

    What single models have or have not by luck stays; what size does is gone.
    """
    found = [
        statistic(rng.permutation(table.ravel()).reshape(table.shape).mean(axis=1))
        for _ in range(_DEALT)
    ]
    return float(np.mean(found))


def _abrupt(seen: Seen, rng: np.random.Generator) -> ClaimResult:
    params, task, losses = seen.sums.params, seen.sums.values["exact_match"], seen.text_losses

    def ratio(values: Means, of_text: Means) -> float:
        return sharpness(params, values) / sharpness(params, -np.log(of_text))

    means = task.mean(axis=1), losses.mean(axis=1)
    known = seen.facts.mean("token_accuracy")
    whole, text = sharpness(params, means[0]), sharpness(params, -np.log(means[1]))
    evidence = Evidence(
        measured=ratio(*means),
        interval=resampled(ratio, task, losses, rng=rng),
        text=f"{ratio(*means):.2f}: {whole:.2f} of exact match, {text:.2f} of the log loss on text "
        f"(1 is a straight climb); exact match {_said(means[0])}",
        control=judge_control(
            ABRUPT, ratio(known, means[1]), text="share of single facts that are known"
        ),
        gate=why_not_learned(seen.sums, "addition"),
    )
    return ClaimResult(claim=ABRUPT, evidence=evidence)


def _metric(seen: Seen, rng: np.random.Generator) -> ClaimResult:
    curve = seen.sums
    value = left(curve)(*_means(curve))
    planted = left(seen.echoes)(*_means(seen.echoes))
    evidence = Evidence(
        measured=value,
        interval=resampled(left(curve), *_both(curve), rng=rng),
        text=f"{value:.2f} of the sharpness beyond 1 is left; where the metric's jump is planted "
        f"{left(seen.facts)(*_means(seen.facts)):.2f}",
        control=judge_control(METRIC, planted, text="a planted skill, which comes in one step"),
        gate=why_not_learned(curve, "addition"),
    )
    return ClaimResult(claim=METRIC, evidence=evidence)


def _told_apart(seen: Seen, rng: np.random.Generator) -> ClaimResult:
    facts, echoes = seen.facts, seen.echoes
    skill, metric = left(echoes)(*_means(echoes)), left(facts)(*_means(facts))
    low, high = resampled(left(echoes), *_both(echoes), rng=rng)
    low_metric, high_metric = resampled(left(facts), *_both(facts), rng=rng)
    half = seen.config.replicas // 2
    halves = [
        left(facts)(*(table[:, part].mean(axis=1) for table in _both(facts)))
        for part in (slice(None, half), slice(half, None))
    ]
    evidence = Evidence(
        measured=skill - metric,
        interval=(low - high_metric, high - low_metric),
        text=f"{skill - metric:.2f}: {skill:.2f} left of the skill's jump, {metric:.2f} of the "
        "metric's",
        control=judge_control(
            TOLD_APART, abs(halves[0] - halves[1]), text="some replicas of the same task and others"
        ),
        gate=why_not_learned(facts, "facts") or why_not_learned(echoes, "echoes"),
    )
    return ClaimResult(claim=TOLD_APART, evidence=evidence)


def least_surprise(params: np.ndarray, values: Means, *, floor: float = 0.0) -> float:
    """Largest error of the next size as a share of the range, under the better smooth law."""
    span = float(np.ptp(values))
    if span == 0:
        return 0.0
    return min(one.surprise for one in foretell(params, values, floor=floor)) / span


def loss_surprise(params: np.ndarray, losses: Means) -> float:
    """The same of a loss, under a power law."""
    return foretell_loss(params, losses).surprise / float(np.ptp(losses))


def _surprise(seen: Seen, rng: np.random.Generator) -> ClaimResult:
    params, facts = seen.facts.params, seen.facts

    def more(values: Means, losses: Means) -> float:
        return least_surprise(params, values) - loss_surprise(params, losses)

    task, losses = seen.sums.values["exact_match"], seen.text_losses
    loss = losses.mean(axis=1)
    value, smooth = more(task.mean(axis=1), loss), more(facts.mean("token_accuracy"), loss)
    evidence = Evidence(
        measured=value,
        interval=resampled(more, task, losses, rng=rng),
        text=f"{value:.2f}: {least_surprise(params, task.mean(axis=1)):.2f} of its range for "
        f"addition, {loss_surprise(params, loss):.2f} for the loss; {smooth:.2f} where the share "
        "of single facts that are known, which grows evenly, stands for addition",
        control=judge_control(
            SURPRISE,
            dealt(lambda means: more(means, loss), task, rng=rng.spawn(1)[0]),
            text=f"the same models dealt to sizes at random, mean of {_DEALT}",
        ),
        gate=why_not_learned(seen.sums, "addition"),
    )
    return ClaimResult(claim=SURPRISE, evidence=evidence)


def _disparity(seen: Seen, rng: np.random.Generator) -> ClaimResult:
    court = seen.court
    best = court.best_log_ratio(BIASED)

    def fall(ratios: Means) -> float:
        return 1 - abs(float(ratios[-1]) - best) / abs(float(ratios[0]) - best)

    ratios = court.log_ratios(BIASED)
    means = ratios.mean(axis=1)
    fair = float(court.log_ratios(FAIR).mean(axis=1)[-1])
    gate = None
    if court.loss[-1].mean() >= court.loss[0].mean():
        gate = "the largest models read records no better than the smallest"
    evidence = Evidence(
        measured=fall(means),
        interval=resampled(fall, ratios, rng=rng),
        text=f"{fall(means):.2f}: ratio {math.exp(means[0]):.2f} at the smallest size, "
        f"{math.exp(means[-1]):.2f} at the largest, {math.exp(best):.2f} of the best reader",
        control=Control(
            value=abs(fair) / best,
            shows_effect=abs(fair) > DISPARITY.threshold * best,
            text="the fair court: log ratio of the largest size as a share of the best reader's "
            "in the biased one",
        ),
        gate=gate,
    )
    return ClaimResult(claim=DISPARITY, evidence=evidence)


def _recommends(seen: Seen, rng: np.random.Generator) -> ClaimResult:
    shop = seen.shop

    def largest(gains: Means) -> float:
        return float(gains[-1])

    gain, foreign = shop.gain, shop.foreign_gain
    value = largest(gain.mean(axis=1))
    evidence = Evidence(
        measured=value,
        interval=resampled(largest, gain, rng=rng),
        text=f"{value:.2f} less: {shop.rmse(shop.squares)[-1].mean():.2f} stars, the item's mean "
        f"{shop.rmse(shop.item_squares):.2f}, the best linear guess "
        f"{shop.rmse(shop.best_squares):.2f}; at the smallest size {gain[0].mean():.2f} less",
        control=judge_control(
            RECOMMENDS,
            largest(foreign.mean(axis=1)),
            text="behind the ratings of another user",
        ),
    )
    return ClaimResult(claim=RECOMMENDS, evidence=evidence)


def _said(values: Means) -> str:
    return " ".join(f"{value:.2f}" for value in values)
