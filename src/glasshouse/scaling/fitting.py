"""Fit a law to runs: robustly, in log space, with an interval on everything it says.

An exponent without an interval is not a result, so a `FittedLaw` always carries the draws of its
bootstrap: every number and every forecast is read off all of them. A curve counts as one run.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from jaxtyping import Float64

from glasshouse.errors import InputError
from glasshouse.scaling.estimates import Estimate, estimate_of, unit_weights
from glasshouse.scaling.laws import Law
from glasshouse.scaling.runs import ScalingRun, column, units
from glasshouse.scaling.solving import minimise, minimise_many
from glasshouse.scaling.starts import starts_of

PUBLISHED_DELTA = 1e-3
"""Where Hoffmann et al.'s squares end, in log loss."""
_EFFICIENCY = 1.345
"""Delta in units of the spread of residuals at which Huber's estimate is 95% as good as least
squares on normal errors (Huber 1964)."""
_LEAST_SPAN = 2.0
"""A variable whose largest value is fewer times its smallest says nothing of a power."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FitConfig:
    """How laws are fitted."""

    draws: int = 400
    """Bootstrap resamples."""
    confidence: float = 0.95
    """Share of intervals that should cover the truth."""
    delta: float | None = None
    """Where squares end, in log loss; None: 1.345 spreads of the residuals of a first fit at
    Hoffmann's 1e-3."""
    seed: int = 0
    """Names the resamples."""

    def __post_init__(self) -> None:
        if self.draws < 20:
            raise InputError(f"draws={self.draws} must be at least 20; an interval needs its ends")
        if not 0.5 <= self.confidence < 1:
            raise InputError(f"confidence={self.confidence} must lie in [0.5, 1); 0.95 is common")
        if self.delta is not None and self.delta <= 0:
            raise InputError(f"delta={self.delta} must be positive; 1e-3 is the published one")


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class FittedLaw:
    """A law with its numbers."""

    law: Law
    """The form."""
    unknowns: Float64[np.ndarray, " unknown"]
    """The best fit, as `Law.log_loss` takes it."""
    drawn: Float64[np.ndarray, "draw unknown"]
    """The same of every bootstrap resample."""
    middle: Float64[np.ndarray, " variable"]
    """Logarithms that variables are counted from."""
    delta: float
    """Where squares ended, in log loss."""
    residuals: Float64[np.ndarray, " run"]
    """Log loss of each run minus what the law says."""
    spread: float
    """Standard deviation of the residuals, unknowns allowed for: about the relative error."""
    confidence: float
    """Of its intervals."""
    ranges: Mapping[str, tuple[float, float]]
    """Smallest and largest value of each variable it was fitted on."""
    lowest_loss: float
    """Of the runs it was fitted on."""
    log_variance: float
    """Variance of their log loss."""

    @property
    def num_runs(self) -> int:
        """How many runs it was fitted on."""
        return len(self.residuals)

    @property
    def estimates(self) -> dict[str, Estimate]:
        """E, exponents and factors in the papers' words, with intervals."""
        best = self.law.readings(self.unknowns[None], self.middle)
        drawn = self.law.readings(self.drawn, self.middle)
        return {
            name: estimate_of(float(best[name][0]), drawn[name], confidence=self.confidence)
            for name in best
        }

    @property
    def log_r2(self) -> float:
        """Share of the variance of log loss that the law explains."""
        return 1 - float((self.residuals**2).mean()) / self.log_variance

    def loss(
        self, values: Mapping[str, Float64[np.ndarray, " run"]]
    ) -> Float64[np.ndarray, " run"]:
        """What the law says of other runs."""
        return np.exp(self.law.log_loss(self.unknowns[None], self._x(values))[0][0])

    def drawn_losses(
        self, values: Mapping[str, Float64[np.ndarray, " run"]]
    ) -> Float64[np.ndarray, "draw run"]:
        """The same under every resample."""
        return np.exp(self.law.log_loss(self.drawn, self._x(values))[0])

    def interval(
        self,
        values: Mapping[str, Float64[np.ndarray, " run"]],
        *,
        of_a_run: bool = False,
        seed: int = 0,
    ) -> tuple[Float64[np.ndarray, " run"], Float64[np.ndarray, " run"]]:
        """Where the law's loss lies, or that of one run, which scatters around the law.

        Args:
            values: The variables of each run.
            of_a_run: Add the scatter of single runs.
            seed: Names the scatter.
        """
        drawn = self.drawn_losses(values)
        if of_a_run:
            noise = np.random.default_rng([0x5CA7, seed]).standard_normal(drawn.shape)
            drawn = drawn * np.exp(self.spread * noise)
        tail = (1 - self.confidence) / 2
        low, high = np.quantile(drawn, [tail, 1 - tail], axis=0)
        return low, high

    def _x(self, values: Mapping[str, Float64[np.ndarray, " run"]]) -> np.ndarray:
        missing = [name for name in self.law.variables if name not in values]
        if missing:
            raise InputError(f"{self.law.title} needs {', '.join(missing)} as well")
        logs = [np.log(np.atleast_1d(values[name])) for name in self.law.variables]
        return np.stack(logs, axis=1) - self.middle


