"""The constant of a law, where the entropy that it stands for is known."""

from dataclasses import dataclass

import numpy as np

from glasshouse.errors import InputError
from glasshouse.scaling import (
    LAWS,
    Comparison,
    FittedLaw,
    ScalingRun,
    column,
    compare_laws,
    why_no_constant,
    without_constant,
)
from glasshouse.studies.claims import ClaimResult, judge_control
from glasshouse.studies.scaling_laws.claims import ENTROPY
from glasshouse.studies.scaling_laws.evidence import distance_interval, judged, untested
from glasshouse.studies.scaling_laws.sweeps import Swept


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Chain:
    """What was measured."""

    runs: tuple[ScalingRun, ...]
    """Models of the chain."""
    entropy: float
    """What a reader who knows the chain loses on the sequences measured on."""
    forms: Comparison | None
    """L(N) with and without a constant."""
    why_not: str
    """Why there is none, where there is none."""

    @property
    def fit(self) -> FittedLaw | None:
        """The form with a constant."""
        if self.forms is None:
            return None
        fits = [one.fit for one in self.forms.candidates]
        return next((fit for fit in fits if fit.law.has_constant), None)


def measure(swept: Swept) -> Chain:
    """Fit both forms."""
    law = LAWS["N"]
    forms, why_not = None, ""
    try:
        forms = compare_laws(
            [law, without_constant(law)], swept.chain, swept.config.fitting(swept.seed)
        )
    except InputError as error:
        why_not = str(error)
    return Chain(runs=swept.chain, entropy=swept.true_loss, forms=forms, why_not=why_not)


def claim(chain: Chain) -> ClaimResult:
    """The constant beside the entropy."""
    if chain.fit is None:
        return untested(ENTROPY, chain.why_not or "no form with a constant could be fitted")
    constant = chain.fit.estimates["E"]
    unknown = why_no_constant(chain.fit)
    if unknown:
        return untested(ENTROPY, f"the runs show no constant: {unknown}")
    low, high = (end / chain.entropy for end in (constant.low, constant.high))
    lowest = float(np.min(column(chain.runs, "loss")))
    return judged(
        ENTROPY,
        abs(constant.value / chain.entropy - 1),
        distance_interval(low, high, 1.0),
        text=f"E {constant} where the entropy is {chain.entropy:.4f} nats a symbol; alpha "
        f"{chain.fit.estimates['alpha']}",
        control=judge_control(
            ENTROPY, abs(lowest / chain.entropy - 1), text="the lowest loss of any model"
        ),
    )
