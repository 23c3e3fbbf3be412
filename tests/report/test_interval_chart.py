"""The small chart of a claim shows its marks in their order."""

import math

from hypothesis import assume, given
from hypothesis import strategies as st
from tests.report.sample import claim

from glasshouse.report.interval_chart import interval_chart
from glasshouse.studies import ClaimResult, Control, Evidence, out_of_scale

values = st.floats(-1e6, 1e6)


class TestIntervalChart:
    @given(values, values, values, values, st.booleans())
    def test_keeps_marks_inside_and_in_order(self, a, b, threshold, no_effect, is_below):
        """Places follow values, whatever their size and whichever side the claim looks to."""
        low, high = min(a, b), max(a, b)
        assume(threshold <= no_effect if is_below else threshold >= no_effect)
        one = claim(
            "c",
            "It holds.",
            threshold=threshold,
            no_effect=no_effect,
            direction="below" if is_below else "above",
        )
        chart = interval_chart(
            ClaimResult(claim=one, evidence=Evidence(measured=low, interval=(low, high), text="m"))
        )
        assert chart is not None
        places = [chart.measured, chart.low, chart.high, chart.threshold, chart.no_effect]
        assert all(0 <= place <= 100 for place in places)
        assert chart.low <= chart.high
        assert (chart.zone_left == 0) == is_below
        assert 0 <= chart.zone_width <= 100

    def test_is_absent_when_nothing_was_measured(self):
        """A claim out of scale has no dot to draw."""
        assert (
            interval_chart(ClaimResult(claim=claim("c", "t"), evidence=out_of_scale("x"))) is None
        )

    def test_runs_to_the_edge_where_the_interval_has_no_end(self):
        """One seed has no spread; the bar then spans the chart."""
        nowhere = Evidence(measured=0.7, interval=(math.nan, math.inf), text="one seed")
        chart = interval_chart(ClaimResult(claim=claim("c", "t"), evidence=nowhere))
        assert chart is not None
        assert (chart.low, chart.high) == (0, 100)

    def test_places_the_control(self):
        """The hollow mark stands where the control measured."""
        control = Control(value=0.5, shows_effect=False, text="shuffled")
        found = Evidence(measured=0.95, interval=(0.9, 1.0), text="m", control=control)
        chart = interval_chart(ClaimResult(claim=claim("c", "t"), evidence=found))
        assert chart is not None
        assert chart.control == chart.no_effect
        assert "control measured 0.5" in chart.words
