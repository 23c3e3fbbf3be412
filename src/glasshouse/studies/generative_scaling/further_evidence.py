"""Evidence on harder sums, classifiers and shapes; intervals are over runs."""

import math
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64

from glasshouse.studies.claims import ClaimResult, Evidence, judge_control, out_of_scale
from glasshouse.studies.generative_scaling.claims import ASPECT, CLASSIFIER, HARDER
from glasshouse.studies.generative_scaling.seen import Classified, Reckoned, Seen

_POINTS = 20
"""Training losses at which curves are compared."""


def further_results(seen: Seen) -> tuple[ClaimResult, ...]:
    """The three claims, in their order."""
    return (_harder(seen), _classifier(seen), _aspect(seen))


def _harder(seen: Seen) -> ClaimResult:
    runs = seen.further.sums
    value = curves_apart(runs)
    if value is None:
        return ClaimResult(claim=HARDER, evidence=out_of_scale("training losses do not overlap"))
    single = [curves_apart([one for one in runs if one.seed == seed]) for seed in _seeds(runs)]
    each = [one for one in single if one is not None]
    params = sorted({one.params for one in runs})
    longest = max(one.steps for one in runs)
    said = ", ".join(
        f"{np.mean([one.hard for one in runs if one.params == size and one.steps == longest]):.2f}"
        for size in params
    )
    return ClaimResult(
        claim=HARDER,
        evidence=Evidence(
            measured=value,
            interval=(min(value, *each), max(value, *each)) if each else (math.nan, math.nan),
            text=f"{value:.1%} apart at worst; after {longest} steps {said} nats a token by size",
            control=judge_control(
                HARDER, steps_apart(runs), text="the same at the same number of steps, at worst"
            ),
        ),
    )


def curves_apart(runs: Sequence[Reckoned]) -> float | None:
    """How far losses on hard sums lie apart at the same loss on easy ones: largest less smallest
    over all sizes, as a share of their mean, at worst; None where sizes share no loss."""
    curves = []
    for size in sorted({one.params for one in runs}):
        own = [one for one in runs if one.params == size]
        points = sorted(
            (
                float(np.mean([one.easy for one in own if one.steps == steps])),
                float(np.mean([one.hard for one in own if one.steps == steps])),
            )
            for steps in {one.steps for one in own}
        )
        curves.append(np.array(points))
    low, high = (pick(curve[at, 0] for curve in curves) for pick, at in ((max, 0), (min, -1)))
    if low >= high:
        return None
    at = np.linspace(low, high, _POINTS)
    return _spread(np.stack([np.interp(at, curve[:, 0], curve[:, 1]) for curve in curves]))


def steps_apart(runs: Sequence[Reckoned]) -> float:
    """The same at the same number of steps."""
    sizes, lengths = (
        sorted({one.params for one in runs}),
        sorted({one.steps for one in runs}),
    )
    means = [
        [
            np.mean([one.hard for one in runs if (one.params, one.steps) == (size, steps)])
            for steps in lengths
        ]
        for size in sizes
    ]
    return _spread(np.array(means, dtype=np.float64))


def _spread(losses: Float64[np.ndarray, "size point"]) -> float:
    return float(((losses.max(axis=0) - losses.min(axis=0)) / losses.mean(axis=0)).max())


def _seeds(runs: Sequence[Reckoned]) -> list[int]:
    return sorted({one.seed for one in runs})


def _classifier(seen: Seen) -> ClaimResult:
    tuned, scratch = (errors(seen.further.classified, pretrained=one) for one in (True, False))
    gains = (tuned[0] - tuned[-1]) - (scratch[0] - scratch[-1])
    noise = float(
        np.sqrt(sum(one.var(ddof=1) / len(one) for one in (*tuned[[0, -1]], *scratch[[0, -1]])))
    )
    value = float(gains.mean())
    by_size = [
        ", ".join(f"{error:.1%}" for error in some.mean(axis=1)) for some in (tuned, scratch)
    ]
    return ClaimResult(
        claim=CLASSIFIER,
        evidence=Evidence(
            measured=value,
            interval=(value - 2 * noise, value + 2 * noise),
            text=f"{100 * value:.1f} points; errors by size {by_size[0]} fine-tuned, {by_size[1]} "
            "from scratch",
        ),
    )


def errors(
    classified: Sequence[Classified], *, pretrained: bool
) -> Float64[np.ndarray, "size run"]:
    """Errors of one kind of classifier."""
    sizes = sorted({one.params for one in classified})
    return np.array(
        [
            [one.error for one in classified if one.params == size and one.pretrained is pretrained]
            for size in sizes
        ]
    )


def _aspect(seen: Seen) -> ClaimResult:
    lacks = {
        (layers, width): np.array(
            [one.lack for one in seen.further.shaped if (one.layers, one.width) == (layers, width)]
        )
        for layers, width in seen.config.further.shapes
    }
    ordered = list(lacks.values())
    best = min(ordered[1:-1], key=lambda one: float(one.mean()))
    extreme = min((ordered[0], ordered[-1]), key=lambda one: float(one.mean()))
    value = float(extreme.mean() - best.mean())
    noise = float(np.sqrt(extreme.var(ddof=1) / len(extreme) + best.var(ddof=1) / len(best)))
    said = ", ".join(
        f"{width / layers:.3g}: {lack.mean():.3f}" for (layers, width), lack in lacks.items()
    )
    return ClaimResult(
        claim=ASPECT,
        evidence=Evidence(
            measured=value,
            interval=(value - 2 * noise, value + 2 * noise),
            text=f"{value:.3f} nats a token; beyond the best reader by width over depth {said}",
        ),
    )
