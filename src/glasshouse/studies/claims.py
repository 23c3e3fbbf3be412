"""What a paper claims, what was measured, and the verdict that follows.

A `Claim` is written before anything is measured: it names the paper's value, the threshold in the
paper's terms, and what no effect would look like. `Evidence` is what a run measured. The verdict is
computed from the two and cannot be set by hand.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

Direction = Literal["above", "below"]
"""On which side of its threshold a claim expects the measurement."""


class Verdict(StrEnum):
    """The five outcomes of a claim, best first; the value is the word in `claims.json`."""

    REPRODUCED = "reproduced"
    """The interval lies beyond the threshold, and the control does not show the effect."""
    TREND = "trend"
    """Right sign, the interval excludes no effect, the threshold is not met."""
    NOT_SEEN = "not-seen"
    """The interval includes no effect, or the control shows the effect as well."""
    CONTRADICTED = "contradicted"
    """Wrong sign, and the interval excludes no effect."""
    OUT_OF_SCALE = "out-of-scale"
    """A named prerequisite failed, or nothing could be measured: the claim was not tested."""

    @property
    def is_at_least_trend(self) -> bool:
        """Whether `--strict` lets this verdict pass."""
        return self in (Verdict.REPRODUCED, Verdict.TREND)


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """One sentence of a paper and the test that was set for it before measuring."""

    id: str
    """Short name, unique within its study: `phase-boundary`."""
    claim: str
    """The claim in one sentence, as the paper means it."""
    source: str
    """Paper and section: `Elhage et al. 2022, section 3`."""
    paper: str
    """The value the paper reports, in words."""
    threshold: float
    """The measurement must lie beyond this value, in the measurement's unit."""
    direction: Direction
    """Whether beyond means above or below."""
    no_effect: float
    """What would be measured if the claim were empty: a chance level, a zero, a ratio of one."""
    threshold_text: str
    """The threshold in words, with its unit: `at least 90% of cells`."""
    note: str = ""
    """What the reader must know beside the verdict, such as a citation that contests the claim."""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.threshold) and math.isfinite(self.no_effect)):
            raise ValueError(
                f"claim {self.id!r}: threshold={self.threshold} and no_effect={self.no_effect} "
                "must be finite numbers"
            )
        if self.facing(self.threshold) < self.facing(self.no_effect):
            raise ValueError(
                f"claim {self.id!r}: threshold={self.threshold} lies on the wrong side of "
                f"no_effect={self.no_effect} for direction={self.direction!r}; swap the direction"
            )

    def facing(self, value: float) -> float:
        """A value mirrored so that larger always speaks for the claim."""
        return value if self.direction == "above" else -value


@dataclass(frozen=True, kw_only=True, slots=True)
class Control:
    """The same measurement where the claimed effect must be absent."""

    value: float
    """What the control measured, in the claim's unit."""
    shows_effect: bool
    """Whether the control shows what the claim says only the real thing shows."""
    text: str
    """What the control is, in words: `same network, weights shuffled`."""

    def as_json(self) -> dict[str, Any]:
        """The control as it stands in `claims.json`."""
        return {
            "value": number_or_none(self.value),
            "shows_effect": self.shows_effect,
            "text": self.text,
        }


def judge_control(
    claim: Claim, value: float, *, text: str, interval: tuple[float, float] | None = None
) -> Control:
    """Judge a control by the claim's own threshold.

    The control shows the effect unless the whole of its interval (or its value, when it has no
    interval) stays short of the threshold; an undefined value therefore counts as showing it.
    """
    _, high = _facing_interval(claim, interval if interval is not None else (value, value))
    is_short = not math.isnan(value) and high <= claim.facing(claim.threshold)
    return Control(value=value, shows_effect=not is_short, text=text)


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """What a run measured for one claim."""

    measured: float
    """The measurement; NaN when there was nothing to measure."""
    interval: tuple[float, float]
    """Its 95% interval, low end first; an end that is NaN counts as unbounded."""
    text: str
    """The measurement in words, with its unit and what was counted: `0.94 of 120 cells`."""
    control: Control | None = None
    """The control, where the claim has one."""
    gate: str | None = None
    """The prerequisite that failed, or why this preset cannot test the claim; None if all held."""

    def __post_init__(self) -> None:
        low, high = self.interval
        if low > high:
            raise ValueError(f"interval={self.interval} must have its low end first")
        if self.gate is not None and not self.gate.strip():
            raise ValueError("gate='' must name what failed; pass None when all gates held")


def out_of_scale(gate: str) -> Evidence:
    """Evidence for a claim that was not measured at all, with the reason."""
    return Evidence(measured=math.nan, interval=(math.nan, math.nan), text="—", gate=gate)


