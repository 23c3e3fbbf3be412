"""The learning rate."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from glasshouse.errors import InputError
from glasshouse.training import ScheduleConfig, learning_rate

SHAPES = st.sampled_from(["cosine", "constant", "wsd"])


class TestLearningRate:
    def test_rises_linearly_to_the_peak(self):
        """Three steps of warm-up climb a quarter of the peak each; the fourth step has it all."""
        schedule = ScheduleConfig(peak_lr=4.0, warmup_steps=3, shape="constant")
        assert [learning_rate(schedule, s, 100) for s in range(5)] == [1.0, 2.0, 3.0, 4.0, 4.0]

    def test_is_half_way_down_a_cosine_at_its_middle(self):
        """Without warm-up, step 50 of 100 ends the first half: the mean of peak and floor."""
        schedule = ScheduleConfig(peak_lr=2.0, warmup_steps=0, final_fraction=0.5)
        assert learning_rate(schedule, 49, 100) == pytest.approx(1.5)

    def test_stays_level_and_then_descends_in_wsd(self):
        """The last fifth of 10 steps descends: full until step 8, then two equal steps."""
        schedule = ScheduleConfig(peak_lr=1.0, warmup_steps=0, shape="wsd", final_fraction=0.0)
        rates = [learning_rate(schedule, s, 10) for s in range(10)]
        assert rates == pytest.approx([1.0] * 8 + [0.5, 0.0])

    @settings(deadline=None)
    @given(SHAPES, st.integers(1, 500), st.integers(0, 600), st.floats(0, 1), st.floats(0, 1))
    def test_stays_between_nothing_and_the_peak(self, shape, steps, warmup, final, decay):
        """Whatever the settings, no step overshoots, and the last has the final fraction."""
        schedule = ScheduleConfig(
            peak_lr=3.0,
            warmup_steps=warmup,
            shape=shape,
            final_fraction=final,
            decay_fraction=decay,
        )
        rates = [learning_rate(schedule, s, steps) for s in range(steps)]
        assert all(0 <= rate <= 3.0 + 1e-12 for rate in rates)
        if shape == "cosine" or (shape == "wsd" and decay > 0):
            assert rates[-1] == pytest.approx(3.0 * final)


class TestScheduleConfig:
    @pytest.mark.parametrize(
        "wrong",
        [
            {"peak_lr": 0.0},
            {"peak_lr": math.inf},
            {"warmup_steps": -1},
            {"final_fraction": 1.5},
            {"decay_fraction": -0.1},
        ],
    )
    def test_refuses_what_is_no_schedule(self, wrong):
        """The message names the field, so that `--set` can be corrected."""
        with pytest.raises(InputError, match=next(iter(wrong))):
            ScheduleConfig(**wrong)
