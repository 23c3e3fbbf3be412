"""Verdicts follow from claim and evidence alone."""

import json
import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from glasshouse.studies import Claim, ClaimResult, Control, Evidence, Verdict, judge, judge_control
from glasshouse.studies import out_of_scale as nothing_measured
from glasshouse.studies.claims import tally

ORDER = list(Verdict)
finite = st.floats(-1e6, 1e6)


def claim(threshold: float = 0.9, no_effect: float = 0.5, direction: str = "above") -> Claim:
    return Claim(
        id="c",
        claim="It learns.",
        source="A et al. 2022, section 1",
        paper="about 1",
        threshold=threshold,
        direction=direction,  # type: ignore[arg-type]
        no_effect=no_effect,
        threshold_text="above 0.9",
    )


def evidence(low: float, high: float, **options) -> Evidence:
    return Evidence(measured=(low + high) / 2, interval=(low, high), text="m", **options)


def shows(effect: bool) -> Control:
    return Control(value=0.0, shows_effect=effect, text="shuffled")


class TestJudge:
    @pytest.mark.parametrize(
        ("low", "high", "verdict"),
        [
            (0.91, 0.99, "reproduced"),
            (0.90, 0.99, "trend"),  # touching the threshold is not beyond it
            (0.60, 0.99, "trend"),
            (0.51, 0.52, "trend"),
            (0.50, 0.99, "not-seen"),  # touching no effect includes it
            (0.40, 0.50, "not-seen"),
            (0.40, 0.99, "not-seen"),
            (0.30, 0.49, "contradicted"),
            (0.95, 0.95, "reproduced"),  # a point is judged as a point
            (0.50, 0.50, "not-seen"),
            (0.10, 0.10, "contradicted"),
            (0.91, math.inf, "reproduced"),
            (0.91, math.nan, "reproduced"),  # only the end that is known decides
            (math.nan, 0.99, "not-seen"),
        ],
    )
    def test_follows_the_rules_worked_by_hand(self, low, high, verdict):
        """Each corner of the rules, for a claim above 0.9 where chance is 0.5."""
        found = Evidence(measured=0.7, interval=(low, high), text="m")
        assert judge(claim(), found) == verdict

    def test_is_mirrored_for_claims_below(self):
        """A claim 'below 1' where no effect is 3 reads the same line from the other end."""
        below = claim(threshold=1.0, no_effect=3.0, direction="below")
        assert judge(below, evidence(0.1, 0.9)) == "reproduced"
        assert judge(below, evidence(0.1, 1.0)) == "trend"
        assert judge(below, evidence(2.0, 3.0)) == "not-seen"
        assert judge(below, evidence(3.1, 4.0)) == "contradicted"

    def test_never_passes_what_the_control_shows_too(self):
        """An effect that also appears where it must be absent was not told apart from nothing."""
        assert judge(claim(), evidence(0.95, 0.99, control=shows(True))) == "not-seen"
        assert judge(claim(), evidence(0.6, 0.7, control=shows(True))) == "not-seen"
        assert judge(claim(), evidence(0.95, 0.99, control=shows(False))) == "reproduced"

    def test_still_contradicts_when_the_control_shows_the_effect(self):
        """A wrong sign is a wrong sign whatever the control did."""
        assert judge(claim(), evidence(0.1, 0.2, control=shows(True))) == "contradicted"

    def test_is_out_of_scale_when_a_gate_failed_however_good_the_numbers(self):
        """A failed prerequisite is never a silent pass."""
        assert judge(claim(), evidence(0.95, 0.99, gate="no head formed")) == "out-of-scale"
        assert judge(claim(), nothing_measured("needs a GPU")) == "out-of-scale"

    def test_is_out_of_scale_when_the_measurement_is_undefined(self):
        """NaN compares false with everything, so it must not reach the comparisons."""
        found = Evidence(measured=math.nan, interval=(0.95, 0.99), text="0 of 0")
        assert judge(claim(), found) == "out-of-scale"

    def test_cannot_be_a_trend_when_the_threshold_is_no_effect_itself(self):
        """'Above zero' is either shown or not."""
        positive = claim(threshold=0.0, no_effect=0.0)
        assert judge(positive, evidence(0.1, 0.2)) == "reproduced"
        assert judge(positive, evidence(0.0, 0.2)) == "not-seen"

    @given(finite, finite, finite, finite)
    def test_depends_only_on_which_way_is_up(self, low, high, threshold, no_effect):
        """Negating every number and the direction leaves the verdict as it was."""
        assume(low <= high and threshold >= no_effect)
        above = claim(threshold, no_effect, "above")
        below = claim(-threshold, -no_effect, "below")
        assert judge(above, evidence(low, high)) == judge(below, evidence(-high, -low))

    @given(finite, finite, st.floats(0, 1e6), finite, finite)
    def test_never_worsens_as_the_measurement_gains(self, low, high, gain, threshold, no_effect):
        """Shifting the whole interval towards the claim never lowers the verdict."""
        assume(low <= high and threshold >= no_effect)
        rising = claim(threshold, no_effect)
        before = judge(rising, evidence(low, high))
        after = judge(rising, evidence(low + gain, high + gain))
        assert ORDER.index(after) <= ORDER.index(before)

    @given(finite, finite, st.floats(0, 1e6), finite, finite)
    def test_never_gains_certainty_from_a_wider_interval(
        self, low, high, width, threshold, no_effect
    ):
        """Less certainty moves a verdict towards not-seen, from either side."""
        assume(low <= high and threshold >= no_effect)
        rising = claim(threshold, no_effect)
        sure = judge(rising, evidence(low, high))
        unsure = judge(rising, evidence(low - width, high + width))
        middle = ORDER.index(Verdict.NOT_SEEN)
        assert abs(ORDER.index(unsure) - middle) <= abs(ORDER.index(sure) - middle)

    @given(finite, finite, finite, finite, st.booleans(), st.booleans())
    def test_never_improves_when_the_control_shows_the_effect(
        self, low, high, threshold, no_effect, is_below, gated
    ):
        """A control can only take away."""
        assume(low <= high and (threshold <= no_effect if is_below else threshold >= no_effect))
        one = claim(threshold, no_effect, "below" if is_below else "above")
        gate = "a gate" if gated else None
        clean = judge(one, evidence(low, high, gate=gate, control=shows(False)))
        tainted = judge(one, evidence(low, high, gate=gate, control=shows(True)))
        assert ORDER.index(tainted) >= ORDER.index(clean)
        assert tainted is not Verdict.REPRODUCED