@dataclass(frozen=True, kw_only=True, slots=True)
class ClaimResult:
    """A claim, its evidence, and the verdict they give."""

    claim: Claim
    """What was to be shown."""
    evidence: Evidence
    """What was measured."""

    @property
    def verdict(self) -> Verdict:
        """The verdict, computed anew from claim and evidence."""
        return judge(self.claim, self.evidence)

    @property
    def reason(self) -> str:
        """One sentence that says why the verdict is what it is."""
        return explain(self.claim, self.evidence)

    def as_json(self) -> dict[str, Any]:
        """The claim as one entry of `claims.json`, in plain JSON values."""
        low, high = self.evidence.interval
        return {
            "id": self.claim.id,
            "claim": self.claim.claim,
            "source": self.claim.source,
            "paper": self.claim.paper,
            "measured": number_or_none(self.evidence.measured),
            "interval": [number_or_none(low), number_or_none(high)],
            "threshold": {
                "direction": self.claim.direction,
                "value": self.claim.threshold,
                "no_effect": self.claim.no_effect,
                "text": self.claim.threshold_text,
                "gate": self.evidence.gate,
            },
            "control": self.evidence.control.as_json() if self.evidence.control else None,
            "verdict": self.verdict.value,
        }


def judge(claim: Claim, evidence: Evidence) -> Verdict:
    """Compute the verdict of a claim.

    The rules, first match first:

    1. A failed gate, or a measurement that is NaN: `out-of-scale`.
    2. The interval, ends included, contains no effect: `not-seen`.
    3. The interval lies on the wrong side of no effect: `contradicted`.
    4. The control shows the effect: `not-seen`. What also appears where it must be absent has not
       been told apart from nothing, so this is neither `reproduced` nor `trend`.
    5. The whole interval lies beyond the threshold: `reproduced`; touching is not beyond.
    6. Otherwise: `trend`.

    An interval end that is NaN is unknown and counts as unbounded, so doubt never passes a claim.
    A degenerate interval is a point and is judged as one.
    """
    if evidence.gate is not None or math.isnan(evidence.measured):
        return Verdict.OUT_OF_SCALE
    low, high = _facing_interval(claim, evidence.interval)
    no_effect = claim.facing(claim.no_effect)
    if low <= no_effect <= high:
        return Verdict.NOT_SEEN
    if high < no_effect:
        return Verdict.CONTRADICTED
    if evidence.control is not None and evidence.control.shows_effect:
        return Verdict.NOT_SEEN
    return Verdict.REPRODUCED if low > claim.facing(claim.threshold) else Verdict.TREND


def explain(claim: Claim, evidence: Evidence) -> str:
    """Say in one sentence why `judge` decided as it did."""
    verdict = judge(claim, evidence)
    if verdict is Verdict.OUT_OF_SCALE:
        return f"Not tested: {evidence.gate or 'the measurement came out undefined'}."
    if verdict is Verdict.CONTRADICTED:
        return f"The interval lies on the far side of no effect ({claim.no_effect:g})."
    if verdict is Verdict.REPRODUCED:
        checked = " and the control does not show the effect" if evidence.control else ""
        return f"The whole interval lies {claim.direction} {claim.threshold:g}{checked}."
    if verdict is Verdict.TREND:
        return (
            f"The interval excludes no effect ({claim.no_effect:g}) but does not lie wholly "
            f"{claim.direction} {claim.threshold:g}."
        )
    low, high = _facing_interval(claim, evidence.interval)
    if low <= claim.facing(claim.no_effect) <= high:
        return f"The interval includes no effect ({claim.no_effect:g})."
    return "The control shows the effect as well."


def number_or_none(value: float) -> float | None:
    """A number that JSON can carry; NaN and the infinities become None."""
    return float(value) if math.isfinite(value) else None


def _facing_interval(claim: Claim, interval: tuple[float, float]) -> tuple[float, float]:
    """The interval mirrored so that larger speaks for the claim, unknown ends unbounded."""
    ends = sorted(
        claim.facing(end)
        for end in (
            -math.inf if math.isnan(interval[0]) else interval[0],
            math.inf if math.isnan(interval[1]) else interval[1],
        )
    )
    return ends[0], ends[1]


def tally(results: Iterable["ClaimResult"]) -> str:
    """How many claims have which verdict, in words, best first: `3 reproduced, 1 trend`."""
    verdicts = [result.verdict for result in results]
    counts = {verdict: verdicts.count(verdict) for verdict in Verdict}
    return ", ".join(f"{count} {verdict.value}" for verdict, count in counts.items() if count)
