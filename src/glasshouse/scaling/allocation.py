"""How to spend a budget of compute: the size and the data that reach the lowest loss.

Three approaches (Hoffmann et al. 2022, section 3), each ending in a line of log N against log C:
`parametric` here, from a fitted L(N, D); `isoflop`, from parabolas; `envelope`, from curves. They
disagree where one of them is misled, so a forecast shows all that the runs allow.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from glasshouse.errors import InputError
from glasshouse.scaling.estimates import Estimate, estimate_of
from glasshouse.scaling.fitting import FittedLaw
from glasshouse.scaling.runs import FLOPS_PER_PARAMETER_AND_TOKEN


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Allocation:
    """N_opt = scale · C^exponent, with the draws behind its intervals."""

    method: str
    """`parametric`, `isoflop` or `envelope`."""
    source: str
    """Paper and section."""
    line: Float64[np.ndarray, "2"]
    """Intercept and slope of log N_opt against log C."""
    drawn: Float64[np.ndarray, "draw 2"]
    """The same of every resample."""
    flops_factor: float
    """C / (N·D): 6 unless the runs counted otherwise."""
    confidence: float
    """Of its intervals."""
    optima: tuple[tuple[float, float], ...] = ()
    """(C, N_opt) that the line was drawn through; none for `parametric`."""
    left_out: tuple[str, ...] = ()
    """What could not be used, each with its reason."""

    @property
    def params_exponent(self) -> Estimate:
        """a of N_opt ~ C^a; D_opt ~ C^(1-a)."""
        return self._estimate(float(self.line[1]), self.drawn[:, 1])

    def params(self, compute: float) -> Estimate:
        """The best size for a budget."""
        best, drawn = self._log_params(compute)
        return self._estimate(float(np.exp(best)), np.exp(drawn))

    def tokens(self, compute: float) -> Estimate:
        """The data to train it on."""
        best, drawn = self._log_params(compute)
        whole = np.log(compute / self.flops_factor)
        return self._estimate(float(np.exp(whole - best)), np.exp(whole - drawn))

    def _log_params(self, compute: float) -> tuple[float, Float64[np.ndarray, " draw"]]:
        if not 0 < compute < np.inf:
            raise InputError(f"a budget of {compute:g} FLOP must be positive and finite")
        log = np.log(compute)
        return float(self.line[0] + self.line[1] * log), self.drawn[:, 0] + self.drawn[:, 1] * log

    def _estimate(self, value: float, drawn: Float64[np.ndarray, " draw"]) -> Estimate:
        return estimate_of(value, drawn, confidence=self.confidence)


def parametric_allocation(
    fit: FittedLaw, *, flops_factor: float = FLOPS_PER_PARAMETER_AND_TOKEN
) -> Allocation:
    """Minimise a fitted L(N, D) under C = flops_factor·N·D, in closed form.

    Kaplan's joint law has its minimum where the sum inside its power has it, so one formula serves
    both.

    Args:
        fit: A law of N and D.
        flops_factor: Operations per parameter and token.

    Raises:
        InputError: If the law is not one of N and D, or has no minimum because an exponent is not
            positive.

    Source:
        Hoffmann et al. 2022 (2203.15556), equation 4.
    """
    if fit.law.variables != ("N", "D"):
        raise InputError(f"{fit.law.title} does not say what data buy; fit a law of N and D")
    line = _line(fit, fit.unknowns[None], flops_factor)
    if not np.isfinite(line).all():
        names = fit.law.exponent_names
        shown = ", ".join(f"{name} {fit.estimates[name]}" for name in names)
        raise InputError(f"the fit has no best size: an exponent is not positive ({shown})")
    drawn = _line(fit, fit.drawn, flops_factor)
    drawn = drawn[np.isfinite(drawn).all(axis=1)]
    if len(drawn) < 0.95 * len(fit.drawn):
        raise InputError(
            f"the best size is not determined: in {1 - len(drawn) / len(fit.drawn):.0%} of the "
            "resamples an exponent is not positive; train more runs, or over a wider range"
        )
    return Allocation(
        method="parametric",
        source="Hoffmann et al. 2022 (2203.15556), section 3.3",
        line=line[0],
        drawn=drawn,
        flops_factor=flops_factor,
        confidence=fit.confidence,
    )


def _line(
    fit: FittedLaw, unknowns: Float64[np.ndarray, "draw unknown"], flops_factor: float
) -> Float64[np.ndarray, "draw 2"]:
    """Intercept and slope of log N_opt against log C; NaN where there is no minimum."""
    factors, exponents = unknowns[:, :2], unknowns[:, 2:4]
    powers = exponents
    if fit.law.is_joint:
        powers = np.stack([exponents[:, 0] / exponents[:, 1], np.ones(len(exponents))], axis=1)
    has_minimum = np.all(exponents > 0, axis=1)
    powers = np.where(has_minimum[:, None], powers, np.nan)
    logs = factors + powers * fit.middle  # log A, log B
    alpha, beta = powers.T
    slope = beta / (alpha + beta)
    start = (np.log(alpha) + logs[:, 0] - np.log(beta) - logs[:, 1]) / (alpha + beta)
    return np.stack([start - slope * np.log(flops_factor), slope], axis=1)
