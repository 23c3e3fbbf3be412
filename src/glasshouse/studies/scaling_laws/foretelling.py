"""A forecast that is written down before the runs that it is about are trained."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from glasshouse.errors import InputError
from glasshouse.files import write_atomically
from glasshouse.scaling import (
    LAWS,
    Comparison,
    FitConfig,
    ScalingRun,
    Trial,
    blended_losses,
    compare_laws,
    without_constant,
)
from glasshouse.scaling.estimates import estimate_of

FORMS = tuple(
    form for name in ("ND", "ND-kaplan") for form in (LAWS[name], without_constant(LAWS[name]))
)
"""L(N, D) in all four forms: two ways to add up, each with and without a constant."""
_FORMAT = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Expected:
    """What is said of one run to come."""

    name: str
    """The trial."""
    loss: float
    """In nats a token, by the form that the small runs support best."""
    low: float
    """Low end of its 95% interval, over forms, resamples and the scatter of single runs."""
    high: float
    """High end."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Foretold:
    """The content of forecast.json."""

    format: int
    """Of the file."""
    basis: str
    """Digest of the runs that it stands on."""
    num_runs: int
    """How many they are."""
    compute: float
    """Of the largest of them, in FLOP."""
    best_loss: float
    """Lowest loss among them."""
    laws: tuple[tuple[str, float], ...]
    """Title and Akaike weight of each form, the best first."""
    expected: tuple[Expected, ...]
    """What is foretold."""


def foretell(
    path: Path,
    runs: Sequence[ScalingRun],
    trials: Sequence[Trial],
    config: FitConfig,
    *,
    is_too_late: bool,
) -> Foretold:
    """Foretell trials from runs and write it down, or read what was written.

    Args:
        path: The file.
        runs: Sound small runs.
        trials: Runs to come.
        config: How laws are fitted.
        is_too_late: Whether the runs to come have begun, so that only a kept forecast counts.

    Raises:
        InputError: If the kept forecast is gone, damaged, or stands on other runs.
    """
    basis = _digest(runs)
    if path.is_file():
        try:
            kept = msgspec.json.decode(path.read_bytes(), type=Foretold)
        except msgspec.MsgspecError as error:
            raise InputError(f"{path} is damaged: {error}; start in another folder") from None
        if kept.format != _FORMAT or kept.basis != basis:
            raise InputError(f"{path} was made from other runs; start in another folder")
        return kept
    if is_too_late:
        raise InputError(
            f"{path} is gone, and the runs that it foretold have begun; start in another folder"
        )
    found = _foretold(basis, runs, trials, config)
    write_atomically(path, msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")
    return found


def laws_of_size_and_data(runs: Sequence[ScalingRun], config: FitConfig) -> Comparison:
    """All forms of L(N, D) on some runs, the best first."""
    return compare_laws(FORMS, runs, config)


def _foretold(
    basis: str, runs: Sequence[ScalingRun], trials: Sequence[Trial], config: FitConfig
) -> Foretold:
    comparison = laws_of_size_and_data(runs, config)
    values = {
        "N": np.array([float(one.shape.params) for one in trials]),
        "D": np.array([float(one.tokens) for one in trials]),
    }
    best = comparison.best.fit.loss(values)
    drawn = blended_losses(comparison, values, config, of_a_run=True)
    ends = [
        estimate_of(float(loss), some, confidence=config.confidence)
        for loss, some in zip(best, drawn.T, strict=True)
    ]
    return Foretold(
        format=_FORMAT,
        basis=basis,
        num_runs=len(runs),
        compute=max(run.compute for run in runs),
        best_loss=min(run.loss for run in runs),
        laws=tuple((one.fit.law.title, one.weight) for one in comparison.candidates),
        expected=tuple(
            Expected(name=trial.name, loss=end.value, low=end.low, high=end.high)
            for trial, end in zip(trials, ends, strict=True)
        ),
    )


def _digest(runs: Sequence[ScalingRun]) -> str:
    """Of names and losses."""
    told = "\n".join(f"{run.name} {run.loss!r}" for run in sorted(runs, key=lambda one: one.name))
    return hashlib.sha256(told.encode()).hexdigest()[:16]
