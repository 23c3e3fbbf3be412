"""What every argument does with its measurements: one value a unit, an interval over units."""

from collections.abc import Sequence

import numpy as np

from glasshouse.studies.claims import (
    Claim,
    ClaimResult,
    Evidence,
    judge_control,
    number_or_none,
    out_of_scale,
)
from glasshouse.studies.intervals import bootstrap_interval
from glasshouse.world.streams import stream


def over_units(
    claim: Claim,
    values: Sequence[float],
    *,
    seed: int,
    text: str,
    control: Sequence[float],
    control_text: str,
    gate: str | None = None,
) -> ClaimResult:
    """Judge a claim on the mean over models, with a bootstrap over them.

    Args:
        claim: What is to be shown.
        values: The measurement of each model, or of each part of a text.
        seed: Of the resamples.
        text: The measurement in words; the values of all units are added.
        control: The same where the effect must be absent.
        control_text: What the control is.
        gate: Why the claim could not be tested; None: it could.
    """
    if gate is None and len(values) < 2:
        gate = "one unit has no spread; let two models or more be measured"
    if gate is not None:
        return ClaimResult(claim=claim, evidence=out_of_scale(gate))
    interval, other = (
        bootstrap_interval(some, rng=stream(seed, "sparse-autoencoders", claim.id, name))
        for name, some in (("measured", values), ("control", control))
    )
    mean = float(np.mean(control))
    evidence = Evidence(
        measured=float(np.mean(values)),
        interval=interval,
        text=f"{text} (each: {', '.join(_short(value) for value in values)})",
        control=judge_control(claim, mean, text=control_text, interval=other),
    )
    return ClaimResult(claim=claim, evidence=evidence)


def _short(value: float) -> str:
    return "unbounded" if number_or_none(value) is None else f"{value:.2f}"