class TestJudgeControl:
    def test_is_clean_only_when_wholly_short_of_the_threshold(self):
        """Doubt counts against the claim: an interval that reaches past the threshold shows it."""
        assert not judge_control(claim(), 0.5, text="t").shows_effect
        assert not judge_control(claim(), 0.5, interval=(0.4, 0.9), text="t").shows_effect
        assert judge_control(claim(), 0.5, interval=(0.4, 0.91), text="t").shows_effect
        assert judge_control(claim(), 0.95, text="t").shows_effect
        assert judge_control(claim(), math.nan, text="t").shows_effect

    def test_is_mirrored_for_claims_below(self):
        """Below 1, a control at 2 is clean and a control at 0.5 is not."""
        below = claim(threshold=1.0, no_effect=3.0, direction="below")
        assert not judge_control(below, 2.0, text="t").shows_effect
        assert judge_control(below, 0.5, text="t").shows_effect


class TestClaim:
    def test_refuses_a_threshold_on_the_wrong_side_of_no_effect(self):
        """Such a claim would be 'reproduced' by nothing at all."""
        with pytest.raises(ValueError, match="wrong side"):
            claim(threshold=0.4, no_effect=0.5)
        with pytest.raises(ValueError, match="wrong side"):
            claim(threshold=0.6, no_effect=0.5, direction="below")

    def test_refuses_numbers_that_decide_nothing(self):
        """A NaN threshold would never be met and never be missed."""
        with pytest.raises(ValueError, match="finite"):
            claim(threshold=math.nan)


class TestEvidence:
    def test_refuses_an_interval_turned_round(self):
        """High before low is a mistake of the study, not a measurement."""
        with pytest.raises(ValueError, match="low end first"):
            Evidence(measured=0.5, interval=(0.6, 0.4), text="m")

    def test_refuses_a_gate_without_a_name(self):
        """Out of scale needs its reason."""
        with pytest.raises(ValueError, match="name what failed"):
            Evidence(measured=0.5, interval=(0.4, 0.6), text="m", gate=" ")


class TestClaimResult:
    def test_has_the_keys_of_claims_json_in_order(self):
        """Readers of `claims.json` rely on exactly these."""
        entry = ClaimResult(
            claim=claim(), evidence=evidence(0.95, 0.99, control=shows(False))
        ).as_json()
        assert list(entry) == (
            "id claim source paper measured interval threshold control verdict".split()
        )
        assert entry["verdict"] == "reproduced"
        assert entry["threshold"]["direction"] == "above"

    def test_is_strict_json_even_when_nothing_was_measured(self):
        """JSON has no NaN; what was not measured is null and its gate is told."""
        entry = ClaimResult(claim=claim(), evidence=nothing_measured("needs a GPU")).as_json()
        text = json.dumps(entry, allow_nan=False)
        assert json.loads(text)["measured"] is None
        assert json.loads(text)["threshold"]["gate"] == "needs a GPU"

    @given(finite, finite, st.booleans(), st.booleans())
    def test_explains_every_verdict_in_a_sentence(self, low, high, tainted, gated):
        """The reason is computed beside the verdict, so it can never disagree with it."""
        assume(low <= high)
        found = evidence(low, high, control=shows(tainted), gate="g" if gated else None)
        reason = ClaimResult(claim=claim(), evidence=found).reason
        assert reason.endswith(".")
        assert "\n" not in reason


def test_tallies_verdicts_best_first():
    """Those that nothing has are left out."""
    results = [
        ClaimResult(claim=claim(), evidence=evidence(low, high))
        for low, high in ((0.4, 0.6), (0.95, 0.99), (0.6, 0.7), (0.92, 0.97))
    ]
    assert tally(results) == "2 reproduced, 1 trend, 1 not-seen"
    assert tally([]) == ""
