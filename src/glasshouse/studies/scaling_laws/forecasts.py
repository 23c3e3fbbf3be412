"""The forecast on file held against the runs that it was about."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64

from glasshouse.scaling import ScalingRun, column
from glasshouse.studies.claims import ClaimResult, judge_control
from glasshouse.studies.intervals import bootstrap_interval, proportion_interval
from glasshouse.studies.scaling_laws.claims import COVERAGE, FORECAST
from glasshouse.studies.scaling_laws.evidence import distance_interval, judged, untested
from glasshouse.studies.scaling_laws.foretelling import Expected
from glasshouse.studies.scaling_laws.sweeps import Swept
from glasshouse.studies.scaling_laws.texts import NAME
from glasshouse.world.streams import stream

_LEAST_LARGE = 3


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Held:
    """Large runs beside what was said of them."""

    runs: list[ScalingRun]
    """Those that were trained, by compute."""
    expected: list[Expected]
    """What was said of each."""
    errors: Float64[np.ndarray, " run"]
    """Foretold over measured loss, minus 1."""
    is_inside: Bool[np.ndarray, " run"]
    """Whether the loss lies in its interval."""
    without_law: Float64[np.ndarray, " run"]
    """Error of the best small run's loss as a forecast."""


def measure(swept: Swept) -> Held:
    """Put them side by side."""
    said = {one.name: one for one in swept.foretold.expected}
    runs = sorted((run for run in swept.main if run.name in said), key=lambda one: one.compute)
    expected = [said[run.name] for run in runs]
    loss = column(runs, "loss")
    low, high = (np.array([getattr(one, end) for one in expected]) for end in ("low", "high"))
    return Held(
        runs=runs,
        expected=expected,
        errors=np.array([one.loss for one in expected]) / loss - 1,
        is_inside=(low <= loss) & (loss <= high),
        without_law=np.abs(swept.foretold.best_loss / loss - 1),
    )


def claims(held: Held, swept: Swept) -> tuple[ClaimResult, ClaimResult]:
    """Error and coverage."""
    count = len(held.runs)
    if count < _LEAST_LARGE:
        why = f"only {count} large runs came to an end"
        return untested(FORECAST, why), untested(COVERAGE, why)
    rng = stream(swept.seed, NAME, FORECAST.id)
    errors = np.abs(held.errors)
    title, weight = swept.foretold.laws[0]
    error = judged(
        FORECAST,
        float(np.median(errors)),
        bootstrap_interval(errors, np.median, rng=rng),
        text=f"{np.median(errors):.2%} over {count} runs of up to {swept.config.small_share:g} "
        f"times the compute (worst {errors.max():.1%}), from {swept.foretold.num_runs} runs by "
        f"{title} (weight {weight:.2f})",
        control=judge_control(
            FORECAST, float(np.median(held.without_law)), text="the best small run's loss, as it is"
        ),
    )
    inside = int(held.is_inside.sum())
    low, high = proportion_interval(inside, count)
    coverage = judged(
        COVERAGE,
        abs(inside / count - 0.89),
        distance_interval(low, high, 0.89),
        text=f"{inside} of {count} inside, {inside / count:.0%} ({low:.0%} to {high:.0%})",
    )
    return error, coverage
