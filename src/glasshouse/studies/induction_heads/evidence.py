"""What every argument does with its measurements: one value a model, an interval over models."""

from collections.abc import Sequence

import numpy as np

from glasshouse.studies.claims import (
    Claim,
    ClaimResult,
    Evidence,
    judge_control,
    out_of_scale,
)
from glasshouse.studies.induction_heads.config import KINDS
from glasshouse.studies.induction_heads.grow import Nursery
from glasshouse.studies.induction_heads.texts import stream
from glasshouse.studies.intervals import bootstrap_interval


def over_models(
    claim: Claim,
    values: Sequence[float],
    nursery: Nursery,
    *,
    text: str,
    control: Sequence[float] = (),
    control_text: str = "",
) -> ClaimResult:
    """Judge a claim on the mean over models, with a bootstrap over them.

    Args:
        claim: What is to be shown.
        values: The measurement of each model.
        nursery: The run, whose seed draws the resamples.
        text: The measurement in words.
        control: The same where the effect must be absent; empty for a claim without one.
        control_text: What the control is.
    """
    if len(values) < 2:
        return untested(claim, "one model has no spread; grow two or more of each kind")
    checked = None
    if len(control):
        rng = stream(nursery.seed, claim.id, "control")
        interval = bootstrap_interval(control, rng=rng) if len(control) > 1 else None
        mean = float(np.mean(control))
        checked = judge_control(claim, mean, text=control_text, interval=interval)
    evidence = Evidence(
        measured=float(np.mean(values)),
        interval=bootstrap_interval(values, rng=stream(nursery.seed, claim.id)),
        text=text,
        control=checked,
    )
    return ClaimResult(claim=claim, evidence=evidence)


def untested(claim: Claim, why: str) -> ClaimResult:
    """A claim that this run cannot judge."""
    return ClaimResult(claim=claim, evidence=out_of_scale(why))


def not_grown(claim: Claim, nursery: Nursery, *names: str) -> ClaimResult:
    """A claim that needs kinds of models which this preset does not grow."""
    missing = [KINDS[name] for name in names if not nursery.has(name)]
    return untested(claim, f"this preset grows no models of: {'; '.join(missing)}")


def listed(values: Sequence[float], form: str = ".2f") -> str:
    """Values in words: `0.71, 0.68, 0.74`."""
    return ", ".join(format(value, form) for value in values)
