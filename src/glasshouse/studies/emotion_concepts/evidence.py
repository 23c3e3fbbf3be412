"""What every argument does with its measurements: one value a model, an interval over models."""

from collections.abc import Sequence

import numpy as np

from glasshouse.studies.claims import Claim, ClaimResult, Evidence, judge_control, out_of_scale
from glasshouse.studies.intervals import bootstrap_interval
from glasshouse.world.streams import stream


def over_models(
    claim: Claim,
    values: Sequence[float],
    *,
    seed: int,
    text: str,
    control: Sequence[float],
    control_text: str,
) -> ClaimResult:
    """Judge a claim on the mean over models, with a bootstrap over them.

    Args:
        claim: What is to be shown.
        values: The measurement of each model.
        seed: Of the resamples.
        text: The measurement in words; the values of all models are added.
        control: The same where the effect must be absent.
        control_text: What the control is.
    """
    if len(values) < 2:
        why = "one model has no spread; set grow.models to 2 or more"
        return ClaimResult(claim=claim, evidence=out_of_scale(why))
    interval, other = (
        bootstrap_interval(some, rng=stream(seed, "emotion-concepts", claim.id, name))
        for name, some in (("measured", values), ("control", control))
    )
    mean = float(np.mean(control))
    evidence = Evidence(
        measured=float(np.mean(values)),
        interval=interval,
        text=f"{text} (by model: {', '.join(f'{value:.2f}' for value in values)})",
        control=judge_control(claim, mean, text=f"{control_text}: {mean:.2f}", interval=other),
    )
    return ClaimResult(claim=claim, evidence=evidence)


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Pearson's; 0 where one side does not vary, for then nothing goes together."""
    if np.std(first) == 0 or np.std(second) == 0:
        return 0.0
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])