def fit_law(law: Law, runs: Sequence[ScalingRun], config: FitConfig | None = None) -> FittedLaw:
    """Fit a law to sound runs.

    Args:
        law: What to fit; `replace(law, has_constant=False)` leaves the constant out.
        runs: Runs with a loss.
        config: How.

    Raises:
        InputError: If there are too few runs, or they do not vary in a way that shows the law.
    """
    config = config or FitConfig()
    refuse_unfit(law, runs)
    logs = np.stack([np.log(column(runs, name)) for name in law.variables], axis=1)
    target = np.log(column(runs, "loss"))
    middle = logs.mean(axis=0)
    model = partial(_predicted, law, logs - middle)
    starts = starts_of(law, logs - middle, target)
    best = minimise(model, target, starts, delta=config.delta or PUBLISHED_DELTA).unknowns
    delta = config.delta
    if delta is None:
        delta = max(PUBLISHED_DELTA, _EFFICIENCY * _robust_spread(target - model(best[None])[0][0]))
        best = minimise(model, target, best[None], delta=delta).unknowns
    residuals = target - model(best[None])[0][0]
    number = units(runs)
    weights = unit_weights(
        int(number.max()) + 1,
        unknowns=law.num_unknowns,
        draws=config.draws,
        rng=np.random.default_rng([0xB007, config.seed]),
    )[:, number]
    drawn = minimise_many(model, target, np.tile(best, (len(weights), 1)), weights, delta=delta)
    free = max(1, len(runs) - law.num_unknowns)
    bounded = np.clip(residuals, -3 * delta, 3 * delta)
    return FittedLaw(
        law=law,
        unknowns=best,
        drawn=drawn,
        middle=middle,
        delta=delta,
        residuals=residuals,
        spread=float(np.sqrt((bounded**2).sum() / free)),
        confidence=config.confidence,
        ranges={
            name: (float(np.exp(logs[:, k].min())), float(np.exp(logs[:, k].max())))
            for k, name in enumerate(law.variables)
        },
        lowest_loss=float(np.exp(target.min())),
        log_variance=float(target.var()),
    )


def refuse_unfit(law: Law, runs: Sequence[ScalingRun]) -> None:
    """Refuse runs that cannot show a law, with the reason.

    Raises:
        InputError: If there are too few of them, or too few different values, or two variables
            always move together.
    """
    least = law.num_unknowns + 2
    independent = len({run.unit for run in runs})
    if len(runs) < least or independent < 3:
        raise InputError(
            f"{law.title} has {law.num_unknowns} unknowns and needs at least {least} runs, "
            f"3 of them independent, not {len(runs)} ({independent} independent); train more"
        )
    values = {name: column(runs, name) for name in law.variables}
    wanted = 3 + law.has_constant if len(values) == 1 else 3
    for name, found in values.items():
        different = len(np.unique(np.round(np.log(found), 2)))
        if different < wanted or found.max() < _LEAST_SPAN * found.min():
            raise InputError(
                f"{law.title} needs at least {wanted} different {name} over a factor of "
                f"{_LEAST_SPAN:g}, not {different} from {found.min():g} to {found.max():g}"
            )
    if len(values) == 2:
        first, second = (np.log(one) for one in values.values())
        together = abs(float(np.corrcoef(first, second)[0, 1]))
        if together > 0.98:
            names = " and ".join(values)
            raise InputError(
                f"{names} rise together in these runs (correlation {together:.3f} of their "
                f"logarithms), so that {law.title} cannot tell them apart; vary one at a fixed "
                f"other, or fit L({law.variables[0]})"
            )


def without_constant(law: Law) -> Law:
    """The same law with E = 0."""
    return replace(law, has_constant=False)


def _predicted(
    law: Law, x: Float64[np.ndarray, "run variable"], unknowns: Float64[np.ndarray, "draw unknown"]
) -> tuple[Float64[np.ndarray, "draw run"], Float64[np.ndarray, "draw run unknown"]]:
    return law.log_loss(unknowns, x)


def _robust_spread(residuals: Float64[np.ndarray, " run"]) -> float:
    """Standard deviation by the median, which a few strays do not move."""
    return float(1.4826 * np.median(np.abs(residuals)))
