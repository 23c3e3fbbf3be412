"""What a law is fitted to: runs with their size, data, steps and loss, and those left out.

A run that diverged or is missing is never dropped in silence: `sound_runs` names it, says why, and
counts it.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from glasshouse.errors import InputError

FLOPS_PER_PARAMETER_AND_TOKEN = 6.0
"""Forward 2, backward 4 (Kaplan et al. 2020, section 2.1): C = 6·N·D."""


@dataclass(frozen=True, kw_only=True, slots=True)
class CurvePoint:
    """One moment of a training run."""

    tokens: float
    """Tokens trained on so far."""
    loss: float
    """Held-out loss there, in nats a token."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ScalingRun:
    """One training run, as a law sees it."""

    name: str
    """What it is called where it is left out, or drawn."""
    params: float
    """N: parameters, by whatever count; the same for all runs of a fit."""
    tokens: float
    """D: tokens trained on."""
    loss: float
    """Final held-out loss in nats a token; NaN where the run has none."""
    flops: float | None = None
    """C: floating-point operations of the training; None: 6·N·D."""
    steps: float | None = None
    """S: optimizer steps."""
    batch_tokens: float | None = None
    """B: tokens of an optimizer step."""
    group: str = ""
    """Runs that are not independent (moments of one curve) share a group; empty: its name."""
    curve: tuple[CurvePoint, ...] = ()
    """Held-out loss while it was trained, in order of tokens."""
    failure: str = ""
    """Why the run has no loss that counts; empty for a sound run."""

    def __post_init__(self) -> None:
        for what in ("params", "tokens"):
            value = getattr(self, what)
            if not 0 < value < math.inf:
                raise InputError(f"run {self.name!r}: {what}={value:g} must be positive and finite")
        for what in ("flops", "steps", "batch_tokens"):
            value = getattr(self, what)
            if value is not None and not 0 < value < math.inf:
                raise InputError(f"run {self.name!r}: {what}={value:g} must be positive and finite")

    @property
    def compute(self) -> float:
        """C, as given or as 6·N·D."""
        if self.flops is not None:
            return self.flops
        return FLOPS_PER_PARAMETER_AND_TOKEN * self.params * self.tokens

    @property
    def unit(self) -> str:
        """What is resampled with it in a bootstrap."""
        return self.group or self.name


@dataclass(frozen=True, kw_only=True, slots=True)
class Excluded:
    """A run that no fit uses."""

    name: str
    """The run."""
    reason: str
    """Why, in a few words."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sound:
    """The runs that count, and those that do not."""

    runs: tuple[ScalingRun, ...]
    """Runs with a loss."""
    excluded: tuple[Excluded, ...]
    """The others, each with its reason."""

    def excluded_sentence(self) -> str:
        """`2 of 9 runs left out: a (diverged: …), b (…)`; empty when none is."""
        if not self.excluded:
            return ""
        whole = len(self.runs) + len(self.excluded)
        named = ", ".join(f"{one.name} ({one.reason})" for one in self.excluded)
        return f"{len(self.excluded)} of {whole} runs left out: {named}"


def sound_runs(runs: Iterable[ScalingRun], excluded: Sequence[Excluded] = ()) -> Sound:
    """Part runs with a loss from those that diverged, are missing or came twice.

    Args:
        runs: All runs that could be read.
        excluded: Those that could not.

    Raises:
        InputError: If two different runs have one name.
    """
    all_runs = list(dict.fromkeys(runs))
    twins = [name for name, count in Counter(run.name for run in all_runs).items() if count > 1]
    if twins:
        raise InputError(
            f"run {twins[0]!r} comes twice with different numbers; name every run once"
        )
    kept: list[ScalingRun] = []
    out = list(excluded)
    for run in all_runs:
        reason = run.failure or _why_no_loss(run.loss)
        if reason:
            out.append(Excluded(name=run.name, reason=reason))
        else:
            kept.append(run)
    return Sound(runs=tuple(kept), excluded=tuple(out))


def curve_runs(runs: Sequence[ScalingRun], *, first_tokens: float = 0.0) -> list[ScalingRun]:
    """Every moment of every curve as a run of its own, grouped by the run it is from.

    Args:
        runs: Runs with curves; one without is its own only moment.
        first_tokens: Moments before this many tokens (the warm-up) are left out.
    """
    found = []
    for run in runs:
        points = run.curve or (CurvePoint(tokens=run.tokens, loss=run.loss),)
        for point in points:
            if point.tokens < max(first_tokens, 1.0) or not math.isfinite(point.loss):
                continue
            share = point.tokens / run.tokens
            found.append(
                ScalingRun(
                    name=f"{run.name}@{point.tokens:g}",
                    params=run.params,
                    tokens=point.tokens,
                    loss=point.loss,
                    flops=None if run.flops is None else run.flops * share,
                    steps=None if run.steps is None else run.steps * share,
                    batch_tokens=run.batch_tokens,
                    group=run.unit,
                )
            )
    return found


def column(runs: Sequence[ScalingRun], variable: str) -> Float64[np.ndarray, " run"]:
    """One number a run: N, D, C or S by letter, or `loss`.

    Raises:
        InputError: If a run does not have it.
    """
    values = []
    for run in runs:
        match variable:
            case "N":
                value: float | None = run.params
            case "D":
                value = run.tokens
            case "C":
                value = run.compute
            case "S":
                value = run.steps
            case "loss":
                value = run.loss
            case _:
                raise InputError(f"variable {variable!r} must be one of N, D, C, S, loss")
        if value is None:
            raise InputError(f"run {run.name!r} does not say its steps, which a law in S needs")
        values.append(value)
    return np.array(values, dtype=np.float64)


def units(runs: Sequence[ScalingRun]) -> np.ndarray:
    """Number of each run's unit, from 0: what is resampled together."""
    number = {name: place for place, name in enumerate(dict.fromkeys(run.unit for run in runs))}
    return np.array([number[run.unit] for run in runs], dtype=np.int64)


def _why_no_loss(loss: float) -> str:
    if math.isnan(loss):
        return "no loss: the run is missing or its loss is not a number"
    if math.isinf(loss):
        return "diverged: its loss is infinite"
    if loss <= 0:
        return f"its loss of {loss:g} is no cross-entropy: it must be above 0"
    return ""
